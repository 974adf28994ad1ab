"""What stands behind a KPI that was counted: hours and failures, as the exact sums its figure is divided from."""

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Final

from services.errors import Unprocessable
from services.gain_share.kpis import Kpi
from services.rules import decimals
from services.rules.kpi_periods import SECONDS_PER_HOUR, Combining

HOURS_MAX: Final = Decimal(10**12)
HOUR_DECIMALS: Final = 6


@dataclass(frozen=True, slots=True)
class Counts:
    """Hours that machines were to run, were up and were under repair, and how often they failed."""

    hours: Decimal | None = None
    up_hours: Decimal | None = None
    repair_hours: Decimal | None = None
    failures: int | None = None


NOT_COUNTED: Final = Counts()
_NEEDED: Final = {
    Combining.UP_SHARE: ("up_hours", "hours"),
    Combining.BETWEEN_FAILURES: ("up_hours", "failures"),
    Combining.OF_REPAIRS: ("repair_hours", "failures"),
}


def totals_of(kpi: Kpi, counts: Counts) -> tuple[Decimal, Decimal] | None:
    """Seconds, and the seconds or failures they are divided by; None where nothing was counted.

    Raises Unprocessable where something else was counted than the KPI takes, or it contradicts itself.
    """
    given = {field.name: getattr(counts, field.name) for field in fields(counts)}
    sent = {name: Decimal(value) for name, value in given.items() if value is not None}
    if not sent:
        return None
    needed = _NEEDED.get(kpi.combining)
    if needed is None or set(sent) != set(needed):
        said = f"{kpi.name} is counted by {' and '.join(needed)}" if needed else f"{kpi.name} is not counted"
        raise Unprocessable(f"{said}; send those, or the value alone.", field=next(iter(sent)))
    for name, value in sent.items():
        _check(name, value)
    total, weight = sent[needed[0]], sent[needed[1]]
    if kpi.combining is Combining.UP_SHARE and (weight == 0 or total > weight):
        raise Unprocessable("up_hours are at most the hours, which are above zero.", field="up_hours")
    if kpi.combining is Combining.OF_REPAIRS and weight == 0 and total > 0:
        raise Unprocessable("Where nothing failed nothing was repaired; send repair_hours of 0.", field="repair_hours")
    return total * SECONDS_PER_HOUR, weight * SECONDS_PER_HOUR if needed[1] == "hours" else weight


def _check(name: str, value: Decimal) -> None:
    if not decimals.is_exact(value) or not 0 <= value <= HOURS_MAX or decimals.decimals_of(value) > HOUR_DECIMALS:
        raise Unprocessable(f"{name} is zero or more, with at most {HOUR_DECIMALS} decimals.", field=name)
