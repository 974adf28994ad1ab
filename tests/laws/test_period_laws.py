"""Laws of periods: they tile the line from the anchor, in every zone and across every clock change."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.rules.periods import business_date, day_bounds, period_at, period_number

ZONES = st.sampled_from(
    [
        *("UTC", "America/Toronto", "Europe/Paris", "Pacific/Apia", "Asia/Kathmandu", "Asia/Beirut"),
        *("Australia/Lord_Howe", "America/Havana", "Pacific/Kiritimati", "Africa/Casablanca"),
    ]
)
ANCHORS = st.datetimes(datetime(2009, 1, 1), datetime(2032, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
AFTER = st.timedeltas(timedelta(0), timedelta(days=4000))
SAMOA_ANCHOR = datetime(2011, 10, 30, 10, tzinfo=UTC)


@settings(max_examples=150)
@given(ANCHORS, ZONES)
@example(SAMOA_ANCHOR, "Pacific/Apia")
@example(datetime(2026, 11, 1, 6, 30, tzinfo=UTC), "America/Toronto")
@example(datetime(2025, 12, 29, 1, 30, tzinfo=UTC), "Europe/Paris")
def test_periods_tile_the_line_from_the_anchor(anchor, zone):
    periods = [period_number(anchor, zone, index) for index in range(40)]
    assert periods[0].starts_at == anchor
    for earlier, later in pairwise(periods):
        assert earlier.starts_at < earlier.ends_at == later.starts_at
        assert later.index == earlier.index + 1


@settings(max_examples=300)
@given(ANCHORS, ZONES, AFTER)
@example(SAMOA_ANCHOR, "Pacific/Apia", timedelta(days=61))
@example(datetime(2026, 1, 31, 23, 59, 59, 999999, tzinfo=UTC), "America/Toronto", timedelta(days=28))
def test_a_moment_is_in_its_period_and_in_no_other(anchor, zone, after):
    at = anchor + after
    period = period_at(anchor, zone, at)
    assert at in period
    assert period == period_number(anchor, zone, period.index)
    assert at not in period_number(anchor, zone, period.index + 1)
    assert period.index == 0 or at not in period_number(anchor, zone, period.index - 1)


@given(ANCHORS, ZONES, AFTER, AFTER)
def test_a_later_moment_is_never_in_an_earlier_period(anchor, zone, first, second):
    low, high = sorted((first, second))
    assert period_at(anchor, zone, anchor + low).index <= period_at(anchor, zone, anchor + high).index


@given(ANCHORS, ZONES, st.integers(0, 120))
def test_every_boundary_is_its_own_period_s_first_moment(anchor, zone, index):
    starts_at = period_number(anchor, zone, index).starts_at
    assert period_at(anchor, zone, starts_at).index == index
    if index:
        assert period_at(anchor, zone, starts_at - timedelta(microseconds=1)).index == index - 1


@given(ANCHORS, ZONES, st.integers(1, 120))
def test_a_boundary_is_the_anchor_s_wall_time_unless_clocks_skip_it(anchor, zone, index):
    local = anchor.astimezone(ZoneInfo(zone))
    starts = period_number(anchor, zone, index).starts_at.astimezone(ZoneInfo(zone))
    year, month = divmod(local.year * 12 + local.month - 1 + index, 12)
    day = min(local.day, monthrange(year, month + 1)[1])
    wanted = local.replace(year=year, month=month + 1, day=day, tzinfo=None)
    skipped = starts.replace(tzinfo=None) - wanted
    assert timedelta(0) <= skipped <= timedelta(hours=24)
    there_and_back = wanted.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).astimezone(ZoneInfo(zone))
    assert (skipped == timedelta(0)) == (there_and_back.replace(tzinfo=None) == wanted)


@given(ANCHORS, ZONES)
@example(datetime(2026, 11, 1, 4, 30, tzinfo=UTC), "America/Havana")
@example(datetime(2026, 10, 24, 21, 30, tzinfo=UTC), "Asia/Beirut")
def test_a_moment_is_within_its_business_day_and_days_tile(at, zone):
    day = business_date(at, zone)
    starts_at, ends_at = day_bounds(day, zone)
    assert starts_at <= at < ends_at
    assert day_bounds(day + timedelta(days=1), zone)[0] == ends_at
    assert ends_at - starts_at <= timedelta(hours=25)
