"""Ask customers' own systems how many assets there are: where, when, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from sqlmodel import Session, col, or_, select, update

from models import AssetPull, AssetSource, PullStatus, Tenant, table_of
from models.asset_source import PULL_ERROR_MAX
from services import tenant_clocks
from services.assets.snapshots import record_snapshot
from services.database import insert_missing
from services.errors import Conflict, NotFound, Unprocessable
from services.gateways.master_key import create_master_key, read_master_key
from services.gateways.public_addresses import check_url
from services.gateways.sealing import seal, unseal
from services.identifiers import new_id
from services.rules.asset_slots import HOURS, latest_slot
from services.settings import settings
from services.tenants import read_tenant

TOKEN_MAX: Final = 300
REMOVED: Final = "The address was removed."
RETRY_AFTER: Final = (timedelta(minutes=5), timedelta(minutes=30))
"""A slot is asked for three times at most, well before the next one."""

CLAIM_FOR: Final = timedelta(seconds=60)
MANUAL_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Asking:
    """One request, ready to be made."""

    tenant_id: str
    slot: datetime
    claim: str
    url: str
    token: str | None


def set_source(
    session: Session, *, tenant_id: str, url: str, at: datetime, every_hours: int = 24, token: str | None = None,
    keeps_token: bool = False,
) -> AssetSource:  # fmt: skip
    """Name the address, from the next slot on. With `keeps_token` the token stays, as long as the host does.

    Raises Unprocessable for an address we do not call, hours that do not divide a day or a token that is none.
    """
    read_tenant(session, tenant_id=tenant_id)
    checked = check_url(url.strip(), allows_loopback=settings().loopback_calls)
    if every_hours not in HOURS:
        raise Unprocessable(f"Ask every {', '.join(map(str, HOURS))} hours.", field="every_hours")
    source = session.get(AssetSource, tenant_id, populate_existing=True, with_for_update=True)
    if keeps_token and source is not None and source.token and urlsplit(source.url).netloc != checked.netloc:
        raise Unprocessable("The address is on another host; send the token for it again.", field="token")
    if source is None:
        source = AssetSource(tenant_id=tenant_id, url="", asked_from=at, updated_at=at)
    source.url, source.every_hours, source.updated_at = checked.geturl(), every_hours, at
    if not keeps_token:
        source.token = None if token is None else _sealed(session, tenant_id, token)
    session.add(source)
    session.flush()
    return source


def read_source(session: Session, *, tenant_id: str) -> AssetSource:
    """Raises NotFound where none is named."""
    source = session.get(AssetSource, tenant_id)
    if source is None:
        raise NotFound("No address is named that could be asked for assets.", field="tenant_id")
    return source


def remove_source(session: Session, *, tenant_id: str, at: datetime) -> None:
    """Ask no more. What was recorded stays. Raises NotFound."""
    session.delete(read_source(session, tenant_id=tenant_id))
    session.exec(
        update(AssetPull)
        .where(col(AssetPull.tenant_id) == tenant_id, col(AssetPull.status) == PullStatus.WAITING)
        .values(
            status=PullStatus.FAILED, settled_at=at, error="The address was removed.", claim=None, claimed_until=None
        )
    )
    session.flush()


def list_pulls(session: Session, *, tenant_id: str, limit: int = 30) -> list[AssetPull]:
    """The newest askings first."""
    statement = select(AssetPull).where(AssetPull.tenant_id == tenant_id)
    return list(session.exec(statement.order_by(col(AssetPull.slot).desc()).limit(limit)))


def due_sources(session: Session, *, at: datetime) -> list[str]:
    """The customers one of whose askings is due and in nobody's hands."""
    due = []
    for source, tenant in session.exec(select(AssetSource, Tenant).where(AssetSource.tenant_id == Tenant.id)).all():
        slot = latest_slot(at, timezone=tenant.timezone, every_hours=source.every_hours)
        if slot >= source.asked_from and session.get(AssetPull, (tenant.id, slot)) is None:
            due.append(tenant.id)
    waiting = select(AssetPull.tenant_id).where(
        AssetPull.status == PullStatus.WAITING,
        col(AssetPull.next_attempt_at) <= at,
        or_(col(AssetPull.claimed_until).is_(None), col(AssetPull.claimed_until) <= at),
    )
    return sorted({*due, *session.exec(waiting)})


def ask_now(session: Session, *, tenant_id: str, at: datetime) -> AssetPull:
    """Let it be asked now, beside the schedule. Raises NotFound, and Conflict more often than once a minute."""
    read_source(session, tenant_id=tenant_id)
    newest = next(iter(list_pulls(session, tenant_id=tenant_id, limit=1)), None)
    if newest is not None and newest.slot > at - MANUAL_EVERY:
        raise Conflict("It was asked within the last minute; wait a moment.")
    pull = AssetPull(tenant_id=tenant_id, slot=at, status=PullStatus.WAITING, next_attempt_at=at)
    session.add(pull)
    session.flush()
    return pull


def claim_pull(session: Session, *, tenant_id: str, at: datetime) -> Asking | None:
    """Take the customer's newest due asking; None where there is none, or somebody has it. Older ones have lapsed."""
    source = read_source(session, tenant_id=tenant_id)
    tenant = read_tenant(session, tenant_id=tenant_id)
    slot = latest_slot(at, timezone=tenant.timezone, every_hours=source.every_hours)
    if slot >= source.asked_from:
        fresh = {"tenant_id": tenant_id, "slot": slot, "status": PullStatus.WAITING, "next_attempt_at": slot}
        insert_missing(session, table_of(AssetPull), [fresh | {"attempts": 0}])
    statement = select(AssetPull).where(AssetPull.tenant_id == tenant_id, AssetPull.status == PullStatus.WAITING)
    newest_first = statement.order_by(col(AssetPull.slot).desc()).with_for_update()
    waiting = list(session.exec(newest_first.execution_options(populate_existing=True)))
    for lapsed in waiting[1:]:
        if lapsed.claimed_until is None or lapsed.claimed_until <= at:
            _settle(lapsed, PullStatus.FAILED, at, error=lapsed.error or "The next asking came first.")
            session.add(lapsed)
    pull = waiting[0] if waiting else None
    is_free = pull is not None and (pull.claimed_until is None or pull.claimed_until <= at)
    if pull is None or pull.next_attempt_at > at or not is_free:
        session.flush()
        return None
    pull.claim, pull.claimed_until = new_id("claim"), at + CLAIM_FOR
    pull.attempts += 1
    session.add(pull)
    session.flush()
    return Asking(tenant_id, pull.slot, pull.claim, source.url, _opened(session, source))


def keep_count(
    session: Session,
    asking: Asking,
    *,
    asset_count: int,
    site_breakdown: Mapping[str, int] | None,
    captured_at: datetime | None,
    at: datetime,
) -> bool:
    """Record what was answered, once for the slot; False where somebody else has recorded it. Raises Refusal."""
    pull = _held(session, asking)
    if pull is None:
        return False
    snapshot = record_snapshot(
        session,
        tenant_id=asking.tenant_id,
        asset_count=asset_count,
        site_breakdown=site_breakdown,
        captured_at=captured_at,
        at=tenant_clocks.now_of(session, tenant_id=asking.tenant_id, at=at),
    )
    pull.snapshot_id = snapshot.id
    _settle(pull, PullStatus.RECORDED, at, error=None)
    session.add(pull)
    session.flush()
    return True


def keep_failure(session: Session, asking: Asking, *, error: str, at: datetime) -> None:
    """Keep why nothing was recorded, and when it is tried again."""
    pull = _held(session, asking)
    if pull is None:
        return
    if pull.attempts > len(RETRY_AFTER):
        _settle(pull, PullStatus.FAILED, at, error=error)
    else:
        pull.next_attempt_at = at + RETRY_AFTER[pull.attempts - 1]
        pull.error, pull.claim, pull.claimed_until = error[:PULL_ERROR_MAX], None, None
    session.add(pull)
    session.flush()


def _held(session: Session, asking: Asking) -> AssetPull | None:
    key = (asking.tenant_id, asking.slot)
    pull = session.get(AssetPull, key, populate_existing=True, with_for_update=True)
    return pull if pull is not None and pull.claim == asking.claim else None


def _settle(pull: AssetPull, status: PullStatus, at: datetime, *, error: str | None) -> None:
    pull.status, pull.settled_at, pull.claim, pull.claimed_until = status, at, None, None
    pull.error = None if error is None else error[:PULL_ERROR_MAX]


def _sealed(session: Session, tenant_id: str, token: str) -> str:
    if not (0 < len(token) <= TOKEN_MAX and token.isascii() and token.isprintable() and " " not in token):
        raise Unprocessable(f"A token has 1 to {TOKEN_MAX} plain characters without spaces.", field="token")
    return seal(token, name=f"asset source of {tenant_id}", master_key=create_master_key(session.get_bind().engine.url))


def _opened(session: Session, source: AssetSource) -> str | None:
    if source.token is None:
        return None
    master_key = read_master_key(session.get_bind().engine.url)
    return unseal(source.token, name=f"asset source of {source.tenant_id}", master_key=master_key)
