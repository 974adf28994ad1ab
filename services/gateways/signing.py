"""Ed25519 keys: made, encrypted at rest, signing, verifying, and written as JSON Web Keys (RFC 8032, 8037, 7638).

Keys and signatures are bytes here: 32 of a private or public key, 64 of a signature.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature as NotItsSignature
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.errors import InvalidSignature, KeysUnavailable, Unprocessable
from services.rules.canonical import canonical_bytes

KEY_BYTES = 32
SIGNATURE_BYTES = 64
NONCE_BYTES = 12
TAG_BYTES = 16
ENCRYPTED_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES


class KeyPair(NamedTuple):
    """A new key pair. Its private half is not shown where the pair is printed."""

    private_key: bytes
    public_key: bytes

    def __repr__(self) -> str:
        return f"KeyPair(public_key={self.public_key!r})"


class Signer(NamedTuple):
    """A key that is ready to sign: its name, its public half, and `sign(data)` → 64 bytes."""

    kid: str
    public_key: bytes
    sign: Callable[[bytes], bytes]


def generate_key_pair() -> KeyPair:
    """A key pair nobody has had before."""
    private = Ed25519PrivateKey.generate()
    return KeyPair(private.private_bytes_raw(), private.public_key().public_bytes_raw())


def signer_of(private_key: bytes) -> Signer:
    """The signer of a private key. Raises ValueError unless it is 32 bytes."""
    private = Ed25519PrivateKey.from_private_bytes(private_key)
    public_key = private.public_key().public_bytes_raw()
    return Signer(thumbprint(public_key), public_key, private.sign)


def verify(public_key: bytes, signature: bytes, data: bytes) -> None:
    """Answer only if the private half of `public_key` made `signature` over `data`. Raises InvalidSignature."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except (NotItsSignature, ValueError) as error:
        raise InvalidSignature("The signature was not made by this key over these bytes.") from error


def encrypt_private_key(private_key: bytes, *, kid: str, master_key: bytes) -> bytes:
    """The private key under AES-256-GCM: 12 bytes of nonce, then ciphertext and tag. It opens for this `kid` alone."""
    if len(private_key) != KEY_BYTES:
        raise ValueError(f"a private key is {KEY_BYTES} bytes")
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(_checked(master_key)).encrypt(nonce, private_key, kid.encode())


def decrypt_private_key(encrypted: bytes, *, kid: str, master_key: bytes) -> bytes:
    """The private key again. Raises KeysUnavailable under another master key, and where the bytes were changed."""
    nonce, sealed = encrypted[:NONCE_BYTES], encrypted[NONCE_BYTES:]
    try:
        if len(encrypted) != ENCRYPTED_BYTES:
            raise InvalidTag
        return AESGCM(_checked(master_key)).decrypt(nonce, sealed, kid.encode())
    except InvalidTag as error:
        raise KeysUnavailable(
            f"The signing key {kid} does not open with this master key: it was encrypted under another one, or was "
            "changed since. Set TALLYSTICK_MASTER_KEY to the one it was made with."
        ) from error


def thumbprint(public_key: bytes) -> str:
    """The key's name: SHA-256 over its required JWK members in base64url (RFC 7638, RFC 8037 appendix A.3)."""
    return base64url(hashlib.sha256(canonical_bytes(_required_members(public_key))).digest())


def public_jwk(public_key: bytes) -> dict[str, Any]:
    """The public key as a JSON Web Key that says what it is for and what it is called.

    It names no `alg`: the curve leaves one only, which RFC 8037 calls EdDSA and RFC 9864 Ed25519.
    """
    return _required_members(public_key) | {"kid": thumbprint(public_key), "use": "sig"}


def read_public_jwk(document: Mapping[str, Any]) -> bytes:
    """The public key of a JSON Web Key that anyone may have written; members it does not need are ignored.

    Raises Unprocessable for another kind of key, one that carries a private half, and a `kid` that is not its name.
    """
    if not isinstance(document, Mapping) or (document.get("kty"), document.get("crv")) != ("OKP", "Ed25519"):
        raise Unprocessable('A key must be an Ed25519 JSON Web Key: {"kty": "OKP", "crv": "Ed25519", "x": …}.')
    if "d" in document:
        raise Unprocessable("This is a private key. Take it out of the file; nobody needs it to verify.")
    public_key = read_base64url(document.get("x"))
    if len(public_key) != KEY_BYTES:
        raise Unprocessable(f"An Ed25519 public key is {KEY_BYTES} bytes.")
    if document.get("kid", kid := thumbprint(public_key)) != kid:
        raise Unprocessable("A key's kid must be its RFC 7638 thumbprint.")
    return public_key


def base64url(data: bytes) -> str:
    """Bytes in base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def read_base64url(text: object) -> bytes:
    """The inverse of `base64url`. Raises Unprocessable for any other spelling."""
    if isinstance(text, str) and text.isascii():
        try:
            data = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except binascii.Error:
            data = b""
        if data and base64url(data) == text:
            return data
    raise Unprocessable("A key or signature is written in base64url without padding.")


def _required_members(public_key: bytes) -> dict[str, Any]:
    if len(public_key) != KEY_BYTES:
        raise ValueError(f"a public key is {KEY_BYTES} bytes")
    return {"crv": "Ed25519", "kty": "OKP", "x": base64url(public_key)}


def _checked(master_key: bytes) -> bytes:
    if len(master_key) != KEY_BYTES:
        raise ValueError(f"a master key is {KEY_BYTES} bytes")
    return master_key
