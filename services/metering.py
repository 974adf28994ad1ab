"""Meter usage: check each event, burn credits in the order received, and keep it all in one transaction.

Identity is (tenant, event id), for ever: the same id and body get the first answer again, another body is refused.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session

from services.bulk_rows import GivenQuery, find_given
from services.errors import EventConflict, KeysUnavailable, Refusal, TooLarge
from services.identifiers import new_id
from services.rules.receipts import receipt_hash
from services.tenant_books import Books, open_books
from services.usage.event_admission import Admitted
from services.usage.metered import Metered, UsageInput

__all__ = ["EVENTS_MAX", "Metered", "UsageInput", "record_usage"]

EVENTS_MAX = 2_000


class _Known(NamedTuple):
    fingerprint: bytes
    answer: Metered


class _Pending(NamedTuple):
    position: int
    fingerprint: bytes
    admitted: Admitted


def record_usage(
    session: Session, *, tenant_id: str, events: Sequence[UsageInput], at: datetime
) -> list[Metered | Refusal]:
    """Meter events in the order given, one answer each; refusals are answers too and write nothing.

    Each accepted event has a receipt, written with it. Writes that share the tenant wait for each other, so none is
    lost, doubled or overspent. Raises TooLarge above EVENTS_MAX events, NotFound for an unknown tenant, and
    KeysUnavailable where receipts cannot be signed.
    """
    if not events:
        return []
    if len(events) > EVENTS_MAX:
        raise TooLarge(f"Send at most {EVENTS_MAX:,} events in one call; split the batch.")
    books = open_books(session, tenant_id=tenant_id, at=at)
    known = _known_events(session, tenant_id, events)
    answers: list[Metered | Refusal | None] = [None] * len(events)
    pending = _admit(books, known, events, answers)
    books.ledger.prepare([item.admitted for item in pending])
    for position, fingerprint, admitted in pending:
        event = admitted.event
        try:
            answer = _answered_before(known, event, fingerprint) if known else None
            if answer is None:
                event_id = event.event_id or event.own_id or new_id("evt")
                answer = books.ledger.book(admitted, event_id=event_id, fingerprint=fingerprint)
                known[event_id] = _Known(fingerprint, answer)
            answers[position] = answer
        except KeysUnavailable:  # half of it is booked: the books are not as they are stored any more
            raise
        except Refusal as refusal:
            answers[position] = refusal
    books.version = books.ledger.write() or books.version
    return [answer for answer in answers if answer is not None]


def _admit(
    books: Books, known: dict[str, _Known], events: Sequence[UsageInput], answers: list[Metered | Refusal | None]
) -> list[_Pending]:
    """Check every event that has no answer yet; those that pass are pending, the others' refusals are answers."""
    admission, periods_before = books.admission, books.admission.periods_opened
    pending = []
    for position, event in enumerate(events):
        fingerprint = event.fingerprint()
        try:
            answer = _answered_before(known, event, fingerprint) if known else None
            if answer is None:
                pending.append(_Pending(position, fingerprint, admission.admit(event)))
            answers[position] = answer
        except Refusal as refusal:
            answers[position] = refusal
    if admission.periods_opened != periods_before:
        books.ledger.forget_lots()
    return pending


def _answered_before(known: dict[str, _Known], event: UsageInput, fingerprint: bytes) -> Metered | None:
    """The first answer, where there is one: a duplicate to who sent it twice, not where only we wrote it twice."""
    first = known.get(event.event_id or event.own_id or "")
    if first is None:
        return None
    if first.fingerprint != fingerprint:
        raise EventConflict(
            f"Event {event.identity} was recorded with another body; send a correction, or a new event under a new id.",
            field="event_id",
        )
    return first.answer._replace(duplicate=event.event_id is not None)


def _known_events(session: Session, tenant_id: str, events: Sequence[UsageInput]) -> dict[str, _Known]:
    ids = {event.event_id or event.own_id or "" for event in events} - {""}
    if not ids:
        return {}
    rows = find_given(session, _RECORDED, tenant_id=tenant_id, given=list(ids))
    return {
        event_id: _Known(bytes(fingerprint), Metered(event_id, seq, receipt_hash(bytes(data)), *rest))
        for event_id, fingerprint, seq, *rest, data in rows
    }


_ANSWERED = (
    "e.event_id, e.fingerprint, e.seq, e.credits_micro, e.overage_micro, e.remaining_micro, e.alert,"
    " (SELECT r.data FROM receipt r WHERE r.tenant_id = e.tenant_id AND r.seq = e.seq)"
)
_RECORDED = GivenQuery(
    sqlite=f"SELECT {_ANSWERED} FROM json_each(:given) AS given CROSS JOIN usage_event e"  # noqa: S608 all ours
    " WHERE e.tenant_id = :tenant AND e.event_id = given.value",
    postgresql=f"SELECT {_ANSWERED} FROM unnest(%(given)s::text[]) AS given(value) CROSS JOIN LATERAL"  # noqa: S608
    " (SELECT * FROM usage_event u WHERE u.tenant_id = %(tenant)s AND u.event_id = given.value LIMIT 1) e",
)
