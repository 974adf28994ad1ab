"""The inbox: events are kept under their id first, and worked on afterwards, however often they arrive."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlmodel import Session, col

from models import EventSource, StripeAccount, StripeEvent, StripeEventStatus, table_of
from models.stripe_event import ERROR_MAX
from services.database import insert_into, insert_missing
from services.errors import NotFound
from services.gateways.stripe.facts import EventFacts
from services.payments.subjects import RETURNS, Subject, subject_of

CLAIMED_FOR = timedelta(minutes=2)
CLAIMED_AT_ONCE = 200
TOGETHER_MAX = 2_000
"""Events that are about the same objects as those, and are taken with them: what is read for one serves all."""

ATTEMPTS_MAX = 12
"""With these waits, two hours and a half."""

ATTEMPTS_UNANSWERED_MAX = 60
"""Where the provider gives no answer: two days, for nothing is wrong with the event."""

RETRY_AFTER_FIRST = timedelta(seconds=5)
RETRY_AFTER_MAX = timedelta(hours=1)

_events = table_of(StripeEvent)
_accounts = table_of(StripeAccount)


@dataclass(slots=True)
class Claim:
    """Events that are worked on here until they are done or CLAIMED_FOR has passed, by what they are about.

    `ticket` was drawn before anything is read for them: of two readings, the one with the higher ticket is kept.
    """

    ticket: int
    by_subject: dict[Subject, list[str]] = field(default_factory=dict)


def keep_event(session: Session, *, account: str, event: EventFacts, source: EventSource, at: datetime) -> bool:
    """Keep an event under its id. False where it is here already; then nothing changes."""
    return keep_events(session, account=account, events=[event], source=source, at=at) == 1


def keep_events(
    session: Session, *, account: str, events: Sequence[EventFacts], source: EventSource, at: datetime
) -> int:
    """Keep those events that are not here yet; answers how many. Types we do not act on are ignored at once.

    They are written in the order of their ids, so that two who write the same ones do not block each other.
    """
    rows = [_row(account, event, source, at) for event in sorted(events, key=lambda event: event.id)]
    if not rows:
        return 0
    statement = insert_into(session, _events).on_conflict_do_nothing().returning(_events.c.id)
    return len(session.execute(statement, rows).all())


def claim_events(session: Session, *, account: str, at: datetime, limit: int = CLAIMED_AT_ONCE) -> Claim:
    """Take the events that have waited longest, together with all others about the same objects."""
    due = (
        select(_events.c.id, _events.c.object_id)
        .where(
            _events.c.account == account,
            _events.c.status == StripeEventStatus.WAITING,
            _events.c.next_attempt_at <= at,
            or_(_events.c.claimed_until.is_(None), _events.c.claimed_until < at),
        )
        .order_by(_events.c.next_attempt_at, _events.c.id)
        .with_for_update(skip_locked=True)
    )
    longest = session.execute(due.limit(limit)).all()
    objects = {object_id for _, object_id in longest}
    beside = session.execute(due.where(_events.c.object_id.in_(objects)).limit(TOGETHER_MAX)).all() if objects else []
    taken = (
        update(_events)
        .where(_events.c.id.in_({event_id for event_id, _ in (*longest, *beside)}))
        .values(claimed_until=at + CLAIMED_FOR, attempts=_events.c.attempts + 1)
        .returning(_events.c.id, _events.c.type, _events.c.object_id, _events.c.customer_id, _events.c.payload)
    )
    rows = session.execute(taken).all() if longest else []
    claim = Claim(ticket=draw_ticket(session, account=account) if rows else 0)
    for event_id, type_, object_id, customer_id, payload in sorted(rows):
        subject = subject_of(type_, object_id, customer_id, payload)
        assert subject is not None, "types without a subject are ignored when they are kept"
        claim.by_subject.setdefault(subject, []).append(event_id)
    return claim


def draw_ticket(session: Session, *, account: str) -> int:
    """The next ticket of an account. Draw it, commit, and only then read: later readings have higher tickets."""
    insert_missing(session, _accounts, [{"account": account, "last_ticket": 0}])
    drawn = (
        update(_accounts)
        .where(_accounts.c.account == account)
        .values(last_ticket=_accounts.c.last_ticket + 1)
        .returning(_accounts.c.last_ticket)
    )
    return int(session.execute(drawn).scalar_one())


def mark_done(
    session: Session, *, event_ids: Iterable[str], at: datetime, tenant_id: str | None, ours: bool = True
) -> None:
    """Note, in the transaction of the effect, that events were handled; or that they are none of ours."""
    status = StripeEventStatus.HANDLED if ours else StripeEventStatus.IGNORED
    _change(session, event_ids, status=status, tenant_id=tenant_id, done_at=at, claimed_until=None, error=None)


def keep_failure(
    session: Session, *, event_ids: Iterable[str], error: str, at: datetime, tries_max: int | None = None
) -> None:
    """Keep why the work on events rolled back. They wait for another try, longer each time; in the end for a person.

    That is after ATTEMPTS_MAX tries, unless `tries_max` says otherwise.
    """
    last = ATTEMPTS_MAX if tries_max is None else tries_max
    these = select(StripeEvent).where(col(StripeEvent.id).in_(list(event_ids)))
    for event in session.scalars(these.execution_options(populate_existing=True)):
        event.error = error[:ERROR_MAX]
        event.claimed_until = None
        if event.attempts >= last:
            event.status = StripeEventStatus.FAILED
        else:
            event.next_attempt_at = at + retry_after(event.attempts)
        session.add(event)
    session.flush()


def read_event(session: Session, *, event_id: str) -> StripeEvent:
    """One event as it was kept. Raises NotFound."""
    event = session.get(StripeEvent, event_id)
    if event is None:
        raise NotFound("There is no such event.", field="event_id")
    return event


def replay_event(session: Session, *, event_id: str, at: datetime) -> StripeEvent:
    """Put an event back in line, whatever became of it. Raises NotFound."""
    event = read_event(session, event_id=event_id)
    if subject_of(event.type, event.object_id, event.customer_id, event.payload) is None:
        return event
    event.status, event.done_at, event.error = StripeEventStatus.WAITING, None, None
    event.attempts, event.claimed_until, event.next_attempt_at = 0, None, at
    session.add(event)
    session.flush()
    return event


def handle_returns_again(session: Session, *, tenant_id: str, since: datetime) -> None:
    """Put back in line what was handled of a tenant's credit notes and refunds since an invoice was made.

    They may have become known before the invoice of ours that they belong to was.
    """
    again = update(_events).where(
        _events.c.tenant_id == tenant_id,
        _events.c.status == StripeEventStatus.HANDLED,
        _events.c.created_at >= since,
        or_(*(_events.c.type.startswith(prefix, autoescape=True) for prefix in RETURNS)),
    )
    session.execute(again.values(status=StripeEventStatus.WAITING, done_at=None, attempts=0, claimed_until=None))


def retry_after(attempts: int) -> timedelta:
    """How long to wait after so many tries: 5 s, doubled each time, an hour at most."""
    doublings = min(max(attempts - 1, 0), 16)
    return min(RETRY_AFTER_FIRST * (1 << doublings), RETRY_AFTER_MAX)


def swept_until(session: Session, *, account: str) -> datetime | None:
    """Up to when the account's events were last compared with what arrived."""
    row = session.get(StripeAccount, account)
    return None if row is None else row.swept_until


def note_sweep(session: Session, *, account: str, until: datetime) -> None:
    """Note that everything up to `until` is here."""
    insert_missing(session, _accounts, [{"account": account, "last_ticket": 0}])
    session.execute(update(_accounts).where(_accounts.c.account == account).values(swept_until=until))


def _row(account: str, event: EventFacts, source: EventSource, at: datetime) -> dict[str, Any]:
    payload = dict(event.payload)
    acted_on = subject_of(event.type, event.object_id, event.customer_id, payload) is not None
    return {
        "id": event.id,
        "account": account,
        "type": event.type,
        "object_id": event.object_id,
        "customer_id": event.customer_id,
        "api_version": event.api_version,
        "payload": payload,
        "source": source,
        "status": StripeEventStatus.WAITING if acted_on else StripeEventStatus.IGNORED,
        "attempts": 0,
        "created_at": event.created_at,
        "received_at": at,
        "next_attempt_at": at,
        "done_at": None if acted_on else at,
    }


def _change(session: Session, event_ids: Iterable[str], **values: Any) -> None:
    session.execute(update(_events).where(_events.c.id.in_(list(event_ids))).values(**values))
