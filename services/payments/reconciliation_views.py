"""The comparison for people of our own: events, our invoice, Stripe's invoice and the payment, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, literal, tuple_
from sqlmodel import Session, col, func, or_, select

from models import Invoice, InvoiceCheck, StripeInvoice, Tenant
from models.base import UtcDateTime
from services import wording
from services.invoices.numbers import invoice_number
from services.payments import reconciliation
from services.payments.inbox_views import CLOCK, COUNTED_MAX, ago, printable, shown_of

INVOICES_SHOWN = 25
UNKNOWN_SHOWN_MAX = 50
CHECKED_AT_ONCE = 100

EVENTS, OURS, STRIPE, PAYMENT = "events", "ours", "stripe", "payment"
COLUMN_OF = {
    "events_missing": EVENTS,
    "events_differ": EVENTS,
    "lines_differ": OURS,
    "missing_at_stripe": STRIPE,
    "void_at_stripe": STRIPE,
    "stripe_total_differs": STRIPE,
    "not_finalized": STRIPE,
    "call_held": STRIPE,
    "credit_differs": STRIPE,
    "paid_here_only": PAYMENT,
    "paid_there_only": PAYMENT,
    "payment_differs": PAYMENT,
    "refund_differs": PAYMENT,
    "disputed": PAYMENT,
}
"""Which column shows a difference; one that is not listed shows where the two sides meet."""

WORDS = {
    "agrees": "Agrees",
    "differs": "Differs",
    "elsewhere": "Not at Stripe",
    "unchecked": "Not checked",
}


@dataclass(frozen=True)
class Verdict:
    """What one column says: agrees, differs, elsewhere (not collected by Stripe) or unchecked."""

    state: str
    word: str


@dataclass(frozen=True)
class ComparedRow:
    """One invoice and what its last comparison found."""

    tenant_id: str
    invoice_id: str
    number: str
    customer: str
    issued: str
    amount: str
    events: Verdict
    ours: Verdict
    stripe: Verdict
    payment: Verdict
    differences: tuple[str, ...]
    checked: str


@dataclass(frozen=True)
class UnknownRow:
    """An invoice at Stripe that is none of ours."""

    stripe_id: str
    customer: str
    amount: str
    status: str
    created: str


@dataclass(frozen=True)
class ReconciliationView:
    """A page of invoices, the newest first. `last` is what `after` is for the next page, "" where there is none."""

    rows: tuple[ComparedRow, ...] = ()
    shown: str = ""
    last: str = ""
    invoices: str = ""
    differing: str = ""
    has_differing: bool = False
    unchecked: str = ""
    oldest_check: str = ""
    unknown: tuple[UnknownRow, ...] = ()
    unknown_count: str = ""


EMPTY_RECONCILIATION = ReconciliationView()


def list_compared(
    session: Session,
    *,
    at: datetime,
    account: str,
    only_differences: bool = False,
    text: str = "",
    after: str = "",
    seen: int = 0,
) -> ReconciliationView:
    """Invoices with their last comparison; `text` is a part of a customer's name, or an invoice's id or number."""
    conditions = [col(Invoice.number).is_not(None), *_of_text(text)]
    if only_differences:
        conditions.append(col(InvoiceCheck.difference_count) > 0)
    statement = _joined(select(Invoice, InvoiceCheck, Tenant.name, Tenant.timezone)).where(*conditions)
    if after:
        moment, tenant_id, invoice_id = after.split(" ", 2)
        boundary = tuple_(literal(datetime.fromisoformat(moment), UtcDateTime()), tenant_id, invoice_id)
        statement = statement.where(tuple_(*_position()) < boundary)
    newest_first = [each.desc() for each in _position()]
    found = session.exec(statement.order_by(*newest_first).limit(INVOICES_SHOWN + 1)).all()
    page = found[:INVOICES_SHOWN]
    carried = _carried(session, [invoice for invoice, *_ in page])
    unknown, unknown_count = _unknown(session, account, at)
    last = page[-1][0] if len(found) > INVOICES_SHOWN else None
    return ReconciliationView(
        rows=tuple(
            _row(invoice, check, name, timezone, is_carried=(invoice.tenant_id, invoice.id) in carried, at=at)
            for invoice, check, name, timezone in page
        ),
        shown=shown_of(seen, len(page), _count(session, conditions)),
        last="" if last is None else f"{last.issued_at.isoformat()} {last.tenant_id} {last.id}",
        unknown=unknown,
        unknown_count=unknown_count,
        **_summary(session, at),
    )


def invoices_to_check(session: Session, *, after: tuple[str, str] = ("", "")) -> list[tuple[str, str]]:
    """(tenant, invoice) of the final invoices that follow `after`, CHECKED_AT_ONCE of them."""
    key = (col(Invoice.tenant_id), col(Invoice.id))
    statement = (
        select(Invoice.tenant_id, Invoice.id)
        .where(col(Invoice.number).is_not(None), tuple_(*key) > tuple_(*after))
        .order_by(*key)
        .limit(CHECKED_AT_ONCE)
    )
    return [(tenant_id, invoice_id) for tenant_id, invoice_id in session.exec(statement)]


def count_invoices(session: Session) -> int:
    """How many final invoices there are."""
    return session.exec(select(func.count()).select_from(Invoice).where(col(Invoice.number).is_not(None))).one()


def _joined(statement: Any) -> Any:
    is_its_check = (col(InvoiceCheck.tenant_id) == Invoice.tenant_id) & (col(InvoiceCheck.invoice_id) == Invoice.id)
    return statement.join(Tenant, col(Tenant.id) == Invoice.tenant_id).outerjoin(InvoiceCheck, is_its_check)


def _position() -> list[Any]:
    return [col(Invoice.issued_at), col(Invoice.tenant_id), col(Invoice.id)]


def _of_text(text: str) -> list[ColumnElement[bool]]:
    wanted = printable(text)
    if not wanted:
        return []
    either = [col(Tenant.name).icontains(wanted, autoescape=True), col(Invoice.id) == wanted]
    digits = wanted.upper().removeprefix("INV-")
    if digits.isascii() and digits.isdigit() and len(digits) <= 12:
        either.append(col(Invoice.number) == int(digits))
    return [or_(*either)]


def _count(session: Session, conditions: Sequence[ColumnElement[bool]]) -> int:
    some = _joined(select(Invoice.id).select_from(Invoice)).where(*conditions).limit(COUNTED_MAX + 1).subquery()
    return session.exec(select(func.count()).select_from(some)).one()


def _carried(session: Session, invoices: Sequence[Invoice]) -> set[tuple[str, str]]:
    """Which invoices Stripe has."""
    statement = select(StripeInvoice.tenant_id, StripeInvoice.invoice_id).where(
        col(StripeInvoice.tenant_id).in_({each.tenant_id for each in invoices}),
        col(StripeInvoice.invoice_id).in_([each.id for each in invoices]),
    )
    return {(tenant_id, str(invoice_id)) for tenant_id, invoice_id in session.exec(statement)}


def _row(
    invoice: Invoice, check: InvoiceCheck | None, name: str, timezone: str, *, is_carried: bool, at: datetime
) -> ComparedRow:
    found: list[Mapping[str, str]] = [] if check is None else check.differences
    columns = {COLUMN_OF.get(str(each["code"]), STRIPE) for each in found}

    def verdict(column: str) -> Verdict:
        state = "unchecked" if check is None else "differs" if column in columns else "agrees"
        if state == "agrees" and column in (STRIPE, PAYMENT) and not is_carried:
            state = "elsewhere"
        return Verdict(state, WORDS[state])

    return ComparedRow(
        tenant_id=invoice.tenant_id,
        invoice_id=invoice.id,
        number=invoice_number(invoice) or "",
        customer=name,
        issued=wording.moment_day(invoice.issued_at, timezone),
        amount=wording.amount(invoice.total_minor, invoice.currency),
        events=verdict(EVENTS),
        ours=verdict(OURS),
        stripe=verdict(STRIPE),
        payment=verdict(PAYMENT),
        differences=tuple(str(each["detail"]) for each in found),
        checked="" if check is None else ago(at - check.checked_at),
    )


def _summary(session: Session, at: datetime) -> dict[str, Any]:
    total = count_invoices(session)
    statement = select(func.count(), func.min(col(InvoiceCheck.checked_at)))
    checked, oldest = session.exec(statement).one()
    differing = session.exec(
        select(func.count()).select_from(InvoiceCheck).where(col(InvoiceCheck.difference_count) > 0)
    ).one()
    return {
        "invoices": f"{total:,}",
        "differing": f"{differing:,}",
        "has_differing": differing > 0,
        "unchecked": f"{max(0, total - checked):,}",
        "oldest_check": "" if oldest is None else ago(at - oldest),
    }


def _unknown(session: Session, account: str, at: datetime) -> tuple[tuple[UnknownRow, ...], str]:
    found = reconciliation.unknown_at_stripe(session, account=account, at=at)
    shown = found[:UNKNOWN_SHOWN_MAX]
    named = select(Tenant.id, Tenant.name).where(col(Tenant.id).in_({each.tenant_id for each in shown}))
    names = dict(session.exec(named).all())
    rows = tuple(
        UnknownRow(
            stripe_id=each.stripe_id,
            customer=names.get(each.tenant_id, ""),
            amount=wording.amount(each.total_minor, each.currency),
            status=each.status,
            created=wording.moment_day(each.created_at, CLOCK),
        )
        for each in shown
    )
    return rows, f"{len(found):,}"
