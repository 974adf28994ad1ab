"""One figure of a KPI for a whole period out of measurements of consecutive stretches of days, exactly.

What was counted is added up and divided once: seconds up over all seconds, seconds up over failures, seconds under
repair over failures. What was only told as a figure is weighed by its days. Nothing is rounded before the end.
"""

from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from services.rules import decimals
from services.rules.violations import InvalidPeriod, InvalidQuantity

FIGURE_DECIMALS = 6
SECONDS_PER_HOUR = 3_600

Days = tuple[date, date]
"""From the first day, included, to the last, excluded."""

Ratio = tuple[Fraction, Fraction]
"""A sum, and what it is to be divided by."""


class Combining(StrEnum):
    """What a KPI is a ratio of, which decides how figures of several stretches become one."""

    UP_SHARE = "up_share"
    BETWEEN_FAILURES = "between_failures"
    OF_REPAIRS = "of_repairs"
    MEAN = "mean"
    SUM = "sum"


_SCALE = {
    Combining.UP_SHARE: Fraction(100),
    Combining.BETWEEN_FAILURES: Fraction(1, SECONDS_PER_HOUR),
    Combining.OF_REPAIRS: Fraction(1, SECONDS_PER_HOUR),
}
COUNTED = frozenset(_SCALE)
"""The ones that can be counted: availability in percent, MTBF and MTTR in hours."""


STOOD_STILL = (
    "Machines did not run at all in these days or some of them, so there is no time between failures to be told or to "
    "be weighed against values of other days; measure all of the period by hours up and failures."
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A measurement of the days [starts, ends). `value` is None where nothing failed.

    Counted ones have `total` (seconds) and `weight` (seconds, or failures), and their value is one over the other.
    """

    starts: date
    ends: date
    value: Decimal | None
    total: Decimal | None = None
    weight: Decimal | None = None

    @property
    def days(self) -> int:
        return (self.ends - self.starts).days


@dataclass(frozen=True, slots=True)
class Blend:
    """Several stretches taken together and not yet divided; blends add up in any grouping and any order.

    Each way to weigh them is there only if every stretch has it: what was `counted`, the days, the failures beside.
    """

    combining: Combining
    by_days: Ratio | None
    counted: Ratio | None = None
    by_failures: Ratio | None = None

    def __add__(self, other: "Blend") -> "Blend":
        return Blend(
            self.combining,
            _both(self.by_days, other.by_days),
            _both(self.counted, other.counted),
            _both(self.by_failures, other.by_failures),
        )

    @property
    def figure(self) -> Fraction | None:
        """The KPI over all of it, exactly; None where nothing failed.

        Raises InvalidQuantity where there is no time between failures, though something may have failed.
        """
        if self.combining is Combining.BETWEEN_FAILURES and not self._ran:
            raise InvalidQuantity(STOOD_STILL)
        if self.counted is not None:
            return _divided(self.counted, _SCALE[self.combining])
        weighed = self.by_days if self.by_failures is None else self.by_failures
        assert weighed is not None
        return weighed[0] if self.combining is Combining.SUM else _divided(weighed, Fraction(1))

    @property
    def _ran(self) -> bool:
        """Whether machines ran at all, and where only days are known, in each stretch that something failed in."""
        weighed = self.by_days if self.counted is None else self.counted
        return weighed is not None and weighed[0] > 0

    @property
    def failures(self) -> Fraction | None:
        """How many there were, where that was counted."""
        return None if self.counted is None or self.combining is Combining.UP_SHARE else self.counted[1]


def counted_value(combining: Combining, total: Decimal, weight: Decimal) -> Decimal | None:
    """The figure of what was counted, rounded once; None where the weight is zero."""
    return rounded(_divided((Fraction(total), Fraction(weight)), _SCALE[combining]))


def rounded(figure: Fraction | None) -> Decimal | None:
    """To a millionth, half away from zero: the figure that is shown is the one that is used."""
    if figure is None:
        return None
    whole = decimals.round_half_away(figure * 10**FIGURE_DECIMALS)
    return Decimal(decimals.text_of(Decimal(whole).scaleb(-FIGURE_DECIMALS, decimals.EXACT)))


def blend(combining: Combining, stretches: Sequence[Stretch], *, mtbf: Iterable[Stretch] = ()) -> Blend:
    """At least one stretch as one. `mtbf` are those of the time between failures, which weigh repairs that were not
    counted: by the failures in the same days where each stretch has one, else by days.
    """
    beside = {(each.starts, each.ends): each for each in mtbf}
    blends = [_blend_of(combining, each, beside) for each in stretches]
    return sum(blends[1:], start=blends[0])


def gaps(stretches: Iterable[Stretch], starts: date, ends: date) -> tuple[Days, ...]:
    """The days of [starts, ends) that none of the stretches, all within it, covers. Raises InvalidPeriod on overlap."""
    found: list[Days] = []
    reached = starts
    for each in sorted(stretches, key=lambda stretch: (stretch.starts, stretch.ends)):
        if each.starts < reached or each.ends > ends:
            raise InvalidPeriod("Two measurements cover the same day, or one goes beyond the period.")
        if each.starts > reached:
            found.append((reached, each.starts))
        reached = each.ends
    return (*found, (reached, ends)) if reached < ends else tuple(found)


def months_of(starts: date, ends: date) -> tuple[Days, ...]:
    """The days [starts, ends) cut where calendar months begin."""
    found: list[Days] = []
    while starts < ends:
        following = starts.replace(day=1) + timedelta(days=monthrange(starts.year, starts.month)[1])
        found.append((starts, min(following, ends)))
        starts = following
    return tuple(found)


def days_named(starts: date, ends: date) -> str:
    """2026-07 for a whole month, 2026-07-03 for a day, else first and last day."""
    last = ends - timedelta(days=1)
    if starts.day == 1 and last == starts.replace(day=monthrange(starts.year, starts.month)[1]):
        return f"{starts:%Y-%m}"
    return f"{starts}" if starts == last else f"{starts} to {last}"


def _blend_of(combining: Combining, stretch: Stretch, beside: Mapping[Days, Stretch]) -> Blend:
    counted = None
    if combining in COUNTED and stretch.total is not None and stretch.weight is not None:
        counted = Fraction(stretch.total), Fraction(stretch.weight)
    days, value = Fraction(stretch.days), None if stretch.value is None else Fraction(stretch.value)
    if combining is Combining.SUM:
        return Blend(combining, (value or Fraction(), Fraction()))
    if combining is Combining.BETWEEN_FAILURES:
        return Blend(combining, _between(value, days, stretch), counted)
    weighed = (Fraction(), Fraction()) if value is None else (value * days, days)
    if combining is Combining.OF_REPAIRS:
        return Blend(combining, weighed, counted, _by_failures(value, days, beside.get((stretch.starts, stretch.ends))))
    return Blend(combining, weighed, counted)


def _between(value: Fraction | None, days: Fraction, stretch: Stretch) -> Ratio | None:
    """The days, which stand for hours up, and failures at the rate of one in `value`. None for a rate without end:
    something failed where nothing ran. Where nothing failed either, the days count for neither."""
    if value is None:
        return (Fraction(), Fraction()) if stretch.total == 0 else (days, Fraction())
    return (days, days / value) if value else None


def _by_failures(value: Fraction | None, days: Fraction, mtbf: Stretch | None) -> Ratio | None:
    if mtbf is None or mtbf.value == 0:
        return None
    weight = Fraction() if value is None or mtbf.value is None else days / Fraction(mtbf.value)
    return (value or Fraction()) * weight, weight


def _sum(one: Ratio, other: Ratio) -> Ratio:
    return one[0] + other[0], one[1] + other[1]


def _both(one: Ratio | None, other: Ratio | None) -> Ratio | None:
    return None if one is None or other is None else _sum(one, other)


def _divided(ratio: Ratio, scale: Fraction) -> Fraction | None:
    return ratio[0] / ratio[1] * scale if ratio[1] else None
