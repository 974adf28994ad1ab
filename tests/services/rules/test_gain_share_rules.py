"""Savings by each method, worked by hand, and the fee on them."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from services.rules.gain_share import Measurements, Terms, downtime_cost, fee, kpi_delta
from services.rules.money import Money, to_money
from services.rules.savings import OwnRate
from services.rules.violations import InvalidAmount, InvalidQuantity, InvalidRate, MissingMeasurement

D = Decimal
BOUNDS = {"min_pct": D(10), "max_pct": D(20)}
DOWNTIME = Terms("CAD", D(8000), downtime_rate=D(5000), labour_rate=D(100), parts_cost=D(900))
WORSE = Measurements(mtbf_hours=D(92), mttr_hours=D(8))
BETTER = Measurements(mtbf_hours=D(196), mttr_hours=D(4))


def plain(amount):
    return to_money(Fraction(amount), "CAD").plain()


def amounts(savings):
    return {part.name: part.money.plain() for part in savings.parts}


def test_four_points_of_availability_are_worth_what_the_first_contract_said():
    terms = Terms("CAD", D(2500), availability_cost=D(25_000))
    savings = kpi_delta(Measurements(availability_pct=D(86)), Measurements(availability_pct=D(90)), terms)
    assert savings.total.plain() == "2500000.00"
    assert [(n.name, n.value, n.unit) for n in savings.numbers] == [
        ("operating_hours", 2500, "hours"),
        ("operating_hours_gained", 100, "hours"),
    ]
    assert not savings.overlapping


def test_fifteen_percent_of_the_worked_savings_is_the_worked_fee():
    assert fee(Money.parse("3200000.00", "CAD"), D(15), **BOUNDS).plain() == "480000.00"


def test_downtime_cost_tells_fewer_failures_from_shorter_repairs():
    # Baseline: A 0.92, 80 failures at 8·5,100 + 900 = 41,700. Actual: A 0.98, 40 failures at 21,300.
    savings = downtime_cost(WORSE, BETTER, DOWNTIME)
    numbers = {number.name: number.value for number in savings.numbers}
    assert numbers == {
        "operating_hours": 8000,
        "baseline_availability": Fraction("0.92"),
        "baseline_failures": 80,
        "baseline_cost_per_failure": 41_700,
        "baseline_cost": 3_336_000,
        "actual_availability": Fraction("0.98"),
        "actual_failures": 40,
        "actual_cost_per_failure": 21_300,
        "actual_cost": 852_000,
    }
    assert amounts(savings) == {"fewer_failures": "1668000.00", "shorter_repairs": "816000.00"}
    assert savings.total.plain() == "2484000.00"


def test_a_measured_availability_is_used_before_a_derived_one():
    measured = Measurements(availability_pct=D(46), mtbf_hours=D(92), mttr_hours=D(8))
    numbers = {number.name: number.value for number in downtime_cost(measured, BETTER, DOWNTIME).numbers}
    assert numbers["baseline_failures"] == 40


def test_numbers_carry_their_units():
    units = {number.name: number.unit for number in downtime_cost(WORSE, BETTER, DOWNTIME).numbers}
    assert units["actual_availability"] == "share"
    assert units["actual_failures"] == "failures"
    assert units["actual_cost_per_failure"] == units["actual_cost"] == "CAD"


def test_inventory_and_overtime_are_added_on_top_where_the_terms_price_them():
    terms = Terms(
        "CAD",
        D(8000),
        downtime_rate=D(5000),
        labour_rate=D(100),
        parts_cost=D(900),
        carrying_rate_pct=D(20),
        overtime_rate=D(60),
    )
    before = Measurements(mtbf_hours=D(92), mttr_hours=D(8), inventory_value=D(500_000), overtime_hours=D(1000))
    after = Measurements(mtbf_hours=D(196), mttr_hours=D(4), inventory_value=D(400_000), overtime_hours=D(1100))
    savings = downtime_cost(before, after, terms)
    assert amounts(savings)["inventory"] == "20000.00"
    assert amounts(savings)["overtime"] == "-6000.00"
    assert savings.total.plain() == "2498000.00"


def test_a_quarter_has_its_share_of_a_years_hours_stock_and_overtime():
    terms = replace(DOWNTIME, carrying_rate_pct=D(20), overtime_rate=D(60), year_share=Fraction(1, 4))
    before = replace(WORSE, inventory_value=D(500_000), overtime_hours=D(1000))
    after = replace(BETTER, inventory_value=D(400_000), overtime_hours=D(200))
    savings = downtime_cost(before, after, terms)
    assert amounts(savings) == {
        "fewer_failures": "417000.00",
        "shorter_repairs": "204000.00",
        "inventory": "5000.00",
        "overtime": "3000.00",
    }
    assert {number.name: number.value for number in savings.numbers}["operating_hours"] == 2000


def test_a_plans_own_kpis_are_priced_by_the_year_whichever_way_is_better():
    own = {"energy_kwh": OwnRate("lower", D("0.5")), "yield_pct": OwnRate("higher", D(10_000))}
    terms = replace(DOWNTIME, own=own, year_share=Fraction(1, 2))
    before = replace(WORSE, own={"energy_kwh": D(90_000), "yield_pct": D(97)})
    after = replace(BETTER, own={"energy_kwh": D(80_000), "yield_pct": D("96.5")})
    found = amounts(downtime_cost(before, after, terms))
    assert (found["kpi.energy_kwh"], found["kpi.yield_pct"]) == ("2500.00", "-2500.00")
    only = Terms("CAD", D(8000), failure_cost=D(0), own=own)
    assert set(amounts(kpi_delta(before, after, only))) == {"mtbf", "kpi.energy_kwh", "kpi.yield_pct"}
    with pytest.raises(MissingMeasurement, match="actual yield_pct"):
        downtime_cost(before, replace(after, own={"energy_kwh": D(1)}), terms)


def test_where_nothing_failed_there_is_no_cost_of_failures():
    savings = downtime_cost(WORSE, Measurements(nothing_failed=True), DOWNTIME)
    assert amounts(savings) == {"fewer_failures": "3336000.00", "shorter_repairs": "0.00"}
    numbers = {number.name: number.value for number in savings.numbers}
    assert (numbers["actual_failures"], numbers["actual_cost"]) == (0, 0)
    added_up = kpi_delta(WORSE, Measurements(nothing_failed=True), Terms("CAD", D(8000), failure_cost=D(10)))
    assert amounts(added_up) == {"mtbf": plain(Fraction(80_000, 92))}
    worse_again = downtime_cost(Measurements(nothing_failed=True), WORSE, DOWNTIME)
    assert worse_again.total == -savings.total


def test_nothing_failed_and_a_time_between_failures_contradict_each_other():
    with pytest.raises(InvalidQuantity):
        Measurements(mtbf_hours=D(1), nothing_failed=True)


def test_parts_dearer_than_the_hours_between_failures_need_a_measured_availability():
    terms = replace(DOWNTIME, downtime_rate=D(1), labour_rate=D(0), parts_cost=D(93))
    with pytest.raises(InvalidQuantity, match="availability"):
        downtime_cost(WORSE, BETTER, terms)
    measured = [replace(side, availability_pct=D(90)) for side in (WORSE, BETTER)]
    assert downtime_cost(*measured, terms).total.amount_minor > 0


def test_kpis_added_up_say_that_they_overlap():
    terms = Terms("CAD", D(8000), failure_cost=D(1000), repair_cost=D(50))
    before = Measurements(mtbf_hours=D(100), mttr_hours=D(8))
    after = Measurements(mtbf_hours=D(200), mttr_hours=D(5))
    savings = kpi_delta(before, after, terms)
    # 80 - 40 failures avoided; 80·8 hours of repair before, 40·5 after.
    assert amounts(savings) == {"mtbf": "40000.00", "mttr": "22000.00"}
    assert savings.overlapping


def test_a_worse_kpi_lowers_the_savings_and_a_negative_total_gives_no_fee():
    savings = downtime_cost(BETTER, WORSE, DOWNTIME)
    assert savings.total.plain() == "-2484000.00"
    assert fee(savings.total, D(15), **BOUNDS) == Money.zero("CAD")
    assert fee(Money.zero("CAD"), D(15), **BOUNDS) == Money.zero("CAD")


def test_every_missing_measurement_is_named_at_once():
    terms = Terms("CAD", D(8000), downtime_rate=D(1), labour_rate=None, parts_cost=D(1), overtime_rate=D(1))
    with pytest.raises(MissingMeasurement) as refusal:
        downtime_cost(Measurements(mtbf_hours=D(1)), BETTER, terms)
    assert refusal.value.names == (
        "baseline mttr_hours",
        "labour_rate",
        "baseline overtime_hours",
        "actual overtime_hours",
    )
    assert "baseline mttr_hours" in refusal.value.message


def test_a_kpi_delta_without_any_rate_is_refused():
    with pytest.raises(MissingMeasurement, match="a rate for at least one KPI"):
        kpi_delta(WORSE, BETTER, Terms("CAD", D(8000)))


@pytest.mark.parametrize(
    "measured",
    [
        {"availability_pct": D("100.1")},
        {"availability_pct": D(-1)},
        {"mtbf_hours": D(0)},
        {"mttr_hours": D("NaN")},
        {"overtime_hours": D("1E+99")},
    ],
)
def test_a_measurement_that_cannot_be_is_refused(measured):
    with pytest.raises(InvalidQuantity):
        Measurements(**measured)


def test_terms_that_cannot_be_charged_are_refused():
    with pytest.raises(InvalidRate, match="parts_cost"):
        Terms("CAD", D(8000), parts_cost=D(-1))
    with pytest.raises(InvalidAmount):
        Terms("dollars", D(8000))


@pytest.mark.parametrize(
    ("share", "low", "high"),
    [("9.99", 10, 20), ("20.01", 10, 20), ("15", 20, 10), ("101", 10, 101), ("NaN", 10, 20), ("15", -1, 20)],
)
def test_a_share_outside_the_plan_is_refused(share, low, high):
    with pytest.raises(InvalidRate):
        fee(Money(100, "CAD"), D(share), min_pct=D(low), max_pct=D(high))


def test_the_fee_is_rounded_once_half_away_from_zero():
    assert fee(Money(10, "CAD"), D(15), **BOUNDS) == Money(2, "CAD")
