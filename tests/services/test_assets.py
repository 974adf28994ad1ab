"""Counting assets and registering sites."""

from datetime import timedelta

import pytest
from given import NOON, customer
from sqlmodel import Session

from services import errors
from services.assets import add_site, latest_snapshot, list_sites, record_snapshot


def test_a_snapshot_registers_the_sites_it_names(session: Session) -> None:
    one = customer(session)
    record_snapshot(session, tenant_id=one.tenant_id, asset_count=150, site_breakdown={"b": 100, "a": 50}, at=NOON)
    assert [site.code for site in list_sites(session, tenant_id=one.tenant_id)] == ["a", "b"]


def test_the_latest_snapshot_of_a_period_is_found(session: Session) -> None:
    one = customer(session)
    for days, count in ((3, 10), (1, 30), (2, 20)):
        record_snapshot(
            session, tenant_id=one.tenant_id, asset_count=count, captured_at=NOON - timedelta(days=days), at=NOON
        )
    found = latest_snapshot(session, tenant_id=one.tenant_id, since=NOON - timedelta(days=9), until=NOON)
    assert found is not None
    assert found.asset_count == 30
    assert latest_snapshot(session, tenant_id=one.tenant_id, since=NOON, until=NOON + timedelta(days=1)) is None


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
