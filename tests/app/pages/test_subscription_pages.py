"""Changing, ending and resting a subscription in the portal: who may, what is asked before, and for whom it is done."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import reflex as rx
from sqlalchemy import Engine

from app.pages.own_subscription import OwnSubscription
from app.pages.plan_change import PlanChange
from models import ChangeKind, Role, SubscriptionStatus
from services.database import reading, transaction
from services.identity import create_tenant, create_user
from services.price_books.books import load_shipped_books
from services.sign_in import choose_tenant, open_session
from services.subscriptions.finding import plan_of, read_subscription
from services.subscriptions.scheduled_changes import waiting_change
from services.subscriptions.starting import create_subscription
from tests.app.pages.test_state_handlers import answers_of, connected, handlers_of

AT = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def tenant_id(sqlite_engine: Engine) -> str:
    with transaction() as session:
        load_shipped_books(session, at=AT)
        return new_tenant(session, "Acme")


def new_tenant(session: Any, name: str) -> str:
    tenant = create_tenant(session, name=name, currency="CAD", timezone="UTC", at=AT)
    start = (AT - timedelta(days=3)).date()
    create_subscription(session, tenant_id=tenant.id, plan_code="PRO", start_date=start, at=AT)
    return tenant.id


def signed_in(tenant_id: str, role: Role) -> rx.State:
    with transaction() as session:
        user = create_user(session, email=f"{role}@acme.example", tenant_id=tenant_id, role=role, at=AT)
        cookie = open_session(session, user_id=user.id, at=AT).cookie
    root = connected(cookie)
    for state in (PlanChange, OwnSubscription):
        call(root, state, "load")
    return root


def shown(root: rx.State, state: type[rx.State]) -> Any:
    return root.get_substate(state.get_full_name().split("."))


def call(root: rx.State, state: type[rx.State], name: str, *arguments: Any) -> Any:
    return asyncio.run(answers_of(handlers_of(state)[name](shown(root, state), *arguments)))


def stored(tenant_id: str) -> tuple[str, SubscriptionStatus, ChangeKind | None]:
    """The plan, how the subscription stands, and what waits."""
    with reading() as session:
        subscription = read_subscription(session, tenant_id=tenant_id)
        waiting = waiting_change(session, subscription=subscription)
        plan = plan_of(session, subscription)
        return plan.code, subscription.status, None if waiting is None else waiting.kind


RUNS = ("PRO", SubscriptionStatus.ACTIVE, None)


@pytest.mark.parametrize("role", [Role.BILLING_ADMIN, Role.OWNER])
def test_who_answers_for_the_bills_upgrades_by_what_was_shown(tenant_id: str, role: Role) -> None:
    root = signed_in(tenant_id, role)
    call(root, PlanChange, "ask", "ENTERPRISE", "month", "")
    page = shown(root, PlanChange)
    assert (page.asked.confirm, page.asked.plan_code) == ("Upgrade now", "reliability/ENTERPRISE")
    assert stored(tenant_id) == RUNS
    total = page.asked.total
    call(root, PlanChange, "confirm")
    assert page.done == f"You are on Enterprise now. {total} goes on your next invoice."
    assert (stored(tenant_id)[0], page.asked.plan_code) == ("ENTERPRISE", "")
    call(root, PlanChange, "confirm")
    assert page.asked_refusal == ""


def test_a_viewer_sees_the_facts_and_changes_nothing(tenant_id: str) -> None:
    root = signed_in(tenant_id, Role.VIEWER)
    own = shown(root, OwnSubscription)
    assert (own.view.status_word, own.may_change) == ("Active", False)
    for state, name, arguments in (
        (PlanChange, "ask", ("ENTERPRISE", "month", "now")),
        (PlanChange, "confirm", ()),
        (OwnSubscription, "ask", ("cancel", "now")),
        (OwnSubscription, "confirm", ()),
        (OwnSubscription, "withdraw", ()),
    ):
        call(root, state, name, *arguments)
        assert "billing admin" in shown(root, state).refusal
    assert stored(tenant_id) == RUNS


def test_a_downgrade_is_scheduled_and_withdrawn(tenant_id: str) -> None:
    root = signed_in(tenant_id, Role.OWNER)
    call(root, PlanChange, "ask", "STARTER", "month", "")
    call(root, PlanChange, "confirm")
    assert stored(tenant_id) == ("PRO", SubscriptionStatus.ACTIVE, ChangeKind.PLAN)
    call(root, OwnSubscription, "load")
    own = shown(root, OwnSubscription)
    assert "Starter, $4,000.00 a month" in own.view.scheduled
    call(root, OwnSubscription, "withdraw")
    assert (stored(tenant_id), own.view.scheduled) == (RUNS, "")
    call(root, OwnSubscription, "withdraw")
    assert own.asked_refusal == "No change is scheduled for this subscription."


def test_it_is_paused_resumed_ended_and_started_again(tenant_id: str) -> None:
    root = signed_in(tenant_id, Role.OWNER)
    own = shown(root, OwnSubscription)
    for act, when, status in (
        ("pause", "now", SubscriptionStatus.PAUSED),
        ("resume", "now", SubscriptionStatus.ACTIVE),
        ("cancel", "now", SubscriptionStatus.CANCELED),
    ):
        call(root, OwnSubscription, "ask", act, when)
        assert own.asked.act == act, own.asked_refusal
        call(root, OwnSubscription, "confirm")
        assert (stored(tenant_id)[1], own.view.status, own.asked.act) == (status, status.value, "")
    call(root, OwnSubscription, "ask", "start_again", "now")
    call(root, OwnSubscription, "confirm")
    assert (stored(tenant_id), own.done) == (RUNS, "Pro has started again.")


def test_what_changed_meanwhile_is_refused_and_said(tenant_id: str) -> None:
    root = signed_in(tenant_id, Role.OWNER)
    call(root, OwnSubscription, "ask", "cancel", "period_end")
    call(root, PlanChange, "ask", "ENTERPRISE", "month", "")
    call(root, PlanChange, "confirm")
    call(root, PlanChange, "ask", "PRO", "month", "now")
    assert "earlier in this period" in shown(root, PlanChange).asked_refusal
    call(root, OwnSubscription, "confirm")
    assert stored(tenant_id)[2] == ChangeKind.CANCEL  # what it means is the same on either plan
    call(root, OwnSubscription, "ask", "cancel", "now")
    with transaction() as session:
        subscription = read_subscription(session, tenant_id=tenant_id)
        subscription.status = SubscriptionStatus.CANCELED
        subscription.canceled_at = AT
        session.add(subscription)
    call(root, OwnSubscription, "confirm")
    assert "has ended" in shown(root, OwnSubscription).asked_refusal


def test_a_question_is_never_carried_over_to_another_customer(tenant_id: str) -> None:
    with transaction() as session:
        other = new_tenant(session, "Other")
        user = create_user(session, email="us@tallystick.example", is_operator=True, at=AT)
        cookie = open_session(session, user_id=user.id, at=AT).cookie
        choose_tenant(session, cookie_token=cookie, tenant_id=tenant_id, at=AT)
    root = connected(cookie)
    for state in (PlanChange, OwnSubscription):
        call(root, state, "load")
    call(root, PlanChange, "ask", "ENTERPRISE", "month", "")
    call(root, OwnSubscription, "ask", "cancel", "now")
    with transaction() as session:
        choose_tenant(session, cookie_token=cookie, tenant_id=other, at=AT)
    call(root, PlanChange, "confirm")
    call(root, OwnSubscription, "confirm")
    assert (stored(tenant_id), stored(other)) == (RUNS, RUNS)
    assert shown(root, PlanChange).asked.plan_code == ""
