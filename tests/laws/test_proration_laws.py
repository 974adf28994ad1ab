"""Parts of a term never come to more than the whole, and chains of changes come to what each plan's stretch costs."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from services.rules.money import Money
from services.rules.proration import added_allowance, fee_left, share_left

START = datetime(2026, 1, 31, tzinfo=UTC)
LENGTHS = st.integers(1, 366 * 86_400 * 10**6).map(lambda micro: timedelta(microseconds=micro))
FEES = st.integers(0, 10**12)


@st.composite
def terms(draw: st.DrawFn) -> tuple[datetime, datetime, datetime]:
    """A term, and a moment within it."""
    length = draw(LENGTHS)
    after = draw(st.integers(0, length // timedelta(microseconds=1)))
    return START, START + length, START + timedelta(microseconds=after)


@given(terms(), FEES)
def test_the_rest_and_the_used_part_make_the_fee(term: tuple[datetime, datetime, datetime], fee: int) -> None:
    starts_at, ends_at, at = term
    left = fee_left(Money(fee, "CAD"), starts_at, ends_at, at).amount_minor
    used = fee * (1 - share_left(starts_at, ends_at, at))
    assert 0 <= left <= fee
    assert abs(left + used - fee) <= Fraction(1, 2)


@given(LENGTHS, FEES)
def test_at_the_start_it_is_the_whole_and_at_the_end_nothing(length: timedelta, fee: int) -> None:
    paid = Money(fee, "JPY")
    assert fee_left(paid, START, START + length, START) == paid
    assert fee_left(paid, START, START + length, START + length) == Money(0, "JPY")


@given(terms(), st.integers(0, 10**15), st.integers(0, 10**15))
def test_an_added_allowance_is_never_more_than_the_difference(
    term: tuple[datetime, datetime, datetime], old: int, new: int
) -> None:
    added = added_allowance(old, new, *term)
    assert 0 <= added <= max(0, new - old)
    assert 0 <= max(0, new - old) * share_left(*term) - added < 1


@given(LENGTHS, st.lists(st.tuples(st.fractions(0, 1), FEES), max_size=6), FEES)
def test_a_chain_of_changes_costs_what_each_stretch_costs(
    length: timedelta, changes: list[tuple[Fraction, int]], fee: int
) -> None:
    ends_at, whole = START + length, length // timedelta(microseconds=1)
    moments = sorted((int(share * whole), new) for share, new in changes)
    billed, exact, now, since = fee, Fraction(0), fee, 0
    for after, new in moments:
        at = START + timedelta(microseconds=after)
        billed -= fee_left(Money(now, "CAD"), START, ends_at, at).amount_minor
        billed += fee_left(Money(new, "CAD"), START, ends_at, at).amount_minor
        exact += Fraction(now * (after - since), whole)
        now, since = new, after
    exact += Fraction(now * (whole - since), whole)
    assert abs(billed - exact) <= len(moments)
