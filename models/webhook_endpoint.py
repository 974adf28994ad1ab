"""Addresses of customers that are told what happens, and what was sent to each."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field

from models.base import ID_MAX, Json, TenantOwned, UtcDateTime, choice

URL_MAX = 500
ENDPOINT_DESCRIPTION_MAX = 200
SEALED_MAX = 500
RESPONSE_CHARS_MAX = 2_048
ATTEMPT_ERROR_MAX = 300


class EndpointStatus(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"
    DELETED = "deleted"


class DisabledReason(StrEnum):
    """Why nothing is sent: the customer turned it off, every attempt failed, or the receiver said it is gone (410)."""

    BY_CUSTOMER = "by_customer"
    FAILING = "failing"
    GONE = "gone"


class DeliveryKind(StrEnum):
    """A notice in its turn, one sent again on request, or a test."""

    NOTICE = "notice"
    REPLAY = "replay"
    TEST = "test"


class DeliveryStatus(StrEnum):
    """`failed` is for tests, which are tried once; `skipped` was waiting when the customer chose to go on without."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    SKIPPED = "skipped"


class WebhookEndpoint(TenantOwned, table=True):
    """One address. It gets its notices one at a time, in the order of their numbers, after `seen_seq`.

    `event_types` are those it wants; NULL for all. While it is rotated, the previous secret signs too, until
    `previous_expires_at`. Who sends to it holds the claim until `claimed_until`, named by `claim`.
    """

    __tablename__ = "webhook_endpoint"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        CheckConstraint("seen_seq >= 0", name="seen_seq"),
        CheckConstraint("last_position >= 0", name="last_position"),
        CheckConstraint("(status = 'deleted') = (secret IS NULL)", name="secret_until_deleted"),
        CheckConstraint("(status = 'disabled') = (disabled_reason IS NOT NULL)", name="disabled_has_reason"),
        CheckConstraint("(previous_secret IS NULL) = (previous_expires_at IS NULL)", name="previous_secret_expires"),
        CheckConstraint("(claim IS NULL) = (claimed_until IS NULL)", name="claim_ends"),
        Index("ix_webhook_endpoint_due", "status", "next_attempt_at"),
    )

    id: str = Field(primary_key=True, max_length=ID_MAX)
    url: str = Field(max_length=URL_MAX)
    description: str = Field(default="", max_length=ENDPOINT_DESCRIPTION_MAX)
    event_types: list[str] | None = Field(default=None, sa_type=Json)
    status: EndpointStatus = Field(sa_type=choice(EndpointStatus))
    disabled_reason: DisabledReason | None = Field(default=None, sa_type=choice(DisabledReason))
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    secret: str | None = Field(default=None, max_length=SEALED_MAX)
    previous_secret: str | None = Field(default=None, max_length=SEALED_MAX)
    previous_expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    seen_seq: int = Field(default=0, sa_type=BigInteger)
    last_position: int = Field(default=0, sa_type=BigInteger)
    failing_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    next_attempt_at: datetime = Field(sa_type=UtcDateTime)
    claim: str | None = Field(default=None, max_length=ID_MAX)
    claimed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class WebhookDelivery(TenantOwned, table=True):
    """One message to one endpoint. `position` is its place in the endpoint's line; a test is sent out of turn."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "endpoint_id"], ["webhook_endpoint.tenant_id", "webhook_endpoint.id"]),
        ForeignKeyConstraint(["tenant_id", "notice_seq"], ["notice.tenant_id", "notice.seq"]),
        UniqueConstraint("tenant_id", "endpoint_id", "position"),
        CheckConstraint("(kind = 'test') = (notice_seq IS NULL)", name="test_has_no_notice"),
        CheckConstraint("(status = 'waiting') = (settled_at IS NULL)", name="settled_has_time"),
        CheckConstraint("status <> 'failed' OR kind = 'test'", name="only_tests_fail"),
        CheckConstraint("attempts >= 0 AND failures >= 0 AND failures <= attempts", name="attempts"),
        Index("ix_webhook_delivery_line", "tenant_id", "endpoint_id", "status", "position"),
        Index("ix_webhook_delivery_created", "tenant_id", "created_at"),
    )

    id: str = Field(primary_key=True, max_length=ID_MAX)
    endpoint_id: str = Field(max_length=ID_MAX)
    kind: DeliveryKind = Field(sa_type=choice(DeliveryKind))
    position: int = Field(sa_type=BigInteger)
    notice_seq: int | None = Field(default=None, sa_type=BigInteger)
    status: DeliveryStatus = Field(sa_type=choice(DeliveryStatus))
    attempts: int = 0
    failures: int = 0
    created_at: datetime = Field(sa_type=UtcDateTime)
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class WebhookAttempt(TenantOwned, table=True):
    """One request, written down before it is sent. One without `finished_at` is under way, or its sender died."""

    __tablename__ = "webhook_attempt"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "delivery_id"], ["webhook_delivery.tenant_id", "webhook_delivery.id"]),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("finished_at IS NULL OR finished_at >= started_at", name="order"),
        CheckConstraint("finished_at IS NULL OR (status_code IS NULL) <> (error IS NULL)", name="one_outcome"),
        CheckConstraint("duration_ms IS NULL OR duration_ms >= 0", name="duration"),
    )

    delivery_id: str = Field(primary_key=True, max_length=ID_MAX)
    number: int = Field(primary_key=True)
    started_at: datetime = Field(sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    duration_ms: int | None = None
    status_code: int | None = None
    error: str | None = Field(default=None, max_length=ATTEMPT_ERROR_MAX)
    response: str | None = Field(default=None, max_length=RESPONSE_CHARS_MAX)
