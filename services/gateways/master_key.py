"""The key under which private keys are kept: from the settings or, for development on SQLite, from a file beside it."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy.engine import URL

from services.errors import KeysUnavailable, Unprocessable
from services.gateways.signing import KEY_BYTES, base64url, read_base64url
from services.settings import settings

FILE_NAME: Final = "master.key"
HOW_TO_MAKE_ONE: Final = "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"

_log = structlog.get_logger("tallystick.keys")


def read_master_key(database: URL) -> bytes:
    """The 32 bytes of the master key. Raises KeysUnavailable where there is none, and where it is no such key."""
    given = settings().master_key
    return _parse(given, "TALLYSTICK_MASTER_KEY") if given else _read_file(_key_file(database))


def create_master_key(database: URL) -> bytes:
    """The same, for a database that has no keys yet: in development the file is made where there is none.

    Call it where no other process does the same, in a transaction that writes.
    """
    if not settings().master_key:
        path = _key_file(database)
        if not path.exists():
            _write_file(path)
            _log.warning("development_master_key_created", path=str(path), set_instead="TALLYSTICK_MASTER_KEY")
    return read_master_key(database)


def _key_file(database: URL) -> Path:
    """Where the file is or would be. Raises KeysUnavailable where a file will not do."""
    is_file = database.get_backend_name() == "sqlite" and database.database not in {None, "", ":memory:"}
    path = Path(str(database.database)).resolve().parent / FILE_NAME if is_file else None
    if path is None or settings().public_url.startswith("https://"):
        where = "this database" if path is None else "an https:// address"
        made = path is not None and path.exists()
        take = f"Use the one in {path}" if made else f"Make one with {HOW_TO_MAKE_ONE}"
        raise KeysUnavailable(
            f"TALLYSTICK_MASTER_KEY is required with {where}: it protects the keys that sign receipts. "
            f"{take} and keep it where the database's backups are not."
        )
    return path


@lru_cache(maxsize=4)
def _read_file(path: Path) -> bytes:
    try:
        text = path.read_text("ascii").strip()
    except FileNotFoundError as error:
        raise KeysUnavailable(
            f"The master key {path} is missing: bring it back from a backup, or set TALLYSTICK_MASTER_KEY."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise KeysUnavailable(f"The master key {path} cannot be read.") from error
    return _parse(text, str(path))


def _write_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(f"{base64url(os.urandom(KEY_BYTES))}\n")
        file.flush()
        os.fsync(file.fileno())


def _parse(text: str, where: str) -> bytes:
    try:
        key = read_base64url(text.rstrip("="))
    except Unprocessable:
        key = b""
    if len(key) != KEY_BYTES:
        raise KeysUnavailable(f"{where} must be {KEY_BYTES} random bytes in base64url; make it with {HOW_TO_MAKE_ONE}.")
    return key
