"""Laws of gain-share: parts sum to the whole, two steps equal one, worse is never dearer, a fee stays in its share."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.rules.gain_share import METHODS, Measurements, Terms, downtime_cost, fee, kpi_delta, savings_by
from services.rules.money import Money, total
from services.rules.savings import HIGHER, LOWER, RATE_NAMES, OwnRate
from services.rules.violations import InvalidQuantity
from services.rules.year_shares import days_of_year, year_after, year_share

HOURS = st.decimals("0.5", 5000, places=2)
RATES = st.decimals(0, 20_000, places=2)
OWN = st.fixed_dictionaries({"energy": HOURS, "yield": HOURS})
FAILING = st.builds(
    Measurements,
    availability_pct=st.decimals(0, 100, places=2),
    mtbf_hours=HOURS,
    mttr_hours=HOURS,
    inventory_value=RATES,
    overtime_hours=HOURS,
    own=OWN,
)
SIDES = FAILING | st.builds(
    Measurements,
    availability_pct=st.decimals(0, 100, places=2),
    inventory_value=RATES,
    overtime_hours=HOURS,
    own=OWN,
    nothing_failed=st.just(True),
)
TERMS = st.builds(
    Terms,
    currency=st.just("CAD"),
    operating_hours=HOURS,
    downtime_rate=RATES,
    labour_rate=RATES,
    parts_cost=RATES,
    availability_cost=RATES,
    failure_cost=RATES,
    repair_cost=RATES,
    carrying_rate_pct=st.none() | st.decimals(0, 100, places=2),
    overtime_rate=st.none() | RATES,
    own=st.fixed_dictionaries(
        {"energy": st.builds(OwnRate, st.just(LOWER), RATES), "yield": st.builds(OwnRate, st.just(HIGHER), RATES)}
    ),
)
SHARES = st.fractions(Fraction(1, 400), 1)
DAYS = st.dates(date(2019, 1, 1), date(2030, 12, 31))


@given(SIDES, SIDES, TERMS, SHARES)
def test_parts_sum_to_the_difference_of_the_two_costs(baseline, actual, terms, share):
    savings = downtime_cost(baseline, actual, replace(terms, year_share=share))
    numbers = {number.name: number.value for number in savings.numbers}
    downtime = [part.amount for part in savings.parts if part.name in ("fewer_failures", "shorter_repairs")]
    assert sum(downtime) == numbers["baseline_cost"] - numbers["actual_cost"]


@pytest.mark.parametrize("method", METHODS)
@given(SIDES, SIDES, TERMS, SHARES)
def test_parts_sum_to_the_total_exactly_and_as_rounded(method, baseline, actual, terms, share):
    savings = savings_by(method, baseline, actual, replace(terms, year_share=share))
    assert sum(part.amount for part in savings.parts) == savings.amount
    assert total((part.money for part in savings.parts), "CAD") == savings.total


@given(SIDES, SIDES, SIDES, TERMS)
def test_two_steps_save_what_one_step_saves(first, second, third, terms):
    by_two = downtime_cost(first, second, terms).amount + downtime_cost(second, third, terms).amount
    assert by_two == downtime_cost(first, third, terms).amount


@given(SIDES, TERMS)
def test_no_change_saves_nothing(side, terms):
    assert downtime_cost(side, side, terms).amount == 0
    assert kpi_delta(side, side, terms).amount == 0


@given(SIDES, SIDES, TERMS)
def test_swapping_baseline_and_actual_negates_the_savings(baseline, actual, terms):
    assert downtime_cost(baseline, actual, terms).amount == -downtime_cost(actual, baseline, terms).amount
    assert kpi_delta(baseline, actual, terms).amount == -kpi_delta(actual, baseline, terms).amount


@pytest.mark.parametrize("method", METHODS)
@given(SIDES, SIDES, TERMS, st.decimals("0.1", 9, places=1))
def test_scaling_the_rates_scales_the_savings(method, baseline, actual, terms, by):
    priced = [name for name in RATE_NAMES if name != "operating_hours" and getattr(terms, name) is not None]
    scaled = replace(
        terms,
        **{name: getattr(terms, name) * by for name in priced},
        own={code: replace(rate, value_rate=rate.value_rate * by) for code, rate in terms.own.items()},
    )
    before, after = (savings_by(method, baseline, actual, each).amount for each in (terms, scaled))
    assert after == before * Fraction(by)


WORSE = {
    "mtbf_hours": Decimal("0.9"), "mttr_hours": Decimal("1.1"), "inventory_value": Decimal("1.1"),
    "overtime_hours": Decimal("1.1"),
}  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kpi", WORSE)
@given(FAILING, FAILING, TERMS, st.booleans())
def test_a_worse_kpi_never_raises_the_savings(method, kpi, baseline, actual, terms, is_measured):
    if not is_measured and method == METHODS[0]:
        baseline, actual = (replace(side, availability_pct=None) for side in (baseline, actual))
    worse = replace(actual, **{kpi: getattr(actual, kpi) * WORSE[kpi]})
    try:
        savings = savings_by(method, baseline, actual, terms).amount
        assert savings_by(method, baseline, worse, terms).amount <= savings
    except InvalidQuantity:
        assert not is_measured


@given(FAILING, FAILING, TERMS)
def test_a_worse_availability_or_own_kpi_never_raises_the_savings(baseline, actual, terms):
    savings = kpi_delta(baseline, actual, terms).amount
    lower = replace(actual, availability_pct=actual.availability_pct / 2)
    assert kpi_delta(baseline, lower, terms).amount <= savings
    for own in (actual.own | {"energy": actual.own["energy"] * 2}, actual.own | {"yield": actual.own["yield"] / 2}):
        assert kpi_delta(baseline, replace(actual, own=own), terms).amount <= savings


@pytest.mark.parametrize("method", METHODS)
@given(SIDES, SIDES, TERMS, SHARES, st.fractions(Fraction(1, 100), Fraction(99, 100)))
def test_two_parts_of_a_period_save_what_the_whole_does_while_the_kpis_stay(
    method, baseline, actual, terms, share, cut
):
    def over(part: Fraction) -> Fraction:
        measured = replace(actual, overtime_hours=Decimal(0))
        return savings_by(method, baseline, measured, replace(terms, year_share=part)).amount

    assert over(share * cut) + over(share * (1 - cut)) == over(share)


@given(DAYS, st.integers(1, 366), st.integers(1, 366))
def test_shares_of_the_same_year_add_up(starts, first, second):
    ends, whole = starts + timedelta(days=first), year_after(starts)
    assume(ends + timedelta(days=second) <= whole and days_of_year(ends) == days_of_year(starts))
    after = ends + timedelta(days=second)
    assert year_share(starts, ends) + year_share(ends, after) == year_share(starts, after)


@given(DAYS)
def test_twelve_months_are_a_year_and_no_period_is_longer(starts):
    assert year_share(starts, year_after(starts)) == 1
    assert days_of_year(starts) in (365, 366)


@given(st.integers(-(10**12), 10**12), st.decimals(10, 20, places=4))
def test_a_fee_is_never_negative_and_never_above_its_share(savings_minor, share_pct):
    due = fee(Money(savings_minor, "CAD"), share_pct, min_pct=Decimal(10), max_pct=Decimal(20))
    exact = max(Fraction(0), savings_minor * Fraction(share_pct) / 100)
    assert due.amount_minor >= 0
    assert abs(due.amount_minor - exact) <= Fraction(1, 2)
