"""Webhooks as the portal shows them, worded: endpoints, what was sent, and those of all customers that fail."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from sqlmodel import Session, col, or_, select

from models import (
    DeliveryKind,
    DeliveryStatus,
    DisabledReason,
    EndpointStatus,
    Tenant,
    WebhookAttempt,
    WebhookEndpoint,
)
from services import wording
from services.webhooks import records
from services.webhooks.endpoints import ENDPOINTS_MAX, list_endpoints, read_endpoint
from services.webhooks.messages import Message
from services.webhooks.records import DeliveryRecord
from services.webhooks.waiting import count_waiting

DELIVERIES_SHOWN: Final = 15
FAILING_SHOWN: Final = 50

_DISABLED_WORDS: Final = {
    DisabledReason.BY_CUSTOMER: "Turned off",
    DisabledReason.FAILING: "Disabled: every attempt failed",
    DisabledReason.GONE: "Disabled: it answered 410, gone",
}
_DELIVERY: Final = {
    DeliveryStatus.WAITING: ("pending", "Waiting"),
    DeliveryStatus.DELIVERED: ("delivered", "Delivered"),
    DeliveryStatus.FAILED: ("failed", "Failed"),
    DeliveryStatus.SKIPPED: ("skipped", "Skipped"),
}
_KINDS: Final = {DeliveryKind.NOTICE: "", DeliveryKind.REPLAY: "Sent again", DeliveryKind.TEST: "Test"}


@dataclass(frozen=True)
class EndpointRow:
    """One endpoint. `status` chooses the tone of its badge; `note` says what is wrong, or "" where nothing is."""

    id: str = ""
    url: str = ""
    description: str = ""
    status: str = ""
    status_word: str = ""
    types: str = ""
    waiting: str = ""
    note: str = ""
    is_enabled: bool = False
    has_waiting: bool = False
    rotation: str = ""


@dataclass(frozen=True)
class EndpointsView:
    rows: tuple[EndpointRow, ...] = ()
    has_room: bool = True


@dataclass(frozen=True)
class DeliveryRow:
    """One message. `can_replay` where there is a notice to send again."""

    id: str
    type: str
    kind: str
    when: str
    status: str
    status_word: str
    answer: str
    notice_id: str
    can_replay: bool


@dataclass(frozen=True)
class DeliveriesView:
    """A page of deliveries; `last` is where the next one begins, 0 where there is none."""

    rows: tuple[DeliveryRow, ...] = ()
    shown: str = ""
    last: int = 0


@dataclass(frozen=True)
class AttemptRow:
    name: str
    when: str
    outcome: str
    tone: str
    response: str


@dataclass(frozen=True)
class DeliveryView:
    """One message opened: what is sent, and every answer."""

    id: str = ""
    type: str = ""
    message_id: str = ""
    body: str = ""
    status: str = ""
    status_word: str = ""
    can_replay: bool = False
    notice_id: str = ""
    attempts: tuple[AttemptRow, ...] = ()


@dataclass(frozen=True)
class FailingRow:
    """An endpoint of some customer that does not take what it is sent."""

    customer: str
    host: str
    since: str
    status: str
    status_word: str
    waiting: str


NO_ENDPOINTS: Final = EndpointsView()
NO_ENDPOINT: Final = EndpointRow()
NO_DELIVERIES: Final = DeliveriesView()
NO_DELIVERY: Final = DeliveryView()


def read_endpoints(session: Session, *, tenant_id: str, timezone: str, now: datetime) -> EndpointsView:
    """All endpoints of a customer."""
    rows = tuple(
        _row(session, each, timezone=timezone, now=now) for each in list_endpoints(session, tenant_id=tenant_id)
    )
    return EndpointsView(rows, has_room=len(rows) < ENDPOINTS_MAX)


def read_endpoint_row(
    session: Session, *, tenant_id: str, endpoint_id: str, timezone: str, now: datetime
) -> EndpointRow:
    """One endpoint. Raises NotFound."""
    endpoint = read_endpoint(session, tenant_id=tenant_id, endpoint_id=endpoint_id)
    return _row(session, endpoint, timezone=timezone, now=now)


def read_deliveries(
    session: Session, *, tenant_id: str, endpoint_id: str, timezone: str, before: int = 0, seen: int = 0
) -> DeliveriesView:
    """A page of what was sent to an endpoint, the newest first. Raises NotFound."""
    found = records.list_deliveries(
        session,
        tenant_id=tenant_id,
        endpoint_id=endpoint_id,
        limit=DELIVERIES_SHOWN + 1,
        before_position=before or None,
    )
    page = found[:DELIVERIES_SHOWN]
    rows = tuple(_delivery_row(each, timezone) for each in page)
    return DeliveriesView(
        rows=rows,
        shown=f"{seen + 1:,}–{seen + len(rows):,}" if rows else "",
        last=page[-1].delivery.position if len(found) > DELIVERIES_SHOWN else 0,
    )


def read_delivery(
    session: Session, *, tenant_id: str, endpoint_id: str, delivery_id: str, timezone: str
) -> DeliveryView:
    """One message with its attempts, the last one first. Raises NotFound."""
    record, message = records.read_delivery(
        session, tenant_id=tenant_id, endpoint_id=endpoint_id, delivery_id=delivery_id
    )
    return _delivery_view(record, message, timezone)


def list_failing(session: Session) -> tuple[FailingRow, ...]:
    """Endpoints of all customers that fail or were disabled for it, the longest failing first."""
    statement = (
        select(WebhookEndpoint, Tenant.name)
        .join(Tenant, col(Tenant.id) == WebhookEndpoint.tenant_id)
        .where(
            col(WebhookEndpoint.failing_since).is_not(None),
            WebhookEndpoint.status != EndpointStatus.DELETED,
            or_(
                WebhookEndpoint.status == EndpointStatus.ENABLED,
                col(WebhookEndpoint.disabled_reason) != DisabledReason.BY_CUSTOMER,
            ),
        )
        .order_by(col(WebhookEndpoint.failing_since), col(WebhookEndpoint.id))
        .limit(FAILING_SHOWN)
    )
    return tuple(_failing_row(session, endpoint, customer) for endpoint, customer in session.exec(statement))


def _failing_row(session: Session, endpoint: WebhookEndpoint, customer: str) -> FailingRow:
    status, word = _status(endpoint)
    assert endpoint.failing_since is not None
    return FailingRow(
        customer=customer,
        host=urlsplit(endpoint.url).hostname or "",
        since=wording.moment(endpoint.failing_since, "UTC"),
        status=status,
        status_word=word,
        waiting=wording.number(count_waiting(session, endpoint)),
    )


def _row(session: Session, endpoint: WebhookEndpoint, *, timezone: str, now: datetime) -> EndpointRow:
    status, word = _status(endpoint)
    waiting = count_waiting(session, endpoint)
    types = endpoint.event_types
    rotating = endpoint.previous_expires_at is not None and endpoint.previous_expires_at > now
    until = wording.moment(endpoint.previous_expires_at, timezone) if endpoint.previous_expires_at else ""
    return EndpointRow(
        id=endpoint.id,
        url=endpoint.url,
        description=endpoint.description,
        status=status,
        status_word=word,
        types="All types" if types is None else ", ".join(types),
        waiting="Nothing waits" if waiting == 0 else f"{wording.number(waiting)} waiting",
        note=_note(endpoint, timezone),
        is_enabled=endpoint.status == EndpointStatus.ENABLED,
        has_waiting=waiting > 0,
        rotation=f"Until {until} the secret before signs as well." if rotating else "",
    )


def _status(endpoint: WebhookEndpoint) -> tuple[str, str]:
    if endpoint.status == EndpointStatus.DISABLED and endpoint.disabled_reason is not None:
        is_off = endpoint.disabled_reason == DisabledReason.BY_CUSTOMER
        return ("off", "Off") if is_off else ("failed", "Disabled")
    return ("retrying", "Retrying") if endpoint.failing_since is not None else ("active", "Active")


def _note(endpoint: WebhookEndpoint, timezone: str) -> str:
    if endpoint.disabled_reason is not None and endpoint.disabled_at is not None:
        return f"{_DISABLED_WORDS[endpoint.disabled_reason]}, {wording.moment(endpoint.disabled_at, timezone)}."
    if endpoint.failing_since is not None:
        since, again = (wording.moment(at, timezone) for at in (endpoint.failing_since, endpoint.next_attempt_at))
        return f"Failing since {since}; next try {again}. What comes after waits."
    return ""


def _delivery_row(record: DeliveryRecord, timezone: str) -> DeliveryRow:
    status, word = _delivery_status(record)
    return DeliveryRow(
        id=record.delivery.id,
        type=record.type,
        kind=_KINDS[record.delivery.kind],
        when=wording.moment(record.delivery.created_at, timezone),
        status=status,
        status_word=word,
        answer="" if record.last is None else _outcome(record.last),
        notice_id=record.notice_id,
        can_replay=bool(record.notice_id),
    )


def _delivery_view(record: DeliveryRecord, message: Message, timezone: str) -> DeliveryView:
    status, word = _delivery_status(record)
    return DeliveryView(
        id=record.delivery.id,
        type=record.type,
        message_id=message.id,
        body=message.body,
        status=status,
        status_word=word,
        can_replay=bool(record.notice_id),
        notice_id=record.notice_id,
        attempts=tuple(_attempt(each, timezone) for each in reversed(record.attempts)),
    )


def _delivery_status(record: DeliveryRecord) -> tuple[str, str]:
    delivery = record.delivery
    if delivery.status == DeliveryStatus.WAITING and delivery.failures:
        return "retrying", "Retrying"
    return _DELIVERY[delivery.status]


def _attempt(attempt: WebhookAttempt, timezone: str) -> AttemptRow:
    is_taken = attempt.status_code is not None and 200 <= attempt.status_code < 300
    return AttemptRow(
        name=f"Attempt {attempt.number}",
        when=wording.moment(attempt.started_at, timezone),
        outcome=_outcome(attempt),
        tone="good" if is_taken else "plain" if attempt.finished_at is None else "bad",
        response=attempt.response or "",
    )


def _outcome(attempt: WebhookAttempt) -> str:
    if attempt.finished_at is None:
        return "No answer recorded"
    if attempt.status_code is None:
        return attempt.error or ""
    return f"Status {attempt.status_code} in {wording.number(attempt.duration_ms or 0)} ms"
