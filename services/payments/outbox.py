"""The outbox: a call we owe Stripe is a row first. It is made once, in its turn, and its answer is kept."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, exists, or_, select, update
from sqlmodel import Session, col

from models import StripeCall, StripeCallKind, StripeCallStatus, table_of
from models.stripe_event import ERROR_MAX
from services.database import insert_missing
from services.errors import NotFound
from services.payments.inbox import retry_after

CLAIMED_FOR = timedelta(minutes=5)
CLAIMED_AT_ONCE = 64
ATTEMPTS_MAX = 40
"""With an hour between later tries, a day and a half; then it is held for a person."""

_calls = table_of(StripeCall)


@dataclass(frozen=True, slots=True)
class Owed:
    """A call to write down. `key` names what it does to what; `subject` whose turn it waits in."""

    kind: StripeCallKind
    key: str
    arguments: dict[str, Any]


def owe_calls(
    session: Session, *, tenant_id: str, account: str, subject: str, calls: Sequence[Owed], at: datetime
) -> None:
    """Write calls down behind those the subject has already. One that is written down already stays as it is."""
    last = session.scalar(
        select(_calls.c.position)
        .where(_calls.c.tenant_id == tenant_id, _calls.c.subject == subject)
        .order_by(_calls.c.position.desc())
        .limit(1)
    )
    first = 1 if last is None else int(last) + 1
    rows = [
        {
            "tenant_id": tenant_id,
            "account": account,
            "key": call.key,
            "kind": call.kind,
            "subject": subject,
            "position": position,
            "arguments": call.arguments,
            "status": StripeCallStatus.WAITING,
            "attempts": 0,
            "created_at": at,
            "next_attempt_at": at,
        }
        for position, call in enumerate(calls, start=first)
    ]
    insert_missing(session, _calls, rows)


def has_calls(session: Session, *, tenant_id: str, subject: str) -> bool:
    """Whether anything was ever owed for a subject."""
    statement = select(exists().where(_calls.c.tenant_id == tenant_id, _calls.c.subject == subject))
    return bool(session.scalar(statement))


def calls_of(session: Session, *, tenant_id: str, subject: str, kind: StripeCallKind) -> list[StripeCall]:
    """The calls of a kind that were ever owed for a subject, in their order."""
    statement = select(StripeCall).where(
        col(StripeCall.tenant_id) == tenant_id, col(StripeCall.subject) == subject, col(StripeCall.kind) == kind
    )
    return list(session.scalars(statement.order_by(col(StripeCall.position)).execution_options(populate_existing=True)))


def claim_subjects(
    session: Session, *, account: str, at: datetime, limit: int = CLAIMED_AT_ONCE
) -> list[tuple[str, str]]:
    """Take (tenant, subject) pairs whose next call is due. They are worked on here until CLAIMED_FOR has passed."""
    earlier = _calls.alias("earlier")
    is_next = ~exists().where(
        earlier.c.tenant_id == _calls.c.tenant_id,
        earlier.c.subject == _calls.c.subject,
        earlier.c.position < _calls.c.position,
        earlier.c.status != StripeCallStatus.DONE,
    )
    due = (
        select(_calls.c.tenant_id, _calls.c.key)
        .where(
            _calls.c.account == account,
            _calls.c.status == StripeCallStatus.WAITING,
            _calls.c.next_attempt_at <= at,
            or_(_calls.c.claimed_until.is_(None), _calls.c.claimed_until < at),
            is_next,
        )
        .order_by(_calls.c.next_attempt_at, _calls.c.created_at, _calls.c.key)
        .limit(limit)
        .with_for_update(skip_locked=True, of=_calls)
    )
    keys = session.execute(due).all()
    taken = (
        update(_calls)
        .where(_calls.c.account == account, _calls.c.key.in_([key for _, key in keys]))
        .values(claimed_until=at + CLAIMED_FOR)
        .returning(_calls.c.tenant_id, _calls.c.subject)
    )
    return sorted((tenant_id, subject) for tenant_id, subject in session.execute(taken)) if keys else []


def next_call(session: Session, *, tenant_id: str, subject: str, at: datetime) -> StripeCall | None:
    """The subject's next call, if it may be made now; it counts as tried."""
    statement = (
        select(StripeCall)
        .where(
            col(StripeCall.tenant_id) == tenant_id,
            col(StripeCall.subject) == subject,
            col(StripeCall.status) != StripeCallStatus.DONE,
        )
        .order_by(col(StripeCall.position))
        .limit(1)
    )
    call = session.scalars(statement.with_for_update()).first()
    if call is None or call.status != StripeCallStatus.WAITING or call.next_attempt_at > at:
        return None
    call.attempts += 1
    call.first_attempt_at = call.first_attempt_at or at
    call.claimed_until = at + CLAIMED_FOR
    session.add(call)
    session.flush()
    return call


def read_call(session: Session, call: StripeCall) -> StripeCall:
    """The same call as it is now."""
    return session.get_one(StripeCall, (call.tenant_id, call.account, call.key), populate_existing=True)


def mark_call_done(session: Session, call: StripeCall, *, stripe_id: str | None, at: datetime) -> None:
    """Keep what a call made or changed. The subject's next call stays with whoever made this one."""
    call = read_call(session, call)
    call.status, call.done_at, call.stripe_id = StripeCallStatus.DONE, at, stripe_id
    call.claimed_until, call.error = None, None
    session.add(call)
    session.flush()
    following = (
        update(_calls)
        .where(
            _calls.c.tenant_id == call.tenant_id,
            _calls.c.subject == call.subject,
            _calls.c.position == call.position + 1,
            _calls.c.status == StripeCallStatus.WAITING,
        )
        .values(claimed_until=at + CLAIMED_FOR)
    )
    session.execute(following)


def drop_waiting(session: Session, *, tenant_id: str, subject: str) -> None:
    """Take back what was to be called for a subject and has not been: things turned out otherwise."""
    unmade = _calls.c.status != StripeCallStatus.DONE
    session.execute(delete(_calls).where(_calls.c.tenant_id == tenant_id, _calls.c.subject == subject, unmade))


def postpone_call(session: Session, call: StripeCall, *, error: str, after: timedelta | None, at: datetime) -> None:
    """Try a call again later, or leave it to a person after ATTEMPTS_MAX tries."""
    call = read_call(session, call)
    call.error, call.claimed_until = error[:ERROR_MAX], None
    if call.attempts >= ATTEMPTS_MAX:
        call.status = StripeCallStatus.HELD
    else:
        call.next_attempt_at = at + max(after or timedelta(0), retry_after(call.attempts))
    session.add(call)
    session.flush()


def hold_call(session: Session, call: StripeCall, *, error: str) -> None:
    """Leave a call to a person, and with it those behind it."""
    call = read_call(session, call)
    call.status, call.error, call.claimed_until = StripeCallStatus.HELD, error[:ERROR_MAX], None
    session.add(call)
    session.flush()


def let_go(session: Session, *, tenant_id: str, subject: str, kinds: Collection[StripeCallKind], at: datetime) -> None:
    """Put what is held of a subject back in line, for it has been overtaken and holds others up."""
    held = (
        update(_calls)
        .where(
            _calls.c.tenant_id == tenant_id,
            _calls.c.subject == subject,
            _calls.c.kind.in_(kinds),
            _calls.c.status == StripeCallStatus.HELD,
        )
        .values(status=StripeCallStatus.WAITING, next_attempt_at=at)
    )
    session.execute(held)


def held_calls(session: Session, *, account: str) -> list[StripeCall]:
    """The calls that wait for a person, the oldest first."""
    statement = (
        select(StripeCall)
        .where(col(StripeCall.account) == account, col(StripeCall.status) == StripeCallStatus.HELD)
        .order_by(col(StripeCall.created_at), col(StripeCall.key))
    )
    return list(session.scalars(statement))


def find_held(session: Session, *, account: str, key: str) -> StripeCall:
    """A call by its key alone, for an operator. Raises NotFound."""
    statement = select(StripeCall).where(col(StripeCall.account) == account, col(StripeCall.key) == key)
    call = session.scalars(statement).first()
    if call is None:
        raise NotFound("There is no such call; `tallystick stripe calls` lists those that are held.", field="key")
    return call


def retry_call(session: Session, *, tenant_id: str, account: str, key: str, at: datetime) -> StripeCall:
    """Put a held call back in line, under a key of its own: Stripe remembers what it answered to the last.

    Raises NotFound.
    """
    call = session.get(StripeCall, (tenant_id, account, key))
    if call is None:
        raise NotFound("There is no such call.", field="key")
    if call.status == StripeCallStatus.HELD:
        again = int(call.arguments.get("again", 0)) + 1
        call.arguments = {**call.arguments, "again": again}
        call.status, call.attempts, call.error = StripeCallStatus.WAITING, 0, None
        call.first_attempt_at, call.next_attempt_at, call.claimed_until = None, at, None
        session.add(call)
        session.flush()
    return call
