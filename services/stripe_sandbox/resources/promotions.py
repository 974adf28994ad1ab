"""Whether a coupon or a promotion code may be used on a page, and what it says of itself."""

from collections.abc import Mapping
from typing import Any, Final

from services.stripe_sandbox import wording
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.world import World

CODE_INVALID: Final = "This code is not valid."


class CodeRefused(StripeError):
    """A promotion code that cannot be used here; the message is for the person who typed it."""


def redeemable_coupon(world: World, given: Mapping[str, Any], currency: str) -> Document:
    """A session's discount from `coupon` or `promotion_code` ids. Raises StripeError where it cannot be used."""
    if given.get("promotion_code"):
        promotion = world.get("promotion_code", given["promotion_code"], param="discounts[0][promotion_code]")
        _check_promotion(world, promotion)
        coupon = world.get("coupon", promotion["promotion"]["coupon"])
    elif given.get("coupon"):
        promotion, coupon = None, world.get("coupon", given["coupon"], param="discounts[0][coupon]")
    else:
        raise StripeError("You must specify a coupon or a promotion_code.", param="discounts")
    _check_coupon(world, coupon, currency)
    return {"coupon": coupon["id"], "promotion_code": promotion["id"] if promotion else None}


def code_for(world: World, code: str, *, currency: str, subtotal: int, customer: str | None) -> Document:
    """The discount of a code that a person typed, in any case. Raises CodeRefused with a sentence for them."""
    for promotion in world.store.all("promotion_code"):
        if promotion["code"].casefold() == code.casefold() and promotion["active"]:
            _check_promotion(world, promotion)
            _check_restrictions(world, promotion, currency=currency, subtotal=subtotal, customer=customer)
            coupon = world.get("coupon", promotion["promotion"]["coupon"])
            _check_coupon(world, coupon, currency)
            return {"coupon": coupon["id"], "promotion_code": promotion["id"]}
    raise CodeRefused(CODE_INVALID)


def _check_promotion(world: World, promotion: Mapping[str, Any]) -> None:
    expires_at, redemptions_max = promotion["expires_at"], promotion["max_redemptions"]
    if not promotion["active"] or (expires_at is not None and expires_at <= world.now()):
        raise CodeRefused("This code has expired.")
    if redemptions_max is not None and promotion["times_redeemed"] >= redemptions_max:
        raise CodeRefused("This code was used as often as it may be.")


def _check_restrictions(
    world: World, promotion: Mapping[str, Any], *, currency: str, subtotal: int, customer: str | None
) -> None:
    if promotion["customer"] not in {None, customer}:
        raise CodeRefused(CODE_INVALID)
    rules = promotion["restrictions"]
    if rules["first_time_transaction"] and customer is not None and _has_paid(world, customer):
        raise CodeRefused("This code is for a first purchase.")
    least = rules["minimum_amount"]
    if least is not None and (rules["minimum_amount_currency"] != currency or subtotal < least):
        shown = wording.money(least, rules["minimum_amount_currency"])
        raise CodeRefused(f"This code needs a purchase of at least {shown}.")


def _has_paid(world: World, customer: str) -> bool:
    return any(found["status"] == "succeeded" for found in world.store.where("payment_intent", customer=customer))


def _check_coupon(world: World, coupon: Mapping[str, Any], currency: str) -> None:
    if not coupon["valid"] or (coupon["redeem_by"] is not None and coupon["redeem_by"] <= world.now()):
        raise CodeRefused("This coupon is no longer valid.", code="coupon_expired", param="discounts")
    if coupon["amount_off"] is not None and coupon["currency"] != currency:
        raise CodeRefused(f"This coupon is for {coupon['currency'].upper()} only.", param="discounts")


def coupon_of(world: World, discount: Mapping[str, Any] | None) -> Document | None:
    """The coupon behind a session's discount."""
    return world.store.find("coupon", discount["coupon"]) if discount else None


def worded(coupon: Mapping[str, Any]) -> str:
    """20% off for 3 months; US$5.00 off once."""
    if coupon["percent_off"] is not None:
        off = f"{str(coupon['percent_off']).removesuffix('.0')}% off"
    else:
        off = f"{wording.money(coupon['amount_off'], coupon['currency'])} off"
    match coupon["duration"]:
        case "once":
            return f"{off} once"
        case "repeating":
            months = coupon["duration_in_months"]
            return f"{off} for {months} month{'s' if months != 1 else ''}"
        case _:
            return f"{off} for good"
