"""Counters beside the database: a file beside SQLite, an unlogged table on PostgreSQL."""

import asyncio
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from services.call_counting import Counters, CountersUnavailable, GuardedCounters
from services.database import open_engine
from services.database_counters import PostgresCounters, SqliteCounters
from services.gateways.counters import open_counters
from tests.services.counting import (
    CHECKS,
    MAY,
    admitted_by_processes,
    admitted_by_threads,
    assert_leases_of_the_dead_expire,
    call,
    die_holding_leases,
    now_ms,
)


def open_sqlite(path: str) -> Counters:
    return SqliteCounters(Path(path))


def open_postgresql(url: str) -> Counters:
    return PostgresCounters(open_engine(url))


@pytest.fixture
def opening(backend: str) -> Callable[[str], Counters]:
    return open_sqlite if backend == "sqlite" else open_postgresql


@pytest.fixture
def address(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """Where counters of each kind are, empty."""
    if backend == "sqlite":
        return str(tmp_path / "limits.db")
    url: str = request.getfixturevalue("new_postgresql_database")()
    return url


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_counters_beside_the_database(check, opening, address: str) -> None:
    asyncio.run(check(opening(address)))


def test_threads_are_given_exactly_as_many_calls_as_may(opening, address: str) -> None:
    assert admitted_by_threads(opening(address), threads=4, each=50) == MAY


def test_two_processes_are_given_exactly_as_many_calls_as_may_together(opening, address: str) -> None:
    admitted = admitted_by_processes(opening, address, processes=2, each=100)
    assert sum(admitted) == MAY


def test_leases_of_a_process_that_died_expire(opening, address: str) -> None:
    at_ms = now_ms()
    die_holding_leases(opening, address, at_ms)
    assert_leases_of_the_dead_expire(opening(address), at_ms)


def test_a_restart_forgets_nothing(opening, address: str) -> None:
    first = asyncio.run(opening(address).admit(call(per_day=1)))
    then = asyncio.run(opening(address).admit(call(per_day=1)))
    assert (first.reached, then.reached) == (None, "day")


def test_a_call_that_fails_leaves_the_others_their_table(opening, address: str) -> None:
    counters = opening(address)
    with pytest.raises(ZeroDivisionError), counters.locked("acme"):
        1 / 0  # noqa: B018
    assert asyncio.run(counters.admit(call(per_day=1))).reached is None


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(CountersUnavailable):
        asyncio.run(SqliteCounters(tmp_path / "missing" / "limits.db").admit(call(per_day=1)))


def test_the_counters_of_sqlite_are_a_private_file_of_their_own(sqlite_engine, tmp_path: Path) -> None:
    counters = open_counters(None, sqlite_engine)
    assert isinstance(counters, GuardedCounters)
    asyncio.run(counters.admit(call(per_day=1)))
    kept = tmp_path / "test.limits.db"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
