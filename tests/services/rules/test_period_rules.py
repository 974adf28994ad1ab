"""Billing months: clipped at month ends, exact across clock changes, refused without a zone."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from services.rules.periods import business_date, check_timezone, day_bounds, period_at, period_number
from services.rules.violations import InvalidPeriod


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("index", "starts", "ends"),
    [
        (0, "2026-01-31T00:00", "2026-02-28T00:00"),
        (1, "2026-02-28T00:00", "2026-03-31T00:00"),
        (2, "2026-03-31T00:00", "2026-04-30T00:00"),
        (25, "2028-02-29T00:00", "2028-03-31T00:00"),
    ],
)
def test_month_ends_are_clipped_from_the_anchor_and_never_from_each_other(index, starts, ends):
    period = period_number(utc("2026-01-31T00:00"), "UTC", index)
    assert (period.starts_at, period.ends_at) == (utc(starts), utc(ends))


@pytest.mark.parametrize(
    ("anchor", "zone", "index", "starts"),
    [
        # Midnight in Toronto stays midnight when the offset goes from -5 to -4 h.
        ("2026-02-15T05:00", "America/Toronto", 1, "2026-03-15T04:00"),
        # 02:30 does not exist on 8 March 2026 in Toronto: it moves forward to 03:30 (-4 h).
        ("2026-02-08T07:30", "America/Toronto", 1, "2026-03-08T07:30"),
        # 01:30 happens twice on 1 November 2026 in Toronto: the first one (-4 h) counts.
        ("2026-10-01T05:30", "America/Toronto", 1, "2026-11-01T05:30"),
        # 02:30 does not exist on 29 March 2026 in Paris.
        ("2026-01-29T01:30", "Europe/Paris", 2, "2026-03-29T01:30"),
        # The month is the tenant's: 31 January 20:00 UTC is already February in Apia.
        ("2026-01-31T20:00", "Pacific/Apia", 1, "2026-02-28T20:00"),
        # Samoa skipped 30 December 2011 altogether.
        ("2011-11-30T10:00", "Pacific/Apia", 1, "2011-12-30T10:00"),
    ],
)
def test_periods_keep_the_anchor_s_wall_time(anchor, zone, index, starts):
    assert period_number(utc(anchor), zone, index).starts_at == utc(starts)


def test_the_first_period_starts_at_the_anchor_even_in_the_second_of_two_equal_hours():
    anchor = utc("2026-11-01T06:30")  # the second 01:30 in Toronto
    assert period_at(anchor, "America/Toronto", anchor).starts_at == anchor


@pytest.mark.parametrize(
    ("at", "index"),
    [
        ("2026-01-31T12:00:00", 0),
        ("2026-02-28T11:59:59.999999", 0),
        ("2026-02-28T12:00:00", 1),
        ("2026-03-31T11:59:59", 1),
        ("2026-03-31T12:00:00", 2),
        ("2031-01-31T12:00:00", 60),
    ],
)
def test_a_moment_on_the_boundary_belongs_to_the_later_period(at, index):
    period = period_at(utc("2026-01-31T12:00"), "UTC", utc(at))
    assert period.index == index
    assert utc(at) in period


def test_an_evening_that_clocks_repeat_stays_in_the_month_that_had_begun():
    # St. John's, 1 November 2009: at 00:01 clocks went back to 23:01 of 31 October.
    anchor = utc("2009-10-01T02:30")
    begun = period_at(anchor, "America/St_Johns", utc("2009-11-01T02:45"))
    assert begun.index == 1
    assert begun.starts_at == utc("2009-11-01T02:30")


def test_other_offsets_are_read_as_the_moment_they_are():
    anchor = datetime(2026, 1, 1, 0, tzinfo=timezone(timedelta(hours=-5)))
    assert period_number(anchor, "UTC", 0).starts_at == utc("2026-01-01T05:00")


def test_a_moment_before_the_anchor_is_refused():
    with pytest.raises(InvalidPeriod, match="before the subscription began"):
        period_at(utc("2026-01-31T00:00"), "UTC", utc("2026-01-30T23:59:59"))
    with pytest.raises(InvalidPeriod):
        period_number(utc("2026-01-31T00:00"), "UTC", -1)


def test_times_without_a_zone_are_refused():
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    for call in (
        lambda: period_at(naive, "UTC", utc("2026-01-01T00:00")),
        lambda: period_at(utc("2026-01-01T00:00"), "UTC", naive),
        lambda: period_number(naive, "UTC", 0),
        lambda: business_date(naive, "UTC"),
    ):
        with pytest.raises(InvalidPeriod, match="time zone"):
            call()


NO_PLACES = [
    *("", "Mars/Olympus", "../etc/passwd", "/etc/passwd", "America", "localtime", "posix/UTC", "right/UTC"),
    *("Ü", "A" * 65, "UTC\0", "Factory", None),
]


@pytest.mark.parametrize("name", NO_PLACES)
def test_a_zone_that_is_no_place_is_refused(name):
    with pytest.raises(InvalidPeriod, match="IANA"):
        check_timezone(name)


def test_years_the_calendar_cannot_carry_are_refused():
    anchor = utc("2026-01-31T00:00")
    for call in (
        lambda: period_number(anchor, "UTC", 10**6),
        lambda: period_at(anchor, "Pacific/Apia", datetime.max.replace(tzinfo=UTC)),
        lambda: day_bounds(date.max, "UTC"),
        lambda: day_bounds(date.min, "Pacific/Apia"),
    ):
        with pytest.raises(InvalidPeriod, match="years"):
            call()


def test_a_business_date_is_the_date_on_the_tenant_s_wall():
    at = utc("2026-03-01T03:00")
    assert business_date(at, "America/Toronto") == date(2026, 2, 28)
    assert business_date(at, "Europe/Paris") == date(2026, 3, 1)


@pytest.mark.parametrize(
    ("day", "zone", "starts", "hours"),
    [
        (date(2026, 6, 1), "America/Toronto", "2026-06-01T04:00", 24),
        (date(2026, 3, 8), "America/Toronto", "2026-03-08T05:00", 23),
        (date(2026, 11, 1), "America/Toronto", "2026-11-01T04:00", 25),
        (date(2011, 12, 30), "Pacific/Apia", "2011-12-30T10:00", 0),
        (date(2011, 12, 31), "Pacific/Apia", "2011-12-30T10:00", 24),
    ],
)
def test_a_local_day_has_the_hours_its_clocks_give_it(day, zone, starts, hours):
    assert day_bounds(day, zone) == (utc(starts), utc(starts) + timedelta(hours=hours))
