"""How long the server works to load each page, with 10,000, 100,000 and 1,000,000 events for the customer.

The first 10,000 events are metered like any others, over half a year with its closed periods. More are copies of them,
with the daily and period counters multiplied alike, so that a million take seconds to put there and not minutes.
"""

import argparse
import logging
import os
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Engine, func, insert, literal, select, update
from sqlmodel import Session

from bench.databases import BACKENDS, MASTER_KEY, database
from bench.figures import milliseconds, percentile, print_machine, print_table
from models import PoolUsage, TenantHead, UsageDaily, UsageEvent, table_of
from services import customers, overview
from services.assets.snapshots import record_snapshot
from services.closing.close import close_if_due
from services.database import open_engine, reading, transaction
from services.gain_share import views as gain_share_views
from services.identity import create_tenant
from services.invoices import detail_views
from services.invoices import views as invoice_views
from services.invoices.finding import list_invoices
from services.metering import UsageInput, record_usage
from services.migrations import migrate
from services.price_books.books import load_shipped_books
from services.rules.quantities import MICRO
from services.subscriptions import plan_offers
from services.subscriptions.starting import create_subscription
from services.usage import event_views
from services.usage import views as usage_views

SEED = 7
AT = datetime(2026, 6, 20, 12, 0, tzinfo=UTC)
BEGINS = datetime(2026, 1, 1, tzinfo=UTC)
METERED = 10_000
SIZES = (10_000, 100_000, 1_000_000)
SITES = ("north", "south", "east")
EVENT_TYPES = ("LLM_token_usage", "vision_frame_batch", "optimizer_job", "simulator_run")
READS = 150


@dataclass(frozen=True, slots=True)
class Customer:
    tenant_id: str
    subscription_id: str


def main() -> None:
    """Fill each database in three steps and measure every page at each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--backends", nargs="*", default=BACKENDS, choices=BACKENDS)
    parser.add_argument("--sizes", nargs="*", type=int, default=SIZES, help="multiples of 10,000")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    os.environ.setdefault(MASTER_KEY, secrets.token_urlsafe(32))
    print_machine(f"Server time to load each page's view, {READS} reads each")
    headers = ("page", "database", *(f"{size:,} events, p50/p95 ms" for size in asked.sizes))
    rows: dict[tuple[str, str], list[str]] = {}
    for backend in asked.backends:
        with database(backend) as url:
            os.environ["TALLYSTICK_DATABASE_URL"] = url
            engine = open_engine(url)
            migrate(engine)
            customer = fill(engine)
            for size in asked.sizes:
                grow(engine, customer, size)
                for name, read in pages(engine, customer).items():
                    times = [clock(engine, read) for _ in range(READS)]
                    shown = "/".join(milliseconds(percentile(times, share)) for share in (0.50, 0.95))
                    rows.setdefault((name, backend), []).append(shown)
            engine.dispose()
    print_table(headers, [[name, backend, *figures] for (name, backend), figures in sorted(rows.items())])


def clock(engine: Engine, read: Callable[[Session], Any]) -> float:
    """Seconds from opening a session to having the page's view."""
    begun = time.perf_counter()
    with reading(engine) as session:
        read(session)
    return time.perf_counter() - begun


def pages(engine: Engine, customer: Customer) -> dict[str, Callable[[Session], Any]]:
    """What each page asks of the services when it opens."""
    who = customer.tenant_id
    with reading(engine) as session:
        invoice_id = list_invoices(session, tenant_id=who, limit=1)[0].id
    return {
        "Overview": lambda session: overview.read_overview(session, tenant_id=who, at=AT),
        "Plans": lambda session: plan_offers.read_offers(session, tenant_id=who, at=AT),
        "Usage": lambda session: usage_views.read_usage(session, tenant_id=who, at=AT),
        "Usage events": lambda session: event_views.read_events(session, tenant_id=who),
        "Invoices": lambda session: invoice_views.read_invoice_list(session, tenant_id=who, at=AT),
        "Invoice": lambda session: detail_views.read_invoice_detail(
            session, tenant_id=who, invoice_id=invoice_id, at=AT
        ),
        "Gain-share": lambda session: gain_share_views.read_gain_share(session, tenant_id=who, at=AT),
        "Customers": lambda session: customers.list_customers(session, at=AT),
    }


def fill(engine: Engine) -> Customer:
    """A customer with half a year of METERED events, asset counts and closed periods."""
    with transaction(engine) as session:
        load_shipped_books(session, at=BEGINS)
        tenant = create_tenant(session, name="Load", currency="CAD", timezone="America/Toronto", at=BEGINS)
        subscription = create_subscription(
            session,
            tenant_id=tenant.id,
            plan_code="ENTERPRISE",
            start_date=BEGINS.date(),
            at=BEGINS + timedelta(days=1),
        )
        customer = Customer(tenant.id, subscription.id)
    chance = random.Random(SEED)
    days = (AT - BEGINS).days
    for day in range(1, days):
        with transaction(engine) as session:
            _live_a_day(session, customer, BEGINS + timedelta(days=day), chance, METERED // (days - 1) + 1)
    return customer


def _live_a_day(session: Session, customer: Customer, day: datetime, chance: random.Random, events: int) -> None:
    evening = day + timedelta(hours=23)
    if day.weekday() == 0:
        counts = {site: 900 + chance.randrange(100) for site in SITES}
        record_snapshot(
            session, tenant_id=customer.tenant_id, asset_count=sum(counts.values()), site_breakdown=counts, at=evening
        )
    inputs = [
        UsageInput(
            subscription_id=customer.subscription_id,
            event_type=chance.choice(EVENT_TYPES),
            units_micro=chance.randrange(1, 9) * MICRO,
            event_id=f"{day:%Y%m%d}-{number}",
            occurred_at=day + timedelta(minutes=chance.randrange(22 * 60)),
            site=chance.choice(SITES) if day.day > 7 or day.month > 1 else None,
        )
        for number in range(events)
    ]
    record_usage(session, tenant_id=customer.tenant_id, events=inputs, at=evening)
    close_if_due(session, tenant_id=customer.tenant_id, subscription_id=customer.subscription_id, at=evening)


def grow(engine: Engine, customer: Customer, size: int) -> None:
    """Copy the events until there are `size`, or a little more, and multiply the counters that sum them."""
    with transaction(engine) as session:
        head = session.get_one(TenantHead, customer.tenant_id)
        copies = round(size / head.event_count)
        if copies <= 1:
            return
        last_seq = session.execute(select(func.max(table_of(UsageEvent).c.seq))).scalar_one()
        for copy in range(1, copies):
            _copy_events(session, customer, last_seq, copy)
        head.event_count *= copies
        session.add(head)
        for model, counters in (
            (UsageDaily, ("units_micro", "credits_micro", "overage_micro", "events")),
            (PoolUsage, ("used_micro", "overage_micro", "billed_overage_micro")),
        ):
            table = table_of(model)
            multiplied = {name: table.c[name] * copies for name in counters}
            session.execute(update(table).where(table.c.tenant_id == customer.tenant_id).values(multiplied))


def _copy_events(session: Session, customer: Customer, last_seq: int, copy: int) -> None:
    table = table_of(UsageEvent)
    changed = {
        "seq": table.c.seq + last_seq * copy,
        "event_id": table.c.event_id + literal(f"-{last_seq}-{copy}"),
    }
    columns = [changed.get(column.name, column) for column in table.c]
    copied = select(*columns).where(table.c.tenant_id == customer.tenant_id, table.c.seq <= last_seq)
    session.execute(insert(table).from_select([column.name for column in table.c], copied))


if __name__ == "__main__":
    main()
