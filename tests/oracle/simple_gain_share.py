"""A second, deliberately simple gain-share, written from the published semantics alone; part of `simple_billing.py`.

Baselines, measurements and runs are plain data, every number is a fraction, and nothing is rounded but what the
semantics round: a figure of a period to a millionth, a part of the savings and the fee to the minor unit.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from math import ceil, floor

NEEDED_BY_ALL = ("downtime_rate", "labour_rate", "parts_cost")
COUNTS = {
    "availability_pct": ("up_hours", "hours", Fraction(100)),
    "mtbf_hours": ("up_hours", "failures", Fraction(1)),
    "mttr_hours": ("repair_hours", "failures", Fraction(1)),
}
"""What a KPI is a ratio of, and by how much it is multiplied."""


class Refused(Exception):
    """The semantics do not let this be done."""


@dataclass
class Run:
    """Savings and fee in minor units of the days [start, end), and what became of it."""

    start: date
    end: date
    method: str
    share: str
    savings: int
    fee: int
    parts: list[str]
    state: str = "pending"
    bill: int | None = None
    taken_back: bool = False


def nearest(amount: Fraction) -> int:
    """Half away from zero."""
    return floor(amount + Fraction(1, 2)) if amount >= 0 else ceil(amount - Fraction(1, 2))


def millionth(value: Fraction) -> Fraction:
    return Fraction(nearest(value * 1_000_000), 1_000_000)


def a_year_on(day: date) -> date:
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return date(day.year + 1, 2, 28)


class GainShare:
    """What both sides agreed on, what was measured, and the runs."""

    def __init__(self, digits: int) -> None:
        self.digits = digits
        self.baselines: list[dict] = []
        self.measured: list[dict] = []
        self.runs: dict[int, Run] = {}

    # --- what goes in ------------------------------------------------------------------------------------------------

    def agree(self, plan: dict, baseline: dict) -> None:
        """A baseline that one side proposed and the other accepted. Those of the plan's own KPIs need the plan."""
        self.check_kpi(plan, baseline["kpi"])
        self.baselines.append(baseline)

    def measure(self, plan: dict, reading: dict, today: date) -> None:
        """Exactly the same days again take the place of what stood there; other days that overlap are refused."""
        self.check_kpi(plan, reading["kpi"])
        if reading["end"] > today:
            raise Refused("not over yet")
        if (reading["end"] - reading["start"]).days > 366:
            raise Refused("too long")
        alike = [one for one in self.measured if one["kpi"] == reading["kpi"]]
        for one in alike:
            if one["start"] < reading["end"] and reading["start"] < one["end"]:
                if (one["start"], one["end"]) != (reading["start"], reading["end"]):
                    raise Refused("overlaps")
                self.measured.remove(one)
        self.measured.append(reading)

    @staticmethod
    def check_kpi(plan: dict, kpi: str) -> None:
        if kpi.startswith("own_") and kpi not in [own["code"] for own in plan.get("gain_share", {}).get("kpis", [])]:
            raise Refused("no such KPI")

    # --- runs --------------------------------------------------------------------------------------------------------

    def submit(self, number: int, plan: dict, start: date, end: date, method: str, share: str, today: date) -> Run:
        standing = [run for run in self.runs.values() if run.state in ("pending", "approved", "disputed")]
        if any(run.start < end and start < run.end for run in standing):
            raise Refused("these days are covered")
        run = self.worked_out(plan, start, end, method, share, today)
        self.runs[number] = run
        return run

    def revise(self, number: int, old: int, plan: dict, method: str, share: str, today: date) -> Run:
        """Another run of the same days, from what is measured by now."""
        before = self.runs.get(old)
        if before is None or not (before.state in ("pending", "disputed") or self.charges_nothing(before)):
            raise Refused("decided")
        run = self.worked_out(plan, before.start, before.end, method, share, today)
        before.state = "replaced"
        self.runs[number] = run
        return run

    def decide(self, number: int, state: str) -> Run:
        run = self.runs.get(number)
        if run is None or run.state != "pending":
            raise Refused("nothing to decide")
        run.state = state
        return run

    def take_back(self, bill: int) -> None:
        """A bill was made void, and with it what it charged."""
        for run in self.runs.values():
            run.taken_back = run.taken_back or run.bill == bill

    @staticmethod
    def charges_nothing(run: Run) -> bool:
        return run.state == "approved" and run.taken_back

    def worked_out(self, plan: dict, start: date, end: date, method: str, share: str, today: date) -> Run:
        if "gain_share" not in plan:
            raise Refused("the plan has none")
        bounds = plan["gain_share"]
        if not start < end <= a_year_on(start) or end > today:
            raise Refused("no such period")
        parts = self.savings(bounds, start, end, method)
        savings = sum(nearest(amount * 10**self.digits) for amount in parts.values())
        if not Fraction(bounds["min_pct"]) <= Fraction(share) <= Fraction(bounds["max_pct"]):
            raise Refused("share")
        fee = nearest(savings * Fraction(share) / 100) if savings > 0 else 0
        return Run(start, end, method, share, savings, fee, list(parts))

    def savings(self, bounds: dict, start: date, end: date, method: str) -> dict[str, Fraction]:
        """Each part in major units, exactly."""
        own = {each["code"]: each["better"] for each in bounds.get("kpis", [])}
        agreed = {}
        for one in sorted(self.baselines, key=lambda one: one["from"]):
            if one["from"] <= start and (one["kpi"] in own or not one["kpi"].startswith("own_")):
                agreed[one["kpi"]] = one
        if not agreed:
            raise Refused("no baseline")
        rates: dict[str, Fraction] = {}
        for one in agreed.values():
            for name, rate in one["rates"].items():
                if name != "value_rate" and rates.setdefault(name, Fraction(rate)) != Fraction(rate):
                    raise Refused("rates disagree")
        if "operating_hours" not in rates:
            raise Refused("no hours")
        year = Fraction((end - start).days, (a_year_on(start) - start).days)
        hours = rates["operating_hours"] * year
        parts = self.downtime(agreed, rates, start, end, hours) if method == "downtime-cost" else {}
        if method == "kpi-delta":
            parts = self.delta(agreed, rates, start, end, hours)
            if not parts and not {"carrying_rate_pct", "overtime_rate"} & set(rates) and not set(agreed) & set(own):
                raise Refused("no rate")
        if "carrying_rate_pct" in rates:
            freed = self.before(agreed, "inventory_value") - self.needed("inventory_value", start, end)
            parts["inventory"] = freed * rates["carrying_rate_pct"] / 100 * year
        if "overtime_rate" in rates:
            fewer = self.before(agreed, "overtime_hours") * year - self.needed("overtime_hours", start, end)
            parts["overtime"] = fewer * rates["overtime_rate"]
        for kpi in sorted(set(agreed) & set(own)):
            rise = self.needed(kpi, start, end) - self.before(agreed, kpi)
            better = rise if own[kpi] == "higher" else -rise
            parts[kpi] = better * Fraction(agreed[kpi]["rates"]["value_rate"]) * year
        return parts

    def downtime(
        self, agreed: dict, rates: dict[str, Fraction], start: date, end: date, hours: Fraction
    ) -> dict[str, Fraction]:
        """C(baseline) - C(actual), with C = N·(MTTR·(downtime_rate + labour_rate) + parts_cost), N = hours·A / MTBF."""
        mtbf, mttr = self.before(agreed, "mtbf_hours"), self.before(agreed, "mttr_hours")
        if any(name not in rates for name in NEEDED_BY_ALL):
            raise Refused("a rate is missing")
        an_hour, spares = rates["downtime_rate"] + rates["labour_rate"], rates["parts_cost"]
        measures_up = "availability_pct" in agreed

        def share_up(between: Fraction, repair: Fraction, measured: Fraction | None) -> Fraction:
            if measured is not None:
                return measured / 100
            if spares > an_hour * between:
                raise Refused("longer repairs would look like savings")
            return between / (between + repair)

        up = self.before(agreed, "availability_pct") if measures_up else None
        old_count, old_cost = hours * share_up(mtbf, mttr, up) / mtbf, mttr * an_hour + spares
        up = self.needed("availability_pct", start, end) if measures_up else None
        between = self.over("mtbf_hours", start, end)
        repair = self.over("mttr_hours", start, end)
        if between is None:
            return {"fewer_failures": old_count * old_cost, "shorter_repairs": Fraction(0)}
        if repair is None:
            raise Refused("no time to repair")
        count, cost = hours * share_up(between, repair, up) / between, repair * an_hour + spares
        return {"fewer_failures": (old_count - count) * old_cost, "shorter_repairs": count * (old_cost - cost)}

    def delta(
        self, agreed: dict, rates: dict[str, Fraction], start: date, end: date, hours: Fraction
    ) -> dict[str, Fraction]:
        """The KPIs that have a rate, each on its own."""
        parts = {}
        if "availability_cost" in rates:
            rise = self.needed("availability_pct", start, end) - self.before(agreed, "availability_pct")
            parts["availability"] = rise / 100 * hours * rates["availability_cost"]
        if "failure_cost" in rates or "repair_cost" in rates:
            before = hours / self.before(agreed, "mtbf_hours")
            between = self.over("mtbf_hours", start, end)
            after = Fraction(0) if between is None else hours / between
            if "failure_cost" in rates:
                parts["mtbf"] = (before - after) * rates["failure_cost"]
            if "repair_cost" in rates:
                repaired = before * self.before(agreed, "mttr_hours")
                repair = self.over("mttr_hours", start, end)
                if repair is None and between is not None:
                    raise Refused("no time to repair")
                repairs = Fraction(0) if between is None or repair is None else after * repair
                parts["mttr"] = (repaired - repairs) * rates["repair_cost"]
        return parts

    # --- measurements of a period as one figure ----------------------------------------------------------------------

    @staticmethod
    def before(agreed: dict, kpi: str) -> Fraction:
        if kpi not in agreed:
            raise Refused(f"no baseline of {kpi}")
        return Fraction(agreed[kpi]["value"])

    def needed(self, kpi: str, start: date, end: date) -> Fraction:
        figure = self.over(kpi, start, end)
        if figure is None:
            raise Refused(f"nothing measured of {kpi}")
        return figure

    def within(self, kpi: str, start: date, end: date) -> list[dict]:
        return [one for one in self.measured if one["kpi"] == kpi and start <= one["start"] and one["end"] <= end]

    def over(self, kpi: str, start: date, end: date) -> Fraction | None:
        """The figure of the whole period, None where nothing failed; every day of it has to be measured."""
        found = self.within(kpi, start, end)
        covered = {
            one["start"] + timedelta(days=day) for one in found for day in range((one["end"] - one["start"]).days)
        }
        if len(covered) < (end - start).days:
            raise Refused(f"days of {kpi} are missing")
        days = {id(one): Fraction((one["end"] - one["start"]).days) for one in found}
        if kpi == "overtime_hours":
            return millionth(sum((Fraction(one["value"]) for one in found), Fraction(0)))
        if kpi in COUNTS and all("value" not in one for one in found):
            above, below, times = COUNTS[kpi]
            parted, summed = (sum(Fraction(one[name]) for one in found) for name in (below, above))
            if kpi == "mtbf_hours" and not summed:
                raise Refused("nothing ran")
            return millionth(summed / parted * times) if parted else None
        values = {id(one): self.value(one) for one in found}
        if kpi == "mtbf_hours":
            if any(value == 0 for value in values.values()):
                raise Refused("failures where nothing ran, which values of other days cannot be weighed against")
            failures = sum((days[key] / value for key, value in values.items() if value), Fraction(0))
            still = sum(days[id(one)] for one in found if self.value(one) is None and not Fraction(one["up_hours"]))
            if still == sum(days.values()):
                raise Refused("nothing ran")
            return millionth((sum(days.values()) - still) / failures) if failures else None
        weights = {key: days[key] for key, value in values.items() if value is not None}
        if kpi == "mttr_hours":
            weights = self.failures_beside(found, start, end) or weights
        whole = sum(weights.values())
        told = ((values[key] or Fraction(0)) * weight for key, weight in weights.items())
        return millionth(sum(told, Fraction(0)) / whole) if whole else None

    def failures_beside(self, found: list[dict], start: date, end: date) -> dict[int, Fraction] | None:
        """How many failures fell to each time to repair, as far as a time between them is known for the same days."""
        beside = {(one["start"], one["end"]): one for one in self.within("mtbf_hours", start, end)}
        alike = [beside.get((one["start"], one["end"])) for one in found]
        if any(one is None or self.value(one) == 0 for one in alike):
            return None
        weights = {}
        for one in found:
            between = self.value(beside[one["start"], one["end"]])
            nothing = between is None or self.value(one) is None
            weights[id(one)] = Fraction(0) if nothing else Fraction((one["end"] - one["start"]).days) / between
        return weights

    @staticmethod
    def value(one: dict) -> Fraction | None:
        if "value" in one:
            return Fraction(one["value"])
        above, below, times = COUNTS[one["kpi"]]
        return millionth(Fraction(one[above]) / Fraction(one[below]) * times) if Fraction(one[below]) else None
