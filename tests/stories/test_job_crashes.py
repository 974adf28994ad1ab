"""Workers killed at random moments while they close: one invoice for each period, however often it was begun."""

import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import func, select

from app.cli.preparing import migrate_and_stock
from bench.databases import database
from bench.sandbox import on_database
from bench.servers import ROOT, environment_for
from models import BillingReason, Invoice, Notice, NoticeType
from services import job_workers
from services.closing import due_periods
from services.database import reading, transaction
from services.gateways.workflows import runs
from services.gateways.workflows.runs import RunState
from services.identity import create_tenant
from services.metering import UsageInput, record_usage
from services.subscriptions.starting import create_subscription
from tests.given import assert_books_agree

pytestmark = pytest.mark.slow

CUSTOMERS = 240
MONTHS_BEHIND = 2
SEED = 2811
KILLS = 10
SECONDS_MAX = 240.0

JUST_STARTED = -signal.SIGTERM
"""How one ends that was started again a moment ago and does not listen yet."""


class Worker:
    """`tallystick worker`, which can be killed and started again."""

    def __init__(self, url: str, log: Path) -> None:
        self._environment = environment_for(url) | {
            "TALLYSTICK_SCHEDULER_SECONDS": "1",
            "TALLYSTICK_STRIPE_ADDRESS": "http://127.0.0.1:9",
        }
        self._log = log
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "worker"],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def end(self) -> int:
        self._process.terminate()
        try:
            return self._process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise


def customers() -> list[str]:
    """Each on a plan since three months ago, with some use."""
    began = datetime.now(UTC) - timedelta(days=MONTHS_BEHIND * 31 + 5)
    ids = []
    with transaction() as session:
        for number in range(CUSTOMERS):
            tenant = create_tenant(session, name=f"Customer {number}", currency="CAD", timezone="UTC", at=began)
            create_subscription(session, tenant_id=tenant.id, plan_code="PRO", start_date=began.date(), at=began)
            at = began + timedelta(days=1)
            sent = [UsageInput(None, "LLM_token_usage", 418_000, event_id=f"evt-{n}", occurred_at=at) for n in range(3)]
            record_usage(session, tenant_id=tenant.id, events=sent, at=at)
            ids.append(tenant.id)
    return ids


def overdue() -> int:
    with reading() as session:
        return due_periods.overdue_since(session, at=datetime.now(UTC))[0]


def assert_closed_once(tenant_ids: list[str]) -> None:
    """Each customer has one invoice a period, numbered without gaps, told of once, and books that agree."""
    with reading() as session:
        for tenant_id in tenant_ids:
            closing = Invoice.billing_reason == BillingReason.PERIOD_CLOSE
            found = session.exec(select(Invoice).where(Invoice.tenant_id == tenant_id, closing)).all()
            assert len({invoice.period_start for invoice in found}) == len(found) >= MONTHS_BEHIND
            numbers = session.exec(select(Invoice.number).where(Invoice.tenant_id == tenant_id)).all()
            assert sorted(number or 0 for number in numbers) == list(range(1, len(numbers) + 1))
            told = select(func.count()).where(
                Notice.tenant_id == tenant_id, Notice.type == NoticeType.INVOICE_FINALIZED
            )
            assert session.exec(told).one() == len(numbers)
            assert_books_agree(session, tenant_id)


@pytest.mark.parametrize(("backend", "workers"), [("sqlite", 1), ("sqlite", 2), ("postgresql", 2)])
def test_workers_that_are_killed_bill_each_period_once(backend: str, workers: int, tmp_path: Path) -> None:
    dice = random.Random(f"{SEED}{backend}{workers}")
    with database(backend) as url, on_database(url):
        migrate_and_stock(at=datetime.now(UTC))
        tenant_ids = customers()
        assert overdue() == CUSTOMERS
        log = tmp_path / "workers.log"
        at_work = [Worker(url, log) for _ in range(workers)]
        try:
            for _ in range(KILLS):
                time.sleep(dice.uniform(1.5, 4.0))
                victim = dice.choice(at_work)
                victim.kill()
                victim.start()
            deadline = time.monotonic() + SECONDS_MAX
            while (overdue() or _is_closing()) and time.monotonic() < deadline:
                time.sleep(0.2)
            assert overdue() == 0, log.read_text()[-3_000:]
        finally:
            codes = [worker.end() for worker in at_work]
        assert_closed_once(tenant_ids)
        assert set(codes) <= {0, JUST_STARTED}, log.read_text()[-3_000:]
        with reading() as session:
            assert job_workers.living_workers(session, at=datetime.now(UTC)) == []
        assert runs.find_runs(names=["close-subscription"], limit=10) == [], "nothing failed but the processes"


def _is_closing() -> bool:
    return bool(runs.find_runs(names=["close-periods"], states=[RunState.RUNNING], limit=1))
