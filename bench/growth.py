"""Whether metering slows as a customer's log grows, and how much room an event and its receipt take.

Events are metered in this process by the same service as behind the API, 1,000 a transaction, with full durability.
"""

import argparse
import os
import time
from datetime import UTC, datetime
from uuid import uuid4

from bench.databases import BACKENDS, database
from bench.figures import print_machine, print_table
from services import database as databases
from services import settings as configuration
from services.database import engine, reading, transaction
from services.identity import create_tenant
from services.metering import UsageInput, record_usage
from services.migrations import migrate
from services.price_books.books import load_shipped_books
from services.subscriptions.starting import create_subscription

SIZES = (100_000, 1_000_000, 10_000_000)
EVENTS_A_TRANSACTION = 1_000
MEASURED = 100_000
"""Events at each size over which the speed is measured."""

UNITS_MICRO = 418_000

RECEIPT_TABLES = ("receipt", "receipt_log", "receipt_signature", "usage_tally", "trace_hop")
HEADERS = ("database", "events", "events/s", "of the first", "bytes a receipt", "bytes an event, all tables")


def main() -> None:
    """Grow one database of each kind and print a row at each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--backends", nargs="*", default=BACKENDS, choices=BACKENDS)
    parser.add_argument("--events", type=int, default=1_000_000, help="grow to so many")
    parser.add_argument("--random-ids", action="store_true", help="ids in no order, which no index likes")
    asked = parser.parse_args()
    ids = "random ids" if asked.random_ids else "ids that begin with a time or a counter"
    print_machine(f"Growth: one customer, {EVENTS_A_TRANSACTION:,} events a transaction, {ids}")
    rows = []
    for backend in asked.backends:
        with database(backend) as url:
            rows += grow(backend, url, events_max=asked.events, random_ids=asked.random_ids)
    print_table(HEADERS, rows)
    print(
        "A receipt's bytes are those of its row, the tree's nodes and the index, with what pages of them leave empty."
    )


def grow(backend: str, url: str, *, events_max: int, random_ids: bool) -> list[list[str]]:
    """One row for each size up to `events_max`."""
    os.environ["TALLYSTICK_DATABASE_URL"] = url
    configuration.settings.cache_clear()
    databases.engine.cache_clear()
    migrate(engine())
    tenant_id = _customer()
    rows, first, done = [], 0.0, 0
    for size in (size for size in SIZES if size <= events_max):
        done = _meter(tenant_id, done, max(done, size - MEASURED), random_ids)
        started = time.perf_counter()
        done = _meter(tenant_id, done, size, random_ids)
        speed = MEASURED / (time.perf_counter() - started)
        first = first or speed
        receipt_bytes, all_bytes = _bytes_of(backend)
        figures = (f"{speed:,.0f}", f"{speed / first:.0%}", f"{receipt_bytes / size:,.0f}", f"{all_bytes / size:,.0f}")
        rows.append([backend, f"{size:,}", *figures])
    engine().dispose()
    return rows


def _customer() -> str:
    at = datetime.now(UTC)
    with transaction() as session:
        load_shipped_books(session, at=at)
        tenant = create_tenant(session, name="Growth", currency="CAD", timezone="UTC", at=at)
        create_subscription(session, tenant_id=tenant.id, plan_code="PRO", at=at)
    return tenant.id


def _meter(tenant_id: str, done: int, until: int, random_ids: bool) -> int:
    while done < until:
        count = min(EVENTS_A_TRANSACTION, until - done)
        events = [
            UsageInput(None, "LLM_token_usage", UNITS_MICRO, uuid4().hex if random_ids else f"evt-{number:012d}")
            for number in range(done, done + count)
        ]
        with transaction() as session:
            record_usage(session, tenant_id=tenant_id, events=events, at=datetime.now(UTC))
        done += count
    return done


def _bytes_of(backend: str) -> tuple[int, int]:
    """Bytes of the tables of the log with their indexes, and of everything."""
    names = ", ".join(f"'{name}'" for name in RECEIPT_TABLES)
    if backend == "postgresql":
        receipts = f"SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname IN ({names}) AND relkind = 'r'"
        everything = "SELECT pg_database_size(current_database())"
    else:
        receipts = (
            f"SELECT sum(pgsize) FROM dbstat WHERE name IN (SELECT name FROM sqlite_master WHERE tbl_name IN ({names}))"
        )
        everything = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
    with reading() as session:
        found = [session.connection().exec_driver_sql(query).scalar_one() for query in (receipts, everything)]
    return int(found[0]), int(found[1])


if __name__ == "__main__":
    main()
