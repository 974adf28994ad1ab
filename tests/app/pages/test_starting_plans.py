"""Starting another subscription and taking up a contract in the portal: who may, and for whom it is done."""

from datetime import timedelta
from typing import Any

import pytest

from app.pages.plan_change import PlanChange
from app.pages.plan_start import PlanStart
from app.pages.plans import PlansPage
from models import Contract, Role
from services.contracts.agreements import Paper, draft_contract
from services.contracts.terms import read_terms
from services.database import reading, transaction
from services.identity import create_user
from services.sign_in import choose_tenant, open_session
from services.subscriptions.finding import list_subscriptions
from tests.app.pages.test_payment_pages import checkouts_of, provider
from tests.app.pages.test_state_handlers import connected
from tests.app.pages.test_subscription_pages import AT, call, new_tenant, shown, signed_in, tenant_id

__all__ = ["provider", "tenant_id"]
STARTER = {"plan": "reliability/STARTER"}


def opened(tenant: str, role: Role = Role.OWNER) -> Any:
    root = signed_in(tenant, role)
    for state in (PlansPage, PlanStart):
        call(root, state, "load")
    return root


def running(tenant: str) -> list[tuple[str, str | None]]:
    with reading() as session:
        return [(each.name, each.site) for each in list_subscriptions(session, tenant_id=tenant)]


def agreed(tenant: str) -> Contract:
    with transaction() as session:
        return draft_contract(
            session,
            tenant_id=tenant,
            plan_code="ENTERPRISE",
            terms=read_terms({"base_price": "12000.00"}),
            paper=Paper(title="Frame agreement", valid_from=(AT - timedelta(days=2)).date()),
            by="usr_1",
            at=AT,
        )


@pytest.mark.parametrize("role", [Role.BILLING_ADMIN, Role.OWNER])
def test_who_answers_for_the_bills_adds_a_subscription_for_a_site(tenant_id: str, role: Role) -> None:
    root = opened(tenant_id, role)
    page = shown(root, PlanStart)
    call(root, PlanStart, "add")
    call(root, PlanStart, "ask_added", STARTER)
    assert "Give the subscription a name" in page.form_refusal
    call(root, PlanStart, "ask_added", STARTER | {"site": "plant-2"})
    assert (page.asked.title, page.form_refusal) == ("Start Starter for plant-2?", "")
    call(root, PlanStart, "ask", page.asked.plan_code, "year", page.asked.terms, page.asked.name, page.asked.site)
    assert (page.asked.interval, page.asked.site) == ("year", "plant-2")
    assert running(tenant_id) == [("", None)]
    call(root, PlanStart, "start")
    assert running(tenant_id) == [("", None), ("plant-2", "plant-2")]
    assert (page.asked.version_id, page.form.plans) == ("", ())
    call(root, PlanStart, "start")
    assert len(running(tenant_id)) == 2
    call(root, PlansPage, "load")
    assert [offer.code for offer in shown(root, PlansPage).view.offers if offer.is_current] == ["STARTER"]


def test_a_name_that_is_taken_is_said_in_the_form(tenant_id: str) -> None:
    root = opened(tenant_id)
    for _ in range(2):
        call(root, PlanStart, "load")
        call(root, PlanStart, "add")
        call(root, PlanStart, "ask_added", STARTER | {"name": "Team A"})
        call(root, PlanStart, "start")
    assert "is live already" in shown(root, PlanStart).form_refusal
    assert running(tenant_id) == [("", None), ("Team A", None)]


def test_a_viewer_adds_nothing_and_takes_up_nothing(tenant_id: str) -> None:
    contract = agreed(tenant_id)
    root = opened(tenant_id, Role.VIEWER)
    assert [offer.title for offer in shown(root, PlansPage).own_offers] == ["Frame agreement"]
    for state, name, arguments in (
        (PlanStart, "add", ()),
        (PlanStart, "ask_added", (STARTER | {"name": "Team A"},)),
        (PlanStart, "ask", ("ENTERPRISE", "month", contract.id, "Team A", "")),
        (PlanStart, "start", ()),
        (PlanChange, "ask", ("ENTERPRISE", "month", "", contract.id)),
    ):
        call(root, state, name, *arguments)
        assert "billing admin" in shown(root, state).refusal
    assert running(tenant_id) == [("", None)]


def test_an_owner_moves_to_the_contract_that_was_agreed(tenant_id: str) -> None:
    agreed(tenant_id)
    root = opened(tenant_id)
    (offer,) = shown(root, PlansPage).own_offers
    call(root, PlanChange, "ask", offer.change.plan_code, offer.change.interval, "", offer.change.terms)
    page = shown(root, PlanChange)
    assert page.asked.title == "Move Pro to your contract “Frame agreement”?"
    call(root, PlanChange, "confirm")
    assert page.done.startswith("You are on Enterprise now.")
    call(root, PlansPage, "load")
    assert shown(root, PlansPage).own_offers == ()


@pytest.mark.parametrize("terms", ["ctr_unknown", "x" * 5_000, "today; drop"])
def test_terms_nobody_agreed_are_refused_in_place(tenant_id: str, terms: str) -> None:
    root = opened(tenant_id)
    call(root, PlanStart, "ask", "PRO", "month", terms, "Team A", "")
    assert shown(root, PlanStart).asked_refusal == "There is no such contract."
    call(root, PlanChange, "ask", "PRO", "month", "", terms)
    assert shown(root, PlanChange).asked_refusal == "There is no such contract."


def test_a_form_is_never_carried_over_to_another_customer(tenant_id: str) -> None:
    with transaction() as session:
        other = new_tenant(session, "Other")
        user = create_user(session, email="us@tallystick.example", is_operator=True, at=AT)
        cookie = open_session(session, user_id=user.id, at=AT).cookie
        choose_tenant(session, cookie_token=cookie, tenant_id=tenant_id, at=AT)
    root = connected(cookie)
    call(root, PlanStart, "load")
    call(root, PlanStart, "add")
    call(root, PlanStart, "ask_added", STARTER | {"name": "Team A"})
    assert shown(root, PlanStart).asked.name == "Team A"
    with transaction() as session:
        choose_tenant(session, cookie_token=cookie, tenant_id=other, at=AT)
    call(root, PlanStart, "start")
    call(root, PlanStart, "ask_added", STARTER | {"name": "Team A"})
    assert (running(tenant_id), running(other)) == ([("", None)], [("", None)])


def test_a_new_customers_second_plan_is_paid_as_its_first(tenant_id: str, provider: list[dict[str, Any]]) -> None:
    root = opened(tenant_id)
    call(root, PlanStart, "add")
    call(root, PlanStart, "ask_added", STARTER | {"name": "Team A"})
    assert not shown(root, PlanStart).is_paid_by_card
    call(root, PlanStart, "pay")
    assert (provider, checkouts_of(tenant_id)) == ([], [])
