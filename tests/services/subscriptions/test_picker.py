"""Which subscription the pages are about: kept with the browser's session, held to the customer's own."""

from datetime import timedelta

import pytest
from sqlmodel import Session

from models import Role
from services.errors import NotFound
from services.identity import create_user
from services.invoices.detail_views import read_invoice_detail
from services.invoices.views import read_invoice_list
from services.overview import read_overview
from services.sign_in import choose_subscription, choose_tenant, open_session, read_member
from services.spending.views import read_spending
from services.subscriptions.ends import end_subscription
from services.subscriptions.picker import list_choices
from services.subscriptions.plan_offers import read_offers
from services.subscriptions.starting import create_subscription
from services.usage.event_views import read_events
from services.usage.views import read_usage
from tests.given import FIRST_OF_NOVEMBER, NOON, Customer, customer, event, metered

LATER = NOON + timedelta(minutes=1)


@pytest.fixture
def one(session: Session) -> Customer:
    return customer(session)


def another(session: Session, one: Customer, name: str = "Plant 2", site: str | None = "plant-2") -> str:
    return create_subscription(
        session,
        tenant_id=one.tenant_id,
        plan_code="STARTER",
        start_date=FIRST_OF_NOVEMBER,
        name=name,
        site=site,
        at=NOON,
    ).id


def cookie_of(session: Session, tenant_id: str, email: str = "owner@acme.example") -> str:
    made = create_user(session, email=email, tenant_id=tenant_id, role=Role.OWNER, at=NOON)
    return open_session(session, user_id=made.id, at=NOON).cookie


def test_with_one_subscription_there_is_nothing_to_choose(session: Session, one: Customer) -> None:
    assert list_choices(session, tenant_id=one.tenant_id) == ()
    member = read_member(session, cookie_token=cookie_of(session, one.tenant_id), at=LATER)
    assert member.subscription_id == one.subscription_id


def test_the_main_one_is_shown_until_another_is_chosen(session: Session, one: Customer) -> None:
    plant, cookie = another(session, one), cookie_of(session, one.tenant_id)
    labels = [choice.label for choice in list_choices(session, tenant_id=one.tenant_id)]
    assert labels == ["Main · Pro", "Plant 2 (plant-2) · Starter"]
    assert read_member(session, cookie_token=cookie, at=LATER).subscription_id == one.subscription_id
    chosen = choose_subscription(session, cookie_token=cookie, subscription_id=plant, at=LATER)
    assert chosen.subscription_id == plant
    assert read_member(session, cookie_token=cookie, at=LATER).subscription_id == plant
    other_browser = open_session(session, user_id=chosen.user_id, at=NOON).cookie
    assert read_member(session, cookie_token=other_browser, at=LATER).subscription_id == one.subscription_id


def test_nobody_elses_subscription_can_be_chosen(session: Session, one: Customer) -> None:
    cookie = cookie_of(session, one.tenant_id)
    theirs = customer(session, name="Other").subscription_id
    for wrong in (theirs, "sub_none", "", "\x00"):
        with pytest.raises(NotFound):
            choose_subscription(session, cookie_token=cookie, subscription_id=wrong, at=LATER)
    assert read_member(session, cookie_token=cookie, at=LATER).subscription_id == one.subscription_id


def test_an_operator_who_looks_at_another_customer_sees_that_ones_main_subscription(
    session: Session, one: Customer
) -> None:
    plant, other = another(session, one), customer(session, name="Other")
    operator = create_user(session, email="ops@us.example", is_operator=True, at=NOON)
    cookie = open_session(session, user_id=operator.id, at=NOON).cookie
    choose_tenant(session, cookie_token=cookie, tenant_id=one.tenant_id, at=LATER)
    choose_subscription(session, cookie_token=cookie, subscription_id=plant, at=LATER)
    moved = choose_tenant(session, cookie_token=cookie, tenant_id=other.tenant_id, at=LATER)
    assert moved.subscription_id == other.subscription_id


def test_each_page_speaks_of_the_chosen_one(session: Session, one: Customer) -> None:
    plant = another(session, one)
    metered(session, one.tenant_id, event("10", site="plant-2"), event("20"), event("30"))
    asked = {"tenant_id": one.tenant_id, "subscription_id": plant}
    assert (read_overview(session, **asked, at=NOON).plan_name, read_usage(session, **asked, at=NOON).plan_name) == (
        "Starter", "Starter"
    )  # fmt: skip
    assert read_usage(session, **asked, at=NOON).total_events == "1"
    assert read_events(session, **asked).shown == "1 of 1"
    assert read_events(session, tenant_id=one.tenant_id).shown == "3 of 3"
    assert [offer.code for offer in read_offers(session, **asked, at=NOON).offers if offer.is_current] == ["STARTER"]
    assert read_spending(session, **asked).has_subscription


def test_each_invoice_says_which_subscription_it_is_for_where_there_are_several(
    session: Session, one: Customer
) -> None:
    assert [row.subscription for row in read_invoice_list(session, tenant_id=one.tenant_id, at=NOON).rows] == [""]
    plant = another(session, one)
    listed = read_invoice_list(session, tenant_id=one.tenant_id, subscription_id=plant, at=NOON)
    assert [row.subscription for row in listed.rows] == ["Plant 2 (plant-2)", "Main"]
    assert listed.preview.total == "$4,000.00"
    detail = read_invoice_detail(session, tenant_id=one.tenant_id, invoice_id=listed.rows[0].id, at=NOON)
    assert ("Subscription", "Plant 2 (plant-2)") in [(fact.name, fact.value) for fact in detail.facts]


def test_one_that_has_ended_is_listed_last_and_says_so(session: Session, one: Customer) -> None:
    plant = another(session, one)
    end_subscription(session, tenant_id=one.tenant_id, subscription_id=one.subscription_id, ended_at=NOON, at=NOON)
    choices = list_choices(session, tenant_id=one.tenant_id)
    assert [choice.id for choice in choices] == [plant, one.subscription_id]
    assert choices[1].label == "Main · Pro, ended 2026-11-20"
