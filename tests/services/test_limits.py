"""What a plan limits and includes, and the refusals with the members of the set-up this replaces."""

from datetime import UTC, datetime

import pytest
from sqlmodel import Session

from models import Subscription, SubscriptionStatus
from services.errors import FeatureNotIncluded
from services.identity import create_tenant
from services.limits import (
    CACHED_SECONDS,
    BusinessDays,
    Limits,
    LimitsCache,
    RateLimitReached,
    StorageLimitReached,
    StorageUse,
    check_calls,
    check_feature,
    check_storage,
    read_limits,
)
from services.rules.rate_limits import CallLimits, Calls, Day
from tests.given import NOON, customer

FREE = Limits("free", CallLimits(10, 100, 2), 1_000, 100_000_000, frozenset({"semantic_search"}))
PRO = Limits("pro", CallLimits(100, 10_000, 10), 100_000, 10_000_000_000, frozenset({"federation"}))
HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("plan", "calls"),
    [("free", CallLimits(10, 100, 2, day_refuses=True)), ("pro", CallLimits(100, 10_000, 10, day_refuses=False))],
)
def test_the_limits_of_a_plan_are_those_of_its_price_book(session: Session, plan: str, calls: CallLimits) -> None:
    one = customer(session, plan=f"memory-cloud/{plan}", currency="USD", timezone="Asia/Tokyo")
    limits = read_limits(session, tenant_id=one.tenant_id)
    assert (limits.tier, limits.calls, limits.timezone) == (plan, calls, "Asia/Tokyo")
    assert (limits.memories_max, limits.storage_bytes_max) == {
        "free": (1_000, 100_000_000), "pro": (100_000, 10_000_000_000)
    }[plan]  # fmt: skip
    assert ("federation" in limits.entitlements) == (plan == "pro")


def test_a_plan_without_limits_has_none(session: Session) -> None:
    limits = read_limits(session, tenant_id=customer(session).tenant_id)
    assert limits.calls.is_unlimited
    assert (limits.tier, limits.memories_max, limits.storage_bytes_max) == ("PRO", None, None)
    check_storage(limits, kept=StorageUse(10**12, 10**12, 10**18))


def test_without_a_subscription_there_are_no_limits_and_no_features(session: Session) -> None:
    tenant = create_tenant(session, name="New", currency="USD", timezone="UTC", at=NOON)
    limits = read_limits(session, tenant_id=tenant.id)
    assert limits.calls.is_unlimited
    with pytest.raises(FeatureNotIncluded, match="not available on none tier"):
        check_feature(limits, "federation")


def test_a_subscription_that_does_not_run_gives_no_feature(session: Session) -> None:
    one = customer(session, plan="memory-cloud/pro", currency="USD")
    subscription = session.get_one(Subscription, (one.tenant_id, one.subscription_id))
    check_feature(read_limits(session, tenant_id=one.tenant_id), "federation")
    subscription.status, subscription.rests_since = SubscriptionStatus.SUSPENDED, NOON
    session.flush()
    with pytest.raises(FeatureNotIncluded, match="while the subscription is suspended"):
        check_feature(read_limits(session, tenant_id=one.tenant_id), "federation")


def test_a_feature_refusal_has_the_seeds_members() -> None:
    with pytest.raises(FeatureNotIncluded) as refused:
        check_feature(FREE, "federation", upgrade_url="/billing/upgrade")
    assert (refused.value.status, refused.value.members) == (
        403,
        {
            "error": "Feature 'federation' not available on free tier",
            "feature": "federation",
            "current_tier": "free",
            "upgrade_url": "/billing/upgrade",
        },
    )


def test_a_storage_refusal_has_the_seeds_members() -> None:
    with pytest.raises(StorageLimitReached) as refused:
        check_storage(PRO, kept=StorageUse(95_000, 95_000, 10_500_000_000), upgrade_url="/billing/upgrade")
    assert (refused.value.status, refused.value.members) == (
        507,
        {
            "error": "Storage limit exceeded (10000 MB)",
            "current_usage": {"memories": 95_000, "embeddings": 95_000, "bytes": 10_500_000_000},
            "tier": "pro",
            "upgrade_url": "/billing/upgrade",
        },
    )


@pytest.mark.parametrize(
    ("kept", "added", "error"),
    [
        (StorageUse(bytes=99_999_999), StorageUse(bytes=1), None),
        (StorageUse(bytes=99_999_999), StorageUse(bytes=2), "Storage limit exceeded (100 MB)"),
        (StorageUse(bytes=100_000_000), StorageUse(), "Storage limit exceeded (100 MB)"),
        (StorageUse(memories=999), StorageUse(memories=1), None),
        (StorageUse(memories=1_000), StorageUse(), "Storage limit exceeded (1000 memories)"),
        (StorageUse(memories=999), StorageUse(memories=2), "Storage limit exceeded (1000 memories)"),
    ],
)
def test_storage_can_be_filled_and_not_overfilled(kept: StorageUse, added: StorageUse, error: str | None) -> None:
    if error is None:
        check_storage(FREE, kept=kept, added=added)
        return
    with pytest.raises(StorageLimitReached) as refused:
        check_storage(FREE, kept=kept, added=added)
    assert refused.value.detail == error


@pytest.mark.parametrize(
    ("limits", "error", "retry_after"),
    [
        (CallLimits(per_minute=100), "Rate limit exceeded (100 calls/minute)", 61),
        (CallLimits(per_day=100), "Rate limit exceeded (100 calls/day)", 3_600),
        (CallLimits(concurrent=100), "Rate limit exceeded (100 concurrent requests)", 1),
    ],
)
def test_a_call_refusal_has_the_seeds_members(limits: CallLimits, error: str, retry_after: int) -> None:
    calls, pro = Calls(), Limits("pro", limits)
    for number in range(100):
        check_calls(pro, calls.admit(limits, at_ms=0, day=Day(0, HOUR_MS), lease=f"{number}", lease_ms=HOUR_MS))
    with pytest.raises(RateLimitReached) as refused:
        check_calls(pro, calls.admit(limits, at_ms=0, day=Day(0, HOUR_MS)), upgrade_url="/billing/upgrade")
    assert (refused.value.status, refused.value.members) == (
        429,
        {"error": error, "tier": "pro", "upgrade_url": "/billing/upgrade", "retry_after": retry_after},
    )


def test_limits_are_read_again_after_a_few_seconds_by_one_caller() -> None:
    cache = LimitsCache()
    assert cache.find("t", seconds=0) is None
    cache.keep("t", FREE, seconds=0)
    assert cache.find("t", seconds=CACHED_SECONDS - 0.1) is FREE
    assert cache.find("t", seconds=CACHED_SECONDS) is None
    assert cache.find("t", seconds=CACHED_SECONDS) is FREE
    cache.keep("t", PRO, seconds=CACHED_SECONDS)
    assert cache.find("t", seconds=CACHED_SECONDS + 0.1) is PRO


def test_who_only_peeks_at_limits_leaves_reading_them_to_the_next() -> None:
    cache, limits = LimitsCache(), Limits(tier="PRO")
    assert cache.peek("ten", seconds=100.0) is None
    cache.keep("ten", limits, seconds=100.0)
    assert [cache.peek("ten", seconds=at) for at in (104.9, 105.0, 105.1)] == [limits, None, None]
    assert cache.find("ten", seconds=105.1) is None


def ms(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()) * 1_000


@pytest.mark.parametrize(
    ("timezone", "at_ms", "starts_ms", "hours"),
    [
        ("UTC", ms(2026, 11, 20, 23, 59), ms(2026, 11, 20), 24),
        ("Asia/Tokyo", ms(2026, 11, 20, 14, 59), ms(2026, 11, 19, 15), 24),
        ("Asia/Tokyo", ms(2026, 11, 20, 15), ms(2026, 11, 20, 15), 24),
        ("America/Toronto", ms(2026, 11, 1, 12), ms(2026, 11, 1, 4), 25),
        ("America/Toronto", ms(2026, 3, 8, 12), ms(2026, 3, 8, 5), 23),
    ],
)
def test_a_day_is_the_tenants_own(timezone: str, at_ms: int, starts_ms: int, hours: int) -> None:
    days = BusinessDays()
    for _ in range(2):
        assert days.day_at(at_ms, timezone) == Day(starts_ms, starts_ms + hours * HOUR_MS)


def test_the_next_day_begins_at_local_midnight_and_not_before() -> None:
    days = BusinessDays()
    midnight = ms(2026, 11, 21, 5)
    before, after = (days.day_at(at_ms, "America/Toronto") for at_ms in (midnight - 1, midnight))
    assert (before.ends_ms, after.starts_ms) == (midnight, midnight)
