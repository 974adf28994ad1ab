"""Cycles anchored to a day of the calendar, as Stripe's documentation has them: short months and leap years."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.services.stripe_sandbox.conftest import LocalSandbox

HOUR = 3_600


def seconds(year: int, month: int, day: int, *time: int) -> int:
    return int(datetime(year, month, day, *time, tzinfo=UTC).timestamp())


def worded(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S}"


def begin(local: "LocalSandbox", at: int, interval: str = "month", count: int = 1, **config: int) -> dict[str, Any]:
    """One without proration, made at that moment."""
    local.control("advance", to=at)
    price = local.price(interval=None, recurring={"interval": interval, "interval_count": count})
    return local.subscription(
        items=[{"price": price["id"]}], proration_behavior="none", billing_cycle_anchor_config=config
    )


def charges(local: "LocalSandbox", subscription: dict[str, Any], count: int) -> list[str]:
    """When it charges for the first times."""
    found = []
    for _ in range(count):
        end = local.reread(subscription)["items"]["data"][0]["current_period_end"]
        found.append(worded(end))
        local.control("advance", to=end + HOUR)
    return found


def test_the_last_day_of_each_month_whatever_month_it_begins_in(local: "LocalSandbox") -> None:
    time = {"hour": 12, "minute": 30, "second": 15}
    begun = begin(local, seconds(2026, 2, 10), day_of_month=31, **time)
    assert (begun["status"], begun["latest_invoice"]) == ("active", None)
    assert worded(begun["billing_cycle_anchor"]) == "2026-03-31 12:30:15"
    assert begun["billing_cycle_anchor_config"] == {"day_of_month": 31, "month": None, **time}
    assert charges(local, begun, 4) == [
        "2026-02-28 12:30:15", "2026-03-31 12:30:15", "2026-04-30 12:30:15", "2026-05-31 12:30:15",
    ]  # fmt: skip


def test_the_time_of_the_creation_where_none_is_given(local: "LocalSandbox") -> None:
    begun = begin(local, seconds(2026, 3, 10, 7, 8, 9), day_of_month=15)
    assert worded(begun["billing_cycle_anchor"]) == "2026-03-15 07:08:09"
    assert begun["billing_cycle_anchor_config"] == {
        "day_of_month": 15, "month": None, "hour": None, "minute": None, "second": None,
    }  # fmt: skip


def test_what_has_come_around_this_month_comes_around_in_the_next(local: "LocalSandbox") -> None:
    begun = begin(local, seconds(2026, 2, 28, 12), day_of_month=30, hour=12, minute=0, second=0)
    assert charges(local, begun, 2) == ["2026-03-30 12:00:00", "2026-04-30 12:00:00"]


def test_two_months_from_february_are_anchored_in_august(local: "LocalSandbox") -> None:
    begun = begin(local, seconds(2026, 2, 10, 9), "month", 2, day_of_month=31)
    assert worded(begun["billing_cycle_anchor"]) == "2026-08-31 09:00:00"
    assert charges(local, begun, 2) == ["2026-02-28 09:00:00", "2026-04-30 09:00:00"]


@pytest.mark.parametrize(
    ("month", "day", "charged"),
    [
        (7, 1, ["2026-07-01 09:00:00", "2027-07-01 09:00:00"]),
        (2, 29, ["2027-02-28 09:00:00", "2028-02-29 09:00:00"]),
        (2, 31, ["2027-02-28 09:00:00", "2028-02-28 09:00:00"]),
    ],
)
def test_a_year_begins_in_the_month_that_is_given(
    local: "LocalSandbox", month: int, day: int, charged: list[str]
) -> None:
    begun = begin(local, seconds(2026, 3, 10, 9), "year", month=month, day_of_month=day)
    assert charges(local, begun, 2) == charged


def test_what_is_left_until_the_first_boundary_is_charged_unless_proration_is_off(local: "LocalSandbox") -> None:
    local.control("advance", to=seconds(2026, 2, 14, 0))
    config = {"day_of_month": 31, "hour": 0, "minute": 0, "second": 0}
    begun = local.subscription(billing_cycle_anchor_config=config)
    assert begun["latest_invoice"]["total"] == round(2_000 * 14 / 28)


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"billing_cycle_anchor": seconds(2026, 2, 20)}, "billing_cycle_anchor_config"),
        ({"trial_period_days": 3}, "billing_cycle_anchor_config"),
        ({"billing_cycle_anchor_config": {"day_of_month": 32}}, "billing_cycle_anchor_config[day_of_month]"),
        ({"billing_cycle_anchor_config": {"day_of_month": 1, "hour": 24}}, "billing_cycle_anchor_config[hour]"),
        ({"billing_cycle_anchor_config": {"day_of_month": 1, "month": 0}}, "billing_cycle_anchor_config[month]"),
        ({"billing_cycle_anchor_config": {"hour": 1}}, "billing_cycle_anchor_config[day_of_month]"),
        ({"billing_cycle_anchor_config": {"day": 1}}, "billing_cycle_anchor_config[day]"),
    ],
)
def test_what_is_no_day_of_a_calendar_is_refused(local: "LocalSandbox", wrong: dict[str, Any], param: str) -> None:
    customer, price = local.customer(), local.price()
    given = {"billing_cycle_anchor_config": {"day_of_month": 20}, **wrong}
    error = local.refused(
        "POST", "subscriptions", 400, customer=customer["id"], items=[{"price": price["id"]}], **given
    )
    assert error["param"] == param
    assert local.get("subscriptions", customer=customer["id"])["data"] == []


def test_weeks_have_no_day_of_the_month(local: "LocalSandbox") -> None:
    customer, price = local.customer(), local.price(interval="week")
    error = local.refused(
        "POST", "subscriptions", 400, customer=customer["id"], items=[{"price": price["id"]}],
        billing_cycle_anchor_config={"day_of_month": 20},
    )  # fmt: skip
    assert error["param"] == "billing_cycle_anchor_config"
