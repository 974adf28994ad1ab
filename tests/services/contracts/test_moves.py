"""Moving a subscription to a contract: previewed, billed as previewed, on its days alone."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlmodel import Session

from models import Contract, Interval
from services import errors
from services.closing.close import close_period
from services.contracts.agreements import Paper, draft_contract, subscriptions_on, withdraw_contract
from services.contracts.moves import move_to_contract
from services.contracts.terms import read_terms
from services.subscriptions.change_preview import When
from services.subscriptions.finding import plan_of, read_subscription
from services.subscriptions.plan_changes import change_plan
from services.subscriptions.starting import create_subscription
from tests.given import NOON, Customer, customer

DECEMBER = datetime(2026, 12, 2, tzinfo=UTC)


@pytest.fixture
def one(session: Session) -> Customer:
    return customer(session)


def contract(session: Session, one: Customer, base_price: str = "12000.00", **paper: Any) -> Contract:
    return draft_contract(
        session,
        tenant_id=one.tenant_id,
        plan_code="ENTERPRISE",
        terms=read_terms({"base_price": base_price}),
        paper=Paper(**({"title": "Frame agreement", "valid_from": date(2026, 11, 1)} | paper)),
        by="usr_1",
        at=NOON,
    )


def of(one: Customer, made: Contract) -> dict[str, Any]:
    return {
        "tenant_id": one.tenant_id, "subscription_id": one.subscription_id, "contract_id": made.id, "at": NOON
    }  # fmt: skip


def test_a_move_now_comes_to_what_its_preview_said(session: Session, one: Customer) -> None:
    made = contract(session, one)
    shown = move_to_contract(session, **of(one, made), preview=True)
    assert subscriptions_on(session, contract=made) == []
    done = move_to_contract(session, **of(one, made), by="usr_1")
    assert (done.when, done.total, done.effective_at) == (When.NOW, shown.total, shown.effective_at)
    assert [each.id for each in subscriptions_on(session, contract=made)] == [one.subscription_id]
    bill = close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    assert bill.subtotal_minor == 1_200_000 + shown.total.amount_minor


def test_a_cheaper_contract_waits_for_the_end_of_the_period(session: Session, one: Customer) -> None:
    made = contract(session, one, "5000.00")
    waiting = move_to_contract(session, **of(one, made), by="usr_1")
    assert waiting.when == When.PERIOD_END
    assert plan_of(session, read_subscription(session, tenant_id=one.tenant_id)).only_for is None
    assert close_period(session, tenant_id=one.tenant_id, at=DECEMBER).subtotal_minor == 500_000
    assert plan_of(session, read_subscription(session, tenant_id=one.tenant_id)).only_for == one.tenant_id


def test_the_day_it_takes_effect_must_be_one_of_its_days(session: Session, one: Customer) -> None:
    coming = contract(session, one, "5000.00", valid_from=date(2026, 12, 1))
    assert move_to_contract(session, **of(one, coming), preview=True).when == When.PERIOD_END
    with pytest.raises(errors.Conflict, match="valid from 2026-12-01"):
        move_to_contract(session, **of(one, contract(session, one, valid_from=date(2026, 12, 1))), when=When.NOW)
    with pytest.raises(errors.Conflict, match="could be taken up until"):
        move_to_contract(session, **of(one, contract(session, one, "5000.00", valid_until=date(2026, 12, 1))))
    withdraw_contract(session, tenant_id=one.tenant_id, contract_id=coming.id, at=NOON)
    with pytest.raises(errors.Conflict, match="withdrawn"):
        move_to_contract(session, **of(one, coming))


def test_nobody_moves_to_what_was_agreed_with_another(session: Session, one: Customer) -> None:
    made, other = contract(session, one), customer(session, name="Other")
    with pytest.raises(errors.NotFound):
        move_to_contract(session, **of(one, made) | {"tenant_id": other.tenant_id})
    with pytest.raises(errors.UnknownPlan):
        change_plan(session, tenant_id=other.tenant_id, version_id=made.plan_version_id, at=NOON)


def test_who_is_on_a_contract_keeps_its_terms_when_months_become_a_year(session: Session, one: Customer) -> None:
    made = contract(session, one)
    started = create_subscription(
        session, tenant_id=one.tenant_id, version_id=made.plan_version_id, name="Team", at=NOON
    )
    change = change_plan(
        session,
        tenant_id=one.tenant_id,
        subscription_id=started.id,
        plan_code="ENTERPRISE",
        interval=Interval.YEAR,
        at=NOON,
    )
    assert change.then.version_id == made.plan_version_id
