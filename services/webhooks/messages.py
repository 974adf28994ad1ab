"""What is sent: the id, and the body as it is signed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session

from models import Notice, WebhookDelivery
from services.rules.receipts import written_time

TEST_TYPE: Final = "webhook.test"


@dataclass(frozen=True, slots=True)
class Message:
    """`id` is the same however often it is sent, so that receivers can tell what they know already."""

    id: str
    type: str
    body: str


def message_of(session: Session, delivery: WebhookDelivery) -> Message:
    """The message of a delivery: its notice, or a test that tells of nothing."""
    if delivery.notice_seq is None:
        data = {"endpoint_id": delivery.endpoint_id, "message": "This is a test. Nothing happened."}
        document = {"type": TEST_TYPE, "timestamp": written_time(delivery.created_at), "data": data}
        return Message(delivery.id, TEST_TYPE, _written(document))
    return notice_message(session.get_one(Notice, (delivery.tenant_id, delivery.notice_seq)))


def notice_message(notice: Notice) -> Message:
    """The message that tells a notice."""
    document = {
        "type": notice.type,
        "timestamp": written_time(notice.announced_at),
        "data": notice.data,
        "id": notice.id,
        "sequence": notice.seq,
        "version": notice.version,
    }
    return Message(notice.id, notice.type, _written(document))


def _written(document: Mapping[str, object]) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
