"""A second, deliberately simple billing engine, written from the published semantics alone.

It shares no code with the product: the standard library, exact fractions, plain lists, everything worked out anew from
the whole history at each close. It is slow and it is meant to be read. `test_oracle.py` compares the two.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from math import ceil, floor
from zoneinfo import ZoneInfo

GRACE = timedelta(hours=1)
MICRO = 1_000_000
TICK = timedelta(microseconds=1)


def to_utc(local: datetime, zone: ZoneInfo) -> datetime:
    """The first moment at which clocks there show `local`; where they skip it, what they would have shown unskipped."""
    around = {(local.replace(tzinfo=UTC) + timedelta(hours=h)).astimezone(zone).utcoffset() for h in range(-36, 37)}
    moments = sorted(local.replace(tzinfo=UTC) - offset for offset in around if offset is not None)
    for moment in moments:
        if moment.astimezone(zone).replace(tzinfo=None) == local:
            return moment
    before = (moments[0] - timedelta(hours=6)).astimezone(zone).utcoffset()
    assert before is not None
    return local.replace(tzinfo=UTC) - before


def add_months(anchor: datetime, zone: ZoneInfo, months: int) -> datetime:
    """The anchor's wall time so many months on; a day the month does not have becomes its last."""
    if months == 0:
        return anchor
    local = anchor.astimezone(zone).replace(tzinfo=None)
    year, month = local.year + (local.month - 1 + months) // 12, (local.month - 1 + months) % 12 + 1
    day = local.day
    while True:
        try:
            return to_utc(local.replace(year=year, month=month, day=day), zone)
        except ValueError:
            day -= 1


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return to_utc(datetime.combine(day, time()), zone)


def rounded(amount: Fraction) -> int:
    """Half away from zero."""
    return floor(amount + Fraction(1, 2)) if amount >= 0 else ceil(amount - Fraction(1, 2))


def price(charge: dict, quantity: Fraction) -> Fraction:
    """What a quantity costs in major units: included, then the model, then minimum and maximum."""
    left = max(Fraction(0), quantity - Fraction(charge.get("included", "0")))
    model = charge["model"]
    if model == "flat":
        cost = Fraction(charge["amount"])
    elif left == 0:
        cost = Fraction(0)
    elif model == "per_unit":
        cost = left * Fraction(charge["unit_price"])
    elif model == "package":
        cost = ceil(left / Fraction(charge["package_size"])) * Fraction(charge["package_price"])
    elif model == "volume":
        tier = next(t for t in charge["tiers"] if "up_to" not in t or left <= Fraction(t["up_to"]))
        cost = left * Fraction(tier["unit_price"]) + Fraction(tier.get("flat_fee", "0"))
    else:
        cost, below = Fraction(0), Fraction(0)
        for tier in charge["tiers"]:
            top = left if "up_to" not in tier else min(left, Fraction(tier["up_to"]))
            if top > below:
                cost += (top - below) * Fraction(tier["unit_price"]) + Fraction(tier.get("flat_fee", "0"))
                below = top
    if "minimum" in charge:
        cost = max(cost, Fraction(charge["minimum"]))
    if "maximum" in charge:
        cost = min(cost, Fraction(charge["maximum"]))
    return cost


@dataclass
class Lot:
    """Credits of a pool for events that happen in [start, end), and the plan that gave them."""

    pool: str
    start: datetime
    end: datetime
    left: int
    plan: dict


@dataclass
class Segment:
    """A stretch of a period on one plan. `over` and `billed` are overage in millionths, by pool.

    `unpaid` where it is the plan without a fee that is had because an invoice is not paid.
    """

    start: datetime
    end: datetime
    plan: dict
    unpaid: bool = False
    over: dict[str, int] = field(default_factory=dict)
    billed: dict[str, int] = field(default_factory=dict)


@dataclass
class Bill:
    """What was billed for a period: (kind, minor units) of each line, in any order, and of each tax."""

    start: datetime
    end: datetime
    lines: list[tuple[str, int]]

    @property
    def total(self) -> int:
        return sum(amount for _, amount in self.lines)


@dataclass
class Fee:
    """A base fee in force: minor units for the term [start, end)."""

    amount: int
    interval: str
    start: datetime
    end: datetime

    def rest(self, at: datetime) -> int:
        """What of it is for the time from `at` on."""
        return rounded(self.amount * Fraction((self.end - at) / TICK) / Fraction((self.end - self.start) / TICK))


class Account:
    """One subscription from its start. `book` is a price book as data; `digits` are the currency's, `taxes` in %."""

    def __init__(
        self, book: dict, *, plan: str, timezone: str, digits: int, interval: str, start: datetime,
        trial_end: datetime | None = None, taxes: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self.book, self.digits, self.interval, self.taxes = book, digits, interval, taxes
        self.zone = ZoneInfo(timezone)
        self.plan = self.named(plan)
        self.lots: list[Lot] = []
        self.segments: list[Segment] = []
        self.snapshots: list[tuple[datetime, int, int]] = []
        self.bills: list[Bill] = []
        self.waiting: list[tuple[str, int]] = []
        self.credits: list[int] = []
        self.fee: Fee | None = None
        self.paid_until: datetime | None = None
        self.later: tuple[datetime, str, str] | None = None
        self.ends: datetime | None = None
        self.former: dict | None = None
        self.in_trial = trial_end is not None
        self.anchor = trial_end or start
        self.index = -1 if trial_end else 0
        self.period = (start, trial_end or add_months(start, self.zone, 1))
        self.open_period()
        if trial_end is None:
            lines = self.base_lines(start)
            if lines:
                self.bills.append(Bill(*self.period, self.with_taxes(lines)))

    # --- plans -------------------------------------------------------------------------------------------------------

    def named(self, code: str) -> dict:
        return next(plan for plan in self.book["plans"] if plan["code"] == code)

    def minor(self, major: Fraction) -> int:
        return rounded(major * 10**self.digits)

    def base_of(self, plan: dict, interval: str) -> int:
        """The base fee of a month, or of a year less the discount, in minor units."""
        monthly = Fraction(plan["base_price"])
        if interval == "month":
            return self.minor(monthly)
        return self.minor(monthly * 12 * (1 - Fraction(self.book["annual_discount_pct"]) / 100))

    def base_lines(self, starts: datetime) -> list[tuple[str, int]]:
        """The fee that falls due as the period at `starts` begins; it is charged in advance."""
        months = self.index + (1 if self.interval == "month" else 12)
        if self.interval == "year" and self.paid_until is not None and starts < self.paid_until:
            return []
        amount = self.base_of(self.plan, self.interval)
        if Fraction(self.plan["base_price"]) == 0:
            return []
        self.paid_until = add_months(self.anchor, self.zone, months)
        self.fee = Fee(amount, self.interval, starts, self.paid_until)
        return [("base", amount)]

    # --- changes -----------------------------------------------------------------------------------------------------

    def change(self, code: str, interval: str, at: datetime) -> bool:
        """Another plan or interval, now where it pays nothing back and is no cheaper, else as what is paid runs out.

        It takes the place of whatever was to come, an end too.
        """
        if self.is_over or at >= self.period[1] or self.former is not None:
            return False
        then, before = self.named(code), self.plan
        if (then["code"], interval) == (before["code"], self.interval):
            return False
        paid = self.fee if self.fee is not None and self.fee.start <= at < self.fee.end else None
        if Fraction(before["base_price"]) == 0:
            paid = None
        lines: list[tuple[str, int]] = []
        new = self.new_fee(then, interval, paid)
        if not self.in_trial:
            lines += [] if paid is None else [("proration", -paid.rest(at))]
            lines += [] if new.amount == 0 else [("proration", new.rest(at))]
        shortens = paid is not None and paid.interval == "year" and interval == "month"
        had = [segment.plan["code"] for segment in self.segments if self.period[0] <= segment.start < self.period[1]]
        goes_back = then is not before and then["code"] in had
        may_be_now = not shortens and not goes_back and sum(amount for _, amount in lines) >= 0
        is_cheaper = Fraction(then["base_price"]) < Fraction(before["base_price"])
        if not may_be_now or (is_cheaper and not self.in_trial):
            self.later = (paid.end if paid is not None and paid.interval == "year" else self.period[1], code, interval)
            self.ends = None
            return True
        if then is not before:
            self.cut(then, at)
        self.waiting += lines
        self.plan, self.interval, self.later, self.ends = then, interval, None, None
        if not self.in_trial and Fraction(then["base_price"]) > 0:
            self.fee, self.paid_until = new, new.end
        return True

    def new_fee(self, plan: dict, interval: str, paid: Fee | None) -> Fee:
        """The fee for the term that runs: that of the one before, or the month or year that begins with the period."""
        if paid is not None and paid.interval == interval:
            start, end = paid.start, paid.end
        elif interval == "month":
            start, end = self.period
        else:
            start, end = self.period[0], add_months(self.anchor, self.zone, self.index + 12)
        return Fee(self.base_of(plan, interval), interval, start, end)

    def cut(self, then: dict, at: datetime) -> None:
        """From here on another plan: what it includes more is added by the share of the period that is left."""
        start, end = self.period
        running = self.segments[-1]
        self.segments.append(Segment(at, running.end, then))
        running.end = at
        for pool in self.book["pools"]:
            old, new = (int(Fraction(plan["allowances"].get(pool, "0")) * MICRO) for plan in (running.plan, then))
            share = Fraction((end - at) / TICK) / Fraction((end - start) / TICK)
            more = floor(max(0, new - old) * share)
            if more:
                self.lots.append(Lot(pool, at, end, more, then))

    def move(self, at: datetime) -> bool:
        """An invoice is not paid: on to the plan without a fee. What is left of the lots waits, all but what that plan
        gave itself; it gives its share of the rest of the period, where it gave nothing in the period before.
        """
        code = self.plan.get("after_dunning")
        if self.is_over or at >= self.period[1] or self.in_trial or code is None or not self.bills:
            return False
        start, end = self.period
        then, running = self.named(code), self.segments[-1]
        for lot in self.lots_of_period():
            lot.end = end if lot.plan is then else at
        if not any(segment.plan is then for segment in self.segments if start <= segment.start < end):
            share = Fraction((end - at) / TICK) / Fraction((end - start) / TICK)
            for pool, amount in then["allowances"].items():
                self.lots.append(Lot(pool, at, end, floor(int(Fraction(amount) * MICRO) * share), then))
        self.segments.append(Segment(at, running.end, then, unpaid=True))
        running.end = at
        self.former, self.plan, self.later = self.plan, then, None
        return True

    def go_back(self, at: datetime) -> bool:
        """It is paid: back to the plan of before, with what waited, and charged for what no fee is charged for yet."""
        if self.former is None or self.is_over or at >= self.period[1]:
            return False
        start, end = self.period
        then, running = self.former, self.segments[-1]
        if any(segment.unpaid for segment in self.segments if start <= segment.start < end):
            self.segments.append(Segment(at, running.end, then))
            running.end = at
            for lot in self.lots_of_period():
                lot.end = end
        else:
            self.cut(then, at)
        assert self.paid_until is not None
        if self.paid_until < end:
            self.fee = self.new_fee(then, self.interval, None)
            self.waiting.append(("proration", self.fee.rest(max(at, self.paid_until))))
            self.paid_until = self.fee.end
        self.plan, self.former = then, None
        return True

    def lots_of_period(self) -> list[Lot]:
        return [lot for lot in self.lots if self.period[0] <= lot.start < self.period[1]]

    def cancel(self, at: datetime) -> bool:
        """End as what is paid runs out."""
        if self.is_over or at >= self.period[1]:
            return False
        paid = self.fee if self.fee is not None and self.fee.start <= at < self.fee.end else None
        charged = self.plan if self.former is None else self.former
        is_year = paid is not None and paid.interval == "year" and Fraction(charged["base_price"]) > 0
        assert paid is not None or not is_year
        self.ends = paid.end if paid is not None and is_year else self.period[1]
        self.later = None
        return True

    def void(self) -> int:
        """Take the newest bill back; what it came to. Nothing else is billed anew, and one of nothing is paid."""
        if not self.bills or sum(amount for _, amount in self.bills[-1].lines) <= 0:
            return 0
        return sum(amount for _, amount in self.bills[-1].lines)

    def owe(self, amount: int) -> bool:
        """A share of savings that the customer agreed to: on the next bill, if there is one; nothing is no line."""
        if amount and self.is_over:
            return False
        self.waiting += [("gain_share", amount)] if amount else []
        return True

    def plan_from(self, starts: datetime) -> tuple[dict, str]:
        """The plan and interval of a period that begins then."""
        if self.later is not None and self.later[0] <= starts:
            return self.named(self.later[1]), self.later[2]
        return self.plan, self.interval

    # --- use ---------------------------------------------------------------------------------------------------------

    def open_period(self) -> None:
        start, end = self.period
        plan, _ = self.plan_from(start)
        self.segments.append(Segment(start, end, plan))
        for pool, amount in plan["allowances"].items():
            if self.book["pools"][pool].get("resets", "period") == "period":
                self.lots.append(Lot(pool, start, end, int(Fraction(amount) * MICRO), plan))

    def use(self, event_type: str, units: str, occurred: datetime) -> bool:
        """Burn what an event burns; False where it is refused: nothing is left and no more is sold, or it is over.

        After an end late events are taken for the grace, until the last close.
        """
        if self.is_over or (self.ends is not None and occurred >= self.ends):
            return False
        while self.segments[-1].end <= occurred:
            self.begin_next_before_close()
        segment = next(s for s in self.segments if s.start <= occurred < s.end)
        meter = self.book["meters"][event_type]
        pool = meter["pool"]
        wanted = int(Fraction(units) * Fraction(meter["credits_per_unit"]) * MICRO)
        if self.book["pools"][pool].get("resets", "period") == "day":
            self.open_day(segment, pool, occurred)
        usable = [lot for lot in self.lots if lot.pool == pool and lot.start <= occurred < lot.end]
        usable.sort(key=lambda lot: (lot.end, lot.start))
        missing = wanted - sum(lot.left for lot in usable)
        if missing > 0 and pool not in segment.plan["overage"]:
            return False
        for lot in usable:
            taken = min(lot.left, wanted)
            lot.left -= taken
            wanted -= taken
        if wanted:
            segment.over[pool] = segment.over.get(pool, 0) + wanted
        return True

    def open_day(self, segment: Segment, pool: str, occurred: datetime) -> None:
        """The allowance of one business day, for a pool that begins anew each day."""
        day = occurred.astimezone(self.zone).date()
        start, end = midnight(day, self.zone), midnight(day + timedelta(days=1), self.zone)
        amount = int(Fraction(segment.plan["allowances"].get(pool, "0")) * MICRO)
        if amount and not any(lot.pool == pool and lot.start == start for lot in self.lots):
            self.lots.append(Lot(pool, start, end, amount, segment.plan))

    def begin_next_before_close(self) -> None:
        """A period that has begun takes events though the one before it is not closed yet."""
        keep = self.period, self.index
        self.period = self.following()
        self.open_period()
        self.period, self.index = keep

    def following(self) -> tuple[datetime, datetime]:
        return (
            add_months(self.anchor, self.zone, self.index + 1),
            add_months(self.anchor, self.zone, self.index + 2),
        )

    def count_assets(self, captured: datetime, count: int) -> None:
        self.snapshots.append((captured, len(self.snapshots), count))

    # --- closing -----------------------------------------------------------------------------------------------------

    def close_due(self, at: datetime) -> None:
        while not self.is_over and at >= self.period[1] + GRACE:
            self.close()

    @property
    def is_over(self) -> bool:
        return self.ends is not None and self.period[0] >= self.ends

    def close(self) -> None:
        start, end = self.period
        closing = [s for s in self.segments if start <= s.start < end]
        lines = self.asset_lines(self.longest(closing), start, end)
        for segment in self.segments:
            if segment.start < end:
                lines += self.use_lines(segment, late=segment not in closing)
        following = self.following()
        self.index += 1
        is_last = self.ends is not None and end >= self.ends
        if not is_last:
            self.plan, self.interval = self.plan_from(following[0])
            if self.later is not None and self.later[0] <= following[0]:
                self.later = None
            self.in_trial = False
            lines += self.base_lines(following[0])
        lines += self.waiting
        self.waiting = []
        if lines or not is_last:
            self.bills.append(Bill(start, end, self.with_taxes(self.with_credit(lines))))
        self.period = following
        if not is_last and self.segments[-1].end <= following[0]:
            self.open_period()

    def with_credit(self, lines: list[tuple[str, int]]) -> list[tuple[str, int]]:
        """An invoice comes to nothing at the least; what is left of a credit goes on to the next one that is not."""
        if sum(amount for _, amount in lines) > 0:
            lines = [*lines, *(("carried", -credit) for credit in self.credits)]
            self.credits = []
        left = sum(amount for _, amount in lines)
        if left < 0:
            self.credits.append(-left)
            lines = [*lines, ("carried", -left)]
        return lines

    def with_taxes(self, lines: list[tuple[str, int]]) -> list[tuple[str, int]]:
        """Each tax is of all that is billed before tax, and rounded once."""
        before = sum(amount for _, amount in lines)
        return [*lines, *(("tax", rounded(before * Fraction(tax) / 100)) for tax in self.taxes)]

    def longest(self, segments: list[Segment]) -> dict:
        """The plan of most of a period, of equals the last."""
        spans: list[tuple[timedelta, int]] = []
        for index, segment in enumerate(segments):
            alike = [s for s in segments if s.plan["code"] == segment.plan["code"]]
            spans.append((sum((s.end - s.start for s in alike), timedelta()), index))
        return segments[max(spans)[1]].plan

    def asset_lines(self, plan: dict, start: datetime, end: datetime) -> list[tuple[str, int]]:
        terms = plan.get("assets")
        inside = sorted(s for s in self.snapshots if start <= s[0] < end)
        if terms is None or not inside:
            return []
        if terms["basis"] == "latest":
            count = Fraction(inside[-1][2])
        elif terms["basis"] == "peak":
            count = Fraction(max(s[2] for s in inside))
        else:
            count = Fraction(rounded(Fraction(sum(s[2] for s in inside), len(inside)) * MICRO), MICRO)
        cost = price(terms, count)
        return [("asset_uplift", self.minor(cost))] if cost else []

    def use_lines(self, segment: Segment, *, late: bool) -> list[tuple[str, int]]:
        lines = []
        for pool, over in segment.over.items():
            before = segment.billed.get(pool, 0)
            if over == before:
                continue
            now, then = (self.over_cost(segment, pool, micro) for micro in (over, before))
            lines.append(("late_usage" if late else "overage", now - then))
            segment.billed[pool] = over
        return lines

    def over_cost(self, segment: Segment, pool: str, micro: int) -> int:
        return self.minor(price(segment.plan["overage"][pool], Fraction(micro, MICRO))) if micro else 0
