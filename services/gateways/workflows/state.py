"""Where the state of runs is kept, and as what: tables of DBOS beside ours, plain JSON in them."""

import json
import logging
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import dbos
from dbos import DBOSClient
from dbos._error import DBOSMaxStepRetriesExceeded
from dbos._sys_db import SystemDatabase
from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection

from services import database
from services.errors import Refusal
from services.rules.redaction import redact_text

APPLICATION: Final = "tallystick"
SCHEMA: Final = "jobs"
SHAPE: Final = "1"
"""Raised when the steps of a workflow change their order: what an older program left unfinished is not continued."""

POOL_SIZE: Final = 12
BUSY_TIMEOUT_MS: Final = 30_000
REASON_MAX: Final = 1_000


class _PlainJson(dbos.Serializer):
    """What is kept of a run: data only, so that who can write to its table cannot make us run anything."""

    def serialize(self, data: Any) -> str:
        return json.dumps({"error": reason_of(data)} if isinstance(data, BaseException) else {"value": data})

    def deserialize(cls, serialized_data: str) -> Any:  # noqa: N805 — as the class it derives from names it
        kept = json.loads(serialized_data)
        return RuntimeError(kept["error"]) if "error" in kept else kept["value"]

    def name(self) -> str:
        return "tallystick_json"


plain_json: Final = _PlainJson()


def reason_of(error: BaseException) -> str:
    """Why something failed, for whoever looks at it later: of a refusal its sentence, no secrets, not too long."""
    if isinstance(error, DBOSMaxStepRetriesExceeded) and error.errors:
        return reason_of(error.errors[-1])
    is_worded = isinstance(error, Refusal) or (type(error) is RuntimeError and len(error.args) == 1)
    said = str(error) if is_worded else f"{type(error).__name__}: {error}"
    return redact_text(said)[:REASON_MAX]


def state_url(url: URL) -> URL:
    """Where the state of runs is kept for a database: a file beside SQLite's, a schema in PostgreSQL's."""
    if url.get_backend_name() != "sqlite":
        return url.set(drivername="postgresql+psycopg")
    if not url.database or url.database == ":memory:":
        raise ValueError("jobs need a database in a file")
    path = Path(url.database)
    return url.set(database=str(path.with_name(f"{path.stem}.jobs{path.suffix}")))


def state_engine() -> Engine:
    return _open(state_url(database.engine().url).render_as_string(hide_password=False))


@lru_cache
def _open(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        database.make_private(Path(parsed.database or ""))
        opened = create_engine(parsed, pool_size=POOL_SIZE, hide_parameters=True)
        event.listen(opened, "connect", _prepare_sqlite)
        return opened
    return create_engine(parsed, pool_size=POOL_SIZE, pool_pre_ping=True, hide_parameters=True)


def _prepare_sqlite(connection: DBAPIConnection, _record: object) -> None:
    """Not synchronous to the last write: what a power cut takes from it is found due again."""
    connection.isolation_level = "IMMEDIATE"
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _quieten() -> None:
    """Its log through ours: it adds a handler of its own only where there is none."""
    log = logging.getLogger("dbos")
    if not log.handlers:
        log.addHandler(logging.NullHandler())
        log.propagate = True
        log.setLevel(logging.ERROR)  # tries that a later one makes good are not worth a trace


def prepare_state() -> None:
    """Make or migrate the tables of runs. Does nothing where they are there."""
    _quieten()
    _migrate(state_engine())


@lru_cache
def _migrate(engine: Engine) -> None:
    system = SystemDatabase.create(
        system_database_url=str(engine.url),
        engine_kwargs={},
        engine=engine,
        schema=SCHEMA,
        serializer=plain_json,
        executor_id=None,
    )
    system.run_migrations()


def workflows_client() -> DBOSClient:
    prepare_state()
    return _client_of(state_engine())


@lru_cache
def _client_of(engine: Engine) -> DBOSClient:
    return DBOSClient(
        system_database_engine=engine, dbos_system_schema=SCHEMA, serializer=plain_json, application_name=APPLICATION
    )
