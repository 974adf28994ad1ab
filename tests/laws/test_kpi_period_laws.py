"""Laws of combining: any grouping and any order give the same figure, which lies between those it was made of."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.rules.kpi_periods import (
    COUNTED,
    Blend,
    Combining,
    Stretch,
    blend,
    counted_value,
    days_named,
    gaps,
    months_of,
    rounded,
)
from services.rules.violations import InvalidQuantity

DAY_ONE = date(2026, 1, 1)
FIGURES = st.decimals(min_value="0.1", max_value=100, places=3)


@st.composite
def stretches(draw: Any, combining: Combining, *, counted: bool | None = None) -> list[Stretch]:
    """Consecutive ones, each told as a figure or counted."""
    lengths = draw(st.lists(st.integers(1, 40), min_size=1, max_size=8))
    ends = [DAY_ONE + timedelta(days=days) for days in accumulate(lengths)]
    found = []
    for length, end in zip(lengths, ends, strict=True):
        is_counted = combining in COUNTED and (draw(st.booleans()) if counted is None else counted)
        start = end - timedelta(days=length)
        if not is_counted:
            found.append(Stretch(start, end, draw(FIGURES)))
            continue
        weight = Decimal(draw(st.integers(0, 20)) if combining is not Combining.UP_SHARE else length * 86_400)
        most = length * 86_400 if weight or combining is Combining.BETWEEN_FAILURES else 0
        total = Decimal(draw(st.integers(0, most) | st.just(0)))
        found.append(Stretch(start, end, counted_value(combining, total, weight), total, weight))
    return found


ANY = st.sampled_from(list(Combining)).flatmap(lambda kind: st.tuples(st.just(kind), stretches(kind)))


def figure_of(taken: Blend) -> Fraction | str | None:
    """The figure, or that there is none."""
    try:
        return taken.figure
    except InvalidQuantity:
        return "stood still"


@given(ANY, st.data())
def test_any_grouping_and_any_order_give_the_same(known: tuple[Combining, list[Stretch]], data: st.DataObject) -> None:
    combining, found = known
    whole = blend(combining, found)
    cut = data.draw(st.integers(1, len(found))) if len(found) > 1 else 1
    parts = [part for part in (found[:cut], found[cut:]) if part]
    grouped = blend(combining, parts[-1])
    for part in parts[:-1]:
        grouped = grouped + blend(combining, part)
    assert grouped == whole
    assert figure_of(blend(combining, data.draw(st.permutations(found)))) == figure_of(whole)


@given(ANY)
def test_a_mean_lies_between_its_figures(known: tuple[Combining, list[Stretch]]) -> None:
    combining, found = known
    figure = figure_of(blend(combining, found))
    values = [Fraction(each.value) for each in found if each.value is not None]
    if combining is Combining.SUM:
        assert figure == sum(values)
    elif combining is not Combining.BETWEEN_FAILURES and isinstance(figure, Fraction):
        near = Fraction(1, 10**6)  # counted figures were rounded before they are compared
        assert min(values) - near <= figure <= max(values) + near


@given(stretches(Combining.BETWEEN_FAILURES, counted=True))
def test_what_was_counted_is_added_up_and_divided_once(found: list[Stretch]) -> None:
    taken = blend(Combining.BETWEEN_FAILURES, found)
    seconds = sum(int(each.total or 0) for each in found)
    failures = sum(int(each.weight or 0) for each in found)
    assert taken.failures == failures
    expected = Fraction(seconds, 3_600 * failures) if failures else None
    assert figure_of(taken) == (expected if seconds else "stood still")


@given(st.lists(FIGURES, min_size=1, max_size=5), st.integers(0, 9), st.data())
def test_days_on_which_nothing_ran_never_lengthen_the_time_between_failures(
    values: list[Decimal], failures: int, data: st.DataObject
) -> None:
    days = [DAY_ONE + timedelta(days=30 * number) for number in range(len(values) + 2)]
    ran = [Stretch(*ends, value) for *ends, value in zip(days, days[1:], values, strict=False)]
    value = Decimal(0) if failures else None
    still = Stretch(days[-2], days[-1], value, Decimal(0), Decimal(failures))
    together = figure_of(blend(Combining.BETWEEN_FAILURES, data.draw(st.permutations([*ran, still]))))
    assert together == ("stood still" if failures else blend(Combining.BETWEEN_FAILURES, ran).figure)
    assert figure_of(blend(Combining.BETWEEN_FAILURES, [still])) == "stood still"


def test_a_month_of_standing_still_counts_among_months_that_were_counted() -> None:
    march, april, may = date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)
    found = [
        Stretch(march, april, Decimal(0), Decimal(0), Decimal(3)),
        Stretch(april, may, Decimal(700), Decimal(700 * 3_600), Decimal(1)),
    ]
    assert blend(Combining.BETWEEN_FAILURES, found).figure == 175


def test_repairs_are_weighed_by_days_where_a_time_between_failures_is_zero() -> None:
    march, april, may = date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)
    repairs = [Stretch(march, april, Decimal(10)), Stretch(april, may, Decimal(2))]
    between = [
        Stretch(march, april, Decimal(0), Decimal(0), Decimal(3)),
        Stretch(april, may, Decimal(700), Decimal(700 * 3_600), Decimal(1)),
    ]
    assert blend(Combining.OF_REPAIRS, repairs, mtbf=between).figure == Fraction(10 * 31 + 2 * 30, 61)


@given(FIGURES, st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_equal_figures_combine_to_the_same_however_long_they_are(value: Decimal, lengths: list[int]) -> None:
    ends = [DAY_ONE + timedelta(days=days) for days in accumulate(lengths)]
    found = [Stretch(end - timedelta(days=days), end, value) for days, end in zip(lengths, ends, strict=True)]
    for combining in (Combining.UP_SHARE, Combining.BETWEEN_FAILURES, Combining.OF_REPAIRS, Combining.MEAN):
        assert blend(combining, found).figure == Fraction(value)


@given(stretches(Combining.MEAN), st.integers(0, 400), st.integers(1, 400))
def test_what_is_covered_and_what_is_missing_are_the_whole_period(
    found: list[Stretch], before: int, after: int
) -> None:
    starts, ends = DAY_ONE - timedelta(days=before), found[-1].ends + timedelta(days=after)
    kept = found[::2]
    missing = gaps(kept, starts, ends)
    days = sum((last - first).days for first, last in missing)
    assert days + sum(each.days for each in kept) == (ends - starts).days
    assert sum((b - a).days for first, last in missing for a, b in months_of(first, last)) == days


def test_repairs_that_were_not_counted_are_weighed_by_failures_where_those_are_known() -> None:
    april, may, june = date(2026, 4, 1), date(2026, 5, 1), date(2026, 6, 1)
    repairs = [Stretch(april, may, Decimal(10)), Stretch(may, june, Decimal(2))]
    between = [Stretch(april, may, Decimal(300)), Stretch(may, june, Decimal(31))]
    # 30/300 failures of 10 hours, and ten times as many of 2
    assert blend(Combining.OF_REPAIRS, repairs, mtbf=between).figure == Fraction(30, 11)
    assert blend(Combining.OF_REPAIRS, repairs, mtbf=between[:1]).figure == Fraction(10 * 30 + 2 * 31, 61)


def test_months_without_a_failure_lengthen_the_time_between_them() -> None:
    april, may, june = date(2026, 4, 1), date(2026, 5, 1), date(2026, 6, 1)
    hour = Decimal(3_600)
    found = [
        Stretch(april, may, None, 720 * hour, Decimal(0)),
        Stretch(may, june, Decimal(370), 740 * hour, Decimal(2)),
    ]
    assert blend(Combining.BETWEEN_FAILURES, found).figure == 730
    assert blend(Combining.BETWEEN_FAILURES, found[:1]).figure is None


@pytest.mark.parametrize(
    ("starts", "ends", "named"),
    [
        (date(2026, 2, 1), date(2026, 3, 1), "2026-02"),
        (date(2026, 2, 1), date(2026, 2, 28), "2026-02-01 to 2026-02-27"),
        (date(2026, 2, 3), date(2026, 2, 4), "2026-02-03"),
    ],
)
def test_days_are_named_as_people_name_them(starts: date, ends: date, named: str) -> None:
    assert days_named(starts, ends) == named


def test_a_figure_is_rounded_once_half_away() -> None:
    assert rounded(Fraction(1, 3)) == Decimal("0.333333")
    assert rounded(Fraction(5, 10**7)) == Decimal("0.000001")
    assert rounded(Fraction(100)) == Decimal(100)
    assert rounded(None) is None
