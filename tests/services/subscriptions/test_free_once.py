"""A free plan is had once: one subscription of its book at a time, its allowance once a period."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session

from models import Subscription
from services.errors import SubscriptionConflict
from services.subscriptions.change_preview import When
from services.subscriptions.lifecycle import cancel_subscription, reactivate_subscription
from services.subscriptions.plan_changes import change_plan
from services.subscriptions.scheduled_changes import withdraw_change
from services.subscriptions.starting import create_subscription
from services.subscriptions.views import read_card
from tests.given import NOON, Customer, customer

HOUR = timedelta(hours=1)
DECEMBER = datetime(2026, 12, 1, 7, tzinfo=UTC)


@pytest.fixture
def one(session: Session) -> Customer:
    return customer(session, plan="assistant/free", currency="USD")


def started(session: Session, one: Customer, plan: str, at: datetime = NOON, name: str = "") -> Subscription:
    return create_subscription(session, tenant_id=one.tenant_id, plan_code=plan, name=name, at=at)


def test_no_two_run_beside_each_other(session: Session, one: Customer) -> None:
    with pytest.raises(SubscriptionConflict, match="on Free already"):
        started(session, one, "assistant/free", name="Team")
    team = started(session, one, "assistant/pro", name="Team")
    with pytest.raises(SubscriptionConflict, match="on Free already"):
        change_plan(
            session, tenant_id=one.tenant_id, subscription_id=team.id, plan_code="assistant/free",
            when=When.PERIOD_END, at=NOON,
        )  # fmt: skip


def test_no_two_are_to_change_to_it_and_one_that_is_can_be_withdrawn_for_another(
    session: Session, one: Customer
) -> None:
    mine = {"tenant_id": one.tenant_id, "subscription_id": one.subscription_id}
    change_plan(session, **mine, plan_code="assistant/pro", at=NOON)
    change_plan(session, **mine, plan_code="assistant/free", when=When.PERIOD_END, at=NOON + HOUR)
    team = started(session, one, "assistant/pro", at=NOON + HOUR, name="Team")
    wanted = {"tenant_id": one.tenant_id, "subscription_id": team.id, "plan_code": "assistant/free"}
    for at in (NOON + HOUR, NOON + 2 * HOUR):
        with pytest.raises(SubscriptionConflict, match="changes to Free on 2026-12-0"):
            change_plan(session, **wanted, when=When.PERIOD_END, at=at)
    with pytest.raises(SubscriptionConflict, match="withdraw that change first"):
        started(session, one, "assistant/free", at=NOON + HOUR, name="Lab")
    withdraw_change(session, **mine, at=NOON + 2 * HOUR)
    assert change_plan(session, **wanted, when=When.PERIOD_END, at=NOON + 2 * HOUR).when == When.PERIOD_END


def test_ended_and_started_again_it_has_no_second_allowance_in_the_month(session: Session, one: Customer) -> None:
    mine = {"tenant_id": one.tenant_id, "subscription_id": one.subscription_id}
    cancel_subscription(session, **mine, when=When.NOW, by="key", at=NOON)
    with pytest.raises(SubscriptionConflict, match="from 2026-12-01 on"):
        reactivate_subscription(session, **mine, at=NOON)
    with pytest.raises(SubscriptionConflict, match="from 2026-12-01 on"):
        started(session, one, "assistant/free")
    assert not read_card(session, tenant_id=one.tenant_id, at=NOON).may_start_again
    assert read_card(session, tenant_id=one.tenant_id, at=DECEMBER).may_start_again
    assert reactivate_subscription(session, **mine, at=DECEMBER).id != one.subscription_id


def test_one_that_ran_to_the_end_of_its_month_is_started_again_at_once(session: Session, one: Customer) -> None:
    mine = {"tenant_id": one.tenant_id, "subscription_id": one.subscription_id}
    cancel_subscription(session, **mine, when=When.NOW, by="key", at=DECEMBER - timedelta(hours=3))
    assert started(session, one, "assistant/free", DECEMBER).id != one.subscription_id


def test_a_paid_plan_can_be_started_as_soon_as_it_is_wanted(session: Session, one: Customer) -> None:
    mine = {"tenant_id": one.tenant_id, "subscription_id": one.subscription_id}
    cancel_subscription(session, **mine, when=When.NOW, by="key", at=NOON)
    assert started(session, one, "assistant/pro").id != one.subscription_id
