"""What happened, told once: the one stream that mail and outgoing webhooks are fed from."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field

from models.base import ID_MAX, Json, TenantOwned, UtcDateTime

TYPE_MAX = 64
OCCURRENCE_MAX = 200


class NoticeType(StrEnum):
    """What a notice can tell of. What each one's `data` holds is declared in `services/notice_shapes.py`."""

    INVOICE_FINALIZED = "invoice.finalized"
    INVOICE_PAID = "invoice.paid"
    INVOICE_PAYMENT_FAILED = "invoice.payment_failed"
    INVOICE_PAYMENT_REMINDER = "invoice.payment_reminder"
    INVOICE_VOIDED = "invoice.voided"
    INVOICE_UNCOLLECTIBLE = "invoice.uncollectible"
    CREDIT_NOTE_ISSUED = "credit_note.issued"
    SUBSCRIPTION_STARTED = "subscription.started"
    SUBSCRIPTION_ACTIVATED = "subscription.activated"
    SUBSCRIPTION_CHANGED = "subscription.changed"
    SUBSCRIPTION_CHANGE_SCHEDULED = "subscription.change_scheduled"
    SUBSCRIPTION_PAST_DUE = "subscription.past_due"
    SUBSCRIPTION_PAUSED = "subscription.paused"
    SUBSCRIPTION_SUSPENDED = "subscription.suspended"
    SUBSCRIPTION_MOVED_UNPAID = "subscription.moved_unpaid"
    SUBSCRIPTION_RESTORED = "subscription.restored"
    SUBSCRIPTION_RESUMED = "subscription.resumed"
    SUBSCRIPTION_CANCELED = "subscription.canceled"
    SUBSCRIPTION_TRIAL_ENDING = "subscription.trial_ending"
    CREDITS_LOW = "credits.low"
    CREDITS_OVERAGE = "credits.overage"
    CREDITS_TOPPED_UP = "credits.topped_up"
    CREDITS_TOP_UP_FAILED = "credits.top_up_failed"
    CREDITS_GRANTED = "credits.granted"
    CREDITS_EXPIRING = "credits.expiring"
    SPEND_CAP_REACHED = "spend_cap.reached"
    WEBHOOK_DISABLED = "webhook.disabled"
    GAIN_SHARE_AWAITING_APPROVAL = "gain_share.awaiting_approval"
    GAIN_SHARE_REMINDER = "gain_share.reminder"
    GAIN_SHARE_APPROVED = "gain_share.approved"
    GAIN_SHARE_REJECTED = "gain_share.rejected"
    GAIN_SHARE_DISPUTED = "gain_share.disputed"
    GAIN_SHARE_OVERDUE = "gain_share.overdue"
    GAIN_SHARE_BASELINE_PROPOSED = "gain_share.baseline_proposed"
    GAIN_SHARE_BASELINE_ACCEPTED = "gain_share.baseline_accepted"
    GAIN_SHARE_BASELINE_DECLINED = "gain_share.baseline_declined"
    GAIN_SHARE_BASELINE_WITHDRAWN = "gain_share.baseline_withdrawn"


class Notice(TenantOwned, table=True):
    """One fact, told in the transaction that made it so. Rows are never changed.

    `seq` runs 1, 2, 3 … for each tenant without gaps; the last one is on its head. The unique key is what makes a fact
    be told once: `occurrence` tells apart what happens to one subject several times, and is "" for what happens once.
    """

    __tablename__ = "notice"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        UniqueConstraint("tenant_id", "type", "subject_id", "occurrence"),
        UniqueConstraint("tenant_id", "id"),
        CheckConstraint("seq > 0", name="seq"),
        CheckConstraint("version > 0", name="version"),
        Index("ix_notice_announced", "tenant_id", "announced_at"),
    )

    seq: int = Field(primary_key=True, sa_type=BigInteger)
    id: str = Field(max_length=ID_MAX)
    type: str = Field(max_length=TYPE_MAX)
    subject_id: str = Field(max_length=ID_MAX)
    occurrence: str = Field(default="", max_length=OCCURRENCE_MAX)
    version: int
    data: dict[str, Any] = Field(sa_type=Json)
    announced_at: datetime = Field(sa_type=UtcDateTime)
