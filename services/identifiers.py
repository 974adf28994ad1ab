"""Names for rows, secrets for people and programs, and the digest that is kept in their place."""

import base64
import hashlib
import os
import secrets
import time

SECRET_BYTES = 32
"""256 bits, written in 43 characters: beyond guessing, so a plain digest of it is safe to keep."""


def new_id(prefix: str) -> str:
    """A name nobody has had before: "sub" gives "sub_" and 26 digits and small letters, 128 bits.

    They begin with the millisecond, as in a UUID of version 7: what is made together stands together in an index.
    """
    bits = (time.time_ns() // 1_000_000).to_bytes(6, "big") + os.urandom(10)
    return f"{prefix}_{base64.b32hexencode(bits)[:26].decode('ascii').lower()}"


def new_secret(size_bytes: int = SECRET_BYTES) -> str:
    """A random text of letters, digits, `-` and `_`; 32 bytes are 43 characters."""
    return secrets.token_urlsafe(size_bytes)


def digest(secret: str) -> str:
    """SHA-256 as 64 hexadecimal digits. Only for secrets made by `new_secret`; passwords are hashed slowly."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
