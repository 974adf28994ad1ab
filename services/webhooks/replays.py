"""Send again what was sent before, at a customer's wish: one notice, or all since a moment; and tests."""

from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select, update

from models import (
    DeliveryKind,
    DeliveryStatus,
    EndpointStatus,
    Notice,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from services.errors import Conflict, Unprocessable
from services.notices import read_notice
from services.webhooks.endpoints import read_endpoint
from services.webhooks.line import CLAIM_FOR, note_attempt, prepare, stand_in_line
from services.webhooks.requests import Outcome, Sending
from services.webhooks.waiting import in_line_of

REPLAYED_MAX: Final = 1_000
TESTS_PER_MINUTE: Final = 10


def replay_notice(
    session: Session, *, tenant_id: str, endpoint_id: str, notice_id: str, at: datetime
) -> WebhookDelivery:
    """Send a notice again under its id, behind what waits already, whatever types the endpoint wants.

    One that waits is tried now instead. Raises NotFound, and Conflict where the endpoint is not enabled.
    """
    endpoint = _enabled(session, tenant_id, endpoint_id)
    notice = read_notice(session, tenant_id=tenant_id, notice_id=notice_id)
    statement = select(WebhookDelivery).where(in_line_of(endpoint), WebhookDelivery.notice_seq == notice.seq)
    waiting = session.exec(statement).first()
    _make_due(session, endpoint, at)
    return waiting or stand_in_line(session, endpoint, kind=DeliveryKind.REPLAY, notice_seq=notice.seq, at=at)


def replay_since(
    session: Session, *, tenant_id: str, endpoint_id: str, since: datetime, at: datetime
) -> list[WebhookDelivery]:
    """Send again, in their order, the notices since a moment that the endpoint wants and that are not waiting anyway.

    Raises NotFound, Conflict where the endpoint is not enabled, and Unprocessable for more than REPLAYED_MAX.
    """
    endpoint = _enabled(session, tenant_id, endpoint_id)
    waiting = select(WebhookDelivery.notice_seq).where(in_line_of(endpoint))
    statement = select(Notice.seq).where(
        Notice.tenant_id == tenant_id,
        col(Notice.announced_at) >= since,
        col(Notice.seq) <= endpoint.seen_seq,
        col(Notice.seq).not_in(waiting),
    )
    if endpoint.event_types is not None:
        statement = statement.where(col(Notice.type).in_(endpoint.event_types))
    numbers = session.exec(statement.order_by(col(Notice.seq)).limit(REPLAYED_MAX + 1)).all()
    if len(numbers) > REPLAYED_MAX:
        raise Unprocessable(f"More than {REPLAYED_MAX:,} happened since then; choose a later time.", field="since")
    _make_due(session, endpoint, at)
    return [stand_in_line(session, endpoint, kind=DeliveryKind.REPLAY, notice_seq=seq, at=at) for seq in numbers]


def ask_test(session: Session, *, tenant_id: str, endpoint_id: str, at: datetime) -> WebhookDelivery:
    """Write down a test, which is sent once and out of turn, also to an endpoint that is disabled.

    Raises NotFound, and Conflict beyond TESTS_PER_MINUTE.
    """
    endpoint = read_endpoint(session, tenant_id=tenant_id, endpoint_id=endpoint_id, locks=True)
    recent = select(WebhookDelivery.id).where(
        WebhookDelivery.tenant_id == tenant_id,
        WebhookDelivery.endpoint_id == endpoint_id,
        WebhookDelivery.kind == DeliveryKind.TEST,
        col(WebhookDelivery.created_at) > at - timedelta(minutes=1),
    )
    if len(session.exec(recent).all()) >= TESTS_PER_MINUTE:
        raise Conflict(f"{TESTS_PER_MINUTE} tests were sent within a minute; wait a moment.")
    return stand_in_line(session, endpoint, kind=DeliveryKind.TEST, notice_seq=None, at=at)


def waiting_tests(session: Session, *, at: datetime, limit: int = 200) -> list[tuple[str, str]]:
    """(tenant, delivery) of tests that nobody has sent, or whose sender is gone."""
    statement = (
        select(WebhookDelivery.tenant_id, WebhookDelivery.id)
        .outerjoin(
            WebhookAttempt,
            (col(WebhookAttempt.tenant_id) == WebhookDelivery.tenant_id)
            & (col(WebhookAttempt.delivery_id) == WebhookDelivery.id),
        )
        .where(
            WebhookDelivery.kind == DeliveryKind.TEST,
            WebhookDelivery.status == DeliveryStatus.WAITING,
            col(WebhookAttempt.started_at).is_(None) | (col(WebhookAttempt.started_at) <= at - CLAIM_FOR),
        )
        .limit(limit)
    )
    return [(tenant_id, delivery_id) for tenant_id, delivery_id in session.exec(statement)]


def claim_test(session: Session, *, tenant_id: str, delivery_id: str, at: datetime) -> Sending | None:
    """Take a test for sending; None where somebody has. One whose sender is gone has failed."""
    key = (col(WebhookDelivery.tenant_id) == tenant_id, col(WebhookDelivery.id) == delivery_id)
    untried = (col(WebhookDelivery.status) == DeliveryStatus.WAITING, col(WebhookDelivery.attempts) == 0)
    taken = session.exec(update(WebhookDelivery).where(*key, *untried).values(created_at=WebhookDelivery.created_at))
    delivery = session.get_one(WebhookDelivery, (tenant_id, delivery_id), populate_existing=True)
    endpoint = session.get_one(WebhookEndpoint, (tenant_id, delivery.endpoint_id))
    if taken.rowcount == 1 and endpoint.status != EndpointStatus.DELETED:
        return prepare(session, endpoint, delivery, claim=None, at=at)
    if delivery.status == DeliveryStatus.WAITING:
        attempt = session.get(WebhookAttempt, (tenant_id, delivery_id, delivery.attempts))
        if attempt is None or attempt.started_at <= at - CLAIM_FOR:
            delivery.status, delivery.settled_at = DeliveryStatus.FAILED, at
            session.add(delivery)
            session.flush()
    return None


def keep_test_outcome(session: Session, sending: Sending, outcome: Outcome, *, at: datetime) -> None:
    """Keep what came of a test. It changes nothing of how the endpoint is served."""
    note_attempt(session, sending, outcome, at=at)
    delivery = session.get_one(WebhookDelivery, (sending.tenant_id, sending.delivery_id), populate_existing=True)
    delivery.status = DeliveryStatus.DELIVERED if outcome.is_delivered else DeliveryStatus.FAILED
    delivery.failures = 0 if outcome.is_delivered else 1
    delivery.settled_at = at
    session.add(delivery)
    session.flush()


def _enabled(session: Session, tenant_id: str, endpoint_id: str) -> WebhookEndpoint:
    endpoint = read_endpoint(session, tenant_id=tenant_id, endpoint_id=endpoint_id, locks=True)
    if endpoint.status != EndpointStatus.ENABLED:
        raise Conflict("The endpoint is disabled; enable it first, then send again what it missed.")
    return endpoint


def _make_due(session: Session, endpoint: WebhookEndpoint, at: datetime) -> None:
    endpoint.next_attempt_at = min(endpoint.next_attempt_at, at)
    session.add(endpoint)
    session.flush()
