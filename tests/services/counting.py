"""What every kind of counters must do, as checks that each kind's own test file runs; and a process that calls."""

import asyncio
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

from services.call_counting import Call, Counters
from services.rules.rate_limits import MINUTE_MS, SECOND_MS, CallLimits, Calls, Day, Limit

MAY = 40


def now_ms() -> int:
    return time.time_ns() // 1_000_000


NOW_MS = now_ms() + 3_600_000
"""An hour ahead: counters forget what is long past by their own clock, and a run of all tests takes a while."""

TODAY = Day(NOW_MS - 10_000_000, NOW_MS + 10_000_000)


def call(key: str = "acme", *, at_ms: int = 0, lease: str = "", lease_ms: int = 30_000, **limits: Any) -> Call:
    return Call(key, CallLimits(**limits), at_ms or NOW_MS, TODAY, lease, lease_ms)


async def exactly_as_many_as_may_of_200_at_once(counters: Counters) -> None:
    for limit in ("per_minute", "per_day", "concurrent"):
        calls = [call(limit, lease=str(number), **{limit: MAY}) for number in range(200)]
        decided = await asyncio.gather(*(counters.admit(each) for each in calls))
        assert sum(each.reached is None for each in decided) == MAY, limit


async def callers_are_counted_apart(counters: Counters) -> None:
    for key in ("one", "two"):
        assert (await counters.admit(call(key, per_minute=1))).reached is None
        assert (await counters.admit(call(key, per_minute=1))).reached is Limit.MINUTE


async def a_lease_ends_when_it_is_released_or_expires(counters: Counters) -> None:
    async def admits(lease: str, at_ms: int) -> bool:
        made = await counters.admit(call("leases", at_ms=at_ms, lease=lease, lease_ms=5_000, concurrent=1))
        return made.reached is None

    assert await admits("a", NOW_MS)
    assert not await admits("b", NOW_MS)
    await counters.release("leases", "a")
    await counters.release("leases", "never taken")
    assert await admits("c", NOW_MS)
    assert not await admits("d", NOW_MS + 4_999)
    assert await admits("e", NOW_MS + 5_000)
    await counters.renew("leases", "e", expires_ms=NOW_MS + 20_000)
    assert not await admits("f", NOW_MS + 19_999)
    assert await admits("g", NOW_MS + 20_000)


async def every_decision_is_the_rules(counters: Counters) -> None:
    """A few minutes of calls, some at once, some long after, against the rule itself."""
    limits = {"per_minute": 5, "per_day": 40, "concurrent": 3}
    rule, at_ms = Calls(), NOW_MS
    for number in range(150):
        at_ms += (number * 7_919) % 4_001 if number % 29 else MINUTE_MS
        made = call("rule", at_ms=at_ms, lease=f"l{number}", lease_ms=9_000, **limits)
        told = {"at_ms": at_ms, "day": TODAY, "lease": made.lease, "lease_ms": made.lease_ms}
        assert await counters.admit(made) == rule.admit(made.limits, **told), number
        if number % 4 == 0:
            await counters.release("rule", f"l{number - 2}")
            rule.release(f"l{number - 2}")


async def a_clock_far_ahead_is_not_believed(counters: Counters) -> None:
    rule = Calls()
    for at_ms in (NOW_MS, NOW_MS + 30 * MINUTE_MS, NOW_MS + 1, NOW_MS + MINUTE_MS, NOW_MS + 2 * SECOND_MS):
        made = call("skewed", at_ms=at_ms, per_minute=1, per_day=9)
        assert await counters.admit(made) == rule.admit(made.limits, at_ms=at_ms, day=TODAY)


async def a_day_that_sells_more_goes_on(counters: Counters) -> None:
    made = [await counters.admit(call("pro", per_day=2, day_refuses=False)) for _ in range(4)]
    assert [each.reached for each in made] == [None] * 4
    assert [each.remaining_day for each in made] == [1, 0, 0, 0]


CHECKS: list[Callable[[Counters], Coroutine[Any, Any, None]]] = [
    exactly_as_many_as_may_of_200_at_once,
    callers_are_counted_apart,
    a_lease_ends_when_it_is_released_or_expires,
    every_decision_is_the_rules,
    a_clock_far_ahead_is_not_believed,
    a_day_that_sells_more_goes_on,
]


def admitted_by_threads(counters: Counters, threads: int, each: int) -> int:
    """How many calls several threads, each with its own event loop, are given against a limit of MAY a day."""
    admitted: list[int] = []

    async def ask() -> None:
        decided = await asyncio.gather(*(counters.admit(call("threads", per_day=MAY)) for _ in range(each)))
        admitted.append(sum(one.reached is None for one in decided))

    started = [threading.Thread(target=lambda: asyncio.run(ask())) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    return sum(admitted)


def admitted_by_processes(open_one: Callable[[str], Counters], address: str, processes: int, each: int) -> list[int]:
    """How many calls each of several real processes is given against one limit of MAY a minute."""
    context = multiprocessing.get_context("spawn")
    answers, go = context.Queue(), context.Event()
    at_ms = now_ms()
    started = [
        context.Process(target=_ask_in_process, args=(open_one, address, each, at_ms, go, answers))
        for _ in range(processes)
    ]
    for process in started:
        process.start()
    for _ in started:
        assert answers.get(timeout=60) == "ready"
    go.set()
    admitted = [answers.get(timeout=60) for _ in started]
    for process in started:
        process.join(60)
        assert process.exitcode == 0
    return admitted


def die_holding_leases(open_one: Callable[[str], Counters], address: str, at_ms: int) -> None:
    """A process that takes two leases and ends without giving them back."""
    process = multiprocessing.get_context("spawn").Process(target=_hold_and_die, args=(open_one, address, at_ms))
    process.start()
    process.join(60)
    assert process.exitcode == 9


def _ask_in_process(open_one: Any, address: str, each: int, at_ms: int, go: Any, answers: Any) -> None:
    counters = open_one(address)

    async def ask() -> int:
        await counters.admit(call("warm", at_ms=at_ms, per_minute=MAY))
        answers.put("ready")
        go.wait(60)
        asked = (counters.admit(call("shared", at_ms=at_ms, per_minute=MAY)) for _ in range(each))
        return sum(one.reached is None for one in await asyncio.gather(*asked))

    answers.put(asyncio.run(ask()))


def _hold_and_die(open_one: Any, address: str, at_ms: int) -> None:
    counters = open_one(address)

    async def hold() -> None:
        for lease in ("x", "y"):
            made = await counters.admit(call("crash", at_ms=at_ms, lease=lease, lease_ms=5_000, concurrent=2))
            assert made.reached is None
        os._exit(9)

    asyncio.run(hold())


def assert_leases_of_the_dead_expire(counters: Counters, at_ms: int) -> None:
    """After `die_holding_leases` at that moment."""

    async def admits(at_ms: int) -> bool:
        made = await counters.admit(call("crash", at_ms=at_ms, lease="z", lease_ms=5_000, concurrent=2))
        return made.reached is None

    async def check() -> None:
        assert not await admits(at_ms + 4_999)
        assert await admits(at_ms + 5_000)

    asyncio.run(check())
