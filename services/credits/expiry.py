"""Credits that were bought or given expire at their time, and who has them is told a week before.

What has expired is not spent or counted from that moment on, whether this has run or not; it writes down that it is so.
Allowances expire with the close of their period; those of a day that is long over, and of a period that is not closed,
are written down here.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, exists, or_, select

from models import CreditGrant, GrantKind, Notice, NoticeType
from services.closing.period_ends import grace
from services.credits.lot_changes import expire_lot
from services.credits.notices import announce_lot
from services.tenants import lock_head

TOLD_BEFORE: Final = timedelta(days=7)
OWNED: Final = (GrantKind.PURCHASE, GrantKind.PROMOTION)


def tenants_with_expired(session: Session, *, at: datetime) -> list[str]:
    """The tenants that have lots whose expiry is still to be written down."""
    statement = select(CreditGrant.tenant_id).where(*_has_expired(at)).distinct()
    return list(session.exec(statement.order_by(CreditGrant.tenant_id)))


def expire_lots(session: Session, *, tenant_id: str, at: datetime) -> int:
    """Write down what has expired of a tenant's lots; answers how many. Running it again changes nothing."""
    lock_head(session, tenant_id=tenant_id)
    statement = select(CreditGrant).where(CreditGrant.tenant_id == tenant_id, *_has_expired(at))
    ordered = statement.order_by(col(CreditGrant.expires_at), CreditGrant.id)
    lots = session.exec(ordered.execution_options(populate_existing=True)).all()
    for lot in lots:
        expire_lot(session, lot=lot, at=at)
    return len(lots)


def lots_to_tell_of(session: Session, *, at: datetime) -> list[tuple[str, str]]:
    """(tenant, lot) of what was bought or given, expires within a week, and was not told of."""
    told = exists().where(
        col(Notice.tenant_id) == CreditGrant.tenant_id,
        col(Notice.type) == NoticeType.CREDITS_EXPIRING.value,
        col(Notice.subject_id) == CreditGrant.id,
    )
    statement = select(CreditGrant.tenant_id, CreditGrant.id).where(
        col(CreditGrant.kind).in_(OWNED),
        col(CreditGrant.remaining_micro) > 0,
        col(CreditGrant.expires_at) > at,
        col(CreditGrant.expires_at) <= at + TOLD_BEFORE,
        ~told,
    )
    return [(tenant_id, lot_id) for tenant_id, lot_id in session.exec(statement.order_by(col(CreditGrant.expires_at)))]


def tell_of_expiry(session: Session, *, tenant_id: str, lot_id: str, at: datetime) -> None:
    """Tell that what is left of a lot expires soon, once a lot."""
    lock_head(session, tenant_id=tenant_id)
    lot = session.get_one(CreditGrant, (tenant_id, lot_id), populate_existing=True)
    if lot.remaining_micro:
        announce_lot(session, lot=lot, type=NoticeType.CREDITS_EXPIRING, at=at)


def _has_expired(at: datetime) -> tuple[ColumnElement[bool], ...]:
    ended = or_(
        col(CreditGrant.kind).in_(OWNED) & (col(CreditGrant.expires_at) <= at),
        col(CreditGrant.expires_at) <= at - grace(),
    )
    return col(CreditGrant.remaining_micro) > 0, ended
