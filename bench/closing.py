"""What closing costs: thousands of subscriptions whose periods end at once, with use beyond their allowance.

One customer is metered by the services. The others are copies of its rows under other names, so that ten million events
need minutes and not an hour; their receipts' bytes still name the first, which closing does not read. All are due now.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from sqlalchemy import Table, bindparam, literal, literal_column, select, text
from sqlmodel import Session, func
from sqlmodel import select as select_models

from app.closings import close_some
from app.logs import configure_logging
from bench.databases import BACKENDS, database
from bench.figures import print_machine, print_table
from bench.sandbox import on_database
from bench.servers import tallystick, worker
from models import BillingReason, Invoice, ReceiptLog, Subscription, metadata, table_of
from services.closing import due_periods
from services.database import engine, reading, transaction
from services.identity import create_tenant
from services.metering import UsageInput, record_usage
from services.price_books.books import load_shipped_books
from services.receipts.log import origin_of, read_head
from services.receipts.signing_keys import active_signer, signed_checkpoint
from services.subscriptions.starting import create_subscription

SIZES = (1_000, 10_000)
EVENTS = 1_000
CREDITS_MICRO = 1_500_000_000_000
"""Half as much again as the plan includes."""

COPIED_AT_ONCE = 500
EVENTS_A_TRANSACTION = 1_000
DAYS_AGO = 33
_subscription = table_of(Subscription).c
LOOK_SECONDS = 0.25
HEADERS = (
    "closed by", "subscriptions", "events", "seconds", "ms each", "closed/s", "processor ms", "of the first", "peak MB"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Closed:
    """One measurement."""

    by: str
    subscriptions: int
    events: int
    seconds: float
    spent: "Spent"


@dataclass(frozen=True, slots=True)
class Spent:
    """What the processes that closed took: seconds of processor, and megabytes at their peaks."""

    processor_seconds: float
    peak_mb: float


class NotClosedOnce(Exception):
    """The run ended otherwise than it must."""


def main() -> None:
    """A row for each size, kind of database and number of workers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--backends", nargs="*", default=BACKENDS, choices=BACKENDS)
    parser.add_argument("--subscriptions", nargs="*", type=int, default=SIZES)
    parser.add_argument("--events", type=int, default=EVENTS, help="of each subscription")
    parser.add_argument("--workers", nargs="*", type=int, default=(0, 1, 2), help="processes; 0 closes in this one")
    asked = parser.parse_args()
    os.environ["TALLYSTICK_LOG_LEVEL"] = "WARNING"
    configure_logging()
    print_machine(f"Closing: subscriptions of {asked.events:,} events each, all due at once")
    rows: list[list[str]] = []
    for backend in asked.backends:
        for workers in asked.workers:
            measured = [measure(backend, size, asked.events, workers) for size in asked.subscriptions]
            rows += [_row(each, measured[0]) for each in measured]
    print_table(HEADERS, rows)
    print("Processor and peak are those of the processes that close, as the system counts them; of several, the sum.")
    print("PostgreSQL's own come on top. “Of the first” compares the processor's milliseconds.")


def measure(backend: str, subscriptions: int, events: int, workers: int) -> Closed:
    """Close so many in this process, or by so many of `tallystick worker`."""
    with database(backend) as url, on_database(url):
        tallystick(url, "migrate")
        with transaction() as session:
            tenant_id = _customer(session)
        _meter(tenant_id, events)
        for first in range(1, subscriptions, COPIED_AT_ONCE):
            with transaction() as session:
                _copy(session, tenant_id, range(first, min(first + COPIED_AT_ONCE, subscriptions)))
        _settle()
        _check(subscriptions, is_closed=False)
        by = f"{backend}, {workers} worker{'s' if workers > 1 else ''}" if workers else f"{backend}, in a process"
        seconds, spent = _by_workers(url, workers) if workers else _here()
        _check(subscriptions, is_closed=True)
        return Closed(by, subscriptions, subscriptions * events, seconds, spent)


def _here() -> tuple[float, Spent]:
    """In a process of its own, so that its memory is that of closing alone."""
    began = time.perf_counter()
    program = "import bench.closing as closing; closing.close_here()"
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True, env=dict(os.environ))
    seconds, processor_seconds, peak_mb = map(float, done.stdout.decode().split())
    assert seconds <= time.perf_counter() - began
    return seconds, Spent(processor_seconds, peak_mb)


def close_here() -> None:
    """Close all that is due, and print the seconds, those of the processor, and the peak memory in megabytes."""
    os.environ["TALLYSTICK_LOG_LEVEL"] = "WARNING"
    configure_logging()
    began, worked = time.perf_counter(), time.process_time()
    while close_some(at=datetime.now(UTC)).invoices:
        pass
    print(time.perf_counter() - began, time.process_time() - worked, _spent(psutil.Process()).peak_mb)


def _by_workers(url: str, workers: int) -> tuple[float, Spent]:
    """Until nothing is due any more, from when the first worker begins."""
    os.environ["TALLYSTICK_SCHEDULER_SECONDS"] = "5"
    with ExitStack() as running:
        began = time.perf_counter()
        processes = [psutil.Process(running.enter_context(worker(url))) for _ in range(workers)]
        while _overdue():
            time.sleep(LOOK_SECONDS)
        seconds, spent = time.perf_counter() - began, [_spent(each) for each in processes]
        return seconds, Spent(sum(each.processor_seconds for each in spent), sum(each.peak_mb for each in spent))


def _spent(process: psutil.Process) -> Spent:
    """What a process took until now. Its peak is that of its own program (VmHWM, Linux): `ru_maxrss` would tell of
    whoever started it, too, as it outlives exec.
    """
    times = process.cpu_times()
    status = Path(f"/proc/{process.pid}/status").read_text()
    peak_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    return Spent(times.user + times.system, peak_kb / 1_024)


def _overdue() -> int:
    with reading() as session:
        return due_periods.overdue_since(session, at=datetime.now(UTC))[0]


def _customer(session: Session) -> str:
    start = datetime.now(UTC) - timedelta(days=DAYS_AGO)
    load_shipped_books(session, at=start)
    tenant = create_tenant(session, name="Bench", currency="CAD", timezone="UTC", at=start)
    create_subscription(session, tenant_id=tenant.id, plan_code="PRO", start_date=start.date(), at=start)
    return tenant.id


def _meter(tenant_id: str, events: int) -> None:
    """The events, spread over a day of the period."""
    began = datetime.now(UTC) - timedelta(days=DAYS_AGO - 2)
    units_micro = CREDITS_MICRO // events
    sent = [
        UsageInput(
            None,
            "LLM_token_usage",
            units_micro,
            event_id=f"evt-{number:06}",
            occurred_at=began + timedelta(seconds=number * 80_000 // events),
        )
        for number in range(events)
    ]
    for first in range(0, events, EVENTS_A_TRANSACTION):
        with transaction() as session:
            at = began + timedelta(days=1)
            record_usage(session, tenant_id=tenant_id, events=sent[first : first + EVENTS_A_TRANSACTION], at=at)


def _copy(session: Session, tenant_id: str, numbers: Sequence[int]) -> None:
    """The same rows for other customers and their subscriptions, and the heads of their logs signed in their names."""
    names = [f"{tenant_id[:-7]}{number:07}" for number in numbers]
    subscription_id = session.execute(select(_subscription.id).where(_subscription.tenant_id == tenant_id)).scalar_one()
    given = [(name, f"{subscription_id[:-7]}{number:07}") for name, number in zip(names, numbers, strict=True)]
    united = " UNION ALL ".join(f"SELECT '{name}' AS name, '{theirs}' AS subscription" for name, theirs in given)
    copies = text(united).columns(literal_column("name"), literal_column("subscription")).subquery("copies")
    for table in _tables():
        whose = table.c.id if table.name == "tenant" else table.c.tenant_id
        named = {whose.name: copies.c.name, "subscription_id": copies.c.subscription}
        named |= {"name": copies.c.name} if table.name == "tenant" else {}
        named |= {"id": copies.c.subscription} if table.name == "subscription" else {}
        columns = [named.get(column.name, column) for column in table.columns]
        rows = select(*columns).select_from(table.join(copies, literal(True))).where(whose == tenant_id)
        session.execute(table.insert().from_select([column.name for column in table.columns], rows))
    head, signer, logs = read_head(session, tenant_id=tenant_id), active_signer(session), table_of(ReceiptLog)
    size, root = head.size, head.frontier.root()
    session.connection().execute(
        logs.update().where(logs.c.tenant_id == bindparam("name")).values(checkpoint=bindparam("signed")),
        [
            {"name": name, "signed": signed_checkpoint(signer, origin=origin_of(head.iss, name), size=size, root=root)}
            for name in names
        ],
    )


def _tables() -> Iterator[Table]:
    """All but the lines of the first invoice: it is final, and takes none."""
    for table in metadata.sorted_tables:
        is_owned = table.name == "tenant" or "tenant_id" in table.primary_key.columns
        if is_owned and not table.name.startswith("invoice_"):
            yield table


def _settle() -> None:
    """What a database does after so many rows have come, it does before the time is taken."""
    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine().dialect.name == "sqlite":
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("BEGIN")
        else:
            connection.exec_driver_sql("VACUUM ANALYZE")


def _check(subscriptions: int, *, is_closed: bool) -> None:
    """Raises NotClosedOnce unless each has one invoice of a period's end, or none has yet."""
    with reading() as session:
        by_customer = (
            select_models(func.count().label("invoices"), func.min(Invoice.total_minor).label("total_minor"))
            .where(Invoice.billing_reason == BillingReason.PERIOD_CLOSE)
            .group_by(Invoice.tenant_id)
            .subquery()
        )
        found = session.execute(
            select(func.count(), func.max(by_customer.c.invoices), func.min(by_customer.c.total_minor))
        ).one()
    if tuple(found) != ((subscriptions, 1, 1_000_000) if is_closed else (0, None, None)):
        raise NotClosedOnce(f"{subscriptions:,} were to be closed once; found {tuple(found)}")


def _row(closed: Closed, first: Closed) -> list[str]:
    each = closed.seconds / closed.subscriptions
    return [
        closed.by,
        f"{closed.subscriptions:,}",
        f"{closed.events:,}",
        f"{closed.seconds:,.1f}",
        f"{each * 1_000:,.2f}",
        f"{1 / each:,.0f}",
        f"{_processor(closed) * 1_000:,.2f}",
        f"{_processor(closed) / _processor(first):.2f}",
        f"{closed.spent.peak_mb:,.0f}",
    ]


def _processor(closed: Closed) -> float:
    """Seconds of processor for each."""
    return closed.spent.processor_seconds / closed.subscriptions


if __name__ == "__main__":
    main()
