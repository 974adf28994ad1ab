"""Money is exact minor units, read strictly and rounded half away from zero."""

from decimal import Decimal
from fractions import Fraction

import pytest

from services.rules.money import AMOUNT_MINOR_MAX, Money, minor_digits, round_half_away, to_money, total
from services.rules.violations import CurrencyMismatch, InvalidAmount


@pytest.mark.parametrize(
    ("text", "currency", "amount_minor", "plain"),
    [
        ("9000.00", "CAD", 900000, "9000.00"),
        ("9000", "CAD", 900000, "9000.00"),
        ("0.5", "USD", 50, "0.50"),
        ("-0.05", "USD", -5, "-0.05"),
        ("500", "JPY", 500, "500"),
        ("1.234", "KWD", 1234, "1.234"),
        ("0.0001", "CLF", 1, "0.0001"),
        ("-0", "EUR", 0, "0.00"),
    ],
)
def test_an_amount_is_read_exactly_and_written_with_its_currency_s_decimals(text, currency, amount_minor, plain):
    money = Money.parse(text, currency)
    assert money == Money(amount_minor, currency)
    assert money.plain() == plain


@pytest.mark.parametrize(
    "text", ["", "1.", ".5", "1e3", "+1", " 1", "1,000", "NaN", "--1", "٣", "1.000", "9" * 65, "1" * 40, None, 5]
)
def test_an_amount_that_is_not_plain_digits_of_the_currency_is_refused(text):
    with pytest.raises(InvalidAmount):
        Money.parse(text, "CAD")


def test_decimals_a_currency_does_not_have_are_refused_even_when_zero():
    with pytest.raises(InvalidAmount, match="JPY has 0 decimal places"):
        Money.parse("500.0", "JPY")


@pytest.mark.parametrize(("currency", "digits"), [("CAD", 2), ("JPY", 0), ("BHD", 3), ("UYW", 4), ("QQQ", 2)])
def test_minor_digits_follow_iso_4217(currency, digits):
    assert minor_digits(currency) == digits


@pytest.mark.parametrize("currency", ["cad", "CA", "CADX", "", "C4D", "ÇAD", None])
def test_a_currency_is_three_capital_letters(currency):
    with pytest.raises(InvalidAmount):
        minor_digits(currency)


@pytest.mark.parametrize("amount", [True, 1.0, Decimal(1), "1", AMOUNT_MINOR_MAX + 1, -AMOUNT_MINOR_MAX - 1])
def test_money_holds_only_whole_minor_units_within_its_bound(amount):
    with pytest.raises(InvalidAmount):
        Money(amount, "CAD")


def test_two_currencies_are_never_added():
    with pytest.raises(CurrencyMismatch) as refusal:
        Money(1, "CAD") + Money(1, "USD")
    assert refusal.value.code == "currency_mismatch"
    with pytest.raises(CurrencyMismatch):
        Money(1, "CAD") - Money(1, "USD")
    with pytest.raises(CurrencyMismatch):
        total([Money(1, "CAD")], "USD")


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        (Fraction(5, 2), 3),
        (Fraction(-5, 2), -3),
        (Decimal("0.5"), 1),
        (Decimal("-0.5"), -1),
        (Decimal("1.4999999999999999999999999999999999999"), 1),
        (Fraction(-1, 3), 0),
        (Decimal("1E+3"), 1000),
    ],
)
def test_a_half_rounds_away_from_zero(value, rounded):
    assert round_half_away(value) == rounded


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1E+999999", "1E-999999", "sNaN"])
def test_a_number_that_cannot_be_rounded_safely_is_refused(value):
    with pytest.raises(InvalidAmount):
        round_half_away(Decimal(value))


def test_major_units_become_minor_units_with_one_rounding():
    assert to_money(Fraction("1.005"), "CAD") == Money(101, "CAD")
    assert to_money(Fraction("1.5"), "JPY") == Money(2, "JPY")
    assert to_money(Fraction(1, 3), "KWD") == Money(333, "KWD")


def test_the_worked_invoice_adds_up():
    lines = [Money.parse(text, "CAD") for text in ("9000.00", "600.00", "1000.00")]
    assert total(lines, "CAD").plain() == "10600.00"
    assert total([], "CAD") == Money.zero("CAD")
    assert -Money(5, "CAD") == Money(-5, "CAD")
