"""What is worth knowing of an invoice's line beside its price: what it is for, what was counted, how it was rounded."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlmodel import Session, col, select

from models import AssetSnapshot, InvoiceLine, LineKind
from services import wording
from services.price_books.plans import Plan
from services.rules.money import Money, minor_digits
from services.rules.pricing import Charge
from services.usage.wording import counted

SNAPSHOTS_SHOWN_MAX = 50
VERSION_DIGITS = 12
BASIS_WORDS = {"latest": "The latest count", "peak": "The highest count", "average": "The average of the counts"}


@dataclass(frozen=True)
class Fact:
    """A name and its value."""

    name: str
    value: str


def version_name(version_id: str) -> str:
    """The first digits of a plan version's hash, which is its name."""
    return version_id.removeprefix("sha256:")[:VERSION_DIGITS]


def line_facts(
    session: Session, line: InvoiceLine, *, plan: Plan, charge: Charge | None, currency: str, timezone: str
) -> tuple[Fact, ...]:
    """What is worth knowing of a line beside its price; without `charge` where its amount is stated."""
    return (
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
