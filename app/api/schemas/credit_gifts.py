"""Credits that an operator gives, and takes away again while they are unused."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BeforeValidator, Field

from app.api.schemas.values import Body, Code, Id, Moment, Quantity, Shown, no_null
from models import CreditGrant
from models.credit import REASON_MAX
from services.credits.lot_changes import PROMOTION_PRIORITY
from services.credits.promotions import PRIORITY_MAX, PRIORITY_MIN
from services.rules.quantities import plain_micro

Reason = Annotated[
    str, BeforeValidator(no_null), Field(min_length=1, max_length=REASON_MAX, pattern=r"^[^\x00-\x1f\x7f]+$")
]


class GiftBody(Body):
    """Credits of a pool for a customer. Lots with a lower priority are spent first; the allowance has 10."""

    tenant_id: Id
    subscription_id: Id | None = Field(default=None, description="The main or only one, if left out.")
    pool: Code = Field(examples=["credits"])
    credits: Annotated[str, Field(pattern=r"^[0-9]{1,13}(\.[0-9]{1,6})?$")] = Field(examples=["50000"])
    reason: Reason = Field(examples=["Sorry for the outage of Tuesday"])
    priority: Annotated[int, Field(strict=True, ge=PRIORITY_MIN, le=PRIORITY_MAX)] = PROMOTION_PRIORITY
    expires_at: Moment | None = None


class TakeAwayBody(Body):
    tenant_id: Id
    reason: Reason


class GiftShown(Shown):
    grant_id: str
    tenant_id: str
    subscription_id: str
    pool: str
    credits: Quantity
    left: Quantity
    reason: str
    priority: int
    granted_at: datetime
    granted_by: str | None
    expires_at: datetime | None
    is_revoked: bool

    @classmethod
    def of(cls, lot: CreditGrant) -> Self:
        return cls(
            grant_id=lot.id,
            tenant_id=lot.tenant_id,
            subscription_id=lot.subscription_id,
            pool=lot.pool,
            credits=plain_micro(lot.granted_micro),
            left=plain_micro(lot.remaining_micro),
            reason=lot.reason or "",
            priority=lot.priority,
            granted_at=lot.granted_at,
            granted_by=lot.granted_by,
            expires_at=lot.expires_at,
            is_revoked=lot.revoked_micro == lot.granted_micro,
        )


class GiftsShown(Shown):
    grants: list[GiftShown]
    next_cursor: str | None
