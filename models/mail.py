"""Letters we owe people: each a row first, handed over once; and what each person wants to be told."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from models.base import ID_MAX, Json, TenantOwned, UtcDateTime, choice
from models.member import EMAIL_MAX

MESSAGE_ID_MAX = 200
ADDRESS_URL_MAX = 500
MAIL_ERROR_MAX = 500
_HAS_WORDS = text("forgotten_at IS NULL")


class MailKind(StrEnum):
    """What people choose among. `services/mails/kinds.py` says which notices are of each."""

    INVOICES = "invoices"
    RECEIPTS = "receipts"
    FAILED_PAYMENTS = "failed_payments"
    CREDIT_ALERTS = "credit_alerts"
    SPENDING_LIMIT = "spending_limit"
    PLAN = "plan"
    TRIAL = "trial"
    WEBHOOKS = "webhooks"
    GAIN_SHARE = "gain_share"
    GAIN_SHARE_DESK = "gain_share_desk"


class MailStatus(StrEnum):
    """`failed` is for a person: refused for good, or nobody knows whether it went. `given_up` came to be too late."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    GIVEN_UP = "given_up"


class MailMessage(TenantOwned, table=True):
    """One letter about one notice to one address; the unique key is what makes it be sent once.

    `content` is its words as they were when it was written, `message_id` its name for ever, on each try: a second copy
    is known as one. `attempts` says whose try it is while it is being sent. `handed_over_at` is set just before the
    letter itself goes to the server: a try that ended before is made again, one that ended after is left to a person.
    At `forgotten_at` its words were deleted, all but the subject.
    """

    __tablename__ = "mail_message"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "notice_seq"], ["notice.tenant_id", "notice.seq"]),
        ForeignKeyConstraint(["user_id"], ["users.id"]),
        UniqueConstraint("tenant_id", "notice_seq", "kind", "address"),
        UniqueConstraint("tenant_id", "message_id"),
        CheckConstraint("attempts >= 0", name="attempts"),
        CheckConstraint("language IN ('en', 'fr')", name="language"),
        CheckConstraint("(status = 'sent') = (sent_at IS NOT NULL)", name="sent_has_time"),
        CheckConstraint("(status = 'sending') = (claimed_until IS NOT NULL)", name="sending_is_claimed"),
        CheckConstraint("handed_over_at IS NULL OR status IN ('sending', 'sent', 'failed')", name="handed_over"),
        CheckConstraint("status NOT IN ('failed', 'given_up') OR error IS NOT NULL", name="ended_has_error"),
        Index("ix_mail_message_due", "status", "next_attempt_at"),
        CheckConstraint("forgotten_at IS NULL OR status IN ('sent', 'given_up')", name="forgotten_is_over"),
        Index("ix_mail_message_written", "status", "created_at"),
        Index("ix_mail_message_kept", "created_at", sqlite_where=_HAS_WORDS, postgresql_where=_HAS_WORDS),
    )

    id: str = Field(primary_key=True, max_length=ID_MAX)
    notice_seq: int = Field(sa_type=BigInteger)
    kind: MailKind = Field(sa_type=choice(MailKind))
    address: str = Field(max_length=EMAIL_MAX)
    user_id: str | None = Field(default=None, max_length=ID_MAX)
    language: str = Field(max_length=2)
    content: dict[str, Any] = Field(sa_type=Json)
    action_url: str = Field(max_length=ADDRESS_URL_MAX)
    message_id: str = Field(max_length=MESSAGE_ID_MAX)
    status: MailStatus = Field(sa_type=choice(MailStatus))
    attempts: int = 0
    error: str | None = Field(default=None, max_length=MAIL_ERROR_MAX)
    created_at: datetime = Field(sa_type=UtcDateTime)
    next_attempt_at: datetime = Field(sa_type=UtcDateTime)
    claimed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    handed_over_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    forgotten_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class MailCursor(TenantOwned, table=True):
    """Up to which of a customer's notices letters were written."""

    __tablename__ = "mail_cursor"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        CheckConstraint("notice_seq >= 0", name="notice_seq"),
    )

    notice_seq: int = Field(default=0, sa_type=BigInteger)


class MailPreference(TenantOwned, table=True):
    """That a member wants, or does not want, letters of a kind. Where there is no row, the role decides."""

    __tablename__ = "mail_preference"
    __table_args__ = (ForeignKeyConstraint(["tenant_id", "user_id"], ["membership.tenant_id", "membership.user_id"]),)

    user_id: str = Field(primary_key=True, max_length=ID_MAX)
    kind: MailKind = Field(primary_key=True, sa_type=choice(MailKind))
    is_wanted: bool
    changed_at: datetime = Field(sa_type=UtcDateTime)
