"""Books and the sandbox beside them as they were at one moment, so that what many tests begin with happens once.

A test's own world is put where the story had led another one: the same rows, the same documents at the sandbox, the
same ids. The clock has gone on meanwhile, as it does between two steps of a test.
"""

import pickle
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from services import database

if TYPE_CHECKING:
    from tests.payments_world import PaymentsWorld

Story = Callable[..., None]
"""Called with the world and what it is about."""


@dataclass(frozen=True)
class Moment:
    """Where a story had led: the database's file, the sandbox's documents, and what the test's side knew."""

    path: Path
    documents: bytes
    offset_seconds: int
    tenant_id: str
    last_delivered: str


class ToldOnce:
    """Stories of this process, by what tells them. For worlds on SQLite."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._moments: dict[tuple[Story, *tuple[str, ...]], Moment] = {}

    def tell(self, world: "PaymentsWorld", story: Story, *about: str) -> None:
        """Let the story happen to this world, or put it where it had led: whatever was there before is gone."""
        told = (story, *about)
        if told in self._moments:
            _go_to(world, self._moments[told])
        else:
            story(world, *about)
            self._moments[told] = _moment(world, self._folder / f"{len(self._moments)}.db")


@pytest.fixture(scope="session")
def told_once(tmp_path_factory: pytest.TempPathFactory) -> ToldOnce:
    return ToldOnce(tmp_path_factory.mktemp("told"))


def _moment(world: "PaymentsWorld", path: Path) -> Moment:
    with closing(sqlite3.connect(_file())) as live, closing(sqlite3.connect(path)) as kept:
        live.backup(kept)
    at_stripe = world.sandbox.sandbox.world
    with at_stripe.lock:
        documents = pickle.dumps(at_stripe.store.tables)
        return Moment(path, documents, at_stripe.clock.offset_seconds, world.tenant_id, world._last_delivered)


def _go_to(world: "PaymentsWorld", moment: Moment) -> None:
    database.engine().dispose()
    for left in ("-wal", "-shm"):
        Path(f"{_file()}{left}").unlink(missing_ok=True)
    shutil.copyfile(moment.path, _file())
    at_stripe = world.sandbox.sandbox.world
    with at_stripe.lock:
        at_stripe.store.clear()
        at_stripe.store.tables = pickle.loads(moment.documents)
        at_stripe.agenda.rebuild()
        at_stripe.clock.offset_seconds = moment.offset_seconds
    world.tenant_id, world._last_delivered = moment.tenant_id, moment.last_delivered


def _file() -> str:
    name = database.engine().url.database
    assert name is not None
    return name
