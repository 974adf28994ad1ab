"""Laws of the customer's own cap: whole-number prices are the exact prices, and a cap is never passed."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session, select

from models import Alert, AlertKind, PoolUsage, UsageEvent
from services.database import transaction
from services.errors import Refusal, SpendCapReached
from services.metering import Metered, UsageInput, record_usage
from services.rules import money, pricing
from services.rules.price_curve import AMOUNT_SCALE, PriceCurve, to_minor
from services.rules.price_models import Charge, Flat, Graduated, Package, PerUnit, Tier, Volume
from services.rules.quantities import MICRO, from_micro
from services.spending.controls import set_spend_cap
from services.subscriptions.finding import plan_of, read_subscription
from tests.given import NOON, assert_books_agree, customer, own_plan

rates = st.decimals(min_value=0, max_value=10**6, places=12)
sizes = st.decimals(min_value=Decimal("0.000001"), max_value=10**6, places=9)


@st.composite
def tiers(draw: st.DrawFn) -> tuple[Tier, ...]:
    ends = sorted(set(draw(st.lists(sizes, max_size=4))))
    return tuple(Tier(end, draw(rates), draw(rates)) for end in [*ends, None])


models = st.one_of(
    st.builds(Flat, rates),
    st.builds(PerUnit, rates),
    st.builds(Package, sizes, rates),
    st.builds(Graduated, tiers()),
    st.builds(Volume, tiers()),
)


@st.composite
def charges(draw: st.DrawFn) -> Charge:
    bounds = sorted(draw(st.lists(rates, min_size=2, max_size=2)))
    return Charge(
        draw(models),
        included=draw(st.just(Decimal(0)) | sizes),
        minimum=draw(st.none() | st.just(bounds[0])),
        maximum=draw(st.none() | st.just(bounds[1])),
    )


@settings(max_examples=400)
@given(charges(), st.data())
def test_a_price_in_whole_numbers_is_the_exact_price(charge: Charge, data: st.DataObject) -> None:
    edges = [0, 1, 10**18]
    if isinstance(charge.model, Graduated | Volume):
        edges += [int((charge.included + t.up_to) * MICRO) for t in charge.model.tiers if t.up_to is not None]
    micro = data.draw(st.integers(0, 10**18) | st.integers(0, 10**9) | st.sampled_from(edges))
    exact = pricing.rate(charge, from_micro(micro)).amount if micro else Fraction()
    amount = PriceCurve(charge).amount(micro)
    assert Fraction(amount, AMOUNT_SCALE) == exact
    for currency in ("CAD", "JPY", "KWD"):
        assert to_minor(amount, money.minor_digits(currency)) == money.round_half_away(
            exact * 10 ** money.minor_digits(currency)
        )


@settings(max_examples=200)
@given(charges(), st.integers(0, 3_000), st.integers(0, 600), st.data())
def test_the_most_a_range_can_cost_is_the_dearest_quantity_in_it(
    charge: Charge, start: int, width: int, data: st.DataObject
) -> None:
    if isinstance(charge.model, Graduated | Volume):
        ends = [int((charge.included + t.up_to) * MICRO) for t in charge.model.tiers if t.up_to is not None]
        start = data.draw(st.sampled_from([start, *(max(0, end - width // 2) for end in ends)]))
    curve = PriceCurve(charge)
    assert curve.most(start, start + width) == max(curve.amount(start + more) for more in range(width + 1))


OVERAGES: tuple[dict[str, Any], ...] = (
    {"model": "per_unit", "unit_price": Decimal("0.0037")},
    {"model": "package", "package_size": Decimal(1000), "package_price": Decimal("0.75")},
    {"model": "per_unit", "unit_price": Decimal("0.002"), "minimum": Decimal("1.5")},
    {"model": "graduated", "tiers": [
        {"up_to": Decimal(500), "unit_price": Decimal("0.003"), "flat_fee": Decimal("0.4")},
        {"unit_price": Decimal("0.011")}]},
    {"model": "volume", "tiers": [{"up_to": Decimal(700), "unit_price": Decimal("0.004")},
                                  {"unit_price": Decimal("0.001")}]},
)  # fmt: skip


def spent_exactly(session: Session, tenant_id: str) -> Fraction:
    """What the overage of each period costs, the dearest one, by the prices an invoice uses."""
    plan = plan_of(session, read_subscription(session, tenant_id=tenant_id))
    rows = session.exec(
        select(PoolUsage).where(PoolUsage.tenant_id == tenant_id).execution_options(populate_existing=True)
    ).all()
    periods: dict[datetime, dict[str, int]] = {}
    for row in rows:
        pools = periods.setdefault(row.period_start, {})
        pools[row.pool] = pools.get(row.pool, 0) + row.overage_micro
    return max(
        (
            sum((plan.overage_exact(pool, micro) for pool, micro in each.items()), Fraction())
            for each in periods.values()
        ),
        default=Fraction(),
    )


sent = st.builds(
    lambda n, meter, units, hours: UsageInput(
        None, meter, units, event_id=f"e{n}-{meter}-{units}-{hours}", occurred_at=NOON - timedelta(hours=hours)
    ),
    st.integers(0, 3),
    st.sampled_from(("work", "play")),
    st.integers(1, 1_200 * MICRO) | st.integers(1, 30).map(lambda n: n * 10 * MICRO),
    st.integers(0, 24 * 25),
)


@pytest.mark.parametrize("overage", OVERAGES, ids=lambda overage: str(overage["model"]))
@settings(max_examples=12)
@given(st.lists(sent, min_size=1, max_size=16), st.integers(0, 600), st.data())
def test_a_cap_is_never_passed_whatever_is_sent_in_whatever_batches(
    engine: Engine, overage: dict[str, Any], events: list[UsageInput], cap_minor: int, data: st.DataObject
) -> None:
    cap = money.Money(cap_minor, "CAD")
    with rolled_back(engine) as session:
        plan = own_plan(session, overage=overage, work="1", play="3")
        # The subscription began in October, so some events are late ones of a period that has ended.
        one = customer(session, plan=plan, name=f"C {datetime.now(UTC).timestamp()}", start=NOON.date() - timedelta(30))
        set_spend_cap(session, tenant_id=one.tenant_id, cap=cap.plain(), by="us", at=NOON)
        sending = events + data.draw(st.lists(st.sampled_from(events), max_size=8))
        while sending:
            cut = data.draw(st.integers(min(4, len(sending)), len(sending)))
            batch, sending = sending[:cut], sending[cut:]
            before = recorded(session, one.tenant_id)
            answers = record_usage(session, tenant_id=one.tenant_id, events=batch, at=NOON)
            assert_refused_left_nothing(session, one.tenant_id, before, answers)
            assert spent_exactly(session, one.tenant_id) * 100 <= cap_minor
            assert_books_agree(session, one.tenant_id)
        assert_told_once_a_period(session, one.tenant_id)


def recorded(session: Session, tenant_id: str) -> set[str]:
    return set(session.exec(select(UsageEvent.event_id).where(UsageEvent.tenant_id == tenant_id)))


def assert_refused_left_nothing(
    session: Session, tenant_id: str, before: set[str], answers: list[Metered | Refusal]
) -> None:
    fresh = [a for a in answers if isinstance(a, Metered) and not a.duplicate]
    assert all(isinstance(a, Metered | SpendCapReached) for a in answers), answers
    assert recorded(session, tenant_id) - before == {a.event_id for a in fresh}


def assert_told_once_a_period(session: Session, tenant_id: str) -> None:
    reached = session.exec(
        select(Alert.period_start).where(Alert.tenant_id == tenant_id, Alert.kind == AlertKind.CAP_REACHED)
    ).all()
    assert len(set(reached)) == len(reached)


class _Undone(Exception):
    """Ends a transaction without keeping it."""


@contextmanager
def rolled_back(engine: Engine) -> Iterator[Session]:
    with suppress(_Undone), transaction(engine) as session:
        yield session
        raise _Undone


@pytest.mark.parametrize("overage", OVERAGES[:2], ids=lambda overage: str(overage["model"]))
def test_writers_at_the_same_time_do_not_pass_it_together(engine: Engine, overage: dict[str, Any]) -> None:
    with transaction(engine) as session:
        plan = own_plan(session, overage=overage, work="1")
        one = customer(session, plan=plan)
        set_spend_cap(session, tenant_id=one.tenant_id, cap="5.00", by="us", at=NOON)
    answers: list[Metered | Refusal] = []

    def send(writer: int) -> None:
        for n in range(12):
            batch = [UsageInput(None, "work", 17 * MICRO, event_id=f"w{writer}-{n}-{i}") for i in range(5)]
            with transaction(engine) as session:
                answers.extend(record_usage(session, tenant_id=one.tenant_id, events=[*batch, batch[0]], at=NOON))

    writers = [threading.Thread(target=send, args=(writer,)) for writer in range(6)]
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    assert len(answers) == 6 * 12 * 6
    refused = [answer for answer in answers if isinstance(answer, Refusal)]
    assert {type(answer) for answer in refused} == {SpendCapReached}
    assert len([answer for answer in refused if "alert" in answer.members]) <= 1
    with transaction(engine) as session:
        assert spent_exactly(session, one.tenant_id) <= 5
        taken = [answer for answer in answers if isinstance(answer, Metered) and not answer.duplicate]
        assert recorded(session, one.tenant_id) == {answer.event_id for answer in taken}
        alerts = session.exec(select(Alert.kind).where(Alert.tenant_id == one.tenant_id)).all()
        assert sorted(alerts) == ["CAP_REACHED", "LOW_CREDITS", "OVERAGE"]
        assert_books_agree(session, one.tenant_id)
