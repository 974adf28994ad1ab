"""Laws of the sandbox's arithmetic: shares add up, periods follow one another, prices are exact."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.stripe_sandbox.billing.amounts import price_amount, shares, tax_of
from services.stripe_sandbox.billing.periods import after, boundary_after, boundary_before
from services.stripe_sandbox.parameters import plain

INTERVALS = st.sampled_from([("day", 1), ("week", 2), ("month", 1), ("month", 3), ("year", 1)])
MOMENTS = st.integers(min_value=1_500_000_000, max_value=2_500_000_000)


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=20).filter(any))
def test_shares_add_up_and_none_is_off_by_a_whole_unit(total: int, weights: list[int]) -> None:
    parts = shares(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Decimal(total) * weight / sum(weights)) < 1


def test_nothing_to_share_by_shares_nothing() -> None:
    assert shares(10, [0, 0]) == [0, 0]


@given(MOMENTS, MOMENTS, INTERVALS)
def test_the_next_boundary_is_later_and_the_one_before_it_is_not(
    anchor: int, moment: int, interval: tuple[str, int]
) -> None:
    unit, count = interval
    boundary = boundary_after(anchor, unit, count, moment)
    assert boundary > moment
    assert boundary_before(anchor, unit, count, boundary) <= moment


def test_the_31st_comes_back_after_february() -> None:
    anchor = int(datetime(2027, 1, 31, 12, tzinfo=UTC).timestamp())
    days = [datetime.fromtimestamp(after(anchor, "month", count), UTC).day for count in range(4)]
    assert days == [31, 28, 31, 30]
    leap = int(datetime(2028, 2, 29, tzinfo=UTC).timestamp())
    assert datetime.fromtimestamp(after(leap, "year", 1), UTC).day == 28


@pytest.mark.parametrize(
    ("unit", "quantity", "amount"), [("0.5", 1, 1), ("0.5", 3, 2), ("0.0001", 12_345, 1), ("2000", 0, 0)]
)
def test_halves_of_a_cent_round_up(unit: str, quantity: int, amount: int) -> None:
    price = {"transform_quantity": None, "billing_scheme": "per_unit", "unit_amount_decimal": unit}
    assert price_amount(price, quantity) == amount


@given(st.integers(0, 10**9), st.sampled_from([7.0, 7.25, 19.0, 20.0]))
def test_contained_tax_is_the_tax_on_what_it_leaves(gross: int, percentage: float) -> None:
    tax = tax_of(gross, percentage, inclusive=True)
    assert abs(tax_of(gross - tax, percentage, inclusive=False) - tax) <= 1


@pytest.mark.parametrize(
    ("number", "text"), [("0.50", "0.5"), ("1E+3", "1000"), ("12.000", "12"), ("-0.10", "-0.1"), ("100", "100")]
)
def test_decimals_are_printed_plain(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text
