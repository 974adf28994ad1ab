"""Promotions: parts sum to the whole, nothing falls below zero, and no order makes one take more than there is."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from services.rules.discounts import Discount, from_document, take_off, taken_off, to_document
from services.rules.money import Money

fees = st.integers(0, 10**15).map(lambda minor: Money(minor, "USD"))
shares = st.decimals(Decimal("0.000001"), Decimal(100), places=6).map(lambda share: Discount(percent_off=share))
amounts = st.integers(1, 10**15).map(lambda minor: Discount(amount_off=Money(minor, "USD")))
promotions = st.lists(shares | amounts, max_size=8)


@given(fee=fees, each=promotions)
def test_what_is_taken_off_and_what_is_left_sum_to_the_fee(fee: Money, each: list[Discount]) -> None:
    steps = take_off(fee, each)
    left = fee
    for of, off in steps:
        assert of == left
        assert 0 <= off.amount_minor <= of.amount_minor
        left -= off
    assert left.amount_minor >= 0
    assert sum(off.amount_minor for _, off in steps) + left.amount_minor == fee.amount_minor


@given(fee=fees, each=promotions)
def test_taking_them_off_twice_is_the_same(fee: Money, each: list[Discount]) -> None:
    assert take_off(fee, each) == take_off(fee, list(each))


@given(fee=fees, first=st.integers(1, 10**15), second=st.integers(1, 10**15))
def test_amounts_come_to_the_same_in_any_order(fee: Money, first: int, second: int) -> None:
    both = [Discount(amount_off=Money(minor, "USD")) for minor in (first, second)]
    forth, back = (sum(off.amount_minor for _, off in take_off(fee, order)) for order in (both, both[::-1]))
    assert forth == back == min(fee.amount_minor, first + second)


@given(fee=fees, discount=shares | amounts)
def test_a_share_is_within_half_a_minor_unit_and_reads_back(fee: Money, discount: Discount) -> None:
    off = taken_off(fee, discount)
    if discount.percent_off is not None:
        exact = Decimal(fee.amount_minor) * discount.percent_off / 100
        assert abs(exact - off.amount_minor) <= Decimal("0.5")
    assert from_document(to_document(discount), "USD") == discount
