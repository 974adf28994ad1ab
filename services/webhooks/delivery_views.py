"""What was sent to a webhook endpoint as the portal shows it, worded: the messages, and one opened with its answers."""

from dataclasses import dataclass
from typing import Final

from sqlmodel import Session

from models import DeliveryKind, DeliveryStatus, WebhookAttempt
from services import wording
from services.webhooks import records
from services.webhooks.messages import Message
from services.webhooks.records import DeliveryRecord

DELIVERIES_SHOWN: Final = 15

_DELIVERY: Final = {
    DeliveryStatus.WAITING: ("pending", "Waiting"),
    DeliveryStatus.DELIVERED: ("delivered", "Delivered"),
    DeliveryStatus.FAILED: ("failed", "Failed"),
    DeliveryStatus.SKIPPED: ("skipped", "Skipped"),
}
_KINDS: Final = {DeliveryKind.NOTICE: "", DeliveryKind.REPLAY: "Sent again", DeliveryKind.TEST: "Test"}


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


NO_DELIVERIES: Final = DeliveriesView()
NO_DELIVERY: Final = DeliveryView()


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
