"""Count assets, and keep the list of sites the customer runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, select

from models import AssetSnapshot, Site, Subscription
from services.errors import Conflict, EventInFuture, NotFound, SiteLimitReached, Unprocessable
from services.identifiers import new_id
from services.subscriptions.choice import live_subscriptions
from services.subscriptions.finding import plan_of, read_subscription
from services.tenants import lock_head, read_tenant
from services.usage.event_admission import AHEAD_MAX

ASSETS_MAX = 1_000_000_000
SITES_LISTED_MAX = 10_000


@dataclass(frozen=True, slots=True)
class SiteRoom:
    """Sites without a subscription of their own, and how many of them the other plans include; None for any number."""

    used: int
    included: int | None


def record_snapshot(
    session: Session,
    *,
    tenant_id: str,
    asset_count: int,
    at: datetime,
    site_breakdown: Mapping[str, int] | None = None,
    captured_at: datetime | None = None,
) -> AssetSnapshot:
    """Record how many assets there were at a moment (now where none is given).

    The breakdown must add up to the count. It is the inventory, so a site it names for the first time is added.
    Raises Unprocessable, EventInFuture, and SiteLimitReached where the plan has no room for another site.
    """
    lock_head(session, tenant_id=tenant_id)
    read_tenant(session, tenant_id=tenant_id)
    breakdown = dict(site_breakdown or {})
    _check_counts(asset_count, breakdown)
    captured = captured_at or at
    if captured > at + AHEAD_MAX:
        raise EventInFuture("captured_at is ahead of our clock; send when they were counted.", field="captured_at")
    known = {site.code for site in list_sites(session, tenant_id=tenant_id)}
    for code in sorted(set(breakdown) - known):
        add_site(session, tenant_id=tenant_id, code=code, at=at)
    snapshot = AssetSnapshot(
        tenant_id=tenant_id,
        id=new_id("snap"),
        asset_count=asset_count,
        site_breakdown=breakdown,
        captured_at=captured,
        recorded_at=at,
    )
    session.add(snapshot)
    session.flush()
    return snapshot


def add_site(session: Session, *, tenant_id: str, code: str, at: datetime, name: str = "") -> Site:
    """Add a site that usage may be metered for.

    Raises Conflict where it exists, SiteLimitReached beyond the plan's sites.
    """
    lock_head(session, tenant_id=tenant_id)
    if session.get(Site, (tenant_id, code)) is not None:
        raise Conflict(f"Site {code} exists already.", field="code")
    room = read_site_room(session, tenant_id=tenant_id)
    if room.included is not None and room.used >= room.included:
        raise SiteLimitReached(f"The plan covers {room.included} sites; upgrade to add {code}.", field="code")
    site = Site(tenant_id=tenant_id, code=code, name=name, created_at=at)
    session.add(site)
    session.flush()
    return site


def list_sites(session: Session, *, tenant_id: str) -> list[Site]:
    """The tenant's sites by code."""
    statement = select(Site).where(Site.tenant_id == tenant_id).order_by(Site.code).limit(SITES_LISTED_MAX)
    return list(session.exec(statement))


def read_site_room(session: Session, *, tenant_id: str) -> SiteRoom:
    """How many sites there are and may be. One with a subscription of its own takes none of the others' room."""
    live = live_subscriptions(session, tenant_id=tenant_id)
    own = {each.site for each in live if each.site is not None}
    sites = {site.code for site in list_sites(session, tenant_id=tenant_id)}
    unbound = [each for each in live if each.site is None] if live else _last(session, tenant_id)
    included = [plan_of(session, each).sites_max for each in unbound]
    is_limited = bool(live or unbound) and None not in included
    return SiteRoom(len(sites - own), sum(most or 0 for most in included) if is_limited else None)


def _last(session: Session, tenant_id: str) -> list[Subscription]:
    try:
        return [read_subscription(session, tenant_id=tenant_id)]
    except NotFound:
        return []


def _check_counts(asset_count: int, breakdown: Mapping[str, int]) -> None:
    if not 0 <= asset_count <= ASSETS_MAX:
        raise Unprocessable(f"asset_count must be from 0 to {ASSETS_MAX:,}.", field="asset_count")
    if any(count < 0 for count in breakdown.values()):
        raise Unprocessable("A site cannot have fewer than no assets.", field="site_breakdown")
    if breakdown and sum(breakdown.values()) != asset_count:
        raise Unprocessable(
            f"The sites add up to {sum(breakdown.values()):,}, not to the asset_count of {asset_count:,}.",
            field="site_breakdown",
        )
