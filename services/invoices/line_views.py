"""Invoice lines in words, each with its working: the price, the tiers applied, and what was counted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlmodel import Session, col, select

from models import AssetSnapshot, InvoiceLine, LineKind
from services import wording
from services.invoices.line_sums import records, sum_in_words
from services.price_books.books import plan_version
from services.price_books.plans import Plan
from services.rules import discounts, pricing
from services.rules.money import Money, minor_digits
from services.rules.pricing import Charge, Flat, Package
from services.usage.wording import counted

SNAPSHOTS_SHOWN_MAX = 50
STATED = frozenset({LineKind.DISCOUNT, LineKind.ADJUSTMENT, LineKind.PRORATION, LineKind.CARRIED, LineKind.GAIN_SHARE})
"""Kinds of lines that have no price a unit: a promotion, and what is an amount and nothing else."""

VERSION_DIGITS = 12
BASIS_WORDS = {"latest": "The latest count", "peak": "The highest count", "average": "The average of the counts"}


@dataclass(frozen=True)
class Fact:
    """A name and its value."""

    name: str
    value: str


@dataclass(frozen=True)
class StepView:
    """One row of the working: a stretch of units at one price."""

    stretch: str
    quantity: str
    price: str
    amount: str


@dataclass(frozen=True)
class SourceView:
    """An event type that was counted into a line."""

    name: str
    units: str
    credits: str
    events: str


@dataclass(frozen=True)
class LineView:
    """One charge. `has_working`: there is something to open. `sum` is how it adds up, in one sentence.

    `events` are how many records of use it sums, "" where it is not about use, and `key` is what opens them.
    """

    key: str
    description: str
    period: str
    quantity: str
    price: str
    amount: str
    has_working: bool
    steps: tuple[StepView, ...]
    sources: tuple[SourceView, ...]
    facts: tuple[Fact, ...]
    sum: str = ""
    events: str = ""


def line_views(session: Session, *, lines: Iterable[InvoiceLine], currency: str, timezone: str) -> tuple[LineView, ...]:
    """Every line of one invoice of one customer, in the order given."""
    return tuple(_line_view(session, line, currency, timezone) for line in lines)


def _line_view(session: Session, line: InvoiceLine, currency: str, timezone: str) -> LineView:
    plan = plan_version(session, version_id=line.plan_version_id)
    charge = None if line.kind in STATED else pricing.from_document(line.pricing)
    steps = () if charge is None else tuple(_step_view(step, charge, line.unit, currency) for step in line.steps)
    sources = tuple(_source_views(line, plan))
    facts = (
        *_base_facts(line, timezone),
        *_discount_facts(line, currency),
        *_pack_facts(line, plan),
        *_proration_facts(line, currency, timezone),
        *_stated_facts(line),
        *_gain_share_facts(line, currency, timezone),
        *_counted_facts(session, line, timezone),
        *(() if charge is None else _rounding_facts(line, charge, currency)),
        Fact("Rated with", f"{plan.name}, version {version_name(line.plan_version_id)}"),
    )
    return LineView(
        key=str(line.position),
        description=line.description,
        period=wording.span(line.period_start, line.period_end, timezone),
        quantity=_quantity(line, timezone),
        price=_price(line, charge, currency),
        amount=wording.amount(line.amount_minor, currency),
        has_working=bool(steps or sources or facts),
        sum=sum_in_words(line, currency),
        events=records(line),
        steps=steps,
        sources=sources,
        facts=facts,
    )


def _quantity(line: InvoiceLine, timezone: str) -> str:
    """How much was charged; for what is an amount and nothing else, what kind of amount it is."""
    if line.kind == LineKind.PRORATION:
        changed_at = wording.moment(datetime.fromisoformat(line.sources["at"]), timezone)
        return f"{'Credited' if line.amount_minor < 0 else 'Charged'} from the change on {changed_at}"
    if line.kind == LineKind.ADJUSTMENT:
        return "Taken off by hand" if line.amount_minor < 0 else "Added by hand"
    if line.kind == LineKind.CARRIED:
        return "Taken from your credit" if line.amount_minor < 0 else "More was credited than charged"
    if line.kind == LineKind.GAIN_SHARE:
        return f"Approved in receipt {line.sources['approval']['seq']:,}"
    return counted(line.quantity, line.unit)


def _price(line: InvoiceLine, charge: Charge | None, currency: str) -> str:
    if line.kind == LineKind.DISCOUNT:
        return wording.promotion(discounts.from_document(line.pricing, currency))
    if line.kind == LineKind.GAIN_SHARE:
        return share_words(line, currency)
    if charge is None:
        return ""
    if line.kind == LineKind.BASE and isinstance(charge.model, Flat):
        return f"{wording.rate(charge.model.amount, currency)} per {line.unit}"
    return wording.price_of(charge, currency, line.unit)


def share_words(line: InvoiceLine, currency: str) -> str:
    """15 % of $3,200,000.00."""
    savings = wording.money(Money.parse(line.sources["savings"], currency))
    return f"{wording.number(Decimal(line.sources['share_pct']))} % of {savings}"


def _step_view(step: Mapping[str, str], charge: Charge, unit: str, currency: str) -> StepView:
    first, last, fee = Decimal(step["from"]), Decimal(step["to"]), Decimal(step["flat_fee"])
    quantity, price = Decimal(step["quantity"]), Decimal(step["unit_price"])
    packages = f" {'package' if quantity == 1 else 'packages'}"
    fee_words = f" + {wording.rate(fee, currency)}" if fee else ""
    return StepView(
        stretch=f"{'First' if not first else 'Next'} {counted(last - first, unit)}",
        quantity=f"{wording.number(quantity)}{packages if isinstance(charge.model, Package) else ''}",
        price=f"{wording.rate(price, currency)}{fee_words}",
        amount=wording.rate(Decimal(step["amount"]), currency),
    )


def _source_views(line: InvoiceLine, plan: Plan) -> Iterable[SourceView]:
    """Most credits first; a stored document does not keep the order it was written in."""
    counted_types = line.sources.get("event_types", {}).items()
    for code, use in sorted(counted_types, key=lambda item: (-Decimal(item[1]["credits"]), item[0])):
        meter = plan.meters.get(code)
        units = Decimal(use["units"])
        yield SourceView(
            name=meter.name if meter else code,
            units=counted(units, meter.unit) if meter else wording.number(units),
            credits=wording.number(Decimal(use["credits"])),
            events=wording.number(use["events"]),
        )


def version_name(version_id: str) -> str:
    """The first digits of a plan version's hash, which is its name."""
    return version_id.removeprefix("sha256:")[:VERSION_DIGITS]


def _base_facts(line: InvoiceLine, timezone: str) -> Iterable[Fact]:
    if line.kind == LineKind.BASE:
        yield Fact("Charged in advance for", wording.span(line.period_start, line.period_end, timezone))


def _discount_facts(line: InvoiceLine, currency: str) -> Iterable[Fact]:
    if line.kind == LineKind.DISCOUNT:
        yield Fact("Off a base fee of", wording.money(Money.parse(line.sources["of"], currency)))


def _pack_facts(line: InvoiceLine, plan: Plan) -> Iterable[Fact]:
    if line.kind == LineKind.TOP_UP:
        unit = plan.pools[line.sources["pool"]].unit
        yield Fact("Bought", counted(Decimal(line.sources["credits"]), unit))


def _proration_facts(line: InvoiceLine, currency: str, timezone: str) -> Iterable[Fact]:
    if line.kind == LineKind.PRORATION:
        sources = line.sources
        starts_at, ends_at, changed_at = (
            datetime.fromisoformat(text) for text in (sources["term"]["start"], sources["term"]["end"], sources["at"])
        )
        yield Fact("Of a fee, after promotions, of", wording.money(Money.parse(sources["fee"], currency)))
        yield Fact("Which is for", wording.span(starts_at, ends_at, timezone))
        yield Fact("From the change on, by the second", wording.moment(changed_at, timezone))


def _stated_facts(line: InvoiceLine) -> Iterable[Fact]:
    if line.kind == LineKind.ADJUSTMENT:
        yield Fact("How it came about", "Somebody of our side decided on it; the reason is in its name")
    if line.kind == LineKind.CARRIED:
        whence = (
            "An earlier invoice came to less than nothing" if line.amount_minor < 0 else "This invoice comes to zero"
        )
        yield Fact("How it came about", f"{whence}; what was left goes to the next one")


def _gain_share_facts(line: InvoiceLine, currency: str, timezone: str) -> Iterable[Fact]:
    if line.kind == LineKind.GAIN_SHARE:
        sources = line.sources
        yield Fact("Documented savings", wording.money(Money.parse(sources["savings"], currency)))
        yield Fact("Share agreed", f"{wording.number(Decimal(sources['share_pct']))} %")
        yield Fact("Measured over", wording.span(line.period_start, line.period_end, timezone))
        yield Fact("Run", sources["run"])
        yield Fact("Submitted in", f"receipt {sources['submission']['seq']:,}")
        yield Fact("Approved in", f"receipt {sources['approval']['seq']:,}")
        yield Fact("Calculation", version_name(sources["calculation"]))


def _counted_facts(session: Session, line: InvoiceLine, timezone: str) -> Iterable[Fact]:
    sources = line.sources
    if "used_credits" in sources:
        yield Fact("Used in the period", counted(Decimal(sources["used_credits"]), line.unit))
    if "billed_before" in sources:
        yield Fact("Beyond the allowance of that period", counted(Decimal(sources["overage"]), line.unit))
        yield Fact("Of these billed before", counted(Decimal(sources["billed_before"]), line.unit))
    if "basis" in sources:
        yield Fact(BASIS_WORDS.get(sources["basis"], sources["basis"]), counted(Decimal(sources["counted"]), line.unit))
        yield from _snapshot_facts(session, line, timezone)


def _snapshot_facts(session: Session, line: InvoiceLine, timezone: str) -> Iterable[Fact]:
    ids: list[Any] = line.sources.get("snapshot_ids", [])
    statement = select(AssetSnapshot).where(
        AssetSnapshot.tenant_id == line.tenant_id, col(AssetSnapshot.id).in_(ids[:SNAPSHOTS_SHOWN_MAX])
    )
    for snapshot in session.exec(statement.order_by(col(AssetSnapshot.captured_at))):
        yield Fact(
            f"Counted on {wording.moment(snapshot.captured_at, timezone)}", counted(snapshot.asset_count, line.unit)
        )
    if len(ids) > SNAPSHOTS_SHOWN_MAX:
        yield Fact("And more counts", wording.number(len(ids) - SNAPSHOTS_SHOWN_MAX))


def _rounding_facts(line: InvoiceLine, charge: Charge, currency: str) -> Iterable[Fact]:
    """Why the amount is not what the steps add up to: a minimum, a maximum, or the one rounding to the minor unit."""
    if not line.steps:
        return
    exact = sum((Decimal(step["amount"]) for step in line.steps), Decimal(0))
    if charge.minimum is not None and exact < charge.minimum:
        yield Fact("Raised to the minimum", wording.rate(charge.minimum, currency))
    elif charge.maximum is not None and exact > charge.maximum:
        yield Fact("Lowered to the maximum", wording.rate(charge.maximum, currency))
    elif Fraction(exact) != Fraction(Money(line.amount_minor, currency).amount_minor, 10 ** minor_digits(currency)):
        yield Fact("Exactly, before the one rounding", wording.rate(exact, currency))
