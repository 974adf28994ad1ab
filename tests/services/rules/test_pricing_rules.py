"""What a quantity costs under each price model, and which prices are refused."""

from decimal import Decimal
from fractions import Fraction

import pytest

from services.rules.money import to_money
from services.rules.pricing import (
    QUANTITY_MAX,
    TIERS_MAX,
    Charge,
    Flat,
    Graduated,
    Package,
    PerUnit,
    Tier,
    Volume,
    from_document,
    rate,
    to_document,
)
from services.rules.violations import InvalidQuantity, InvalidRate

D = Decimal
VEX = (Tier(D(50_000), D("0.005")), Tier(None, D("0.008")))
WITH_FEES = (Tier(D(10), D(2), D(5)), Tier(D(20), D(1), D(7)), Tier(None, D("0.5")))


@pytest.mark.parametrize(
    ("charge", "quantity", "amount"),
    [
        (Charge(Flat(D(9000))), "0", "9000"),
        (Charge(Flat(D(9000))), "77", "9000"),
        (Charge(PerUnit(D("3.00")), included=D(1000)), "1200", "600"),
        (Charge(PerUnit(D("0.0020")), included=D(1_000_000)), "1500000", "1000"),
        (Charge(PerUnit(D(3)), included=D(1000)), "1000", "0"),
        (Charge(PerUnit(D(3)), included=D(1000)), "0", "0"),
        (Charge(PerUnit(D(3)), included=D(1000)), "1000.5", "1.5"),
        (Charge(Package(D(1000), D("0.10"))), "0", "0"),
        (Charge(Package(D(1000), D("0.10"))), "0.000001", "0.1"),
        (Charge(Package(D(1000), D("0.10"))), "1000", "0.1"),
        (Charge(Package(D(1000), D("0.10"))), "1000.000001", "0.2"),
        (Charge(Graduated(VEX)), "50000", "250"),
        (Charge(Graduated(VEX)), "50001", "250.008"),
        (Charge(Graduated(VEX)), "60000", "330"),
        (Charge(Graduated(WITH_FEES)), "0", "0"),
        (Charge(Graduated(WITH_FEES)), "10", "25"),
        (Charge(Graduated(WITH_FEES)), "11", "33"),
        (Charge(Graduated(WITH_FEES)), "30", "47"),
        (Charge(Volume(VEX)), "50000", "250"),
        (Charge(Volume(VEX)), "50001", "400.008"),
        (Charge(Volume(WITH_FEES)), "10", "25"),
        (Charge(Volume(WITH_FEES)), "11", "18"),
        (Charge(Volume(WITH_FEES)), "0", "0"),
        (Charge(PerUnit(D(1)), minimum=D(10)), "0", "10"),
        (Charge(PerUnit(D(1)), minimum=D(10)), "9.5", "10"),
        (Charge(PerUnit(D(1)), minimum=D(10), maximum=D(20)), "15", "15"),
        (Charge(PerUnit(D(1)), minimum=D(10), maximum=D(20)), "25", "20"),
    ],
)
def test_a_quantity_costs_what_its_model_says(charge, quantity, amount):
    assert rate(charge, D(quantity)).amount == Fraction(amount)


def test_a_page_can_show_the_tiers_that_were_applied():
    rated = rate(Charge(Graduated(VEX), included=D(100_000)), D(160_000))
    assert rated.billable_quantity == 60_000
    assert [(s.from_quantity, s.to_quantity, s.quantity, s.unit_price, s.amount) for s in rated.steps] == [
        (0, 50_000, 50_000, D("0.005"), 250),
        (50_000, 60_000, 10_000, D("0.008"), 80),
    ]
    assert rated.adjustment == 0


def test_what_a_minimum_adds_and_a_cap_takes_off_is_told_apart_from_the_steps():
    charge = Charge(PerUnit(D(1)), minimum=D(10), maximum=D(20))
    assert rate(charge, D(4)).adjustment == 6
    assert rate(charge, D(24)).adjustment == -4


def test_the_tiers_of_one_line_are_summed_before_its_one_rounding():
    tiers = (Tier(D(1), D("0.004")), Tier(D(2), D("0.004")), Tier(None, D("0.004")))
    assert to_money(rate(Charge(Graduated(tiers)), D(3)).amount, "CAD").plain() == "0.01"


@pytest.mark.parametrize("quantity", [D(-1), D("NaN"), D("Infinity"), QUANTITY_MAX + 1, D("1E-13"), 5, 1.5])
def test_a_quantity_that_cannot_be_priced_is_refused(quantity):
    with pytest.raises(InvalidQuantity):
        rate(Charge(PerUnit(D(1))), quantity)


@pytest.mark.parametrize(
    "build",
    [
        lambda: PerUnit(D(-1)),
        lambda: PerUnit(D("NaN")),
        lambda: PerUnit(D("Infinity")),
        lambda: PerUnit(D("0.0000000000001")),
        lambda: PerUnit(D("1E+13")),
        lambda: PerUnit(0.1),
        lambda: PerUnit(1),
        lambda: Flat(D(-1)),
        lambda: Package(D(0), D(1)),
        lambda: Package(D(1), D(-1)),
        lambda: Graduated(()),
        lambda: Graduated((Tier(D(10), D(1)),)),
        lambda: Graduated((Tier(None, D(1)), Tier(None, D(1)))),
        lambda: Graduated((Tier(D(10), D(1)), Tier(D(10), D(1)), Tier(None, D(1)))),
        lambda: Volume((Tier(D(10), D(1)), Tier(D(9), D(1)), Tier(None, D(1)))),
        lambda: Volume((*(Tier(D(n + 1), D(1)) for n in range(TIERS_MAX)), Tier(None, D(1)))),
        lambda: Tier(D(0), D(1)),
        lambda: Tier(D(-5), D(1)),
        lambda: Tier(None, D(1), D(-1)),
        lambda: Charge(Flat(D(1)), included=D(-1)),
        lambda: Charge(Flat(D(1)), minimum=D(2), maximum=D(1)),
        lambda: Charge(Flat(D(1)), maximum=D(-1)),
    ],
)
def test_a_price_that_makes_no_sense_cannot_be_built(build):
    with pytest.raises(InvalidRate):
        build()


def test_a_document_reads_as_the_charge_it_describes():
    doc = {
        "model": "graduated",
        "tiers": [
            {"up_to": "50000", "unit_price": "0.005", "flat_fee": "1"},
            {"up_to": None, "unit_price": "0.008"},
        ],
        "included": "100000",
        "minimum": "5",
        "maximum": "900",
    }
    tiers = (Tier(D(50_000), D("0.005"), D(1)), Tier(None, D("0.008")))
    assert from_document(doc) == Charge(Graduated(tiers), D(100_000), D(5), D(900))
    assert to_document(from_document(doc)) == doc


def test_a_document_may_hold_exact_numbers_of_a_toml_reader():
    assert from_document({"model": "per_unit", "unit_price": D("3.00"), "included": 200}) == Charge(
        PerUnit(D(3)), included=D(200)
    )


@pytest.mark.parametrize(
    ("doc", "says"),
    [
        ({}, "model must be one of"),
        ({"model": "stairstep"}, "model must be one of"),
        ({"model": ["flat"]}, "model must be one of"),
        ({"model": "flat"}, "amount is missing"),
        ({"model": "flat", "amount": 1.5}, "plain decimal string"),
        ({"model": "flat", "amount": True}, "plain decimal string"),
        ({"model": "flat", "amount": "1e3"}, "plain decimal string"),
        ({"model": "flat", "amount": "9" * 100}, "plain decimal string"),
        ({"model": "flat", "amount": "1", "unit_price": "2"}, "Unknown in this price: unit_price"),
        ({"model": "per_unit", "unit_price": "1", "minimun": "2"}, "Unknown in this price: minimun"),
        ({"model": "volume", "tiers": "abc"}, "tiers must be a list"),
        ({"model": "volume", "tiers": [{}] * 51}, "tiers must be a list"),
        ({"model": "volume", "tiers": ["a"]}, "Each tier must be an object"),
        ({"model": "volume", "tiers": [{"up_to": None}]}, "unit_price is missing"),
        ({"model": "volume", "tiers": [{"up_to": None, "unit_price": "1", "fee": "2"}]}, "Unknown in this price"),
        ({"model": "volume", "tiers": []}, "1 to 50 tiers"),
    ],
)
def test_a_document_that_is_not_a_price_is_refused(doc, says):
    with pytest.raises(InvalidRate, match=says):
        from_document(doc)
