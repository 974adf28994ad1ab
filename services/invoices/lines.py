"""A line of an invoice, and the two that do not come from usage: the base fee and the assets.

A line is rounded once; the invoice adds up rounded lines.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlmodel import Session

from models import Interval, LineKind, Subscription
from services.assets.counts import count_assets
from services.price_books.plans import Plan
from services.rules import discounts, money, pricing
from services.rules.decimals import EXACT, text_of
from services.rules.discounts import Discount
from services.rules.money import Money
from services.rules.periods import Period
from services.rules.pricing import Rated
from services.rules.quantities import plain
from services.usage.ranges import UsageRange


@dataclass(frozen=True, slots=True)
class Line:
    """A charge before it is stored. `quantity` in `unit`, `amount` rounded to the minor unit.

    `usage` are the receipts it sums, where it charges for use.
    """

    kind: LineKind
    description: str
    quantity: Decimal
    unit: str
    amount: Money
    period: Period
    plan_version_id: str
    pricing: dict[str, Any]
    steps: list[dict[str, str]] = field(default_factory=list)
    sources: dict[str, Any] = field(default_factory=dict)
    usage: UsageRange | None = None


def base_line(plan: Plan, *, interval: Interval, term: Period) -> Line | None:
    """The base fee of a month or a year, due in advance; None where the plan has none."""
    if not plan.base_price:
        return None
    yearly = interval == Interval.YEAR
    amount = plan.annual_base() if yearly else plan.monthly_base()
    return Line(
        kind=LineKind.BASE,
        description=f"{plan.name}, {'annual' if yearly else 'monthly'} base fee",
        quantity=Decimal(1),
        unit="year" if yearly else "month",
        amount=amount,
        period=term,
        plan_version_id=plan.version_id,
        pricing={"model": "flat", "amount": amount.plain()},
    )


def discount_line(base: Line, code: str, discount: Discount, *, of: Money, off: Money) -> Line:
    """What a promotion takes off a base fee, of what the promotions before it have left of it."""
    pricing = discounts.to_document(discount)
    words = f"{pricing['percent']} %" if "percent" in pricing else f"{pricing['amount']} {of.currency}"
    return Line(
        kind=LineKind.DISCOUNT,
        description=f"Promotion {code}: {words} off the base fee",
        quantity=Decimal(1),
        unit="discount",
        amount=-off,
        period=base.period,
        plan_version_id=base.plan_version_id,
        pricing=pricing,
        sources={"of": of.plain(), "code": code},
    )


def asset_line(session: Session, *, subscription: Subscription, plan: Plan, period: Period) -> Line | None:
    """Assets beyond the included ones, counted the plan's way; the line names its snapshots.

    Where nobody counted, nothing is billed, not even a flat amount or a minimum.
    """
    if plan.assets is None:
        return None
    basis = count_assets(session, subscription=subscription, price=plan.assets, period=period)
    if not basis.snapshot_ids:
        return None
    rated = pricing.rate(plan.assets.charge, basis.count)
    if not rated.amount:
        return None
    included, counted = plan.assets.charge.included, basis.count.normalize()
    site = subscription.site
    where = "" if site is None else f", {site}"
    return Line(
        kind=LineKind.ASSET_UPLIFT,
        description=f"Assets beyond the {included:,f} included ({counted:,f} counted, {plan.assets.basis}{where})",
        quantity=rated.billable_quantity,
        unit="asset",
        amount=money.to_money(rated.amount, plan.currency),
        period=period,
        plan_version_id=plan.version_id,
        pricing=pricing.to_document(plan.assets.charge),
        steps=worded_steps(rated),
        sources={"basis": plan.assets.basis, "counted": plain(basis.count), "snapshot_ids": list(basis.snapshot_ids)}
        | ({} if site is None else {"site": site}),
    )


def worded_steps(rated: Rated) -> list[dict[str, str]]:
    """The tiers that were applied, every number exact text."""
    return [
        {
            "from": plain(step.from_quantity),
            "to": plain(step.to_quantity),
            "quantity": plain(step.quantity),
            "unit_price": plain(step.unit_price),
            "flat_fee": plain(step.flat_fee),
            "amount": _exact_text(step.amount),
        }
        for step in rated.steps
    ]


def _exact_text(amount: Fraction) -> str:
    """A sum of products of decimals, which is always a finite decimal, as text."""
    return text_of(EXACT.divide(Decimal(amount.numerator), Decimal(amount.denominator)))
