"""Laws of quantities: text and number agree, and two halves burn what the whole burns."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.rules.quantities import (
    MICRO,
    UNITS_MAX,
    credits_for,
    from_micro,
    parse_units,
    plain,
    plain_micro,
    to_micro,
)
from services.rules.violations import InexactResult, InvalidQuantity

MICROS = st.integers(1, UNITS_MAX * MICRO)


@given(MICROS)
def test_units_are_the_same_read_from_text_and_from_a_decimal(micro):
    assert parse_units(plain_micro(micro)) == micro
    assert parse_units(from_micro(micro)) == micro


@given(st.integers(-UNITS_MAX * MICRO, UNITS_MAX * MICRO))
def test_millionths_survive_the_way_there_and_back(micro):
    assert to_micro(from_micro(micro)) == micro
    assert plain(from_micro(micro)) == plain_micro(micro)


@given(st.one_of(st.text(max_size=80), st.decimals(), st.floats(), st.none(), st.booleans(), st.integers()))
def test_any_value_is_read_exactly_or_refused(value):
    try:
        micro = parse_units(value)
    except InvalidQuantity:
        return
    assert 0 < micro <= UNITS_MAX * MICRO
    assert Decimal(micro) == Decimal(value) * MICRO


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.integers(0, 4_500))
def test_two_parts_burn_what_the_whole_burns(left, right, rate):
    per_unit = Decimal(rate)
    whole = credits_for(left + right, per_unit)
    assert credits_for(left, per_unit) + credits_for(right, per_unit) == whole


@given(st.integers(0, 10**12), st.decimals(0, 1000, places=4))
def test_credits_are_exact_or_refused(units_micro, rate):
    try:
        credits_micro = credits_for(units_micro, rate)
    except InexactResult:
        assert units_micro * rate % 1 != 0
    else:
        assert credits_micro == units_micro * rate
