"""Lots of credits: grant them, load them to be spent, write down what was spent, and let the rest expire."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, update
from sqlmodel import Session, col, or_, select

from models import CreditEntry, CreditGrant, EntryKind, GrantKind, Subscription, TenantHead, table_of
from services.bulk_rows import insert_after, write_held
from services.closing.questions import Question
from services.identifiers import new_id
from services.price_books.plans import Plan
from services.rules.credits import Grant, Wallet
from services.tenants import lock_head

ALLOWANCE_PRIORITY = 10
Window = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Lot:
    """A stored lot as the burn sees it. What has expired counts too: only events of its own time can reach it."""

    grant: Grant
    remaining_micro: int
    expired_micro: int


def grant_allowance(
    session: Session, *, subscription: Subscription, plan: Plan, pool: str, window: Window, at: datetime,
    head: TenantHead | None = None,
) -> None:  # fmt: skip
    """Grant what the plan includes for one window of a pool, once; nothing where it includes nothing.

    `head` as in `add_entry`.
    """
    micro = plan.allowance_micro(pool)
    grant_lot(session, subscription=subscription, pool=pool, window=window, granted_micro=micro, at=at, head=head)


def grant_lot(
    session: Session, *, subscription: Subscription, pool: str, window: Window, granted_micro: int, at: datetime,
    head: TenantHead | None = None,
) -> None:  # fmt: skip
    """Grant an allowance of so many millionths for a window, once; nothing where it is none.

    `head` as in `add_entry`.
    """
    if not granted_micro:
        return
    starts_at, ends_at = window
    source_id = f"allowance:{subscription.id}:{pool}:{starts_at.isoformat()}"
    if source_id in GRANTED.ask(session, subscription.tenant_id, subscription.id, starts_at):
        return
    grant = CreditGrant(
        tenant_id=subscription.tenant_id,
        id=new_id("grant"),
        subscription_id=subscription.id,
        pool=pool,
        kind=GrantKind.ALLOWANCE,
        source_id=source_id,
        priority=ALLOWANCE_PRIORITY,
        granted_micro=granted_micro,
        remaining_micro=granted_micro,
        effective_at=starts_at,
        expires_at=ends_at,
        granted_at=at,
    )
    session.add(grant)
    add_entry(session, grant=grant, kind=EntryKind.GRANT, delta_micro=granted_micro, at=at, head=head)


def load_lots(session: Session, *, tenant_id: str, subscription_id: str, pool: str, since: datetime) -> dict[str, Lot]:
    """Lots that an event at or after `since` could spend, by id."""
    statement = select(CreditGrant).where(
        CreditGrant.tenant_id == tenant_id,
        CreditGrant.subscription_id == subscription_id,
        CreditGrant.pool == pool,
        or_(col(CreditGrant.expires_at).is_(None), col(CreditGrant.expires_at) > since),
    )
    return {row.id: _lot(row) for row in session.exec(statement.execution_options(populate_existing=True))}


def wallet_of(lots: Mapping[str, Lot], held: Mapping[str, int]) -> Wallet:
    """What can be spent of lots, by id, of which some is held."""
    return Wallet(
        replace(lot.grant, remaining_micro=max(0, lot.grant.remaining_micro - held[id])) if id in held else lot.grant
        for id, lot in lots.items()
    )


@dataclass(slots=True)
class LotSpend:
    """What a run of events took from one lot."""

    lot: Lot
    first_seq: int
    last_seq: int
    credits_micro: int

    @property
    def returned_micro(self) -> int:
        """What had expired and a late event spends after all."""
        return max(0, self.credits_micro - self.lot.remaining_micro)

    def left(self) -> Lot:
        """The lot as the spend leaves it."""
        lot, returned = self.lot, self.returned_micro
        return Lot(lot.grant, lot.remaining_micro + returned - self.credits_micro, lot.expired_micro - returned)


def count_entries(spends: Iterable[LotSpend]) -> int:
    """How many entries `write_spends` will write."""
    return sum(2 if spend.returned_micro else 1 for spend in spends)


def write_spends(
    session: Session, *, tenant_id: str, spends: Iterable[LotSpend], first_entry_seq: int, at: datetime
) -> None:
    """Lower the lots and append the entries that say why.

    Where a late event spends what had already expired, a return entry gives it back first.
    """
    entries: list[dict[str, Any]] = []
    balances = []
    for spend in spends:
        lot, left, returned = spend.lot, spend.left(), spend.returned_micro
        changes = [(EntryKind.RETURN, returned)] if returned else []
        for kind, delta in (*changes, (EntryKind.BURN, -spend.credits_micro)):
            entries.append(
                {
                    "tenant_id": tenant_id,
                    "seq": first_entry_seq + len(entries),
                    "grant_id": lot.grant.id,
                    "kind": kind,
                    "delta_micro": delta,
                    "first_seq": spend.first_seq,
                    "last_seq": spend.last_seq,
                    "at": at,
                }
            )
        key = {"tenant": tenant_id, "key": lot.grant.id}
        balances.append(key | {"left": left.remaining_micro, "expired": left.expired_micro})
    if entries:
        session.connection().execute(_add_entries, entries)
        session.connection().execute(_set_balance, balances)


def grant_of(row: CreditGrant) -> Grant:
    """A stored lot as the rules see it."""
    return _lot(row).grant


def expire_window(
    session: Session, *, subscription: Subscription, window: Window, at: datetime, head: TenantHead | None = None
) -> None:
    """End the allowances that began in a closed window: what is left in each expires, with an entry.

    `head` as in `add_entry`.
    """
    starts_at, ends_at = window
    for grant in ALLOWANCES.ask(session, subscription.tenant_id, subscription.id, starts_at, ends_at):
        if grant.expires_at is not None and grant.expires_at > ends_at:
            grant.expires_at = ends_at
        if grant.remaining_micro:
            left, grant.remaining_micro = grant.remaining_micro, 0
            grant.expired_micro += left
            add_entry(session, grant=grant, kind=EntryKind.EXPIRE, delta_micro=-left, at=at, head=head)
    write_held(session)


def add_entry(
    session: Session,
    *,
    grant: CreditGrant,
    kind: EntryKind,
    delta_micro: int,
    at: datetime,
    source_id: str | None = None,
    reason: str | None = None,
    head: TenantHead | None = None,
) -> None:
    """Append why a stored lot changed, under the lock on the tenant's head: `head` where the caller has locked it."""
    head = head or lock_head(session, tenant_id=grant.tenant_id)
    assert head.tenant_id == grant.tenant_id
    head.last_entry_seq += 1
    entry = {
        "tenant_id": grant.tenant_id,
        "seq": head.last_entry_seq,
        "grant_id": grant.id,
        "kind": kind,
        "delta_micro": delta_micro,
        "source_id": source_id,
        "reason": reason,
        "at": at,
    }
    insert_after(session, table_of(CreditEntry), entry)


def _lot(row: CreditGrant) -> Lot:
    grant = Grant(
        id=row.id,
        kind=row.kind,
        priority=row.priority,
        effective_at=row.effective_at,
        expires_at=row.expires_at,
        granted_at=row.granted_at,
        remaining_micro=row.remaining_micro + row.expired_micro,
    )
    return Lot(grant, row.remaining_micro, row.expired_micro)


_grants = table_of(CreditGrant)
_add_entries = table_of(CreditEntry).insert()
_set_balance = (
    update(_grants)
    .where(_grants.c.tenant_id == bindparam("tenant"), _grants.c.id == bindparam("key"))
    .values(remaining_micro=bindparam("left"), expired_micro=bindparam("expired"))
)

ALLOWANCES = Question(
    lambda tenant, subscription, since, until: (
        select(CreditGrant)
        .where(
            CreditGrant.tenant_id == tenant,
            CreditGrant.subscription_id == subscription,
            CreditGrant.kind == GrantKind.ALLOWANCE,
            CreditGrant.effective_at >= since,
            CreditGrant.effective_at < until,
        )
        .execution_options(populate_existing=True)
    ),
    Subscription.tenant_id,
    Subscription.id,
    Subscription.current_period_start,
    Subscription.current_period_end,
)
GRANTED = Question(
    lambda tenant, subscription, starts_at: select(CreditGrant.source_id).where(
        CreditGrant.tenant_id == tenant,
        CreditGrant.subscription_id == subscription,
        CreditGrant.effective_at == starts_at,
    ),
    Subscription.tenant_id,
    Subscription.id,
    Subscription.current_period_end,
)
