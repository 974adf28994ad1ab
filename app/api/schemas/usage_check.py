"""Asking before use: what would be used, and whether it may be."""

from decimal import Decimal
from typing import Self

from pydantic import Field

from app.api.schemas.usage import PRINTABLE, Units
from app.api.schemas.values import Body, Id, MoneyShown, Quantity, Shown
from services.credits.check import CreditCheck
from services.rules.decimals import text_of
from services.rules.quantities import plain_micro


class UsageCheckBody(Body):
    """Some use that has not happened yet."""

    tenant_id: Id | None = Field(default=None, description="The key says it already; if sent, it must match.")
    subscription_id: Id | None = Field(
        default=None, description="The one its site is for, else the main or only one, if left out."
    )
    event_type: str = Field(min_length=1, max_length=64, pattern=PRINTABLE, examples=["api_call"])
    units: Units
    site: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        pattern=PRINTABLE,
        description="Where it is for; a subscription of that site is meant, if there is one.",
    )


class UsageCheckShown(Shown):
    """Whether it would be taken now. A hint, not a reservation: nothing is held for the caller."""

    allowed: bool
    reason: str = Field(
        description="`included` or `overage` where allowed; else the code of the refusal: `overage_not_allowed`, "
        "`spend_cap_reached`, `subscription_conflict`."
    )
    credits: Quantity = Field(description="What the units would burn.")
    remaining_credits: Quantity = Field(description="What their pool has left before that.")
    would_be_overage: bool
    overage_credits: Quantity
    overage_price: MoneyShown | None = Field(description="What the bill would grow by, where overage is sold.")
    overage_price_exact: str | None = Field(description="The same before rounding, in major units.", examples=["0.002"])
    upgrade_url: str | None = Field(description="Where there is a plan that includes more.")

    @classmethod
    def of(cls, found: CreditCheck) -> Self:
        price, exact = found.overage_price, found.overage_price_exact
        return cls(
            allowed=found.allowed,
            reason=found.reason,
            credits=plain_micro(found.credits_micro),
            remaining_credits=plain_micro(found.remaining_micro),
            would_be_overage=found.overage_micro > 0,
            overage_credits=plain_micro(found.overage_micro),
            overage_price=None if price is None else MoneyShown.of(price.amount_minor, price.currency),
            overage_price_exact=None if exact is None else text_of(Decimal(exact)),
            upgrade_url=found.upgrade_url,
        )
