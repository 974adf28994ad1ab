"""One event of the inbox opened: all that is known of it, and what it said, without private data."""

import json
from dataclasses import dataclass

from sqlmodel import Session

from models import EventSource, StripeEvent, StripeEventStatus
from models.stripe_account import STRIPE_ID_MAX
from services import wording
from services.errors import NotFound
from services.payments.inbox_views import CLOCK, STATUS_TONES, STATUS_WORDS, names_of_customers
from services.payments.subjects import subject_of
from services.rules.redaction import redact, redact_text

PAYLOAD_MAX = 60_000


@dataclass(frozen=True)
class FactView:
    name: str
    value: str


@dataclass(frozen=True)
class EventView:
    """One event opened. `payload` is what it said, in lines, without private data."""

    id: str = ""
    type: str = ""
    status: str = ""
    status_word: str = ""
    error: str = ""
    facts: tuple[FactView, ...] = ()
    payload: str = ""
    can_replay: bool = False


NO_EVENT = EventView()


def read_event(session: Session, *, event_id: str) -> EventView:
    """One event with all that is known of it. Raises NotFound."""
    if len(event_id) > STRIPE_ID_MAX or not event_id.isprintable():
        raise NotFound("There is no such event.", field="event_id")
    event = session.get(StripeEvent, event_id)
    if event is None:
        raise NotFound("There is no such event.", field="event_id")
    is_acted_on = subject_of(event.type, event.object_id, event.customer_id, event.payload) is not None
    return EventView(
        id=event.id,
        type=event.type,
        status=STATUS_TONES[event.status],
        status_word=STATUS_WORDS[event.status],
        error=redact_text(event.error or ""),
        facts=_facts(event, names_of_customers(session, [event]).get(event.id, "")),
        payload=_payload(event),
        can_replay=is_acted_on,
    )


def _facts(event: StripeEvent, customer: str) -> tuple[FactView, ...]:
    moments = (
        ("Happened", event.created_at),
        ("Received", event.received_at),
        ("Done", event.done_at),
        ("Next try", event.next_attempt_at if event.status == StripeEventStatus.WAITING else None),
    )
    said = (
        ("About", event.object_id),
        ("Customer", customer or "Not known yet"),
        ("Customer at Stripe", event.customer_id or "None named"),
        ("Arrived", "Found by the sweep" if event.source == EventSource.SWEEP else "Delivered"),
        ("Account", event.account),
        ("API version", event.api_version or "Not stated"),
        ("Tries", f"{event.attempts:,}"),
    )
    when = [FactView(name, f"{wording.moment(moment, CLOCK)} UTC") for name, moment in moments if moment is not None]
    return (*(FactView(name, value) for name, value in said), *when)


def _payload(event: StripeEvent) -> str:
    lines = json.dumps(redact(event.payload), indent=2, ensure_ascii=False, default=str)
    return lines if len(lines) <= PAYLOAD_MAX else f"{lines[:PAYLOAD_MAX]}\n… cut here"
