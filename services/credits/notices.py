"""What notices tell of credits that were bought or given, put together in one place."""

from datetime import datetime

from sqlmodel import Session

from models import AutoTopUp, CreditGrant, CreditPurchase, NoticeType, Subscription
from services.notice_shapes import CreditLotData, TopUpFailedData
from services.notices import announce
from services.price_books.books import plan_version
from services.rules.quantities import plain_micro


def announce_lot(session: Session, *, lot: CreditGrant, type: NoticeType, at: datetime) -> None:
    """Tell of a lot: that it is there, or that it ends soon. Once a type."""
    subscription = session.get_one(Subscription, (lot.tenant_id, lot.subscription_id))
    pool = plan_version(session, version_id=subscription.plan_version_id).pools.get(lot.pool)
    data = CreditLotData(
        subscription_id=lot.subscription_id,
        lot_id=lot.id,
        kind=lot.kind.value,
        pool=lot.pool,
        pool_name=lot.pool if pool is None else pool.name,
        credits=plain_micro(lot.granted_micro),
        left=plain_micro(lot.remaining_micro),
        expires_at=lot.expires_at,
        reason=lot.reason,
    )
    announce(session, tenant_id=lot.tenant_id, type=type, subject_id=lot.id, data=data, at=at)


def announce_failed_purchase(
    session: Session, *, purchase: CreditPurchase, order: AutoTopUp | None, reason: str, at: datetime
) -> None:
    """Tell that a payment of a purchase failed, once a purchase."""
    data = TopUpFailedData(
        subscription_id=purchase.subscription_id,
        pool=purchase.pool,
        pack=purchase.pack,
        reason=reason,
        is_automatic=purchase.is_automatic,
        is_on=order is not None and order.is_on,
        purchase_id=purchase.id,
        invoice_id=purchase.invoice_id,
    )
    announce(
        session,
        tenant_id=purchase.tenant_id,
        type=NoticeType.CREDITS_TOP_UP_FAILED,
        subject_id=purchase.id,
        data=data,
        at=at,
    )


def announce_no_purchase(session: Session, *, order: AutoTopUp, reason: str, occurrence: str, at: datetime) -> None:
    """Tell that nothing was bought though it was due, once for each `occurrence`, such as a month."""
    data = TopUpFailedData(
        subscription_id=order.subscription_id,
        pool=order.pool,
        pack=order.pack,
        reason=reason,
        is_automatic=True,
        is_on=order.is_on,
        purchase_id=None,
        invoice_id=None,
    )
    announce(
        session,
        tenant_id=order.tenant_id,
        type=NoticeType.CREDITS_TOP_UP_FAILED,
        subject_id=order.subscription_id,
        occurrence=f"{order.pool}:{occurrence}",
        data=data,
        at=at,
    )
