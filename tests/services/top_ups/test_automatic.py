"""Credits that are bought by themselves: when they fall due, within which limits, and what stops them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from models import AutoTopUp, Collection, CreditPurchase, Notice, PurchaseStatus, Subscription
from services.errors import Unprocessable
from services.invoices.finding import mark_invoice_paid, read_invoice
from services.invoices.transitions import void_invoice
from services.price_books.books import plan_in_force
from services.top_ups.automatic import AutoTopUpTerms, set_auto_top_up, stop_auto_top_up
from services.top_ups.automatic_buying import Outcome, buy_if_due, due_orders
from services.top_ups.lots import note_failed_payment
from tests.given import NOON, Customer, assert_books_agree, customer, event, metered

TERMS = AutoTopUpTerms(pack="credits-250k", threshold="50000", month_count_max=3, month_amount_max="1000.00")
DECEMBER = datetime(2026, 12, 1, 5, tzinfo=UTC)


def ordered(session: Session, who: Customer, **more: Any) -> AutoTopUp:
    terms = replace(TERMS, **more)
    return set_auto_top_up(session, tenant_id=who.tenant_id, pool="credits", terms=terms, by="usr_1", at=NOON)


def bought(session: Session, who: Customer, at: datetime = NOON) -> Outcome:
    return buy_if_due(session, tenant_id=who.tenant_id, subscription_id=who.subscription_id, pool="credits", at=at)


def stored(session: Session, who: Customer) -> AutoTopUp:
    return session.get_one(AutoTopUp, (who.tenant_id, who.subscription_id, "credits"), populate_existing=True)


def purchases(session: Session, who: Customer) -> list[CreditPurchase]:
    statement = select(CreditPurchase).where(CreditPurchase.tenant_id == who.tenant_id)
    return list(session.exec(statement.execution_options(populate_existing=True)))


def by_card(session: Session) -> Customer:
    who = customer(session)
    subscription = session.get_one(Subscription, (who.tenant_id, who.subscription_id))
    subscription.collection = Collection.AUTOMATIC
    session.add(subscription)
    session.flush()
    return who


def test_only_use_that_falls_below_the_threshold_makes_it_due(session: Session) -> None:
    who = customer(session)
    ordered(session, who)
    metered(session, who.tenant_id, event("950000"))
    assert (stored(session, who).due_at, due_orders(session, at=NOON)) == (None, [])
    later = NOON + timedelta(minutes=1)
    metered(session, who.tenant_id, event("0.000001"), event("5"), at=later)
    assert stored(session, who).due_at == later
    metered(session, who.tenant_id, event("1"), at=later + timedelta(minutes=1))
    assert stored(session, who).due_at == later
    assert due_orders(session, at=later) == [(who.tenant_id, who.subscription_id, "credits")]


def test_it_is_due_at_once_where_less_is_left_already(session: Session) -> None:
    who = customer(session)
    metered(session, who.tenant_id, event("990000"))
    assert ordered(session, who).due_at == NOON
    assert bought(session, who) == Outcome.BOUGHT
    (purchase,) = purchases(session, who)
    assert (purchase.is_automatic, purchase.bought_by, purchase.status) == (True, "automatic", PurchaseStatus.GRANTED)
    assert (stored(session, who).due_at, bought(session, who)) == (None, Outcome.WAITING)
    assert_books_agree(session, who.tenant_id)


def test_it_falls_due_again_once_more_is_used(session: Session) -> None:
    who = customer(session)
    ordered(session, who, month_amount_max="1350.00")
    for number in range(3):
        metered(session, who.tenant_id, event("960000" if not number else "250000"))
        assert bought(session, who) == Outcome.BOUGHT
    assert len(purchases(session, who)) == 3


def test_one_purchase_at_a_time_waits_to_be_paid(session: Session) -> None:
    who = by_card(session)
    ordered(session, who)
    metered(session, who.tenant_id, event("960000"))
    assert bought(session, who) == Outcome.BOUGHT
    metered(session, who.tenant_id, event("1000"))
    assert (bought(session, who), due_orders(session, at=NOON)) == (Outcome.WAITING, [])
    (purchase,) = purchases(session, who)
    mark_invoice_paid(session, tenant_id=who.tenant_id, invoice_id=purchase.invoice_id, at=NOON)
    assert stored(session, who).due_at is None
    metered(session, who.tenant_id, event("245000"))
    assert bought(session, who) == Outcome.BOUGHT


@pytest.mark.parametrize("limit", [{"month_count_max": 1}, {"month_amount_max": "899.99"}])
def test_a_limit_lets_it_rest_until_the_next_month(session: Session, limit: dict[str, Any]) -> None:
    who = customer(session)
    ordered(session, who, **limit)
    metered(session, who.tenant_id, event("960000"))
    assert bought(session, who) == Outcome.BOUGHT
    metered(session, who.tenant_id, event("245000"))
    assert bought(session, who) == Outcome.LIMITED
    order = stored(session, who)
    assert (order.is_on, order.due_at, order.rests_until) == (True, None, DECEMBER)
    metered(session, who.tenant_id, event("1"))
    assert (stored(session, who).due_at, due_orders(session, at=NOON)) == (None, [])
    told = session.exec(select(Notice).where(Notice.type == "credits.top_up_failed")).one()
    assert told.data["is_on"]
    assert due_orders(session, at=DECEMBER) == [(who.tenant_id, who.subscription_id, "credits")]
    assert bought(session, who, DECEMBER - timedelta(hours=1)) == Outcome.WAITING
    assert bought(session, who, DECEMBER) == Outcome.BOUGHT


def test_a_failed_payment_turns_it_off_and_tells(session: Session) -> None:
    who = by_card(session)
    ordered(session, who)
    metered(session, who.tenant_id, event("960000"))
    bought(session, who)
    (purchase,) = purchases(session, who)
    invoice = read_invoice(session, tenant_id=who.tenant_id, invoice_id=purchase.invoice_id).invoice
    for _ in range(2):
        note_failed_payment(session, invoice=invoice, failed_at=NOON, at=NOON)
    order = stored(session, who)
    assert (order.is_on, order.due_at) == (False, None)
    assert "payment failed" in str(order.off_reason)
    told = session.exec(select(Notice).where(Notice.type == "credits.top_up_failed")).one()
    assert (told.data["purchase_id"], told.data["is_on"]) == (purchase.id, False)
    void_invoice(session, tenant_id=who.tenant_id, invoice_id=invoice.id, at=NOON)
    assert purchases(session, who)[0].status == PurchaseStatus.CANCELED
    assert ordered(session, who).is_on


def test_what_it_stops_is_not_bought(session: Session) -> None:
    who = customer(session)
    ordered(session, who)
    metered(session, who.tenant_id, event("960000"))
    for _ in range(2):
        stop_auto_top_up(session, tenant_id=who.tenant_id, pool="credits", by="usr_1", at=NOON)
    assert bought(session, who) == Outcome.WAITING
    metered(session, who.tenant_id, event("1"))
    assert (stored(session, who).due_at, purchases(session, who)) == (None, [])


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"pack": "credits-5m"}, "pack"),
        ({"threshold": "0"}, "threshold"),
        ({"threshold": "1e3"}, "threshold"),
        ({"threshold": "0.0000001"}, "threshold"),
        ({"quantity": 0}, "quantity"),
        ({"month_count_max": 0}, "month_count_max"),
        ({"month_amount_max": "0"}, "month_amount_max"),
        ({"month_amount_max": "1.005"}, "month_amount_max"),
    ],
)
def test_terms_that_are_none_are_refused(session: Session, terms: dict[str, Any], field: str) -> None:
    who = customer(session)
    with pytest.raises(Unprocessable) as refusal:
        ordered(session, who, **terms)
    assert refusal.value.field == field


def test_nothing_is_bought_by_itself_for_what_was_moved_unpaid_and_the_order_stays(session: Session) -> None:
    who = customer(session)
    ordered(session, who)
    metered(session, who.tenant_id, event("960000"))
    subscription = session.get_one(Subscription, (who.tenant_id, who.subscription_id))
    subscription.former_version_id = plan_in_force(session, plan_code="reliability/ENTERPRISE").version_id
    session.flush()
    assert bought(session, who) == Outcome.NOT_NEEDED
    order = stored(session, who)
    assert (order.is_on, order.due_at, purchases(session, who)) == (True, None, [])
    subscription.former_version_id = None
    session.flush()
    metered(session, who.tenant_id, event("1"))
    assert bought(session, who) == Outcome.BOUGHT
