"""How many events a second `tallystick api` takes, and how long a call waits: single and batched, few clients and many.

Every event is checked, rated, burned from the credit lots, given a receipt in the signed log and committed durably
before the call is answered. All of them are
one customer's, which is the hardest case: a customer's events are put in one order.
"""

import argparse
import json
from dataclasses import dataclass

from bench.databases import BACKENDS, database
from bench.figures import milliseconds, percentile, print_machine, print_table
from bench.http_load import Run, post, send_all
from bench.servers import api_server, echo_server, tallystick

SHAPES = ((1, 1, None), (1, 8, None), (1, 64, None), (1, 64, 5_000), (100, 8, None), (1_000, 1, None), (1_000, 8, None))
"""Events a call, clients, and calls a second where they are sent at a rate."""

CALLS_MAX = {1: 20_000, 100: 2_000, 1_000: 300}
WARM_CALLS = 20
HEADERS = ("what", "events a call", "clients", "sent at", "events/s", "calls/s", "p50 ms", "p95 ms", "p99 ms")


@dataclass(frozen=True, slots=True)
class Target:
    """A server to send to: `name` for the table, and the headers that let us in."""

    name: str
    port: int
    headers: dict[str, str]


def main() -> None:
    """Measure the generator first, then each database, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=4, help="the longest a row of the table may take")
    parser.add_argument("--workers", type=int, default=1, help="processes of the API")
    parser.add_argument("--backends", nargs="*", default=BACKENDS, choices=BACKENDS)
    asked = parser.parse_args()
    print_machine(f"Ingestion over HTTP: one customer, {asked.workers} API process(es), every call durable")
    rows: list[list[str]] = []
    with echo_server() as port:
        rows += measure(Target("generator alone", port, {}), seconds_max=min(asked.seconds, 2))
    for backend in asked.backends:
        with database(backend) as url:
            key = _customer(url)
            with api_server(url, workers=asked.workers) as port:
                target = Target(backend, port, {"Authorization": f"Bearer {key}"})
                rows += measure(target, seconds_max=asked.seconds)
    print_table(HEADERS, rows)
    print("generator alone: the same calls against an endpoint that reads them and answers at once. It runs on the")
    print("same cores as the server, so the server's own share of a call is a little less than what is shown.")


def measure(target: Target, *, seconds_max: float) -> list[list[str]]:
    """One row for each size of batch and number of clients."""
    rows = []
    send_all(_requests(target, 1, WARM_CALLS, "warm"), port=target.port, clients=1, seconds_max=seconds_max)
    for size, clients, rate in SHAPES:
        requests = _requests(target, size, CALLS_MAX[size], f"{target.name}-{size}-{clients}-{rate}")
        run = send_all(requests, port=target.port, clients=clients, seconds_max=seconds_max, rate=rate)
        if run.failures:
            raise RuntimeError(f"{target.name} refused calls: {run.failures}")
        rows.append(_row(target.name, size, clients, rate, run))
    return rows


def _customer(url: str) -> str:
    tallystick(url, "migrate")
    made = json.loads(tallystick(url, "tenant", "create", "Load", "--plan", "ENTERPRISE", "--json"))
    arguments = ("apikey", "create", "--tenant", made["tenant_id"], "--scopes", "usage:write", "--json")
    return str(json.loads(tallystick(url, *arguments))["key"])


def _requests(target: Target, size: int, calls: int, name: str) -> list[bytes]:
    requests = []
    for call in range(calls):
        events = [
            {"event_type": "LLM_token_usage", "units": "0.418", "event_id": f"{name}-{call:06d}-{number:04d}"}
            for number in range(size)
        ]
        path = "/v1/usage/track" if size == 1 else "/v1/usage/events"
        body = json.dumps(events[0] if size == 1 else events).encode()
        requests.append(post(path, body, target.headers))
    return requests


def _row(name: str, size: int, clients: int, rate: int | None, run: Run) -> list[str]:
    calls = len(run.calls)
    shares = [milliseconds(percentile(run.calls, share)) for share in (0.50, 0.95, 0.99)]
    return [
        name,
        f"{size:,}",
        str(clients),
        "once answered" if rate is None else f"{rate:,}/s",
        f"{calls * size / run.seconds:,.0f}",
        f"{calls / run.seconds:,.0f}",
        *shares,
    ]


if __name__ == "__main__":
    main()
