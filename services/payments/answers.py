"""What follows from an answer: the same rows are kept as when a webhook had told of it, only sooner."""

from datetime import datetime

from sqlmodel import Session

from models import (
    StripeCall,
    StripeCallKind,
    StripeInvoicePart,
    Subscription,
)
from services.gateways.stripe.facts import (
    CreditNoteFacts,
    CustomerFacts,
    InvoiceFacts,
    RefundFacts,
    SubscriptionFacts,
)
from services.invoices.finding import read_invoice
from services.payments import marks
from services.payments.collecting import owe_rest
from services.payments.customers import apply_customer
from services.payments.invoice_orders import carries, carries_any
from services.payments.links import find_link, link_subscription
from services.payments.mirror import CYCLE, DRAFT, carry, keep_credit_note, keep_invoice
from services.payments.outbox import drop_waiting, mark_call_done
from services.payments.settling import settle_invoice
from services.payments.subscriptions import keep_subscription
from services.tenants import lock_head

Answer = CustomerFacts | SubscriptionFacts | InvoiceFacts | CreditNoteFacts | RefundFacts


def apply_answer(session: Session, call: StripeCall, answer: Answer, *, ticket: int, at: datetime) -> None:
    """Keep what a call answered beside what is ours. A refund's webhook tells of it; nothing is kept here."""
    lock_head(session, tenant_id=call.tenant_id)
    if isinstance(answer, CustomerFacts):
        apply_customer(session, answer, account=call.account, ticket=ticket, at=at)
    elif isinstance(answer, SubscriptionFacts):
        _apply_subscription(session, call, answer, ticket=ticket, at=at)
    elif isinstance(answer, InvoiceFacts):
        _apply_invoice(session, call, answer, ticket=ticket, at=at)
    elif isinstance(answer, CreditNoteFacts):
        _apply_credit_note(session, call, answer, ticket=ticket, at=at)


def take_in_final(session: Session, call: StripeCall, facts: InvoiceFacts, *, ticket: int, at: datetime) -> bool:
    """Where Stripe refused a call because the invoice is final already, go on from there. False where it is a draft.

    If our lines are on it, the call is done. If none is, the renewal finalised itself: it carries the base fee alone,
    and the rest goes on a draft of its own. Where it took some of them and not others, a person decides: False.
    """
    lock_head(session, tenant_id=call.tenant_id)
    row = keep_invoice(session, tenant_id=call.tenant_id, facts=facts, account=call.account, ticket=ticket, at=at)
    if facts.status == DRAFT or row.invoice_id is None:
        return False
    lines = call.arguments.get("lines", [])
    if carries(facts, row.invoice_id, lines):
        mark_call_done(session, call, stripe_id=facts.id, at=at)
    elif row.billing_reason != CYCLE or carries_any(facts, row.invoice_id):
        return False
    else:
        drop_waiting(session, tenant_id=call.tenant_id, subject=call.subject)
        carry(session, row, invoice_id=row.invoice_id, part=StripeInvoicePart.BASE)
        invoice = read_invoice(session, tenant_id=call.tenant_id, invoice_id=row.invoice_id).invoice
        owe_rest(session, invoice, row, at=at)
    settle_invoice(session, tenant_id=call.tenant_id, invoice_id=row.invoice_id, at=at)
    return True


def _apply_subscription(
    session: Session, call: StripeCall, facts: SubscriptionFacts, *, ticket: int, at: datetime
) -> None:
    if call.kind == StripeCallKind.CREATE_SUBSCRIPTION:
        ours = session.get_one(Subscription, (call.tenant_id, facts.metadata[marks.SUBSCRIPTION]))
        link_subscription(session, subscription=ours, facts=facts, account=call.account, at=at)
    link = find_link(session, account=call.account, stripe_id=facts.id)
    if link is not None and link.ticket <= ticket:
        keep_subscription(session, link, facts, ticket=ticket, at=at)


def _apply_invoice(session: Session, call: StripeCall, facts: InvoiceFacts, *, ticket: int, at: datetime) -> None:
    row = keep_invoice(session, tenant_id=call.tenant_id, facts=facts, account=call.account, ticket=ticket, at=at)
    if call.kind == StripeCallKind.OPEN_DRAFT and row.invoice_id is None:
        carry(session, row, invoice_id=call.arguments["invoice_id"], part=StripeInvoicePart(call.arguments["part"]))
    if row.invoice_id is not None and facts.status != DRAFT:
        settle_invoice(session, tenant_id=call.tenant_id, invoice_id=row.invoice_id, at=at)


def _apply_credit_note(
    session: Session, call: StripeCall, facts: CreditNoteFacts, *, ticket: int, at: datetime
) -> None:
    row = keep_credit_note(session, tenant_id=call.tenant_id, facts=facts, account=call.account, ticket=ticket, at=at)
    row.credit_note_id = call.arguments["credit_note_id"]
    session.add(row)
    session.flush()
