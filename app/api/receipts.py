"""/v1/receipts: the customer's log, what proves it, bundles to keep, and checking one. And the public checkpoint."""

from typing import Annotated, Any, Final

from fastapi import Path, Query
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from app import unit_of_work
from app.api.bundles import BUNDLE, LINES_TYPE, ZIPPED_TYPE, Form, Since, send_bundle
from app.api.commands import Command, command
from app.api.credentials import needs, tenant_of
from app.api.documentation import PUBLIC, READ, WRITE, body_of, problems
from app.api.exact_route import CHECKPOINT_PATH, api_router
from app.api.json_body import JSON_TYPE, BodyRules, accepts
from app.api.listing import LIMIT_DEFAULT, SEQ_MAX, Cursor, Limit, TenantQuery, read_seq, write_cursor
from app.api.schemas.receipts import (
    ConsistencyShown,
    KeptReceiptShown,
    ProvenReceiptShown,
    ReceiptPage,
    VerdictShown,
)
from app.api.schemas.values import ID_PATTERN
from services.api_keys import Principal
from services.bundles import exports, uploads
from services.bundles.exports import Export
from services.database import Session
from services.errors import BundleRefused, Unprocessable
from services.receipts import log_proofs
from services.receipts import reading as receipts
from services.receipts.signature_checks import PublishedKey, read_jwks
from services.receipts.signing_keys import jwks
from services.rules.receipts import written

router = api_router("", "Receipts")

CHECKPOINT_CACHE: Final = "public, max-age=10"
"""Ten seconds: who watches a log sees it grow, and many who ask at once are one."""

Seq = Annotated[int, Path(ge=1, le=SEQ_MAX)]
SeqQuery = Annotated[int | None, Query(ge=1, le=SEQ_MAX)]
TraceId = Annotated[str, Path(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
TraceQuery = Annotated[str | None, Query(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]


@router.get("/v1/receipts", responses=problems(READ))
async def list_receipts(
    *,
    tenant_id: TenantQuery = None,
    trace_id: TraceQuery = None,
    seq: SeqQuery = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    caller: Principal = needs("receipts:read"),
) -> ReceiptPage:
    """The receipts, newest first, from number `seq` down where it is given; or the steps of a trace, from its first."""
    tenant = await tenant_of(caller, named=tenant_id)
    if trace_id is not None and seq is not None:
        raise Unprocessable("Ask for a trace, or for receipts from a number down; not for both.", field="seq")
    after = read_seq(cursor)

    def show(session: Session) -> ReceiptPage:
        if trace_id is not None:
            steps = receipts.list_trace(
                session, tenant_id=tenant, trace_id=trace_id, limit=limit, after_hop=min(after or 0, 2**31 - 1)
            )
            shown = [KeptReceiptShown.of(step) for step in steps]
            return _page(shown, limit, last=shown[-1].document["hop"] if shown else None)
        before = after or (None if seq is None else seq + 1)
        found = receipts.list_receipts(
            session, tenant_id=tenant, limit=limit, before_seq=None if before is None else min(before, SEQ_MAX)
        )
        return _page([KeptReceiptShown.of(receipt) for receipt in found], limit, last=found[-1].seq if found else None)

    return await unit_of_work.read(show)


@router.get("/v1/receipts/consistency", responses=problems(READ))
async def prove_consistency(
    from_size: Annotated[int, Query(ge=1, le=SEQ_MAX, description="The size of a checkpoint you kept.")],
    tenant_id: TenantQuery = None,
    caller: Principal = needs("receipts:read"),
) -> ConsistencyShown:
    """The proof that the log has only grown since it had `from_size` receipts."""
    tenant = await tenant_of(caller, named=tenant_id)

    def show(session: Session) -> ConsistencyShown:
        head = receipts.read_head(session, tenant_id=tenant)
        proof = log_proofs.prove_consistency(session, tenant_id=tenant, from_size=from_size, size=head.size)
        hashes = [written(hashed) for hashed in proof]
        return ConsistencyShown(from_size=from_size, size=head.size, hashes=hashes, checkpoint=head.checkpoint)

    return await unit_of_work.read(show)


@router.get("/v1/receipts/export", response_class=Response, responses=problems((*READ, 413)) | BUNDLE)
async def export_range(
    *,
    request: Request,
    from_seq: Annotated[int, Query(ge=1, le=SEQ_MAX)] = 1,
    to_seq: Annotated[int | None, Query(ge=1, le=SEQ_MAX, description="The newest, if left out.")] = None,
    since: Since = None,
    form: Form = None,
    tenant_id: TenantQuery = None,
    caller: Principal = needs("receipts:read"),
) -> Response:
    """A bundle of the receipts from one number to another, to be kept and checked offline."""
    tenant = await tenant_of(caller, named=tenant_id)
    at = await unit_of_work.now_of(tenant)

    def prepare(session: Session) -> Export:
        return exports.prepare_range(session, tenant_id=tenant, first_seq=from_seq, last_seq=to_seq, since=since, at=at)

    return await send_bundle(request, prepare, form)


@router.get("/v1/receipts/export/{trace_id:path}", response_class=Response, responses=problems((*READ, 413)) | BUNDLE)
async def export_trace(
    *,
    request: Request,
    trace_id: TraceId,
    since: Since = None,
    form: Form = None,
    tenant_id: TenantQuery = None,
    caller: Principal = needs("receipts:read"),
) -> Response:
    """A bundle of all steps of a trace, each with its own proof."""
    tenant = await tenant_of(caller, named=tenant_id)
    at = await unit_of_work.now_of(tenant)

    def prepare(session: Session) -> Export:
        return exports.prepare_trace(session, tenant_id=tenant, trace_id=trace_id, since=since, at=at)

    return await send_bundle(request, prepare, form)


@router.post(
    "/v1/receipts/verify",
    responses=problems(WRITE),
    openapi_extra=body_of(
        (JSON_TYPE, {"type": "object", "properties": {}, "description": "A bundle as one document."}),
        (LINES_TYPE, {"type": "string", "description": "A bundle as JSON lines."}),
        (ZIPPED_TYPE, {"type": "string", "format": "binary", "description": "The same, gzip."}),
    ),
)
@accepts(BodyRules(uploads.UPLOAD_BYTES_MAX, (JSON_TYPE, LINES_TYPE, ZIPPED_TYPE), is_parsed=False))
async def verify_bundle(request: Request, asked: Command = command("receipts:read")) -> VerdictShown:
    """Check a bundle with our published keys. Nothing of it is kept, so an Idempotency-Key changes nothing.

    To check us as well, do it yourself: `tallystick verify`, or verify.html, needs no network and takes keys you kept.
    """
    data = await request.body()
    if not data:
        raise Unprocessable("Send the bundle as the body.", field="body")
    keys = await unit_of_work.read(_published_keys)
    try:
        return VerdictShown.found(await unit_of_work.work(uploads.verify_upload, data, keys=keys))
    except BundleRefused as refusal:
        return VerdictShown.refused(refusal)


@router.get("/v1/receipts/{seq}", responses=problems(READ))
async def read_receipt(
    seq: Seq, tenant_id: TenantQuery = None, caller: Principal = needs("receipts:read")
) -> ProvenReceiptShown:
    """One receipt, and the proof that it is in the log whose signed checkpoint comes with it."""
    tenant = await tenant_of(caller, named=tenant_id)

    def show(session: Session) -> ProvenReceiptShown:
        found = receipts.find_receipt(session, tenant_id=tenant, seq=seq)
        head = receipts.read_head(session, tenant_id=tenant)
        proof = log_proofs.prove_inclusion(session, tenant_id=tenant, seq=seq, size=head.size)
        return ProvenReceiptShown.proven(found, head=head, proof=proof)

    return await unit_of_work.read(show)


@router.get(
    CHECKPOINT_PATH,
    response_class=PlainTextResponse,
    responses=problems((404, 422, *PUBLIC)),
)
async def read_checkpoint(tenant_id: Annotated[str, Path(pattern=ID_PATTERN)]) -> Response:
    """The head of a customer's log: a C2SP signed note of its size and root. Keep one: any later log must contain it.

    Public, as who watches a log need not be its owner; it says how many receipts there are, and nothing of them.
    """
    head = await unit_of_work.read(receipts.read_head, tenant_id=tenant_id)
    return PlainTextResponse(head.checkpoint, headers={"Cache-Control": CHECKPOINT_CACHE})


def _published_keys(session: Session) -> dict[str, PublishedKey]:
    return read_jwks(jwks(session))


def _page(shown: list[KeptReceiptShown], limit: int, *, last: Any) -> ReceiptPage:
    return ReceiptPage(receipts=shown, next_cursor=write_cursor(last) if len(shown) == limit else None)
