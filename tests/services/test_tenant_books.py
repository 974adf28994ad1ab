"""Books that are remembered between transactions are those that are stored, whoever wrote in between."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from sqlmodel import Session, select

from models import Receipt, TenantHead, UsageEvent
from services.assets.snapshots import add_site
from services.closing.close import close_period
from services.database import open_engine, transaction
from services.errors import KeysUnavailable, OverageNotAllowed, UnknownSite
from services.metering import record_usage
from services.receipts import log as receipt_log
from services.spending.controls import set_spend_cap
from services.tenants import lock_head
from tests.given import NOON, assert_books_agree, customer, metered, refused
from tests.given import event as used


@pytest.fixture
def other_process(engine: Engine) -> Iterator[Engine]:
    """An engine of its own on the same database: it remembers nothing of what this process knows."""
    opened = open_engine(engine.url.render_as_string(hide_password=False))
    yield opened
    opened.dispose()


def statements_of(engine: Engine, tenant_id: str, *events: object) -> list[str]:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        with transaction(engine) as session:
            metered(session, tenant_id, *events)  # type: ignore[arg-type]
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return seen


def test_the_second_transaction_reads_only_the_head_and_what_it_has_to_look_for(engine: Engine) -> None:
    with transaction(engine) as session:
        one = customer(session)
    first = statements_of(engine, one.tenant_id, used("1", event_id="a"))
    second = statements_of(engine, one.tenant_id, used("1", event_id="b"))
    reads = [statement for statement in second if statement.startswith("SELECT")]
    assert len(reads) == 3, reads  # the head, the key that signs, and whether the event is known
    assert len(reads) < len([statement for statement in first if statement.startswith("SELECT")])


def test_a_transaction_that_is_undone_leaves_nothing_remembered(engine: Engine) -> None:
    with transaction(engine) as session:
        one = customer(session)
        metered(session, one.tenant_id, used("1", event_id="a"))
    with pytest.raises(RuntimeError, match="undone"), transaction(engine) as session:  # noqa: PT012 it ends there
        metered(session, one.tenant_id, used("2", event_id="b"))
        raise RuntimeError("undone")
    with transaction(engine) as session:
        (answer,) = metered(session, one.tenant_id, used("4", event_id="c"))
        assert answer.remaining_micro == 999_995 * 10**6
        assert_books_agree(session, one.tenant_id)


def test_where_nothing_can_be_signed_nothing_is_remembered_as_used(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_key(_: Session) -> None:
        raise KeysUnavailable("The master key is missing.")

    with transaction(engine) as session:
        one = customer(session)
    with transaction(engine) as session:
        metered(session, one.tenant_id, used("1", event_id="a"))
    with monkeypatch.context() as patch:
        patch.setattr(receipt_log, "find_signer", no_key)
        with pytest.raises(KeysUnavailable), transaction(engine) as session:
            record_usage(session, tenant_id=one.tenant_id, events=[used("600000", event_id="b")], at=NOON)
    with transaction(engine) as session:
        (answer,) = metered(session, one.tenant_id, used("4", event_id="c"))
        assert answer.remaining_micro == 999_995 * 10**6
        assert_books_agree(session, one.tenant_id)


def test_two_processes_in_turn_keep_one_set_of_books(engine: Engine, other_process: Engine) -> None:
    with transaction(engine) as session:
        one = customer(session)
    for turn in range(6):
        with transaction(engine if turn % 2 else other_process) as session:
            (answer,) = metered(session, one.tenant_id, used("1", event_id=f"e{turn}", trace_id="t"))
            assert answer.remaining_micro == (999_999 - turn) * 10**6
    with transaction(other_process) as session:
        assert_books_agree(session, one.tenant_id)


def test_what_another_process_changed_counts_at_once(engine: Engine, other_process: Engine) -> None:
    with transaction(engine) as session:
        one = customer(session)
        metered(session, one.tenant_id, used("1"))
    with transaction(engine) as session:
        assert isinstance(refused(session, one.tenant_id, used("1", site="north")), UnknownSite)
    with transaction(other_process) as session:
        add_site(session, tenant_id=one.tenant_id, code="north", at=NOON)
        set_spend_cap(session, tenant_id=one.tenant_id, cap="0.00", by="owner", at=NOON)
    with transaction(engine) as session:
        metered(session, one.tenant_id, used("1", site="north"))
        over = refused(session, one.tenant_id, used("1000001"))
        assert over.code == "spend_cap_reached"


def test_a_closed_period_is_not_metered_from_memory(engine: Engine, other_process: Engine) -> None:
    with transaction(engine) as session:
        one = customer(session)
        metered(session, one.tenant_id, used("10"))
    with transaction(other_process) as session:
        close_period(session, tenant_id=one.tenant_id, at=NOON, force=True)
    later = NOON + timedelta(minutes=1)
    with transaction(engine) as session:
        (answer,) = metered(session, one.tenant_id, used("1"), at=later)
        assert answer.remaining_micro == 999_999 * 10**6
        assert_books_agree(session, one.tenant_id)


def test_metering_twice_in_one_transaction_goes_on_where_it_was(session: Session) -> None:
    one = customer(session, plan="memory-cloud/free", currency="USD")
    metered(session, one.tenant_id, used("60", "api_call"))
    lock_head(session, tenant_id=one.tenant_id)
    (answer,) = metered(session, one.tenant_id, used("30", "api_call"))
    assert answer.remaining_micro == 10 * 10**6
    assert isinstance(refused(session, one.tenant_id, used("11", "api_call")), OverageNotAllowed)
    assert_books_agree(session, one.tenant_id)


def test_every_event_has_the_receipt_its_answer_names(session: Session) -> None:
    one = customer(session)
    answers = metered(session, one.tenant_id, *(used("1", event_id=f"e{n}") for n in range(5)))
    again = record_usage(session, tenant_id=one.tenant_id, events=[used("1", event_id="e3")], at=NOON)[0]
    assert again == answers[3]._replace(duplicate=True)
    events = session.exec(select(UsageEvent.seq).where(UsageEvent.tenant_id == one.tenant_id)).all()
    receipts = session.exec(select(Receipt.seq).where(Receipt.tenant_id == one.tenant_id)).all()
    assert {answer.seq for answer in answers} == set(events) <= set(receipts)
    assert session.get_one(TenantHead, one.tenant_id, populate_existing=True).event_count == 5


def test_a_database_that_was_set_back_is_not_met_with_books_of_its_other_history(
    sqlite_engine: Engine, tmp_path: Path
) -> None:
    with transaction(sqlite_engine) as session:
        one = customer(session)
        metered(session, one.tenant_id, used("1", event_id="first"))
    with closing(sqlite3.connect(tmp_path / "test.db")) as live, closing(sqlite3.connect(":memory:")) as backup:
        live.backup(backup)
        with transaction(sqlite_engine) as session:
            metered(session, one.tenant_id, used("5", event_id="lost"))
        backup.backup(live)
    elsewhere = open_engine(sqlite_engine.url.render_as_string(hide_password=False))
    with transaction(elsewhere) as session:
        metered(session, one.tenant_id, used("1", event_id="other"))
    elsewhere.dispose()
    with transaction(sqlite_engine) as session:
        (answer,) = metered(session, one.tenant_id, used("1", event_id="last"))
        assert answer.remaining_micro == 999_997 * 10**6
        assert_books_agree(session, one.tenant_id)
