"""When assets are asked for."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.rules.asset_slots import HOURS, latest_slot
from services.rules.violations import InvalidPeriod

TORONTO = "America/Toronto"


@pytest.mark.parametrize(
    ("at", "every_hours", "slot"),
    [
        ("2026-11-20T12:00Z", 24, "2026-11-20T07:00Z"),
        ("2026-11-20T06:59Z", 24, "2026-11-19T07:00Z"),
        ("2026-11-20T07:00Z", 24, "2026-11-20T07:00Z"),
        ("2026-11-20T12:00Z", 6, "2026-11-20T07:00Z"),
        ("2026-11-20T13:00Z", 6, "2026-11-20T13:00Z"),
        ("2026-11-20T12:34Z", 1, "2026-11-20T12:00Z"),
        ("2026-03-08T12:00Z", 24, "2026-03-08T07:00Z"),  # two o'clock does not come that night
        ("2026-11-01T12:00Z", 24, "2026-11-01T07:00Z"),  # one o'clock came twice before
    ],
)
def test_slots_are_hours_of_the_customers_day(at: str, every_hours: int, slot: str) -> None:
    moment, wanted = (datetime.fromisoformat(each.replace("Z", "+00:00")) for each in (at, slot))
    assert latest_slot(moment, timezone=TORONTO, every_hours=every_hours) == wanted


@given(
    st.integers(1_577_836_800, 1_893_456_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.sampled_from(HOURS),
    st.sampled_from([TORONTO, "Asia/Kolkata", "Pacific/Apia", "UTC"]),
)
def test_a_slot_has_come_is_recent_and_stays_until_the_next(at: datetime, every_hours: int, timezone: str) -> None:
    slot = latest_slot(at, timezone=timezone, every_hours=every_hours)
    assert timedelta(0) <= at - slot <= timedelta(hours=every_hours + 1)
    assert latest_slot(slot, timezone=timezone, every_hours=every_hours) == slot


def test_hours_that_do_not_divide_a_day_are_refused() -> None:
    with pytest.raises(InvalidPeriod):
        latest_slot(datetime(2026, 1, 1, tzinfo=UTC), timezone=TORONTO, every_hours=5)
