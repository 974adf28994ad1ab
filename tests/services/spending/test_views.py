"""The spending limit in words, and what people type about it."""

from decimal import Decimal

import pytest
from sqlmodel import Session

from models import Role
from services.errors import Unprocessable
from services.identity import create_tenant, create_user
from services.overview import read_overview
from services.spending.controls import set_alert_thresholds, set_spend_cap
from services.spending.views import NO_SPENDING, REFUSING, SpendingView, ask_cap, read_spending, read_thresholds
from tests.given import NOON, Customer, customer, event, metered, own_plan, refused


def buyer(session: Session) -> Customer:
    """100 credits included, one cent for each beyond them."""
    return customer(session, plan=own_plan(session, overage={"model": "per_unit", "unit_price": Decimal("0.01")}))


def seen(session: Session, one: Customer) -> SpendingView:
    return read_spending(session, tenant_id=one.tenant_id)


def test_nobody_has_set_anything(session: Session) -> None:
    one = buyer(session)
    metered(session, one.tenant_id, event("1336", "work"))
    view = seen(session, one)
    assert (view.has_cap, view.sells_beyond, view.spent, view.of) == (
        False,
        True,
        "$12.36",
        "beyond the allowance so far",
    )
    assert (view.told_at, view.thresholds_typed, view.changed, view.state) == ("80 %", "80", "", "")


def test_a_limit_is_shown_with_what_is_left_and_who_set_it(session: Session) -> None:
    one = buyer(session)
    user = create_user(session, email="ann@acme.example", tenant_id=one.tenant_id, role=Role.OWNER, at=NOON)
    set_spend_cap(session, tenant_id=one.tenant_id, cap="1000", by=user.id, at=NOON)
    metered(session, one.tenant_id, event("12600", "work"))
    view = seen(session, one)
    assert (view.worded, view.left, view.bar) == ("$125.00 of $1,000.00", "$875.00 left this period", 13)
    assert (view.cap_typed, view.state, view.over_bar) == ("1000.00", "", 0)
    assert view.changed == "Last changed 20 Nov 2026, 07:00 by ann@acme.example"
    metered(session, one.tenant_id, event("70000", "work"))
    assert seen(session, one).state_word == "Close to the limit"


def test_a_limit_that_is_reached_says_what_happens(session: Session) -> None:
    one = buyer(session)
    set_spend_cap(session, tenant_id=one.tenant_id, cap="10", by="key_1", at=NOON)
    metered(session, one.tenant_id, event("1000", "work"))
    refused(session, one.tenant_id, event("101", "work"))
    view = seen(session, one)
    assert (view.state, view.note, view.left) == ("reached", REFUSING, "$1.00 left this period")
    assert view.changed.endswith("with an API key")
    (alert, *_) = read_overview(session, tenant_id=one.tenant_id, at=NOON).alerts
    assert (alert.title, alert.tone) == ("Spending limit reached", "bad")


def test_lowering_below_what_is_spent_is_asked_about_first(session: Session) -> None:
    one = buyer(session)
    metered(session, one.tenant_id, event("1336", "work"))
    assert ask_cap(session, tenant_id=one.tenant_id, typed=" 1,200.50 ").cap == "1200.50"
    assert ask_cap(session, tenant_id=one.tenant_id, typed="12.36").warning == ""
    asked = ask_cap(session, tenant_id=one.tenant_id, typed="3.09")
    assert asked.warning.startswith("$12.36 is spent already. With a limit of $3.09,")
    set_spend_cap(session, tenant_id=one.tenant_id, cap=asked.cap, by="key_1", at=NOON)
    view = seen(session, one)
    assert (view.bar, view.over_bar, view.over, view.state) == (25, 75, "$9.27 above it", "reached")


@pytest.mark.parametrize("typed", ["", "ten", "1,2", "$5", "-1", "1" * 70])
def test_what_is_no_amount_is_refused(session: Session, typed: str) -> None:
    one = buyer(session)
    with pytest.raises(Unprocessable):
        ask_cap(session, tenant_id=one.tenant_id, typed=typed)


def test_thresholds_are_read_as_people_write_them(session: Session) -> None:
    assert read_thresholds(" 50, 80 %;95") == [50, 80, 95]
    for typed in ("", "half", "50.5", "-1", "5000"):
        with pytest.raises(Unprocessable):
            read_thresholds(typed)
    one = buyer(session)
    set_alert_thresholds(session, tenant_id=one.tenant_id, thresholds_pct=[95, 50, 80], by="key_1", at=NOON)
    assert (seen(session, one).told_at, seen(session, one).thresholds_typed) == ("50 %, 80 % and 95 %", "50, 80, 95")


def test_a_plan_that_sells_nothing_beyond_has_nothing_to_limit(session: Session) -> None:
    one = customer(session, plan="memory-cloud/free", currency="USD")
    assert not seen(session, one).sells_beyond
    bare = create_tenant(session, name="Bare", currency="CAD", timezone="UTC", at=NOON)
    assert read_spending(session, tenant_id=bare.id) == NO_SPENDING
