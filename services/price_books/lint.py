"""Prices that can be charged but look like a mistake. A warning never refuses a book."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

from services.price_books.entries import BookEntry, PlanEntry
from services.price_books.files import Finding
from services.rules.pricing import Charge, Graduated, Volume, from_document


def warnings(book: BookEntry, file: str) -> list[Finding]:
    """What a second pair of eyes would ask about, such as dearer later tiers and thresholds below what is included."""
    found = [*_price_warnings(book)]
    for plan in book.plans:
        found += _plan_warnings(book, plan)
    found += _ladder_warnings(book)
    return [Finding(file, key, reason) for key, reason in dict(found).items()]


def _price_warnings(book: BookEntry) -> Iterator[tuple[str, str]]:
    for code, price in book.prices.items():
        yield from _tier_warnings(f"prices.{code}", from_document(price))


def _plan_warnings(book: BookEntry, plan: PlanEntry) -> Iterator[tuple[str, str]]:
    at = f"plans.{plan.code}"
    for pool, price in plan.overage.items():
        charge = book.overage_charge(plan, pool)
        if not isinstance(price, str):
            yield from _tier_warnings(f"{at}.overage.{pool}", charge)
        yield from _threshold_warnings(f"{at}.overage.{pool}", charge, plan.allowances.get(pool, Decimal(0)))
    if plan.assets is not None:
        yield from _tier_warnings(f"{at}.assets", plan.assets.charge())
    yield from _dunning_warnings(book, plan, f"{at}.after_dunning")
    unused = sorted(set(book.pools) - set(plan.allowances) - set(plan.overage))
    for pool in unused:
        yield at, f"neither includes nor prices {pool}: every event of that pool will be refused"


def _dunning_warnings(book: BookEntry, plan: PlanEntry, key: str) -> Iterator[tuple[str, str]]:
    """A plan for who does not pay should charge nothing."""
    named = next((other for other in book.plans if other.code == plan.after_dunning), None)
    if named is None:
        return
    charged = [*sorted(named.overage), *([] if named.assets is None else ["assets"])]
    if charged:
        yield key, f"names {named.code}, which charges for {', '.join(charged)}: who does not pay could use them unpaid"


def _tier_warnings(key: str, charge: Charge) -> Iterator[tuple[str, str]]:
    if not isinstance(charge.model, Graduated | Volume):
        return
    for earlier, later in pairwise(charge.model.tiers):
        if later.unit_price > earlier.unit_price:
            yield (
                f"{key}.tiers",
                f"the tier after {earlier.up_to:f} costs {later.unit_price:f}, more than the {earlier.unit_price:f} "
                "before it; later tiers are usually cheaper",
            )


def _threshold_warnings(key: str, charge: Charge, included: Decimal) -> Iterator[tuple[str, str]]:
    if not isinstance(charge.model, Graduated | Volume):
        return
    first = charge.model.tiers[0].up_to
    if first is not None and first < included:
        yield (
            f"{key}.tiers",
            f"the first threshold, {first:f}, is below the {included:f} included; thresholds count overage units, "
            "so check that it was not meant to count all use",
        )


def _ladder_warnings(book: BookEntry) -> Iterator[tuple[str, str]]:
    """A dearer plan should not include less of anything than a cheaper one."""
    priced = sorted((plan for plan in book.plans if plan.base_price is not None), key=lambda p: p.base_price or 0)
    for cheaper, dearer in pairwise(priced):
        for pool, amount in cheaper.allowances.items():
            if dearer.allowances.get(pool, Decimal(0)) < amount:
                yield f"plans.{dearer.code}.allowances.{pool}", f"is less than the cheaper {cheaper.code} includes"
