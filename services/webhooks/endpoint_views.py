"""Webhook endpoints as the portal shows them, worded: a customer's own, and those of all customers that fail."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from sqlmodel import Session, col, or_, select

from models import DisabledReason, EndpointStatus, Tenant, WebhookEndpoint
from services import wording
from services.webhooks.endpoints import ENDPOINTS_MAX, list_endpoints, read_endpoint
from services.webhooks.waiting import count_waiting

FAILING_SHOWN: Final = 50

_DISABLED_WORDS: Final = {
    DisabledReason.BY_CUSTOMER: "Turned off",
    DisabledReason.FAILING: "Disabled: every attempt failed",
    DisabledReason.GONE: "Disabled: it answered 410, gone",
}


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
