"""Where a cycle is anchored and its first period ends: at the end of a trial, at a moment or by a day of the calendar.

A day that a month does not have is its last. So the first boundary may be on 28 February while the anchor, which names
the day of every later one, is the next month on the way that has that day.
"""

import math
from calendar import monthrange
from datetime import UTC, datetime
from typing import Any

from services.stripe_sandbox.billing.periods import MONTHS, boundary_after
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.errors import StripeError

STEPS_MAX = 50
"""How many boundaries are looked at for the day: 29 February is found after eight years at most."""


def first_anchor(recurring: Document, params: dict[str, Any], at: int, trial_end: int | None) -> tuple[int, int]:
    """The anchor for the parameters of `subscriptions.create`, and the end of the first period. Raises StripeError."""
    interval, count = recurring["interval"], recurring["interval_count"]
    config = params.get("billing_cycle_anchor_config")
    if config is not None:
        _check_config(params, recurring)
        return _by_calendar(config, MONTHS[interval] * count, at)
    anchor = params.get("billing_cycle_anchor", trial_end or at)
    if anchor < at:
        raise StripeError("billing_cycle_anchor cannot be in the past.", param="billing_cycle_anchor")
    if anchor > boundary_after(at, interval, count, at) and trial_end is None:
        message = "billing_cycle_anchor cannot be later than the first natural billing date."
        raise StripeError(message, param="billing_cycle_anchor")
    return anchor, trial_end or (anchor if anchor > at else boundary_after(anchor, interval, count, at))


def shown_config(params: dict[str, Any]) -> Document | None:
    """The calendar day as a subscription shows it: null where it takes the time of the creation."""
    given = params.get("billing_cycle_anchor_config")
    names = ("day_of_month", "hour", "minute", "month", "second")
    return None if given is None else {name: given.get(name) for name in names}


def _check_config(params: dict[str, Any], recurring: Document) -> None:
    name = "billing_cycle_anchor_config"
    if "billing_cycle_anchor" in params:
        message = f"You may only specify one of these parameters: billing_cycle_anchor, {name}."
        raise StripeError(message, param=name)
    if recurring["interval"] not in MONTHS:
        raise StripeError(f"{name} can only be used with prices with a monthly or yearly interval.", param=name)
    if params.get("trial_end", "now") != "now" or params.get("trial_period_days"):
        raise StripeError(f"This sandbox does not combine {name} with a trial.", param=name)


def _by_calendar(config: dict[str, Any], months: int, at: int) -> tuple[int, int]:
    """The first boundary is later than now and in a month of the cycle: any, or one that leads to the month given."""
    now = datetime.fromtimestamp(at, UTC)
    day, wanted = config["day_of_month"], config.get("month")
    time = (config.get("hour", now.hour), config.get("minute", now.minute), config.get("second", now.second))

    def boundary(index: int) -> int:
        year, month = index // 12, index % 12 + 1
        return int(datetime(year, month, min(day, monthrange(year, month)[1]), *time, tzinfo=UTC).timestamp())

    def is_anchor(index: int) -> bool:
        year, month = index // 12, index % 12 + 1
        return monthrange(year, month)[1] >= day and wanted in (None, month)

    index = now.year * 12 + now.month - 1
    while boundary(index) <= at or (wanted is not None and (index + 1 - wanted) % math.gcd(months, 12)):
        index += 1
    anchors = (step for step in range(index, index + months * STEPS_MAX, months) if is_anchor(step))
    return boundary(next(anchors, index)), boundary(index)
