"""Meter usage: check each event, burn credits in the order received, and keep it all in one transaction.

Identity is (tenant, event id), for ever: the same id and body get the first answer again, another body is refused.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlmodel import Session

from models import UsageEvent, table_of
from services.errors import EventConflict, Refusal, TooLarge
from services.event_admission import Admission, Admitted
from services.identifiers import new_id
from services.tenants import lock_head, read_tenant
from services.usage_ledger import UsageLedger

EVENTS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class UsageInput:
    """One event as sent. `units_micro` are millionths of the meter's unit; without `occurred_at` it is now.

    Without `event_id` the event gets an id of its own, and sending it again counts again.
    """

    subscription_id: str | None
    event_type: str
    units_micro: int
    event_id: str | None = None
    occurred_at: datetime | None = None
    site: str | None = None
    trace_id: str | None = None
    meta: dict[str, Any] | None = None
    own_id: str | None = None
    """An id of ours for an event that was sent without one, so that writing it twice still counts it once."""

    @property
    def identity(self) -> str | None:
        """What the event is known by, if anything yet."""
        return self.event_id or self.own_id

    def fingerprint(self) -> bytes:
        """SHA-256 of what was sent, by which a retry is told from another event under the same id."""
        occurred = None if self.occurred_at is None else self.occurred_at.timestamp().hex()
        sent = [self.subscription_id, self.event_type, self.units_micro, occurred, self.site, self.trace_id, self.meta]
        return hashlib.sha256(json.dumps(sent, sort_keys=True, separators=(",", ":")).encode()).digest()


@dataclass(frozen=True, slots=True)
class Metered:
    """The answer to one event: what it burned (millionths of a credit), what its pool has left, any alert."""

    event_id: str
    seq: int
    credits_micro: int
    overage_micro: int
    remaining_micro: int
    alert: str | None
    duplicate: bool = False


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

    Writes that share the tenant wait for each other, so none is lost, doubled or overspent.
    Raises TooLarge above EVENTS_MAX events, and NotFound for an unknown tenant.
    """
    if not events:
        return []
    if len(events) > EVENTS_MAX:
        raise TooLarge(f"Send at most {EVENTS_MAX:,} events in one call; split the batch.")
    head = lock_head(session, tenant_id=tenant_id)
    tenant = read_tenant(session, tenant_id=tenant_id)
    known = _known_events(session, tenant_id, events)
    answers: list[Metered | Refusal | None] = [None] * len(events)
    admission = Admission(session, tenant=tenant, at=at)
    pending = []
    for position, event in enumerate(events):
        fingerprint = event.fingerprint()
        try:
            answers[position] = _answered_before(known, event, fingerprint)
            if answers[position] is None:
                pending.append(_Pending(position, fingerprint, admission.admit(event)))
        except Refusal as refusal:
            answers[position] = refusal
    ledger = UsageLedger(session, head=head, at=at)
    ledger.prepare([item.admitted for item in pending])
    for position, fingerprint, admitted in pending:
        try:
            answer = _answered_before(known, admitted.event, fingerprint)
            if answer is None:
                event_id = admitted.event.identity or new_id("evt")
                answer = Metered(event_id, **ledger.book(admitted, event_id=event_id, fingerprint=fingerprint))
                known[event_id] = _Known(fingerprint, answer)
            answers[position] = answer
        except Refusal as refusal:
            answers[position] = refusal
    ledger.write()
    return [answer for answer in answers if answer is not None]


def _answered_before(known: dict[str, _Known], event: UsageInput, fingerprint: bytes) -> Metered | None:
    """The first answer, where there is one: a duplicate to who sent it twice, not where only we wrote it twice."""
    first = known.get(event.identity or "")
    if first is None:
        return None
    if first.fingerprint != fingerprint:
        raise EventConflict(
            f"Event {event.identity} was recorded with another body; send a correction, or a new event under a new id.",
            field="event_id",
        )
    return replace(first.answer, duplicate=event.event_id is not None)


def _known_events(session: Session, tenant_id: str, events: Sequence[UsageInput]) -> dict[str, _Known]:
    ids = {event.identity for event in events if event.identity is not None}
    if not ids:
        return {}
    c = table_of(UsageEvent).c
    columns = (c.event_id, c.fingerprint, c.seq, c.credits_micro, c.overage_micro, c.remaining_micro, c.alert)
    rows = session.execute(select(*columns).where(c.tenant_id == tenant_id, c.event_id.in_(ids)))
    return {event_id: _Known(bytes(fingerprint), Metered(event_id, *rest)) for event_id, fingerprint, *rest in rows}
