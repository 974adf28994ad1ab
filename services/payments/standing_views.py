"""How a customer stands with its payments, for the frame of every page and for our own list of customers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from models import Collection, Dunning, Invoice, StripeCustomer, StripeInvoice, Subscription
from services import wording
from services.errors import PaymentsUnavailable
from services.gateways.stripe.connection import connection
from services.invoices import invoice_number
from services.payments.dunning import SUSPENDED_AFTER
from services.payments.mirror import OPEN
from services.payments.payment_views import web_address
from services.subscriptions import LIVE

SUSPENDED, PAST_DUE = "suspended", "past_due"


@dataclass(frozen=True)
class PaymentNotice:
    """A payment that failed, for the top of every page. `state` is past_due or suspended, "" where all is well."""

    state: str = ""
    title: str = ""
    detail: str = ""
    pay_url: str = ""
    invoice_id: str = ""


NO_NOTICE = PaymentNotice()


@dataclass(frozen=True)
class CustomerPayment:
    """How a customer pays, in a word or two; `trouble` is what is wrong, "" for nothing."""

    way: str = ""
    trouble: str = ""
    tone: str = "plain"


def account_in_use() -> str:
    """Whose records count now: sandbox, test or live; "" where no payment provider is set up."""
    try:
        return connection().account
    except PaymentsUnavailable:
        return ""


def is_sandbox() -> bool:
    """Whether payments go to the sandbox, where no money moves."""
    return account_in_use() == "sandbox"


def read_notice(session: Session, *, tenant_id: str, timezone: str) -> PaymentNotice:
    """What failed longest ago and is not settled yet, and when service stops for it."""
    statement = (
        select(Dunning, Invoice)
        .join(Invoice, (col(Invoice.tenant_id) == Dunning.tenant_id) & (col(Invoice.id) == Dunning.invoice_id))
        .where(Dunning.tenant_id == tenant_id, col(Dunning.ended_at).is_(None))
        .order_by(col(Dunning.suspended_at).is_(None), col(Dunning.failed_at), Dunning.invoice_id)
        .limit(1)
    )
    found = session.exec(statement).first()
    if found is None:
        return NO_NOTICE
    dunning, invoice = found
    named = f"{wording.amount(invoice.total_minor, invoice.currency)} for {invoice_number(invoice)}"
    failed_on = wording.moment_day(dunning.failed_at, timezone)
    pay_url = _pay_url(session, invoice)
    if dunning.suspended_at is not None:
        title = f"Your service is suspended: {named} has not been paid"
        detail = "Use is refused until it is. Reading and paying stay possible; paying restores service at once."
        return PaymentNotice(SUSPENDED, title, detail, pay_url, invoice.id)
    stops_on = wording.moment_day(dunning.failed_at + SUSPENDED_AFTER, timezone)
    detail = f"It failed on {failed_on}. Service goes on until {stops_on}; from then on use is refused."
    return PaymentNotice(PAST_DUE, f"The payment of {named} failed", detail, pay_url, invoice.id)


def read_customer_payments(
    session: Session, *, tenant_ids: Sequence[str], account: str, at: datetime
) -> dict[str, CustomerPayment]:
    """How each of a page of customers pays, by its id, in a fixed number of queries."""
    wanted = list(tenant_ids)
    cards = _cards(session, wanted, account)
    failed = _failed(session, wanted)
    ways = _ways(session, wanted)
    return {each: _worded(ways.get(each), each in cards, cards.get(each), failed.get(each), at=at) for each in wanted}


def _worded(
    way: Collection | None, is_known: bool, card: str | None, failed: Dunning | None, *, at: datetime
) -> CustomerPayment:
    trouble, tone = "", "plain"
    if failed is not None:
        days = max(0, (at - failed.failed_at).days)
        since = "today" if days == 0 else f"{days} day{'' if days == 1 else 's'} ago"
        trouble, tone = f"Failed {since}", "bad" if failed.suspended_at else "warn"
    if card:
        return CustomerPayment(card.partition(",")[0], trouble, tone)
    if way is None:
        return CustomerPayment("", trouble, tone)
    if way == Collection.MANUAL:
        return CustomerPayment("By transfer", trouble, tone)
    return CustomerPayment("No card on file" if is_known else "No card yet", trouble or "Cannot be charged", "warn")


def _cards(session: Session, tenant_ids: Sequence[str], account: str) -> dict[str, str | None]:
    statement = select(StripeCustomer.tenant_id, StripeCustomer.card).where(
        col(StripeCustomer.tenant_id).in_(tenant_ids),
        StripeCustomer.account == account,
        col(StripeCustomer.is_deleted).is_(False),
    )
    return dict(session.exec(statement).all())


def _failed(session: Session, tenant_ids: Sequence[str]) -> dict[str, Dunning]:
    """The failure that weighs most of each: one that suspended, else the oldest."""
    statement = (
        select(Dunning)
        .where(col(Dunning.tenant_id).in_(tenant_ids), col(Dunning.ended_at).is_(None))
        .order_by(col(Dunning.suspended_at).is_not(None), col(Dunning.failed_at).desc())
    )
    return {row.tenant_id: row for row in session.exec(statement)}


def _ways(session: Session, tenant_ids: Sequence[str]) -> dict[str, Collection]:
    statement = select(Subscription.tenant_id, Subscription.collection).where(
        col(Subscription.tenant_id).in_(tenant_ids), col(Subscription.status).in_(LIVE)
    )
    return {each: Collection(way) for each, way in session.exec(statement)}


def _pay_url(session: Session, invoice: Invoice) -> str:
    statement = select(StripeInvoice.hosted_url).where(
        StripeInvoice.tenant_id == invoice.tenant_id,
        StripeInvoice.invoice_id == invoice.id,
        StripeInvoice.status == OPEN,
    )
    return next((web_address(url) for url in session.exec(statement) if url), "")
