"""What notices tell of gain-share runs, and who is told of one that waits: before its deadline, and after."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import exists
from sqlmodel import Session, col, select

from models import GainShareRun, GainShareStatus, Notice, NoticeType, StepKind, Tenant
from services.gain_share.shapes import GainShareData
from services.gain_share.steps import add_reminder, read_thread
from services.notice_values import NoticeAmount
from services.notices import announce
from services.rules.decimals import text_of
from services.rules.periods import business_date, day_bounds
from services.tenants import lock_head, read_tenant

REMINDED_DAYS: Final = (7, 1)
"""So many days before the deadline the customer is reminded, once each."""

TOLD_WITHIN: Final = timedelta(days=7)
"""So long after a deadline it is told that it is over."""

_TYPES: Final[Mapping[GainShareStatus, NoticeType]] = {
    GainShareStatus.PENDING_APPROVAL: NoticeType.GAIN_SHARE_AWAITING_APPROVAL,
    GainShareStatus.APPROVED: NoticeType.GAIN_SHARE_APPROVED,
    GainShareStatus.REJECTED: NoticeType.GAIN_SHARE_REJECTED,
    GainShareStatus.DISPUTED: NoticeType.GAIN_SHARE_DISPUTED,
}


def announce_run(
    session: Session, *, run: GainShareRun, at: datetime, reason: str | None = None, disputed: Sequence[str] = ()
) -> None:
    """Tell of a run as it stands: that it waits, or how the customer decided."""
    data = _data(run, reason=reason, disputed=disputed)
    announce(session, tenant_id=run.tenant_id, type=_TYPES[run.status], subject_id=run.id, data=data, at=at)


def reminders_due(session: Session, *, at: datetime) -> list[tuple[str, str]]:
    """(tenant, run) of runs that wait, are soon to be decided on, and of which the customer is to be reminded."""
    latest = at.date() + timedelta(days=max(REMINDED_DAYS) + 1)
    statement = (
        select(GainShareRun, Tenant)
        .join(Tenant, col(Tenant.id) == GainShareRun.tenant_id)
        .where(
            GainShareRun.status == GainShareStatus.PENDING_APPROVAL,
            GainShareRun.deadline_on <= latest,
            GainShareRun.deadline_on >= at.date() - timedelta(days=1),
        )
        .order_by(col(GainShareRun.deadline_on), col(GainShareRun.tenant_id), col(GainShareRun.id))
    )
    return [
        (run.tenant_id, run.id)
        for run, tenant in session.exec(statement)
        if _reminder_due(session, run, tenant, at) is not None
    ]


def remind_of_run(session: Session, *, tenant_id: str, run_id: str, at: datetime) -> bool:
    """Remind of a run that waits, once for each of REMINDED_DAYS; False where there is nothing to remind of."""
    lock_head(session, tenant_id=tenant_id)
    run = session.get_one(GainShareRun, (tenant_id, run_id), populate_existing=True)
    due = _reminder_due(session, run, read_tenant(session, tenant_id=tenant_id), at)
    if due is None:
        return False
    days_left, _ = due
    add_reminder(session, run=run, days_left=days_left, at=at)
    announce(
        session,
        tenant_id=tenant_id,
        type=NoticeType.GAIN_SHARE_REMINDER,
        subject_id=run_id,
        occurrence=str(due[1]),
        data=_data(run, days_left=days_left),
        at=at,
    )
    return True


def reminder_moments(session: Session, *, tenant_id: str) -> list[datetime]:
    """When a clock that is set forward has to stop: the beginnings of the days on which somebody is told."""
    timezone = read_tenant(session, tenant_id=tenant_id).timezone
    waiting = select(GainShareRun).where(
        GainShareRun.tenant_id == tenant_id, GainShareRun.status == GainShareStatus.PENDING_APPROVAL
    )
    return [
        day_bounds(run.deadline_on - timedelta(days=days), timezone)[0]
        for run in session.exec(waiting)
        for days in (*REMINDED_DAYS, -1)
    ]


def overdue_to_tell(session: Session, *, at: datetime) -> list[tuple[str, str]]:
    """(tenant, run) of runs that still wait though their deadline is over, which nobody was told yet.

    Those that were overdue before TOLD_WITHIN are old news.
    """
    told = exists().where(
        col(Notice.tenant_id) == GainShareRun.tenant_id,
        col(Notice.subject_id) == GainShareRun.id,
        col(Notice.type) == NoticeType.GAIN_SHARE_OVERDUE.value,
    )
    statement = (
        select(GainShareRun, Tenant)
        .join(Tenant, col(Tenant.id) == GainShareRun.tenant_id)
        .where(
            GainShareRun.status == GainShareStatus.PENDING_APPROVAL,
            GainShareRun.deadline_on <= at.date(),
            GainShareRun.deadline_on >= (at - TOLD_WITHIN).date(),
            ~told,
        )
        .order_by(col(GainShareRun.deadline_on), col(GainShareRun.tenant_id), col(GainShareRun.id))
    )
    return [(run.tenant_id, run.id) for run, tenant in session.exec(statement) if _is_overdue(run, tenant, at)]


def tell_of_overdue(session: Session, *, tenant_id: str, run_id: str, at: datetime) -> bool:
    """Tell that a run's deadline is over, once; False where it was decided on meanwhile. It goes on waiting."""
    lock_head(session, tenant_id=tenant_id)
    run = session.get_one(GainShareRun, (tenant_id, run_id), populate_existing=True)
    if not _is_overdue(run, read_tenant(session, tenant_id=tenant_id), at):
        return False
    type = NoticeType.GAIN_SHARE_OVERDUE
    announce(session, tenant_id=tenant_id, type=type, subject_id=run_id, data=_data(run), at=at)
    return True


def _is_overdue(run: GainShareRun, tenant: Tenant, at: datetime) -> bool:
    over = run.deadline_on < business_date(at, tenant.timezone)
    return over and run.status == GainShareStatus.PENDING_APPROVAL


def _reminder_due(session: Session, run: GainShareRun, tenant: Tenant, at: datetime) -> tuple[int, int] | None:
    """(days left, which of REMINDED_DAYS); None where it is too early, too late, or was done already.

    A run whose time is short from the beginning is reminded of by the latest one only.
    """
    left = (run.deadline_on - business_date(at, tenant.timezone)).days
    due = [days for days in REMINDED_DAYS if left <= days]
    if run.status != GainShareStatus.PENDING_APPROVAL or left < 0 or not due:
        return None
    thread = read_thread(session, tenant_id=run.tenant_id, run_id=run.id)
    told = [int(step.text) for step in thread if step.kind == StepKind.REMINDED]
    if any(days <= min(due) for days in told):
        return None
    submitted_on = business_date(run.submitted_at, tenant.timezone)
    if run.deadline_on - timedelta(days=min(due)) <= submitted_on:
        return None
    return left, min(due)


def _data(
    run: GainShareRun, *, reason: str | None = None, disputed: Sequence[str] = (), days_left: int | None = None
) -> GainShareData:
    return GainShareData(
        run_id=run.id,
        status=run.status.value,
        method=run.method,
        period_start=run.period_start,
        period_end=run.period_end,
        savings=NoticeAmount.of(run.savings_minor, run.currency),
        share_pct=text_of(run.share_pct),
        fee=NoticeAmount.of(run.fee_minor, run.currency),
        deadline_on=run.deadline_on,
        replaces_run_id=run.replaces_run_id,
        reason=reason,
        disputed=list(disputed),
        days_left=days_left,
    )
