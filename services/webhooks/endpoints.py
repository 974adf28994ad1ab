"""The endpoints of a customer: registered, changed, paused and resumed, their secrets rotated."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select

from models import DisabledReason, EndpointStatus, NoticeType, TenantHead, WebhookEndpoint
from models.webhook_endpoint import ENDPOINT_DESCRIPTION_MAX
from services.errors import Conflict, NotFound, Unprocessable
from services.gateways.master_key import create_master_key, read_master_key
from services.gateways.public_addresses import check_url
from services.gateways.sealing import seal, unseal
from services.gateways.webhook_signing import new_webhook_secret
from services.identifiers import new_id
from services.settings import settings
from services.tenants import lock_head
from services.webhooks.waiting import skip_waiting, start_over

ENDPOINTS_MAX: Final = 10
OVERLAP_HOURS_DEFAULT: Final = 24
OVERLAP_HOURS_MAX: Final = 7 * 24
TYPES: Final = tuple(sorted(each.value for each in NoticeType))


@dataclass(frozen=True, slots=True)
class EndpointChanges:
    """What is to be different; None leaves a thing as it is. `wants_all` asks for every type.

    `skips_held` goes on from now where the endpoint is enabled again: what waits is not sent.
    """

    url: str | None = None
    description: str | None = None
    event_types: Sequence[str] | None = None
    wants_all: bool = False
    enabled: bool | None = None
    skips_held: bool = False


def create_endpoint(
    session: Session,
    *,
    tenant_id: str,
    url: str,
    at: datetime,
    description: str = "",
    event_types: Sequence[str] | None = None,
) -> WebhookEndpoint:
    """Register an address for what happens from now on; None asks for every type. Its secret is made here.

    Raises Unprocessable for an address we do not call or a type there is not, and Conflict beyond ENDPOINTS_MAX.
    """
    head = lock_head(session, tenant_id=tenant_id)
    if len(list_endpoints(session, tenant_id=tenant_id)) >= ENDPOINTS_MAX:
        raise Conflict(f"There are {ENDPOINTS_MAX} endpoints already; delete one you do not need.")
    endpoint = WebhookEndpoint(
        tenant_id=tenant_id,
        id=new_id("whe"),
        url=_checked_url(url),
        description=_checked_description(description),
        event_types=None if event_types is None else _checked_types(event_types),
        status=EndpointStatus.ENABLED,
        seen_seq=head.last_notice_seq,
        next_attempt_at=at,
        created_at=at,
        updated_at=at,
    )
    endpoint.secret = _sealed(session, endpoint.id, new_webhook_secret())
    session.add(endpoint)
    session.flush()
    return endpoint


def list_endpoints(session: Session, *, tenant_id: str) -> list[WebhookEndpoint]:
    """The tenant's endpoints, the oldest first; there are at most ENDPOINTS_MAX."""
    statement = select(WebhookEndpoint).where(
        WebhookEndpoint.tenant_id == tenant_id, WebhookEndpoint.status != EndpointStatus.DELETED
    )
    return list(session.exec(statement.order_by(col(WebhookEndpoint.created_at), col(WebhookEndpoint.id))))


def read_endpoint(session: Session, *, tenant_id: str, endpoint_id: str, locks: bool = False) -> WebhookEndpoint:
    """One endpoint; with `locks` nobody else changes it until the transaction ends. Raises NotFound."""
    statement = select(WebhookEndpoint).where(
        WebhookEndpoint.tenant_id == tenant_id,
        WebhookEndpoint.id == endpoint_id,
        WebhookEndpoint.status != EndpointStatus.DELETED,
    )
    if locks:
        statement = statement.with_for_update()
    endpoint = session.exec(statement.execution_options(populate_existing=locks)).first()
    if endpoint is None:
        raise NotFound("There is no such webhook endpoint.", field="endpoint_id")
    return endpoint


def change_endpoint(
    session: Session, *, tenant_id: str, endpoint_id: str, changes: EndpointChanges, at: datetime
) -> WebhookEndpoint:
    """Change an endpoint. Enabling it sends what waits, at once and from the first attempt on.

    Raises NotFound and Unprocessable.
    """
    endpoint = read_endpoint(session, tenant_id=tenant_id, endpoint_id=endpoint_id, locks=True)
    if changes.url is not None and changes.url != endpoint.url:
        endpoint.url, endpoint.next_attempt_at = _checked_url(changes.url), at
    if changes.description is not None:
        endpoint.description = _checked_description(changes.description)
    if changes.wants_all or changes.event_types is not None:
        endpoint.event_types = None if changes.wants_all else _checked_types(changes.event_types or ())
    if changes.enabled is True and endpoint.status == EndpointStatus.DISABLED:
        _enable(session, endpoint, skips_held=changes.skips_held, at=at)
    elif changes.enabled is False and endpoint.status == EndpointStatus.ENABLED:
        disable(endpoint, reason=DisabledReason.BY_CUSTOMER, at=at)
    endpoint.updated_at = at
    session.add(endpoint)
    session.flush()
    return endpoint


def delete_endpoint(session: Session, *, tenant_id: str, endpoint_id: str, at: datetime) -> None:
    """Send nothing there any more and forget its secrets; what was sent stays on record. Raises NotFound."""
    endpoint = read_endpoint(session, tenant_id=tenant_id, endpoint_id=endpoint_id, locks=True)
    skip_waiting(session, endpoint, at=at)
    endpoint.status, endpoint.disabled_reason, endpoint.disabled_at = EndpointStatus.DELETED, None, None
    endpoint.secret = endpoint.previous_secret = endpoint.previous_expires_at = None
    endpoint.claim = endpoint.claimed_until = None
    endpoint.updated_at = at
    session.add(endpoint)
    session.flush()


def rotate_secret(
    session: Session, *, tenant_id: str, endpoint_id: str, at: datetime, overlap_hours: int = OVERLAP_HOURS_DEFAULT
) -> WebhookEndpoint:
    """Give an endpoint a new secret; the one it had signs as well for `overlap_hours`, none where that is zero.

    A secret from a rotation before ends at once. Raises NotFound, and Unprocessable beyond OVERLAP_HOURS_MAX.
    """
    if not 0 <= overlap_hours <= OVERLAP_HOURS_MAX:
        raise Unprocessable(f"Let both secrets sign for 0 to {OVERLAP_HOURS_MAX} hours.", field="overlap_hours")
    endpoint = read_endpoint(session, tenant_id=tenant_id, endpoint_id=endpoint_id, locks=True)
    endpoint.previous_secret = endpoint.secret if overlap_hours else None
    endpoint.previous_expires_at = at + timedelta(hours=overlap_hours) if overlap_hours else None
    endpoint.secret = _sealed(session, endpoint.id, new_webhook_secret())
    endpoint.updated_at = at
    session.add(endpoint)
    session.flush()
    return endpoint


def open_secrets(session: Session, endpoint: WebhookEndpoint, *, at: datetime) -> list[str]:
    """The secrets that sign at a moment, the present one first. Raises KeysUnavailable under another master key."""
    assert endpoint.secret is not None, "a deleted endpoint has no secret"
    sealed = [endpoint.secret]
    if endpoint.previous_secret is not None and endpoint.previous_expires_at is not None:
        sealed += [endpoint.previous_secret] if at < endpoint.previous_expires_at else []
    master_key = read_master_key(session.get_bind().engine.url)
    return [unseal(each, name=endpoint.id, master_key=master_key) for each in sealed]


def disable(endpoint: WebhookEndpoint, *, reason: DisabledReason, at: datetime) -> None:
    """Send nothing until it is enabled again; what happens meanwhile waits. The caller holds the row."""
    endpoint.status, endpoint.disabled_reason, endpoint.disabled_at = EndpointStatus.DISABLED, reason, at


def _enable(session: Session, endpoint: WebhookEndpoint, *, skips_held: bool, at: datetime) -> None:
    endpoint.status, endpoint.disabled_reason, endpoint.disabled_at = EndpointStatus.ENABLED, None, None
    endpoint.failing_since, endpoint.next_attempt_at = None, at
    if skips_held:
        head = session.get_one(TenantHead, endpoint.tenant_id, populate_existing=True)
        endpoint.seen_seq = max(endpoint.seen_seq, head.last_notice_seq)
        skip_waiting(session, endpoint, at=at)
    start_over(session, endpoint)


def _checked_url(url: str) -> str:
    return check_url(url.strip(), allows_loopback=settings().loopback_calls).geturl()


def _checked_description(description: str) -> str:
    stripped = description.strip()
    if len(stripped) > ENDPOINT_DESCRIPTION_MAX or not (stripped.isprintable() or not stripped):
        raise Unprocessable(
            f"Describe it in at most {ENDPOINT_DESCRIPTION_MAX} printable characters.", field="description"
        )
    return stripped


def _checked_types(event_types: Sequence[str]) -> list[str]:
    unknown = sorted(set(event_types) - set(TYPES))
    if unknown:
        raise Unprocessable(f"There is no type {unknown[0][:64]}; choose of {', '.join(TYPES)}.", field="event_types")
    if not event_types:
        raise Unprocessable("Choose at least one type, or all of them.", field="event_types")
    return sorted(set(event_types))


def _sealed(session: Session, endpoint_id: str, secret: str) -> str:
    return seal(secret, name=endpoint_id, master_key=create_master_key(session.get_bind().engine.url))
