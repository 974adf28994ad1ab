"""A commit that is kept while its answer is lost, as when a connection breaks at the wrong moment."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bench.crashes.customers import Customer
from bench.crashes.stage import add_customers_to
from bench.crashes.victims import ApiVictim
from bench.databases import postgresql_server

pytestmark = pytest.mark.slow

SECONDS_MAX = 20
EVENT = {"event_type": "work", "units": 1, "event_id": "night-run"}


def track(api: ApiVictim, customer: Customer, event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    connection = HTTPConnection("127.0.0.1", api.port, timeout=SECONDS_MAX)
    headers = {"Authorization": f"Bearer {customer.key}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/usage/track", json.dumps(event), headers)
    answer = connection.getresponse()
    with answer:
        return answer.status, json.loads(answer.read())


@contextmanager
def commits_that_wait(admin: "psycopg.Connection[Any]") -> Iterator[None]:
    """Commits reach the disk and then wait for a standby that there is not."""
    admin.execute("SET synchronous_commit = local")
    for standby in ("nobody", ""):
        admin.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{standby}'".encode())
        admin.execute("SELECT pg_reload_conf()")
        if standby:
            yield


def test_the_answer_does_not_say_that_nothing_was_changed_and_a_retry_counts_nothing_twice(tmp_path: Path) -> None:
    with postgresql_server() as server, psycopg.connect(server.get_uri(), autocommit=True) as admin:
        customer = add_customers_to(server.get_uri())[0]
        api = ApiVictim(server.get_uri(), tmp_path / "api.log")
        api.start()
        try:
            api.wait()
            assert track(api, customer, EVENT | {"event_id": "day-run"})[0] == 200
            answers: list[tuple[int, dict[str, Any]]] = []
            with commits_that_wait(admin):
                call = threading.Thread(target=lambda: answers.append(track(api, customer, EVENT)))
                call.start()
                end_waiting_commits(admin, call)
            ((status, problem),) = answers
            assert (status, problem["code"]) == (503, "database_unavailable")
            assert "changed" not in problem["detail"]
            assert "event_id" in problem["detail"]

            status, again = track(api, customer, EVENT)
        finally:
            api.kill()
        assert (status, again["duplicate"]) == (200, True)
        counted = admin.execute("SELECT count(*) FROM usage_event WHERE event_id = 'night-run'").fetchone()
        assert counted == (1,)


def end_waiting_commits(admin: "psycopg.Connection[Any]", call: threading.Thread) -> None:
    """Break the connections whose commits are kept and wait, until the call is answered."""
    ends = time.monotonic() + SECONDS_MAX
    while call.is_alive():
        assert time.monotonic() < ends, "the call was not answered"
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
        call.join(0.05)
