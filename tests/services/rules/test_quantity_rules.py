"""Units are read strictly into millionths; credits are exact or refused."""

import json
from decimal import Decimal

import pytest

from services.rules.canonical import INTEGER_MAX
from services.rules.quantities import (
    EVENT_CREDITS_MICRO_MAX,
    MICRO,
    UNITS_MAX,
    credits_for,
    from_micro,
    parse_units,
    plain,
    plain_micro,
    to_micro,
)
from services.rules.violations import InexactResult, InvalidQuantity, InvalidRate


@pytest.mark.parametrize(
    ("value", "micro"),
    [
        (1, 1_000_000),
        (UNITS_MAX, UNITS_MAX * MICRO),
        ("12.5", 12_500_000),
        ("0.000001", 1),
        ("007", 7_000_000),
        (Decimal("0.418"), 418_000),
        (Decimal("1.500000"), 1_500_000),
        (Decimal(str(UNITS_MAX)), UNITS_MAX * MICRO),
        (json.loads("0.1", parse_float=Decimal), 100_000),
    ],
)
def test_units_are_read_from_ints_decimals_and_plain_text(value, micro):
    assert parse_units(value) == micro


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (0, "above zero"),
        (-1, "above zero"),
        ("0", "above zero"),
        ("0.000000", "above zero"),
        (Decimal(0), "above zero"),
        (Decimal("-0"), "above zero"),
        (Decimal("-3"), "above zero"),
        (UNITS_MAX + 1, "at most 1,000,000,000,000"),
        ("1000000000000.000001", "at most 1,000,000,000,000"),
        (Decimal("1000000000000.000001"), "at most 1,000,000,000,000"),
        (10**4000, "at most 1,000,000,000,000"),
        ("0.0000001", "at most 6 decimals"),
        ("1.0000000", "at most 6 decimals"),
        (Decimal("0.0000001"), "at most 6 decimals"),
        (Decimal("1E-999999"), "at most 6 decimals"),
        (Decimal("1E+3"), "without an exponent"),
        (Decimal("1E+999999"), "without an exponent"),
        (Decimal("NaN"), "finite"),
        (Decimal("sNaN"), "finite"),
        (Decimal("Infinity"), "finite"),
        ("1e3", "plain digits"),
        ("-1", "plain digits"),
        ("+1", "plain digits"),
        (" 1", "plain digits"),
        ("1\n", "plain digits"),
        ("", "plain digits"),
        (".5", "plain digits"),
        ("5.", "plain digits"),
        ("1_000", "plain digits"),
        ("٣", "plain digits"),
        ("１", "plain digits"),
        ("NaN", "plain digits"),
        ("0x10", "plain digits"),
        ("9" * 1_000_000, "at most 64 characters"),
        (1.5, "JSON number or a decimal string"),
        (float("nan"), "JSON number or a decimal string"),
        (True, "JSON number or a decimal string"),
        (None, "JSON number or a decimal string"),
        ([1], "JSON number or a decimal string"),
        (b"1", "JSON number or a decimal string"),
    ],
)
def test_anything_ambiguous_is_refused_with_what_to_do(value, says):
    with pytest.raises(InvalidQuantity, match=says):
        parse_units(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1.500"), "1.5"),
        (Decimal("1E+3"), "1000"),
        (Decimal("-0"), "0"),
        (Decimal("-0.00"), "0"),
        (Decimal("0.0020"), "0.002"),
        (Decimal("100"), "100"),
        (Decimal("1E-6"), "0.000001"),
        (-7, "-7"),
    ],
)
def test_numbers_are_written_plainly(value, text):
    assert plain(value) == text


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "1E+999999"])
def test_numbers_with_no_plain_form_are_refused(value):
    with pytest.raises(InvalidQuantity):
        plain(Decimal(value))
    with pytest.raises(InvalidQuantity):
        to_micro(Decimal(value))


@pytest.mark.parametrize(
    ("micro", "text"), [(418_000, "0.418"), (2_000_000, "2"), (0, "0"), (-1, "-0.000001"), (10_500_000, "10.5")]
)
def test_micro_units_are_written_plainly(micro, text):
    assert plain_micro(micro) == text
    assert str(from_micro(micro).normalize() + 0) == str(Decimal(text).normalize() + 0)


def test_a_number_finer_than_a_millionth_has_no_micro_form():
    with pytest.raises(InexactResult):
        to_micro(Decimal("0.0000005"))


@pytest.mark.parametrize(
    ("units", "per_unit", "credits"),
    [
        ("0.418", "1", "0.418"),  # 418 tokens, counted in thousands
        ("3", "5", "15"),  # 300 vision frames
        ("1", "500", "500"),  # one optimizer job
        ("2", "1000", "2000"),  # two simulator runs
        ("1", "0", "0"),
        ("0.001", "0.001", "0.000001"),
    ],
)
def test_credits_burned_are_exact(units, per_unit, credits):
    assert credits_for(parse_units(units), Decimal(per_unit)) == to_micro(Decimal(credits))


def test_credits_that_would_need_rounding_are_refused():
    with pytest.raises(InexactResult):
        credits_for(1, Decimal("0.5"))


@pytest.mark.parametrize("rate", ["-1", "NaN", "Infinity", "1E+100", "0.0000000000001"])
def test_a_rate_that_cannot_be_charged_is_refused(rate):
    with pytest.raises(InvalidRate):
        credits_for(MICRO, Decimal(rate))


def test_credits_stay_within_their_bound():
    assert credits_for(EVENT_CREDITS_MICRO_MAX, Decimal(1)) == EVENT_CREDITS_MICRO_MAX == INTEGER_MAX
    assert credits_for(UNITS_MAX * MICRO, Decimal("0.009")) == 9_000_000_000 * MICRO
    for units_micro, rate in ((EVENT_CREDITS_MICRO_MAX + 1, "1"), (UNITS_MAX * MICRO, "1")):
        with pytest.raises(InvalidQuantity, match="split the use"):
            credits_for(units_micro, Decimal(rate))
    with pytest.raises(InvalidQuantity):
        credits_for(-1, Decimal(1))
