"""What waits for a customer's invoices, for our own side: adjustments, other lines, and the credit of the account."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from models import Invoice, LineKind, PendingLine, Tenant, User
from services import wording
from services.errors import Conflict, Unprocessable
from services.invoices.adjustments import adjust_subscription
from services.invoices.carried_credit import account_credit, pay_back_credit
from services.invoices.pending_lines import WAITING_MAX
from services.price_books.books import plan_version
from services.rules.money import Money
from services.rules.violations import RuleViolation
from services.subscriptions.finding import list_subscriptions, plan_of, read_subscription
from services.subscriptions.picker import name_of
from services.tenants import read_tenant

KIND_WORDS = {
    LineKind.PRORATION: "Change of plan",
    LineKind.ADJUSTMENT: "Adjustment",
    LineKind.CARRIED: "Credit carried on",
    LineKind.GAIN_SHARE: "Gain-share",
    LineKind.BASE: "Base fee",
    LineKind.DISCOUNT: "Promotion",
}


@dataclass(frozen=True)
class WaitingLine:
    """A line that the next invoice of its subscription takes; of any of them, where `subscription` is the account."""

    description: str
    kind: str
    subscription: str
    days: str
    amount: str
    added: str
    by: str


@dataclass(frozen=True)
class AdjustmentsView:
    """A customer's waiting lines, oldest first. `subscriptions` are (id, words) of those that can be adjusted.

    `credit` is "" where the account has none; `credit_tax` says what it means for taxes, where an invoice had some.
    """

    tenant_id: str = ""
    tenant_name: str = ""
    currency: str = ""
    subscriptions: tuple[tuple[str, str], ...] = ()
    rows: tuple[WaitingLine, ...] = ()
    credit: str = ""
    credit_tax: str = ""


CREDIT_TAX = (
    "This is an amount before tax. Taken off an invoice, it lowers the tax there; paid back, it brings back none. To "
    "give tax back, issue a credit note on the invoice that charged it, and take this credit off by an adjustment of "
    "as much."
)

EMPTY_ADJUSTMENTS = AdjustmentsView()


def read_adjustments(session: Session, *, tenant_id: str) -> AdjustmentsView:
    """All that waits for a customer's invoices. Raises NotFound for an unknown customer."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    found = list_subscriptions(session, tenant_id=tenant_id)
    names = {each.id: f"{name_of(each)} · {plan_of(session, each).name}" for each in found}
    statement = select(PendingLine).where(
        PendingLine.tenant_id == tenant_id,
        col(PendingLine.invoice_id).is_(None),
        col(PendingLine.paid_back_at).is_(None),
    )
    in_order = statement.order_by(col(PendingLine.added_at), col(PendingLine.key), col(PendingLine.position))
    rows = session.exec(in_order.limit(WAITING_MAX)).all()
    credit = account_credit(session, tenant_id=tenant_id)
    return AdjustmentsView(
        tenant_id=tenant.id,
        tenant_name=tenant.name,
        currency=tenant.currency,
        subscriptions=tuple(names.items()),
        rows=tuple(_row(session, row, names, tenant) for row in rows),
        credit=wording.money(credit) if credit.amount_minor else "",
        credit_tax=CREDIT_TAX if credit.amount_minor and _was_taxed(session, tenant_id) else "",
    )


def add_adjustment(
    session: Session,
    *,
    tenant_id: str,
    subscription_id: str,
    amount: str,
    reason: str,
    adjustment_id: str,
    by: str,
    at: datetime,
) -> str:
    """Add what was typed, once for each `adjustment_id`, and answer in a sentence.

    Raises Unprocessable for what is no amount, and what `adjust_subscription` raises.
    """
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    currency = plan_version(session, version_id=subscription.plan_version_id).currency
    try:
        money = Money.parse(amount.strip().replace(",", ""), currency)
    except RuleViolation as violation:
        raise Unprocessable(violation.message, field="amount") from violation
    row = adjust_subscription(
        session,
        tenant_id=tenant_id,
        subscription_id=subscription_id,
        amount_minor=money.amount_minor,
        reason=reason,
        adjustment_id=adjustment_id,
        by=by,
        at=at,
    )
    return f"{wording.amount(row.amount_minor, row.currency)} waits for the next invoice."


def pay_back_shown(session: Session, *, tenant_id: str, shown: str, by: str, at: datetime) -> str:
    """Note that the credit that was shown is paid back, and answer in a sentence.

    Raises Conflict where the account has another credit by now, or none.
    """
    paid = pay_back_credit(session, tenant_id=tenant_id, by=by, at=at)
    if wording.money(paid) != shown:
        raise Conflict("The credit of this account changed since you looked. Check it again, then pay it back.")
    return f"{shown} is noted as paid back, with a receipt."


def _was_taxed(session: Session, tenant_id: str) -> bool:
    statement = select(Invoice.id).where(Invoice.tenant_id == tenant_id, col(Invoice.tax_minor) > 0)
    return session.exec(statement.limit(1)).first() is not None


def _row(session: Session, row: PendingLine, names: dict[str, str], tenant: Tenant) -> WaitingLine:
    by = session.get(User, row.added_by) if row.added_by else None
    return WaitingLine(
        description=row.description,
        kind=KIND_WORDS.get(row.kind, row.kind.value.replace("_", " ").capitalize()),
        subscription="The account" if row.subscription_id is None else names[row.subscription_id],
        days=wording.span(row.period_start, row.period_end, tenant.timezone),
        amount=wording.amount(row.amount_minor, row.currency),
        added=wording.moment(row.added_at, tenant.timezone),
        by=row.added_by if by is None else by.email,
    )
