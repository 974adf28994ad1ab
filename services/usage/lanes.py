"""A lane: where events of one type go during one business day of one period, and what each of them is rated with.

Everything that many events share is worked out once here, so that booking one takes a few microseconds.
"""

from datetime import date, datetime

from models import Subscription
from services.bulk_rows import stored_time
from services.price_books.plans import Meter, Plan
from services.rules.quantities import CREDITS_MAX, MICRO, credits_for, fast_rate
from services.rules.usage_receipts import UsageReceiptForm

WINDOW_MICRO_MAX = CREDITS_MAX * MICRO
"""The most credits of a pool, and units of a meter, in one window: their sums fit 64-bit columns."""

Window = tuple[datetime, datetime]
PurseKey = tuple[str, str]
PoolKey = tuple[str, datetime, str, datetime]
TallyKey = tuple[str, datetime, str]


class Lane:
    """One event type of one subscription from `starts_at` until just before `ends_at`.

    `window` is what one allowance of the pool lasts: the period, or the part of the business day inside it. The keys
    name the purse, the window and the tally the events share with other lanes. While a window has used no more than
    `window_simple_max`, the meter's units cannot be too many for it either.
    """

    __slots__ = (
        "_denominator", "_numerator", "_simple_max", "day", "ends_at", "event_type", "form", "is_daily", "meter",
        "period_start", "period_start_text", "plan", "pool", "pool_key", "purse_key", "sells_overage", "starts_at",
        "subscription", "subscription_id", "tally_key", "window",
        "window_simple_max",
    )  # fmt: skip

    def __init__(
        self, *, subscription: Subscription, plan: Plan, meter: Meter, period: Window, day: date, bounds: Window
    ) -> None:
        self.subscription = subscription
        self.subscription_id = subscription.id
        self.plan = plan
        self.meter = meter
        self.event_type = meter.code
        self.pool = meter.pool
        self.is_daily = plan.pools[meter.pool].resets_daily
        self.sells_overage = meter.pool in plan.overage
        self.day = day
        self.starts_at, self.ends_at = bounds
        self.period_start = period[0]
        self.period_start_text = stored_time(period[0])
        self.window = bounds if self.is_daily else period
        self.purse_key: PurseKey = (subscription.id, meter.pool)
        self.pool_key: PoolKey = (subscription.id, self.period_start, meter.pool, self.window[0])
        self.tally_key: TallyKey = (subscription.id, self.period_start, meter.pool)
        self._numerator, self._denominator, self._simple_max = fast_rate(meter.credits_per_unit)
        self.window_simple_max = int(WINDOW_MICRO_MAX * meter.credits_per_unit)
        self.form: UsageReceiptForm | None = None

    def credits(self, units_micro: int) -> int:
        """Micro-credits these units burn. Raises the RuleViolations of `credits_for`."""
        if 0 <= units_micro <= self._simple_max:
            credits_micro, rest = divmod(units_micro * self._numerator, self._denominator)
            if not rest:
                return credits_micro
        return credits_for(units_micro, self.meter.credits_per_unit)
