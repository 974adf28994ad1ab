"""The outbox for people of our own: calls we owe Stripe, why some are held, and what was made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, literal, tuple_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, or_, select

from models import StripeCall, StripeCallKind, StripeCallStatus, Tenant
from models.base import UtcDateTime
from services import wording
from services.payments.inbox_views import CLOCK, COUNTED_MAX, StatusCount, age, printable, shown_of
from services.rules.redaction import redact_text

CALLS_SHOWN = 25
KIND_WORDS = {
    StripeCallKind.CREATE_CUSTOMER: "Create the customer",
    StripeCallKind.SHARE_CARD: "Let the card pay all invoices",
    StripeCallKind.CREATE_SUBSCRIPTION: "Create the subscription",
    StripeCallKind.CANCEL_SUBSCRIPTION: "Cancel the subscription",
    StripeCallKind.CHANGE_PRICE: "Change the price of the subscription",
    StripeCallKind.PLAN_END: "Plan the end of the subscription, or take it back",
    StripeCallKind.HOLD_DRAFT: "Hold the renewal's draft",
    StripeCallKind.OPEN_DRAFT: "Open a draft",
    StripeCallKind.ADD_DIFFERENCE: "Put the base fee right",
    StripeCallKind.ADD_LINES: "Add our lines",
    StripeCallKind.ADD_TAXES: "Add the taxes",
    StripeCallKind.SET_TERMS: "Set how it is paid",
    StripeCallKind.FINALIZE: "Finalise the invoice",
    StripeCallKind.FINALIZE_UNCOLLECTED: "Finalise the invoice, not to be collected",
    StripeCallKind.SEND: "Send the invoice",
    StripeCallKind.PAID_ELSEWHERE: "Mark as paid elsewhere",
    StripeCallKind.VOID: "Void the invoice",
    StripeCallKind.MARK_UNCOLLECTIBLE: "Mark as uncollectible",
    StripeCallKind.CREDIT_NOTE: "Issue the credit note",
    StripeCallKind.REFUND: "Give the payment back",
}
STATUS_WORDS = {
    StripeCallStatus.HELD: "Held",
    StripeCallStatus.WAITING: "Waiting",
    StripeCallStatus.DONE: "Made",
}
STATUS_TONES = {
    StripeCallStatus.HELD: "failed",
    StripeCallStatus.WAITING: "pending",
    StripeCallStatus.DONE: "settled",
}


@dataclass(frozen=True)
class CallRow:
    """One call. `note` says what it waits for or why it is held; `can_retry` for those that are held."""

    tenant_id: str
    account: str
    key: str
    name: str
    subject: str
    customer: str
    status: str
    status_word: str
    attempts: str
    since: str
    note: str
    stripe_id: str
    can_retry: bool


@dataclass(frozen=True)
class OutboxView:
    """A page of calls. `last` is what `after` is for the next page, "" where there is none."""

    rows: tuple[CallRow, ...] = ()
    counts: tuple[StatusCount, ...] = ()
    oldest: str = ""
    held: int = 0
    shown: str = ""
    last: str = ""


EMPTY_OUTBOX = OutboxView()


def list_calls(
    session: Session, *, at: datetime, account: str, status: str = "", text: str = "", after: str = "", seen: int = 0
) -> OutboxView:
    """Calls to an account, of one status (held, where none is named): those due longest first, those made newest first.

    `text` is a key, a subject, an id at Stripe, the beginning of one, or a part of a customer's name.
    """
    chosen = StripeCallStatus(status) if status in set(StripeCallStatus) else StripeCallStatus.HELD
    conditions = [col(StripeCall.account) == account, col(StripeCall.status) == chosen, *_of_text(text)]
    is_made = chosen == StripeCallStatus.DONE
    order = _order(is_made=is_made)
    statement = select(StripeCall).where(*conditions)
    if after:
        moment, tenant_id, account, key = after.split(" ", 3)
        position = tuple_(order[0], *order[1:])
        boundary = tuple_(literal(datetime.fromisoformat(moment), UtcDateTime()), tenant_id, account, key)
        statement = statement.where(position < boundary if is_made else position > boundary)
    sorted_by = [each.desc() for each in order] if is_made else order
    found = session.exec(statement.order_by(*sorted_by).limit(CALLS_SHOWN + 1)).all()
    page = found[:CALLS_SHOWN]
    counts = _counts(session, account)
    oldest = session.exec(
        select(func.min(col(StripeCall.created_at))).where(
            col(StripeCall.account) == account, col(StripeCall.status) == StripeCallStatus.WAITING
        )
    ).one()
    names = _names(session, page)
    blocked = _blocked(session, page)
    return OutboxView(
        rows=tuple(_row(call, names.get(call.tenant_id, ""), call.key in blocked, at) for call in page),
        counts=tuple(StatusCount(each.value, word, f"{counts.get(each, 0):,}") for each, word in STATUS_WORDS.items()),
        oldest="" if oldest is None else age(at - oldest),
        held=counts.get(StripeCallStatus.HELD, 0),
        shown=shown_of(seen, len(page), _count(session, conditions)),
        last=_cursor(page[-1], is_made=is_made) if len(found) > CALLS_SHOWN else "",
    )


def _order(*, is_made: bool) -> list[Any]:
    first = col(StripeCall.created_at) if is_made else col(StripeCall.next_attempt_at)
    return [first, col(StripeCall.tenant_id), col(StripeCall.account), col(StripeCall.key)]


def _cursor(call: StripeCall, *, is_made: bool) -> str:
    moment = call.created_at if is_made else call.next_attempt_at
    return f"{moment.isoformat()} {call.tenant_id} {call.account} {call.key}"


def _of_text(text: str) -> list[ColumnElement[bool]]:
    wanted = printable(text)
    if not wanted:
        return []
    tenants = select(Tenant.id).where(col(Tenant.name).icontains(wanted, autoescape=True))
    columns = (col(StripeCall.key), col(StripeCall.subject), col(StripeCall.stripe_id))
    begins = [each.startswith(wanted, autoescape=True) for each in columns]
    return [or_(*begins, col(StripeCall.tenant_id).in_(tenants))]


def _counts(session: Session, account: str) -> dict[StripeCallStatus, int]:
    of_account = select(StripeCall.status, func.count()).where(col(StripeCall.account) == account)
    statement = of_account.group_by(col(StripeCall.status))
    return {StripeCallStatus(status): count for status, count in session.exec(statement)}


def _count(session: Session, conditions: Sequence[ColumnElement[bool]]) -> int:
    some = select(StripeCall.key).where(*conditions).limit(COUNTED_MAX + 1).subquery()
    return session.exec(select(func.count()).select_from(some)).one()


def _names(session: Session, calls: Sequence[StripeCall]) -> dict[str, str]:
    statement = select(Tenant.id, Tenant.name).where(col(Tenant.id).in_({call.tenant_id for call in calls}))
    return dict(session.exec(statement).all())


def _blocked(session: Session, calls: Sequence[StripeCall]) -> set[str]:
    """The keys of those that wait for one held before them."""
    waiting = [call.key for call in calls if call.status == StripeCallStatus.WAITING]
    if not waiting:
        return set()
    earlier = aliased(StripeCall)
    statement = select(StripeCall.key).where(
        col(StripeCall.key).in_(waiting),
        exists().where(
            col(earlier.tenant_id) == StripeCall.tenant_id,
            col(earlier.subject) == StripeCall.subject,
            col(earlier.position) < StripeCall.position,
            col(earlier.status) == StripeCallStatus.HELD,
        ),
    )
    return set(session.exec(statement))


def _row(call: StripeCall, customer: str, is_blocked: bool, at: datetime) -> CallRow:
    return CallRow(
        tenant_id=call.tenant_id,
        account=call.account,
        key=call.key,
        name=KIND_WORDS[call.kind],
        subject=call.subject,
        customer=customer,
        status=STATUS_TONES[call.status],
        status_word=STATUS_WORDS[call.status],
        attempts=f"{call.attempts:,}",
        since=wording.moment(call.done_at or call.created_at, CLOCK),
        note=_note(call, is_blocked, at),
        stripe_id=call.stripe_id or "",
        can_retry=call.status == StripeCallStatus.HELD,
    )


def _note(call: StripeCall, is_blocked: bool, at: datetime) -> str:
    if call.status == StripeCallStatus.DONE:
        return ""
    error = redact_text(call.error or "")
    if call.status == StripeCallStatus.HELD:
        return error
    if is_blocked:
        return "Waits for the held call before it"
    soon = "Due now" if call.next_attempt_at <= at else f"Next try in {age(call.next_attempt_at - at)}"
    return f"{error} {soon}" if error else soon
