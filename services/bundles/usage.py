"""Adding up usage as it goes by: what each receipt burned, and the sums that the bills in the bundle ask for.

What is kept is one running sum for each line of a bill, however many receipts there are.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from services.errors import InvalidBundle, Unverifiable
from services.price_books.plans import Plan
from services.rules.log_ranges import RangeRoot
from services.rules.log_steps import Use
from services.rules.quantities import MICRO

LEAVES_BATCH = 1_024
DAYS_MAX = 400
"""Business days in one period."""

SUMS_MAX = 2_000
"""Lines of bills that may sum the same use: more than a hundred years of months."""

ROUTES_MAX = 10_000
"""Pairs of a subscription and a meter that are looked up once; beyond, they are looked up again."""

_POWERS = tuple(10**digits for digits in range(13))


class Asked(NamedTuple):
    """What a bill sums: a subscription's use that happened in a period, numbered `first_seq` to `last_seq`.

    With `price` and `pool`, what was rated by that plan in that pool; with neither, all of it, pool by pool.
    """

    subscription: str
    start: str
    end: str
    first_seq: int
    last_seq: int
    price: str | None = None
    pool: str | None = None


@dataclass(slots=True)
class PoolSum:
    """The receipts of one pool, summed. Credits are in millionths; `days` is (used, overage) by business day.

    `taken_back_micro` is what corrections gave back to lots.
    """

    count: int = 0
    first_seq: int = 0
    last_seq: int = 0
    used_micro: int = 0
    overage_micro: int = 0
    taken_back_micro: int = 0
    days: dict[str, tuple[int, int]] | None = None
    _root: RangeRoot = field(default_factory=lambda: RangeRoot(0, ()))
    _leaves: list[bytes] = field(default_factory=list)

    def add(self, seq: int, use: Use, leaf: bytes) -> None:
        self.count += 1
        self.first_seq = self.first_seq or seq
        self.last_seq = seq
        self.used_micro += use.credits_micro
        self.overage_micro += use.overage_micro
        if use.credits_micro < 0:
            self.taken_back_micro += use.overage_micro - use.credits_micro
        self._leaves.append(leaf)
        if len(self._leaves) == LEAVES_BATCH:
            self.root()
        if self.days is not None and use.day is not None:
            used, overage = self.days.get(use.day, (0, 0))
            self.days[use.day] = used + use.credits_micro, overage + use.overage_micro
            if len(self.days) > DAYS_MAX:
                raise Unverifiable(f"Receipt {seq} is of one business day more than the {DAYS_MAX} a period can have.")

    def root(self) -> bytes:
        """The RFC 9162 root over the receipts' hashes."""
        self._root.extend(self._leaves)
        self._leaves = []
        return self._root.root()

    def covered(self, allowance_micro: int) -> bool:
        """Whether what is not overage is at least what the allowance covers, day by day where it is a daily one."""
        windows: Iterable[tuple[int, int]] = [(self.used_micro, self.overage_micro)]
        if self.days is not None:
            windows = self.days.values()
        return all(used - overage >= min(used, allowance_micro) for used, overage in windows)


@dataclass(slots=True)
class MeterTotal:
    """What one meter counted in the whole bundle. Credits are in millionths; corrections are taken off."""

    metric: str
    receipts: int = 0
    credits_micro: int = 0
    overage_micro: int = 0


class _Route(NamedTuple):
    """Where the use of one subscription, plan and meter goes, and how many credits a unit burns."""

    numerator: int
    denominator: int
    is_daily: bool
    sums: list[tuple[Asked, PoolSum]]
    total: MeterTotal


class UsageSums:
    """The sums of a bundle. `plans` are those it carries, `asked` what its bills say they sum."""

    def __init__(self, plans: Mapping[str, Plan], asked: Iterable[Asked]) -> None:
        self.totals: dict[str, MeterTotal] = {}
        self._plans = plans
        self._sums: dict[Asked, dict[str, PoolSum]] = {key: {} for key in asked}
        self._asked: dict[str, list[Asked]] = {}
        for key in self._sums:
            self._asked.setdefault(key.subscription, []).append(key)
        self._routes: dict[tuple[str, str, str], _Route] = {}

    def sums_of(self, asked: Asked) -> Mapping[str, PoolSum]:
        """The sums that were asked for, by pool; pools with no receipt are left out."""
        return {pool: total for pool, total in self._sums[asked].items() if total.count}

    def take(self, seq: int, use: Use, leaf: bytes) -> None:
        """Check that a use burned what its meter says, and add it up.

        Raises InvalidBundle where it did not, and Unverifiable where its plan is not in the bundle.
        """
        route = self._routes.get((use.subscription, use.price, use.metric)) or self._open(seq, use)
        whole, _, part = use.units.partition(".")
        if use.credits_micro * route.denominator * _POWERS[len(part)] != int(whole + part) * route.numerator:
            raise InvalidBundle(
                f"Receipt {seq} burned {use.credits_micro} millionths of a credit for {use.units} units; its meter "
                f"{use.metric} says otherwise.",
                seq=seq,
            )
        if route.is_daily and not _is_near(use.day, use.happened[:10]):
            raise InvalidBundle(f"Receipt {seq} does not say the business day it happened on.", seq=seq)
        total = route.total
        total.receipts += 1
        total.credits_micro += use.credits_micro
        total.overage_micro += use.overage_micro
        for asked, pool_sum in route.sums:
            if asked.first_seq <= seq <= asked.last_seq and asked.start <= use.happened < asked.end:
                pool_sum.add(seq, use, leaf)

    def _open(self, seq: int, use: Use) -> _Route:
        plan = self._plans.get(use.price)
        if plan is None:
            raise Unverifiable(f"The plan that receipt {seq} is rated with is not in the bundle.", seq=seq)
        meter = plan.meters.get(use.metric)
        if meter is None:
            raise InvalidBundle(f"The plan that receipt {seq} is rated with has no meter {use.metric}.", seq=seq)
        pool = plan.pools[meter.pool]
        sums = []
        for asked in self._asked.get(use.subscription, ()):
            if (asked.price, asked.pool) in {(None, None), (use.price, pool.code)}:
                days: dict[str, tuple[int, int]] | None = {} if pool.resets_daily else None
                sums.append((asked, self._sums[asked].setdefault(pool.code, PoolSum(days=days))))
        if len(sums) > SUMS_MAX:
            raise Unverifiable(f"More than {SUMS_MAX:,} lines of bills sum what receipt {seq} is part of.", seq=seq)
        if len(self._routes) >= ROUTES_MAX:
            self._routes.clear()
        total = self.totals.setdefault(use.metric, MeterTotal(use.metric))
        numerator, denominator = meter.credits_per_unit.as_integer_ratio()
        route = _Route(numerator * MICRO, denominator, pool.resets_daily, sums, total)
        self._routes[use.subscription, use.price, use.metric] = route
        return route


@lru_cache(maxsize=4_096)
def _is_near(day: str | None, happened: str) -> bool:
    """Whether a business day is the UTC date of what happened on it, or the one before or after."""
    return day is not None and abs((date.fromisoformat(day) - date.fromisoformat(happened)).days) <= 1
