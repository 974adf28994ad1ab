"""A transaction that does not come to its end leaves nothing behind, whichever statement it fails at."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy import event as engine_event

from app.group_commit import GroupCommit
from models import metadata
from services.database import reading, transaction
from services.errors import OverageNotAllowed, SpendCapReached
from services.metering import Metered, UsageInput, record_usage
from services.spending.controls import set_spend_cap
from tests.given import NOON, assert_books_agree, customer, event, metered

STATEMENTS_MAX = 200


class Broken(Exception):
    """What the database is made to fail with."""


@contextmanager
def failing_at(engine: Engine, number: int) -> Iterator[list[int]]:
    """Fail once, at the so many-th statement or commit from here. Gives the list of those that were reached."""
    reached: list[int] = []

    def count_and_fail(*_: Any) -> None:
        reached.append(len(reached) + 1)
        if len(reached) == number:
            raise Broken

    for name in ("before_cursor_execute", "commit"):
        engine_event.listen(engine, name, count_and_fail)
    try:
        yield reached
    finally:
        for name in ("before_cursor_execute", "commit"):
            engine_event.remove(engine, name, count_and_fail)


def everything(engine: Engine) -> dict[str, list[Any]]:
    """Every row of every table."""
    with reading(engine) as session:
        return {table.name: sorted(map(repr, session.execute(select(table)))) for table in metadata.sorted_tables}


def some_usage(run: str) -> list[UsageInput]:
    """Events of two meters, on a trace, with meta, and one that is refused."""
    return [
        event("1.5", event_id=f"{run}-1", trace_id="night"),
        event("2", "vision_frame_batch", event_id=f"{run}-2", meta={"frames": 200}),
        event("1", "teleport", event_id=f"{run}-3"),
        event("0.000001", event_id=f"{run}-4", trace_id="night"),
    ]


def test_whichever_statement_fails_nothing_is_left_and_no_number_is_lost(engine: Engine) -> None:
    with transaction() as session:
        acme = customer(session)
        metered(session, acme.tenant_id, event("1", event_id="first"))
    before = everything(engine)

    for number in count(1):
        assert number < STATEMENTS_MAX
        try:
            with failing_at(engine, number), transaction() as session:
                answers = record_usage(session, tenant_id=acme.tenant_id, events=some_usage("again"), at=NOON)
        except Broken:
            assert everything(engine) == before, f"the failure at statement {number} left something behind"
        else:
            break

    assert number > 5
    with transaction() as session:
        follow = metered(session, acme.tenant_id, event("1", event_id="last"))
        assert_books_agree(session, acme.tenant_id)
    seqs = [answer.seq for answer in [*answers, *follow] if isinstance(answer, Metered)]
    assert seqs == list(range(seqs[0], seqs[0] + 4))


def test_a_group_whose_transaction_fails_is_written_once_all_the_same(engine: Engine) -> None:
    with transaction() as session:
        tenants = [customer(session, name=name).tenant_id for name in ("Acme", "Bolt")]

    async def write(run: str) -> list[Any]:
        writer = GroupCommit()
        calls = [
            writer.record(tenant_id=tenant_id, events=some_usage(f"{run}-{n}"))
            for n, tenant_id in enumerate(tenants * 3)
        ]
        return await asyncio.gather(*calls, return_exceptions=True)

    for number in count(1):
        assert number < STATEMENTS_MAX
        with failing_at(engine, number) as reached:
            outcomes = asyncio.run(write(f"run{number}"))
        lost = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        assert len(lost) <= 1, "a failure takes the calls of others with it"
        assert all(isinstance(error, Broken) for error in lost)
        with reading(engine) as session:
            for tenant_id in tenants:
                assert_books_agree(session, tenant_id)
        if len(reached) < number:
            break
    assert number > 5


@pytest.mark.parametrize(
    ("plan", "currency", "metric", "too_much", "refusal"),
    [
        ("memory-cloud/free", "USD", "api_call", "100", OverageNotAllowed),
        ("PRO", "CAD", "LLM_token_usage", "1000000", SpendCapReached),
    ],
)
def test_what_is_refused_for_money_leaves_no_gap(
    engine: Engine, plan: str, currency: str, metric: str, too_much: str, refusal: type[Exception]
) -> None:
    with transaction() as session:
        tenant_id = customer(session, plan=plan, currency=currency).tenant_id
        if refusal is SpendCapReached:
            set_spend_cap(session, tenant_id=tenant_id, cap="0", by="acme", at=NOON)
    seqs: list[int] = []
    for number in range(3):
        sent = [event(units, metric, event_id=f"{number}-{units}") for units in ("1", too_much, "2")]
        with transaction() as session:
            answers = record_usage(session, tenant_id=tenant_id, events=sent, at=NOON)
        assert [type(answer) for answer in answers] == [Metered, refusal, Metered]
        seqs += [answer.seq for answer in answers if isinstance(answer, Metered)]
    assert seqs == list(range(seqs[0], seqs[0] + 6))
    with reading(engine) as session:
        assert_books_agree(session, tenant_id)
