"""A visit follows what Stripe says of it: once paid, what was offered starts; what cannot start is given back."""

from datetime import datetime

from sqlmodel import Session, select

from models import (
    BillingReason,
    Checkout,
    CheckoutStatus,
    Collection,
    Invoice,
    StripeCallKind,
    StripeInvoicePart,
    Subscription,
)
from services.errors import SubscriptionConflict
from services.gateways.stripe.facts import CheckoutFacts, InvoiceFacts, SubscriptionFacts
from services.payments import marks
from services.payments.collecting import owe_rest
from services.payments.customers import tenant_of_customer
from services.payments.link_sales import checkout_of_link
from services.payments.links import link_subscription
from services.payments.mirror import carry, keep_invoice
from services.payments.outbox import Owed, has_calls, owe_calls
from services.payments.promotions import promotions_of_start
from services.payments.settling import settle_invoice
from services.payments.subjects import Readings, SubjectKind
from services.subscriptions.ends import end_subscription
from services.subscriptions.finding import is_had_for_free, live_subscription
from services.subscriptions.starting import create_subscription
from services.tenants import lock_head

_NEVER_PAID = frozenset({"incomplete_expired", "canceled"})


def apply_checkout(
    session: Session, readings: Readings, facts: CheckoutFacts, *, account: str, ticket: int, at: datetime
) -> str:
    """Let a visit follow what Stripe says of it; once paid, the subscription starts. Answers whose it is.

    Raises Unread, NotOurs, and NeedsPerson for a payment link that does not say who bought.
    """
    key = (facts.metadata.get(marks.TENANT, ""), facts.metadata.get(marks.CHECKOUT, ""))
    if session.get(Checkout, key) is None:
        sold = checkout_of_link(session, readings, facts, account=account, ticket=ticket, at=at)
        key = (sold.tenant_id, sold.id)
    tenant_id, _ = key
    lock_head(session, tenant_id=tenant_id)
    asked = session.get_one(Checkout, key, populate_existing=True)
    if asked.status == CheckoutStatus.COMPLETED or asked.ticket > ticket or _is_undone(session, asked):
        return tenant_id
    asked.stripe_id, asked.ticket = facts.id, ticket
    if facts.status == "expired":
        asked.status, asked.error = CheckoutStatus.EXPIRED, None
    elif facts.status == "complete":
        _complete(session, readings, asked, facts, ticket=ticket, at=at)
    session.add(asked)
    session.flush()
    return tenant_id


def _complete(
    session: Session, readings: Readings, asked: Checkout, facts: CheckoutFacts, *, ticket: int, at: datetime
) -> None:
    assert facts.customer_id is not None
    assert facts.subscription_id is not None
    tenant_of_customer(session, readings, account=asked.account, customer_id=facts.customer_id)
    bought: SubscriptionFacts = readings.of(SubjectKind.SUBSCRIPTION, facts.subscription_id)
    bill: InvoiceFacts | None = readings.of(SubjectKind.INVOICE, facts.invoice_id) if facts.invoice_id else None
    if facts.payment_status == "unpaid":
        failed = next((each.error for each in bill.payments if each.error), None) if bill else None
        gone = bought.status in _NEVER_PAID
        asked.status = CheckoutStatus.FAILED if gone or failed else CheckoutStatus.PAYING
        asked.error = failed or ("The payment was not made in time." if gone else None)
        return
    try:
        ours = _start(session, asked, bought, bill, ticket=ticket, at=at)
    except SubscriptionConflict as conflict:
        asked.status, asked.error = CheckoutStatus.FAILED, f"{conflict.detail} What was paid is given back."
        _undo(session, asked, bought, bill, at=at)
        return
    asked.status, asked.error, asked.subscription_id = CheckoutStatus.COMPLETED, None, ours.id


def _start(
    session: Session,
    asked: Checkout,
    bought: SubscriptionFacts,
    bill: InvoiceFacts | None,
    *,
    ticket: int,
    at: datetime,
) -> Subscription:
    """Start what was offered, when Stripe says it began, with the first invoice that is paid already.

    Where its taxes are not those on the page, for the customer moved meanwhile or bought by a link, the difference is
    collected apart.
    """
    started_at = min(bought.started_at, at)
    if not asked.name:
        _end_free(session, asked.tenant_id, ended_at=started_at, at=at)
    ours = create_subscription(
        session,
        tenant_id=asked.tenant_id,
        version_id=asked.plan_version_id,
        interval=asked.interval,
        collection=Collection.AUTOMATIC,
        started_at=started_at,
        trial_ends_at=bought.trial_ends_at,
        discounts=promotions_of_start(bought, bill, due_at=started_at),
        name=asked.name,
        site=asked.site,
        at=at,
    )
    link_subscription(session, subscription=ours, facts=bought, account=asked.account, at=at)
    _owe_card(session, asked, ours, at=at)
    if bill is None:
        return ours
    row = keep_invoice(session, tenant_id=asked.tenant_id, facts=bill, account=asked.account, ticket=ticket, at=at)
    first = _start_invoice(session, ours)
    if first is not None:
        carry(session, row, invoice_id=first.id, part=StripeInvoicePart.BASE)
        owe_rest(session, first, row, at=at)
        settle_invoice(session, tenant_id=asked.tenant_id, invoice_id=first.id, at=at)
    return ours


def _end_free(session: Session, tenant_id: str, *, ended_at: datetime, at: datetime) -> None:
    """The first purchase ends the free plan, for there was no card to change it with."""
    free = live_subscription(session, tenant_id=tenant_id)
    if free is not None and is_had_for_free(session, free):
        end_subscription(session, tenant_id=tenant_id, subscription_id=free.id, ended_at=ended_at, at=at)


def _start_invoice(session: Session, subscription: Subscription) -> Invoice | None:
    """The invoice of the start; none for a trial, which begins without one."""
    statement = select(Invoice).where(
        Invoice.tenant_id == subscription.tenant_id,
        Invoice.subscription_id == subscription.id,
        Invoice.billing_reason == BillingReason.SUBSCRIPTION_START,
    )
    return session.exec(statement).first()


def _owe_card(session: Session, asked: Checkout, ours: Subscription, *, at: datetime) -> None:
    """Checkout keeps the card with the subscription alone; our own invoices are to be charged to it too."""
    call = Owed(StripeCallKind.SHARE_CARD, f"checkout:{asked.id}:card", {"subscription_id": ours.id})
    owe_calls(session, tenant_id=asked.tenant_id, account=asked.account, subject=asked.id, calls=[call], at=at)


def _undo(
    session: Session, asked: Checkout, bought: SubscriptionFacts, bill: InvoiceFacts | None, *, at: datetime
) -> None:
    """Two visits were paid: the second subscription is ended at Stripe, and its payment given back."""
    calls = [
        Owed(StripeCallKind.CANCEL_SUBSCRIPTION, f"checkout:{asked.id}:cancel", {"stripe_subscription_id": bought.id})
    ]
    for payment in () if bill is None else bill.payments:
        if payment.status == "paid" and payment.amount_minor:
            given = {"payment_id": payment.id, "amount_minor": payment.amount_minor}
            calls.append(Owed(StripeCallKind.REFUND, f"checkout:{asked.id}:refund:{payment.id}", given))
    owe_calls(session, tenant_id=asked.tenant_id, account=asked.account, subject=asked.id, calls=calls, at=at)


def _is_undone(session: Session, asked: Checkout) -> bool:
    """Whether it is being given back: it starts nothing any more, though nothing would be in its way later."""
    is_over = asked.status == CheckoutStatus.FAILED
    return is_over and has_calls(session, tenant_id=asked.tenant_id, subject=asked.id)
