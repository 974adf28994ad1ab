"""What a customer's plan limits and includes, and the refusals where a limit is reached.

Their members are those of the set-up this replaces: `error`, `tier` or `current_tier`, `feature`, `current_usage`
and `upgrade_url`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import ClassVar

from sqlmodel import Session

from services.errors import UPGRADE_URL, FeatureNotIncluded, NotFound, QuotaReached, Refusal
from services.price_books.plans import Plan
from services.rules.periods import business_date, day_bounds
from services.rules.rate_limits import SECOND_MS, CallLimits, Day, Decision, Limit
from services.subscriptions.choice import live_subscriptions
from services.subscriptions.finding import plan_of, read_subscription
from services.tenants import read_tenant
from services.usage.event_admission import METERED

CACHED_SECONDS = 5
CACHED_MAX = 10_000
MEGABYTE = 1_000_000
NO_TIER = "none"


class RateLimitReached(QuotaReached):
    """429: too many calls. `retry_after` is in seconds."""

    code: ClassVar[str] = "rate_limited"
    title: ClassVar[str] = "Too many calls"


class StorageLimitReached(Refusal):
    """507: what is kept has reached what the plan holds."""

    status: ClassVar[int] = 507
    code: ClassVar[str] = "storage_limit_reached"
    title: ClassVar[str] = "Storage is full"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a plan limits; None is without a limit. The day is that of `timezone`.

    `stopped` names the state of a subscription that is not running: its plan's features are not given.
    """

    tier: str = NO_TIER
    calls: CallLimits = field(default_factory=CallLimits)
    memories_max: int | None = None
    storage_bytes_max: int | None = None
    entitlements: frozenset[str] = frozenset()
    timezone: str = "UTC"
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class StorageUse:
    """What is kept for a customer, or what a request would add to it."""

    memories: int = 0
    embeddings: int = 0
    bytes: int = 0


def limits_of_plan(plan: Plan, *, timezone: str, stopped: str | None = None) -> Limits:
    """The limits a plan sets. A plan that sells more of what resets daily does not refuse calls beyond the day's."""
    sells_more = any(pool.resets_daily and pool.code in plan.overage for pool in plan.pools.values())
    return Limits(
        tier=plan.code,
        calls=CallLimits(
            per_minute=plan.limits.get("calls_per_minute"),
            per_day=plan.limits.get("calls_per_day"),
            concurrent=plan.limits.get("concurrent_requests"),
            day_refuses=not sells_more,
        ),
        memories_max=plan.limits.get("memories"),
        storage_bytes_max=plan.limits.get("storage_bytes"),
        entitlements=frozenset(plan.entitlements),
        timezone=timezone,
        stopped=stopped,
    )


def read_limits(session: Session, *, tenant_id: str) -> Limits:
    """The limits of a tenant's plans. Without a subscription: no limits, and no features. Raises NotFound.

    Calls and what is kept are the account's, so of several subscriptions that run the widest limit counts, and the
    features of all; the tier is named after the main one.
    """
    tenant = read_tenant(session, tenant_id=tenant_id)
    live = live_subscriptions(session, tenant_id=tenant_id)
    running = [each for each in live if each.status in METERED]
    if running:
        return widest([limits_of_plan(plan_of(session, each), timezone=tenant.timezone) for each in running])
    try:
        subscription = live[0] if live else read_subscription(session, tenant_id=tenant_id)
    except NotFound:
        return Limits(timezone=tenant.timezone)
    stopped = str(subscription.status)
    return limits_of_plan(plan_of(session, subscription), timezone=tenant.timezone, stopped=stopped)


def widest(several: Sequence[Limits]) -> Limits:
    """What an account may that has several plans: of each limit the widest, and the features of all."""
    first, calls = several[0], [each.calls for each in several]
    return Limits(
        tier=first.tier,
        calls=CallLimits(
            per_minute=_most(each.per_minute for each in calls),
            per_day=_most(each.per_day for each in calls),
            concurrent=_most(each.concurrent for each in calls),
            day_refuses=all(each.day_refuses for each in calls),
        ),
        memories_max=_most(each.memories_max for each in several),
        storage_bytes_max=_most(each.storage_bytes_max for each in several),
        entitlements=frozenset().union(*(each.entitlements for each in several)),
        timezone=first.timezone,
    )


def _most(limits: Iterable[int | None]) -> int | None:
    known = list(limits)
    return None if None in known else max(most for most in known if most is not None)


def check_feature(limits: Limits, feature: str, *, upgrade_url: str = UPGRADE_URL) -> None:
    """Let a feature be used. Raises FeatureNotIncluded where the plan lacks it or the subscription is not running."""
    if limits.stopped is None and feature in limits.entitlements:
        return
    message = f"Feature '{feature}' not available on {limits.tier} tier"
    if feature in limits.entitlements:
        message = f"Feature '{feature}' not available while the subscription is {limits.stopped}"
    raise FeatureNotIncluded(message, error=message, feature=feature, current_tier=limits.tier, upgrade_url=upgrade_url)


def check_storage(
    limits: Limits, *, kept: StorageUse, added: StorageUse = StorageUse(), upgrade_url: str = UPGRADE_URL
) -> None:
    """Let more be kept. Raises StorageLimitReached where that is full, or would not hold what is added."""
    message = None
    if _is_full(limits.storage_bytes_max, kept.bytes, added.bytes):
        message = f"Storage limit exceeded ({_megabytes(limits.storage_bytes_max)} MB)"
    elif _is_full(limits.memories_max, kept.memories, added.memories):
        message = f"Storage limit exceeded ({limits.memories_max} memories)"
    if message is not None:
        raise StorageLimitReached(
            message, error=message, current_usage=asdict(kept), tier=limits.tier, upgrade_url=upgrade_url
        )


def check_calls(limits: Limits, decision: Decision, *, upgrade_url: str = UPGRADE_URL) -> None:
    """Let a counted call through. Raises RateLimitReached where it was not admitted."""
    if decision.reached is None:
        return
    calls = limits.calls
    said = {
        Limit.MINUTE: f"{calls.per_minute} calls/minute",
        Limit.DAY: f"{calls.per_day} calls/day",
        Limit.CONCURRENCY: f"{calls.concurrent} concurrent requests",
    }[decision.reached]
    message = f"Rate limit exceeded ({said})"
    raise RateLimitReached(
        message,
        error=message,
        tier=limits.tier,
        upgrade_url=upgrade_url,
        retry_after=-(-decision.retry_after_ms // SECOND_MS),
    )


class LimitsCache:
    """The limits of tenants, each for CACHED_SECONDS: a change of plan counts for everybody within that time.

    When they are due again one caller reads them and the others go on with what is known.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, Limits]] = {}

    def find(self, tenant_id: str, *, seconds: float) -> Limits | None:
        """What is known at this reading of a steady clock; None where the caller should `keep` what it reads."""
        kept = self._kept.get(tenant_id)
        if kept is None:
            return None
        due, limits = kept
        if seconds < due:
            return limits
        self._kept[tenant_id] = (seconds + CACHED_SECONDS, limits)
        return None

    def peek(self, tenant_id: str, *, seconds: float) -> Limits | None:
        """The same for who leaves the reading to somebody else: None where it is due, which it stays."""
        due, limits = self._kept.get(tenant_id, (0.0, None))
        return limits if seconds < due else None

    def keep(self, tenant_id: str, limits: Limits, *, seconds: float) -> None:
        if len(self._kept) >= CACHED_MAX:
            self._kept.clear()
        self._kept[tenant_id] = (seconds + CACHED_SECONDS, limits)

    def clear(self) -> None:
        self._kept.clear()


class BusinessDays:
    """The running business day of each time zone, worked out once a day."""

    def __init__(self) -> None:
        self._running: dict[str, Day] = {}

    def day_at(self, at_ms: int, timezone: str) -> Day:
        """The day that contains the moment. Raises InvalidPeriod for an unknown zone."""
        day = self._running.get(timezone)
        if day is None or not day.starts_ms <= at_ms < day.ends_ms:
            at = datetime.fromtimestamp(at_ms // SECOND_MS, UTC)
            starts_at, ends_at = day_bounds(business_date(at, timezone), timezone)
            day = self._running[timezone] = Day(_ms(starts_at), _ms(ends_at))
        return day


def _is_full(most: int | None, kept: int, added: int) -> bool:
    return most is not None and (kept >= most or kept + added > most)


def _megabytes(size_bytes: int | None) -> str:
    whole, rest = divmod(size_bytes or 0, MEGABYTE)
    return f"{whole}" if not rest else f"{whole}.{rest:06d}".rstrip("0")


def _ms(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND_MS
