"""Usage that arrives together is written together, and each caller gets its own answers."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event

from app.group_commit import WAITING_MAX, GroupCommit, _write_group
from services.availability import Overloaded
from services.database import Session, reading, transaction
from services.errors import NotFound, Refusal
from services.metering import EVENTS_MAX, Metered, UsageInput
from services.usage.reports import list_events
from tests.given import assert_books_agree, customer
from tests.given import event as usage

CALLS = 60


@pytest.fixture
def tenants(engine: Engine) -> list[str]:
    with transaction(engine) as session:
        return [customer(session, name=f"Customer {n}").tenant_id for n in range(3)]


@pytest.fixture
def commits(engine: Engine) -> Iterator[list[int]]:
    counted: list[int] = []

    def count(_: object) -> None:
        counted.append(1)

    event.listen(engine, "commit", count)
    yield counted
    event.remove(engine, "commit", count)


def test_calls_that_wait_together_share_a_commit_and_keep_their_answers(
    engine: Engine, tenants: list[str], commits: list[int]
) -> None:
    async def call(writer: GroupCommit, n: int) -> list[Metered | Refusal]:
        sent = [usage(f"0.{n + 1:03}", event_id=f"{n}-{k}") for k in range(n % 3 + 1)]
        sent.append(usage("1", "teleport"))
        return await writer.record(tenant_id=tenants[n % 3], events=sent)

    async def all_at_once() -> list[list[Metered | Refusal]]:
        writer = GroupCommit()
        return await asyncio.gather(*(call(writer, n) for n in range(CALLS)))

    for n, answers in enumerate(asyncio.run(all_at_once())):
        *metered, refused = answers
        assert isinstance(refused, Refusal)
        assert [a.event_id for a in metered if isinstance(a, Metered)] == [f"{n}-{k}" for k in range(n % 3 + 1)]
        assert {a.credits_micro for a in metered if isinstance(a, Metered)} == {(n + 1) * 1_000}
    assert len(commits) < CALLS / 2
    with reading(engine) as session:
        for tenant_id in tenants:
            assert_books_agree(session, tenant_id)


def test_a_call_that_fails_takes_no_other_with_it(engine: Engine, tenants: list[str]) -> None:
    async def all_at_once() -> list[object]:
        writer = GroupCommit()
        calls = [writer.record(tenant_id=tenants[0], events=[usage("1", event_id=f"e{n}")]) for n in range(10)]
        calls.insert(5, writer.record(tenant_id="ten_nobody", events=[usage("1")]))
        return await asyncio.gather(*calls, return_exceptions=True)

    outcomes = asyncio.run(all_at_once())
    assert isinstance(outcomes.pop(5), NotFound)
    assert all(isinstance(outcome, list) for outcome in outcomes)
    with reading(engine) as session:
        assert_books_agree(session, tenants[0])


def test_a_commit_that_is_lost_sight_of_counts_nothing_twice(
    engine: Engine, tenants: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database keeps the group, but its answer never arrives, as when a connection breaks."""
    broken = iter([True])

    @contextmanager
    def losing() -> Iterator[Session]:
        with transaction(engine) as session:
            yield session
        if next(broken, False):
            raise ConnectionError("the answer to the commit was lost")

    monkeypatch.setattr("app.group_commit.transaction", losing)

    async def all_at_once() -> list[list[Metered | Refusal]]:
        writer = GroupCommit()
        writer._ensure_writer = lambda: None  # type: ignore[method-assign]
        calls = [asyncio.ensure_future(writer.record(tenant_id=tenants[0], events=[usage("1")])) for _ in range(5)]
        await asyncio.sleep(0)
        await asyncio.to_thread(lambda: _write_group(writer._next_group()))
        return await asyncio.gather(*calls)

    assert all(isinstance(answer, Metered) and not answer.duplicate for (answer,) in asyncio.run(all_at_once()))
    with reading(engine) as session:
        assert len(list_events(session, tenant_id=tenants[0])) == 5
        assert_books_agree(session, tenants[0])


def test_a_caller_that_goes_away_disturbs_nobody(engine: Engine, tenants: list[str]) -> None:
    async def one_leaves() -> list[Metered | Refusal]:
        writer = GroupCommit()
        leaving = asyncio.ensure_future(writer.record(tenant_id=tenants[0], events=[usage("1", event_id="left")]))
        staying = asyncio.ensure_future(writer.record(tenant_id=tenants[0], events=[usage("1", event_id="stayed")]))
        await asyncio.sleep(0)
        leaving.cancel()
        return await staying

    (answer,) = asyncio.run(one_leaves())
    assert isinstance(answer, Metered)


def test_a_flood_is_refused_before_it_fills_the_memory(sqlite_engine: Engine) -> None:
    async def flood() -> None:
        writer = GroupCommit()
        writer._ensure_writer = lambda: None  # type: ignore[method-assign]
        batch = [UsageInput(None, "LLM_token_usage", 1)] * EVENTS_MAX
        waiting = [
            asyncio.ensure_future(writer.record(tenant_id="t", events=batch)) for _ in range(WAITING_MAX // EVENTS_MAX)
        ]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await writer.record(tenant_id="t", events=batch)
        for call in waiting:
            call.cancel()

    asyncio.run(flood())
