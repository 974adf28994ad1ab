"""/v1/credits: what is left in which lots, why it changed, and buying more, by hand or by itself."""

from typing import Annotated

from fastapi import Path, Query
from starlette.responses import Response, StreamingResponse

from app import unit_of_work
from app.api.commands import Command, command
from app.api.credentials import needs, tenant_of
from app.api.documentation import READ, WRITE, problems
from app.api.exact_route import api_router
from app.api.listing import (
    LIMIT_DEFAULT,
    Cursor,
    Limit,
    SubscriptionQuery,
    TenantQuery,
    read_seq,
    read_text,
    write_cursor,
)
from app.api.schemas.credits import CreditsShown, EntryShown, LedgerShown, PoolShown
from app.api.schemas.top_ups import (
    AutoTopUpBody,
    AutoTopUpShown,
    AutoTopUpsShown,
    PackShown,
    TopUpBody,
    TopUpShown,
    TopUpsShown,
)
from app.payment_jobs import work_is_there
from models import EntryKind, Invoice
from services.api_keys import Principal
from services.credits.entry_words import word_entries
from services.credits.ledger import LedgerFilter, read_ledger
from services.credits.ledger_csv import ledger_csv
from services.credits.lot_views import read_pool_lots
from services.database import Session, reading
from services.subscriptions.finding import read_subscription
from services.tenants import read_tenant
from services.top_ups import automatic as auto_top_ups
from services.top_ups import buying as top_ups
from services.top_ups import purchases as top_up_purchases
from services.top_ups.automatic import AutoTopUpTerms

router = api_router("/v1/credits", "Credits")

CODE = r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$"
PoolQuery = Annotated[str | None, Query(pattern=CODE, description="One pool only.")]
KindQuery = Annotated[EntryKind | None, Query(description="One kind of change only.")]
LotQuery = Annotated[str | None, Query(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="One lot only.")]
PoolPath = Annotated[str, Path(pattern=CODE)]


@router.get("", responses=problems(READ))
async def read_credits(
    tenant_id: TenantQuery = None, caller: Principal = needs("billing:read", "billing:write")
) -> CreditsShown:
    """What is left in each pool, lot by lot in the order they are spent in."""
    tenant = await tenant_of(caller, named=tenant_id)
    pools = await unit_of_work.read(read_pool_lots, tenant_id=tenant, at=unit_of_work.now())
    return CreditsShown(pools=[PoolShown.of(each) for each in pools])


@router.get("/ledger", responses=problems(READ))
async def list_ledger(
    *,
    tenant_id: TenantQuery = None,
    subscription_id: SubscriptionQuery = None,
    pool: PoolQuery = None,
    kind: KindQuery = None,
    lot_id: LotQuery = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    caller: Principal = needs("billing:read", "billing:write"),
) -> LedgerShown:
    """Every change of the credits, newest first, each with why it came about and the balance it left."""
    tenant = await tenant_of(caller, named=tenant_id, subscription_id=subscription_id)
    wanted = LedgerFilter(subscription_id, pool, kind, lot_id)
    before_seq = read_seq(cursor)

    def show(session: Session) -> LedgerShown:
        found = read_ledger(session, tenant_id=tenant, wanted=wanted, limit=limit, before_seq=before_seq)
        timezone = read_tenant(session, tenant_id=tenant).timezone
        words = word_entries(session, tenant_id=tenant, entries=found, timezone=timezone)
        return LedgerShown(
            entries=[EntryShown.of(each, why) for each, why in zip(found, words, strict=True)],
            next_cursor=write_cursor(found[-1].entry.seq) if len(found) == limit else None,
        )

    return await unit_of_work.read(show)


@router.get("/ledger.csv", response_class=Response, responses=problems(READ))
async def download_ledger(
    *,
    tenant_id: TenantQuery = None,
    subscription_id: SubscriptionQuery = None,
    pool: PoolQuery = None,
    kind: KindQuery = None,
    lot_id: LotQuery = None,
    caller: Principal = needs("billing:read", "billing:write"),
) -> Response:
    """The same as one CSV file: the newest 100,000 changes."""
    tenant = await tenant_of(caller, named=tenant_id, subscription_id=subscription_id)
    return await send_ledger(tenant, LedgerFilter(subscription_id, pool, kind, lot_id))


async def send_ledger(tenant_id: str, wanted: LedgerFilter) -> Response:
    """The ledger of a customer as a download."""
    timezone = (await unit_of_work.read(read_tenant, tenant_id=tenant_id)).timezone
    pieces = ledger_csv(reading, tenant_id=tenant_id, wanted=wanted, timezone=timezone)
    headers = {"Content-Disposition": 'attachment; filename="credits.csv"', "Cache-Control": "no-store"}
    return StreamingResponse(pieces, media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/top-ups", responses=problems(READ))
async def list_top_ups(
    *,
    tenant_id: TenantQuery = None,
    subscription_id: SubscriptionQuery = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    caller: Principal = needs("billing:read", "billing:write"),
) -> TopUpsShown:
    """The packs that are sold with the plan, and what was bought, newest first."""
    tenant = await tenant_of(caller, named=tenant_id, subscription_id=subscription_id)
    after_id = read_text(cursor)

    def show(session: Session) -> TopUpsShown:
        packs = top_ups.packs_for(session, tenant_id=tenant, subscription_id=subscription_id)
        before = None
        if after_id is not None:
            before = top_up_purchases.read_purchase(session, tenant_id=tenant, purchase_id=after_id)
        page = top_up_purchases.list_purchases(session, tenant_id=tenant, limit=limit + 1, before=before)
        return TopUpsShown(
            packs=[PackShown.of(pack) for pack in packs],
            purchases=[
                TopUpShown.of(each, session.get_one(Invoice, (tenant, each.invoice_id))) for each in page[:limit]
            ],
            next_cursor=write_cursor(page[limit - 1].id) if len(page) > limit else None,
        )

    return await unit_of_work.read(show)


@router.post("/top-ups", status_code=201, response_model=TopUpShown, responses=problems(WRITE))
async def buy_top_up(body: TopUpBody, asked: Command = command("billing:write")) -> Response:
    """Buy packs of credits, with an invoice of their own. The lot is granted when it is paid.

    Who pays by invoice has it at once, as long as nothing is late.
    """
    tenant_id = await asked.tenant(named=body.tenant_id, subscription_id=body.subscription_id)
    wanted = {"tenant_id": tenant_id, "subscription_id": body.subscription_id, "at": asked.at}

    def act(session: Session) -> TopUpShown:
        if body.preview:
            quote = top_ups.quote_top_up(session, pack=body.pack, quantity=body.quantity, **wanted)
            return TopUpShown.of_quote(quote)
        made = top_ups.buy_top_up(session, pack=body.pack, quantity=body.quantity, by=asked.caller.key_id, **wanted)
        return TopUpShown.of(made, session.get_one(Invoice, (tenant_id, made.invoice_id)))

    answer = await asked.carry_out(tenant_id, act, status=200 if body.preview else 201)
    work_is_there()
    return answer


@router.get("/auto-top-ups", responses=problems(READ))
async def list_auto_top_ups(
    tenant_id: TenantQuery = None,
    subscription_id: SubscriptionQuery = None,
    caller: Principal = needs("billing:read", "billing:write"),
) -> AutoTopUpsShown:
    """What is bought by itself, by pool."""
    tenant = await tenant_of(caller, named=tenant_id, subscription_id=subscription_id)

    def show(session: Session) -> AutoTopUpsShown:
        subscription = read_subscription(session, tenant_id=tenant, subscription_id=subscription_id)
        orders = auto_top_ups.list_auto_top_ups(session, tenant_id=tenant, subscription_id=subscription.id)
        currency = read_tenant(session, tenant_id=tenant).currency
        return AutoTopUpsShown(auto_top_ups=[AutoTopUpShown.of(order, currency) for order in orders])

    return await unit_of_work.read(show)


@router.put("/auto-top-ups/{pool}", responses=problems(WRITE))
async def set_auto_top_up(
    pool: PoolPath, body: AutoTopUpBody, caller: Principal = needs("billing:write")
) -> AutoTopUpShown:
    """Have a pack bought whenever less than the threshold is left, within the limits of a calendar month."""
    tenant = await tenant_of(caller, named=body.tenant_id, subscription_id=body.subscription_id)
    at = await unit_of_work.now_of(tenant)
    terms = AutoTopUpTerms(
        pack=body.pack,
        quantity=body.quantity,
        threshold=body.threshold,
        month_count_max=body.month_count_max,
        month_amount_max=body.month_amount_max,
    )

    def act(session: Session) -> AutoTopUpShown:
        order = auto_top_ups.set_auto_top_up(
            session,
            tenant_id=tenant,
            subscription_id=body.subscription_id,
            pool=pool,
            terms=terms,
            by=caller.key_id,
            at=at,
        )
        return AutoTopUpShown.of(order, read_tenant(session, tenant_id=tenant).currency)

    return await unit_of_work.run(act)


@router.delete("/auto-top-ups/{pool}", responses=problems(WRITE))
async def stop_auto_top_up(
    pool: PoolPath,
    tenant_id: TenantQuery = None,
    subscription_id: SubscriptionQuery = None,
    caller: Principal = needs("billing:write"),
) -> AutoTopUpShown:
    """Buy nothing more by itself."""
    tenant = await tenant_of(caller, named=tenant_id, subscription_id=subscription_id)
    at = await unit_of_work.now_of(tenant)

    def act(session: Session) -> AutoTopUpShown:
        order = auto_top_ups.stop_auto_top_up(
            session,
            tenant_id=tenant,
            subscription_id=subscription_id,
            pool=pool,
            by=caller.key_id,
            at=at,
        )
        return AutoTopUpShown.of(order, read_tenant(session, tenant_id=tenant).currency)

    return await unit_of_work.run(act)
