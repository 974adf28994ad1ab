"""Discounts: a coupon redeemed by a customer, and what it takes off which lines."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from services.stripe_sandbox.billing.amounts import rounded, shares
from services.stripe_sandbox.billing.periods import after
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.errors import ResourceMissing, StripeError
from services.stripe_sandbox.parameters import ID, list_of_shapes
from services.stripe_sandbox.world import World

DISCOUNTS = list_of_shapes({"coupon": ID, "discount": ID, "promotion_code": ID})
"""What `discounts` takes, everywhere."""


def redeem(
    world: World, given: Sequence[dict[str, Any]], customer: Document, param: str = "discounts", **holder: str
) -> list[str]:
    """The ids of the discounts for a `discounts` parameter, in its order.

    `holder` says what carries them: `subscription`, `subscription_item`, `invoice` or `invoice_item`.
    Raises StripeError for a coupon that is not valid now.
    """
    ids = []
    for place, one in enumerate(given):
        if len(one) != 1:
            message = "Specify exactly one of coupon, discount or promotion_code."
            raise StripeError(message, param=f"{param}[{place}]")
        if "discount" in one:
            ids.append(world.get("discount", one["discount"], param=f"{param}[{place}][discount]")["id"])
            continue
        promotion = _promotion(world, one, customer, f"{param}[{place}][promotion_code]")
        coupon_id = promotion["promotion"]["coupon"] if promotion else one["coupon"]
        coupon = _valid_coupon(world, coupon_id, f"{param}[{place}][coupon]")
        ids.append(_new_discount(world, coupon, promotion, customer, holder)["id"])
    return ids


def _promotion(world: World, one: dict[str, Any], customer: Document, param: str) -> Document | None:
    if "promotion_code" not in one:
        return None
    promotion = world.get("promotion_code", one["promotion_code"], param=param)
    expired = promotion["expires_at"] is not None and promotion["expires_at"] <= world.now_for(customer)
    used_up = promotion["max_redemptions"] is not None and promotion["times_redeemed"] >= promotion["max_redemptions"]
    other = promotion["customer"] not in (None, customer["id"])
    if not promotion["active"] or expired or used_up or other:
        message = "This promotion code cannot be redeemed because it is not active, expired or used up."
        raise StripeError(message, code="coupon_expired", param=param)
    return world.change("promotion_code", promotion, {"times_redeemed": promotion["times_redeemed"] + 1})


def _valid_coupon(world: World, identifier: str, param: str) -> Document:
    coupon = world.store.find("coupon", identifier)
    if coupon is None or coupon.get("deleted"):
        raise ResourceMissing("coupon", identifier, param)
    expired = coupon["redeem_by"] is not None and coupon["redeem_by"] <= world.now()
    if not coupon["valid"] or expired:
        raise StripeError(f"Coupon expired: {identifier}", code="coupon_expired", param=param)
    redeemed = coupon["times_redeemed"] + 1
    used_up = coupon["max_redemptions"] is not None and redeemed >= coupon["max_redemptions"]
    return world.change("coupon", coupon, {"times_redeemed": redeemed, "valid": not used_up}, "coupon.updated")


def _new_discount(
    world: World, coupon: Document, promotion: Document | None, customer: Document, holder: dict[str, str]
) -> Document:
    start = world.now_for(customer)
    months = coupon["duration_in_months"] if coupon["duration"] == "repeating" else None
    discount = {
        "id": world.new_id("discount"),
        "object": "discount",
        "checkout_session": holder.get("checkout_session"),
        "customer": customer["id"],
        "customer_account": None,
        "end": None if months is None else after(start, "month", months),
        "invoice": holder.get("invoice"),
        "invoice_item": holder.get("invoice_item"),
        "promotion_code": promotion["id"] if promotion else None,
        "source": {"coupon": coupon["id"], "type": "coupon"},
        "start": start,
        "subscription": holder.get("subscription"),
        "subscription_item": holder.get("subscription_item"),
    }
    return world.add("discount", discount)


def live_discounts(world: World, ids: Sequence[str], at: int) -> list[str]:
    """Those that have not ended."""
    found = [world.get("discount", identifier) for identifier in ids]
    return [discount["id"] for discount in found if discount["end"] is None or discount["end"] > at]


def after_use(world: World, ids: Sequence[str], taken: Sequence[Document]) -> list[str]:
    """Those that still stand once an invoice took them: a discount of the duration `once` is spent."""
    used = {amount["discount"] for amount in taken if amount["amount"]}
    return [identifier for identifier in ids if identifier not in used or _duration(world, identifier) != "once"]


def _coupon(world: World, discount_id: str) -> Document:
    discount = world.get("discount", discount_id)
    coupon = world.store.find("coupon", discount["source"]["coupon"])
    assert coupon is not None, f"{discount_id} has no coupon"
    return coupon


def _duration(world: World, discount_id: str) -> str:
    return str(_coupon(world, discount_id)["duration"])


def discount_lines(world: World, lines: Sequence[Document], invoice_discounts: Sequence[str]) -> list[list[Document]]:
    """What is taken off each line, as `discount_amounts`: its own discounts first, then the invoice's.

    A percentage is taken of the sum of the lines it applies to and split among them; so is a fixed amount, of which no
    more is taken than there is. A line that is not discountable is spared.
    """
    taken: list[list[Document]] = [[] for _ in lines]
    left = [line["amount"] for line in lines]
    for place, line in enumerate(lines):
        for identifier in line["discounts"]:
            _take(_coupon(world, identifier), identifier, lines, [place], left=left, taken=taken)
    everywhere = [place for place, line in enumerate(lines) if line["discountable"]]
    for identifier in invoice_discounts:
        _take(_coupon(world, identifier), identifier, lines, everywhere, left=left, taken=taken)
    return taken


def _take(
    coupon: Document,
    identifier: str,
    lines: Sequence[Document],
    places: Sequence[int],
    *,
    left: list[int],
    taken: list[list[Document]],
) -> None:
    products = coupon["_applies_to"]
    places = [place for place in places if not products or _product(lines[place]) in products]
    if coupon["percent_off"] is None:
        places = [place for place in places if left[place] > 0]
    base = sum(left[place] for place in places)
    if coupon["percent_off"] is not None:
        total = rounded(Decimal(base) * Decimal(str(coupon["percent_off"])) / 100)
    else:
        total = min(coupon["amount_off"], base)
    for place, share in zip(places, shares(total, [left[place] for place in places]), strict=True):
        left[place] -= share
        taken[place].append({"amount": share, "discount": identifier})


def _product(line: Document) -> str | None:
    details = (line["pricing"] or {}).get("price_details") or {}
    product: str | None = details.get("product")
    return product


def total_amounts(per_line: Sequence[Sequence[Document]]) -> list[Document]:
    """The sums by discount, as `total_discount_amounts`."""
    sums: dict[str, int] = {}
    for amounts in per_line:
        for amount in amounts:
            sums[amount["discount"]] = sums.get(amount["discount"], 0) + amount["amount"]
    return [{"amount": amount, "discount": identifier} for identifier, amount in sums.items()]
