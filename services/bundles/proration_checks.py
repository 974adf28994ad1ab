"""Rating again what a plan change brought: the rest of a fee that was credited, and the rest of one that was charged.

A proration line says of which term it is, when the plan changed, which promotions were on the fee, and which of the two
it is. Its plan says the rest.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from services.errors import InvalidBundle, Unverifiable
from services.price_books.plans import MONTHS_IN_YEAR, Plan
from services.rules import discounts, money, proration
from services.rules.money import Money
from services.rules.receipt_fields import is_moment

MONTHS = {"month": 1, "year": MONTHS_IN_YEAR}
UNUSED, REST = "unused", "rest"
_DISCOUNTS_MAX = 50


class Prorated(NamedTuple):
    """A fee, after its promotions, for a term from `starts_at`, and the part of it that a line credits or charges."""

    part: str
    unit: str
    starts_at: str
    fee: Money
    amount: Money


def prorated(line: Mapping[str, Any], plan: Plan) -> Prorated:
    """What a proration line must come to. Raises InvalidBundle and Unverifiable."""
    sources, unit = line.get("sources", {}), line["unit"]
    part, term, at = (sources.get(name) for name in ("part", "term", "at"))
    if unit not in MONTHS:
        raise Unverifiable(f"its unit is not known here, {unit}.")
    if part not in (UNUSED, REST):
        raise Unverifiable("it is of a kind of proration that is not known here.")
    if type(term) is not dict or not all(_is_moment(each) for each in (term.get("start"), term.get("end"), at)):
        raise InvalidBundle("it does not say of which term it is, and when the plan changed.")
    if line.get("period") != {"start": at, "end": term["end"]}:
        raise InvalidBundle("its period is not the rest of its term.")
    fee = _net_fee(plan, unit, sources.get("discounts", []))
    if sources.get("fee") != fee.plain():
        raise InvalidBundle(f"it does not prorate the fee of its plan, which is {fee.plain()} after its promotions.")
    starts_at, ends_at, changed_at = (_moment(each) for each in (term["start"], term["end"], at))
    left = proration.fee_left(fee, starts_at, ends_at, changed_at)
    return Prorated(part, unit, term["start"], fee, left if part == REST else -left)


def _net_fee(plan: Plan, unit: str, stated: object) -> Money:
    if type(stated) is not list or len(stated) > _DISCOUNTS_MAX:
        raise InvalidBundle("its promotions are not a list.")
    fee = money.to_money(plan.base_exact(months=MONTHS[unit]), plan.currency)
    for document in stated:
        if type(document) is not dict or not discounts.is_known(document):
            raise Unverifiable("a promotion on its fee is of a kind that is not known here.")
        discount = discounts.from_document(document, plan.currency)
        if discounts.to_document(discount) != document:
            raise InvalidBundle("a promotion on its fee is not written as promotions are.")
        fee -= discounts.taken_off(fee, discount)
    return fee


def _is_moment(value: object) -> bool:
    return type(value) is str and is_moment(value)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
