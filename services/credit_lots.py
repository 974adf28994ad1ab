"""Lots of credits: grant them, load them to be spent, write down what was spent, and let the rest expire."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Update, bindparam, update
from sqlmodel import Session, col, or_, select

from models import CreditEntry, CreditGrant, EntryKind, GrantKind, Subscription, table_of
from services.identifiers import new_id
from services.plans import Plan
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
    session: Session, *, subscription: Subscription, plan: Plan, pool: str, window: Window, at: datetime
) -> None:
    """Grant what the plan includes for one window of a pool, once; nothing where it includes nothing."""
    granted_micro = plan.allowance_micro(pool)
    if not granted_micro:
        return
    starts_at, ends_at = window
    source_id = f"allowance:{subscription.id}:{pool}:{starts_at.isoformat()}"
    tenant_id = subscription.tenant_id
    known = select(CreditGrant.id).where(CreditGrant.tenant_id == tenant_id, CreditGrant.source_id == source_id)
    if session.exec(known).first() is not None:
        return
    grant = CreditGrant(
        tenant_id=tenant_id,
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
    session.flush()
    _add_entry(session, grant=grant, kind=EntryKind.GRANT, delta_micro=granted_micro, at=at)


def load_lots(session: Session, *, tenant_id: str, subscription_id: str, pool: str, since: datetime) -> dict[str, Lot]:
    """Lots that an event at or after `since` could spend, by id."""
    statement = select(CreditGrant).where(
        CreditGrant.tenant_id == tenant_id,
        CreditGrant.subscription_id == subscription_id,
        CreditGrant.pool == pool,
        or_(col(CreditGrant.expires_at).is_(None), col(CreditGrant.expires_at) > since),
    )
    return {row.id: _lot(row) for row in session.exec(statement.execution_options(populate_existing=True))}


def wallet_of(lots: Mapping[str, Lot]) -> Wallet:
    return Wallet(lot.grant for lot in lots.values())


@dataclass(slots=True)
class LotSpend:
    """What a run of events took from one lot."""

    lot: Lot
    first_event_seq: int
    last_event_seq: int
    credits_micro: int


def write_spends(
    session: Session, *, tenant_id: str, spends: Iterable[LotSpend], first_entry_seq: int, at: datetime
) -> int:
    """Lower the lots and append the entries that say why; returns how many entries were written.

    Where a late event spends what had already expired, a return entry gives it back first.
    """
    entries, balances = [], []
    for spend in spends:
        returned = max(0, spend.credits_micro - spend.lot.remaining_micro)
        range_ = {"first_event_seq": spend.first_event_seq, "last_event_seq": spend.last_event_seq}
        changes = [(EntryKind.BURN, -spend.credits_micro)]
        if returned:
            changes.insert(0, (EntryKind.RETURN, returned))
        entries += [
            {
                "tenant_id": tenant_id,
                "grant_id": spend.lot.grant.id,
                "kind": kind,
                "delta_micro": delta,
                "at": at,
                **range_,
            }
            for kind, delta in changes
        ]
        balances.append(
            {
                "key": spend.lot.grant.id,
                "left": spend.lot.remaining_micro + returned - spend.credits_micro,
                "expired": spend.lot.expired_micro - returned,
            }
        )
    if entries:
        for offset, entry in enumerate(entries):
            entry["seq"] = first_entry_seq + offset
        session.execute(table_of(CreditEntry).insert(), entries)
        session.execute(_set_balance(tenant_id), balances)
    return len(entries)


def expire_window(session: Session, *, subscription: Subscription, window: Window, at: datetime) -> None:
    """End the allowances that began in a closed window: what is left in each expires, with an entry."""
    starts_at, ends_at = window
    statement = select(CreditGrant).where(
        CreditGrant.tenant_id == subscription.tenant_id,
        CreditGrant.subscription_id == subscription.id,
        CreditGrant.kind == GrantKind.ALLOWANCE,
        CreditGrant.effective_at >= starts_at,
        CreditGrant.effective_at < ends_at,
    )
    for grant in session.exec(statement.execution_options(populate_existing=True)).all():
        if grant.expires_at is not None and grant.expires_at > ends_at:
            grant.expires_at = ends_at
        if grant.remaining_micro:
            left, grant.remaining_micro = grant.remaining_micro, 0
            grant.expired_micro += left
            _add_entry(session, grant=grant, kind=EntryKind.EXPIRE, delta_micro=-left, at=at)
    session.flush()


def _add_entry(session: Session, *, grant: CreditGrant, kind: EntryKind, delta_micro: int, at: datetime) -> None:
    head = lock_head(session, tenant_id=grant.tenant_id)
    head.last_entry_seq += 1
    session.add(
        CreditEntry(
            tenant_id=grant.tenant_id,
            seq=head.last_entry_seq,
            grant_id=grant.id,
            kind=kind,
            delta_micro=delta_micro,
            at=at,
        )
    )
    session.flush()


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


def _set_balance(tenant_id: str) -> Update:
    grants = table_of(CreditGrant)
    return (
        update(grants)
        .where(grants.c.tenant_id == tenant_id, grants.c.id == bindparam("key"))
        .values(remaining_micro=bindparam("left"), expired_micro=bindparam("expired"))
    )
