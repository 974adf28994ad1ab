"""Laws of money: reading undoes writing, a sum does not depend on how it is split, rounding is fair."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from services.rules.money import Money, round_half_away, to_money, total

CURRENCIES = st.sampled_from(["CAD", "USD", "JPY", "KWD", "CLF"])
MINOR = st.integers(-(10**15), 10**15)
AMOUNTS = st.fractions(-(10**9), 10**9, max_denominator=10**6)


@given(MINOR, CURRENCIES)
def test_reading_undoes_writing(amount_minor, currency):
    money = Money(amount_minor, currency)
    assert Money.parse(money.plain(), currency) == money


@given(st.lists(MINOR, max_size=20), st.lists(MINOR, max_size=20), CURRENCIES)
def test_two_totals_equal_the_total_of_both(left, right, currency):
    first = [Money(amount, currency) for amount in left]
    second = [Money(amount, currency) for amount in right]
    assert total(first, currency) + total(second, currency) == total(first + second, currency)
    assert total(first + second, currency) == total(second + first, currency)


@given(MINOR, MINOR, CURRENCIES)
def test_subtracting_undoes_adding(left, right, currency):
    a, b = Money(left, currency), Money(right, currency)
    assert a + b - b == a
    assert a - b == -(b - a)


@given(AMOUNTS)
def test_rounding_moves_half_a_unit_at_most_and_is_odd(value):
    rounded = round_half_away(value)
    assert abs(rounded - value) <= Fraction(1, 2)
    assert round_half_away(-value) == -rounded
    if abs(rounded - value) == Fraction(1, 2):
        assert abs(rounded) > abs(value)


@given(st.decimals(-(10**9), 10**9, places=4))
def test_rounding_agrees_with_the_decimal_module(value):
    assert round_half_away(value) == int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))


@given(AMOUNTS, AMOUNTS, CURRENCIES)
def test_a_dearer_line_is_never_billed_less(left, right, currency):
    low, high = sorted((left, right))
    assert to_money(low, currency).amount_minor <= to_money(high, currency).amount_minor
