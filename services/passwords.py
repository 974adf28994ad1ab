"""Passwords: what is accepted, and argon2id. Pure work for the processor: no session, no rows."""

import threading
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.errors import Unprocessable
from services.identifiers import new_secret

PASSWORD_MIN = 12
PASSWORD_MAX = 1024
GENERATED_BYTES = 15
HASHES_AT_ONCE = 4
"""Each takes 64 MiB and one core while it runs."""

_hasher = PasswordHasher()
_room = threading.BoundedSemaphore(HASHES_AT_ONCE)


def new_password() -> str:
    """A password of 20 characters for a person who has not chosen one."""
    return new_secret(GENERATED_BYTES)


def hash_password(password: str) -> str:
    """The argon2id hash to keep. Raises Unprocessable for a password that is too short or too long."""
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise Unprocessable(f"A password has {PASSWORD_MIN} to {PASSWORD_MAX} characters.", field="password")
    with _room:
        return _hasher.hash(_bytes(password))


def is_password_of(password_hash: str | None, password: str) -> bool:
    """Whether it is the password. Where there is no such person (None), it takes as long to say no."""
    if len(password) > PASSWORD_MAX:
        return False
    with _room:
        try:
            matches = _hasher.verify(password_hash or _hash_of_nobody(), _bytes(password))
        except (VerificationError, InvalidHashError):
            return False
    return matches and password_hash is not None


def better_hash(password_hash: str, password: str) -> str | None:
    """The same password under today's cost, where the kept hash was made at another; else None."""
    if not _hasher.check_needs_rehash(password_hash):
        return None
    with _room:
        return _hasher.hash(_bytes(password))


@lru_cache
def _hash_of_nobody() -> str:
    return _hasher.hash(new_secret())


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
