"""Promotions by table: what each takes off, and which can be none."""

from decimal import Decimal

import pytest

from services.rules.discounts import Discount, from_document, is_known, take_off, taken_off, to_document
from services.rules.money import Money
from services.rules.violations import CurrencyMismatch, InvalidAmount, InvalidRate

FEE = Money(499_00, "USD")


def percent(text: str) -> Discount:
    return Discount(percent_off=Decimal(text))


def amount(minor: int) -> Discount:
    return Discount(amount_off=Money(minor, "USD"))


@pytest.mark.parametrize(
    ("discount", "off"),
    [
        (percent("20"), 99_80),
        (percent("100"), 499_00),
        (percent("0.5"), 2_50),
        (percent("33.333"), 166_33),
        (percent("0.000000000001"), 0),
        (amount(50_00), 50_00),
        (amount(499_00), 499_00),
        (amount(499_01), 499_00),
    ],
)
def test_a_promotion_takes_its_share_rounded_once_or_its_amount(discount: Discount, off: int) -> None:
    assert taken_off(FEE, discount) == Money(off, "USD")
    assert from_document(to_document(discount), "USD") == discount


def test_each_comes_off_what_the_ones_before_it_have_left() -> None:
    steps = take_off(FEE, [percent("50"), amount(200_00), percent("50"), amount(100_00), percent("10")])
    assert [(of.amount_minor, off.amount_minor) for of, off in steps] == [
        (499_00, 249_50),
        (249_50, 200_00),
        (49_50, 24_75),
        (24_75, 24_75),
        (0, 0),
    ]


@pytest.mark.parametrize("wrong", ["0", "-1", "100.000001", "0.0000000000001", "NaN", "1E+50"])
def test_no_promotion_takes_nothing_or_more_than_all(wrong: str) -> None:
    with pytest.raises(InvalidRate):
        percent(wrong)


def test_a_promotion_is_one_of_both() -> None:
    for both in ({}, {"percent_off": Decimal(1), "amount_off": Money(1, "USD")}, {"amount_off": Money(0, "USD")}):
        with pytest.raises(InvalidRate):
            Discount(**both)  # type: ignore[arg-type]
    with pytest.raises(CurrencyMismatch):
        taken_off(Money(1, "CAD"), amount(1))


def test_documents_that_are_no_promotion_are_refused() -> None:
    assert not is_known({"model": "flat"})
    assert not is_known({})
    for document in ({"model": "percent_off"}, {"model": "percent_off", "percent": 20}):
        with pytest.raises(InvalidRate):
            from_document(document, "USD")
    with pytest.raises(InvalidAmount):
        from_document({"model": "amount_off", "amount": 5}, "USD")
    assert to_document(Discount(amount_off=Money(500, "JPY"))) == {"model": "amount_off", "amount": "500"}
