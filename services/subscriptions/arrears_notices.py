"""What notices tell of a subscription that was moved to a plan without a fee as it is unpaid, and of its return."""

from datetime import datetime

from sqlmodel import Session

from models import Invoice, NoticeType, Subscription
from services.invoices.credit_notes import amount_left
from services.invoices.numbers import invoice_number
from services.notice_shapes import SubscriptionChangeData, SubscriptionMovedData
from services.notice_values import NoticeAmount
from services.notices import announce
from services.price_books.plans import Plan
from services.subscriptions.notices import change_facts
from services.tenants import lock_head


def announce_move(
    session: Session, *, subscription: Subscription, before: Plan, then: Plan, invoice: Invoice, at: datetime
) -> None:
    """Tell that it is on a plan without a fee until an invoice is paid, once for the invoice."""
    interval = subscription.interval.value
    data = SubscriptionMovedData(
        **change_facts(session, subscription, before=(before, interval), then=(then, interval), effective_at=at),
        invoice_id=invoice.id,
        invoice_number=invoice_number(invoice) or "",
        amount_due=NoticeAmount.of(max(0, amount_left(session, invoice=invoice)), invoice.currency),
    )
    announce(
        session,
        tenant_id=subscription.tenant_id,
        type=NoticeType.SUBSCRIPTION_MOVED_UNPAID,
        subject_id=subscription.id,
        occurrence=invoice.id,
        data=data,
        at=at,
    )


def announce_restoring(session: Session, *, subscription: Subscription, before: Plan, then: Plan, at: datetime) -> None:
    """Tell that it is back on the plan that it was moved from."""
    head, interval = lock_head(session, tenant_id=subscription.tenant_id), subscription.interval.value
    data = SubscriptionChangeData(
        **change_facts(session, subscription, before=(before, interval), then=(then, interval), effective_at=at)
    )
    announce(
        session,
        tenant_id=subscription.tenant_id,
        type=NoticeType.SUBSCRIPTION_RESTORED,
        subject_id=subscription.id,
        occurrence=str(head.version),
        data=data,
        at=at,
    )
