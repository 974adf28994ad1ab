"""Credit that an invoice cannot use up: it comes to zero instead, and what is left goes to the account's next one.

An invoice never asks for less than nothing. Where its lines would, a last line brings it to zero, and the same amount
waits as the account's credit: for the next invoice of any subscription, or until an operator pays it back. It is an
amount before tax: the invoice that takes it has less to tax. Paid back it brings back no tax; a credit note does.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlmodel import Session

from models import Invoice, LineKind, Subscription
from services.errors import Conflict
from services.invoices.lines import Line
from services.invoices.numbers import invoice_number
from services.invoices.pending_lines import (
    account_lines,
    pending_row,
    take_pending_lines,
    waiting_lines,
    waiting_of_account,
)
from services.invoices.receipts import write_pay_back_receipt
from services.price_books.plans import Plan
from services.rules import money
from services.rules.money import Money
from services.rules.periods import Period
from services.tenants import lock_head, read_tenant


def with_waiting(
    session: Session, *, subscription: Subscription, plan: Plan, period: Period, lines: Sequence[Line]
) -> list[Line]:
    """The lines of a closing invoice with all that waited for it, never below zero in sum.

    The account's credit is taken only where there is something to pay with it.
    """
    with_own = [*lines, *waiting_lines(session, subscription=subscription)]
    return with_credit(session, tenant_id=subscription.tenant_id, plan=plan, period=period, lines=with_own)


def with_credit(session: Session, *, tenant_id: str, plan: Plan, period: Period, lines: Sequence[Line]) -> list[Line]:
    """The lines of an invoice with the account's credit, never below zero in sum."""
    found = list(lines)
    if sum_of(found, plan).amount_minor > 0:
        found += account_lines(session, tenant_id=tenant_id)
    left = sum_of(found, plan)
    return found if left.amount_minor >= 0 else [*found, _out_line(-left, plan, period)]


def settle_waiting(
    session: Session,
    *,
    subscription: Subscription,
    invoice: Invoice,
    lines: Sequence[Line],
    at: datetime,
    with_own: bool = True,
) -> None:
    """Note what an invoice has taken, and keep what it carries on. The caller has held the lock since it made it."""
    of_account = any(line.kind == LineKind.CARRIED and line.amount.amount_minor < 0 for line in lines)
    take_pending_lines(session, subscription=subscription, invoice=invoice, of_account=of_account, with_own=with_own)
    out = next((line for line in lines if line.kind == LineKind.CARRIED and line.amount.amount_minor > 0), None)
    if out is not None:
        line = _in_line(out, invoice)
        session.add(pending_row(subscription.tenant_id, None, line, key=f"carried:{invoice.id}", position=1, at=at))
        session.flush()


def account_credit(session: Session, *, tenant_id: str) -> Money:
    """What waits for the account's next invoice, as an amount above or at zero."""
    currency = read_tenant(session, tenant_id=tenant_id).currency
    return -money.total((line.amount for line in account_lines(session, tenant_id=tenant_id)), currency)


def pay_back_credit(session: Session, *, tenant_id: str, by: str, at: datetime) -> Money:
    """Note that the account's credit was paid back to the customer, outside of here, with a receipt for each part.

    Answers how much. Raises Conflict where there is none, so that asking twice pays once.
    """
    lock_head(session, tenant_id=tenant_id)
    rows = waiting_of_account(session, tenant_id=tenant_id)
    if not rows:
        raise Conflict("This account has no credit to pay back.")
    for row in rows:
        row.paid_back_at, row.added_by = at, by
        session.add(row)
        carried_by = session.get_one(Invoice, (tenant_id, row.key.removeprefix("carried:")))
        paid = Money(row.amount_minor, row.currency)
        write_pay_back_receipt(session, invoice=carried_by, paid=paid, key=row.key, at=at)
    session.flush()
    return -money.total((Money(row.amount_minor, row.currency) for row in rows), rows[0].currency)


def sum_of(lines: Sequence[Line], plan: Plan) -> Money:
    """What lines come to."""
    return money.total((line.amount for line in lines), plan.currency)


def _out_line(amount: Money, plan: Plan, period: Period) -> Line:
    return Line(
        kind=LineKind.CARRIED,
        description="Credit left, carried to your next invoice",
        quantity=Decimal(1),
        unit="credit",
        amount=amount,
        period=period,
        plan_version_id=plan.version_id,
        pricing={"model": "flat", "amount": amount.plain()},
    )


def _in_line(out: Line, invoice: Invoice) -> Line:
    """What the next invoice takes of this one."""
    assert invoice.number is not None
    return Line(
        kind=LineKind.CARRIED,
        description=f"Credit carried from invoice {invoice_number(invoice)}",
        quantity=Decimal(1),
        unit="credit",
        amount=-out.amount,
        period=out.period,
        plan_version_id=out.plan_version_id,
        pricing={"model": "flat", "amount": (-out.amount).plain()},
        sources={"invoice": invoice.number},
    )
