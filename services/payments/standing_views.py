"""How a customer stands with its payments, for the frame of every page and for our own list of customers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from models import Collection, Dunning, Invoice, StripeCustomer, Subscription, SubscriptionStatus
from services import wording
from services.errors import PaymentsUnavailable
from services.gateways.stripe.connection import SANDBOX_PATH, connection, local_address
from services.invoices.credit_notes import amount_left
from services.invoices.numbers import invoice_number
from services.payments.dunning import SUSPENDED_AFTER
from services.payments.mirror import OPEN, parts_of
from services.payments.payment_lines import web_address
from services.rules import money
from services.subscriptions.arrears import unpaid_invoices
from services.subscriptions.arrears_moves import plan_that_follows, preview_restoring
from services.subscriptions.finding import LIVE, plan_of

SUSPENDED, MOVED, PAST_DUE = "suspended", "moved", "past_due"


@dataclass(frozen=True)
class PaymentNotice:
    """A payment that failed, for the top of every page. `state` is past_due, suspended, or moved (to a plan without a
    fee); "" where all is well."""

    state: str = ""
    title: str = ""
    detail: str = ""
    pay_url: str = ""
    invoice_id: str = ""


NO_NOTICE = PaymentNotice()


@dataclass(frozen=True)
class MethodView:
    """What the customer pays with. `is_known` where Stripe has the customer, whose page for cards can be opened."""

    is_known: bool = False
    card: str = ""


NO_METHOD = MethodView()


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


def sandbox_home() -> str:
    """Where the sandbox's own pages are while payments go to it, where no money moves; "" where they do not.

    One that is part of this server is found under whatever name the server was reached by.
    """
    try:
        connected = connection()
    except PaymentsUnavailable:
        return ""
    if connected.account != "sandbox":
        return ""
    is_beside_us = connected.address == f"{local_address()}{SANDBOX_PATH}"
    return f"{SANDBOX_PATH}/" if is_beside_us else f"{connected.address}/"


def read_notice(session: Session, *, tenant_id: str, timezone: str, at: datetime) -> PaymentNotice:
    """What failed longest ago and is not settled yet, and what follows from it, and when."""
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
    unpaid_minor, pay_url = _unpaid(session, invoice)
    named = f"{wording.amount(unpaid_minor, invoice.currency)} for {invoice_number(invoice)}"
    subscription = session.get_one(Subscription, (tenant_id, invoice.subscription_id), populate_existing=True)
    if dunning.suspended_at is None:
        title = f"The payment of {named} failed"
        return PaymentNotice(
            PAST_DUE, title, _what_follows(session, dunning, subscription, timezone, at), pay_url, invoice.id
        )
    if subscription.former_version_id is not None:
        title, detail = _moved(session, subscription, named, timezone, at)
        return PaymentNotice(MOVED, title, detail, pay_url, invoice.id)
    title = f"Your service is suspended: {named} has not been paid"
    detail = "Use is refused until it is. Reading and paying stay possible; paying restores service at once."
    return PaymentNotice(SUSPENDED, title, detail, pay_url, invoice.id)


def _what_follows(session: Session, dunning: Dunning, subscription: Subscription, timezone: str, at: datetime) -> str:
    failed = f"It failed on {wording.moment_day(dunning.failed_at, timezone)}."
    stops_on = wording.moment_day(dunning.failed_at + SUSPENDED_AFTER, timezone)
    then = plan_that_follows(session, subscription=subscription, at=at)
    if then is None:
        return f"{failed} Service goes on until {stops_on}; from then on use is refused."
    name = plan_of(session, subscription).name
    if then.name == name:
        return f"{failed} You stay on {name} until it is paid."
    return f"{failed} You have {name} until {stops_on}; unless it is paid, you are moved to {then.name} then."


def _moved(session: Session, subscription: Subscription, named: str, timezone: str, at: datetime) -> tuple[str, str]:
    """What was moved, for what, and what brings it back. `named` is the first invoice, with what is due of it."""
    unpaid = unpaid_invoices(session, subscription=subscription)
    ends_at = subscription.current_period_end
    restoring = preview_restoring(session, subscription=subscription, at=min(at, ends_at - datetime.resolution))
    assert restoring is not None, "it was moved"
    name, before = plan_of(session, subscription).name, restoring.plan.name
    one = len(unpaid) == 1
    names = named if one else " and ".join(invoice_number(each) or "" for each in unpaid)
    said = f"{names} {'has' if one else 'have'} not been paid"
    if subscription.status == SubscriptionStatus.CANCELED:
        again = f"Pay {'it' if one else 'them'} before you start a plan again."
        return said, f"Your subscription was moved to {name} for that, and ended since. {again}"
    total = money.total((line.amount for line in restoring.lines), restoring.plan.currency)
    detail = f"Pay {'it' if one else 'them'} to get {before} back at once."
    if restoring.fee is not None and total.amount_minor:
        until = wording.moment_day(restoring.fee.term.ends_at, timezone)
        detail += f" Its base fee until {until}, {wording.money(total)} as of now, is on the invoice after that."
    return f"You are on {name} because {said}", detail


def read_method(session: Session, *, tenant_id: str, account: str) -> MethodView:
    """The card that is charged by itself, as it was when it was last read."""
    found = session.get(StripeCustomer, (tenant_id, account))
    return NO_METHOD if found is None or found.is_deleted else MethodView(True, found.card or "")


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
    without = "No card on file" if is_known else "No card yet"
    return CustomerPayment(without, trouble, tone) if trouble else CustomerPayment(without, "Cannot be charged", "warn")


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
    statement = statement.order_by(col(Subscription.name).desc())  # the main one's way counts
    return {each: Collection(way) for each, way in session.exec(statement)}


def _unpaid(session: Session, invoice: Invoice) -> tuple[int, str]:
    """What is still to be paid of an invoice, and where; what is at Stripe in two parts may be half paid."""
    parts = parts_of(session, tenant_id=invoice.tenant_id, invoice_id=invoice.id)
    unpaid = [part for part in parts if part.status == OPEN]
    pay_url = next((web_address(part.hosted_url) for part in unpaid if part.hosted_url), "")
    left_minor = sum(part.remaining_minor for part in unpaid) or amount_left(session, invoice=invoice)
    return left_minor, pay_url
