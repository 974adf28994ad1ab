"""What is offered to one customer apart from the book: its contracts, and today's terms of the plan it is on."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlmodel import Session

from models import Collection, Contract, Interval
from services.closing.close import close_period
from services.contracts.agreements import Paper, draft_contract, subscriptions_on, withdraw_contract
from services.contracts.terms import read_terms
from services.errors import Conflict, NotFound, Unprocessable
from services.identity import create_tenant
from services.invoices.finding import list_invoices
from services.price_books.books import load_book, load_shipped_books, plan_in_force
from services.price_books.files import read_book
from services.settings import CATALOGS
from services.subscriptions.change_views import ask_change, make_change
from services.subscriptions.finding import plan_of, read_subscription
from services.subscriptions.offered_terms import TODAY
from services.subscriptions.own_offers import CONTRACTS_SHOWN, OwnOffer, read_own_offers
from services.subscriptions.plan_starts import preview_start, start_asked
from services.wording import amount
from tests.given import NOON, Customer, assert_books_agree, customer
from tests.services.subscriptions.test_plan_changes import DECEMBER
from tests.services.subscriptions.test_plan_offers import replace_price

SOON = NOON + timedelta(minutes=5)


@pytest.fixture
def newcomer(session: Session) -> str:
    load_shipped_books(session, at=NOON)
    return create_tenant(session, name="New", currency="CAD", timezone="America/Toronto", at=NOON).id


def agreed(session: Session, tenant_id: str, base_price: str = "12000.00", **terms: Any) -> Contract:
    return draft_contract(
        session,
        tenant_id=tenant_id,
        plan_code="ENTERPRISE",
        terms=read_terms({"base_price": base_price} | terms),
        paper=Paper(title="Frame agreement", valid_from=date(2026, 11, 1), valid_until=date(2026, 12, 1)),
        by="usr_1",
        at=NOON,
    )


def dearer_book(session: Session, price: str = "9500") -> None:
    book = read_book(CATALOGS / "reliability.toml")
    plans = [replace_price(plan, price) if plan.code == "PRO" else plan for plan in book.plans]
    load_book(session, book=book.model_copy(update={"plans": plans}), at=NOON)


def only_offer(session: Session, tenant_id: str) -> OwnOffer:
    (offer,) = read_own_offers(session, tenant_id=tenant_id, at=NOON)
    return offer


def test_a_customer_without_a_plan_starts_its_contract_as_it_was_shown(session: Session, newcomer: str) -> None:
    contract = agreed(session, newcomer)
    offer = only_offer(session, newcomer)
    assert (offer.title, offer.price, offer.can_start, offer.change.words) == (
        "Frame agreement",
        "$12,000.00",
        True,
        "",
    )
    assert offer.detail.endswith("can be taken up until 30 Nov 2026")
    shown = preview_start(
        session, tenant_id=newcomer, plan_code=offer.plan_code, terms=offer.terms, interval="month", at=NOON,
        by_card=True,
    )  # fmt: skip
    assert (shown.today, shown.is_by_card) == ("$12,000.00", False)
    start_asked(session, tenant_id=newcomer, asked=shown, by_card=True, at=SOON)
    assert len(subscriptions_on(session, contract=contract)) == 1
    (invoice,) = list_invoices(session, tenant_id=newcomer)
    assert amount(invoice.total_minor, invoice.currency) == shown.today
    assert read_own_offers(session, tenant_id=newcomer, at=SOON) == ()
    assert_books_agree(session, newcomer)


def test_a_trial_that_was_agreed_is_given(session: Session, newcomer: str) -> None:
    agreed(session, newcomer, trial_days=30)
    offer = only_offer(session, newcomer)
    shown = preview_start(
        session, tenant_id=newcomer, plan_code=offer.plan_code, terms=offer.terms, interval="month", at=NOON
    )
    assert shown.today == "$0.00"
    start_asked(session, tenant_id=newcomer, asked=shown, at=NOON)
    assert (read_subscription(session, tenant_id=newcomer).status, list_invoices(session, tenant_id=newcomer)) == (
        "trialing",
        [],
    )


def test_who_has_a_plan_moves_to_its_contract_by_what_was_shown(session: Session) -> None:
    acme = customer(session)
    contract = agreed(session, acme.tenant_id)
    step = only_offer(session, acme.tenant_id).change
    assert (step.words, step.terms) == ("Upgrade now", contract.id)
    question = ask_change(
        session, tenant_id=acme.tenant_id, plan_code=step.plan_code, interval=step.interval, terms=step.terms, at=NOON
    )
    assert question.title == "Move Pro to your contract “Frame agreement”?"
    make_change(session, tenant_id=acme.tenant_id, asked=question, by="usr_1", at=SOON)
    assert [each.id for each in subscriptions_on(session, contract=contract)] == [acme.subscription_id]
    bill = close_period(session, tenant_id=acme.tenant_id, at=DECEMBER)
    assert amount(bill.total_minor, bill.currency) == question.next_invoice


def test_only_the_newest_of_many_contracts_are_shown(session: Session, newcomer: str) -> None:
    made = [agreed(session, newcomer, f"{12_000 + number}.00").id for number in range(CONTRACTS_SHOWN + 2)]
    shown = [offer.terms for offer in read_own_offers(session, tenant_id=newcomer, at=NOON)]
    assert len(shown) == CONTRACTS_SHOWN
    assert set(shown) <= set(made)


def test_what_is_over_withdrawn_or_anothers_is_not_offered_and_not_taken_up(session: Session) -> None:
    acme, other = customer(session), customer(session, name="Other")
    contract = agreed(session, acme.tenant_id)
    wanted = {"plan_code": "ENTERPRISE", "interval": "month", "terms": contract.id}
    with pytest.raises(NotFound):
        ask_change(session, tenant_id=other.tenant_id, **wanted, at=NOON)
    question = ask_change(session, tenant_id=acme.tenant_id, **wanted, at=NOON)
    withdraw_contract(session, tenant_id=acme.tenant_id, contract_id=contract.id, at=NOON)
    assert read_own_offers(session, tenant_id=acme.tenant_id, at=NOON) == ()
    with pytest.raises(Conflict, match="was withdrawn"):
        make_change(session, tenant_id=acme.tenant_id, asked=question, by="usr_1", at=SOON)
    cheaper = agreed(session, acme.tenant_id, "5000.00")
    with pytest.raises(Conflict, match="could be taken up until"):  # it would take effect as the period ends
        ask_change(session, tenant_id=acme.tenant_id, **wanted | {"terms": cheaper.id}, at=NOON)
    assert read_own_offers(session, tenant_id=acme.tenant_id, at=DECEMBER) == ()


def test_who_has_older_terms_is_offered_todays_and_moves_by_what_was_shown(session: Session) -> None:
    acme = customer(session)
    assert read_own_offers(session, tenant_id=acme.tenant_id, at=NOON) == ()
    dearer_book(session)
    offer = only_offer(session, acme.tenant_id)
    assert (offer.title, offer.price, offer.is_contract) == ("Pro on today's terms", "$9,500.00", False)
    step = offer.change
    question = ask_change(
        session, tenant_id=acme.tenant_id, plan_code=step.plan_code, interval=step.interval, terms=step.terms, at=NOON
    )
    assert (question.title, question.price) == ("Move Pro to today's terms?", "$9,500.00 a month")
    make_change(session, tenant_id=acme.tenant_id, asked=question, by="usr_1", at=SOON)
    on = plan_of(session, read_subscription(session, tenant_id=acme.tenant_id))
    assert on.version_id == plan_in_force(session, plan_code="PRO").version_id
    assert read_own_offers(session, tenant_id=acme.tenant_id, at=SOON) == ()
    bill = close_period(session, tenant_id=acme.tenant_id, at=DECEMBER)
    assert amount(bill.total_minor, bill.currency) == question.next_invoice


def test_terms_that_change_while_they_are_looked_at_are_not_taken(session: Session) -> None:
    acme = customer(session)
    dearer_book(session)
    wanted = {"plan_code": "PRO", "interval": "month", "terms": TODAY}
    question = ask_change(session, tenant_id=acme.tenant_id, **wanted, at=NOON)
    dearer_book(session, "9900")
    with pytest.raises(Conflict, match="have changed since you looked"):
        make_change(session, tenant_id=acme.tenant_id, asked=question, by="usr_1", at=SOON)


def test_a_cheaper_price_of_today_waits_for_the_end_and_says_so(session: Session) -> None:
    acme = customer(session)
    dearer_book(session, "8000")
    step = only_offer(session, acme.tenant_id).change
    assert step.words == "Switch as the period ends"
    question = ask_change(
        session, tenant_id=acme.tenant_id, plan_code=step.plan_code, interval=step.interval, terms=step.terms, at=NOON
    )
    make_change(session, tenant_id=acme.tenant_id, asked=question, by="usr_1", at=SOON)
    assert only_offer(session, acme.tenant_id).change.coming.startswith("Scheduled")


def test_who_is_on_a_contract_is_not_offered_the_list(session: Session) -> None:
    acme: Customer = customer(session)
    contract = agreed(session, acme.tenant_id)
    question = ask_change(
        session, tenant_id=acme.tenant_id, plan_code="ENTERPRISE", interval="month", terms=contract.id, at=NOON
    )
    make_change(session, tenant_id=acme.tenant_id, asked=question, by="usr_1", at=NOON)
    assert read_own_offers(session, tenant_id=acme.tenant_id, at=NOON) == ()
    with pytest.raises(Unprocessable, match="agreed with you by contract"):
        ask_change(
            session,
            tenant_id=acme.tenant_id,
            plan_code="reliability/ENTERPRISE",
            interval="month",
            terms=TODAY,
            at=NOON,
        )


def test_what_is_paid_by_card_stays_so_on_todays_terms(session: Session) -> None:
    acme = customer(session)
    subscription = read_subscription(session, tenant_id=acme.tenant_id)
    subscription.collection = Collection.AUTOMATIC
    session.add(subscription)
    dearer_book(session)
    step = only_offer(session, acme.tenant_id).change
    assert (step.words, step.interval) == ("Switch now", Interval.MONTH)
