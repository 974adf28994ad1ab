"""What a month on some terms would cost, line by line and beside the plan of the book, before anything is agreed."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from services import wording
from services.price_books.plans import Plan, Pool
from services.rules import money, pricing
from services.rules.decimals import EXACT
from services.rules.money import Money
from services.rules.quantities import to_micro

DAYS = 30
"""Of the month that is shown, for pools whose allowance is a day's; use is spread evenly over them."""


@dataclass(frozen=True)
class PreviewLine:
    """One line of the bill, worked out; `listed` is what it comes to at the prices of the book, "" for not sold."""

    description: str
    working: str
    amount: str
    listed: str


@dataclass(frozen=True)
class MonthView:
    """A month on the terms. `unsold` names what would be refused, for it is not sold beyond the allowance."""

    lines: tuple[PreviewLine, ...] = ()
    total: str = ""
    listed_total: str = ""
    difference: str = ""
    unsold: str = ""


NO_MONTH = MonthView()


def preview_month(plan: Plan, listed: Plan, *, use: Mapping[str, Decimal], assets: Decimal) -> MonthView:
    """A month with so much use of each pool and so many assets. Each line is rounded once, as a bill's is."""
    mine, theirs = (month_lines(each, use=use, assets=assets) for each in (plan, listed))
    names = list(dict.fromkeys([*mine, *theirs]))
    total, listed_total = (
        money.total((amount for amount in found.values() if amount is not None), plan.currency)
        for found in (mine, theirs)
    )
    return MonthView(
        lines=tuple(
            PreviewLine(
                description=_description(plan, name),
                working=_working(plan, name, use, assets),
                amount=_worded(mine.get(name)),
                listed=_worded(theirs.get(name)),
            )
            for name in names
        ),
        total=wording.money(total),
        listed_total=wording.money(listed_total),
        difference=_difference(total, listed_total),
        unsold=", ".join(
            plan.pools[name].name for name, amount in mine.items() if name in plan.pools and amount is None
        ),
    )


def month_lines(plan: Plan, *, use: Mapping[str, Decimal], assets: Decimal) -> dict[str, Money | None]:
    """The amounts of a month by what they are for: "base", the code of a pool, "assets". None where it is not sold."""
    lines: dict[str, Money | None] = {"base": plan.monthly_base()}
    for pool in plan.pools.values():
        beyond = _beyond(plan, pool, use)
        if not beyond:
            lines[pool.code] = Money.zero(plan.currency)
        elif pool.code not in plan.overage:
            lines[pool.code] = None
        else:
            lines[pool.code] = money.to_money(plan.overage_exact(pool.code, to_micro(beyond)), plan.currency)
    if plan.assets is not None:
        lines["assets"] = money.to_money(pricing.rate(plan.assets.charge, assets).amount, plan.currency)
    return lines


def _beyond(plan: Plan, pool: Pool, use: Mapping[str, Decimal]) -> Decimal:
    windows = DAYS if pool.resets_daily else 1
    included = EXACT.multiply(plan.allowances.get(pool.code, Decimal(0)), Decimal(windows))
    return max(Decimal(0), EXACT.subtract(use.get(pool.code, Decimal(0)), included))


def _description(plan: Plan, name: str) -> str:
    if name == "base":
        return "Base fee"
    return "Assets" if name == "assets" else plan.pools[name].name


def _working(plan: Plan, name: str, use: Mapping[str, Decimal], assets: Decimal) -> str:
    if name == "base":
        return "A month, due in advance"
    if name == "assets":
        if plan.assets is None:
            return "Not counted on these terms"
        return f"{wording.number(assets)} counted, {wording.number(plan.assets.charge.included)} included"
    pool = plan.pools[name]
    used, included = use.get(name, Decimal(0)), plan.allowances.get(name, Decimal(0))
    per = f" a day, {DAYS} days" if pool.resets_daily else ""
    price = plan.overage.get(name)
    beyond = "not sold beyond" if price is None else wording.price_of(price, plan.currency, pool.unit)
    return f"{wording.number(used)} used, {wording.number(included)} included{per}; {beyond}"


def _worded(amount: Money | None) -> str:
    return "Refused" if amount is None else wording.money(amount)


def _difference(mine: Money, listed: Money) -> str:
    if mine == listed:
        return "The same as in the book"
    less, more = listed - mine, mine - listed
    return (
        f"{wording.money(less)} less than in the book"
        if less.amount_minor > 0
        else f"{wording.money(more)} more than in the book"
    )
