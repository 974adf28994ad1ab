"""Secrets of others that we have to keep and use again, such as a webhook's: encrypted at rest under the master key."""

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.errors import KeysUnavailable, Unprocessable
from services.gateways.signing import NONCE_BYTES, base64url, read_base64url

_LABEL: Final = "tallystick sealed secret"
"""What is sealed here opens as nothing else: private keys are bound to their `kid` alone."""


def seal(secret: str, *, name: str, master_key: bytes) -> str:
    """The secret under AES-256-GCM, as base64url text. It opens for this `name` alone."""
    nonce = os.urandom(NONCE_BYTES)
    return base64url(nonce + AESGCM(master_key).encrypt(nonce, secret.encode(), _bound_to(name)))


def unseal(sealed: str, *, name: str, master_key: bytes) -> str:
    """The secret again. Raises KeysUnavailable under another master key, and where the text was changed."""
    try:
        data = read_base64url(sealed)
        return AESGCM(master_key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], _bound_to(name)).decode()
    except (InvalidTag, Unprocessable, ValueError) as error:
        raise KeysUnavailable(
            f"The secret of {name} does not open with this master key: it was encrypted under another one, or was "
            "changed since. Set TALLYSTICK_MASTER_KEY to the one it was made with."
        ) from error


def _bound_to(name: str) -> bytes:
    return f"{_LABEL}\0{name}".encode()
