"""Bundles cut from the stored log: a range of receipts, what an invoice rests on, the steps of a trace.

An export is prepared in one short read, which fixes what it says. Its receipts are read afterwards, page by page: what
a checkpoint covers never changes, so nothing is held open however long it takes.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlmodel import Session

from models import Receipt, TraceHop, table_of
from services.bundles.contents import rated_plans, stored_signatures, used_keys
from services.bundles.headers import FORMAT, HEADER_BYTES_MAX, header_line
from services.bundles.writing import bundle_document, bundle_lines
from services.errors import NotFound, TooLarge, Unprocessable
from services.gateways.signing import Signer
from services.invoices.finding import read_invoice
from services.invoices.numbers import invoice_number
from services.receipts.log_proofs import prove_consistency, prove_inclusions, read_subtrees
from services.receipts.reading import Head, find_receipt, read_head
from services.receipts.signing_keys import active_signer
from services.rules.log_ranges import after_places, before_places
from services.rules.merkle import Place
from services.rules.receipts import written, written_time

DOCUMENT_RECEIPTS_MAX = 1_000
"""Of a bundle written as one JSON document where nobody asked for JSON lines."""

TRACE_STEPS_MAX = 5_000
"""Of a trace in one bundle: each step brings a proof of its own in the header."""

PAGE_RECEIPTS = 2_000
ZIP_LEVEL = 6

Reading = Callable[[], AbstractContextManager[Session]]


@dataclass(frozen=True, slots=True)
class Export:
    """A bundle about to be written: its header, who signs it, and the numbers of its receipts.

    `seqs` are every one of a trace; of a range the first and the last. `name` is for a file.
    """

    tenant_id: str
    header: dict[str, Any]
    signer: Signer
    seqs: tuple[int, int] | list[int]
    name: str

    @property
    def count(self) -> int:
        return int(self.header["count"])


def prepare_range(
    session: Session, *, tenant_id: str, first_seq: int, last_seq: int | None, at: datetime, since: int | None = None
) -> Export:
    """The receipts `first_seq` to `last_seq`, or to the end of the log, against its checkpoint.

    `since` is a size of the log from which the bundle shall prove that it only grew. Raises NotFound before the first
    receipt, and Unprocessable for numbers the log does not have.
    """
    head = read_head(session, tenant_id=tenant_id)
    last = head.size if last_seq is None else last_seq
    if not 1 <= first_seq <= last:
        raise Unprocessable("The first receipt is numbered 1 or more, and not after the last.", field="from_seq")
    if last > head.size:
        raise Unprocessable(f"The log has {head.size:,} receipts; the last is not among them.", field="to_seq")
    name = f"receipts-{first_seq}-{last}"
    return _range_export(session, tenant_id, head, (first_seq, last), at=at, since=since, name=name, kind="range")


def prepare_invoice(
    session: Session, *, tenant_id: str, invoice_id: str, at: datetime, since: int | None = None
) -> Export:
    """Everything an invoice rests on: the receipts from the first it sums, or that approved it, to its own.

    Raises NotFound.
    """
    document = read_invoice(session, tenant_id=tenant_id, invoice_id=invoice_id)
    invoice = document.invoice
    if invoice.receipt_seq is None:
        raise NotFound("A draft has no receipt yet.", field="invoice_id")
    own = find_receipt(session, tenant_id=tenant_id, seq=invoice.receipt_seq).document
    rests_on = [part["usage"]["first_seq"] for part in (own, *own["lines"]) if "usage" in part]
    rests_on += [line["sources"]["approval"]["seq"] for line in own["lines"] if line["kind"] == "gain_share"]
    first = min(rests_on, default=invoice.receipt_seq)
    head = read_head(session, tenant_id=tenant_id)
    return _range_export(
        session,
        tenant_id,
        head,
        (first, invoice.receipt_seq),
        at=at,
        since=since,
        name=invoice_number(invoice) or invoice.id,
        kind="invoice",
        invoice_seq=invoice.receipt_seq,
    )


def prepare_trace(session: Session, *, tenant_id: str, trace_id: str, at: datetime, since: int | None = None) -> Export:
    """All steps of a trace, each with its proof. Raises NotFound, and TooLarge beyond TRACE_STEPS_MAX."""
    steps = {"tenant": tenant_id, "trace": trace_id}
    seqs = list(session.execute(_steps, steps).scalars())
    if not seqs:
        raise NotFound("There is no such trace.", field="trace_id")
    if len(seqs) > TRACE_STEPS_MAX:
        raise TooLarge(f"This trace has more than {TRACE_STEPS_MAX:,} steps; export them as a range of receipts.")
    head = read_head(session, tenant_id=tenant_id)
    proofs = prove_inclusions(session, tenant_id=tenant_id, seqs=seqs, size=head.size)
    own = {"kind": "trace", "trace_id": trace_id, "proofs": [_written_all(proof) for proof in proofs]}
    return _export(session, tenant_id, head, seqs, own, count=len(seqs), at=at, since=since, name="trace")


def export_document(session: Session, *, export: Export) -> bytes:
    """The bundle as one signed JSON document. Raises TooLarge for more than DOCUMENT_RECEIPTS_MAX receipts."""
    if export.count > DOCUMENT_RECEIPTS_MAX:
        raise TooLarge(f"More than {DOCUMENT_RECEIPTS_MAX:,} receipts are written as JSON lines; ask for form=jsonl.")
    receipts = (data for seqs in _pages(export) for data in _page(session, export.tenant_id, seqs))
    return bundle_document(export.header, receipts, export.signer)


def export_lines(export: Export, reading: Reading) -> Iterator[bytes]:
    """The bundle as signed JSON lines, in chunks. `reading` opens the short reads that its receipts come from."""
    return bundle_lines(export.header, _receipts(export, reading), export.signer)


def zipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same, gzip."""
    packer = zlib.compressobj(ZIP_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    for chunk in chunks:
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush()


def _range_export(
    session: Session,
    tenant_id: str,
    head: Head,
    seqs: tuple[int, int],
    *,
    at: datetime,
    since: int | None,
    name: str,
    **own: Any,
) -> Export:
    first, last = seqs
    before, after = before_places(first - 1), after_places(last, head.size)
    subtrees = read_subtrees(session, tenant_id=tenant_id, places=[*before, *after])

    def hashes(places: Sequence[Place]) -> list[str]:
        return _written_all([subtrees[place] for place in places])

    own["range"] = {"first_seq": first, "last_seq": last, "before": hashes(before), "after": hashes(after)}
    return _export(session, tenant_id, head, seqs, own, count=last - first + 1, at=at, since=since, name=name)


def _export(
    session: Session,
    tenant_id: str,
    head: Head,
    seqs: tuple[int, int] | list[int],
    own: dict[str, Any],
    *,
    count: int,
    at: datetime,
    since: int | None,
    name: str,
) -> Export:
    signer = active_signer(session)
    signatures = stored_signatures(session, tenant_id=tenant_id, seqs=seqs)
    kids = {head.kid, signer.kid} | {signature["kid"] for signature in signatures.values()}
    keys, rotations = used_keys(session, kids=kids)
    header: dict[str, Any] = {
        "format": FORMAT,
        "iss": head.iss,
        "tenant": tenant_id,
        "origin": head.origin,
        "created": written_time(at),
        "count": count,
        "checkpoint": head.checkpoint,
        "keys": keys,
        "rotations": rotations,
        "signatures": signatures,
        "plans": rated_plans(session, tenant_id=tenant_id),
    } | own
    if since is not None:
        grown = prove_consistency(session, tenant_id=tenant_id, from_size=since, size=head.size)
        header["consistency"] = {"size": since, "hashes": _written_all(grown)}
    if len(header_line(header)) > HEADER_BYTES_MAX:
        raise TooLarge("What proves these receipts is too large for one bundle; ask for fewer at once.")
    return Export(tenant_id, header, signer, seqs, name)


def _pages(export: Export) -> Iterator[Sequence[int]]:
    seqs = range(export.seqs[0], export.seqs[1] + 1) if isinstance(export.seqs, tuple) else export.seqs
    return (seqs[start : start + PAGE_RECEIPTS] for start in range(0, len(seqs), PAGE_RECEIPTS))


def _receipts(export: Export, reading: Reading) -> Iterator[bytes]:
    for seqs in _pages(export):
        with reading() as session:
            page = _page(session, export.tenant_id, seqs)
        yield from page


def _page(session: Session, tenant_id: str, seqs: Sequence[int]) -> list[bytes]:
    if isinstance(seqs, range):
        asked = {"tenant": tenant_id, "first": seqs[0], "last": seqs[-1]}
        return [bytes(data) for data in session.execute(_stretch, asked).scalars()]
    return [bytes(data) for data in session.execute(_several, {"tenant": tenant_id, "seqs": seqs}).scalars()]


def _written_all(hashes: Iterable[bytes]) -> list[str]:
    return [written(hashed) for hashed in hashes]


_c, _hops = table_of(Receipt).c, table_of(TraceHop).c
_of_tenant = select(_c.data).where(_c.tenant_id == bindparam("tenant")).order_by(_c.seq)
_stretch = _of_tenant.where(_c.seq.between(bindparam("first"), bindparam("last")))
_several = _of_tenant.where(_c.seq.in_(bindparam("seqs", expanding=True)))
_steps = (
    select(_hops.seq)
    .where(_hops.tenant_id == bindparam("tenant"), _hops.trace_id == bindparam("trace"))
    .order_by(_hops.hop)
    .limit(TRACE_STEPS_MAX + 1)
)
"""Built once: building it costs as much as running it."""
