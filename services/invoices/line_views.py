"""Invoice lines in words, each with its working: the price, the tiers applied, and what was counted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlmodel import Session

from models import InvoiceLine, LineKind
from services import wording
from services.invoices.line_facts import Fact, line_facts
from services.invoices.line_sums import records, sum_in_words
from services.price_books.books import plan_version
from services.price_books.plans import Plan
from services.rules import discounts, pricing
from services.rules.money import Money
from services.rules.pricing import Charge, Flat, Package
from services.usage.wording import counted

STATED = frozenset({LineKind.DISCOUNT, LineKind.ADJUSTMENT, LineKind.PRORATION, LineKind.CARRIED, LineKind.GAIN_SHARE})
"""Kinds of lines that have no price a unit: a promotion, and what is an amount and nothing else."""


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
    facts = line_facts(session, line, plan=plan, charge=charge, currency=currency, timezone=timezone)
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
