"""Prepaid credits: which lots a use spends, and when a threshold is crossed. All in micro-credits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from services.rules.violations import InvalidGrant, InvalidQuantity

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Grant:
    """A lot of credits, usable from `effective_at` until just before `expires_at` (None: never expires).

    Raises InvalidGrant for a time without a zone or a balance below zero.
    """

    id: str
    kind: str
    priority: int
    effective_at: datetime
    expires_at: datetime | None
    granted_at: datetime
    remaining_micro: int

    def __post_init__(self) -> None:
        for moment in (self.effective_at, self.expires_at, self.granted_at):
            if moment is not None and moment.tzinfo is None:
                raise InvalidGrant(f"Grant {self.id} has a time without a time zone.")
        if self.remaining_micro < 0:
            raise InvalidGrant(f"Grant {self.id} has less than nothing left.")

    def covers(self, at: datetime) -> bool:
        """Whether `at` falls in the half-open time the lot can be spent in."""
        return self.effective_at <= at and (self.expires_at is None or at < self.expires_at)


@dataclass(frozen=True, slots=True)
class Burn:
    grant_id: str
    credits_micro: int


@dataclass(frozen=True, slots=True)
class BurnPlan:
    """What each lot gives, in burn order, and what none of them covers."""

    burns: tuple[Burn, ...]
    shortfall_micro: int

    @property
    def burned_micro(self) -> int:
        return sum(burn.credits_micro for burn in self.burns)


def burn_order(grant: Grant) -> tuple[int, datetime, bool, datetime, str]:
    """The total order lots are spent in: lowest priority number, soonest expiry, oldest, id."""
    never = grant.expires_at is None
    return (grant.priority, grant.expires_at or _NEVER, never, grant.granted_at, grant.id)


def plan_burn(grants: Iterable[Grant], credits_micro: int, at: datetime) -> BurnPlan:
    """Spend lowest priority number first, then soonest expiry, then oldest.

    The order is total (it ends with the id), so two runs over the same grants burn the same ones.
    Raises InvalidQuantity for credits below zero and InvalidGrant where two lots share an id.
    """
    left = _checked_credits(credits_micro)
    burns = []
    for grant in _in_order(grants):
        spent = min(left, grant.remaining_micro) if grant.covers(at) else 0
        if spent:
            burns.append(Burn(grant.id, spent))
            left -= spent
    return BurnPlan(tuple(burns), left)


def plan_return(grants: Iterable[Grant], burned_micro: Mapping[str, int], credits_micro: int) -> BurnPlan:
    """Give credits back in the reverse of the order they are burned in, to no lot more than was burned of it.

    `burned_micro` is that by grant id; a lot that it does not name gets nothing. What no lot can take is the shortfall.
    Raises InvalidQuantity for credits below zero and InvalidGrant where two lots share an id.
    """
    left = _checked_credits(credits_micro)
    returns = []
    for grant in reversed(_in_order(grants)):
        given = min(left, burned_micro.get(grant.id, 0))
        if given:
            returns.append(Burn(grant.id, given))
            left -= given
    return BurnPlan(tuple(returns), left)


class Wallet:
    """A running balance for a batch of events: each burn sees what the ones before it left.

    Sorted once; a burn looks only at lots that still hold something. Events may come in any order of time.
    """

    def __init__(self, grants: Iterable[Grant]) -> None:
        self._held = _in_order(grants)
        self._initial_micro = {grant.id: grant.remaining_micro for grant in self._held}
        self._remaining_micro = dict(self._initial_micro)
        self._drop_empty()

    def burn(self, credits_micro: int, at: datetime) -> BurnPlan:
        """Spend now, as `plan_burn` would over the balances as they stand, and remember it."""
        taken, left = self.take(credits_micro, at)
        return BurnPlan(tuple(Burn(*each) for each in taken), left)

    def take(self, credits_micro: int, at: datetime) -> tuple[list[tuple[str, int]], int]:
        """The same, as plain (grant id, credits) pairs and what none of the lots covers."""
        left = _checked_credits(credits_micro)
        taken = []
        emptied = False
        for grant in self._held:
            if not left:
                break
            if not grant.covers(at):
                continue
            held = self._remaining_micro[grant.id]
            spent = left if left < held else held
            self._remaining_micro[grant.id] = held - spent
            taken.append((grant.id, spent))
            left -= spent
            emptied = emptied or spent == held
        if emptied:
            self._drop_empty()
        return taken, left

    def remaining_at(self, at: datetime) -> int:
        """Micro-credits that could be spent at that moment."""
        left = 0
        for grant in self._held:
            if grant.covers(at):
                left += self._remaining_micro[grant.id]
        return left

    def remaining(self, grant_id: str) -> int:
        """Micro-credits left in one lot, usable or not. Raises InvalidGrant for an unknown id."""
        if grant_id not in self._remaining_micro:
            raise InvalidGrant(f"Grant {grant_id} is not in this wallet.")
        return self._remaining_micro[grant_id]

    def burned(self) -> dict[str, int]:
        """Micro-credits taken from each lot that gave any, by grant id."""
        spent = {id: held - self._remaining_micro[id] for id, held in self._initial_micro.items()}
        return {id: micro for id, micro in spent.items() if micro}

    def _drop_empty(self) -> None:
        self._held = [grant for grant in self._held if self._remaining_micro[grant.id]]


def crossings(
    *, used_before_micro: int, used_after_micro: int, capacity_micro: int, thresholds_pct: tuple[int, ...]
) -> tuple[int, ...]:
    """The thresholds (percent of capacity, rising) that going from one use to the other reaches.

    A threshold is reached at exactly its percentage. With no capacity at all, the first use reaches 100 %
    and above, and nothing lower. Raises InvalidQuantity for a threshold below 1 or a capacity below zero.
    """
    if capacity_micro < 0:
        raise InvalidQuantity("Capacity cannot be below zero.")
    if any(pct < 1 for pct in thresholds_pct):
        raise InvalidQuantity("A threshold is at least 1 percent.")
    rising = sorted(set(thresholds_pct))
    if capacity_micro == 0:
        begun = used_before_micro <= 0 < used_after_micro
        return tuple(pct for pct in rising if begun and pct >= 100)
    before, after = used_before_micro * 100, used_after_micro * 100
    return tuple(pct for pct in rising if before < pct * capacity_micro <= after)


def _in_order(grants: Iterable[Grant]) -> list[Grant]:
    ordered = sorted(grants, key=burn_order)
    if len({grant.id for grant in ordered}) != len(ordered):
        raise InvalidGrant("Two grants share an id; each lot needs its own.")
    return ordered


def _checked_credits(credits_micro: int) -> int:
    if credits_micro < 0:
        raise InvalidQuantity("Credits to burn cannot be below zero.")
    return credits_micro
