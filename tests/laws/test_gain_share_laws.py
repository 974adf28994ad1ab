"""Laws of gain-share: parts sum to the whole, two steps equal one, and a fee stays within its share."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from services.rules.gain_share import Measurements, Terms, downtime_cost, fee, kpi_delta
from services.rules.money import Money, total

HOURS = st.decimals("0.5", 5000, places=2)
RATES = st.decimals(0, 20_000, places=2)
SIDES = st.builds(
    Measurements,
    availability_pct=st.none() | st.decimals(0, 100, places=2),
    mtbf_hours=HOURS,
    mttr_hours=HOURS,
    inventory_value=RATES,
    overtime_hours=HOURS,
)
TERMS = st.builds(
    Terms,
    currency=st.just("CAD"),
    operating_hours=HOURS,
    downtime_rate=RATES,
    labour_rate=RATES,
    parts_cost=RATES,
    carrying_rate_pct=st.none() | st.decimals(0, 100, places=2),
    overtime_rate=st.none() | RATES,
)


@given(SIDES, SIDES, TERMS)
def test_parts_sum_to_the_difference_of_the_two_costs(baseline, actual, terms):
    savings = downtime_cost(baseline, actual, terms)
    numbers = {number.name: number.value for number in savings.numbers}
    downtime = [part.amount for part in savings.parts if part.name in ("fewer_failures", "shorter_repairs")]
    assert sum(downtime) == numbers["baseline_cost"] - numbers["actual_cost"]
    assert sum(part.amount for part in savings.parts) == savings.amount
    assert total((part.money for part in savings.parts), "CAD") == savings.total


@given(SIDES, SIDES, SIDES, TERMS)
def test_two_steps_save_what_one_step_saves(first, second, third, terms):
    by_two = downtime_cost(first, second, terms).amount + downtime_cost(second, third, terms).amount
    assert by_two == downtime_cost(first, third, terms).amount


@given(SIDES, TERMS)
def test_no_change_saves_nothing(side, terms):
    assert downtime_cost(side, side, terms).amount == 0


@given(HOURS, HOURS, HOURS, HOURS, RATES)
def test_the_way_back_costs_what_the_way_there_saved(mtbf, later_mtbf, mttr, hours, cost):
    before = Measurements(mtbf_hours=mtbf, mttr_hours=mttr)
    after = Measurements(mtbf_hours=later_mtbf, mttr_hours=mttr)
    terms = Terms("CAD", hours, failure_cost=cost)
    assert kpi_delta(before, after, terms).amount == -kpi_delta(after, before, terms).amount


@given(st.integers(-(10**12), 10**12), st.decimals(10, 20, places=4))
def test_a_fee_is_never_negative_and_never_above_its_share(savings_minor, share_pct):
    due = fee(Money(savings_minor, "CAD"), share_pct, min_pct=Decimal(10), max_pct=Decimal(20))
    exact = max(Fraction(0), savings_minor * Fraction(share_pct) / 100)
    assert due.amount_minor >= 0
    assert abs(due.amount_minor - exact) <= Fraction(1, 2)
