"""The lines a subscription's items make on its invoices."""

from decimal import Decimal

from services.stripe_sandbox.billing.amounts import price_amount, rounded
from services.stripe_sandbox.billing.lines import add_line, pricing_of, subscription_parent
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.world import World


def add_item_line(
    world: World,
    invoice: Document,
    subscription: Document,
    item: Document,
    *,
    charged: tuple[int, int],
    fraction: Decimal,
) -> Document:
    price = world.get("price", item["price"]["id"])
    product = world.store.find("product", price["product"])
    name = product["name"] if product else price["product"]
    quantity = item.get("quantity", 0)
    trial = subscription["status"] == "trialing"
    amount = Decimal(0) if trial else price_amount(price, quantity) * fraction
    return add_line(
        world,
        invoice=invoice["id"],
        amount=rounded(amount),
        currency=subscription["currency"],
        description=f"Trial period for {name}" if trial else f"{quantity} × {name} ({wording(price)})",
        period=charged,
        pricing=pricing_of(price, price["unit_amount_decimal"] if not trial else "0"),
        parent=subscription_parent(item),
        quantity=quantity,
        discounts=item["discounts"],
        tax_rates=[rate["id"] for rate in item["tax_rates"]] if item["tax_rates"] else None,
        metadata=subscription["metadata"],
        subscription=subscription["id"],
    )


def wording(price: Document) -> str:
    """The price in words, as a line shows it: `at $20.00 / month`."""
    recurring = price["recurring"] or {"interval": "once", "interval_count": 1}
    count = recurring["interval_count"]
    every = recurring["interval"] if count == 1 else f"every {count} {recurring['interval']}s"
    if price["unit_amount_decimal"] is None:
        return f"tiered / {every}"
    major = Decimal(price["unit_amount_decimal"]) / 100
    sign = {"usd": "$", "eur": "€", "gbp": "£"}.get(price["currency"], f"{price['currency'].upper()} ")
    decimals = max(2, -int(major.normalize().as_tuple().exponent))
    return f"at {sign}{major:,.{decimals}f} / {every}"
