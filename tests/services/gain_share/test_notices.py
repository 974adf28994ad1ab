"""Reminders of runs that wait: 7 days and a day before the deadline, once each, and nothing decided by silence."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from app.gain_share_reminders import remind_of_runs_due
from models import GainShareRun, GainShareStatus, MailKind, Notice, NoticeType, PendingLine, StepKind
from services.database import transaction
from services.due_moments import next_due
from services.gain_share.decisions import approve_run
from services.gain_share.notices import overdue_to_tell, remind_of_run, reminders_due, tell_of_overdue
from services.gain_share.steps import read_thread
from services.mails.facts import facts_of, is_settled
from services.tenants import read_tenant
from tests.gain_share_given import JULY, THEIRS, plant, submitted

DEADLINE = date(2026, 8, 20)


@pytest.fixture
def run(session: Session) -> GainShareRun:
    return submitted(session, plant(session).tenant_id, deadline_on=DEADLINE)


def morning(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def remind(session: Session, at: datetime) -> int:
    return sum(
        remind_of_run(session, tenant_id=tenant_id, run_id=run_id, at=at)
        for tenant_id, run_id in reminders_due(session, at=at)
    )


def reminders(session: Session) -> list[tuple[int, str]]:
    found = session.exec(select(Notice).where(Notice.type == NoticeType.GAIN_SHARE_REMINDER.value))
    return [(notice.data["days_left"], notice.data["deadline_on"]) for notice in found]


def test_a_customer_is_reminded_a_week_and_a_day_before(session: Session, run: GainShareRun) -> None:
    for left in range(30, -5, -1):
        at = morning(DEADLINE - timedelta(days=left))
        assert remind(session, at) == (left in (7, 1)), left
        assert remind(session, at) == 0
    assert reminders(session) == [(7, "2026-08-20"), (1, "2026-08-20")]
    thread = read_thread(session, tenant_id=run.tenant_id, run_id=run.id)
    assert [(step.kind, step.receipt_seq is None) for step in thread[1:]] == [(StepKind.REMINDED, True)] * 2


def test_a_job_that_was_away_reminds_late_and_once(session: Session, run: GainShareRun) -> None:
    assert remind(session, morning(DEADLINE - timedelta(days=4))) == 1
    assert remind(session, morning(DEADLINE - timedelta(days=3))) == 0
    assert remind(session, morning(DEADLINE)) == 1
    assert [left for left, _ in reminders(session)] == [4, 0]


def test_after_the_deadline_it_stays_pending_and_can_still_be_approved(session: Session, run: GainShareRun) -> None:
    after = morning(DEADLINE + timedelta(days=60))
    assert remind(session, after) == 0
    assert run.status is GainShareStatus.PENDING_APPROVAL
    assert not session.exec(select(PendingLine)).all()
    approve_run(session, tenant_id=run.tenant_id, run_id=run.id, signer=THEIRS, at=after)
    assert len(session.exec(select(PendingLine)).all()) == 1


def test_nobody_is_reminded_of_what_is_decided(session: Session, run: GainShareRun) -> None:
    approve_run(session, tenant_id=run.tenant_id, run_id=run.id, signer=THEIRS, at=JULY)
    at = morning(DEADLINE - timedelta(days=7))
    assert reminders_due(session, at=at) == []
    assert not remind_of_run(session, tenant_id=run.tenant_id, run_id=run.id, at=at)


def test_a_short_deadline_is_not_reminded_of_on_the_day_it_is_set(session: Session) -> None:
    submitted(session, plant(session).tenant_id, deadline_on=date(2026, 7, 14))
    assert [remind(session, morning(date(2026, 7, day))) for day in (10, 11, 12, 13, 14)] == [0, 0, 0, 1, 0]


def test_a_clock_that_is_set_forward_stops_for_reminders(session: Session, run: GainShareRun) -> None:
    stop = next_due(session, tenant_id=run.tenant_id, after=morning(date(2026, 8, 5)))
    assert stop == datetime(2026, 8, 13, 3, tzinfo=UTC), "midnight in Halifax, a week before"


def test_a_deadline_that_passed_is_told_once_by_the_customers_clock(session: Session, run: GainShareRun) -> None:
    named = {"tenant_id": run.tenant_id, "run_id": run.id}
    late_at_night = datetime(2026, 8, 21, 2, 59, tzinfo=UTC)
    assert overdue_to_tell(session, at=late_at_night) == [], "it is still the day in Halifax"
    over = datetime(2026, 8, 21, 3, tzinfo=UTC)
    assert next_due(session, tenant_id=run.tenant_id, after=late_at_night) == over
    assert overdue_to_tell(session, at=over) == [(run.tenant_id, run.id)]
    assert tell_of_overdue(session, **named, at=over)
    assert overdue_to_tell(session, at=over) == []
    assert tell_of_overdue(session, **named, at=over), "a second worker tells nothing new"
    told = session.exec(select(Notice).where(Notice.type == NoticeType.GAIN_SHARE_OVERDUE.value)).all()
    assert [notice.data["status"] for notice in told] == ["pending_approval"]
    assert not is_settled(session, notice=told[0])
    approve_run(session, **named, signer=THEIRS, at=over)
    assert is_settled(session, notice=told[0])
    assert not tell_of_overdue(session, **named, at=over)


def test_what_was_over_long_ago_or_is_decided_is_no_news(session: Session, run: GainShareRun) -> None:
    assert overdue_to_tell(session, at=morning(DEADLINE + timedelta(days=9))) == []
    approve_run(session, tenant_id=run.tenant_id, run_id=run.id, signer=THEIRS, at=JULY)
    assert overdue_to_tell(session, at=morning(DEADLINE + timedelta(days=1))) == []


def test_the_job_counts_what_it_did(engine: Engine) -> None:
    with transaction(engine) as session:
        submitted(session, plant(session).tenant_id, deadline_on=DEADLINE)
    at = morning(DEADLINE - timedelta(days=7))
    assert remind_of_runs_due(at=at) == {"reminders": 1, "overdue": 0, "failed": 0}
    assert remind_of_runs_due(at=at) == {"reminders": 0, "overdue": 0, "failed": 0}
    over = morning(DEADLINE + timedelta(days=1))
    assert remind_of_runs_due(at=over) == {"reminders": 0, "overdue": 1, "failed": 0}
    assert remind_of_runs_due(at=over) == {"reminders": 0, "overdue": 0, "failed": 0}


def test_a_notice_says_what_a_receiver_needs(session: Session, run: GainShareRun) -> None:
    (notice,) = session.exec(select(Notice).where(Notice.subject_id == run.id)).all()
    assert notice.data == {
        "run_id": run.id, "status": "pending_approval", "method": "downtime-cost", "period_start": "2025-07-01",
        "period_end": "2026-07-01", "share_pct": "15", "deadline_on": "2026-08-20", "replaces_run_id": None,
        "savings": {"amount_minor": 248_400_000, "currency": "CAD", "worded": "$2,484,000.00"},
        "fee": {"amount_minor": 37_260_000, "currency": "CAD", "worded": "$372,600.00"},
        "reason": None, "disputed": [], "days_left": None,
    }  # fmt: skip


def test_letters_lead_to_the_run_and_are_not_written_once_it_is_decided(session: Session, run: GainShareRun) -> None:
    tenant = read_tenant(session, tenant_id=run.tenant_id)
    (asking,) = session.exec(select(Notice).where(Notice.subject_id == run.id)).all()
    told = facts_of(session, notice=asking, tenant=tenant, kind=MailKind.GAIN_SHARE)
    assert told is not None
    assert told.goal == f"/gain-share/{run.id}/"
    assert not is_settled(session, notice=asking)
    approve_run(session, tenant_id=run.tenant_id, run_id=run.id, signer=THEIRS, at=JULY)
    assert facts_of(session, notice=asking, tenant=tenant, kind=MailKind.GAIN_SHARE) is None
    assert is_settled(session, notice=asking)
