"""A gain-share run in words: KPIs before and after, how each dollar of the savings arose, and how it became the fee."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from models import Party
from services import wording
from services.gain_share.baseline_terms import RATES, VALUE_RATE
from services.gain_share.words import (
    BAR_WORDS,
    KEPT_WORDS,
    KPI_WORDS,
    METHOD_WORDS,
    NO_FEE_REASON,
    NOT_GIVEN,
    NOTHING_FAILED,
    NOTHING_FAILED_REASON,
    OWN_REASONS,
    RATE_WORDS,
    STEP_REASONS,
    figure,
    kpi_value,
    part_name,
    rate_value,
    step_name,
)
from services.gain_share.working import FEE, KEPT, SAVINGS, Bar, Figure, WorkStep, waterfall, work_steps
from services.rules.added_savings import GAINED, OWN_PREFIX
from services.rules.money import Money
from services.rules.savings import MEASURED

SIGNS = {"-": "−"}
PLACES = 10_000
"""A bar is placed to a hundredth of a percent."""


@dataclass(frozen=True)
class NamedValue:
    """A name and its value."""

    name: str
    value: str


@dataclass(frozen=True)
class PartView:
    """One part of the savings: `code` is what a dispute calls it. A loss takes from the savings."""

    code: str
    name: str
    amount: str
    is_loss: bool


@dataclass(frozen=True)
class ComparedView:
    """A KPI before and after. `baseline_receipt` is the number of the receipt that seals the baseline, "" for none."""

    name: str
    baseline: str
    actual: str
    baseline_receipt: str


@dataclass(frozen=True)
class StepView:
    """One step of the working: what it is, why, the figures it is worked out from, and what comes out."""

    name: str
    reason: str
    terms: str
    result: str
    is_amount: bool
    """Whether it is a part of the savings, the savings or the fee."""


@dataclass(frozen=True)
class BarView:
    """One bar of the waterfall. `kind` is gain, loss, savings, kept or fee; `left` and `width` are in percent."""

    name: str
    amount: str
    kind: str
    left: str
    width: str


@dataclass(frozen=True)
class WorkingView:
    """A calculation in words, stored or not: of a run, and of what is only being tried."""

    period: str = ""
    method: str = ""
    savings: str = ""
    share: str = ""
    fee: str = ""
    fee_working: str = ""
    overlapping: bool = False
    parts: tuple[PartView, ...] = ()
    compared: tuple[ComparedView, ...] = ()
    steps: tuple[StepView, ...] = ()
    bars: tuple[BarView, ...] = ()
    rates: tuple[NamedValue, ...] = ()
    sha256: str = ""


NO_WORKING = WorkingView()


def period_words(starts: date, ends: date) -> str:
    """The days from the first to the last: 1 Jan 2026 – 31 Mar 2026."""
    return f"{wording.day(starts)} – {wording.day(ends - timedelta(days=1))}"


def working_view(calculation: Mapping[str, Any], sha256: str, *, reader: Party) -> WorkingView:
    """A calculation's document in words, for people of one side; `sha256` is its hash."""
    currency = calculation["currency"]
    savings = wording.money(Money.parse(calculation["savings"], currency))
    fee = wording.money(Money.parse(calculation["fee"], currency))
    share = f"{wording.number(Decimal(calculation['share_pct']))} %"
    starts, ends = (date.fromisoformat(calculation["period"][end]) for end in ("start", "end"))
    is_saved = Decimal(calculation["savings"]) > 0
    return WorkingView(
        period=period_words(starts, ends),
        method=METHOD_WORDS[calculation["method"]],
        savings=savings,
        share=share,
        fee=fee,
        fee_working=f"{savings} × {share} = {fee}" if is_saved else NO_FEE_REASON,
        overlapping=calculation["overlapping"],
        parts=parts_view(calculation),
        compared=tuple(_compared(calculation, currency)),
        steps=tuple(_step(calculation, step) for step in work_steps(calculation)),
        bars=_bars(calculation, currency, reader),
        rates=rates_view(calculation["terms"], currency),
        sha256=sha256,
    )


def parts_view(calculation: Mapping[str, Any]) -> tuple[PartView, ...]:
    currency = calculation["currency"]
    amounts = ((part["name"], Money.parse(part["amount"], currency)) for part in calculation["parts"])
    return tuple(
        PartView(name, part_name(calculation, name), wording.money(amount), amount.amount_minor < 0)
        for name, amount in amounts
    )


def rates_view(rates: Mapping[str, str], currency: str) -> tuple[NamedValue, ...]:
    """In the order the terms name them; a stored document does not keep the order it was written in."""
    return tuple(
        NamedValue(RATE_WORDS[name], rate_value(name, Decimal(rates[name]), currency))
        for name in (*RATES, VALUE_RATE)
        if name in rates
    )


def _step(calculation: Mapping[str, Any], step: WorkStep) -> StepView:
    result = step.result
    if step.name.endswith("_cost"):
        result = Figure(round(result.value, 2), result.unit)
    return StepView(
        name=step_name(calculation, step.name),
        reason=_reason(step),
        terms=" ".join(SIGNS.get(each, each) if isinstance(each, str) else figure(each) for each in step.terms)
        .replace("( ", "(")
        .replace(" )", ")"),
        result=figure(result),
        is_amount=step.name.startswith("part ") or step.name in (SAVINGS, FEE),
    )


def _reason(step: WorkStep) -> str:
    if step.name.removeprefix("part ").startswith(OWN_PREFIX):
        return OWN_REASONS[0 if step.name.endswith(GAINED) else 1]
    if not step.terms:
        return NO_FEE_REASON if step.name == FEE else NOTHING_FAILED_REASON
    return STEP_REASONS.get(step.name, "")


def _compared(calculation: Mapping[str, Any], currency: str) -> Iterable[ComparedView]:
    own = calculation["own"]
    before = {each["kpi"]: each for each in calculation["baselines"]}
    after = {each["kpi"]: each["value"] for each in calculation["actual"]}
    for kpi in (*MEASURED, *sorted(own)):
        if kpi not in before and kpi not in after:
            continue
        unit = own[kpi]["unit"] if kpi in own else "hours"
        then = kpi_value(kpi, Decimal(before[kpi]["value"]), currency, unit) if kpi in before else NOT_GIVEN
        now = NOT_GIVEN
        if kpi in after:
            now = NOTHING_FAILED if after[kpi] is None else kpi_value(kpi, Decimal(after[kpi]), currency, unit)
        seal = str(before[kpi]["receipt"]["seq"]) if kpi in before else ""
        yield ComparedView(own[kpi]["name"] if kpi in own else KPI_WORDS[kpi], then, now, seal)


def _bars(calculation: Mapping[str, Any], currency: str, reader: Party) -> tuple[BarView, ...]:
    bars = waterfall(calculation)
    ends = [0, *(end for bar in bars for end in (bar.from_minor, bar.to_minor))]
    lowest, span = min(ends), max(1, max(ends) - min(ends))
    names = BAR_WORDS | {KEPT: KEPT_WORDS[reader]}

    def placed(bar: Bar) -> BarView:
        left = min(bar.from_minor, bar.to_minor) - lowest
        return BarView(
            name=names.get(bar.name) or part_name(calculation, bar.name),
            amount=wording.amount(bar.shown_minor, currency),
            kind=bar.name if bar.name in (SAVINGS, KEPT, FEE) else "loss" if bar.amount_minor < 0 else "gain",
            left=percent(left, span),
            width=percent(abs(bar.amount_minor), span),
        )

    return tuple(placed(bar) for bar in bars)


def percent(part: int, whole: int) -> str:
    """A share of a bar's room, as CSS writes it."""
    return f"{Decimal(part * PLACES // whole) / 100}%"
