"""Lines that wait for an invoice: kept once by what caused them, taken by the next close of their subscription.

A credit that no invoice could use up is the account's: it waits for whichever invoice comes next, of any subscription.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from models import Invoice, PendingLine, Subscription
from services.closing.questions import Question
from services.invoices.lines import Line
from services.rules.money import Money
from services.rules.periods import Period

WAITING_MAX = 1_000
"""Lines of this kind on one invoice; the rest wait for the one after."""


def add_pending_line(
    session: Session, *, subscription: Subscription, line: Line, at: datetime, key: str, by: str = ""
) -> None:
    """Let a line wait for the subscription's next closing invoice. The same `key` adds nothing again.

    `by` is who decided on it, where somebody did. The caller holds the lock on the tenant's head.
    """
    add_pending_lines(session, subscription=subscription, lines=[line], at=at, key=key, by=by)


def add_pending_lines(
    session: Session, *, subscription: Subscription, lines: Sequence[Line], at: datetime, key: str, by: str = ""
) -> None:
    """Let the lines of one cause wait together, in their order. The same `key` adds nothing again."""
    if find_pending_lines(session, tenant_id=subscription.tenant_id, key=key):
        return
    session.add_all(
        pending_row(subscription.tenant_id, subscription.id, line, key=key, position=position, at=at, by=by)
        for position, line in enumerate(lines, start=1)
    )
    session.flush()


def find_pending_lines(session: Session, *, tenant_id: str, key: str) -> list[PendingLine]:
    """The lines of one cause, taken or not."""
    statement = select(PendingLine).where(PendingLine.tenant_id == tenant_id, PendingLine.key == key)
    return list(session.exec(statement.order_by(col(PendingLine.position))))


def waiting_lines(session: Session, *, subscription: Subscription) -> list[Line]:
    """What the subscription's next closing invoice takes, in the order it was added."""
    return [line_of(row) for row in _waiting(session, subscription)]


def account_lines(session: Session, *, tenant_id: str) -> list[Line]:
    """The credit that waits for the account's next invoice, the oldest first."""
    return [line_of(row) for row in waiting_of_account(session, tenant_id=tenant_id)]


def take_pending_lines(
    session: Session, *, subscription: Subscription, invoice: Invoice, of_account: bool, with_own: bool = True
) -> None:
    """Note that an invoice has taken what waited for it; with `of_account`, the account's credit too.

    The caller has held the lock on the tenant's head since it read the lines.
    """
    rows = _waiting(session, subscription) if with_own else []
    if of_account:
        rows += waiting_of_account(session, tenant_id=subscription.tenant_id)
    for row in rows:
        row.invoice_id = invoice.id
        session.add(row)
    session.flush()


def waiting_of_account(session: Session, *, tenant_id: str) -> list[PendingLine]:
    """The rows of the account's credit that were neither taken nor paid back, the oldest first."""
    return CREDIT_OF_ACCOUNT.ask(session, tenant_id)


def pending_row(
    tenant_id: str, subscription_id: str | None, line: Line, *, key: str, position: int, at: datetime, by: str = ""
) -> PendingLine:
    """A line as it is kept. Its use is never kept: what a line sums is known only as its invoice is made."""
    assert line.usage is None
    assert not line.steps
    return PendingLine(
        tenant_id=tenant_id,
        key=key,
        position=position,
        subscription_id=subscription_id,
        kind=line.kind,
        description=line.description,
        quantity=line.quantity,
        unit=line.unit,
        amount_minor=line.amount.amount_minor,
        currency=line.amount.currency,
        period_start=line.period.starts_at,
        period_end=line.period.ends_at,
        plan_version_id=line.plan_version_id,
        pricing=line.pricing,
        sources=line.sources,
        added_at=at,
        added_by=by,
    )


def line_of(row: PendingLine) -> Line:
    """A kept line as an invoice takes it."""
    return Line(
        kind=row.kind,
        description=row.description,
        quantity=row.quantity,
        unit=row.unit,
        amount=Money(row.amount_minor, row.currency),
        period=Period(0, row.period_start, row.period_end),
        plan_version_id=row.plan_version_id,
        pricing=row.pricing,
        sources=row.sources,
    )


def _waiting(session: Session, subscription: Subscription) -> list[PendingLine]:
    return LINES_THAT_WAIT.ask(session, subscription.tenant_id, subscription.id)


def _in_order(*conditions: ColumnElement[bool] | bool) -> SelectOfScalar[PendingLine]:
    statement = select(PendingLine).where(*conditions, col(PendingLine.invoice_id).is_(None))
    in_order = statement.order_by(col(PendingLine.added_at), col(PendingLine.key), col(PendingLine.position))
    return in_order.execution_options(populate_existing=True)


LINES_THAT_WAIT = Question(
    lambda tenant, owner: _in_order(PendingLine.tenant_id == tenant, PendingLine.subscription_id == owner),
    Subscription.tenant_id,
    Subscription.id,
    rows_max=WAITING_MAX,
)
CREDIT_OF_ACCOUNT = Question(
    lambda tenant: _in_order(
        PendingLine.tenant_id == tenant,
        col(PendingLine.subscription_id).is_(None),
        col(PendingLine.paid_back_at).is_(None),
    ),
    Subscription.tenant_id,
    rows_max=WAITING_MAX,
)
