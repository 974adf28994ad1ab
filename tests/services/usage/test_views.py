"""The usage page's numbers: they add up, pools stay apart, and an empty customer has an empty page."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlmodel import Session, delete, select

from models import CreditGrant, UsageEvent
from services.assets.snapshots import add_site
from services.closing import close as closing
from services.credits.estimate import estimate, list_meters
from services.errors import InvalidUnits, NotFound, OverageNotAllowed, Unprocessable
from services.identity import create_tenant
from services.rules.quantities import to_micro
from services.usage import event_views
from services.usage.event_views import read_events
from services.usage.views import EMPTY_USAGE, Bars, UsageView, read_usage
from tests.given import NOON, Customer, customer, event, metered, refused

OCTOBER = date(2026, 10, 1)
OCTOBER_NOON = datetime(2026, 10, 20, 16, tzinfo=UTC)


def number(worded: str) -> Decimal:
    return Decimal(worded.replace(",", ""))


def figures(view: UsageView) -> dict[str, str]:
    return {figure.label: figure.value for figure in view.figures}


def summed(bars: Bars) -> Decimal:
    assert [to_micro(number(words)) for words in bars.worded] == list(bars.heights_micro)
    return sum((number(words) for words in bars.worded), Decimal(0))


def used_two_months(session: Session) -> Customer:
    """A customer of two sites with 1,200,500.418 credits in October, closed, and 2,610.5 so far in November."""
    acme = customer(session, start=OCTOBER, at=OCTOBER_NOON)
    for code in ("red-lake", "sudbury"):
        add_site(session, tenant_id=acme.tenant_id, code=code, at=OCTOBER_NOON)
    october = [
        event("1200000", site="red-lake", occurred_at=OCTOBER_NOON - timedelta(days=3)),
        event("0.418", occurred_at=OCTOBER_NOON),
        event("1", "optimizer_job", site="sudbury"),
    ]
    metered(session, acme.tenant_id, *october, at=OCTOBER_NOON)
    closing.close_period(session, tenant_id=acme.tenant_id, at=datetime(2026, 11, 1, 8, tzinfo=UTC))
    november = [event("2100.5", site="red-lake"), event("2", "vision_frame_batch"), event("1", "optimizer_job")]
    metered(session, acme.tenant_id, *november)
    return acme


def test_types_days_and_sites_each_add_up_to_the_total(session: Session) -> None:
    acme = used_two_months(session)
    view = read_usage(session, tenant_id=acme.tenant_id, at=NOON)
    assert figures(view) == {"Credits used": "2,610.5", "Left": "997,389.5", "Beyond the allowance": "0", "Events": "3"}
    assert number(view.total_credits) == Decimal("2610.5")
    assert sum(number(row.credits) for row in view.types) == Decimal("2610.5")
    assert sum(number(row.credits) for row in view.sites) == Decimal("2610.5")
    assert sum(number(row.credits) for row in view.day_rows) == Decimal("2610.5")
    assert summed(view.day_bars) == Decimal("2610.5")
    assert sum(int(row.events) for row in view.types) == int(view.total_events) == 3


def test_types_are_worded_in_what_they_count_most_credits_first(session: Session) -> None:
    acme = used_two_months(session)
    rows = read_usage(session, tenant_id=acme.tenant_id, at=NOON).types
    assert [(row.name, row.units, row.share) for row in rows] == [
        ("LLM tokens", "2,100,500 tokens", "80.5 %"),
        ("Optimizer jobs", "1 job", "19.2 %"),
        ("Vision frames", "200 frames", "0.4 %"),
    ]


def test_every_day_of_the_period_is_there_and_only_those_that_came_have_a_row(session: Session) -> None:
    acme = used_two_months(session)
    view = read_usage(session, tenant_id=acme.tenant_id, at=NOON)
    assert (view.days[0], view.days[-1], len(view.days)) == ("2026-11-01", "2026-11-30", 30)
    assert len(view.day_bars.heights_micro) == 30
    assert [row.name for row in view.day_rows][-1] == "20 Nov 2026"
    assert view.day_bars.heights_micro[5] == 0


def test_the_trend_has_six_months_with_zeros_where_nothing_was_used(session: Session) -> None:
    acme = used_two_months(session)
    view = read_usage(session, tenant_id=acme.tenant_id, at=NOON)
    assert view.months == ("Jun 2026", "Jul 2026", "Aug 2026", "Sep 2026", "Oct 2026", "Nov 2026")
    assert [bars.name for bars in view.month_bars] == ["LLM tokens", "Vision frames", "Optimizer jobs"]
    for place, row in enumerate(view.month_rows):
        assert sum(number(bars.worded[place]) for bars in view.month_bars) == number(row.credits)
    assert [row.credits for row in view.month_rows] == ["0", "0", "0", "0", "1,200,500.418", "2,610.5"]
    assert view.month_rows[4].beyond == "200,500.418"


def test_a_closed_period_can_be_chosen_and_says_what_it_cost(session: Session) -> None:
    acme = used_two_months(session)
    now = read_usage(session, tenant_id=acme.tenant_id, at=NOON)
    assert [choice.label for choice in now.periods] == ["1 Nov – 30 Nov 2026 (running)", "1 Oct – 31 Oct 2026"]
    view = read_usage(session, tenant_id=acme.tenant_id, period_start=now.periods[1].value, at=NOON)
    assert view.period == "1 Oct – 31 Oct 2026"
    assert [(figure.value, figure.hint) for figure in view.figures] == [
        ("1,200,500.418", "1,000,000 a month included"),
        ("0", "expired with the period"),
        ("200,500.418", "$401.00, $0.002 per credit"),
        ("3", "of 2 types"),
    ]
    assert {row.name: row.credits for row in view.sites} == {
        "red-lake": "1,200,000",
        "sudbury": "500",
        "No site named": "0.418",
    }
    assert len(view.day_rows) == len(view.days) == 31


def test_what_a_closed_period_left_unused_is_what_expired(session: Session) -> None:
    acme = customer(session, start=OCTOBER, at=OCTOBER_NOON)
    metered(session, acme.tenant_id, event("400000"), at=OCTOBER_NOON)
    closing.close_period(session, tenant_id=acme.tenant_id, at=datetime(2026, 11, 1, 8, tzinfo=UTC))
    choices = read_usage(session, tenant_id=acme.tenant_id, at=NOON).periods
    view = read_usage(session, tenant_id=acme.tenant_id, period_start=choices[1].value, at=NOON)
    assert figures(view)["Unused"] == "600,000"


def test_sites_that_were_not_used_are_listed_with_nothing(session: Session) -> None:
    acme = customer(session)
    assert read_usage(session, tenant_id=acme.tenant_id, at=NOON).sites == ()
    add_site(session, tenant_id=acme.tenant_id, code="red-lake", name="Red Lake", at=NOON)
    metered(session, acme.tenant_id, event("3"))
    sites = read_usage(session, tenant_id=acme.tenant_id, at=NOON).sites
    assert [(row.name, row.credits, row.share_width) for row in sites] == [
        ("No site named", "3", "100.0%"),
        ("Red Lake", "0", "0.0%"),
    ]


def test_pools_are_shown_apart(session: Session) -> None:
    vex = customer(session, plan="verified-exchange/Starter", currency="USD")
    sent = [event("12000", "verified_exchange"), event("70000", "fallback_units")]
    metered(session, vex.tenant_id, *sent)
    first = read_usage(session, tenant_id=vex.tenant_id, at=NOON)
    assert {choice.value for choice in first.pools} == {"vex", "fu"}
    by_pool = {pool: read_usage(session, tenant_id=vex.tenant_id, pool=pool, at=NOON) for pool in ("vex", "fu")}
    assert {pool: view.total_credits for pool, view in by_pool.items()} == {"vex": "12,000", "fu": "70,000"}
    assert {pool: view.unit for pool, view in by_pool.items()} == {"vex": "VEx", "fu": "FU"}
    assert {pool: [row.name for row in view.types] for pool, view in by_pool.items()} == {
        "vex": ["Verified exchanges"],
        "fu": ["Fallback tokens"],
    }
    assert by_pool["vex"].figures[2].hint.startswith("US$10.00 so far")
    assert by_pool["fu"].figures[2].hint.startswith("US$20.00 so far")


def test_a_pool_that_resets_daily_sums_its_days(session: Session) -> None:
    cloud = customer(session, plan="memory-cloud/pro", currency="USD", start=date(2026, 11, 18))
    yesterday = NOON - timedelta(days=1)
    metered(session, cloud.tenant_id, event("12000", "api_call", occurred_at=yesterday))
    view = read_usage(session, tenant_id=cloud.tenant_id, at=NOON)
    assert figures(view) == {
        "Calls used": "12,000",
        "Left today": "10,000",
        "Beyond the allowance": "2,000",
        "Events": "1",
    }
    assert view.figures[0].hint == "10,000 a day included"
    assert view.figures[2].hint == "US$0.20 so far, US$0.10 per 1,000 calls"
    metered(session, cloud.tenant_id, event("1", "api_call"))
    assert figures(read_usage(session, tenant_id=cloud.tenant_id, at=NOON))["Left today"] == "9,999"


def test_a_customer_without_a_subscription_has_an_empty_page(session: Session) -> None:
    tenant = create_tenant(session, name="Nobody yet", currency="CAD", timezone="UTC", at=NOON)
    assert read_usage(session, tenant_id=tenant.id, at=NOON) == EMPTY_USAGE
    assert read_events(session, tenant_id=tenant.id).rows == ()


def test_a_customer_without_usage_says_so_with_zeros(session: Session) -> None:
    view = read_usage(session, tenant_id=customer(session).tenant_id, at=NOON)
    assert view.has_subscription
    assert not view.has_usage
    assert (view.types, view.month_bars, view.total_credits) == ((), (), "0")
    assert set(view.day_bars.heights_micro) == {0}


@pytest.mark.parametrize("period_start", ["2020-01-01T00:00:00+00:00", "'; --", "0" * 10_000])
def test_a_period_that_is_not_there_is_refused(session: Session, period_start: str) -> None:
    acme = customer(session)
    with pytest.raises(NotFound):
        read_usage(session, tenant_id=acme.tenant_id, period_start=period_start, at=NOON)


def test_usage_is_not_read_from_events(session: Session) -> None:
    """Once the events of two months are archived, the page says the same."""
    acme = used_two_months(session)
    before = read_usage(session, tenant_id=acme.tenant_id, at=NOON)
    session.exec(delete(UsageEvent))
    assert read_usage(session, tenant_id=acme.tenant_id, at=NOON) == before


def test_events_are_paged_newest_first(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_views, "EVENTS_SHOWN", 2)
    acme = customer(session)
    metered(session, acme.tenant_id, *[event(str(n), event_id=f"e{n}") for n in range(1, 6)])
    first = read_events(session, tenant_id=acme.tenant_id)
    assert ([row.event_id for row in first.rows], first.shown, first.newer) == (["e5", "e4"], "2 of 5", 0)
    second = read_events(session, tenant_id=acme.tenant_id, before_seq=first.older)
    assert ([row.event_id for row in second.rows], second.shown) == (["e3", "e2"], "2 of 5")
    third = read_events(session, tenant_id=acme.tenant_id, before_seq=second.older)
    assert ([row.event_id for row in third.rows], third.shown, third.older) == (["e1"], "1 of 5", 0)
    assert read_events(session, tenant_id=acme.tenant_id, before_seq=third.newer) == second
    assert read_events(session, tenant_id=acme.tenant_id, before_seq=second.newer) == first


def test_an_event_says_what_it_was(session: Session) -> None:
    acme = customer(session)
    metered(session, acme.tenant_id, event("0.418", event_id="req-1", occurred_at=NOON))
    (row,) = read_events(session, tenant_id=acme.tenant_id).rows
    assert (row.time, row.kind, row.units, row.credits) == (
        "20 Nov 2026, 07:00",
        "LLM tokens",
        "418 tokens",
        "0.418 credits",
    )
    assert not row.is_beyond


def test_another_customers_events_are_not_shown(session: Session) -> None:
    acme, other = customer(session), customer(session, name="Other")
    metered(session, other.tenant_id, event("1"))
    assert read_events(session, tenant_id=acme.tenant_id, before_seq=2).rows == ()
    assert read_usage(session, tenant_id=acme.tenant_id, at=NOON).total_credits == "0"


def test_an_estimate_tells_what_is_covered_and_what_the_rest_costs(session: Session) -> None:
    acme = customer(session)
    metered(session, acme.tenant_id, event("999000"))
    made = estimate(session, tenant_id=acme.tenant_id, event_type="simulator_run", units_text=" 3 ", at=NOON)
    assert (made.what, made.credits, made.covered, made.beyond) == (
        "3 runs",
        "3,000 credits",
        "1,000 credits",
        "2,000 credits",
    )
    assert (made.cost, made.once_used_up, made.price) == ("$4.00", "$6.00", "$0.002 per credit")


def test_an_estimate_is_exact_where_the_cent_is_not(session: Session) -> None:
    acme = customer(session)
    made = estimate(session, tenant_id=acme.tenant_id, event_type="LLM_token_usage", units_text="0.418", at=NOON)
    assert (made.cost, made.cost_exactly) == ("$0.00", "")
    assert (made.once_used_up, made.once_used_up_exactly) == ("$0.00", "exactly $0.000836")


def test_an_estimate_equals_what_is_then_billed(session: Session) -> None:
    vex = customer(session, plan="verified-exchange/Starter", currency="USD")
    metered(session, vex.tenant_id, event("59000", "verified_exchange"))
    before = closing.preview_invoice(session, tenant_id=vex.tenant_id, at=NOON).invoice.total_minor
    made = estimate(session, tenant_id=vex.tenant_id, event_type="verified_exchange", units_text="2000", at=NOON)
    metered(session, vex.tenant_id, event("2000", "verified_exchange"))
    after = closing.preview_invoice(session, tenant_id=vex.tenant_id, at=NOON).invoice.total_minor
    assert after - before == 1_300
    assert made.cost == "US$13.00"


def test_an_estimate_beyond_a_plan_that_sells_no_more_says_so(session: Session) -> None:
    free = customer(session, plan="assistant/free", currency="USD")
    made = estimate(session, tenant_id=free.tenant_id, event_type="question", units_text="21", at=NOON)
    assert (made.is_refused, made.beyond, made.cost) == (True, "1 question", "")
    assert isinstance(refused(session, free.tenant_id, event("21", "question")), OverageNotAllowed)


@pytest.mark.parametrize("units", ["", "0", "-1", "1e3", "NaN", "0.1234567", "1000000000001", "9" * 5000, "1,000"])
def test_units_that_cannot_be_metered_are_refused_by_name(session: Session, units: str) -> None:
    acme = customer(session)
    with pytest.raises(InvalidUnits) as refusal:
        estimate(session, tenant_id=acme.tenant_id, event_type="LLM_token_usage", units_text=units, at=NOON)
    assert refusal.value.field == "units"


def test_an_estimate_of_an_unknown_type_is_refused(session: Session) -> None:
    acme = customer(session)
    with pytest.raises(Unprocessable) as refusal:
        estimate(session, tenant_id=acme.tenant_id, event_type="teleport", units_text="1", at=NOON)
    assert refusal.value.field == "event_type"


def test_an_estimate_writes_nothing(session: Session) -> None:
    cloud = customer(session, plan="memory-cloud/pro", currency="USD")
    estimate(session, tenant_id=cloud.tenant_id, event_type="api_call", units_text="5", at=NOON)
    assert session.exec(select(CreditGrant)).all() == []


def test_meters_say_what_to_type_and_what_it_burns(session: Session) -> None:
    meters = list_meters(session, tenant_id=customer(session).tenant_id)
    assert [(meter.label, meter.rate) for meter in meters][1:3] == [
        ("Vision frames, in 100 frames", "5 credits per 100 frames"),
        ("Optimizer jobs", "500 credits per job"),
    ]


def test_there_is_nothing_to_estimate_without_a_plan(session: Session) -> None:
    tenant = create_tenant(session, name="Nobody yet", currency="CAD", timezone="UTC", at=NOON)
    assert list_meters(session, tenant_id=tenant.id) == ()
    with pytest.raises(NotFound):
        estimate(session, tenant_id=tenant.id, event_type="question", units_text="1", at=NOON)
