"""When a fee charged in advance is earned."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.rules.recognition import earned_minor, slices
from services.rules.violations import InvalidPeriod

START = datetime(2026, 1, 31, 5, tzinfo=UTC)
YEAR = START + timedelta(days=365)


def test_half_of_the_time_earns_half_of_the_fee() -> None:
    assert earned_minor(1_000, starts_at=START, ends_at=YEAR, at=START + (YEAR - START) / 2) == 500


def test_nothing_is_earned_before_and_all_of_it_after() -> None:
    assert earned_minor(999, starts_at=START, ends_at=YEAR, at=START) == 0
    assert earned_minor(999, starts_at=START, ends_at=YEAR, at=YEAR + timedelta(days=1)) == 999


def test_a_half_of_a_cent_goes_away_from_zero_on_both_sides() -> None:
    middle = START + (YEAR - START) / 2
    assert earned_minor(1, starts_at=START, ends_at=YEAR, at=middle) == 1
    assert earned_minor(-1, starts_at=START, ends_at=YEAR, at=middle) == -1


def test_a_fee_for_no_time_is_refused() -> None:
    with pytest.raises(InvalidPeriod):
        earned_minor(1, starts_at=START, ends_at=START, at=START)


@given(
    st.integers(-(10**12), 10**12),
    st.lists(st.integers(-10, 400), unique=True).map(sorted),
)
def test_the_slices_of_any_cut_add_up_to_the_fee(amount: int, days: list[int]) -> None:
    cuts = [START + timedelta(days=day, seconds=day) for day in days]
    parts = slices(amount, starts_at=START, ends_at=YEAR, cuts=cuts)
    assert sum(minor for _, minor in parts) == amount
    assert [until for until, _ in parts] == sorted(until for until, _ in parts)
    assert all(minor * amount >= 0 for _, minor in parts)
