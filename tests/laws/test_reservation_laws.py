"""Laws of reservations: holding first changes nothing, and what was held can be used, whatever came between."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session, func, select

from models import CreditGrant, PoolUsage, UsageDaily
from services.credits.reservations import finalize_reservation, release_reservation, reserve_credits
from services.database import transaction
from services.errors import OverageNotAllowed, Refusal, SpendCapReached
from services.metering import Metered, UsageInput, record_usage
from services.rules import money
from services.rules.quantities import MICRO
from services.spending.controls import set_spend_cap
from tests.given import NOON, Customer, assert_books_agree, customer, own_plan
from tests.laws.test_spend_cap_laws import OVERAGES, spent_exactly

units = st.integers(1, 900 * MICRO) | st.integers(1, 120).map(lambda n: n * MICRO)
PLANS = [*OVERAGES, None]


class _Undone(Exception):
    """Ends a transaction without keeping it."""


@contextmanager
def rolled_back(engine: Engine) -> Iterator[Session]:
    with suppress(_Undone), transaction(engine) as session:
        yield session
        raise _Undone


def on_plan(session: Session, overage: dict[str, Any] | None) -> Customer:
    """100 credits a period and overage; without one, 100 calls a day and no more."""
    name = f"C {datetime.now(UTC).timestamp()}"
    if overage is None:
        return customer(session, plan="memory-cloud/free", currency="USD", name=name)
    return customer(session, plan=own_plan(session, overage=overage, work="1"), name=name)


def meter_of(overage: dict[str, Any] | None) -> str:
    return "api_call" if overage is None else "work"


def use(session: Session, one: Customer, meter: str, micro: int, at: datetime = NOON, **more: Any) -> Metered | Refusal:
    (answer,) = record_usage(session, tenant_id=one.tenant_id, events=[UsageInput(None, meter, micro, **more)], at=at)
    return answer


def books(session: Session, one: Customer) -> tuple[object, ...]:
    rows = {
        model: session.exec(
            select(model).where(model.tenant_id == one.tenant_id).execution_options(populate_existing=True)
        ).all()
        for model in (PoolUsage, CreditGrant, UsageDaily)
    }
    return (
        sorted((row.used_micro, row.overage_micro) for row in rows[PoolUsage]),
        sorted((lot.effective_at, lot.remaining_micro, lot.expired_micro) for lot in rows[CreditGrant]),
        sorted((day.day, day.units_micro, day.overage_micro, day.events) for day in rows[UsageDaily]),
    )


def told(answer: Metered | Refusal) -> tuple[object, ...]:
    if isinstance(answer, Refusal):
        return type(answer), answer.members.get("remaining_credits")
    return answer.credits_micro, answer.overage_micro, answer.remaining_micro, answer.alert


@pytest.mark.parametrize("overage", PLANS, ids=lambda overage: str(overage and overage["model"]))
@settings(max_examples=15)
@given(st.lists(units, max_size=3), units, units, st.booleans())
def test_holding_before_use_leaves_the_books_of_plain_use(
    sqlite_engine: Engine, overage: dict[str, Any] | None, before: list[int], held: int, used: int, releases: bool
) -> None:
    meter = meter_of(overage)
    with rolled_back(sqlite_engine) as session:
        plain, holding = on_plan(session, overage), on_plan(session, overage)
        for one in (plain, holding):
            for micro in before:
                use(session, one, meter, micro)
        later = NOON + timedelta(minutes=3)
        try:
            id = reserve_credits(session, tenant_id=holding.tenant_id, event_type=meter, units_micro=held, at=NOON).id
        except OverageNotAllowed:
            assert isinstance(use(session, plain, meter, held), OverageNotAllowed)
            return
        if releases:
            release_reservation(session, tenant_id=holding.tenant_id, reservation_id=id, at=later)
            if before or overage is not None:  # else the day's allowance is granted by the hold alone
                assert books(session, holding) == books(session, plain)
            made = use(session, holding, meter, used, at=later, occurred_at=NOON)
        else:
            made = finalized(session, holding, id, used, at=later)
        expected = use(session, plain, meter, used, at=later, occurred_at=NOON)
        assert told(made) == told(expected)
        if isinstance(expected, Metered):
            assert books(session, holding) == books(session, plain)
        assert_books_agree(session, holding.tenant_id)


def finalized(session: Session, one: Customer, id: str, micro: int, *, at: datetime) -> Metered | Refusal:
    try:
        sent = UsageInput(None, "", micro)
        return finalize_reservation(session, tenant_id=one.tenant_id, reservation_id=id, use=sent, at=at).metered
    except Refusal as refusal:
        return refusal


class Step(NamedTuple):
    """use, hold, finalise some part of a hold or release it; `minutes` later than the step before."""

    what: str
    tenths: int
    pick: int
    minutes: int


kinds = st.sampled_from(["use", "use", "hold", "hold", "finalize", "finalize", "release"])
steps = st.lists(
    st.builds(Step, kinds, st.integers(1, 10), st.integers(0, 9), st.sampled_from([0, 0, 1, 1, 6])),
    min_size=6,
    max_size=24,
)


@pytest.mark.parametrize("overage", PLANS, ids=lambda overage: str(overage and overage["model"]))
@settings(max_examples=25)
@given(steps, st.integers(100, 600))
def test_what_is_held_can_be_used_and_no_cap_is_passed(
    engine: Engine, overage: dict[str, Any] | None, steps: list[Step], cap_minor: int
) -> None:
    meter, at = meter_of(overage), NOON - timedelta(hours=3)
    tenth_micro = (4 if overage is None else 70) * MICRO
    with rolled_back(engine) as session:
        one = on_plan(session, overage)
        if overage is not None:
            cap = money.Money(cap_minor, "CAD").plain()
            set_spend_cap(session, tenant_id=one.tenant_id, cap=cap, by="us", at=NOON)
        held: dict[str, tuple[int, datetime]] = {}
        for what, tenths, pick, minutes in steps:
            at, micro = at + timedelta(minutes=minutes), tenths * tenth_micro
            held = {id: hold for id, hold in held.items() if hold[1] > at}
            if what == "use":
                use(session, one, meter, micro, at=at)
            elif what == "hold":
                with suppress(OverageNotAllowed, SpendCapReached):
                    made = reserve_credits(
                        session, tenant_id=one.tenant_id, event_type=meter, units_micro=micro, at=at,
                        expires_in=timedelta(minutes=10),
                    )  # fmt: skip
                    held[made.id] = (micro, made.expires_at)
            elif held:
                id = sorted(held)[pick % len(held)]
                up_to, _ = held.pop(id)
                if what == "release":
                    release_reservation(session, tenant_id=one.tenant_id, reservation_id=id, at=at)
                else:
                    done = finalized(session, one, id, max(1, up_to * pick // 9), at=at)
                    assert isinstance(done, Metered), done
            if overage is not None:
                assert spent_exactly(session, one.tenant_id) * 100 <= cap_minor
        assert_books_agree(session, one.tenant_id)
        for lot in session.exec(select(CreditGrant).where(CreditGrant.tenant_id == one.tenant_id)):
            assert 0 <= lot.remaining_micro + lot.expired_micro <= lot.granted_micro
        overage_micro = session.exec(select(func.sum(PoolUsage.overage_micro))).one()
        left_micro = session.exec(select(func.sum(CreditGrant.remaining_micro))).one()
        assert not overage_micro or not left_micro, "overage is billed beside credits that are left"
