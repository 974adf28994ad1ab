"""Summaries: exact by every group, from roll-ups for whole days and from events for ragged ends."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import Session

from services.assets.snapshots import add_site
from services.closing.close import close_period
from services.errors import Unprocessable
from services.subscriptions.finding import read_subscription
from services.usage.reports import GroupBy, list_events, read_summary
from services.usage.rollups import read_monthly_use
from tests.given import NOON, Customer, customer, event, metered

DAYS = [NOON - timedelta(days=days, hours=hours) for days in (9, 5, 1) for hours in (0, 3, 14)]


@pytest.fixture
def used(session: Session) -> Customer:
    one = customer(session)
    add_site(session, tenant_id=one.tenant_id, code="north", at=NOON)
    events = [event("1.5", occurred_at=at, event_id=f"llm-{at}") for at in DAYS]
    events += [event("2", "vision_frame_batch", occurred_at=at, site="north", event_id=f"v-{at}") for at in DAYS]
    metered(session, one.tenant_id, *events)
    return one


def test_groups_add_up_to_the_total_however_they_are_cut(session: Session, used: Customer) -> None:
    for group_by in GroupBy:
        summary = read_summary(session, tenant_id=used.tenant_id, group_by=group_by, at=NOON)
        assert summary.total.credits_micro == 9 * 1_500_000 + 9 * 10_000_000
        assert summary.total.events == 18
        for name in ("units_micro", "credits_micro", "overage_micro", "events"):
            assert sum(getattr(g, name) for g in summary.groups.values()) == getattr(summary.total, name)


def test_groups_are_named_by_what_they_group(session: Session, used: Customer) -> None:
    def keys(group_by: GroupBy) -> set[str]:
        return set(read_summary(session, tenant_id=used.tenant_id, group_by=group_by, at=NOON).groups)

    assert keys(GroupBy.EVENT_TYPE) == {"LLM_token_usage", "vision_frame_batch"}
    assert keys(GroupBy.SITE) == {"", "north"}
    assert keys(GroupBy.MONTH) == {"2026-11"}
    assert {"2026-11-11", "2026-11-10"} <= keys(GroupBy.DAY)


def test_days_are_business_days_of_the_tenant(session: Session) -> None:
    one = customer(session, timezone="Pacific/Auckland", start=date(2026, 11, 1))
    metered(session, one.tenant_id, event("1", occurred_at=datetime(2026, 11, 19, 11, 30, tzinfo=UTC)))
    summary = read_summary(session, tenant_id=one.tenant_id, at=NOON)
    assert list(summary.groups) == ["2026-11-20"]


@pytest.mark.parametrize("hours", range(0, 60, 7))
def test_a_ragged_range_is_exact(session: Session, used: Customer, hours: int) -> None:
    starts, ends = NOON - timedelta(days=5, hours=hours), NOON - timedelta(hours=60 - hours)
    summary = read_summary(session, tenant_id=used.tenant_id, starts=starts, ends=ends, at=NOON)
    assert summary.total.events == 2 * sum(starts <= at < ends for at in DAYS)


def test_a_range_inside_one_day_is_exact(session: Session, used: Customer) -> None:
    starts, ends = NOON - timedelta(days=5, hours=3), NOON - timedelta(days=5, hours=1)
    assert read_summary(session, tenant_id=used.tenant_id, starts=starts, ends=ends, at=NOON).total.events == 2


def test_dates_mean_midnight_of_the_business_day(session: Session, used: Customer) -> None:
    day = (NOON - timedelta(days=5)).date()
    summary = read_summary(session, tenant_id=used.tenant_id, starts=day, ends=day + timedelta(days=1), at=NOON)
    assert summary.starts_at == datetime(2026, 11, 15, 5, tzinfo=UTC)
    assert summary.total.events == 4


def test_an_empty_range_is_refused(session: Session, used: Customer) -> None:
    with pytest.raises(Unprocessable) as refused:
        read_summary(session, tenant_id=used.tenant_id, starts=NOON, ends=NOON, at=NOON)
    assert refused.value.field == "to"


def test_what_is_left_is_what_can_be_spent_now(session: Session, used: Customer) -> None:
    summary = read_summary(session, tenant_id=used.tenant_id, at=NOON)
    assert summary.remaining_micro == 1_000_000_000_000 - summary.total.credits_micro


def test_events_are_listed_newest_first_page_by_page(session: Session, used: Customer) -> None:
    first = list_events(session, tenant_id=used.tenant_id, limit=10)
    rest = list_events(session, tenant_id=used.tenant_id, limit=10, before_seq=first[-1].seq)
    assert [e.seq for e in first + rest] == list(range(19, 1, -1))  # the first receipt is that of the base fee
    vision = list_events(session, tenant_id=used.tenant_id, event_type="vision_frame_batch")
    assert {e.site for e in vision} == {"north"}


def test_a_days_allowance_is_left_before_its_first_event(session: Session) -> None:
    one = customer(session, plan="memory-cloud/pro", currency="USD")
    metered(session, one.tenant_id, event("4000", "api_call", occurred_at=NOON - timedelta(days=1)))
    assert read_summary(session, tenant_id=one.tenant_id, at=NOON).remaining_micro == 10_000_000_000
    metered(session, one.tenant_id, event("4000", "api_call"))
    assert read_summary(session, tenant_id=one.tenant_id, at=NOON).remaining_micro == 6_000_000_000


def test_the_largest_use_of_many_periods_in_one_day_is_summed(session: Session) -> None:
    one = customer(session)
    for minute in range(10):
        at = NOON + timedelta(minutes=minute)
        metered(session, one.tenant_id, *[event("9000000000")] * 111, at=at)
        close_period(session, tenant_id=one.tenant_id, force=True, at=at + timedelta(seconds=1))
    ends = NOON + timedelta(hours=1)
    summary = read_summary(session, tenant_id=one.tenant_id, starts=NOON, ends=ends, at=ends)
    assert summary.total.units_micro == 999 * 10**16 > 2**63
    subscription, month = read_subscription(session, tenant_id=one.tenant_id), date(2026, 11, 1)
    use = read_monthly_use(session, subscription=subscription, event_types=["LLM_token_usage"], months=[month])
    assert use["LLM_token_usage"][month].credits_micro == 999 * 10**16
