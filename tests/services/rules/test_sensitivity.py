"""What a tenth more or less of each input does to the fee."""

from dataclasses import replace
from decimal import Decimal

from services.rules.gain_share import DOWNTIME_COST, KPI_DELTA, Measurements, Terms
from services.rules.sensitivity import SHARE, Comparison, effects

D = Decimal
SEED = Comparison(
    KPI_DELTA, Measurements(availability_pct=D(86)), Measurements(availability_pct=D(90)),
    Terms("CAD", D(2500), availability_cost=D(25_000)), D(15), D(10), D(20),
)  # fmt: skip
PLANT = Comparison(
    DOWNTIME_COST, Measurements(mtbf_hours=D(92), mttr_hours=D(8)), Measurements(mtbf_hours=D(196), mttr_hours=D(4)),
    Terms("CAD", D(8000), downtime_rate=D(5000), labour_rate=D(100), parts_cost=D(900)), D(15), D(10), D(20),
)  # fmt: skip


def shown(comparison):
    return {
        each.name: tuple(None if end is None else end.fee.plain() for end in (each.lower, each.higher))
        for each in effects(comparison)
    }


def test_each_input_of_the_first_contract_with_the_largest_effect_first():
    names = [each.name for each in effects(SEED)]
    assert names[:2] == ["actual availability_pct", "baseline availability_pct"]
    found = shown(SEED)
    assert found["actual availability_pct"] == ("0.00", "1218750.00")
    assert found["baseline availability_pct"] == ("1181250.00", "0.00")
    assert found["availability_cost"] == found["operating_hours"] == found[SHARE] == ("337500.00", "412500.00")


def test_availability_goes_up_to_a_hundred_and_the_share_to_the_plans_bounds():
    better = replace(SEED, actual=Measurements(availability_pct=D(95)), share_pct=D(19))
    by_name = {each.name: each for each in effects(better)}
    assert by_name["actual availability_pct"].higher.value == 100
    assert (by_name[SHARE].lower.value, by_name[SHARE].higher.value) == (D("17.1"), D(20))
    low = {each.name: each for each in effects(replace(SEED, share_pct=D(10)))}[SHARE]
    assert low.lower.fee == replace(SEED, share_pct=D(10)).result()[1]


def test_every_input_that_matters_is_there_and_no_other():
    unused = replace(PLANT, terms=replace(PLANT.terms, availability_cost=D(9), failure_cost=D(9)))
    assert set(shown(unused)) == {
        "baseline mtbf_hours", "baseline mttr_hours", "actual mtbf_hours", "actual mttr_hours", "operating_hours",
        "downtime_rate", "labour_rate", "parts_cost", SHARE,
    }  # fmt: skip


def test_one_input_changes_and_the_rest_is_worked_out_as_always():
    longer = replace(PLANT, actual=replace(PLANT.actual, mttr_hours=D("4.4")))
    by_name = {each.name: each for each in effects(PLANT)}
    assert by_name["actual mttr_hours"].higher.savings == longer.result()[0]
    assert by_name["actual mttr_hours"].value == 4


def test_a_change_that_cannot_be_worked_out_is_left_open():
    edge = replace(PLANT, terms=replace(PLANT.terms, downtime_rate=D(10), labour_rate=D(0), parts_cost=D(920)))
    by_name = {each.name: each for each in effects(edge)}
    assert by_name["parts_cost"].higher is None
    assert by_name["parts_cost"].lower is not None


def test_a_loss_has_no_fee_whatever_changes_a_little():
    loss = replace(PLANT, baseline=PLANT.actual, actual=PLANT.baseline)
    assert {end for ends in shown(loss).values() for end in ends} == {"0.00"}
    assert [each.name for each in effects(loss)][-1] == SHARE
