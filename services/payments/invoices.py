"""What Stripe says of an invoice, put beside ours."""

from datetime import datetime

from sqlmodel import Session

from models import Invoice, StripeInvoice, StripeInvoicePart
from services.gateways.stripe.facts import InvoiceFacts
from services.payments import marks, subscriptions
from services.payments.collecting import hold_renewal, meet_renewal
from services.payments.customers import tenant_of_customer
from services.payments.links import find_link
from services.payments.mirror import CYCLE, carry, keep_invoice, owner_of
from services.payments.promotions import keep_promotions_of_fee
from services.payments.settling import settle_invoice
from services.payments.subjects import NotOurs, Readings, SubjectKind
from services.tenants import lock_head


def apply_invoice(
    session: Session, readings: Readings, facts: InvoiceFacts, *, account: str, ticket: int, at: datetime
) -> str:
    """Keep what was read of an invoice, and let ours follow; answers whose it is. Raises Unread and NotOurs.

    A renewal's draft is held until our lines are on it. One that is none of ours is kept too: reconciliation
    names it.
    """
    kept_for = owner_of(session, account=account, stripe_id=facts.id)
    tenant_id = kept_for or tenant_of_customer(session, readings, account=account, customer_id=facts.customer_id)
    if facts.subscription_id and find_link(session, account=account, stripe_id=facts.subscription_id) is None:
        _know_subscription(session, readings, facts.subscription_id, account=account, ticket=ticket, at=at)
    lock_head(session, tenant_id=tenant_id)
    row = keep_invoice(session, tenant_id=tenant_id, facts=facts, account=account, ticket=ticket, at=at)
    if row.ticket > ticket:
        return tenant_id
    _recognise(session, row, facts)
    if facts.billing_reason == CYCLE and facts.subscription_id:
        _take_renewal(session, row, facts, at=at)
    if row.invoice_id is not None:
        settle_invoice(session, tenant_id=tenant_id, invoice_id=row.invoice_id, at=at)
    return tenant_id


def _know_subscription(
    session: Session, readings: Readings, stripe_id: str, *, account: str, ticket: int, at: datetime
) -> None:
    bought = readings.of(SubjectKind.SUBSCRIPTION, stripe_id)
    try:
        subscriptions.apply_subscription(session, readings, bought, account=account, ticket=ticket, at=at)
    except NotOurs:
        return  # somebody sold the customer something else at Stripe


def _recognise(session: Session, row: StripeInvoice, facts: InvoiceFacts) -> None:
    """Take an invoice that we made for ours, also where the answer to making it was lost."""
    ours = session.get(Invoice, (row.tenant_id, facts.metadata.get(marks.INVOICE, "")))
    if row.invoice_id is None and ours is not None:
        carry(session, row, invoice_id=ours.id, part=StripeInvoicePart(facts.metadata[marks.PART]))


def _take_renewal(session: Session, row: StripeInvoice, facts: InvoiceFacts, *, at: datetime) -> None:
    link = find_link(session, account=row.account, stripe_id=str(facts.subscription_id))
    if link is None or row.renews_at is None:
        return
    keep_promotions_of_fee(session, link=link, discounts=facts.discounts, due_at=row.renews_at)
    if row.invoice_id is None:
        hold_renewal(session, row=row, auto_advance=facts.auto_advance, at=at)
        meet_renewal(session, row=row, subscription_id=link.subscription_id, at=at)
