"""Discounts that customers typed a code for, on subscriptions and on invoices."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from services.gateways.stripe.facts import CouponFacts
from services.gateways.stripe.reading import moment, moment_or_none

DISCOUNTS: Final = ["discounts.source.coupon", "discounts.promotion_code"]
"""What has to be expanded for `coupons_of`; without it Stripe gives ids."""


def coupons_of(thing: Mapping[str, Any]) -> tuple[CouponFacts, ...]:
    """Those on a subscription or an invoice; one whose coupon was deleted is not told of."""
    return tuple(_coupon(discount) for discount in _expanded(thing["discounts"]))


def _expanded(discounts: Iterable[Any]) -> Iterable[Mapping[str, Any]]:
    for discount in discounts:
        if isinstance(discount, Mapping) and isinstance((discount.get("source") or {}).get("coupon"), Mapping):
            yield discount


def _coupon(discount: Mapping[str, Any]) -> CouponFacts:
    coupon, promotion = discount["source"]["coupon"], discount.get("promotion_code")
    typed = promotion.get("code") if isinstance(promotion, Mapping) else None
    percent = coupon.get("percent_off")
    return CouponFacts(
        id=discount["id"],
        code=typed or coupon.get("name") or coupon["id"],
        percent_off=None if percent is None else Decimal(str(percent)),
        off_minor=coupon.get("amount_off"),
        starts_at=moment(discount["start"]),
        ends_at=moment_or_none(discount["end"]),
        is_once=coupon["duration"] == "once",
    )
