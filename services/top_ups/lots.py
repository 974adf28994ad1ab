"""The lot behind a purchase of credits: granted once, when it is paid; taken back where it is credited and unused."""

from datetime import datetime, timedelta

from sqlmodel import Session, or_, select

from models import (
    AutoTopUp,
    CreditGrant,
    CreditPurchase,
    GrantKind,
    Invoice,
    InvoiceStatus,
    NoticeType,
    PurchaseStatus,
    Subscription,
)
from services.credits.lot_changes import PURCHASE_PRIORITY, open_lot, revoke_from_lot
from services.credits.lots import grant_of
from services.credits.notices import announce_failed_purchase, announce_lot
from services.invoices.credit_notes import amount_left
from services.price_books.books import plan_version
from services.rules.credits import burn_order

PAYMENT_FAILED = "A payment failed. Check the card, then turn it on again."


def purchase_for(session: Session, *, invoice: Invoice) -> CreditPurchase | None:
    """The purchase that an invoice is for; None where it bills something else."""
    statement = select(CreditPurchase).where(
        CreditPurchase.tenant_id == invoice.tenant_id, CreditPurchase.invoice_id == invoice.id
    )
    return session.exec(statement.execution_options(populate_existing=True)).first()


def settle_purchase(session: Session, *, invoice: Invoice, at: datetime) -> None:
    """Grant what was bought, now that its invoice is settled: less what credit notes took back of it before.

    The caller holds the lock on the tenant's head. A purchase that was settled before stays as it is.
    """
    purchase = purchase_for(session, invoice=invoice)
    if purchase is not None and purchase.status == PurchaseStatus.PENDING:
        grant_purchase(session, purchase=purchase, invoice=invoice, at=at)


def grant_purchase(session: Session, *, purchase: CreditPurchase, invoice: Invoice, at: datetime) -> None:
    """Open the lot of a purchase that waits; nothing is granted where all of it was credited."""
    assert purchase.status == PurchaseStatus.PENDING, "what was bought is granted once"
    pack = plan_version(session, version_id=purchase.plan_version_id).top_ups[purchase.pack]
    credits_micro = purchase.credits_micro - _credited_micro(session, purchase, invoice)
    if credits_micro <= 0:
        cancel_purchase(session, purchase=purchase, at=at)
        return
    lot = open_lot(
        session,
        subscription=session.get_one(Subscription, (purchase.tenant_id, purchase.subscription_id)),
        pool=purchase.pool,
        kind=GrantKind.PURCHASE,
        source_id=f"purchase:{purchase.id}",
        priority=PURCHASE_PRIORITY,
        credits_micro=credits_micro,
        expires_at=None if pack.expires_after_days is None else at + timedelta(days=pack.expires_after_days),
        at=at,
        granted_by=purchase.bought_by,
    )
    purchase.status, purchase.grant_id = PurchaseStatus.GRANTED, lot.id
    _end(session, purchase, at)
    announce_lot(session, lot=lot, type=NoticeType.CREDITS_TOPPED_UP, at=at)


def cancel_purchase(session: Session, *, purchase: CreditPurchase, at: datetime) -> None:
    """Note that nothing comes of a purchase that waits."""
    assert purchase.status == PurchaseStatus.PENDING, "what was granted is taken back instead"
    purchase.status = PurchaseStatus.CANCELED
    _end(session, purchase, at)


def take_back_credited(session: Session, *, invoice: Invoice, credit_note_id: str, at: datetime) -> None:
    """Take back the share of a purchase that credit notes took back of its invoice, as far as it is not used yet.

    It follows what was bought wherever it was transferred. One that waits for a void invoice comes to nothing.
    """
    purchase = purchase_for(session, invoice=invoice)
    if purchase is None:
        return
    if purchase.status == PurchaseStatus.PENDING:
        if invoice.status == InvoiceStatus.VOID:
            cancel_purchase(session, purchase=purchase, at=at)
        return
    lots = lots_of(session, purchase=purchase)
    never_granted_micro = purchase.credits_micro - sum(lot.granted_micro for lot in lots if lot.origin_id is None)
    taken_micro = never_granted_micro + sum(lot.revoked_micro for lot in lots)
    left_micro = _credited_micro(session, purchase, invoice) - taken_micro
    for lot in sorted(lots, key=lambda lot: burn_order(grant_of(lot)), reverse=True):
        micro = min(left_micro, lot.remaining_micro)
        if micro > 0:
            revoke_from_lot(session, lot=lot, credits_micro=micro, source_id=credit_note_id, at=at)
            left_micro -= micro


def note_failed_payment(session: Session, *, invoice: Invoice, failed_at: datetime, at: datetime) -> None:
    """Note that a payment of a purchase failed; what buys by itself is turned off. Failing again changes nothing.

    The invoice stays open, to be paid after all. The caller holds the lock on the tenant's head.
    """
    purchase = purchase_for(session, invoice=invoice)
    if purchase is None or purchase.status != PurchaseStatus.PENDING or purchase.payment_failed_at is not None:
        return
    purchase.payment_failed_at = failed_at
    session.add(purchase)
    order = session.get(AutoTopUp, (purchase.tenant_id, purchase.subscription_id, purchase.pool))
    if order is not None and order.is_on and purchase.is_automatic:
        order.is_on, order.due_at, order.off_reason = False, None, PAYMENT_FAILED
        session.add(order)
    session.flush()
    announce_failed_purchase(session, purchase=purchase, order=order, reason="A payment failed.", at=at)


def lots_of(session: Session, *, purchase: CreditPurchase) -> list[CreditGrant]:
    """The lot of a purchase and those it was transferred to."""
    if purchase.grant_id is None:
        return []
    statement = select(CreditGrant).where(
        CreditGrant.tenant_id == purchase.tenant_id,
        or_(CreditGrant.id == purchase.grant_id, CreditGrant.origin_id == purchase.grant_id),
    )
    return list(session.exec(statement.execution_options(populate_existing=True)))


def _credited_micro(session: Session, purchase: CreditPurchase, invoice: Invoice) -> int:
    """The share of the credits that credit notes took back of the invoice, rounded down."""
    credited_minor = min(invoice.total_minor, invoice.total_minor - amount_left(session, invoice=invoice))
    return max(0, purchase.credits_micro * credited_minor // invoice.total_minor)


def _end(session: Session, purchase: CreditPurchase, at: datetime) -> None:
    """Write down how it ended; the order that bought it by itself may buy again."""
    purchase.settled_at = at
    session.add(purchase)
    order = session.get(AutoTopUp, (purchase.tenant_id, purchase.subscription_id, purchase.pool))
    if order is not None and purchase.is_automatic:
        order.due_at = None
        session.add(order)
    session.flush()
