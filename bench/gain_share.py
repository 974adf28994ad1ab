"""Milliseconds to import a year's maintenance log and to work a gain-share run out with its sensitivity.

The log is that of 100 machines with some 800 failures, as failures, maintenance and machines of 20 sites, and one ten
times as large. Reading needs no database: rows are matched and counted by month and site. Keeping writes each row with
what came of it and three figures a month and site. A run compares the twelve months with baselines both sides accepted.
"""

import argparse
import logging
import os
import random
import secrets
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog
from sqlalchemy import Engine
from sqlmodel import Session

from bench.databases import BACKENDS, MASTER_KEY, database
from bench.figures import milliseconds, percentile, print_machine, print_table
from models import Party
from services.database import open_engine, reading, transaction
from services.gain_share.baselines import BaselineTerms, accept_baseline, propose_baseline
from services.gain_share.calculations import calculate_run
from services.gain_share.evidence import store_evidence
from services.gain_share.parties import Signer
from services.gain_share.sensitivity import sensitivity_of
from services.identity import create_tenant
from services.maintenance.columns import FailureColumns, LogMapping, MachineColumns, RepairColumns
from services.maintenance.imports import LogRequest, keep_log, load_log
from services.migrations import migrate
from services.price_books.books import load_shipped_books
from services.subscriptions.starting import create_subscription

SEED = 7
MACHINES = (100, 1_000)
FAILURES_A_MACHINE = 8
SITES = 20
IMPORTS, RUNS = 10, 50
AT = datetime(2026, 7, 10, 12, tzinfo=UTC)
YEAR = (date(2025, 7, 1), date(2026, 7, 1))
BEGINS = datetime(2025, 7, 1, 6, tzinfo=UTC)
OURS, THEIRS = Signer(Party.SELLER, "usr_ours"), Signer(Party.CUSTOMER, "usr_theirs")
MAPPING = LogMapping(
    FailureColumns("machineID", "datetime", "failure"),
    RepairColumns("machineID", "datetime", "comp"),
    MachineColumns("machineID", "plant"),
)
RATES = {"operating_hours": 876_000, "downtime_rate": 1_850, "labour_rate": 240, "parts_cost": 900}
BASELINES = {"availability_pct": "98.5", "mtbf_hours": "900", "mttr_hours": "14"}
HEADERS = ("step", "database", "machines", "failures", "p50 ms", "p95 ms", "CPU ms")


def main() -> None:
    """Import logs of each size into each database, work runs out from them, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--backends", nargs="*", default=BACKENDS, choices=BACKENDS)
    parser.add_argument("--machines", nargs="*", type=int, default=MACHINES, help="of the logs, each a set of rows")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    os.environ.setdefault(MASTER_KEY, secrets.token_urlsafe(32))
    print_machine(f"Gain-share: a year's log imported {IMPORTS} times, a run worked out {RUNS} times")
    rows = []
    for backend in asked.backends:
        with database(backend) as url:
            os.environ["TALLYSTICK_DATABASE_URL"] = url
            engine = open_engine(url)
            migrate(engine)
            with transaction(engine) as session:
                load_shipped_books(session, at=AT)
            for machines in asked.machines:
                rows += measure(engine, backend, machines)
            engine.dispose()
    print_table(HEADERS, rows)


def measure(engine: Engine, backend: str, machines: int) -> list[list[str]]:
    """The rows of the table for a customer with so many machines."""
    with transaction(engine) as session:
        tenant_id = customer(session, f"{machines:,} machines")
        request = log_of(session, tenant_id, machines)
    with reading(engine) as session:
        loaded = load_log(session, tenant_id=tenant_id, request=request, at=AT)
    read = loaded.read()

    def keep() -> None:
        with transaction(engine) as session:
            keep_log(session, loaded, read, tenant_id=tenant_id, signer=THEIRS, at=AT)

    def work_out() -> dict[str, Any]:
        with reading(engine) as session:
            return calculate_run(
                session, tenant_id=tenant_id, period_start=YEAR[0], period_end=YEAR[1], share_pct=Decimal(15), at=AT
            ).document

    steps = {"read the log": (loaded.read, IMPORTS), "keep what it says": (keep, IMPORTS)}
    measured = [(name, *clock(act, times)) for name, (act, times) in steps.items()]
    document = work_out()
    measured.append(("work a run out", *clock(work_out, RUNS)))
    measured.append(("its sensitivity", *clock(lambda: sensitivity_of(document), RUNS)))
    told = [backend, f"{machines:,}", f"{read.whole[0].tally.failures:,}"]
    return [[name, *told, *figures] for name, *figures in measured]


def clock(act: Callable[[], Any], times: int) -> tuple[str, str, str]:
    """Milliseconds by the clock (p50, p95), and of this process's processor time for one."""
    took = []
    worked = time.process_time()
    for _ in range(times):
        begun = time.perf_counter()
        act()
        took.append(time.perf_counter() - begun)
    worked = (time.process_time() - worked) / times
    return milliseconds(percentile(took, 0.5)), milliseconds(percentile(took, 0.95)), milliseconds(worked)


def customer(session: Session, name: str) -> str:
    """A customer with gain-share and baselines that both sides accepted, in force for the year."""
    tenant_id = create_tenant(session, name=name, currency="CAD", timezone="UTC", at=AT).id
    create_subscription(
        session, tenant_id=tenant_id, plan_code="reliability/ENTERPRISE", started_at=AT - timedelta(days=9), at=AT
    )
    file_id = stored(session, tenant_id, "review.txt", "What was measured in the year before.")
    for kpi, value in BASELINES.items():
        terms = BaselineTerms(
            kpi, Decimal(value), "CAD", {rate: Decimal(each) for rate, each in RATES.items()},
            date(2024, 7, 1), YEAR[0], file_id, YEAR[0],
        )  # fmt: skip
        proposed = propose_baseline(session, tenant_id=tenant_id, terms=terms, signer=OURS, at=AT)
        accept_baseline(session, tenant_id=tenant_id, baseline_id=proposed.id, signer=THEIRS, at=AT)
    return tenant_id


def log_of(session: Session, tenant_id: str, machines: int) -> LogRequest:
    """Stored files of so many machines; each fails some eight times a year and has planned maintenance besides."""
    chance = random.Random(SEED)
    failures, maintenance = ["datetime,machineID,failure"], ["datetime,machineID,comp"]
    for machine in range(1, machines + 1):
        at = BEGINS + timedelta(hours=chance.randrange(8_760 // FAILURES_A_MACHINE))
        while at.date() < YEAR[1] - timedelta(days=3):
            part = f"comp{chance.randrange(4)}"
            repaired = at + timedelta(minutes=chance.randrange(60, 1_800, 15))
            failures.append(f"{at:%Y-%m-%d %H:%M:%S},{machine},{part}")
            maintenance.append(f"{repaired:%Y-%m-%d %H:%M:%S},{machine},{part}")
            maintenance.append(f"{repaired + timedelta(hours=5):%Y-%m-%d %H:%M:%S},{machine},comp{chance.randrange(4)}")
            at = repaired + timedelta(hours=24 + chance.randrange(2 * (8_760 // FAILURES_A_MACHINE - 24)))
    listed = ["machineID,plant", *(f"{machine},site {machine % SITES}" for machine in range(1, machines + 1))]
    files = {"failures": failures, "repairs": maintenance, "machines": listed}
    ids = {
        f"{name}_file_id": stored(session, tenant_id, f"{name}.csv", "\n".join(rows)) for name, rows in files.items()
    }
    return LogRequest(mapping=MAPPING, period_start=YEAR[0], period_end=YEAR[1], **ids)


def stored(session: Session, tenant_id: str, name: str, content: str) -> str:
    """The id of a file that was uploaded."""
    return store_evidence(session, tenant_id=tenant_id, name=name, content=content.encode(), signer=THEIRS, at=AT).id


if __name__ == "__main__":
    main()
