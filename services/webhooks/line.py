"""The line of an endpoint: what is due next, one message at a time, and what its answer means.

A message is claimed and its attempt written down in one transaction, sent without one, and its outcome kept in another.
Where the sender dies between, the claim runs out and the message is sent again under the same id: at least once.
"""

import random
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from sqlmodel import Session, and_, col, exists, func, or_, select, update

from models import (
    DeliveryKind,
    DeliveryStatus,
    DisabledReason,
    EndpointStatus,
    Notice,
    NoticeType,
    TenantHead,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from models.webhook_endpoint import ATTEMPT_ERROR_MAX, RESPONSE_CHARS_MAX
from services.gateways.webhook_signing import signed_headers
from services.identifiers import new_id
from services.notice_shapes import WebhookDisabledData
from services.notices import announce
from services.rules.redaction import redact_text
from services.rules.webhook_retries import JITTER_PERMILLE_MAX, next_attempt_at
from services.webhooks.endpoints import disable, open_secrets
from services.webhooks.messages import message_of
from services.webhooks.requests import Outcome, Sending
from services.webhooks.waiting import in_line_of

CLAIM_FOR: Final = timedelta(seconds=60)
"""Longer than any call may take, so that a claim that has run out belongs to nobody who still sends."""

GONE: Final = 410


def due_endpoints(session: Session, *, at: datetime, limit: int = 200) -> list[tuple[str, str]]:
    """(tenant, endpoint) of those that may be sent to now and have something to get, the longest due first."""
    waits = exists().where(
        col(WebhookDelivery.tenant_id) == WebhookEndpoint.tenant_id,
        col(WebhookDelivery.endpoint_id) == WebhookEndpoint.id,
        col(WebhookDelivery.status) == DeliveryStatus.WAITING,
        col(WebhookDelivery.kind) != DeliveryKind.TEST,
    )
    statement = (
        select(WebhookEndpoint.tenant_id, WebhookEndpoint.id)
        .join(TenantHead, col(TenantHead.tenant_id) == WebhookEndpoint.tenant_id)
        .where(
            WebhookEndpoint.status == EndpointStatus.ENABLED,
            col(WebhookEndpoint.next_attempt_at) <= at,
            or_(col(WebhookEndpoint.claimed_until).is_(None), col(WebhookEndpoint.claimed_until) <= at),
            or_(waits, col(TenantHead.last_notice_seq) > WebhookEndpoint.seen_seq),
        )
        .order_by(col(WebhookEndpoint.next_attempt_at), WebhookEndpoint.tenant_id, WebhookEndpoint.id)
        .limit(limit)
    )
    return [(tenant_id, endpoint_id) for tenant_id, endpoint_id in session.exec(statement)]


def claim_next(session: Session, *, tenant_id: str, endpoint_id: str, at: datetime) -> Sending | None:
    """Take the endpoint's next message for sending; None where nothing is due, or somebody else sends to it."""
    claim = new_id("claim")
    if not _take(session, tenant_id=tenant_id, endpoint_id=endpoint_id, claim=claim, at=at):
        return None
    endpoint = session.get_one(WebhookEndpoint, (tenant_id, endpoint_id), populate_existing=True)
    delivery = _first_waiting(session, endpoint) or _next_notice(session, endpoint, at=at)
    if delivery is None:
        endpoint.claim = endpoint.claimed_until = None
        session.add(endpoint)
        session.flush()
        return None
    return prepare(session, endpoint, delivery, claim=claim, at=at)


def prepare(
    session: Session, endpoint: WebhookEndpoint, delivery: WebhookDelivery, *, claim: str | None, at: datetime
) -> Sending:
    """Write down an attempt, and what it sends. Raises KeysUnavailable where its secret cannot be opened."""
    message = message_of(session, delivery)
    delivery.attempts += 1
    session.add(delivery)
    session.add(
        WebhookAttempt(tenant_id=delivery.tenant_id, delivery_id=delivery.id, number=delivery.attempts, started_at=at)
    )
    session.flush()
    secrets = open_secrets(session, endpoint, at=at)
    return Sending(
        tenant_id=delivery.tenant_id,
        endpoint_id=endpoint.id,
        delivery_id=delivery.id,
        attempt=delivery.attempts,
        claim=claim,
        url=endpoint.url,
        headers=signed_headers(secrets, message_id=message.id, at=at, body=message.body),
        body=message.body,
    )


def keep_outcome(session: Session, sending: Sending, outcome: Outcome, *, at: datetime) -> bool:
    """Keep what came of a request; whether the message is delivered.

    Where the claim has run out and somebody else sends it again, only the attempt is kept.
    """
    note_attempt(session, sending, outcome, at=at)
    statement = select(WebhookEndpoint).where(
        WebhookEndpoint.tenant_id == sending.tenant_id, WebhookEndpoint.id == sending.endpoint_id
    )
    locked = statement.with_for_update().execution_options(populate_existing=True)
    endpoint = session.exec(locked).one()
    if endpoint.claim != sending.claim:
        return False
    endpoint.claim = endpoint.claimed_until = None
    delivery = session.get_one(WebhookDelivery, (sending.tenant_id, sending.delivery_id), populate_existing=True)
    if outcome.is_delivered:
        if delivery.status == DeliveryStatus.WAITING:
            delivery.status, delivery.settled_at = DeliveryStatus.DELIVERED, at
        endpoint.failing_since = None
    else:
        delivery.failures += 1
        _follow_failure(session, endpoint, delivery, is_gone=outcome.status == GONE, at=at)
    session.add(delivery)
    session.add(endpoint)
    session.flush()
    return outcome.is_delivered


def note_attempt(session: Session, sending: Sending, outcome: Outcome, *, at: datetime) -> None:
    """Fill in the attempt that was written down before it was sent."""
    attempt = session.get_one(WebhookAttempt, (sending.tenant_id, sending.delivery_id, sending.attempt))
    attempt.finished_at = max(at, attempt.started_at)
    attempt.duration_ms = outcome.duration_ms
    attempt.status_code = outcome.status
    attempt.error = None if outcome.status is not None else (outcome.error or "No answer.")[:ATTEMPT_ERROR_MAX]
    attempt.response = redact_text(outcome.response.replace("\0", "�"))[:RESPONSE_CHARS_MAX] or None
    session.add(attempt)
    session.flush()


def _follow_failure(
    session: Session, endpoint: WebhookEndpoint, delivery: WebhookDelivery, *, is_gone: bool, at: datetime
) -> None:
    endpoint.failing_since = endpoint.failing_since or at
    if endpoint.status != EndpointStatus.ENABLED:
        return
    jitter = random.randint(0, JITTER_PERMILLE_MAX)  # noqa: S311 spreads load, hides nothing
    again_at = next_attempt_at(attempts=delivery.failures, failed_at=at, jitter_permille=jitter)
    if again_at is not None and not is_gone:
        endpoint.next_attempt_at = again_at
        return
    reason = DisabledReason.GONE if is_gone else DisabledReason.FAILING
    disable(endpoint, reason=reason, at=at)
    data = WebhookDisabledData(
        endpoint_id=endpoint.id,
        host=urlsplit(endpoint.url).hostname or "",
        description=endpoint.description,
        reason=reason.value,
        failing_since=endpoint.failing_since,
        disabled_at=at,
    )
    announce(
        session,
        tenant_id=endpoint.tenant_id,
        type=NoticeType.WEBHOOK_DISABLED,
        subject_id=endpoint.id,
        occurrence=f"{delivery.id}:{delivery.attempts}",
        data=data,
        at=at,
    )


def _take(session: Session, *, tenant_id: str, endpoint_id: str, claim: str, at: datetime) -> bool:
    taken = session.exec(
        update(WebhookEndpoint)
        .where(
            col(WebhookEndpoint.tenant_id) == tenant_id,
            col(WebhookEndpoint.id) == endpoint_id,
            col(WebhookEndpoint.status) == EndpointStatus.ENABLED,
            col(WebhookEndpoint.next_attempt_at) <= at,
            or_(col(WebhookEndpoint.claimed_until).is_(None), col(WebhookEndpoint.claimed_until) <= at),
        )
        .values(claim=claim, claimed_until=at + CLAIM_FOR)
    )
    return taken.rowcount == 1


def _first_waiting(session: Session, endpoint: WebhookEndpoint) -> WebhookDelivery | None:
    statement = select(WebhookDelivery).where(in_line_of(endpoint)).order_by(col(WebhookDelivery.position)).limit(1)
    return session.exec(statement.execution_options(populate_existing=True)).first()


def _next_notice(session: Session, endpoint: WebhookEndpoint, *, at: datetime) -> WebhookDelivery | None:
    """Let the next notice that the endpoint wants join its line; those it does not want are passed over for good."""
    newest = session.exec(select(func.max(Notice.seq)).where(Notice.tenant_id == endpoint.tenant_id)).one() or 0
    wanted = and_(
        col(Notice.tenant_id) == endpoint.tenant_id, col(Notice.seq) > endpoint.seen_seq, col(Notice.seq) <= newest
    )
    if endpoint.event_types is not None:
        wanted = and_(wanted, col(Notice.type).in_(endpoint.event_types))
    seq = session.exec(select(func.min(Notice.seq)).where(wanted)).one()
    endpoint.seen_seq = max(endpoint.seen_seq, newest if seq is None else seq)
    session.add(endpoint)
    return None if seq is None else stand_in_line(session, endpoint, kind=DeliveryKind.NOTICE, notice_seq=seq, at=at)


def stand_in_line(
    session: Session, endpoint: WebhookEndpoint, *, kind: DeliveryKind, notice_seq: int | None, at: datetime
) -> WebhookDelivery:
    """A new message behind all others of an endpoint. The caller holds its row."""
    endpoint.last_position += 1
    delivery = WebhookDelivery(
        tenant_id=endpoint.tenant_id,
        id=new_id("whd"),
        endpoint_id=endpoint.id,
        kind=kind,
        position=endpoint.last_position,
        notice_seq=notice_seq,
        status=DeliveryStatus.WAITING,
        created_at=at,
    )
    session.add(endpoint)
    session.add(delivery)
    session.flush()
    return delivery
