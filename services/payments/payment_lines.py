"""How each invoice is paid, in a line: what is open and how it is collected, what failed, what is settled."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from models import Collection, Dunning, Invoice, InvoiceStatus, StripeInvoice, StripeSubscription, Subscription
from services import wording
from services.payments.mirror import OPEN
from services.payments.renewals import RENEWAL_TOLERANCE
from services.standing import is_late
from services.tenants import read_tenant

SENT = "send_invoice"


@dataclass(frozen=True)
class PaymentLine:
    """How an invoice's payment stands, in a sentence. `tone` is a badge's or a notice's; `has_failed` while it is
    open, and a payment failed."""

    words: str = ""
    detail: str = ""
    tone: str = "plain"
    pay_url: str = ""
    has_failed: bool = False


NO_LINE = PaymentLine()


def read_payment_lines(
    session: Session, *, tenant_id: str, invoice_ids: Sequence[str], at: datetime
) -> dict[str, PaymentLine]:
    """How each of a page of invoices is paid, by its id, in a fixed number of queries."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    invoices = session.exec(
        select(Invoice).where(Invoice.tenant_id == tenant_id, col(Invoice.id).in_(invoice_ids))
    ).all()
    by_invoice: dict[str, list[StripeInvoice]] = {}
    statement = select(StripeInvoice).where(
        StripeInvoice.tenant_id == tenant_id, col(StripeInvoice.invoice_id).in_(invoice_ids)
    )
    for part in session.exec(statement.order_by(col(StripeInvoice.part), StripeInvoice.stripe_id)):
        by_invoice.setdefault(str(part.invoice_id), []).append(part)
    return payment_lines(session, tenant_id, invoices, by_invoice, timezone=tenant.timezone, at=at)


def web_address(url: str | None) -> str:
    """An address a browser may be sent to; "" for anything else."""
    return url if url and url.startswith(("https://", "http://")) else ""


def payment_lines(
    session: Session,
    tenant_id: str,
    invoices: Sequence[Invoice],
    parts: dict[str, list[StripeInvoice]],
    *,
    timezone: str,
    at: datetime,
) -> dict[str, PaymentLine]:
    """By the invoice's id, from the parts each has at Stripe."""
    unpaid = [invoice for invoice in invoices if invoice.status == InvoiceStatus.OPEN]
    failed = _failed_at(session, tenant_id, [invoice.id for invoice in unpaid])
    of_unpaid = {invoice.subscription_id for invoice in unpaid}
    collected, renewals = _collections(session, tenant_id, of_unpaid), _renewals(session, tenant_id, of_unpaid)
    lines = {}
    for invoice in invoices:
        if invoice.status == InvoiceStatus.OPEN:
            is_automatic = collected.get(invoice.subscription_id) == Collection.AUTOMATIC
            lines[invoice.id] = _open_line(
                invoice,
                parts.get(invoice.id, []),
                failed_at=failed.get(invoice.id),
                is_automatic=is_automatic,
                renews_at=renewals.get(invoice.subscription_id),
                timezone=timezone,
                at=at,
            )
        else:
            lines[invoice.id] = _settled_line(invoice, parts.get(invoice.id, []), timezone)
    return lines


def _settled_line(invoice: Invoice, parts: Sequence[StripeInvoice], timezone: str) -> PaymentLine:
    if invoice.status == InvoiceStatus.VOID:
        return PaymentLine("Void: nothing is to be paid")
    if invoice.status == InvoiceStatus.UNCOLLECTIBLE:
        return PaymentLine("Given up: counted as uncollectible", tone="bad", pay_url=_pay_url(parts))
    if invoice.paid_at is None:
        return PaymentLine("Not final yet")
    if not invoice.total_minor:
        return PaymentLine("Nothing was to be paid", tone="good")
    paid_on = f"Paid on {wording.moment_day(invoice.paid_at, timezone)}"
    return PaymentLine(paid_on, "Collected automatically" if is_charged(parts) else "", tone="good")


def _open_line(
    invoice: Invoice,
    parts: Sequence[StripeInvoice],
    *,
    failed_at: datetime | None,
    is_automatic: bool,
    renews_at: datetime | None,
    timezone: str,
    at: datetime,
) -> PaymentLine:
    due_on = wording.moment_day(invoice.due_at, timezone)
    pay_url = _pay_url(parts)
    if failed_at is not None:
        reason = next((part.payment_error for part in parts if part.payment_error), "")
        words = f"Payment failed on {wording.moment_day(failed_at, timezone)}" + (f": {reason}" if reason else "")
        return PaymentLine(words, _next_try(parts, timezone), "bad", pay_url, has_failed=True)
    tone, was = ("warn", "was due") if is_late(invoice, at) else ("note", "due")
    if any(part.collection_method == SENT for part in parts) or not (parts or is_automatic):
        return PaymentLine(f"Sent: pay by transfer, {was} {due_on}", "", tone, pay_url)
    if any(part.status == OPEN for part in parts):
        return PaymentLine(f"Open, {was} {due_on}", "Collected automatically", tone, pay_url)
    is_awaited = renews_at is not None and at < renews_at <= invoice.period_end + RENEWAL_TOLERANCE
    when = f"on {wording.moment_day(renews_at, timezone)}" if renews_at is not None and is_awaited else "in a moment"
    return PaymentLine(f"Open, {was} {due_on}", f"Collected automatically {when}", tone)


def _next_try(parts: Sequence[StripeInvoice], timezone: str) -> str:
    planned = [part.next_payment_attempt_at for part in parts if part.next_payment_attempt_at is not None]
    if not planned:
        return "No other try is planned: pay it on the payment page"
    return f"Next try on {wording.moment_day(min(planned), timezone)}"


def _pay_url(parts: Iterable[StripeInvoice]) -> str:
    return next((web_address(part.hosted_url) for part in parts if part.status == OPEN and part.hosted_url), "")


def is_charged(parts: Sequence[StripeInvoice]) -> bool:
    """Whether it is charged by itself, not sent to be paid."""
    return bool(parts) and all(part.collection_method != SENT for part in parts)


def _failed_at(session: Session, tenant_id: str, invoice_ids: Sequence[str]) -> dict[str, datetime]:
    statement = select(Dunning.invoice_id, Dunning.failed_at).where(
        Dunning.tenant_id == tenant_id, col(Dunning.invoice_id).in_(invoice_ids), col(Dunning.ended_at).is_(None)
    )
    return dict(session.exec(statement).all())


def _collections(session: Session, tenant_id: str, ids: Iterable[str]) -> dict[str, Collection]:
    statement = select(Subscription.id, Subscription.collection).where(
        Subscription.tenant_id == tenant_id, col(Subscription.id).in_(list(ids))
    )
    return {each: Collection(way) for each, way in session.exec(statement)}


def _renewals(session: Session, tenant_id: str, ids: Iterable[str]) -> dict[str, datetime]:
    """When what stands at Stripe for each renews next: its calendar may be a day behind ours."""
    statement = select(StripeSubscription.subscription_id, StripeSubscription.current_period_end).where(
        StripeSubscription.tenant_id == tenant_id,
        col(StripeSubscription.subscription_id).in_(list(ids)),
        col(StripeSubscription.replaced_at).is_(None),
    )
    return dict(session.exec(statement).all())


def payable(parts: Sequence[StripeInvoice]) -> int:
    """How many of its parts can be paid now."""
    return sum(part.status == OPEN for part in parts)
