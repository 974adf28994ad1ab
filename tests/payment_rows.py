"""One row in every table of payments, for tests that ask whose rows can be seen."""

from datetime import datetime, timedelta
from decimal import Decimal

from sqlmodel import Session, select

from models import (
    Checkout,
    CheckoutStatus,
    Dunning,
    Interval,
    Invoice,
    InvoiceCheck,
    PaymentReminder,
    Refund,
    RefundStatus,
    StripeCall,
    StripeCallKind,
    StripeCallStatus,
    StripeCreditNote,
    StripeCustomer,
    StripeEvent,
    StripeEventStatus,
    StripeInvoice,
    StripeInvoicePart,
    StripeSubscription,
    Subscription,
    SubscriptionDiscount,
)
from models.stripe_event import EventSource


def write_payment_rows(session: Session, *, tenant_id: str, invoice_id: str, said: str, at: datetime) -> str:
    """Rows about one invoice with `said` wherever free text goes; answers the id of the checkout among them."""
    invoice = session.get_one(Invoice, (tenant_id, invoice_id))
    subscription = session.exec(select(Subscription).where(Subscription.tenant_id == tenant_id)).first()
    assert subscription is not None
    of = {"tenant_id": tenant_id, "account": "sandbox"}
    read = {"ticket": 1, "read_at": at}
    bill = {"stripe_invoice_id": "in_1", "invoice_id": invoice_id}
    rows = [
        StripeCustomer(**of, **read, stripe_id="cus_1", email=f"{said}@acme.example", card=said),
        StripeSubscription(
            **of, **read, subscription_id=subscription.id, stripe_id="sub_1", status="active",
            began_at=at, current_period_start=at, current_period_end=at + timedelta(days=30),
        ),
        SubscriptionDiscount(
            tenant_id=tenant_id, subscription_id=subscription.id, stripe_id="di_1", code=said,
            percent_off=Decimal(20), starts_at=at, ends_at=at + timedelta(seconds=1),
        ),
        StripeInvoice(
            **of, **read, stripe_id="in_1", invoice_id=invoice_id, part=StripeInvoicePart.WHOLE, status="open",
            currency=invoice.currency, total_minor=invoice.total_minor, collection_method="charge_automatically",
            payment_error=said, created_at=at,
        ),
        StripeCall(
            **of, key="acme-call", kind=StripeCallKind.FINALIZE, subject=invoice_id, position=1, arguments={},
            status=StripeCallStatus.HELD, error=said, created_at=at, next_attempt_at=at,
        ),
        StripeCreditNote(
            **of, **read, stripe_id="cn_1", stripe_invoice_id="in_1", status="issued", total_minor=100
        ),
        Refund(
            **of, **bill, id="ref_1", status=RefundStatus.SUCCEEDED, amount_minor=100, currency=invoice.currency,
            reason=said, created_at=at,
        ),
        Checkout(
            **of, id="chk_1", plan_version_id=subscription.plan_version_id, interval=Interval.MONTH,
            status=CheckoutStatus.EXPIRED, url=f"https://pay.example/{said}", created_at=at,
        ),
        Dunning(tenant_id=tenant_id, invoice_id=invoice_id, subscription_id=subscription.id, failed_at=at),
        InvoiceCheck(
            tenant_id=tenant_id, invoice_id=invoice_id, checked_at=at, difference_count=1,
            differences=[{"code": "disputed", "detail": said}],
        ),
        StripeEvent(
            id="evt_1", account="sandbox", type="invoice.paid", object_id="in_1", payload={"said": said},
            source=EventSource.WEBHOOK, status=StripeEventStatus.WAITING, tenant_id=tenant_id, created_at=at,
            received_at=at, next_attempt_at=at,
        ),
    ]  # fmt: skip
    session.add_all(rows)
    session.flush()
    session.add(PaymentReminder(tenant_id=tenant_id, invoice_id=invoice_id, day=0, written_at=at))
    session.flush()
    return "chk_1"
