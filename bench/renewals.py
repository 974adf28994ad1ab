"""What a month's renewals cost: each subscription billed exactly once, though calls fail and news is shuffled.

Stripe is the sandbox, in a process of its own. Of the calls, one in twenty fails at random: too many requests, a fault,
no answer in time, or an answer lost after the work was done. Every event is delivered twice, in any order. In the end
each subscription must have one renewal at Stripe that comes to what our invoice does, paid, and nothing beside it.
"""

import argparse
import os
import random
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlmodel import Session, select

from app import jobs, payments
from app.logs import configure_logging
from bench.databases import BACKENDS, MASTER_KEY, database
from bench.figures import print_machine, print_table
from bench.sandbox import BenchSandbox, on_database, stripe_sandbox
from bench.servers import tallystick
from models import (
    Collection,
    EventSource,
    Invoice,
    InvoiceStatus,
    StripeCall,
    StripeCallKind,
    StripeCustomer,
    StripeEvent,
    StripeInvoice,
    Subscription,
)
from services.database import reading, transaction
from services.gateways.stripe.client import Stripe, open_stripe, stripe
from services.gateways.stripe.events import event_facts
from services.gateways.stripe.facts import EventFacts
from services.identity import create_tenant
from services.metering import UsageInput, record_usage
from services.payments import inbox, outbox
from services.payments.outbox import Owed
from services.payments.stripe_setup import set_up
from services.price_books.books import load_shipped_books
from services.rules.quantities import to_micro
from services.subscriptions.starting import create_subscription

BASE_MINOR, USE_MINOR = 900_000, 100_000
UNITS = Decimal(1_500_000)
WAIT_SECONDS = 20
"""How far both clocks are set on where all that is left waits for another try."""

TURNS_MAX = 500
HEADERS = ("what", "subscriptions", "seconds", "ms each", "calls each", "of them again", "events each")


class NotBilledOnce(Exception):
    """The run ended otherwise than it must."""


@dataclass(slots=True)
class Run:
    """Books, sandbox, and what has been delivered so far."""

    sandbox: BenchSandbox
    stripe: Stripe
    dice: random.Random
    offset: timedelta = timedelta(0)
    last_event: str = ""
    worked: payments.Worked = field(default_factory=payments.Worked)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def pass_time(self, span: timedelta) -> None:
        """Set both clocks on."""
        self.sandbox.control("advance", seconds=int(span.total_seconds()))
        self.offset += span

    def work_until_done(self) -> None:
        """Deliver, work, and wait for second tries, until nothing is left to do."""
        for _ in range(TURNS_MAX):
            told = self.deliver()
            done = payments.work_until_done(self.stripe, clock=self.now)
            self.worked += done
            if told or not done.is_nothing:
                continue
            if not _waiting():
                return
            self.pass_time(timedelta(seconds=WAIT_SECONDS))
        raise NotBilledOnce(f"work is left after {TURNS_MAX} turns: {_waiting()}")

    def deliver(self) -> int:
        """Every event that happened since, twice and in any order; answers how many there were."""
        new = list(self._told_since())
        twice = [event for event in new for _ in range(2)]
        self.dice.shuffle(twice)
        for first in range(0, len(twice), 500):
            with transaction() as session:
                inbox.keep_events(
                    session,
                    account=self.stripe.account,
                    events=twice[first : first + 500],
                    source=EventSource.WEBHOOK,
                    at=self.now(),
                )
        return len(new)

    def _told_since(self) -> Iterator[EventFacts]:
        found: list[dict[str, Any]] = []
        form = {"limit": 100, **({"ending_before": self.last_event} if self.last_event else {})}
        while True:
            page = self.sandbox.call("GET", "/v1/events", form)
            found = [*page["data"], *found] if self.last_event else [*found, *page["data"]]
            if not page["has_more"]:
                break
            if self.last_event:
                form["ending_before"] = page["data"][0]["id"]
            else:
                form["starting_after"] = page["data"][-1]["id"]
        if found:
            self.last_event = found[0]["id"]
        return (event_facts(document) for document in found)


def main() -> None:
    """One run on each database, and one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--subscriptions", type=int, default=1_000)
    parser.add_argument("--percent", type=float, default=5, help="of the calls that fail at first")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--backends", nargs="*", default=BACKENDS, choices=BACKENDS)
    asked = parser.parse_args()
    os.environ["TALLYSTICK_LOG_LEVEL"] = "ERROR"
    os.environ.setdefault(MASTER_KEY, secrets.token_urlsafe(32))
    configure_logging()
    print_machine(f"Renewals: {asked.subscriptions:,} at once, {asked.percent:g} % of calls failing, events twice")
    rows, details = [], []
    for backend in asked.backends:
        with database(backend) as url, stripe_sandbox() as sandbox, on_database(url):
            tallystick(url, "migrate")
            row, detail = measure(backend, sandbox, asked.subscriptions, percent=asked.percent, seed=asked.seed)
            rows.append(row)
            details.append(detail)
    print_table(HEADERS, rows)
    print("Each was billed exactly once, with equal totals here and there, and paid. The sandbox runs beside the work")
    print("and shares its cores; retries within a call wait half a second and more, as Stripe asks for.\n")
    for detail in details:
        print(detail)


def measure(backend: str, sandbox: BenchSandbox, count: int, *, percent: float, seed: int) -> tuple[list[str], str]:
    """Start the subscriptions without failures, then renew them with."""
    open_stripe.cache_clear()
    run = Run(sandbox, stripe(), random.Random(seed))
    start(run, count)
    end = _period_end()
    calls_before, events_before = _http_calls(sandbox), _events()
    run.pass_time(end - run.now() + timedelta(seconds=1))
    sandbox.control("fail_rate", percent=percent, seed=seed, delay_seconds=0.05)
    begun = time.perf_counter()
    run.work_until_done()
    run.pass_time(max(end + timedelta(hours=1, seconds=1) - run.now(), timedelta(0)))
    closed = jobs.close_due_periods(at=run.now())
    run.work_until_done()
    run.pass_time(timedelta(hours=2))
    run.work_until_done()
    seconds = time.perf_counter() - begun
    sandbox.control("fail_rate", percent=0)
    if len(closed.invoices) != count:
        raise NotBilledOnce(f"{len(closed.invoices)} of {count} periods were closed")
    check(run, count)
    return _figures(backend, run, count, seconds, calls_before, events_before)


def start(run: Run, count: int) -> None:
    """Customers with a card, each on a plan that is collected automatically, each beyond its allowance."""
    at = run.now()
    with transaction() as session:
        load_shipped_books(session, at=at)
    set_up(run.stripe, at=at, book_code="reliability")
    tenants = []
    for number in range(count):
        with transaction() as session:
            tenant = create_tenant(session, name=f"Load {number}", currency="CAD", timezone="UTC", at=at)
            call = Owed(StripeCallKind.CREATE_CUSTOMER, f"bench:{tenant.id}", {})
            outbox.owe_calls(
                session, tenant_id=tenant.id, account=run.stripe.account, subject=tenant.id, calls=[call], at=at
            )
            tenants.append(tenant.id)
    run.work_until_done()
    with reading() as session:
        customers = session.exec(select(StripeCustomer.stripe_id)).all()
    for customer in customers:
        card = run.sandbox.call("POST", "/v1/payment_methods/pm_card_visa/attach", {"customer": customer})
        default = {"invoice_settings[default_payment_method]": card["id"]}
        run.sandbox.call("POST", f"/v1/customers/{customer}", default)
    at = run.now()
    for tenant_id in tenants:
        with transaction() as session:
            create_subscription(session, tenant_id=tenant_id, plan_code="PRO", collection=Collection.AUTOMATIC, at=at)
            used = UsageInput(None, "LLM_token_usage", to_micro(UNITS))
            record_usage(session, tenant_id=tenant_id, events=[used], at=run.now())
    run.work_until_done()
    run.pass_time(timedelta(hours=2))
    run.work_until_done()


def check(run: Run, count: int) -> None:
    """Each subscription has two invoices, each at Stripe once, paid and of equal total; nothing else is there."""
    with reading() as session:
        invoices = {row.id: row for row in session.exec(select(Invoice))}
        carried = list(session.exec(select(StripeInvoice)))
        left = [row for row in session.exec(select(StripeCall)) if row.done_at is None]
        failed = [row.id for row in session.exec(select(StripeEvent)) if row.done_at is None]
    if left or failed:
        raise NotBilledOnce(f"not done: {[(row.key, row.error) for row in left][:3]}, {failed[:3]}")
    totals = Counter(row.total_minor for row in invoices.values())
    if totals != {BASE_MINOR: count, BASE_MINOR + USE_MINOR: count}:
        raise NotBilledOnce(f"our invoices come to {totals}")
    if {row.status for row in invoices.values()} != {InvoiceStatus.PAID}:
        raise NotBilledOnce(f"our invoices are {Counter(row.status for row in invoices.values())}")
    there: dict[str, int] = {}
    for document in run.stripe.listed(run.stripe.v1.invoices.list, listed_max=count * 10):
        there[document["id"]] = document["total"]
        if document["status"] != "paid" or document["amount_paid"] != document["total"]:
            raise NotBilledOnce(f"{document['id']} is {document['status']}, paid {document['amount_paid']}")
    sums: Counter[str] = Counter()
    for row in carried:
        sums[str(row.invoice_id)] += there.pop(row.stripe_id)
    if there:
        raise NotBilledOnce(f"{len(there)} invoices at Stripe carry none of ours")
    if sums != {each.id: each.total_minor for each in invoices.values()}:
        raise NotBilledOnce("what Stripe collected is not what our invoices come to")


def _figures(
    backend: str, run: Run, count: int, seconds: float, before: Counter[str], events_before: int
) -> tuple[list[str], str]:
    made = _http_calls(run.sandbox) - before
    owed = _owed_calls()
    again = sum(attempts - 1 for attempts in owed.values())
    with reading() as session:
        kinds = Counter(str(row.kind) for row in session.exec(select(StripeCall)) if row.key in owed)
    detail = ", ".join(f"{kind} {number / count:.2f}" for kind, number in kinds.most_common())
    http = ", ".join(f"{name} {number / count:.2f}" for name, number in made.most_common(8))
    row = [
        backend,
        f"{count:,}",
        f"{seconds:,.1f}",
        f"{seconds / count * 1_000:,.1f}",
        f"{made.total() / count:.1f}",
        f"{again:,}",
        f"{(_events() - events_before) / count:.1f}",
    ]
    return row, f"{backend}, for each subscription: {detail}.\n  Calls as the sandbox counts them: {http}.\n"


def _http_calls(sandbox: BenchSandbox) -> Counter[str]:
    """Calls the sandbox took, without those that only fetch what is delivered."""
    calls = Counter(sandbox.control("counters")["calls"])
    del calls["GET /v1/events"]
    return calls


def _owed_calls() -> dict[str, int]:
    """The attempts each call of the renewals took, by its key."""
    with reading() as session:
        closed = select(Invoice.id).where(Invoice.billing_reason == "period_close")
        renewed = set(session.exec(closed))
        calls = list(session.exec(select(StripeCall)))
    return {row.key: row.attempts for row in calls if row.subject in renewed or row.kind == StripeCallKind.HOLD_DRAFT}


def _events() -> int:
    with reading() as session:
        return len(session.exec(select(StripeEvent.id)).all())


def _period_end() -> datetime:
    with reading() as session:
        return max(session.exec(select(Subscription.current_period_end)).all())


def _waiting() -> int:
    with reading() as session:
        return _count(session, StripeCall) + _count(session, StripeEvent)


def _count(session: Session, model: type[StripeCall] | type[StripeEvent]) -> int:
    return len([row for row in session.exec(select(model.status)) if row == "waiting"])


if __name__ == "__main__":
    main()
