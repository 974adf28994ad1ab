"""Hosted pages: what is asked to open one, and where it is."""

from datetime import datetime
from typing import Self

from pydantic import Field

from app.api.schemas.subscriptions import SubscriptionName, SubscriptionSite
from app.api.schemas.values import Body, Id, Shown
from models import Checkout, Interval


class CheckoutBody(Body):
    """Buy a plan on the payment provider's hosted page."""

    tenant_id: Id | None = Field(default=None, description="The key says it already; operators must send it.")
    plan_code: str = Field(
        min_length=1, max_length=129, pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)?$", examples=["PRO"]
    )
    interval: Interval = Interval.MONTH
    name: SubscriptionName = None
    site: SubscriptionSite = None


class CheckoutShown(Shown):
    """Send the customer to `url`. The subscription starts once the provider has said that it is paid."""

    checkout_id: str
    url: str | None
    status: str
    expires_at: datetime | None
    subscription_id: str | None

    @classmethod
    def of(cls, checkout: Checkout) -> Self:
        return cls(
            checkout_id=checkout.id,
            url=checkout.url,
            status=checkout.status,
            expires_at=checkout.expires_at,
            subscription_id=checkout.subscription_id,
        )


class PortalBody(Body):
    """See to cards, invoices and billing details on the payment provider's hosted page."""

    tenant_id: Id | None = Field(default=None, description="The key says it already; operators must send it.")


class PortalShown(Shown):
    """Send the customer to `url` at once: it is good for a few minutes."""

    url: str
