"""One gain-share run in words: the KPIs before and after, the savings part by part, and how they became the fee."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from models import GainShareRun, GainShareStatus
from services import wording
from services.baselines import RATES, VALUE_RATE
from services.rules.added_savings import GAINED, OWN_PREFIX
from services.rules.gain_share import DOWNTIME_COST, KPI_DELTA
from services.rules.money import Money
from services.rules.savings import MEASURED

NUMBER_DECIMALS = 2
"""Intermediate numbers are shown to a hundredth and kept to a millionth; amounts are exact in both."""

KPI_WORDS = {
    "availability_pct": "Availability",
    "mtbf_hours": "Mean time between failures",
    "mttr_hours": "Mean time to repair",
    "inventory_value": "Spare parts in stock",
    "overtime_hours": "Overtime",
}
RATE_WORDS = {
    "operating_hours": "Operating hours of a year",
    "downtime_rate": "Downtime, an hour",
    "labour_rate": "Labour, an hour of repair",
    "parts_cost": "Parts, a failure",
    "availability_cost": "An operating hour gained",
    "failure_cost": "A failure avoided",
    "repair_cost": "A repair hour saved",
    "carrying_rate_pct": "Carrying rate of stock",
    "overtime_rate": "Overtime, an hour",
    "value_rate": "A unit of it, a year",
}
PART_WORDS = {
    "fewer_failures": "Fewer failures",
    "shorter_repairs": "Shorter repairs",
    "availability": "Availability",
    "mtbf": "Time between failures",
    "mttr": "Time to repair",
    "inventory": "Less stock",
    "overtime": "Less overtime",
}
NOT_GIVEN, NOTHING_FAILED = "Not given", "Nothing failed"
NO_SAVINGS = "Nothing was saved, so there is no fee."
METHOD_WORDS = {DOWNTIME_COST: "Downtime cost", KPI_DELTA: "KPI by KPI"}
STATUS_WORDS = {
    GainShareStatus.PENDING_APPROVAL: "Waiting for approval",
    GainShareStatus.APPROVED: "Approved",
    GainShareStatus.REJECTED: "Rejected",
    GainShareStatus.DISPUTED: "Disputed",
    GainShareStatus.REPLACED: "Replaced",
}


@dataclass(frozen=True)
class NamedValue:
    """A name and its value."""

    name: str
    value: str


@dataclass(frozen=True)
class PartView:
    """One part of the savings; `bar_width` is its size against the largest part, in percent."""

    name: str
    amount: str
    bar_width: str
    is_loss: bool


@dataclass(frozen=True)
class ComparedView:
    """A KPI before and after."""

    name: str
    baseline: str
    actual: str


@dataclass(frozen=True)
class RunView:
    """One run. `fee_working` says how the savings became the fee."""

    id: str
    period: str
    method: str
    savings: str
    share: str
    fee: str
    fee_working: str
    status: str
    status_word: str
    made_on: str
    overlapping: bool
    parts: tuple[PartView, ...]
    compared: tuple[ComparedView, ...]
    numbers: tuple[NamedValue, ...]
    rates: tuple[NamedValue, ...]


def run_view(run: GainShareRun, timezone: str) -> RunView:
    share, calculation = f"{wording.number(run.share_pct)} %", run.calculation
    savings = wording.amount(run.savings_minor, run.currency)
    fee = wording.amount(run.fee_minor, run.currency)
    return RunView(
        id=run.id,
        period=f"{wording.day(run.period_start)} – {wording.day(run.period_end - timedelta(days=1))}",
        method=METHOD_WORDS[run.method],
        savings=savings,
        share=share,
        fee=fee,
        fee_working=f"{savings} × {share} = {fee}"
        if run.savings_minor > 0
        else "Nothing was saved, so there is no fee.",
        status=run.status.value,
        status_word=STATUS_WORDS[run.status],
        made_on=wording.moment_day(run.submitted_at, timezone),
        overlapping=calculation["overlapping"],
        parts=_parts(calculation, run.currency),
        compared=tuple(_compared(calculation, run.currency)),
        numbers=tuple(_number(calculation, each, run.currency) for each in calculation["numbers"]),
        rates=rates_view(calculation["terms"], run.currency),
    )


def rates_view(rates: Mapping[str, str], currency: str) -> tuple[NamedValue, ...]:
    """In the order the terms name them; a stored document does not keep the order it was written in."""
    return tuple(
        NamedValue(RATE_WORDS[name], _rate_value(name, Decimal(rates[name]), currency))
        for name in (*RATES, VALUE_RATE)
        if name in rates
    )


def _rate_value(name: str, value: Decimal, currency: str) -> str:
    if name == "operating_hours":
        return f"{wording.number(value)} hours"
    return f"{wording.number(value)} %" if name.endswith("_pct") else wording.rate(value, currency)


def kpi_value(kpi: str, value: Decimal, currency: str, unit: str = "hours") -> str:
    """A value as people read it; `unit` is asked for where the plan adds the KPI."""
    if kpi == "inventory_value":
        return wording.rate(value, currency)
    return f"{wording.number(value)} %" if kpi == "availability_pct" else f"{wording.number(value)} {unit}"


def part_name(calculation: Mapping[str, Any], name: str) -> str:
    """What a part of the savings is called; a KPI of the plan's own by the name the plan gave it."""
    if name.startswith(OWN_PREFIX):
        return str(calculation["own"][name.removeprefix(OWN_PREFIX)]["name"])
    return PART_WORDS[name]


def _parts(calculation: Mapping[str, Any], currency: str) -> tuple[PartView, ...]:
    amounts = [(part["name"], Money.parse(part["amount"], currency)) for part in calculation["parts"]]
    largest = max((abs(amount.amount_minor) for _, amount in amounts), default=0) or 1
    return tuple(
        PartView(
            name=part_name(calculation, name),
            amount=wording.money(amount),
            bar_width=f"{abs(amount.amount_minor) * 100 // largest}%",
            is_loss=amount.amount_minor < 0,
        )
        for name, amount in amounts
    )


def _compared(calculation: Mapping[str, Any], currency: str) -> Iterable[ComparedView]:
    own = calculation["own"]
    before = {each["kpi"]: Decimal(each["value"]) for each in calculation["baselines"]}
    after = {each["kpi"]: each["value"] for each in calculation["actual"]}
    for kpi in (*MEASURED, *sorted(own)):
        if kpi not in before and kpi not in after:
            continue
        unit = own[kpi]["unit"] if kpi in own else "hours"
        then = kpi_value(kpi, before[kpi], currency, unit) if kpi in before else NOT_GIVEN
        now = NOT_GIVEN
        if kpi in after:
            now = NOTHING_FAILED if after[kpi] is None else kpi_value(kpi, Decimal(after[kpi]), currency, unit)
        yield ComparedView(own[kpi]["name"] if kpi in own else KPI_WORDS[kpi], then, now)


def _number(calculation: Mapping[str, Any], number: Mapping[str, str], currency: str) -> NamedValue:
    name = number["name"].replace("_", " ").capitalize()
    value, unit = Decimal(number["value"]), number["unit"]
    if number["name"].startswith(OWN_PREFIX):
        own = calculation["own"][number["name"].removeprefix(OWN_PREFIX).removesuffix(GAINED)]
        name, unit = f"{own['name']} gained", own["unit"]
    if unit == currency:
        return NamedValue(name, wording.rate(round(value, NUMBER_DECIMALS), currency))
    if unit == "share":
        return NamedValue(name, f"{wording.number(round(value * 100, NUMBER_DECIMALS))} %")
    return NamedValue(name, f"{wording.number(round(value, NUMBER_DECIMALS))} {unit}")
