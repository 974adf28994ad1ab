"""Contracts in the portal: drafted, worked out, kept, started and withdrawn by our own side alone; and the picker."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
import reflex as rx
from sqlalchemy import Engine

from app.pages.contracts import ContractsPage
from app.pages.overview import OverviewPage
from app.pages.subscription_picker import SubscriptionPicker
from models import Role
from services.contracts.agreements import list_contracts
from services.database import reading, transaction
from services.identity import create_tenant, create_user
from services.price_books.books import load_shipped_books
from services.sign_in import open_session
from services.subscriptions.finding import list_subscriptions
from services.subscriptions.scheduled_changes import list_changes
from services.subscriptions.starting import create_subscription
from tests.app.pages.test_state_handlers import answers_of, connected, handlers_of

AT = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def tenant_id(sqlite_engine: Engine) -> str:
    with transaction() as session:
        load_shipped_books(session, at=AT)
        tenant = create_tenant(session, name="Acme", currency="CAD", timezone="UTC", at=AT)
        create_subscription(session, tenant_id=tenant.id, plan_code="PRO", at=AT)
    return tenant.id


def signed_in(tenant_id: str | None, address: str = "") -> rx.State:
    """A tab of an operator's, at a customer's contracts; of the customer's owner, where there is a tenant."""
    with transaction() as session:
        role = None if tenant_id is None else Role.OWNER
        user = create_user(
            session, email="who@acme.example", tenant_id=tenant_id, role=role, is_operator=tenant_id is None, at=AT
        )
        cookie = open_session(session, user_id=user.id, at=AT).cookie
    return connected(cookie, looking_at=address)


def state_of(root: rx.State, page: type[rx.State] = ContractsPage) -> Any:
    return root.get_substate(page.get_full_name().split("."))


def call(root: rx.State, name: str, *arguments: Any, page: type[rx.State] = ContractsPage) -> Any:
    return asyncio.run(answers_of(handlers_of(page)[name](state_of(root, page), *arguments)))


def drafting(tenant_id: str) -> rx.State:
    root = signed_in(None, tenant_id)
    call(root, "load")
    call(root, "choose_plan", "reliability/ENTERPRISE")
    return root


def typed(root: rx.State, **changed: str) -> dict[str, str]:
    form = state_of(root).form
    sent = {
        name: getattr(form, name) for name in vars(form) if name not in ("pools", "plan_code", "plan_name", "currency")
    }
    for pool in form.pools:
        sent |= {f"{name}_{pool.code}": getattr(pool, name) for name in ("allowance", "model", "price", "use")}
    return sent | {"title": "Frame agreement"} | changed


def kept(tenant_id: str) -> list[str]:
    with reading() as session:
        return [each.title for each in list_contracts(session, tenant_id=tenant_id, with_withdrawn=True)]


def test_a_contract_is_worked_out_before_it_is_kept_and_kept_once(tenant_id: str) -> None:
    root = drafting(tenant_id)
    call(root, "work_out", typed(root, base_price="15000.00"))
    state = state_of(root)
    assert (state.draft.month.total, state.problem, kept(tenant_id)) == ("$15,000.00", "", [])
    call(root, "keep")
    call(root, "keep")
    assert (kept(tenant_id), state_of(root).form.plan_code) == (["Frame agreement"], "")
    assert [each.price for each in state_of(root).view.rows] == ["$15,000.00 a month"]


def test_what_cannot_be_is_said_beside_the_form_and_nothing_is_kept(tenant_id: str) -> None:
    root = drafting(tenant_id)
    call(root, "work_out", typed(root, base_price="a lot"))
    assert "not a plain number" in state_of(root).problem
    call(root, "keep")
    call(root, "choose_plan", "reliability/GOLD")
    assert "no plan" in state_of(root).problem
    call(root, "work_out", {"title": "Without a plan"})
    assert kept(tenant_id) == []


def test_it_is_started_for_a_site_and_withdrawn(tenant_id: str) -> None:
    root = drafting(tenant_id)
    call(root, "work_out", typed(root))
    call(root, "keep")
    (row,) = state_of(root).view.rows
    call(root, "ask_start", row.id)
    call(root, "start", {})
    assert "is live already" in state_of(root).problem
    call(root, "start", {"site": "plant-2", "interval": "year"})
    (row,) = state_of(root).view.rows
    assert (state_of(root).starting, row.used_by) == ("", "plant-2")
    with reading() as session:
        started = list_subscriptions(session, tenant_id=tenant_id)[1]
        assert (started.site, started.interval, started.collection) == ("plant-2", "year", "manual")
    call(root, "withdraw", row.id)
    (row,) = state_of(root).view.rows
    assert (row.state, row.can_start, row.is_open) == ("withdrawn", False, False)


def test_a_subscription_is_moved_once_what_it_comes_to_was_said(tenant_id: str) -> None:
    root = drafting(tenant_id)
    call(root, "work_out", typed(root, base_price="5000.00"))
    call(root, "keep")
    (row,) = state_of(root).view.rows
    ((main, name),) = state_of(root).view.live
    call(root, "ask_start", row.id)
    call(root, "ask_move", {"subscription_id": "sub_none", "when": ""})
    assert state_of(root).problem == "There is no such subscription."
    call(root, "ask_move", {"subscription_id": main, "when": "now"})
    assert "can take effect as that ends" in state_of(root).problem
    call(root, "ask_move", {"subscription_id": main, "when": ""})
    move = state_of(root).move
    assert (name, move.when) == ("Main", "period_end")
    assert move.title.startswith("Main moves from Pro, $9,000.00 a month to Enterprise, $5,000.00 a month on ")
    call(root, "confirm_move")
    with reading() as session:
        (change,) = list_changes(session, tenant_id=tenant_id, subscription_id=main)
        assert change.plan_version_id == list_contracts(session, tenant_id=tenant_id)[0].plan_version_id
    assert state_of(root).starting == ""


def test_no_customer_sees_or_drafts_a_contract(tenant_id: str) -> None:
    root = signed_in(tenant_id, tenant_id)
    call(root, "load")
    call(root, "choose_plan", "reliability/PRO")
    call(root, "keep")
    state = state_of(root)
    assert (state.view.tenant_id, state.form.plan_code, kept(tenant_id)) == ("", "", [])
    assert state.refusal == "Only operators can see this page."


def test_a_customer_looks_at_one_subscription_at_a_time(tenant_id: str) -> None:
    root = signed_in(tenant_id)
    call(root, "load", page=OverviewPage)
    assert state_of(root, OverviewPage).shell.subscriptions == ()
    with transaction() as session:
        team = create_subscription(session, tenant_id=tenant_id, plan_code="STARTER", name="Team", at=AT).id
    call(root, "load", page=OverviewPage)
    shown = state_of(root, OverviewPage)
    assert ([each.label for each in shown.shell.subscriptions], shown.view.plan_name) == (
        ["Main · Pro", "Team · Starter"], "Pro"
    )  # fmt: skip
    call(root, "choose", team, page=SubscriptionPicker)
    call(root, "load", page=OverviewPage)
    shown = state_of(root, OverviewPage)
    assert (shown.view.plan_name, shown.shell.subscription_id) == ("Starter", team)
    call(root, "choose", "sub_none", page=SubscriptionPicker)
    call(root, "load", page=OverviewPage)
    assert state_of(root, OverviewPage).view.plan_name == "Starter"
