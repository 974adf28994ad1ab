"""Rating a line of a bill again: what it must come to by its plan, from what it says it was counted from.

Everything here raises InvalidBundle with the stated and the expected value, or Unverifiable for what this version does
not know.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from services.bundles.gain_share_lines import rate_gain_share
from services.bundles.proration_checks import prorated
from services.bundles.top_up_lines import rate_top_up
from services.bundles.usage import PoolSum
from services.errors import InvalidBundle, Unverifiable
from services.price_books.plans import MONTHS_IN_YEAR, Plan
from services.rules import discounts, money, pricing
from services.rules.decimals import EXACT, is_plain, text_of
from services.rules.money import Money
from services.rules.pricing import Rated
from services.rules.quantities import from_micro, plain, plain_micro, to_micro

USAGE_KINDS = frozenset({"overage", "late_usage", "correction"})
KINDS = USAGE_KINDS | {"base", "discount", "asset_uplift", "adjustment", "proration", "carried", "top_up", "gain_share"}

_FLAT_KINDS = frozenset({"adjustment", "proration", "carried"})


@dataclass(frozen=True, slots=True)
class Expected:
    """What a line must say. `rated` gives the steps; None where a line has none."""

    quantity: Decimal
    amount: Money
    pricing: Mapping[str, object]
    rated: Rated | None = None


def check_line(
    line: Mapping[str, Any],
    plan: Plan,
    usage: PoolSum | None,
    *,
    fee: Money | None = None,
    on_note: bool = False,
    taken_back: bool = False,
) -> Money:
    """What a line of one of KINDS comes to. `usage` is the sum of its receipts, where they are all in the bundle; `fee`
    what the lines before it have left of the base fee that a promotion comes off.

    `on_note` is for the lines of a credit note, `taken_back` for those that take back a line of its invoice.
    """
    kind = line["kind"]
    if kind == "base":
        expected = _base(line, plan)
    elif kind == "discount":
        expected = _discount(line, plan, fee, -1 if taken_back else 1)
    elif kind in _FLAT_KINDS:
        expected = _flat(line, plan, on_note=on_note)
    elif kind == "asset_uplift":
        expected = _assets(line, plan)
    elif kind == "top_up":
        expected = Expected(*rate_top_up(line, plan, sign=-1 if taken_back else 1))
    elif kind == "gain_share":
        expected = Expected(*rate_gain_share(line, plan))
    elif kind == "overage":
        expected = _overage(line, plan, usage, -1 if taken_back else 1)
    else:
        expected = _difference(line, plan, usage)
    sign = -1 if taken_back else 1
    quantity = expected.quantity * sign
    if Decimal(line["quantity"]) != quantity:
        raise InvalidBundle(f"its quantity is {line['quantity']}; it comes to {text_of(quantity)}.")
    if line.get("pricing") != expected.pricing:
        raise InvalidBundle("its pricing is not the price its plan has for it.")
    amount = -expected.amount if taken_back else expected.amount
    if Money.parse(line["amount"], plan.currency) != amount:
        raise InvalidBundle(f"it states {line['amount']} {plan.currency}; it comes to {amount.plain()}.")
    if line.get("steps") and expected.rated is not None and not taken_back:
        _check_steps(line["steps"], expected.rated)
    return amount


def pool_of(line: Mapping[str, Any], plan: Plan) -> str:
    """The pool whose use a line bills, which its plan sells more of."""
    pool = line.get("sources", {}).get("pool")
    if type(pool) is not str or pool not in plan.overage or pool not in plan.pools:
        raise InvalidBundle("its pool is none that its plan has a price for.")
    return pool


def difference(line: Mapping[str, Any]) -> tuple[int, int]:
    """(overage, billed before) of a line of late usage or a correction, in millionths of a credit."""
    return _source_micro(line, "overage"), _source_micro(line, "billed_before")


def _base(line: Mapping[str, Any], plan: Plan) -> Expected:
    months = {"month": 1, "year": MONTHS_IN_YEAR}.get(line["unit"])
    if months is None:
        raise Unverifiable(f"its unit is not known here, {line['unit']}.")
    amount = money.to_money(plan.base_exact(months=months), plan.currency)
    return Expected(Decimal(1), amount, {"model": "flat", "amount": amount.plain()})


def _discount(line: Mapping[str, Any], plan: Plan, fee: Money | None, sign: int) -> Expected:
    stated, of = line.get("pricing", {}), line.get("sources", {}).get("of")
    if fee is None:
        raise InvalidBundle("it comes off a base fee that is not on this bill before it.")
    left = Money(sign * fee.amount_minor, fee.currency)
    if type(of) is not str or Money.parse(of, plan.currency) != left:
        raise InvalidBundle(f"it does not come off what is left of the base fee, which is {left.plain()}.")
    if not discounts.is_known(stated):
        raise Unverifiable("it is a promotion of a kind that is not known here.")
    discount = discounts.from_document(stated, plan.currency)
    return Expected(Decimal(1), -discounts.taken_off(left, discount), discounts.to_document(discount))


def _flat(line: Mapping[str, Any], plan: Plan, *, on_note: bool) -> Expected:
    """An amount by itself: a proration's, or what somebody decided on, or what is carried, which the bills around hold
    to what they say."""
    is_adjustment = line["kind"] == "adjustment"
    prorates = line["kind"] == "proration"
    amount = prorated(line, plan).amount if prorates else Money.parse(line["amount"], plan.currency)
    if is_adjustment and on_note and amount.amount_minor > 0:
        raise InvalidBundle(f"it states {line['amount']} {plan.currency}, which takes nothing back.")
    if is_adjustment and not on_note and not amount.amount_minor:
        raise InvalidBundle("it states nothing, which adjusts nothing.")
    quantity = Decimal(-1 if is_adjustment and on_note else 1)
    return Expected(quantity, amount, {"model": "flat", "amount": amount.plain()})


def _assets(line: Mapping[str, Any], plan: Plan) -> Expected:
    sources = line.get("sources", {})
    counted = sources.get("counted")
    if plan.assets is None:
        raise InvalidBundle("its plan has no price for assets.")
    if sources.get("basis", plan.assets.basis) != plan.assets.basis:
        raise InvalidBundle(f"its assets are not counted as its plan says, which is {plan.assets.basis}.")
    if type(counted) is not str or not is_plain(counted):
        raise InvalidBundle("it does not say how many assets were counted.")
    rated = pricing.rate(plan.assets.charge, Decimal(counted))
    amount = money.to_money(rated.amount, plan.currency)
    return Expected(rated.billable_quantity, amount, pricing.to_document(plan.assets.charge), rated)


def _overage(line: Mapping[str, Any], plan: Plan, usage: PoolSum | None, sign: int) -> Expected:
    pool = pool_of(line, plan)
    overage_micro = sign * to_micro(Decimal(line["quantity"]))
    if usage is not None:
        used = _source_micro(line, "used_credits")
        if used != usage.used_micro:
            raise InvalidBundle(
                f"it states {plain_micro(used)} credits used; its receipts come to {plain_micro(usage.used_micro)}."
            )
        overage_micro = usage.overage_micro
        _check_allowance(line, plan, pool, usage)
    charge = plan.overage[pool]
    rated = pricing.rate(charge, from_micro(overage_micro))
    amount = money.to_money(plan.overage_exact(pool, overage_micro), plan.currency)
    return Expected(from_micro(overage_micro), amount, pricing.to_document(charge), rated)


def _difference(line: Mapping[str, Any], plan: Plan, usage: PoolSum | None) -> Expected:
    pool = pool_of(line, plan)
    now_micro, before_micro = difference(line)
    if usage is not None:
        if now_micro != usage.overage_micro:
            raise InvalidBundle(
                f"it states {plain_micro(now_micro)} of overage; its receipts come to "
                f"{plain_micro(usage.overage_micro)}."
            )
        _check_allowance(line, plan, pool, usage)
    now, before = (
        money.to_money(plan.overage_exact(pool, micro), plan.currency) for micro in (now_micro, before_micro)
    )
    return Expected(from_micro(now_micro - before_micro), now - before, pricing.to_document(plan.overage[pool]))


def _check_allowance(line: Mapping[str, Any], plan: Plan, pool: str, usage: PoolSum) -> None:
    """That of a period with parts is shared by them, and held to all of them together; a daily one is not."""
    if "part_of" in line.get("sources", {}) and not plan.pools[pool].resets_daily:
        return
    if not usage.covered(plan.allowance_micro(pool)):
        raise InvalidBundle(
            "it leaves out the allowance: more of the use was billed than lies beyond what is included."
        )


def _source_micro(line: Mapping[str, Any], name: str) -> int:
    text = line.get("sources", {}).get(name)
    if type(text) is not str or not is_plain(text):
        raise InvalidBundle(f"its sources do not say {name}.")
    return to_micro(Decimal(text))


def _check_steps(steps: list[Any], rated: Rated) -> None:
    expected = [
        {
            "from": plain(step.from_quantity),
            "to": plain(step.to_quantity),
            "quantity": plain(step.quantity),
            "unit_price": plain(step.unit_price),
            "flat_fee": plain(step.flat_fee),
            "amount": text_of(EXACT.divide(Decimal(step.amount.numerator), Decimal(step.amount.denominator))),
        }
        for step in rated.steps
    ]
    if steps != expected:
        raise InvalidBundle("its steps are not those its price leads to.")
