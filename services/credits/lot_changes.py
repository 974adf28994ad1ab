"""What becomes of lots beside being spent: they are opened, moved, taken back, and they expire. Each with its entries.

The caller holds the lock on the tenant's head, which raises its version: whoever remembers its lots reads them again.
"""

from datetime import datetime

from sqlmodel import Session, select

from models import CreditGrant, EntryKind, GrantKind, Subscription
from services.credits.lots import add_entry
from services.identifiers import new_id

PROMOTION_PRIORITY, PURCHASE_PRIORITY = 20, 30
"""After the allowance, which is lost first; what was paid for lasts longest."""


def open_lot(
    session: Session,
    *,
    subscription: Subscription,
    pool: str,
    kind: GrantKind,
    source_id: str,
    priority: int,
    credits_micro: int,
    expires_at: datetime | None,
    at: datetime,
    reason: str | None = None,
    granted_by: str | None = None,
) -> CreditGrant:
    """A lot of what was bought or given, to be spent from now on; the one already opened for the same source."""
    known = find_lot(session, tenant_id=subscription.tenant_id, source_id=source_id)
    if known is not None:
        return known
    lot = CreditGrant(
        tenant_id=subscription.tenant_id,
        id=new_id("grant"),
        subscription_id=subscription.id,
        pool=pool,
        kind=kind,
        source_id=source_id,
        priority=priority,
        granted_micro=credits_micro,
        remaining_micro=credits_micro,
        effective_at=at,
        expires_at=expires_at,
        granted_at=at,
        reason=reason,
        granted_by=granted_by,
    )
    session.add(lot)
    session.flush()
    add_entry(session, grant=lot, kind=EntryKind.GRANT, delta_micro=credits_micro, at=at)
    return lot


def find_lot(session: Session, *, tenant_id: str, source_id: str) -> CreditGrant | None:
    """The lot of a source, if it was opened."""
    statement = select(CreditGrant).where(CreditGrant.tenant_id == tenant_id, CreditGrant.source_id == source_id)
    return session.exec(statement.execution_options(populate_existing=True)).first()


def move_lot(
    session: Session, *, lot: CreditGrant, credits_micro: int, subscription: Subscription, at: datetime
) -> CreditGrant:
    """Move what is left of a lot, or part of it, to another subscription: the same kind, priority and expiry.

    Two entries of kind transfer say so, which sum to zero.
    """
    assert 0 < credits_micro <= lot.remaining_micro, "no more is moved than is left"
    new = CreditGrant(
        tenant_id=lot.tenant_id,
        id=new_id("grant"),
        subscription_id=subscription.id,
        pool=lot.pool,
        kind=lot.kind,
        source_id="",
        priority=lot.priority,
        granted_micro=credits_micro,
        remaining_micro=credits_micro,
        effective_at=max(lot.effective_at, subscription.started_at),
        expires_at=lot.expires_at,
        granted_at=lot.granted_at,
        origin_id=lot.origin_id or lot.id,
        reason=lot.reason,
        granted_by=lot.granted_by,
    )
    new.source_id = f"transfer:{lot.id}:{new.id}"
    lot.remaining_micro -= credits_micro
    lot.transferred_micro += credits_micro
    session.add(lot)
    session.add(new)
    session.flush()
    add_entry(session, grant=lot, kind=EntryKind.TRANSFER, delta_micro=-credits_micro, source_id=new.id, at=at)
    add_entry(session, grant=new, kind=EntryKind.TRANSFER, delta_micro=credits_micro, source_id=lot.id, at=at)
    return new


def revoke_from_lot(
    session: Session,
    *,
    lot: CreditGrant,
    credits_micro: int,
    at: datetime,
    source_id: str | None = None,
    reason: str | None = None,
) -> None:
    """Take credits that were not used back out of a lot."""
    assert 0 < credits_micro <= lot.remaining_micro, "no more is taken back than is left"
    lot.remaining_micro -= credits_micro
    lot.revoked_micro += credits_micro
    session.add(lot)
    add_entry(
        session,
        grant=lot,
        kind=EntryKind.REVOKE,
        delta_micro=-credits_micro,
        source_id=source_id,
        reason=reason,
        at=at,
    )


def expire_lot(session: Session, *, lot: CreditGrant, at: datetime) -> int:
    """Let what is left of a lot expire; answers how much that was."""
    left_micro = lot.remaining_micro
    if left_micro:
        lot.remaining_micro = 0
        lot.expired_micro += left_micro
        session.add(lot)
        add_entry(session, grant=lot, kind=EntryKind.EXPIRE, delta_micro=-left_micro, at=at)
    return left_micro
