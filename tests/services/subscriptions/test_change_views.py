"""A change of plan as a question and an answer, and the buttons that lead to it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import Session

from models import Collection
from services.closing.close import close_period
from services.errors import Conflict, Unprocessable
from services.price_books.books import load_book
from services.price_books.files import read_book
from services.settings import CATALOGS
from services.subscriptions.change_preview import When
from services.subscriptions.change_views import ChangeQuestion, ask_change, make_change
from services.subscriptions.finding import read_subscription
from services.subscriptions.lifecycle import pause_subscription
from services.subscriptions.plan_offers import OffersView, read_offers
from services.subscriptions.scheduled_changes import waiting_change
from services.wording import amount
from tests.given import NOON, Customer, assert_books_agree, customer, event, metered
from tests.services.subscriptions.test_plan_changes import DECEMBER
from tests.services.subscriptions.test_plan_offers import replace_price

SOON = NOON + timedelta(minutes=5)


def asked(session: Session, acme: Customer, plan_code: str, interval: str = "month", when: str = "") -> ChangeQuestion:
    return ask_change(session, tenant_id=acme.tenant_id, plan_code=plan_code, interval=interval, when=when, at=NOON)


def made(session: Session, acme: Customer, question: ChangeQuestion, minutes: int = 5) -> str:
    at = NOON + timedelta(minutes=minutes)
    return make_change(session, tenant_id=acme.tenant_id, asked=question, by="usr_1", at=at)


def offers(session: Session, acme: Customer) -> OffersView:
    return read_offers(session, tenant_id=acme.tenant_id, at=NOON)


def steps(session: Session, acme: Customer) -> list[tuple[str, str]]:
    return [(offer.change.words, offer.change.coming) for offer in offers(session, acme).offers]


def billed(session: Session, acme: Customer) -> str:
    invoice = close_period(session, tenant_id=acme.tenant_id, at=DECEMBER)
    return amount(invoice.total_minor, invoice.currency)


def test_each_plan_says_what_its_button_does(session: Session) -> None:
    acme = customer(session)
    assert steps(session, acme) == [
        ("Switch as the period ends", ""), ("Pay by the year", ""), ("Upgrade now", ""),
    ]  # fmt: skip
    view = offers(session, acme)
    assert [(each.change.plan_code, each.change.interval) for each in view.offers[1:]] == [
        ("reliability/PRO", "year"), ("reliability/ENTERPRISE", "month"),
    ]  # fmt: skip
    assert view.refused == ""


def test_an_upgrade_shows_what_it_comes_to_and_the_bill_says_the_same(session: Session) -> None:
    acme = customer(session)
    metered(session, acme.tenant_id, event("1010", event_type="simulator_run"))
    question = asked(session, acme, "ENTERPRISE")
    assert (question.title, question.takes_effect, question.confirm, question.may_be_now) == (
        "Change from Pro to Enterprise?", "As soon as you confirm", "Upgrade now", True,
    )  # fmt: skip
    assert [line.description for line in question.lines] == [
        "Unused part of Pro, monthly base fee", "Rest of the term of Enterprise, monthly base fee",
    ]  # fmt: skip
    assert question.lines[0].days == "20 Nov 2026, 07:00 – 1 Dec 2026, 00:00"
    assert question.allowances[0].endswith(" credits more until the period ends")
    assert (question.price, question.next_invoice_on) == ("$18,000.00 a month", "1 Dec 2026")
    answer = made(session, acme, question)
    assert answer == f"You are on Enterprise now. {question.total} goes on your next invoice."
    assert billed(session, acme) == question.next_invoice
    assert_books_agree(session, acme.tenant_id)


def test_a_downgrade_waits_and_says_until_when(session: Session) -> None:
    acme = customer(session)
    question = asked(session, acme, "STARTER")
    assert (question.takes_effect, question.confirm, question.lines, question.may_be_now) == (
        "On 1 Dec 2026, as the period ends", "Switch as the period ends", (), False,
    )  # fmt: skip
    assert made(session, acme, question) == "Starter, paid by the month, from 1 Dec 2026 on."
    assert steps(session, acme)[0] == ("", "Scheduled: by the month from 1 Dec 2026 on")
    assert asked(session, acme, "ENTERPRISE").instead_of != ""
    assert billed(session, acme) == question.next_invoice == "$4,000.00"


def test_a_dearer_plan_can_wait_too(session: Session) -> None:
    acme = customer(session)
    question = asked(session, acme, "ENTERPRISE", when="period_end")
    assert (question.may_be_now, question.next_invoice, question.total) == (True, "$18,000.00", "$0.00")
    made(session, acme, question)
    assert waiting_change(session, subscription=read_subscription(session, tenant_id=acme.tenant_id)) is not None
    assert billed(session, acme) == "$18,000.00"


def test_a_year_is_charged_as_shown_and_a_month_waits_for_its_end(session: Session) -> None:
    acme = customer(session)
    question = asked(session, acme, "PRO", interval="year")
    assert (question.title, question.price) == ("Pay for Pro by the year?", "$86,400.00 a year")
    made(session, acme, question)
    back = ask_change(session, tenant_id=acme.tenant_id, plan_code="PRO", interval="month", at=SOON)
    assert (back.takes_effect, back.confirm) == (
        "On 1 Nov 2027, as the paid year ends", "Pay by the month as the paid year ends",
    )  # fmt: skip
    assert back.next_invoice == question.next_invoice == billed(session, acme)


def test_only_what_was_shown_is_made(session: Session) -> None:
    acme = customer(session)
    question = asked(session, acme, "ENTERPRISE")
    with pytest.raises(Conflict, match="terms of this plan have changed"):
        made(session, acme, replace(question, version_id="sha256:other"))
    with pytest.raises(Conflict, match="Something changed since"), session.begin_nested():
        made(session, acme, replace(question, total="$1.00"))
    with pytest.raises(Unprocessable, match="too old"):
        made(session, acme, question, minutes=16)
    later = asked(session, acme, "STARTER")
    with pytest.raises(Conflict, match="Something changed since"), session.begin_nested():
        made(session, acme, replace(later, effective_at="2027-01-01T05:00:00+00:00"))


@pytest.mark.parametrize(("interval", "when"), [("week", ""), ("month", "sometime"), ("month", "now")])
def test_what_cannot_be_asked_is_refused(session: Session, interval: str, when: str) -> None:
    acme = customer(session)
    with pytest.raises(Unprocessable):
        asked(session, acme, "STARTER", interval=interval, when=when)


def test_a_subscription_paid_by_card_is_changed_like_others(session: Session) -> None:
    acme = customer(session)
    subscription = read_subscription(session, tenant_id=acme.tenant_id)
    subscription.collection = Collection.AUTOMATIC
    session.add(subscription)
    session.flush()
    assert offers(session, acme).refused == ""
    assert steps(session, acme) == [("Switch as the period ends", ""), ("Pay by the year", ""), ("Upgrade now", "")]


def test_a_paused_subscription_says_that_it_has_to_run(session: Session) -> None:
    acme = customer(session)
    pause_subscription(
        session, tenant_id=acme.tenant_id, subscription_id=acme.subscription_id, when=When.NOW, by="usr_1", at=NOON
    )
    assert "once it runs again" in offers(session, acme).refused


def test_a_customer_keeps_its_terms_where_it_only_pays_otherwise(session: Session) -> None:
    acme = customer(session)
    book = read_book(CATALOGS / "reliability.toml")
    dearer = [replace_price(plan, "9500") if plan.code == "PRO" else plan for plan in book.plans]
    load_book(session, book=book.model_copy(update={"plans": dearer}), at=NOON)
    step = offers(session, acme).offers[1].change
    assert step.words == "Pay by the year"
    question = asked(session, acme, step.plan_code, interval=step.interval)
    assert question.price == "$86,400.00 a year"
    made(session, acme, question)
    assert billed(session, acme) == question.next_invoice
