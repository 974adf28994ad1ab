"""Random gain-shares on top of a history: terms of the plans, what is agreed and measured, runs and decisions.

They are drawn from a seed of their own, so the history beneath stays the one it was.
"""

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.cases import Case

RATES: dict[str, tuple[str, ...]] = {
    "operating_hours": ("8000", "2500", "876000", "0.5"),
    "downtime_rate": ("1850", "0", "333.333333333333", "25000"),
    "labour_rate": ("240", "0.01", "99.999"),
    "parts_cost": ("900", "0", "1000000"),
    "availability_cost": ("25000", "1.5"),
    "failure_cost": ("4200", "0.333"),
    "repair_cost": ("610.07", "1"),
    "carrying_rate_pct": ("18", "12.5"),
    "overtime_rate": ("75", "42.195"),
}
BY_METHOD = ("availability_cost", "failure_cost", "repair_cost", "carrying_rate_pct", "overtime_rate")
VALUES: dict[str, tuple[str, ...]] = {
    "availability_pct": ("86", "90", "97.123456", "100", "0"),
    "mtbf_hours": ("92", "196.5", "45.333333", "0.25", "1234.567891"),
    "mttr_hours": ("8", "4", "0", "2.718281", "96"),
    "inventory_value": ("2500000", "1999999.99", "0"),
    "overtime_hours": ("1200", "97.25", "0"),
}
WORSE = {
    "availability_pct": ("86", "80.5"),
    "mtbf_hours": ("45.333333", "60"),
    "mttr_hours": ("12", "8"),
    "inventory_value": ("2500000", "3100000"),
    "overtime_hours": ("1200", "900.5"),
}
"""What is agreed on mostly, for otherwise few runs have a fee."""
OWN = ("own_scrap", "own_yield")
PROVINCES = ("", "", "ON", "QC", "AB")


def with_gain_share(case: Case, seed: int) -> Case:
    """The case with gain-share in most of its plans, and steps that lead to lines of it."""
    random = Random(f"gain-share {seed}")
    bounds = random.choice((("10", "20"), ("12.5", "12.5"), ("0.5", "100")))
    plans = [_plan(random, plan, bounds) for plan in case.book["plans"]]
    steps = [*case.steps, *_steps(random, case)]
    return replace(
        case,
        book=case.book | {"plans": plans},
        steps=sorted(steps, key=lambda step: step[0]),  # in the order they were drawn, where they are of one moment
        province=random.choice(PROVINCES),
    )


def with_voids(case: Case, seed: int) -> Case:
    """A case with gain-share whose newest bill is now and then made void; runs are revised after that, or not. Plans
    stay as they are: what a void means for the fee of a change is another matter."""
    random = Random(f"void {seed}")
    shared = with_gain_share(case, seed)
    kept = [step for step in shared.steps if step[1] not in ("change", "cancel", "move", "go_back")]
    number = max((facts["run"] for _, what, facts in kept if what in ("submit", "revise")), default=0)
    again: list[tuple[datetime, str, dict[str, Any]]] = []
    for at, run in [(at, facts["run"]) for at, what, facts in kept if what == "submit"]:
        number += 1
        again.append((at + timedelta(seconds=1), "approve", {"run": run}))
        voided = at + timedelta(seconds=random.randrange(20 * 86_400, 45 * 86_400))
        revised = voided + timedelta(seconds=random.randrange(1, 20 * 86_400))
        again.append((voided, "void", {}))
        again.append((revised, "revise", {"run": number, "of": run, **_terms(random)}))
        again.append((revised, random.choice(("approve", "approve", "reject")), {"run": number}))
    steps = [step for step in (*kept, *again) if step[0] <= case.ends]
    return replace(shared, steps=sorted(steps, key=lambda step: step[0]))


def _plan(random: Random, plan: dict[str, Any], bounds: tuple[str, str]) -> dict[str, Any]:
    if random.random() < 0.1:
        return plan
    low, high = bounds if random.random() < 0.9 else ("15", "33.5")
    own = [
        {"code": code, "name": code, "unit": "unit", "better": better}
        for code, better in zip(OWN, ("lower", "higher"), strict=True)
        if random.random() < 0.3
    ]
    return plan | {"gain_share": {"min_pct": low, "max_pct": high, **({"kpis": own} if own else {})}}


def _steps(random: Random, case: Case) -> list[tuple[datetime, str, dict[str, Any]]]:
    zone = ZoneInfo(case.timezone)
    seconds = (case.ends - case.start) // timedelta(seconds=1)
    first = case.start.astimezone(zone).date()
    steps: list[tuple[datetime, str, dict[str, Any]]] = []
    rates = _rates(random)
    for kpi in _kpis(random):
        steps.append((case.start, "agree", _baseline(random, kpi, rates, first - timedelta(days=400))))
    if random.random() < 0.3:
        changed = _baseline(random, "mtbf_hours", rates, first - timedelta(days=random.randrange(200)))
        steps.append((case.start, "agree", changed))
    number = 0
    for _ in range(random.choice((1, 2, 2, 3))):
        at = case.start + timedelta(seconds=random.randrange(seconds))
        start, end = _days(random, at.astimezone(zone).date())
        steps += [(at, "measure", reading) for reading in _readings(random, start, end)]
        number += 1
        steps.append((at, "submit", {"run": number, "start": start, "end": end, **_terms(random)}))
        for _ in range(random.choice((1, 1, 2, 3))):
            at += timedelta(seconds=random.randrange(1, 40 * 86_400))
            what = random.choice(("approve", "approve", "approve", "reject", "dispute", "revise"))
            if what == "revise":
                steps += [(at, "measure", reading) for reading in _readings(random, start, end, again=True)]
                steps.append((at, "revise", {"run": number + 1, "of": number, **_terms(random)}))
                number += 1
            else:
                steps.append((at, what, {"run": number}))
    return [step for step in steps if step[0] <= case.ends]


def _terms(random: Random) -> dict[str, str]:
    return {
        "method": random.choice(("downtime-cost", "kpi-delta")),
        "share": random.choice(("12.5",) * 12 + ("15", "10", "20", "0.5", "33.3333")),
    }


def _rates(random: Random) -> dict[str, str]:
    left_out = random.choice(("",) * 40 + ("operating_hours", "labour_rate", "parts_cost"))
    return {
        name: random.choice(values)
        for name, values in RATES.items()
        if name != left_out and (name not in BY_METHOD or random.random() < 0.5)
    }


def _kpis(random: Random) -> list[str]:
    """What is agreed on: nearly always failures and repairs, and often all the rest."""
    found = [kpi for kpi in ("mtbf_hours", "mttr_hours") if random.random() < 0.99]
    found += [kpi for kpi in ("inventory_value", "overtime_hours") if random.random() < 0.97]
    found += ["availability_pct"] if random.random() < 0.85 else []
    return found + [kpi for kpi in OWN if random.random() < 0.3]


def _baseline(random: Random, kpi: str, rates: dict[str, str], effective: date) -> dict[str, Any]:
    told = dict(rates) if random.random() < 0.998 else rates | {"operating_hours": "4000"}
    if kpi in OWN:
        told["value_rate"] = random.choice(("12", "0.75"))
    value = random.choice(WORSE.get(kpi, _values(kpi)) if random.random() < 0.7 else _values(kpi))
    return {"kpi": kpi, "value": value, "rates": told, "from": effective}


def _values(kpi: str) -> tuple[str, ...]:
    return VALUES.get(kpi, ("100", "250.5", "0"))


def _days(random: Random, today: date) -> tuple[date, date]:
    """Some days before this one: whole months mostly; rarely too many, or not over yet."""
    if random.random() < 0.4:
        end = today - timedelta(days=random.choice((0, 0, 0, 1, 17, 40, -1)))
        return end - timedelta(days=random.choice((1, 30, 45, 90, 200, 364, 367))), end
    end = (today - timedelta(days=random.choice((0, 31, 62)))).replace(day=1)
    start = end
    for _ in range(random.choice((1, 1, 3, 6, 12))):
        start = (start - timedelta(days=1)).replace(day=1)
    return start, end


def _readings(random: Random, start: date, end: date, *, again: bool = False) -> list[dict[str, Any]]:
    """Every KPI over stretches that make up the days; now and then one is left out, or cut in another way."""
    cuts = _cuts(random, start, end)
    counted = random.choice((0.0, 0.5, 1.0))
    found = []
    for kpi in (*VALUES, *OWN):
        if again and random.random() < 0.6:
            continue
        theirs = cuts if random.random() < 0.95 else [start, end]
        for first, last in pairwise(theirs):
            if random.random() < 0.999:
                found.append(_reading(random, kpi, first, last, is_counted=random.random() < counted))
    return found


def _cuts(random: Random, start: date, end: date) -> list[date]:
    """Where months begin, or anywhere."""
    days = [start + timedelta(days=day) for day in range(1, (end - start).days)]
    if random.random() < 0.8:
        return [start, *(day for day in days if day.day == 1), end]
    return [start, *sorted(random.sample(days, min(len(days), 3))), end]


def _reading(random: Random, kpi: str, start: date, end: date, *, is_counted: bool) -> dict[str, Any]:
    days: dict[str, Any] = {"kpi": kpi, "start": start, "end": end}
    if not is_counted or kpi not in ("availability_pct", "mtbf_hours", "mttr_hours"):
        return days | {"value": random.choice(_values(kpi))}
    if kpi == "availability_pct":
        return days | {"up_hours": random.choice(("612.5", "700", "0.000001")), "hours": random.choice(("700", "744"))}
    failures = random.choice(("0", "1", "7", "41"))
    if kpi == "mtbf_hours":
        return days | {"up_hours": random.choice(("700.123456", "73812.5", "1", "1", "0")), "failures": failures}
    repaired = "0" if failures == "0" else random.choice(("0", "12.75", "96.333333"))
    return days | {"repair_hours": repaired, "failures": failures}
