"""A customer's test clock in words: what time it is for it, where it can go, and what has happened lately."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from models import Notice
from services import wording
from services.due_moments import next_due
from services.notices import last_notice, read_notices
from services.rules.periods import term_end
from services.tenant_clocks import clocks_are_allowed, find_clock, now_of
from services.tenants import read_tenant

SHOWN_MAX = 40
DAYS = {"day": 1, "week": 7}
MONTHS = {"month": 1, "year": 12}


@dataclass(frozen=True)
class Happened:
    """One notice: when, what, of what, and how much where it says."""

    at: str
    what: str
    of: str
    amount: str


@dataclass(frozen=True)
class ClockView:
    """`next_due` is when something happens by itself; "" where nothing is known to."""

    is_allowed: bool = False
    has_clock: bool = False
    now: str = ""
    ahead: str = ""
    next_due: str = ""
    happened: tuple[Happened, ...] = ()


NO_CLOCK = ClockView()


def read_clock_view(session: Session, *, tenant_id: str, at: datetime) -> ClockView:
    """The clock at the customer's own `at`, and what happened last."""
    tenant, clock = read_tenant(session, tenant_id=tenant_id), find_clock(session, tenant_id=tenant_id)
    due = next_due(session, tenant_id=tenant_id, after=at)
    after = max(0, last_notice(session, tenant_id=tenant_id) - SHOWN_MAX)
    told = read_notices(session, tenant_id=tenant_id, after_seq=after, limit=SHOWN_MAX)
    days = 0 if clock is None else timedelta(microseconds=clock.ahead_us).days
    return ClockView(
        is_allowed=clocks_are_allowed(),
        has_clock=clock is not None,
        now=wording.moment(at, tenant.timezone),
        ahead="As for everybody" if days == 0 else f"{days:,} {'day' if days == 1 else 'days'} ahead",
        next_due="" if due is None else wording.moment(due, tenant.timezone),
        happened=_worded(told, tenant.timezone),
    )


def step_forward(session: Session, *, tenant_id: str, step: str, at: datetime) -> datetime:
    """The moment a step leads to: day, week, month, year, or to where something falls due next (due).

    `at` is ours. A step that is none of these leads nowhere.
    """
    now = now_of(session, tenant_id=tenant_id, at=at)
    if step == "due":
        return next_due(session, tenant_id=tenant_id, after=now) or now
    if step in DAYS:
        return now + timedelta(days=DAYS[step])
    if step in MONTHS:
        return term_end(now, read_tenant(session, tenant_id=tenant_id).timezone, now, MONTHS[step])
    return now


def _worded(told: Sequence[Notice], timezone: str) -> tuple[Happened, ...]:
    return tuple(
        Happened(
            wording.moment(notice.announced_at, timezone),
            notice.type.replace(".", " ").replace("_", " ").capitalize(),
            str(notice.data.get("number") or notice.data.get("plan_name") or ""),
            _amount(notice.data),
        )
        for notice in reversed(told)
    )


def _amount(data: dict[str, Any]) -> str:
    total = data.get("total")
    return str(total["worded"]) if isinstance(total, dict) and "worded" in total else ""
