"""What gain-share pages call things, and how its figures are written, in English."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from models import GainShareStatus, Party
from services import wording
from services.gain_share.working import DAYS, FAILURES, HOURS, Figure
from services.rules.added_savings import GAINED, OWN_PREFIX
from services.rules.gain_share import DOWNTIME_COST, KPI_DELTA

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
NOT_GIVEN, NOTHING_FAILED, NOTHING_RAN = "Not given", "Nothing failed", "Nothing ran"
METHOD_WORDS = {DOWNTIME_COST: "Downtime cost", KPI_DELTA: "KPI by KPI"}
STATUS_WORDS = {
    GainShareStatus.PENDING_APPROVAL: "Waiting for approval",
    GainShareStatus.APPROVED: "Approved",
    GainShareStatus.REJECTED: "Rejected",
    GainShareStatus.DISPUTED: "Disputed",
    GainShareStatus.REPLACED: "Replaced",
}
TAKEN_BACK, TAKEN_BACK_WORD = "taken_back", "Approved, taken back"
"""How an approved run stands whose invoice was taken back."""

STANDING_WORDS = {status.value: word for status, word in STATUS_WORDS.items()} | {TAKEN_BACK: TAKEN_BACK_WORD}


def standing_of(status: GainShareStatus, *, taken_back: bool) -> str:
    """How a run stands: its status, or TAKEN_BACK where it was approved and its invoice was taken back."""
    return TAKEN_BACK if taken_back and status == GainShareStatus.APPROVED else status.value


STEP_WORDS = {
    "operating_hours": "Operating hours of the period",
    "baseline_availability": "Availability by the baseline",
    "baseline_failures": "Failures there would have been",
    "baseline_cost_per_failure": "What one failure cost before",
    "baseline_cost": "What failures would have cost",
    "actual_availability": "Availability by what was measured",
    "actual_failures": "Failures by what was measured",
    "actual_cost_per_failure": "What one failure costs now",
    "actual_cost": "What failures cost now",
    "operating_hours_gained": "Operating hours gained",
    "failures_avoided": "Failures avoided",
    "repair_hours_saved": "Repair hours saved",
    "inventory_freed": "Stock freed",
    "overtime_hours_saved": "Overtime saved",
    "savings": "Savings, the sum of the parts",
    "fee": "Fee, the share of the savings",
}
STEP_REASONS = {
    "operating_hours": "A year's operating hours, for the days of this period.",
    "baseline_availability": "The time between failures by that and the time to repair together.",
    "baseline_failures": "The hours the plant would have run, by the hours between two failures.",
    "baseline_cost_per_failure": "Hours to repair at the rates of downtime and labour, and the parts.",
    "baseline_cost": "So many failures at the old cost of one.",
    "actual_availability": "The time between failures by that and the time to repair together.",
    "actual_failures": "The hours the plant ran, by the hours between two failures.",
    "actual_cost_per_failure": "The same rates, with the hours to repair that were measured.",
    "actual_cost": "So many failures at the new cost of one.",
    "operating_hours_gained": "What availability rose by, of the operating hours.",
    "failures_avoided": "Failures by the baseline, less those by what was measured.",
    "repair_hours_saved": "Hours under repair by the baseline, less those by what was measured.",
    "inventory_freed": "The value of stock by the baseline, less what was measured.",
    "overtime_hours_saved": "The period's share of a year's overtime, less what was measured.",
    "part fewer_failures": "Failures that did not happen, at the old cost of one.",
    "part shorter_repairs": "Failures that still happened, at what each costs less.",
    "part availability": "At what an operating hour gained is worth.",
    "part mtbf": "At what a failure avoided is worth.",
    "part mttr": "At what a repair hour saved is worth.",
    "part inventory": "At the carrying rate of a year, for the days of this period.",
    "part overtime": "At what an hour of overtime costs.",
}
NOTHING_FAILED_REASON = "Nothing failed, so there is nothing to work out."
OWN_REASONS = ("What it got better by.", "At what a unit of it is worth in a year, for the days of this period.")
NO_FEE_REASON = "Nothing was saved, so there is no fee."
BAR_WORDS = {"savings": "Savings", "kept": "The customer keeps", "fee": "Fee"}
KEPT_WORDS = {Party.CUSTOMER: "You keep", Party.SELLER: BAR_WORDS["kept"]}
"""What is left of the savings, by who reads it."""


def rate_value(name: str, value: Decimal, currency: str) -> str:
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


def step_name(calculation: Mapping[str, Any], name: str) -> str:
    """What a step of the working is called."""
    if name.startswith("part "):
        return f"Saved: {part_name(calculation, name.removeprefix('part '))}"
    if name.startswith(OWN_PREFIX):
        return f"{part_name(calculation, name.removesuffix(GAINED))} gained"
    return STEP_WORDS[name]


def figure(given: Figure) -> str:
    """A figure of the working with its unit."""
    value, unit = given.value, given.unit
    if unit == "%":
        return f"{wording.number(value)} %"
    if unit in (HOURS, FAILURES, DAYS):
        return f"{wording.number(value)} {unit.removesuffix('s') if abs(value) == 1 else unit}"
    is_currency = len(unit) == 3 and unit.isupper() and unit.isalpha()
    return wording.rate(value, unit) if is_currency else f"{wording.number(value)} {unit}"
