"""How many deliveries a second the webhook takes, how long each waits for its 200, and how soon it is applied.

A delivery is answered once its signature is checked and its event is kept durably; the work on it comes after. For the
second table a worker runs, and the sandbox delivers, as Stripe does.
"""

import argparse
import json
import os
import secrets
import time
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlmodel import Session, select

from app import payments, unit_of_work
from bench.databases import BACKENDS, MASTER_KEY, database
from bench.figures import milliseconds, percentile, print_machine, print_table
from bench.http_load import Run, post, send_all
from bench.sandbox import BenchSandbox, on_database, stripe_sandbox
from bench.servers import api_server, echo_server, free_port, tallystick, worker
from models import StripeCallKind, StripeCustomer, StripeEvent
from services.database import reading, transaction
from services.gateways.stripe.client import open_stripe, stripe
from services.identity import create_tenant
from services.payments import outbox
from services.payments.outbox import Owed
from services.stripe_sandbox.deliveries import signature

PATH = "/v1/stripe/webhook"
SECRET = "whsec_of_the_benchmark"
CONNECTIONS = (1, 8, 64)
DELIVERIES_MAX = 20_000
WARM_DELIVERIES = 50
APPLIED_SECONDS_MAX = 30
TAKEN_HEADERS = ("what", "connections", "deliveries/s", "p50 ms", "p95 ms", "p99 ms")
APPLIED_HEADERS = ("what", "events", "changed → applied p50 ms", "p95 ms", "arrived → applied p50 ms", "p95 ms")


def main() -> None:
    """Measure the generator first, then each database, and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=4, help="the longest a row of the first table may take")
    parser.add_argument("--workers", type=int, default=1, help="processes of the API")
    parser.add_argument("--events", type=int, default=100, help="events of the second table")
    parser.add_argument("--backends", nargs="*", default=BACKENDS, choices=BACKENDS)
    asked = parser.parse_args()
    os.environ.setdefault(MASTER_KEY, secrets.token_urlsafe(32))
    print_machine(f"Webhook: {asked.workers} API process(es), every delivery signed, verified and kept durably")
    rows: list[list[str]] = []
    with echo_server() as port:
        for connections in CONNECTIONS:
            rows.append(_taken("generator alone", port, connections, min(asked.seconds, 2)))
    for backend in asked.backends:
        with database(backend) as url:
            rows += measure_taken(backend, url, workers=asked.workers, seconds_max=asked.seconds)
    print_table(TAKEN_HEADERS, rows)
    applied = []
    for backend in asked.backends:
        with database(backend) as url, stripe_sandbox() as sandbox, on_database(url):
            applied.append(measure_applied(backend, url, sandbox, count=asked.events))
    print_table(APPLIED_HEADERS, applied)
    print(
        "changed: from the answer that says it is changed at the sandbox, which looks for what to deliver five times a"
    )
    print(
        "second; arrived: from when the delivery was taken. Applied: our books say so, after reading the object anew."
    )


def measure_taken(backend: str, url: str, *, workers: int, seconds_max: float) -> list[list[str]]:
    """One row for each number of connections. Nothing works on the events meanwhile, and Stripe is not called."""
    tallystick(url, "migrate")
    given = {
        "TALLYSTICK_STRIPE_SECRET_KEY": "sk_test_of_the_benchmark",
        "TALLYSTICK_STRIPE_ADDRESS": "http://127.0.0.1:9",
        "TALLYSTICK_STRIPE_WEBHOOK_SECRET": SECRET,
    }
    os.environ.update(given)
    try:
        with api_server(url, workers=workers) as port:
            send_all(_deliveries("warm", WARM_DELIVERIES), port=port, clients=1, seconds_max=seconds_max)
            return [_taken(backend, port, connections, seconds_max) for connections in CONNECTIONS]
    finally:
        for name in given:
            del os.environ[name]


def measure_applied(backend: str, url: str, sandbox: BenchSandbox, *, count: int) -> list[str]:
    """A customer's address changes at Stripe, again and again: how long until ours has it."""
    port = free_port()
    os.environ["TALLYSTICK_PUBLIC_URL"] = f"http://127.0.0.1:{port}"
    try:
        tallystick(url, "migrate")
        tallystick(url, "stripe", "setup")
        customer = _customer()
        with api_server(url, workers=1, port=port), worker(url):
            spans = [_changed(sandbox, customer, number) for number in range(count)]
    finally:
        del os.environ["TALLYSTICK_PUBLIC_URL"]
    with reading() as session:
        handled = select(StripeEvent).where(StripeEvent.type == "customer.updated", StripeEvent.object_id == customer)
        arrived = [_seconds(row.received_at, row.done_at) for row in session.exec(handled)]
    return [
        backend,
        f"{count:,}",
        *(milliseconds(percentile(spans, share)) for share in (0.50, 0.95)),
        *(milliseconds(percentile(arrived, share)) for share in (0.50, 0.95)),
    ]


def _taken(name: str, port: int, connections: int, seconds_max: float) -> list[str]:
    requests = _deliveries(f"{name.split(maxsplit=1)[0]}-{connections}", DELIVERIES_MAX)
    run: Run = send_all(requests, port=port, clients=connections, seconds_max=seconds_max)
    if run.failures:
        raise RuntimeError(f"{name} refused deliveries: {run.failures}")
    shares = [milliseconds(percentile(run.calls, share)) for share in (0.50, 0.95, 0.99)]
    return [name, str(connections), f"{len(run.calls) / run.seconds:,.0f}", *shares]


def _deliveries(name: str, count: int) -> list[bytes]:
    """So many events of one kind, each signed just now."""
    at = int(time.time())
    requests = []
    for number in range(count):
        body = json.dumps(_event(f"evt_{name}_{number:06d}", f"in_{name}_{number:06d}", at)).encode()
        requests.append(post(PATH, body, {"Stripe-Signature": signature(SECRET, body, at)}))
    return requests


def _event(event_id: str, invoice_id: str, at: int) -> dict[str, object]:
    """An event with an invoice of a usual size in it."""
    lines = [
        {"id": f"il_{number}", "object": "line_item", "amount": 900_000, "description": "Base"} for number in range(8)
    ]
    invoice = {
        "id": invoice_id,
        "object": "invoice",
        "customer": "cus_benchmark",
        "status": "paid",
        "total": 1_000_000,
        "lines": {"object": "list", "data": lines, "has_more": False, "url": f"/v1/invoices/{invoice_id}/lines"},
        "metadata": {"tallystick_invoice": "inv_benchmark", "tallystick_part": "whole"},
    }
    return {
        "id": event_id,
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": at,
        "data": {"object": invoice},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": "invoice.paid",
    }


def _customer() -> str:
    """A customer of ours at the sandbox."""
    open_stripe.cache_clear()
    connected, at = stripe(), unit_of_work.now()
    with transaction() as session:
        tenant = create_tenant(session, name="Load", currency="CAD", timezone="UTC", at=at)
        call = Owed(StripeCallKind.CREATE_CUSTOMER, f"bench:{tenant.id}", {})
        outbox.owe_calls(
            session, tenant_id=tenant.id, account=connected.account, subject=tenant.id, calls=[call], at=at
        )
    payments.work_until_done(connected, clock=unit_of_work.now)
    with reading() as session:
        return session.exec(select(StripeCustomer.stripe_id)).one()


def _changed(sandbox: BenchSandbox, customer: str, number: int) -> float:
    """Seconds from a change at the sandbox until our row has it."""
    email = f"ada+{number}@acme.example"
    sandbox.call("POST", f"/v1/customers/{customer}", {"email": email})
    begun = time.perf_counter()
    while time.perf_counter() - begun < APPLIED_SECONDS_MAX:
        with reading() as session:
            if _email(session) == email:
                return time.perf_counter() - begun
        time.sleep(0.002)
    raise RuntimeError(f"a change was not applied within {APPLIED_SECONDS_MAX} s")


def _email(session: Session) -> str | None:
    found: str | None = session.execute(text("SELECT email FROM stripe_customer")).scalar_one()
    return found


def _seconds(begun: datetime, ended: datetime | None) -> float:
    assert ended is not None
    return max(ended - begun, timedelta(0)).total_seconds()


if __name__ == "__main__":
    main()
