"""The overview and its JSON: the same numbers as the bill, read from counters."""

from datetime import date, datetime, timedelta

import pytest
from sqlmodel import Session

from models import CreditGrant, GrantKind, Interval
from services.assets.snapshots import add_site, record_snapshot
from services.closing.close import close_period, preview_invoice
from services.dashboard import read_dashboard
from services.errors import NotFound
from services.identity import create_tenant
from services.invoices.finding import mark_invoice_paid, read_invoice
from services.overview import EMPTY_OVERVIEW, OverviewView, read_overview
from services.price_books.books import load_shipped_books
from services.rules.quantities import MICRO
from services.subscriptions.starting import create_subscription
from tests.given import NOON, customer, event, metered

DAY = timedelta(days=1)


def overview(session: Session, tenant_id: str, at: datetime = NOON) -> OverviewView:
    session.flush()
    return read_overview(session, tenant_id=tenant_id, at=at)


def test_a_customer_without_a_plan_is_led_to_one(session: Session) -> None:
    tenant = create_tenant(session, name="New", currency="CAD", timezone="UTC", at=NOON)
    assert overview(session, tenant.id) == EMPTY_OVERVIEW
    facts = read_dashboard(session, tenant_id=tenant.id, at=NOON)
    assert (facts["plan_code"], facts["status"], facts["credits"], facts["alerts"]) == (None, None, {}, [])


def test_an_unknown_customer_is_refused(session: Session) -> None:
    with pytest.raises(NotFound):
        read_overview(session, tenant_id="ten_none", at=NOON)


def test_a_plan_nobody_has_used_yet(session: Session) -> None:
    acme = customer(session)
    view = overview(session, acme.tenant_id)
    assert (view.plan_name, view.price, view.status_word) == ("Pro", "$9,000.00 a month", "Active")
    assert (view.period, view.renews, view.renews_on) == ("1 Nov – 30 Nov 2026", "In 11 days", "1 Dec 2026")
    assert view.has_usage is False
    (credits,) = view.pools
    assert (credits.used, credits.of, credits.left, credits.pct) == (
        "0",
        "of 1,000,000 credits",
        "1,000,000 left",
        "0 %",
    )
    assert (credits.used_bar, credits.over_bar, credits.low_at, credits.state) == (0, 0, 80, "ok")
    assert (view.assets.counted, view.assets.how) == ("–", "Not counted this period")
    assert view.bill_total == "$9,000.00"
    assert view.alerts == ()
    assert [invoice.number for invoice in view.invoices] == ["INV-000001"]


def test_the_worked_example_adds_up_on_the_page_as_on_the_bill(session: Session) -> None:
    acme = customer(session)
    metered(session, acme.tenant_id, event("1500000"))
    record_snapshot(session, tenant_id=acme.tenant_id, asset_count=1_200, site_breakdown={"a": 1_200}, at=NOON)
    view = overview(session, acme.tenant_id)
    assert view.bill_total == "$10,600.00"
    assert [(line.detail, line.amount) for line in view.bill_lines] == [
        ("For 1 Dec – 31 Dec 2026", "$9,000.00"),
        ("200 assets, $3.00 per asset", "$600.00"),
        ("500,000 credits, $0.002 per credit", "$1,000.00"),
    ]
    assert view.next_step.startswith("On 1 Dec 2026 we invoice $10,600.00")
    (credits,) = view.pools
    assert (credits.used, credits.left, credits.pct, credits.state) == ("1,500,000", "0 left", "150 %", "over")
    assert credits.over == "500,000 beyond, $0.002 per credit"
    assert (credits.used_bar, credits.over_bar, credits.low_at) == (66, 34, 53)
    assert (view.assets.counted, view.assets.hint, view.assets.is_over) == (
        "1,200",
        "of 1,000 included, 200 beyond",
        True,
    )
    assert (view.sites.counted, view.sites.hint) == ("1", "of 3 sites")
    assert [alert.title for alert in view.alerts] == ["Credits: all used", "Credits: 80 % used"]
    closed = close_period(session, tenant_id=acme.tenant_id, at=NOON + 11 * DAY)
    assert closed.total_minor == 1_060_000


def test_fractions_of_a_credit_are_shown_exactly(session: Session) -> None:
    acme = customer(session)
    metered(session, acme.tenant_id, event("0.418"), event("799999.582", "LLM_token_usage"))
    (credits,) = overview(session, acme.tenant_id).pools
    assert (credits.used, credits.state, credits.pct) == ("800,000", "low", "80 %")
    metered(session, acme.tenant_id, event("0.000001"))
    (credits,) = overview(session, acme.tenant_id).pools
    assert (credits.used, credits.left) == ("800,000.000001", "199,999.999999 left")


def test_bought_credits_make_room_before_overage(session: Session) -> None:
    acme = customer(session)
    session.add(
        CreditGrant(
            tenant_id=acme.tenant_id, id="grant_bought", subscription_id=acme.subscription_id, pool="credits",
            kind=GrantKind.PURCHASE, source_id="order:1", priority=20, granted_micro=200_000 * MICRO,
            remaining_micro=200_000 * MICRO, effective_at=NOON - DAY, expires_at=None, granted_at=NOON - DAY,
        )
    )  # fmt: skip
    session.flush()
    metered(session, acme.tenant_id, event("1100000"))
    (credits,) = overview(session, acme.tenant_id).pools
    assert (credits.of, credits.left, credits.pct, credits.state) == (
        "of 1,200,000 credits", "100,000 left", "91 %", "low",
    )  # fmt: skip


def test_every_pool_of_a_book_has_its_own_bar_and_tiers_show_their_working(session: Session) -> None:
    vex = customer(session, plan="verified-exchange/Professional", currency="USD")
    metered(session, vex.tenant_id, event("187500", "verified_exchange"), event("412000", "fallback_units"))
    view = overview(session, vex.tenant_id)
    assert [(pool.name, pool.state, pool.pct) for pool in view.pools] == [
        ("Verified exchanges", "over", "187 %"),
        ("Fallback units", "low", "82 %"),
    ]
    assert view.bill_lines[1].detail == "50,000 × US$0.005 + 37,500 × US$0.008"
    assert (view.bill_lines[1].amount, view.bill_total) == ("US$550.00", "US$2,549.00")
    assert view.assets.is_shown is False


def test_a_pool_that_resets_daily_speaks_of_today_and_sums_the_periods_overage(session: Session) -> None:
    memory = customer(session, plan="memory-cloud/pro", currency="USD")
    yesterday = event("12500", "api_call", occurred_at=NOON - DAY)
    metered(session, memory.tenant_id, yesterday)
    (calls,) = overview(session, memory.tenant_id).pools
    assert (calls.used, calls.of, calls.left) == ("0", "of 10,000 calls today", "10,000 left")
    assert calls.over == "2,500 beyond this period, US$0.10 per 1,000 calls"
    metered(session, memory.tenant_id, event("9000", "api_call"))
    view = overview(session, memory.tenant_id)
    assert (view.pools[0].used, view.pools[0].left, view.pools[0].state) == ("9,000", "1,000 left", "low")
    assert {alert.title for alert in view.alerts} == {
        "API calls, 19 Nov 2026: all used", "API calls, 19 Nov 2026: 80 % used", "API calls, 20 Nov 2026: 80 % used",
    }  # fmt: skip
    facts = read_dashboard(session, tenant_id=memory.tenant_id, at=NOON)
    assert facts["credits"]["api_calls"] | {"window_start": "", "window_end": ""} == {
        "included": "10000", "used": "9000", "remaining": "1000", "overage": "2500", "used_pct": 90,
        "window_start": "", "window_end": "",
    }  # fmt: skip


def test_a_free_plan_that_sells_nothing_beyond_says_it_is_used_up(session: Session) -> None:
    free = customer(session, plan="memory-cloud/free", currency="USD")
    metered(session, free.tenant_id, event("100", "api_call"))
    view = overview(session, free.tenant_id)
    assert (view.price, view.pools[0].state, view.pools[0].left) == ("No base fee", "used_up", "0 left")
    assert view.alerts[0].detail == "The plan sells none beyond; more use is refused."
    assert view.next_step == "On 1 Dec 2026 this period closes. As it stands, there is nothing to pay."


def test_many_alerts_are_cut_and_the_rest_counted(session: Session) -> None:
    memory = customer(session, plan="memory-cloud/pro", currency="USD", start=date(2026, 10, 25))
    for days in range(12):
        metered(session, memory.tenant_id, event("10000", "api_call", occurred_at=NOON - days * DAY))
    view = overview(session, memory.tenant_id)
    assert len(view.alerts) == 20
    assert view.alerts_more == "and 4 earlier this period"


def test_between_the_end_of_a_period_and_its_closing_the_old_numbers_stay(session: Session) -> None:
    acme = customer(session)
    metered(session, acme.tenant_id, event("900000"))
    just_ended = datetime.fromisoformat("2026-12-01T05:20:00+00:00")
    view = overview(session, acme.tenant_id, at=just_ended)
    assert (view.renews, view.pools[0].used, view.pools[0].left) == ("Today", "900,000", "100,000 left")
    assert view.next_step == "This period has ended. Its invoice is issued as soon as late events are in."


def test_a_new_period_starts_from_nothing(session: Session) -> None:
    acme = customer(session)
    metered(session, acme.tenant_id, event("1500000"))
    closes = datetime.fromisoformat("2026-12-01T07:00:00+00:00")
    close_period(session, tenant_id=acme.tenant_id, at=closes)
    view = overview(session, acme.tenant_id, at=closes)
    assert (view.period, view.pools[0].used, view.pools[0].state) == ("1 Dec – 31 Dec 2026", "0", "ok")
    assert view.alerts == ()
    assert [invoice.total for invoice in view.invoices] == ["$10,000.00", "$9,000.00"]


def test_what_is_past_due_is_said_first(session: Session) -> None:
    acme = customer(session)
    first = overview(session, acme.tenant_id).latest_invoice_id
    late = NOON + 31 * DAY
    view = overview(session, acme.tenant_id, at=late)
    assert view.late == "One invoice is past due: $9,000.00."
    assert (view.invoices[-1].status, view.invoices[-1].status_word) == ("past_due", "Past due")
    mark_invoice_paid(session, tenant_id=acme.tenant_id, invoice_id=first, reference="wire 1", at=late)
    assert overview(session, acme.tenant_id, at=late).late == ""


def test_a_yearly_base_fee_is_not_on_every_running_bill(session: Session) -> None:
    load_shipped_books(session, at=NOON)
    tenant = create_tenant(session, name="Yearly", currency="CAD", timezone="America/Toronto", at=NOON)
    create_subscription(session, tenant_id=tenant.id, plan_code="PRO", interval=Interval.YEAR, at=NOON)
    view = overview(session, tenant.id)
    assert (view.price, view.bill_total, view.bill_lines) == ("$86,400.00 a year", "$0.00", ())


def test_the_dashboard_has_the_keys_programs_rely_on(session: Session) -> None:
    acme = customer(session)
    metered(session, acme.tenant_id, event("1500000"))
    add_site(session, tenant_id=acme.tenant_id, code="a", at=NOON)
    record_snapshot(session, tenant_id=acme.tenant_id, asset_count=1_200, at=NOON)
    facts = read_dashboard(session, tenant_id=acme.tenant_id, at=NOON)
    assert (facts["plan_code"], facts["status"], facts["days_to_renewal"]) == ("PRO", "active", 11)
    assert facts["current_period_start"] == "2026-11-01T04:00:00Z"
    credits = facts["credits"]["credits"]
    assert (credits["included"], credits["used"], credits["remaining"], credits["overage"], credits["used_pct"]) == (
        "1000000", "1500000", "0", "500000", 150,
    )  # fmt: skip
    assert facts["assets"] == {"counted": "1200", "included": "1000", "over": "200", "basis": "latest"}
    assert facts["sites"] == {"used": 1, "included": 3}
    assert facts["running_total"] == {"amount_minor": 1_060_000, "currency": "CAD"}
    assert facts["total"] == "10600.00"
    assert {alert["kind"] for alert in facts["alerts"]} == {"LOW_CREDITS", "OVERAGE"}
    (due,) = facts["open_invoices"]
    assert (due["number"], due["total"], due["past_due"]) == ("INV-000001", "9000.00", False)


def test_the_overview_is_the_preview_and_stores_nothing(session: Session) -> None:
    acme = customer(session)
    metered(session, acme.tenant_id, event("123456.789"))
    session.flush()
    view = overview(session, acme.tenant_id)
    preview = preview_invoice(session, tenant_id=acme.tenant_id, at=NOON)
    assert len(view.bill_lines) == len(preview.lines)
    assert not session.new
    assert not session.dirty
    with pytest.raises(NotFound):
        read_invoice(session, tenant_id=acme.tenant_id, invoice_id=preview.invoice.id)
