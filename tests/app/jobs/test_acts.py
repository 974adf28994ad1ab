"""What the jobs do in a step: it closes what is due, leaves in peace what just failed, and forgets what did nothing."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from app import closings, unit_of_work
from app.jobs import acts
from models import Invoice
from services import job_workers
from services.database import reading, transaction
from services.errors import Unprocessable
from services.gateways.workflows import runs
from services.gateways.workflows.runs import RunState
from tests.given import NOON, customer

DECEMBER = datetime(2026, 12, 2, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _in_december(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit_of_work, "now", lambda: DECEMBER)


def invoices(engine: Engine, tenant_id: str) -> int:
    with reading(engine) as session:
        return len(session.exec(select(Invoice).where(Invoice.tenant_id == tenant_id)).all())


def test_what_cannot_be_closed_is_put_in_line_again_once_and_left_in_peace_until_then(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction(engine) as session:
        odd, sound = customer(session), customer(session, name="Other")

    close, close_together = closings.close_if_due, closings.close_together

    def refuse(session: Session, *, tenant_id: str, subscription_id: str, at: datetime) -> Invoice | None:
        if tenant_id == odd.tenant_id:
            raise Unprocessable("It cannot be priced.")
        return close(session, tenant_id=tenant_id, subscription_id=subscription_id, at=at)

    def refuse_one(session: Session, *, claimed: list[tuple[str, str]], at: datetime) -> list[Invoice | None]:
        if any(tenant_id == odd.tenant_id for tenant_id, _ in claimed):
            raise Unprocessable("One of them cannot be priced.")
        return close_together(session, claimed=claimed, at=at)

    monkeypatch.setattr(closings, "close_if_due", refuse)
    monkeypatch.setattr(closings, "close_together", refuse_one)
    runs.forget_runs([run.id for run in runs.find_runs(limit=100)])
    assert acts.close_periods({"slot": "one"}) == {"closed": 1, "without_invoice": 0, "failed": 1, "more": 0}
    assert acts.close_periods({"slot": "two"}) == {"closed": 0, "without_invoice": 0, "failed": 0, "more": 0}
    (again,) = runs.find_runs(limit=10)
    assert again.state is RunState.DELAYED
    assert again.id == f"close:{odd.tenant_id}:{odd.subscription_id}:2026-11-01T04:00Z"
    assert again.given == {"tenant_id": odd.tenant_id, "subscription_id": odd.subscription_id}
    assert acts.close_subscription(again.given) == {"closed": 1}
    assert acts.close_subscription(again.given) == {"closed": 0}
    assert (invoices(engine, odd.tenant_id), invoices(engine, sound.tenant_id)) == (2, 2)


def test_where_much_is_due_other_workers_are_asked_to_join_in(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closings, "CLOSED_TOGETHER", 2)
    monkeypatch.setattr(acts, "CLOSED_TOGETHER", 2)
    monkeypatch.setattr(acts, "GROUPS_A_STEP", 1)
    runs.forget_runs([run.id for run in runs.find_runs(limit=100)])
    with transaction(engine) as session:
        for number in range(3):
            customer(session, name=f"Customer {number}", start=date(2026, 11, 1))
            job_workers.sign_of_life(session, worker_id=f"wrk_{number}", started_at=NOON, at=DECEMBER)
    assert acts.close_periods({"slot": "one"}) == {"closed": 2, "without_invoice": 0, "failed": 0, "more": 1}
    assert acts.close_periods({"slot": "one"})["more"] == 0
    assert {run.id for run in runs.find_runs(limit=10)} == {"close-periods:one:1", "close-periods:one:2"}
    assert acts.close_periods({"slot": "one", "lane": 1})["closed"] == 0


def test_a_worker_that_is_silent_or_has_no_process_does_not_live(engine: Engine) -> None:
    with transaction(engine) as session:
        job_workers.sign_of_life(session, worker_id="wrk_1", started_at=NOON, at=DECEMBER)
    with reading(engine) as session:
        assert [worker.id for worker in job_workers.living_workers(session, at=DECEMBER)] == ["wrk_1"]
        later = DECEMBER + job_workers.SILENT_AFTER
        assert job_workers.living_workers(session, at=later) == []
    with transaction(engine) as session:
        job_workers.sign_of_life(session, worker_id="wrk_1", started_at=NOON, at=later)
        worker = job_workers.living_workers(session, at=later)[0]
        worker.pid = 2**22 + 1  # above any that Linux gives
    with transaction(engine) as session:
        assert job_workers.living_workers(session, at=later) == []
        job_workers.forget_silent(session, at=later + timedelta(hours=1))
        job_workers.take_leave(session, worker_id="wrk_2")
