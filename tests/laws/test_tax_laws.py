"""Laws of taxes: each is its share of the whole, and what is given back in parts is given back exactly."""

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.rules.taxes import percentage_of, shares_taken, taken_with

MINOR = st.integers(0, 10**9)
PERCENTAGES = st.lists(
    st.decimals(Decimal("0.001"), Decimal("30"), places=3, allow_nan=False, allow_infinity=False),
    min_size=1,
    max_size=3,
)


@st.composite
def bills(draw: st.DrawFn) -> tuple[list[int], int]:
    """(taxes, total) of a bill that comes to something."""
    subtotal = draw(st.integers(1, 10**8))
    taxes = [percentage_of(subtotal, percentage) for percentage in draw(PERCENTAGES)]
    return taxes, subtotal + sum(taxes)


@given(MINOR, st.decimals(Decimal("0.001"), Decimal("99.999"), places=3))
def test_a_tax_is_within_half_a_minor_unit_of_its_share(base_minor: int, percentage: Decimal) -> None:
    exact = Fraction(base_minor) * Fraction(percentage) / 100
    assert abs(percentage_of(base_minor, percentage) - exact) <= Fraction(1, 2)
    assert percentage_of(-base_minor, percentage) == -percentage_of(base_minor, percentage)


@given(bills(), st.lists(st.integers(0, 10**9), max_size=6))
def test_notes_over_the_whole_give_back_exactly_the_taxes(bill: tuple[list[int], int], cuts: list[int]) -> None:
    taxes, total = bill
    places = sorted({0, total, *(cut % (total + 1) for cut in cuts)})
    given_back = [0] * len(taxes)
    for before, after in pairwise(places):
        earlier, now = (shares_taken(taxes, total_minor=total, taken_minor=taken) for taken in (before, after))
        parts = [late - early for late, early in zip(now, earlier, strict=True)]
        assert 0 <= after - before - sum(parts) <= after - before
        given_back = [sum(pair) for pair in zip(given_back, parts, strict=True)]
    assert given_back == taxes


@given(bills(), st.integers(-(10**6), 10**8))
def test_what_is_taken_before_tax_has_one_answer_and_leads_back(bill: tuple[list[int], int], net: int) -> None:
    taxes, total = bill
    taken = taken_with(taxes, total_minor=total, net_minor=net)
    assert taken - sum(shares_taken(taxes, total_minor=total, taken_minor=taken)) == net
    less = taken - 1
    assert less - sum(shares_taken(taxes, total_minor=total, taken_minor=less)) == net - 1
