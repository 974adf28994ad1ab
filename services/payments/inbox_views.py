"""The inbox for people of our own: what Stripe delivered, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, literal, tuple_
from sqlmodel import Session, col, func, or_, select

from models import StripeCustomer, StripeEvent, StripeEventStatus, Tenant
from models.base import NAME_MAX, UtcDateTime
from services import wording
from services.rules.redaction import redact_text

EVENTS_SHOWN = 25
COUNTED_MAX = 10_000
JUST_NOW = timedelta(seconds=10)
LATE_AFTER = timedelta(minutes=5)
CLOCK = "UTC"

STATUS_WORDS = {
    StripeEventStatus.WAITING: "Waiting",
    StripeEventStatus.FAILED: "Failed",
    StripeEventStatus.HANDLED: "Handled",
    StripeEventStatus.IGNORED: "Ignored",
}
STATUS_TONES = {
    StripeEventStatus.WAITING: "pending",
    StripeEventStatus.FAILED: "failed",
    StripeEventStatus.HANDLED: "settled",
    StripeEventStatus.IGNORED: "ignored",
}
FAMILIES = (
    ("checkout.session.", "Checkout"),
    ("customer.subscription.", "Subscriptions"),
    ("invoice.", "Invoices"),
    ("charge.", "Charges and disputes"),
    ("refund.", "Refunds"),
    ("credit_note.", "Credit notes"),
    ("customer.", "Customers"),
    ("payment_", "Payments"),
)
"""What types begin with, and what people call them."""


@dataclass(frozen=True)
class StatusCount:
    """How many have one status; all of them where `status` is ""."""

    status: str
    word: str
    count: str


@dataclass(frozen=True)
class EventRow:
    id: str
    type: str
    object_id: str
    customer: str
    status: str
    status_word: str
    attempts: str
    received: str
    error: str


@dataclass(frozen=True)
class InboxView:
    """A page of events, the newest first. `last` is what `after` is for the next page, "" where there is none."""

    rows: tuple[EventRow, ...] = ()
    counts: tuple[StatusCount, ...] = ()
    oldest: str = ""
    is_late: bool = False
    shown: str = ""
    last: str = ""


EMPTY_INBOX = InboxView()


def list_events(
    session: Session,
    *,
    at: datetime,
    account: str,
    status: str = "",
    family: str = "",
    text: str = "",
    after: str = "",
    seen: int = 0,
) -> InboxView:
    """An account's events by status, by the beginning of their type, and by a text: that of an id, or a part of a
    customer's name. What another account sent, such as the sandbox before, is not listed and not counted."""
    conditions = [_of_account(account), *_of_status(status), *_of_family(family), *_of_text(session, text)]
    statement = select(StripeEvent).where(*conditions)
    if after:
        moment, _, event_id = after.partition(" ")
        position = tuple_(col(StripeEvent.received_at), col(StripeEvent.id))
        boundary = tuple_(literal(datetime.fromisoformat(moment), UtcDateTime()), event_id)
        statement = statement.where(position < boundary)
    newest_first = (col(StripeEvent.received_at).desc(), col(StripeEvent.id).desc())
    found = session.exec(statement.order_by(*newest_first).limit(EVENTS_SHOWN + 1)).all()
    page = found[:EVENTS_SHOWN]
    names = names_of_customers(session, page)
    oldest = _oldest_waiting(session, account)
    return InboxView(
        rows=tuple(_row(event, names.get(event.id, "")) for event in page),
        counts=_counts(session, account),
        oldest="" if oldest is None else age(at - oldest),
        is_late=oldest is not None and at - oldest > LATE_AFTER,
        shown=shown_of(seen, len(page), _count(session, conditions)),
        last=f"{page[-1].received_at.isoformat()} {page[-1].id}" if len(found) > EVENTS_SHOWN else "",
    )


def age(passed: timedelta) -> str:
    """How long something has waited, in two units at most: 12 s, 3 min, 2 h 5 min, 3 days."""
    seconds = max(0, int(passed.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3_600:
        return f"{seconds // 60} min"
    if seconds < 86_400:
        hours, minutes = divmod(seconds // 60, 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days = seconds // 86_400
    return f"{days:,} day{'' if days == 1 else 's'}"


def ago(passed: timedelta) -> str:
    """How long ago something was: just now, 3 min ago."""
    return "just now" if passed < JUST_NOW else f"{age(passed)} ago"


def shown_of(seen: int, count: int, total: int) -> str:
    """26–50 of 312. Beyond COUNTED_MAX nothing is counted."""
    of = f"more than {COUNTED_MAX:,}" if total > COUNTED_MAX else f"{total:,}"
    return f"{seen + 1:,}–{seen + count:,} of {of}" if count else f"0 of {of}"


def _of_account(account: str) -> ColumnElement[bool]:
    return col(StripeEvent.account) == account


def _of_status(status: str) -> list[ColumnElement[bool]]:
    return [col(StripeEvent.status) == StripeEventStatus(status)] if status in set(StripeEventStatus) else []


def _of_family(family: str) -> list[ColumnElement[bool]]:
    is_one = family in {prefix for prefix, _ in FAMILIES}
    return [col(StripeEvent.type).startswith(family, autoescape=True)] if is_one else []


def _of_text(session: Session, text: str) -> list[ColumnElement[bool]]:
    wanted = printable(text)
    if not wanted:
        return []
    tenants = select(Tenant.id).where(col(Tenant.name).icontains(wanted, autoescape=True))
    theirs = select(StripeCustomer.stripe_id).where(col(StripeCustomer.tenant_id).in_(tenants))
    ids = [col(StripeEvent.id), col(StripeEvent.object_id), col(StripeEvent.customer_id)]
    begins = [each.startswith(wanted, autoescape=True) for each in ids]
    return [or_(*begins, col(StripeEvent.tenant_id).in_(tenants), col(StripeEvent.customer_id).in_(theirs))]


def printable(text: str) -> str:
    """What a name or an id could hold of a text that anybody may have sent."""
    return " ".join("".join(c for c in text if c.isprintable() or c.isspace()).split())[:NAME_MAX]


def _count(session: Session, conditions: Sequence[ColumnElement[bool]]) -> int:
    some = select(StripeEvent.id).where(*conditions).limit(COUNTED_MAX + 1).subquery()
    return session.exec(select(func.count()).select_from(some)).one()


def _counts(session: Session, account: str) -> tuple[StatusCount, ...]:
    of_account = select(StripeEvent.status, func.count()).where(_of_account(account))
    statement = of_account.group_by(col(StripeEvent.status))
    found = {StripeEventStatus(status): count for status, count in session.exec(statement)}
    each = [StatusCount(status.value, word, f"{found.get(status, 0):,}") for status, word in STATUS_WORDS.items()]
    return (StatusCount("", "All", f"{sum(found.values()):,}"), *each)


def _oldest_waiting(session: Session, account: str) -> datetime | None:
    waiting = col(StripeEvent.status) == StripeEventStatus.WAITING
    return session.exec(select(func.min(col(StripeEvent.received_at))).where(waiting, _of_account(account))).one()


def names_of_customers(session: Session, events: Sequence[StripeEvent]) -> dict[str, str]:
    """The name of whose each event is, by the event's id; of those not handled yet by their customer at Stripe."""
    at_stripe = {event.customer_id for event in events if event.tenant_id is None and event.customer_id}
    linked = select(StripeCustomer.stripe_id, StripeCustomer.tenant_id).where(
        col(StripeCustomer.stripe_id).in_(at_stripe)
    )
    tenants = dict(session.exec(linked).all()) if at_stripe else {}
    owners = {event.id: event.tenant_id or tenants.get(event.customer_id or "", "") for event in events}
    statement = select(Tenant.id, Tenant.name).where(col(Tenant.id).in_(set(owners.values()) - {""}))
    names = dict(session.exec(statement).all())
    return {event_id: names.get(tenant_id, "") for event_id, tenant_id in owners.items()}


def _row(event: StripeEvent, customer: str) -> EventRow:
    return EventRow(
        id=event.id,
        type=event.type,
        object_id=event.object_id,
        customer=customer,
        status=STATUS_TONES[event.status],
        status_word=STATUS_WORDS[event.status],
        attempts=f"{event.attempts:,}",
        received=wording.moment(event.received_at, CLOCK),
        error=redact_text(event.error or ""),
    )
