"""The customer's subscription in words, and the questions before it is ended, rested or started again."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlmodel import Session

from models import Collection, SubscriptionStatus
from services.errors import Conflict, Unprocessable
from services.identity import create_tenant
from services.overview import read_overview
from services.subscriptions.change_views import ask_change, make_change
from services.subscriptions.finding import list_subscriptions, read_subscription
from services.subscriptions.questions import ActQuestion, ask_act, carry_out
from services.subscriptions.scheduled_changes import withdraw_change
from services.subscriptions.starting import create_subscription
from services.subscriptions.views import NO_CARD, SubscriptionCard, read_card
from tests.given import NOON, Customer, customer
from tests.services.subscriptions.test_plan_changes import DECEMBER


def card(session: Session, acme: Customer, at: datetime = NOON, subscription_id: str | None = None) -> SubscriptionCard:
    return read_card(session, tenant_id=acme.tenant_id, subscription_id=subscription_id, at=at)


def may(shown: SubscriptionCard) -> set[str]:
    names = ("withdraw", "cancel", "pause", "resume", "start_again")
    return {name for name in names if getattr(shown, f"may_{name}")}


def asked(session: Session, acme: Customer, act: str, when: str = "period_end", at: datetime = NOON) -> ActQuestion:
    return ask_act(session, tenant_id=acme.tenant_id, subscription_id=acme.subscription_id, act=act, when=when, at=at)


def done(session: Session, acme: Customer, act: str, when: str = "period_end", at: datetime = NOON) -> str:
    question = asked(session, acme, act, when, at)
    return carry_out(session, tenant_id=acme.tenant_id, asked=question, by="usr_1", at=at)


def test_a_subscription_that_runs(session: Session) -> None:
    acme = customer(session)
    shown = card(session, acme)
    assert (shown.title, shown.status_word, shown.scheduled, shown.refused) == ("Pro", "Active", "", "")
    assert {fact.name: fact.value for fact in shown.facts} == {
        "Base fee": "$9,000.00 a month",
        "Paid": "By transfer, on invoices",
        "Running period": "1 Nov – 30 Nov 2026",
    }
    assert may(shown) == {"cancel", "pause"}


def test_a_cancellation_waits_and_can_be_withdrawn(session: Session) -> None:
    acme = customer(session)
    question = asked(session, acme, "cancel")
    assert (question.confirm, question.has_choice) == ("Cancel as the period ends", True)
    assert question.words[0] == "Pro runs until 1 Dec 2026 and ends then; until that day you can take it back."
    assert done(session, acme, "cancel") == "Pro ends on 1 Dec 2026."
    shown = card(session, acme)
    assert shown.scheduled.startswith("Pro ends on 1 Dec 2026.")
    assert may(shown) == {"withdraw"}
    withdraw_change(session, tenant_id=acme.tenant_id, subscription_id=acme.subscription_id, at=NOON)
    assert may(card(session, acme)) == {"cancel", "pause"}


def test_an_end_now_and_a_new_start(session: Session) -> None:
    acme = customer(session)
    assert asked(session, acme, "cancel", "now").confirm == "End it now"
    assert done(session, acme, "cancel", "now") == "Pro has ended."
    ended = card(session, acme)
    assert (ended.status_word, may(ended)) == ("Ended", {"start_again"})
    again = asked(session, acme, "start_again", at=DECEMBER)
    assert "$9,000.00 a month" in again.words[0]
    assert done(session, acme, "start_again", at=DECEMBER) == "Pro has started again."
    assert card(session, acme, at=DECEMBER).status_word == "Active"
    old = card(session, acme, at=DECEMBER, subscription_id=acme.subscription_id)
    assert may(old) == set()


def test_a_pause_now_and_back(session: Session) -> None:
    acme = customer(session)
    done(session, acme, "pause", "now")
    shown = card(session, acme)
    assert (shown.status_word, may(shown)) == ("Paused", {"cancel", "resume"})
    assert done(session, acme, "resume") == "Pro runs again."
    assert may(card(session, acme)) == {"cancel", "pause"}


def test_a_pause_as_the_period_ends_is_said_beforehand(session: Session) -> None:
    acme = customer(session)
    words, billed, _ = asked(session, acme, "pause").words
    assert "is invoiced on 1 Dec" in billed
    assert words.startswith("Pro runs until 1 Dec 2026 and rests from then on: use is refused")
    done(session, acme, "pause")
    shown = card(session, acme)
    assert shown.scheduled.startswith("Pro pauses on 1 Dec 2026.")
    assert may(shown) == {"withdraw", "cancel"}
    assert "takes the place" in asked(session, acme, "cancel").words[-1]


def test_one_that_has_been_paused_for_longer_than_its_period_can_be_ended(session: Session) -> None:
    acme = customer(session)
    done(session, acme, "pause", "now")
    later = DECEMBER + timedelta(days=40)
    assert may(card(session, acme, at=later)) == {"cancel", "resume"}
    done(session, acme, "cancel", "now", at=later)
    subscription = read_subscription(session, tenant_id=acme.tenant_id, subscription_id=acme.subscription_id)
    assert subscription.status == SubscriptionStatus.CANCELED


def test_a_scheduled_plan_is_named_with_its_price(session: Session) -> None:
    acme = customer(session)
    question = ask_change(session, tenant_id=acme.tenant_id, plan_code="STARTER", interval="month", at=NOON)
    make_change(session, tenant_id=acme.tenant_id, asked=question, by="usr_1", at=NOON)
    shown = card(session, acme)
    assert shown.scheduled == "From 1 Dec 2026 on: Starter, $4,000.00 a month."
    assert may(shown) == {"withdraw", "cancel", "pause"}


def test_only_what_was_shown_is_done(session: Session) -> None:
    acme = customer(session)
    question = asked(session, acme, "cancel")
    with pytest.raises(Conflict, match="Something changed since"):
        carry_out(
            session, tenant_id=acme.tenant_id, asked=replace(question, agreed="2027-01-01T05:00:00+00:00"), by="usr_1",
            at=NOON,
        )  # fmt: skip
    ends = asked(session, acme, "cancel", "now")
    done(session, acme, "cancel", "now")
    with pytest.raises(Conflict):
        carry_out(session, tenant_id=acme.tenant_id, asked=ends, by="usr_1", at=NOON)
    with pytest.raises(Unprocessable):
        asked(session, acme, "explode")


def test_several_subscriptions_are_told_apart(session: Session) -> None:
    acme = customer(session)
    create_subscription(session, tenant_id=acme.tenant_id, plan_code="STARTER", name="Team A", at=NOON)
    second = list_subscriptions(session, tenant_id=acme.tenant_id)[1]
    assert card(session, acme, subscription_id=acme.subscription_id).title == "Main · Pro"
    assert card(session, acme, subscription_id=second.id).title == "Team A · Starter"


def test_one_that_is_paid_by_card_may_be_cancelled_and_paused_too(session: Session) -> None:
    acme = customer(session)
    subscription = read_subscription(session, tenant_id=acme.tenant_id)
    subscription.collection = Collection.AUTOMATIC
    session.add(subscription)
    session.flush()
    shown = card(session, acme)
    assert shown.refused == ""
    assert may(shown) == {"cancel", "pause"}


def test_without_a_subscription_there_is_no_card(session: Session) -> None:

    tenant = create_tenant(session, name="New", currency="CAD", timezone="UTC", at=NOON)
    assert read_card(session, tenant_id=tenant.id, at=NOON) == NO_CARD


def test_the_overview_says_that_it_ends_or_pauses_instead_of_renewing(session: Session) -> None:
    acme = customer(session)
    said = []
    for act, when in (("pause", "period_end"), ("cancel", "period_end"), ("cancel", "now")):
        done(session, acme, act, when)
        view = read_overview(session, tenant_id=acme.tenant_id, subscription_id=acme.subscription_id, at=NOON)
        said.append((view.renews_label, view.renews, view.renews_on))
    assert said == [
        ("Pauses", "In 11 days", "1 Dec 2026"), ("Ends", "In 11 days", "1 Dec 2026"), ("Ended", "20 Nov 2026", ""),
    ]  # fmt: skip
