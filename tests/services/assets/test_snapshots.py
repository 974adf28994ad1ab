"""Counting assets and registering sites."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlmodel import Session

from services import errors
from services.assets.counts import count_assets
from services.assets.snapshots import add_site, list_sites, record_snapshot
from services.price_books.plans import AssetPrice
from services.rules.periods import Period
from services.rules.pricing import Charge, PerUnit
from services.subscriptions.finding import read_subscription
from tests.given import NOON, customer


def test_a_snapshot_registers_the_sites_it_names(session: Session) -> None:
    one = customer(session)
    record_snapshot(session, tenant_id=one.tenant_id, asset_count=150, site_breakdown={"b": 100, "a": 50}, at=NOON)
    assert [site.code for site in list_sites(session, tenant_id=one.tenant_id)] == ["a", "b"]


@pytest.mark.parametrize(
    ("count", "breakdown", "ahead", "field"),
    [
        (-1, {}, 0, "asset_count"),
        (10**10, {}, 0, "asset_count"),
        (10, {"a": 9}, 0, "site_breakdown"),
        (10, {"a": 11, "b": -1}, 0, "site_breakdown"),
        (10, {}, 1, "captured_at"),
    ],
)
def test_a_count_that_cannot_be_is_refused(
    session: Session, count: int, breakdown: dict[str, int], ahead: int, field: str
) -> None:
    one = customer(session)
    with pytest.raises(errors.Unprocessable) as refused:
        record_snapshot(
            session,
            tenant_id=one.tenant_id,
            asset_count=count,
            site_breakdown=breakdown,
            captured_at=NOON + timedelta(hours=ahead),
            at=NOON,
        )
    assert refused.value.field == field


def test_the_plan_limits_the_number_of_sites(session: Session) -> None:
    one = customer(session, plan="STARTER")
    add_site(session, tenant_id=one.tenant_id, code="first", at=NOON)
    with pytest.raises(errors.SiteLimitReached):
        add_site(session, tenant_id=one.tenant_id, code="second", at=NOON)
    with pytest.raises(errors.Conflict):
        add_site(session, tenant_id=one.tenant_id, code="first", at=NOON)


@pytest.mark.parametrize(("basis", "count", "named"), [("latest", 8, 1), ("peak", 30, 1), ("average", 16, 3)])
def test_assets_are_counted_the_plans_way_from_the_period_alone(
    session: Session, basis: str, count: int, named: int
) -> None:
    one = customer(session)
    for days, assets in ((40, 900), (9, 10), (5, 30), (1, 8), (-0.003, 500)):
        captured_at = NOON - timedelta(days=days)
        record_snapshot(session, tenant_id=one.tenant_id, asset_count=assets, captured_at=captured_at, at=NOON)
    period = Period(0, NOON - timedelta(days=19), NOON)
    subscription = read_subscription(session, tenant_id=one.tenant_id)
    price = AssetPrice(basis, Charge(PerUnit(Decimal(3))))
    counted = count_assets(session, subscription=subscription, price=price, period=period)
    assert (counted.count, len(counted.snapshot_ids)) == (count, named)
    assert counted.counted_at == NOON - timedelta(days=5 if basis == "peak" else 1)
