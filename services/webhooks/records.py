"""What was sent to an endpoint, read: deliveries with their attempts, newest first."""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from models import Notice, WebhookAttempt, WebhookDelivery
from services.errors import NotFound
from services.webhooks.endpoints import read_endpoint
from services.webhooks.messages import TEST_TYPE, Message, message_of

PAGE_MAX = 200


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """A delivery, what it tells, and its attempts, the first one first. `notice_id` is "" for a test."""

    delivery: WebhookDelivery
    type: str
    notice_id: str
    attempts: tuple[WebhookAttempt, ...]

    @property
    def last(self) -> WebhookAttempt | None:
        return self.attempts[-1] if self.attempts else None


def list_deliveries(
    session: Session, *, tenant_id: str, endpoint_id: str, limit: int = PAGE_MAX, before_position: int | None = None
) -> list[DeliveryRecord]:
    """The deliveries of an endpoint, the newest first; `before_position` is the last one already seen.

    Raises NotFound.
    """
    read_endpoint(session, tenant_id=tenant_id, endpoint_id=endpoint_id)
    statement = select(WebhookDelivery).where(
        WebhookDelivery.tenant_id == tenant_id, WebhookDelivery.endpoint_id == endpoint_id
    )
    if before_position is not None:
        statement = statement.where(col(WebhookDelivery.position) < before_position)
    newest_first = statement.order_by(col(WebhookDelivery.position).desc()).limit(min(limit, PAGE_MAX + 1))
    return _records(session, tenant_id, list(session.exec(newest_first)))


def read_delivery(
    session: Session, *, tenant_id: str, endpoint_id: str, delivery_id: str
) -> tuple[DeliveryRecord, Message]:
    """One delivery and what it sends. Raises NotFound."""
    delivery = session.get(WebhookDelivery, (tenant_id, delivery_id))
    if delivery is None or delivery.endpoint_id != endpoint_id:
        raise NotFound("There is no such delivery.", field="delivery_id")
    (record,) = _records(session, tenant_id, [delivery])
    return record, message_of(session, delivery)


def _records(session: Session, tenant_id: str, deliveries: list[WebhookDelivery]) -> list[DeliveryRecord]:
    notices = {
        notice.seq: notice
        for notice in session.exec(
            select(Notice).where(
                Notice.tenant_id == tenant_id, col(Notice.seq).in_([each.notice_seq for each in deliveries])
            )
        )
    }
    attempts: dict[str, list[WebhookAttempt]] = {}
    found = select(WebhookAttempt).where(
        WebhookAttempt.tenant_id == tenant_id, col(WebhookAttempt.delivery_id).in_([each.id for each in deliveries])
    )
    for attempt in session.exec(found.order_by(col(WebhookAttempt.number))):
        attempts.setdefault(attempt.delivery_id, []).append(attempt)
    records = []
    for each in deliveries:
        notice = None if each.notice_seq is None else notices[each.notice_seq]
        type, notice_id = (TEST_TYPE, "") if notice is None else (notice.type, notice.id)
        records.append(DeliveryRecord(each, type, notice_id, tuple(attempts.get(each.id, ()))))
    return records
