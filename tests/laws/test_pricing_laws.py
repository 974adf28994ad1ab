"""Laws of pricing: steps sum to the line, more use never costs less, a split costs what the whole costs."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.rules.canonical import canonical_bytes
from services.rules.pricing import (
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

RATES = st.decimals(0, 10_000, places=6)
QUANTITIES = st.decimals(0, 2_000, places=3)
ENDS = st.lists(st.integers(1, 1_500_000), min_size=0, max_size=6, unique=True).map(sorted)
NO_FEE = st.just(Decimal(0))


@st.composite
def tier_tables(draw, fees=NO_FEE):
    ends = [Decimal(end).scaleb(-3) for end in draw(ENDS)]
    return tuple(Tier(end, draw(RATES), draw(fees)) for end in [*ends, None])


def models(fees=NO_FEE):
    return st.one_of(
        st.builds(Flat, RATES),
        st.builds(PerUnit, RATES),
        st.builds(Package, st.decimals("0.001", 500, places=3), RATES),
        st.builds(Graduated, tier_tables(fees)),
        st.builds(Volume, tier_tables(fees)),
    )


@st.composite
def charges(draw):
    bounds = sorted(draw(st.tuples(RATES, RATES)))
    minimum = draw(st.sampled_from([None, bounds[0]]))
    maximum = draw(st.sampled_from([None, bounds[1]]))
    return Charge(draw(models(RATES)), draw(QUANTITIES), minimum, maximum)


def cost(model, quantity, **around):
    return rate(Charge(model, **around), quantity).amount


@given(charges(), QUANTITIES)
def test_steps_sum_to_the_line_before_its_minimum_and_cap(charge, quantity):
    rated = rate(charge, quantity)
    assert sum(step.amount for step in rated.steps) + rated.adjustment == rated.amount
    for step in rated.steps:
        shown = Fraction(step.quantity) * Fraction(step.unit_price) + Fraction(step.flat_fee)
        assert step.amount == shown
    assert rate(charge, quantity) == rated


@given(tier_tables(RATES), QUANTITIES)
def test_graduated_steps_cover_the_billable_quantity_without_gap(tiers, quantity):
    steps = rate(Charge(Graduated(tiers)), quantity).steps
    assert sum(step.quantity for step in steps) == quantity
    assert [step.from_quantity for step in steps[1:]] == [step.to_quantity for step in steps[:-1]]
    assert all(step.quantity == step.to_quantity - step.from_quantity > 0 for step in steps)


@given(
    st.one_of(
        st.builds(PerUnit, RATES),
        st.builds(Package, st.decimals("0.001", 500, places=3), RATES),
        tier_tables(RATES).map(Graduated),
    ),
    QUANTITIES,
    QUANTITIES,
)
def test_more_use_never_costs_less(model, left, right):
    low, high = sorted((left, right))
    assert cost(model, low) <= cost(model, high)


@given(RATES, QUANTITIES, QUANTITIES)
def test_a_unit_price_is_additive(price, left, right):
    model = PerUnit(price)
    assert cost(model, left) + cost(model, right) == cost(model, left + right)


@given(tier_tables(), QUANTITIES, QUANTITIES)
def test_graduated_use_costs_the_same_in_one_run_or_two(tiers, first, second):
    """The second run starts where the first stopped: its price is the difference, tier by tier."""
    both = cost(Graduated(tiers), first + second)
    edges = [Fraction(0), *(Fraction(tier.up_to) for tier in tiers[:-1]), None]
    start, end = Fraction(first), Fraction(first + second)
    second_run = Fraction()
    for tier, low, high in zip(tiers, edges[:-1], edges[1:], strict=True):
        upper = end if high is None else min(end, high)
        second_run += max(Fraction(0), upper - max(start, low)) * Fraction(tier.unit_price)
    assert cost(Graduated(tiers), first) + second_run == both


@given(tier_tables(), st.data())
def test_graduated_without_fees_is_continuous_at_every_boundary(tiers, data):
    assume(len(tiers) > 1)
    at = data.draw(st.integers(0, len(tiers) - 2))
    step = Decimal("0.000000000001")
    boundary = tiers[at].up_to
    rise = cost(Graduated(tiers), boundary + step) - cost(Graduated(tiers), boundary)
    assert rise == Fraction(step) * Fraction(tiers[at + 1].unit_price)


@given(tier_tables(RATES), st.data())
def test_volume_charges_the_whole_at_the_tier_it_reaches_and_a_boundary_at_the_lower_one(tiers, data):
    at = data.draw(st.integers(0, len(tiers) - 1))
    above = tiers[at - 1].up_to if at else Decimal(0)
    up_to = tiers[at].up_to or above + 1000
    within = data.draw(st.just(up_to) | st.decimals(above, up_to, places=4).filter(lambda q: q > above))
    whole = cost(PerUnit(tiers[at].unit_price), within) + Fraction(tiers[at].flat_fee)
    assert cost(Volume(tiers), within) == whole


@given(RATES, RATES, QUANTITIES)
def test_with_one_tier_volume_and_graduated_are_the_same(price, fee, quantity):
    tiers = (Tier(None, price, fee),)
    assert cost(Volume(tiers), quantity) == cost(Graduated(tiers), quantity)


@given(RATES, QUANTITIES)
def test_with_one_tier_and_no_fee_graduated_is_a_unit_price(price, quantity):
    assert cost(Graduated((Tier(None, price),)), quantity) == cost(PerUnit(price), quantity)


@given(RATES, QUANTITIES, QUANTITIES)
def test_a_flat_price_ignores_the_quantity(amount, left, right):
    assert cost(Flat(amount), left) == cost(Flat(amount), right) == Fraction(amount)


@given(st.decimals("0.001", 500, places=3), RATES, QUANTITIES)
def test_packages_cover_the_quantity_and_one_fewer_would_not(size, price, quantity):
    steps = rate(Charge(Package(size, price)), quantity).steps
    packages = steps[0].quantity if steps else Decimal(0)
    assert packages == int(packages)
    assert packages * size >= quantity
    assert packages == 0 or (packages - 1) * size < quantity


@given(models(RATES), QUANTITIES, QUANTITIES)
def test_included_units_are_as_if_never_used(model, included, beyond):
    assert cost(model, included + beyond, included=included) == cost(model, beyond)
    assert cost(model, min(included, beyond), included=included) == cost(model, Decimal(0))


@given(models(RATES), QUANTITIES, RATES, RATES)
def test_a_line_stays_between_its_minimum_and_its_cap(model, quantity, left, right):
    low, high = sorted((left, right))
    amount = cost(model, quantity, minimum=low, maximum=high)
    assert low <= amount <= high
    assert amount in (cost(model, quantity), Fraction(low), Fraction(high))


@settings(max_examples=200)
@given(charges())
def test_a_charge_survives_its_document(charge):
    doc = to_document(charge)
    assert from_document(doc) == charge
    assert to_document(from_document(doc)) == doc
    assert canonical_bytes(doc)
