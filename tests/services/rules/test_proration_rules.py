"""Worked examples of proration."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from services.rules.money import Money
from services.rules.proration import added_allowance, fee_left, share_left
from services.rules.violations import InvalidPeriod

NOVEMBER = (datetime(2026, 11, 1, 4, tzinfo=UTC), datetime(2026, 12, 1, 5, tzinfo=UTC))
TENTH = datetime(2026, 11, 10, 4, tzinfo=UTC)


def test_the_share_counts_the_hour_that_a_clock_change_adds() -> None:
    assert share_left(*NOVEMBER, TENTH) == Fraction(21 * 24 + 1, 30 * 24 + 1)


@pytest.mark.parametrize(
    ("fee", "at", "left"),
    [
        (900_000, NOVEMBER[0], 900_000),
        (900_000, NOVEMBER[1], 0),
        (900_000, TENTH, 630_374),
        (3, NOVEMBER[0] + (NOVEMBER[1] - NOVEMBER[0]) / 2, 2),
        (0, TENTH, 0),
    ],
)
def test_the_rest_of_a_fee_is_rounded_once_half_away_from_zero(fee: int, at: datetime, left: int) -> None:
    assert fee_left(Money(fee, "CAD"), *NOVEMBER, at) == Money(left, "CAD")


def test_an_allowance_adds_its_difference_rounded_down() -> None:
    assert added_allowance(250_000_000_000, 1_000_000_000_000, *NOVEMBER, NOVEMBER[0]) == 750_000_000_000
    assert added_allowance(0, 10, *NOVEMBER, TENTH) == 7
    assert added_allowance(10, 3, *NOVEMBER, TENTH) == 0


def test_a_moment_outside_the_term_is_refused() -> None:
    for at in (NOVEMBER[0] - timedelta(microseconds=1), NOVEMBER[1] + timedelta(microseconds=1)):
        with pytest.raises(InvalidPeriod):
            share_left(*NOVEMBER, at)
    with pytest.raises(InvalidPeriod):
        share_left(TENTH, TENTH, TENTH)
