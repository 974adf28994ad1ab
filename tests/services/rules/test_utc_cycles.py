"""A cycle in UTC keeps as near to dues of another zone as its calendar lets it, and comes around each month or year."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.rules.periods import term_end
from services.rules.utc_cycles import UtcCycle, nearest_cycle
from services.rules.violations import InvalidPeriod

TORONTO, AUCKLAND = "America/Toronto", "Pacific/Auckland"
ZONES = (TORONTO, AUCKLAND, "UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "America/St_Johns")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def dues(anchor: datetime, zone: str, *, turn: int = 0, months: int = 1) -> list[datetime]:
    """Thirteen dues of a cycle of ours, from the one so many turns after the anchor."""
    return [term_end(anchor, zone, anchor, months * (turn + count)) for count in range(13)]


@pytest.mark.parametrize(
    ("anchor", "zone", "day"),
    [
        ("2027-01-31T12:00:00", TORONTO, 31),
        ("2027-01-30T12:00:00", TORONTO, 30),
        ("2027-01-29T12:00:00", AUCKLAND, 29),  # the 30th there; in February it is the 27th in UTC
        ("2026-11-30T01:20:00", TORONTO, 30),
        ("2027-02-01T01:20:00", TORONTO, 1),
        ("2027-01-31T01:20:00", TORONTO, 31),
        ("2027-01-15T12:00:00", "UTC", 15),
        ("2027-02-28T12:00:00", AUCKLAND, 31),  # 1 March there: the last day of each month in UTC
        ("2028-02-29T12:00:00", "UTC", 29),
    ],
)
def test_a_cycle_is_named_by_the_day_that_keeps_it_nearest(anchor: str, zone: str, day: int) -> None:
    found = nearest_cycle(dues(moment(anchor), zone, turn=1), is_yearly=False)
    assert found.day_of_month == day


def test_a_first_due_in_a_short_month_does_not_name_the_day() -> None:
    first = dues(moment("2027-01-31T09:30:15"), "UTC", turn=1)
    assert first[0] == moment("2027-02-28T09:30:15")
    cycle = nearest_cycle(first, is_yearly=False)
    assert cycle == UtcCycle(None, 31, 9, 30, 15)
    assert cycle.first_after(moment("2027-02-10T00:00:00")) == first[0]
    assert cycle.first_after(first[0]) == moment("2027-03-31T09:30:15")


def test_a_year_from_29_february_comes_back_to_it() -> None:
    years = dues(moment("2028-02-29T12:00:00"), TORONTO, turn=1, months=12)
    cycle = nearest_cycle(years, is_yearly=True)
    assert (cycle.month, cycle.day_of_month) == (2, 29)
    assert cycle.first_after(moment("2028-03-01T00:00:00")) == moment("2029-02-28T12:00:00")
    assert cycle.first_after(moment("2031-03-01T00:00:00")) == moment("2032-02-29T12:00:00")


def test_no_due_has_no_cycle() -> None:
    with pytest.raises(InvalidPeriod):
        nearest_cycle([], is_yearly=False)


moments = st.integers(1_704_067_200, 2_208_988_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))  # to 2040


@given(anchor=moments, zone=st.sampled_from(ZONES), turn=st.integers(0, 30))
def test_every_due_is_within_a_day_and_an_hour_of_the_cycle(anchor: datetime, zone: str, turn: int) -> None:
    for months, is_yearly in ((1, False), (12, True)):
        ours = dues(anchor, zone, turn=turn, months=months)
        cycle = nearest_cycle(ours, is_yearly=is_yearly)
        assert max(cycle.distance(due) for due in ours) <= timedelta(days=1, hours=1, seconds=1)
        if cycle.day_of_month == ours[0].day:
            assert cycle.distance(ours[0]) < timedelta(seconds=1)


@given(
    at=moments, cycle=st.builds(UtcCycle, st.none() | st.integers(1, 12), st.integers(1, 31), *[st.integers(0, 23)] * 3)
)
def test_a_cycle_comes_around_once_a_month_or_a_year(at: datetime, cycle: UtcCycle) -> None:
    first = cycle.first_after(at)
    second = cycle.first_after(first)
    months = (second.year - first.year) * 12 + second.month - first.month
    assert months == (1 if cycle.month is None else 12)
    assert first > at
    assert cycle.distance(first) == timedelta()
    assert cycle.distance(at) <= first - at
