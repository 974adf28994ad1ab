"""Counters in the memory of one process, and what happens while a shared store is away."""

import asyncio

import pytest

from services.call_counting import Call, Counters, CountersUnavailable, GuardedCounters, InProcessCounters, finish
from services.rules.rate_limits import Decision, Limit
from tests.services.counting import CHECKS, MAY, NOW_MS, admitted_by_threads, call


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_counters_of_one_process(check) -> None:
    asyncio.run(check(InProcessCounters()))


def test_threads_are_given_exactly_as_many_calls_as_may() -> None:
    assert admitted_by_threads(InProcessCounters(), threads=8, each=200) == MAY


def test_callers_nobody_could_be_refused_for_are_forgotten_and_no_others() -> None:
    async def steps() -> None:
        counters = InProcessCounters(callers_max=10)
        await counters.admit(call("busy", lease="a", lease_ms=3_600_000, concurrent=1))
        for number in range(100):
            await counters.admit(call(f"{number}", at_ms=NOW_MS + number * 30_000, per_minute=1))
        assert len(counters._callers) <= 20
        reached = (await counters.admit(call("busy", lease="b", concurrent=1))).reached
        assert reached is Limit.CONCURRENCY

    asyncio.run(steps())


def test_a_caller_is_not_forgotten_while_there_is_something_to_remember() -> None:
    async def steps() -> None:
        counters = InProcessCounters(callers_max=5)
        first, again = [
            [(await counters.admit(call(f"{number}", per_day=1))).reached for number in range(50)] for _ in range(2)
        ]
        assert set(first) == {None}
        assert set(again) == {Limit.DAY}

    asyncio.run(steps())


class _Store:
    """A store that can be taken away."""

    def __init__(self) -> None:
        self.inner = InProcessCounters()
        self.is_away = False
        self.asked = 0

    def _check(self) -> Counters:
        self.asked += 1
        if self.is_away:
            raise CountersUnavailable("away")
        return self.inner

    async def admit(self, call: Call) -> Decision:
        return await self._check().admit(call)

    async def renew(self, key: str, lease: str, *, expires_ms: int) -> None:
        await self._check().renew(key, lease, expires_ms=expires_ms)

    async def release(self, key: str, lease: str) -> None:
        await self._check().release(key, lease)


def test_while_the_store_is_away_the_process_counts_by_itself_and_asks_again_later() -> None:
    async def steps() -> None:
        store = _Store()
        counters = GuardedCounters(store)
        store.is_away = True
        decided = [(await counters.admit(call(per_minute=3))).reached for _ in range(5)]
        assert decided == [None, None, None, Limit.MINUTE, Limit.MINUTE]
        assert store.asked == 1
        store.is_away = False
        made = await counters.admit(call(at_ms=NOW_MS + 1_000, per_minute=3))
        assert (made.reached, made.remaining_minute, store.asked) == (None, 2, 2)

    asyncio.run(steps())


def test_a_lease_taken_while_the_store_was_away_is_given_back() -> None:
    async def steps() -> None:
        store = _Store()
        counters = GuardedCounters(store)
        store.is_away = True
        for _ in range(3):
            assert (await counters.admit(call(lease="a", concurrent=1))).reached is None
            await counters.renew("acme", "a", expires_ms=NOW_MS + 60_000)
            await counters.release("acme", "a")

    asyncio.run(steps())


def test_a_step_to_finish_goes_on_where_the_caller_is_cancelled() -> None:
    async def steps() -> None:
        done = asyncio.Event()

        async def step() -> None:
            await asyncio.sleep(0.01)
            done.set()

        caller = asyncio.create_task(finish(step()))
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        await asyncio.wait_for(done.wait(), 1)

    asyncio.run(steps())
