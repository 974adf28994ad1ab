"""The credits page in words: what is left and in which lots, what can be bought, and the ledger a page at a time."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlmodel import Session

from models import AutoTopUp, EntryKind
from services import wording
from services.credits.entry_words import KIND_WORDS, LOT_WORDS, word_entries
from services.credits.ledger import LedgerFilter, count_entries, read_ledger
from services.credits.lot_views import LotStanding, PoolLots, read_pool_lots
from services.price_books.plans import Plan, TopUp
from services.rules.money import minor_digits
from services.rules.quantities import plain, plain_micro
from services.tenants import read_tenant
from services.top_ups.automatic import list_auto_top_ups
from services.usage.wording import counted_micro

ENTRIES_SHOWN = 25
KINDS = tuple((kind.value, word) for kind, word in KIND_WORDS.items())


@dataclass(frozen=True)
class LotView:
    """A lot. `order` is its place in the order of spending, "" where it is not spent now; `rest` what else left it."""

    id: str
    name: str
    detail: str
    granted: str
    spent: str
    rest: str
    left: str
    until: str
    order: str
    is_next: bool
    invoice_id: str


@dataclass(frozen=True)
class PackView:
    """A pack on offer beside one subscription."""

    subscription_id: str
    code: str
    name: str
    price: str
    each: str
    lasts: str


@dataclass(frozen=True)
class OrderView:
    """What is bought by itself of a pool; `typed` is what its form begins with: threshold, times, amount."""

    is_on: bool = False
    sentence: str = ""
    problem: str = ""
    pack: str = ""
    threshold: str = ""
    times: str = ""
    amount: str = ""


@dataclass(frozen=True)
class PoolCreditsView:
    """A pool of one subscription. `key` names both."""

    key: str
    subscription_id: str
    pool: str
    name: str
    plan: str
    remaining: str
    unit: str
    held: str
    note: str
    lots: tuple[LotView, ...]
    packs: tuple[PackView, ...]
    pack_names: tuple[tuple[str, str], ...]
    order: OrderView


@dataclass(frozen=True)
class EntryView:
    """One change. `receipt` and `invoice_id` are where it leads, "" for nowhere."""

    seq: int
    when: str
    kind: str
    is_gain: bool
    pool: str
    credits: str
    balance: str
    why: str
    receipt: str
    invoice_id: str


@dataclass(frozen=True)
class CreditsView:
    """The pools, and one page of the ledger; `last` is the number of its last entry where there are older ones."""

    pools: tuple[PoolCreditsView, ...] = ()
    pool_choices: tuple[tuple[str, str], ...] = ()
    changes: tuple[EntryView, ...] = ()
    shown: str = ""
    last: int = 0


EMPTY_CREDITS = CreditsView()


def read_credits_page(
    session: Session,
    *,
    tenant_id: str,
    at: datetime,
    pool: str = "",
    kind: str = "",
    before_seq: int = 0,
    seen: int = 0,
) -> CreditsView:
    """Everything the page shows. `pool` and `kind` narrow the ledger, "" for all; `seen` entries came before."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    found = read_pool_lots(session, tenant_id=tenant_id, at=at)
    names = {each.pool: each.plan.pools[each.pool].name for each in found if each.pool in each.plan.pools}
    kinds = {known.value: known for known in EntryKind}
    wanted = LedgerFilter(pool=pool if pool in names else None, kind=kinds.get(kind))
    page = read_ledger(
        session, tenant_id=tenant_id, wanted=wanted, limit=ENTRIES_SHOWN + 1, before_seq=before_seq or None
    )
    entries = page[:ENTRIES_SHOWN]
    words = word_entries(session, tenant_id=tenant_id, entries=entries, timezone=tenant.timezone)
    count = count_entries(session, tenant_id=tenant_id, wanted=wanted)
    return CreditsView(
        pools=tuple(_pool(session, each, timezone=tenant.timezone) for each in found),
        pool_choices=tuple(names.items()),
        changes=tuple(
            EntryView(
                seq=each.entry.seq,
                when=wording.moment(each.entry.at, tenant.timezone),
                kind=KIND_WORDS[each.entry.kind],
                is_gain=each.entry.delta_micro > 0,
                pool=names.get(each.lot.pool, each.lot.pool),
                credits=f"{'+' if each.entry.delta_micro > 0 else ''}{wording.micro(each.entry.delta_micro)}",
                balance=wording.micro(each.balance_micro),
                why=why.words,
                receipt="" if why.receipt is None else str(why.receipt),
                invoice_id=why.invoice_id or "",
            )
            for each, why in zip(entries, words, strict=True)
        ),
        shown=f"{seen + 1:,}–{seen + len(entries):,} of {count:,}" if entries else "",
        last=entries[-1].entry.seq if len(page) > ENTRIES_SHOWN else 0,
    )


def _pool(session: Session, found: PoolLots, *, timezone: str) -> PoolCreditsView:
    subscription, plan = found.subscription, found.plan
    pool = plan.pools.get(found.pool)
    unit = "credit" if pool is None else pool.unit
    runs = subscription.canceled_at is None
    packs = [pack for pack in plan.top_ups.values() if pack.pool == found.pool] if runs else []
    orders = list_auto_top_ups(session, tenant_id=subscription.tenant_id, subscription_id=subscription.id)
    order = next((each for each in orders if each.pool == found.pool), None)
    held_micro = 0 if found.balance is None else found.balance.held_micro
    return PoolCreditsView(
        key=f"{subscription.id}:{found.pool}",
        subscription_id=subscription.id,
        pool=found.pool,
        name=found.pool if pool is None else pool.name,
        plan=f"{plan.name}, {subscription.name}" if subscription.name else plan.name,
        remaining=wording.micro(found.remaining_micro),
        unit=wording.plural(unit),
        held=f"{wording.micro(held_micro)} more on hold" if held_micro else "",
        note="" if runs else "This subscription has ended. What is left here moves to your next one with this pool.",
        lots=tuple(_lot(each, unit, timezone) for each in found.lots),
        packs=tuple(_pack(subscription.id, pack, plan) for pack in packs),
        pack_names=tuple((pack.code, pack.name) for pack in packs),
        order=_order(order, plan, timezone),
    )


def _lot(standing: LotStanding, unit: str, timezone: str) -> LotView:
    lot = standing.lot
    rest = (
        (lot.expired_micro, "expired"),
        (lot.transferred_micro, "moved"),
        (lot.revoked_micro, "taken back"),
        (standing.returned_micro, "returned, taken off what was spent"),
        (standing.held_micro, "on hold"),
    )
    since = wording.moment_day(lot.effective_at, timezone)
    order = "" if standing.place is None else "Spent next" if standing.place == 1 else f"No. {standing.place}"
    return LotView(
        id=lot.id,
        name=LOT_WORDS[lot.kind],
        detail=lot.reason or f"Since {since}",
        granted=counted_micro(lot.granted_micro, unit),
        spent=wording.micro(lot.spent_micro),
        rest=", ".join(f"{wording.micro(micro)} {word}" for micro, word in rest if micro),
        left=wording.micro(lot.remaining_micro),
        until="No end" if lot.expires_at is None else wording.moment(lot.expires_at, timezone),
        order=order,
        is_next=standing.place == 1,
        invoice_id=standing.invoice_id or "",
    )


def _pack(subscription_id: str, pack: TopUp, plan: Plan) -> PackView:
    days = pack.expires_after_days
    each = pack.price / pack.credits
    digits = max(minor_digits(plan.currency), 5)
    return PackView(
        subscription_id=subscription_id,
        code=pack.code,
        name=pack.name,
        price=wording.rate(pack.price, plan.currency),
        each=f"{wording.rate(round(each, digits).normalize(), plan.currency)} per {plan.pools[pack.pool].unit}",
        lasts="Can be spent without end" if days is None else f"To be spent within {days:,} days",
    )


def _order(order: AutoTopUp | None, plan: Plan, timezone: str) -> OrderView:
    if order is None:
        return OrderView()
    pack = plan.top_ups.get(order.pack)
    name = order.pack if pack is None else pack.name
    times = "once" if order.month_count_max == 1 else f"{order.month_count_max} times"
    limit = wording.amount(order.month_minor_max, plan.currency)
    sentence = f"{name} below {wording.micro(order.threshold_micro)}, at most {times} and for {limit} a month"
    rests = "" if order.rests_until is None else wording.moment_day(order.rests_until, timezone)
    problem = order.off_reason or (f"The limit for this month is reached; it goes on on {rests}." if rests else "")
    major = Decimal(order.month_minor_max).scaleb(-minor_digits(plan.currency))
    return OrderView(
        is_on=order.is_on,
        sentence=sentence,
        problem=problem,
        pack=order.pack,
        threshold=plain_micro(order.threshold_micro),
        times=str(order.month_count_max),
        amount=plain(major),
    )
