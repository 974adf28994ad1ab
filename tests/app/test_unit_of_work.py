"""One use case, one thread, one transaction."""

import asyncio
import threading
from datetime import UTC, datetime

import pytest
import structlog
from sqlalchemy import Engine
from sqlmodel import Session, select

from app import unit_of_work
from models import Tenant
from services.errors import Conflict
from services.identity import create_tenant

AT = datetime(2026, 11, 20, tzinfo=UTC)


def make(session: Session, *, name: str, fail: bool = False) -> str:
    made = create_tenant(session, name=name, currency="CAD", timezone="UTC", at=AT).id
    if fail:
        raise Conflict("after the work")
    return made


def names(session: Session) -> list[str]:
    return sorted(session.exec(select(Tenant.name)))


def test_what_succeeds_is_kept_and_what_fails_leaves_nothing(engine: Engine) -> None:
    async def both() -> list[str]:
        await unit_of_work.run(make, name="kept")
        with pytest.raises(Conflict):
            await unit_of_work.run(make, name="dropped", fail=True)
        return await unit_of_work.read(names)

    assert asyncio.run(both()) == ["kept"]


def test_what_only_reads_keeps_nothing(engine: Engine) -> None:
    async def read_and_look() -> list[str]:
        await unit_of_work.read(make, name="never")
        return await unit_of_work.read(names)

    assert asyncio.run(read_and_look()) == []


def test_many_at_once_are_all_kept(engine: Engine) -> None:
    async def many() -> list[str]:
        await asyncio.gather(*(unit_of_work.run(make, name=f"n{number:02}") for number in range(30)))
        return await unit_of_work.read(names)

    assert asyncio.run(many()) == [f"n{number:02}" for number in range(30)]


def test_readers_and_workers_do_not_wait_for_writers(sqlite_engine: Engine) -> None:
    release = threading.Event()

    async def look_while_writers_wait() -> tuple[list[str], str]:
        writers = [
            asyncio.create_task(unit_of_work.run(lambda _session: release.wait(10)))
            for _ in range(unit_of_work.WRITERS * 2)
        ]
        await asyncio.sleep(0.05)
        seen = await asyncio.wait_for(unit_of_work.read(names), 5)
        worked = await asyncio.wait_for(unit_of_work.work(str.upper, "done"), 5)
        release.set()
        await asyncio.gather(*writers)
        return seen, worked

    assert asyncio.run(look_while_writers_wait()) == ([], "DONE")


def test_nobody_waits_for_passwords_that_are_being_checked(sqlite_engine: Engine) -> None:
    checked = threading.Event()

    async def both() -> str:
        slow = [asyncio.create_task(unit_of_work.work_on_password(checked.wait, 10)) for _ in range(40)]
        await asyncio.sleep(0)
        try:
            return await asyncio.wait_for(unit_of_work.work(str.upper, "done"), 5)
        finally:
            checked.set()
            await asyncio.gather(*slow)

    assert asyncio.run(both()) == "DONE"


def test_the_request_id_follows_into_the_thread(sqlite_engine: Engine) -> None:
    async def bound() -> object:
        structlog.contextvars.bind_contextvars(request_id="r-7")
        return await unit_of_work.read(lambda _session: structlog.contextvars.get_contextvars())

    assert asyncio.run(bound()) == {"request_id": "r-7"}


def test_a_note_for_later_may_fail_without_anybody_waiting(sqlite_engine: Engine) -> None:
    done = threading.Event()

    def fail(_session: Session) -> None:
        done.set()
        raise Conflict("nobody hears this")

    unit_of_work.later(fail)
    assert done.wait(5)


def test_the_clock_is_utc() -> None:
    assert unit_of_work.now().tzinfo is UTC
