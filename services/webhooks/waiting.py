"""What an endpoint has yet to get."""

from datetime import datetime

from sqlalchemy import ColumnElement
from sqlmodel import Session, and_, col, func, select, update

from models import DeliveryKind, DeliveryStatus, Notice, WebhookDelivery, WebhookEndpoint


def count_waiting(session: Session, endpoint: WebhookEndpoint) -> int:
    """How many messages an endpoint has yet to get: those in its line, and notices that have not joined it."""
    in_line = select(func.count()).select_from(WebhookDelivery).where(in_line_of(endpoint))
    behind = (
        select(func.count())
        .select_from(Notice)
        .where(Notice.tenant_id == endpoint.tenant_id, col(Notice.seq) > endpoint.seen_seq)
    )
    if endpoint.event_types is not None:
        behind = behind.where(col(Notice.type).in_(endpoint.event_types))
    return session.exec(in_line).one() + session.exec(behind).one()


def skip_waiting(session: Session, endpoint: WebhookEndpoint, *, at: datetime) -> None:
    """Let what stands in line go unsent. The caller holds the endpoint's row."""
    skipped = {"status": DeliveryStatus.SKIPPED, "settled_at": at}
    session.exec(update(WebhookDelivery).where(in_line_of(endpoint)).values(**skipped))


def start_over(session: Session, endpoint: WebhookEndpoint) -> None:
    """Let the schedule of retries begin anew. The caller holds the endpoint's row."""
    session.exec(update(WebhookDelivery).where(in_line_of(endpoint)).values(failures=0))


def in_line_of(endpoint: WebhookEndpoint) -> ColumnElement[bool]:
    """What waits its turn: all but tests, which are sent at once."""
    return and_(
        col(WebhookDelivery.tenant_id) == endpoint.tenant_id,
        col(WebhookDelivery.endpoint_id) == endpoint.id,
        col(WebhookDelivery.status) == DeliveryStatus.WAITING,
        col(WebhookDelivery.kind) != DeliveryKind.TEST,
    )
