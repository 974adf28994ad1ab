"""What a customer sets for itself: a cap on what use beyond the allowance may cost, and when to be told."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, LargeBinary
from sqlmodel import Field

from models.base import ID_MAX, Json, TenantOwned, UtcDateTime

CAP_MINOR_MAX = 10**15
"""Ten million millions of a currency with cents: above any bill, and far inside 64 bits."""

_CAP = f"cap_minor IS NULL OR (cap_minor >= 0 AND cap_minor <= {CAP_MINOR_MAX})"
_THRESHOLDS = "thresholds_pct IS NULL OR length(CAST(thresholds_pct AS TEXT)) BETWEEN 3 AND 40"
"""From [1] to ten of two digits; that each is a percentage, rising, is the service's to check."""


class SpendControl(TenantOwned, table=True):
    """The customer's own settings as they are in force. Where there is no row, or a column is NULL, none was made.

    `cap_minor` is in the customer's currency and bounds a period's charges for use beyond the allowance.
    `thresholds_pct` replaces the usual 80. `version` counts the changes; `updated_by` is a person or an API key.
    """

    __tablename__ = "spend_control"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "subscription_id"], ["subscription.tenant_id", "subscription.id"]),
        CheckConstraint(_CAP, name="cap"),
        CheckConstraint(_THRESHOLDS, name="thresholds"),
        CheckConstraint("version > 0", name="version"),
    )

    subscription_id: str = Field(primary_key=True, max_length=ID_MAX)
    version: int
    cap_minor: int | None = Field(default=None, sa_type=BigInteger)
    thresholds_pct: list[int] | None = Field(default=None, sa_type=Json)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    updated_by: str = Field(max_length=ID_MAX)


class SpendControlChange(TenantOwned, table=True):
    """Append-only: the settings as each change left them, who made it and when. The newest equals the control.

    Its receipt is number `receipt_seq` of the customer's log and commits to it with `salt`.
    """

    __tablename__ = "spend_control_change"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "subscription_id"], ["spend_control.tenant_id", "spend_control.subscription_id"]
        ),
        ForeignKeyConstraint(["tenant_id", "receipt_seq"], ["receipt.tenant_id", "receipt.seq"]),
        CheckConstraint(_CAP, name="cap"),
        CheckConstraint(_THRESHOLDS, name="thresholds"),
        CheckConstraint("version > 0", name="version"),
    )

    subscription_id: str = Field(primary_key=True, max_length=ID_MAX)
    version: int = Field(primary_key=True)
    cap_minor: int | None = Field(default=None, sa_type=BigInteger)
    thresholds_pct: list[int] | None = Field(default=None, sa_type=Json)
    changed_at: datetime = Field(sa_type=UtcDateTime)
    changed_by: str = Field(max_length=ID_MAX)
    receipt_seq: int = Field(default=None, nullable=False, sa_type=BigInteger)
    salt: bytes | None = Field(default=None, sa_type=LargeBinary)
