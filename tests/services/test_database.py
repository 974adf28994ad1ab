"""The file a SQLite database is kept in, and what a reader sees while others write."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from models import TenantHead
from services.database import open_engine, reading, transaction
from tests.given import customer, event, metered


@pytest.fixture(autouse=True)
def _usual_mask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_database_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "new.db"
    opened = open_engine(f"sqlite:///{path}")
    with opened.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE one (id INTEGER)")
        assert {mode(found) for found in path.parent.iterdir()} == {0o600}
        assert len(list(path.parent.iterdir())) == 3
    opened.dispose()
    assert mode(path.parent) == 0o700


def test_a_database_that_is_there_keeps_the_mode_it_was_given(tmp_path: Path) -> None:
    path = tmp_path / "shared.db"
    path.touch()
    path.chmod(0o640)
    open_engine(f"sqlite:///{path}").dispose()
    assert mode(path) == 0o640


def test_a_reader_sees_one_state_whatever_is_written_meanwhile(engine: Engine) -> None:
    count = select(TenantHead.event_count)
    with transaction(engine) as session:
        one = customer(session)
    with reading(engine) as reader:
        assert reader.exec(count).one() == 0
        with transaction(engine) as session:
            metered(session, one.tenant_id, event("1"))
        assert reader.exec(count).one() == 0
    with reading(engine) as reader:
        assert reader.exec(count).one() == 1
