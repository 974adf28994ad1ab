"""Webhook endpoints, what was sent to them, and the notices they are sent."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from app.api.schemas.values import Body, Id, Moment, Shown
from models import Notice, WebhookAttempt, WebhookEndpoint
from models.webhook_endpoint import ENDPOINT_DESCRIPTION_MAX, URL_MAX
from services.webhooks.endpoints import OVERLAP_HOURS_DEFAULT, OVERLAP_HOURS_MAX, TYPES
from services.webhooks.messages import Message
from services.webhooks.records import DeliveryRecord

Url = Annotated[str, Field(min_length=1, max_length=URL_MAX, examples=["https://example.com/hooks/tallystick"])]
Description = Annotated[str, Field(max_length=ENDPOINT_DESCRIPTION_MAX)]
Type = Annotated[str, Field(max_length=64, json_schema_extra={"enum": list(TYPES)})]
Types = Annotated[list[Type], Field(min_length=1, max_length=100)]


class EndpointBody(Body):
    """An address that is told what happens from now on. It is https on the public internet."""

    tenant_id: Id | None = Field(default=None, description="The key says it already; if sent, it must match.")
    url: Url
    description: Description = ""
    event_types: Types | None = Field(default=None, description="All types, if left out.")


class EndpointChangeBody(Body):
    """What is to be different; what is left out stays. `event_types: null` asks for all types."""

    tenant_id: Id | None = Field(default=None, description="The key says it already; if sent, it must match.")
    url: Url | None = None
    description: Description | None = None
    event_types: Types | None = None
    enabled: bool | None = Field(default=None, description="True sends what waits, in order, from the first attempt.")
    skip_held: bool = Field(default=False, description="With `enabled: true`: go on from now, without what waits.")

    @property
    def wants_all(self) -> bool:
        return "event_types" in self.model_fields_set and self.event_types is None


class EndpointShown(Shown):
    """`waiting` messages are yet to be sent. Its secret is at `/secret`."""

    endpoint_id: str
    url: str
    description: str
    event_types: list[str] | None
    status: str = Field(description="`enabled` or `disabled`.")
    disabled_reason: str | None = Field(description="`by_customer`, `failing` or `gone`.")
    disabled_at: datetime | None
    failing_since: datetime | None
    next_attempt_at: datetime | None = Field(description="When what failed is tried again.")
    waiting: int
    previous_secret_expires_at: datetime | None = Field(description="Until then the secret before signs too.")
    created_at: datetime

    @classmethod
    def of(cls, endpoint: WebhookEndpoint, waiting: int) -> Self:
        is_failing = endpoint.failing_since is not None and endpoint.status == "enabled"
        return cls(
            endpoint_id=endpoint.id,
            url=endpoint.url,
            description=endpoint.description,
            event_types=endpoint.event_types,
            status=endpoint.status,
            disabled_reason=endpoint.disabled_reason,
            disabled_at=endpoint.disabled_at,
            failing_since=endpoint.failing_since,
            next_attempt_at=endpoint.next_attempt_at if is_failing else None,
            waiting=waiting,
            previous_secret_expires_at=endpoint.previous_expires_at,
            created_at=endpoint.created_at,
        )


class EndpointsShown(Shown):
    endpoints: list[EndpointShown]


class SecretShown(Shown):
    secret: str = Field(examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"])
    previous_secret: str | None
    previous_secret_expires_at: datetime | None


class TenantBody(Body):
    tenant_id: Id | None = Field(default=None, description="The key says it already; if sent, it must match.")


class RotateBody(TenantBody):
    """Both secrets sign for so many hours; with 0 the old one ends at once."""

    overlap_hours: Annotated[int, Field(strict=True, ge=0, le=OVERLAP_HOURS_MAX)] = OVERLAP_HOURS_DEFAULT


class ReplayBody(TenantBody):
    """One notice by its id (the `webhook-id` it was sent under), or all since a moment."""

    notice_id: Id | None = None
    since: Moment | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.notice_id is None) == (self.since is None):
            raise ValueError("send notice_id or since, one of both")
        return self


class ReplayShown(Shown):
    queued: int
    delivery_ids: list[str]


class AttemptShown(Shown):
    """One request. Without `finished_at` it is under way, or its outcome was lost and it was sent again."""

    number: int
    started_at: datetime
    finished_at: datetime | None
    duration_ms: int | None
    status_code: int | None
    error: str | None
    response: str | None = Field(description="The first 2 kB of the answer, without secrets and mail addresses.")

    @classmethod
    def of(cls, attempt: WebhookAttempt) -> Self:
        return cls(**{name: getattr(attempt, name) for name in cls.model_fields})


class DeliveryShown(Shown):
    delivery_id: str
    kind: str = Field(description="`notice`, `replay` or `test`.")
    type: str
    notice_id: str | None
    status: str = Field(description="`waiting`, `delivered`, `failed` (tests) or `skipped`.")
    attempts: int
    last_attempt: AttemptShown | None
    created_at: datetime
    settled_at: datetime | None

    @classmethod
    def fields_of(cls, record: DeliveryRecord) -> dict[str, Any]:
        delivery = record.delivery
        return {
            "delivery_id": delivery.id,
            "kind": delivery.kind,
            "type": record.type,
            "notice_id": record.notice_id or None,
            "status": delivery.status,
            "attempts": delivery.attempts,
            "last_attempt": None if record.last is None else AttemptShown.of(record.last),
            "created_at": delivery.created_at,
            "settled_at": delivery.settled_at,
        }

    @classmethod
    def of(cls, record: DeliveryRecord) -> Self:
        return cls(**cls.fields_of(record))


class DeliveryDetailShown(DeliveryShown):
    """With every attempt, the `webhook-id` and the body as it is signed."""

    message_id: str
    body: str
    all_attempts: list[AttemptShown]

    @classmethod
    def of_message(cls, record: DeliveryRecord, message: Message) -> Self:
        return cls(
            **cls.fields_of(record),
            message_id=message.id,
            body=message.body,
            all_attempts=[AttemptShown.of(each) for each in record.attempts],
        )


class DeliveryPage(Shown):
    deliveries: list[DeliveryShown]
    next_cursor: str | None


class NoticeShown(Shown):
    """What happened, as webhooks tell it. `sequence` counts the customer's notices without gaps."""

    notice_id: str
    sequence: int
    type: str
    version: int
    subject_id: str
    timestamp: datetime
    data: dict[str, Any]

    @classmethod
    def of(cls, notice: Notice) -> Self:
        return cls(
            notice_id=notice.id,
            sequence=notice.seq,
            type=notice.type,
            version=notice.version,
            subject_id=notice.subject_id,
            timestamp=notice.announced_at,
            data=notice.data,
        )


class NoticePage(Shown):
    notices: list[NoticeShown]
    next_cursor: str | None
