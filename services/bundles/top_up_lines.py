"""A line for credits that were bought: packs at the price the plan has for them, each purchase billed once."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from services.errors import InvalidBundle
from services.price_books.plans import Plan, TopUp
from services.rules import money, pricing
from services.rules.decimals import is_plain
from services.rules.money import Money
from services.rules.quantities import from_micro, plain, to_micro


def rate_top_up(line: Mapping[str, Any], plan: Plan, *, sign: int) -> tuple[Decimal, Money, Mapping[str, object]]:
    """(packs, amount, pricing) of a line. `sign` is -1 where a credit note takes it back. Raises InvalidBundle."""
    pack, packs = _pack_of(line, plan), sign * Decimal(line["quantity"])
    if packs < 1 or packs % 1:
        raise InvalidBundle(f"its quantity is {line['quantity']}; packs are bought whole.")
    held = _source(line, "credits")
    expected = from_micro(to_micro(pack.credits) * int(packs))
    if not is_plain(held) or Decimal(held) != expected:
        raise InvalidBundle(f"it states {held} credits; so many packs hold {plain(expected)}.")
    amount = money.to_money(pricing.rate(pack.charge, packs).amount, plan.currency)
    return packs, amount, pricing.to_document(pack.charge)


def purchase_of(line: Mapping[str, Any]) -> str:
    """Which purchase a line bills."""
    return _source(line, "purchase")


def _pack_of(line: Mapping[str, Any], plan: Plan) -> TopUp:
    pack = plan.top_ups.get(_source(line, "pack"))
    if pack is None or _source(line, "pool") != pack.pool:
        raise InvalidBundle("its pack is none that its plan has a price for.")
    return pack


def _source(line: Mapping[str, Any], name: str) -> str:
    text = line.get("sources", {}).get(name)
    if type(text) is not str or not text:
        raise InvalidBundle(f"its sources do not say {name}.")
    return text
