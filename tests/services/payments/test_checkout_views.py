"""What a visitor is told who comes back from the payment page: our own record, and nothing else."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session

from models import Checkout, CheckoutStatus, Interval
from services.errors import Conflict, NotFound
from services.payments import checkout_views
from services.payments.checkout_views import read_checkout_view
from services.price_books.books import plan_in_force
from tests.given import NOON, Customer, customer


def visit(session: Session, acme: Customer, status: CheckoutStatus, **values: Any) -> str:
    session.add(
        Checkout(
            tenant_id=acme.tenant_id,
            id="chk_1",
            account="sandbox",
            plan_version_id=plan_in_force(session, plan_code="PRO").version_id,
            interval=Interval.YEAR,
            status=status,
            created_at=NOON,
            **values,
        )
    )
    session.flush()
    return "chk_1"


def shown(session: Session, acme: Customer, at: Any = NOON) -> checkout_views.CheckoutView:
    return read_checkout_view(session, tenant_id=acme.tenant_id, checkout_id="chk_1", at=at)


@pytest.mark.parametrize(
    ("status", "state"),
    [("asked", "waiting"), ("open", "waiting"), ("paying", "paying"), ("expired", "expired"), ("failed", "failed")],
)
def test_each_status_is_one_state_of_the_page(session: Session, status: str, state: str) -> None:
    acme = customer(session)
    visit(session, acme, CheckoutStatus(status), error="Your card was declined." if status == "failed" else None)
    view = shown(session, acme)
    assert (view.state, view.plan, view.billed) == (state, "Pro", "Every year")
    assert view.error == ("Your card was declined." if state == "failed" else "")


def test_the_payment_page_is_offered_only_while_it_can_be_paid_there(session: Session) -> None:
    acme = customer(session)
    visit(session, acme, CheckoutStatus.OPEN, url="https://pay.example.com/c/1", expires_at=NOON + timedelta(hours=1))
    assert shown(session, acme).pay_url == "https://pay.example.com/c/1"
    assert checkout_views.without_payment_page(shown(session, acme)).pay_url == ""
    later = shown(session, acme, NOON + timedelta(hours=2))
    assert (later.state, later.pay_url) == ("expired", "")


def test_a_completed_visit_shows_the_period_and_the_invoice(session: Session) -> None:
    acme = customer(session)
    visit(session, acme, CheckoutStatus.COMPLETED, subscription_id=acme.subscription_id)
    view = shown(session, acme)
    assert (view.state, view.invoice_number, view.paid) == ("done", "INV-000001", "$9,000.00")
    assert (view.period_name, view.period) == ("First period", "1 Nov – 30 Nov 2026")


@pytest.mark.parametrize("named", ["chk_2", "", "\x00", "x" * 100])
def test_what_is_not_there_or_somebody_elses_does_not_exist(session: Session, named: str) -> None:
    acme, other = customer(session), customer(session, name="Other")
    visit(session, acme, CheckoutStatus.OPEN)
    with pytest.raises(NotFound):
        read_checkout_view(session, tenant_id=acme.tenant_id, checkout_id=named, at=NOON)
    with pytest.raises(NotFound):
        read_checkout_view(session, tenant_id=other.tenant_id, checkout_id="chk_1", at=NOON)


def test_terms_that_changed_since_they_were_shown_are_not_bought(session: Session) -> None:
    acme = customer(session)
    with pytest.raises(Conflict, match="changed since"):
        checkout_views.begin_checkout(
            session, tenant_id=acme.tenant_id, plan_code="PRO", interval="month", version_id="another",
            account="sandbox", at=NOON,
        )  # fmt: skip
