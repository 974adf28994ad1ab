"""Test cards: which there are, how each behaves, and attaching one to a customer."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.errors import CardDeclined, ResourceMissing, StripeError
from services.stripe_sandbox.world import World

SUCCEEDS = "succeeds"
DECLINED_AT_ONCE = "declined_at_once"
FAILS_ON_CHARGE = "fails_on_charge"
NEEDS_ACTION = "needs_action"

BEHAVIOURS = {
    "4000000000000002": DECLINED_AT_ONCE,
    "4000000000000341": FAILS_ON_CHARGE,
    "4000002500003155": NEEDS_ACTION,
    "4000002760003184": NEEDS_ACTION,
}
SPECIAL_METHODS = {
    "pm_card_visa": "4242424242424242",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_amex": "378282246310005",
    "pm_card_chargeCustomerFail": "4000000000000341",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_authenticationRequired": "4000002760003184",
}
SPECIAL_TOKENS = {
    "tok_visa": "4242424242424242",
    "tok_mastercard": "5555555555554444",
    "tok_chargeCustomerFail": "4000000000000341",
    "tok_chargeDeclined": "4000000000000002",
}
DEFAULT_EXPIRY = (12, 2034)
NO_ADDRESS = {"city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None}
NO_BILLING_DETAILS = {"address": NO_ADDRESS, "email": None, "name": None, "phone": None, "tax_id": None}


def new_card(
    world: World,
    number: str,
    exp_month: int = DEFAULT_EXPIRY[0],
    exp_year: int = DEFAULT_EXPIRY[1],
    *,
    billing_details: Document | None = None,
    metadata: dict[str, str] | None = None,
) -> Document:
    """A payment method of this card, not yet attached. Raises CardDeclined where the number or the date is wrong."""
    digits = number.replace(" ", "").replace("-", "")
    _check_card(world, digits, exp_month, exp_year)
    method = {
        "id": world.new_id("payment_method"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {**NO_BILLING_DETAILS, **(billing_details or {})},
        "card": _card(digits, exp_month, exp_year),
        "created": world.now(),
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": metadata or {},
        "type": "card",
        "_behaviour": BEHAVIOURS.get(digits, SUCCEEDS),
    }
    return world.add("payment_method", method)


def _card(digits: str, exp_month: int, exp_year: int) -> Document:
    brand = {"3": "amex", "5": "mastercard", "6": "discover"}.get(digits[0], "visa")
    return {
        "brand": brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": {"amex": "american_express"}.get(brand, brand),
        "exp_month": exp_month,
        "exp_year": exp_year,
        "fingerprint": hashlib.sha256(digits.encode()).hexdigest()[:16],
        "funding": "credit",
        "generated_from": None,
        "last4": digits[-4:],
        "networks": {"available": [brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def _check_card(world: World, digits: str, exp_month: int, exp_year: int) -> None:
    if not (digits.isascii() and digits.isdigit() and 12 <= len(digits) <= 19 and _luhn(digits)):
        message = "Your card number is incorrect."
        raise CardDeclined(message, code="incorrect_number", param="number")
    if not 1 <= exp_month <= 12:
        raise CardDeclined("Your card's expiration month is invalid.", code="invalid_expiry_month", param="exp_month")
    today = datetime.fromtimestamp(world.now(), UTC)
    if (exp_year, exp_month) < (today.year, today.month):
        raise CardDeclined("Your card's expiration year is invalid.", code="invalid_expiry_year", param="exp_year")


def _luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def usable_method(world: World, identifier: str, param: str = "payment_method") -> Document:
    """The payment method of an id; one of Stripe's special test ids makes a new one. Raises ResourceMissing."""
    if identifier in SPECIAL_METHODS:
        return new_card(world, SPECIAL_METHODS[identifier])
    found = world.store.find("payment_method", identifier)
    if found is None:
        raise ResourceMissing("PaymentMethod", identifier, param)
    return found


def attach(world: World, identifier: str, customer: Document) -> Document:
    """Attach a payment method to a customer. Raises CardDeclined for a card that is refused when it is saved."""
    method = usable_method(world, identifier)
    if method["customer"] not in (None, customer["id"]):
        raise StripeError(
            "The payment method you provided has already been attached to a customer.",
            code="payment_method_unexpected_state",
            param="payment_method",
        )
    if method.get("_detached"):
        raise StripeError(
            "This PaymentMethod was previously used without being attached to a Customer or was detached from a "
            "Customer, and may not be used again.",
            code="payment_method_unexpected_state",
        )
    if method["_behaviour"] == DECLINED_AT_ONCE:
        raise declined("generic_decline")
    changes = {"customer": customer["id"]}
    attached = world.change("payment_method", method, changes)
    if attached is not method:
        world.emit("payment_method.attached", attached)
    return attached


def declined(decline_code: str, **more: Any) -> CardDeclined:
    message = {
        "insufficient_funds": "Your card has insufficient funds.",
        "expired_card": "Your card has expired.",
    }.get(decline_code, "Your card was declined.")
    code = "expired_card" if decline_code == "expired_card" else "card_declined"
    return CardDeclined(message, code=code, decline_code=decline_code, **more)
