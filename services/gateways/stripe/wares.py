"""What set-up puts at Stripe, and how Stripe is asked for it."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from services.gateways.stripe.client import API_VERSION

HANDLED_EVENTS: Final = (
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.refunded",
    "checkout.session.async_payment_failed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed",
    "checkout.session.expired",
    "credit_note.created",
    "credit_note.updated",
    "credit_note.voided",
    "customer.created",
    "customer.deleted",
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.trial_will_end",
    "customer.subscription.updated",
    "customer.updated",
    "invoice.created",
    "invoice.finalized",
    "invoice.marked_uncollectible",
    "invoice.paid",
    "invoice.payment_action_required",
    "invoice.payment_failed",
    "invoice.payment_succeeded",
    "invoice.voided",
    "payment_method.attached",
    "refund.created",
    "refund.failed",
    "refund.updated",
)
"""The events Stripe is asked to deliver."""

CUSTOMER_UPDATES: Final = ["name", "email", "address", "phone", "tax_id"]


@dataclass(frozen=True, slots=True)
class Product:
    """A plan. `plan` is its name across books."""

    name: str
    description: str
    plan: str

    def params(self) -> dict[str, Any]:
        described = {"description": self.description} if self.description else {}
        return {"name": self.name, **described, "metadata": {"tallystick_plan": self.plan}}


@dataclass(frozen=True, slots=True)
class Price:
    """The base fee of a plan. Tax comes on top."""

    product_id: str
    amount_minor: int
    currency: str
    interval: str

    def params(self) -> dict[str, Any]:
        return {
            "product": self.product_id,
            "currency": self.currency.lower(),
            "unit_amount": self.amount_minor,
            "recurring": {"interval": self.interval},
            "tax_behavior": "exclusive",
        }


@dataclass(frozen=True, slots=True)
class PriceTier:
    """Up to this many units a month (None: any), each for so many minor units, plus a fee for reaching the tier."""

    up_to: int | None
    unit_price_minor: Decimal
    flat_fee_minor: Decimal


@dataclass(frozen=True, slots=True)
class TieredPrice:
    """What use costs, for quotes. Nobody is charged by it: use is rated here."""

    product_id: str
    currency: str
    nickname: str
    tiers: tuple[PriceTier, ...]

    def params(self) -> dict[str, Any]:
        return {
            "product": self.product_id,
            "currency": self.currency.lower(),
            "nickname": self.nickname,
            "billing_scheme": "tiered",
            "tiers_mode": "graduated",
            "tiers": [_tier(tier) for tier in self.tiers],
            "recurring": {"interval": "month"},
            "tax_behavior": "exclusive",
        }


@dataclass(frozen=True, slots=True)
class SalesTax:
    """A tax on top of the price, in one province or (None) the country; `tax_type` is gst, hst, pst, rst or qst."""

    name: str
    percentage: Decimal
    country: str
    region: str | None
    tax_type: str

    @property
    def jurisdiction(self) -> str:
        return self.country if self.region is None else f"{self.country}-{self.region}"

    def params(self) -> dict[str, Any]:
        province = {} if self.region is None else {"state": self.region}
        return {
            "display_name": self.name,
            "percentage": f"{self.percentage:f}",
            "inclusive": False,
            "country": self.country,
            **province,
            "jurisdiction": self.jurisdiction,
            "tax_type": self.tax_type,
        }


@dataclass(frozen=True, slots=True)
class PaymentLink:
    """An address that sells one price to whoever follows it. `plan` and `interval` go on the subscription."""

    price_id: str
    plan: str
    interval: str
    trial_days: int

    def params(self) -> dict[str, Any]:
        sold = {"tallystick_plan": self.plan, "tallystick_interval": self.interval}
        trial = {"trial_period_days": self.trial_days} if self.trial_days else {}
        return {
            "line_items": [{"price": self.price_id, "quantity": 1}],
            "allow_promotion_codes": True,
            "payment_method_collection": "always",
            "tax_id_collection": {"enabled": True},
            "metadata": sold,
            "subscription_data": {"metadata": sold, **trial},
        }


@dataclass(frozen=True, slots=True)
class PortalConfiguration:
    """What a customer can do on Stripe's own page. Cancelling and changing the plan happen on ours."""

    def params(self) -> dict[str, Any]:
        return {
            "features": {
                "customer_update": {"enabled": True, "allowed_updates": CUSTOMER_UPDATES},
                "invoice_history": {"enabled": True},
                "payment_method_update": {"enabled": True},
                "subscription_cancel": {"enabled": False},
                "subscription_update": {"enabled": False},
            }
        }


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """Where Stripe delivers the events we handle, in the version the SDK reads."""

    url: str

    def params(self) -> dict[str, Any]:
        return {"url": self.url, "enabled_events": list(HANDLED_EVENTS), "api_version": API_VERSION}


Ware = Product | Price | TieredPrice | SalesTax | PaymentLink | PortalConfiguration | WebhookEndpoint


def _tier(tier: PriceTier) -> dict[str, Any]:
    fee = {"flat_amount_decimal": f"{tier.flat_fee_minor:f}"} if tier.flat_fee_minor else {}
    up_to = "inf" if tier.up_to is None else tier.up_to
    return {"up_to": up_to, "unit_amount_decimal": f"{tier.unit_price_minor:f}", **fee}
