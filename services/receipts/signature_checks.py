"""Checking what our keys signed: checkpoints, and the history of the keys. Needs no database and no network.

Whose keys are trusted is the caller's to say: `keys` are public keys by kid, taken from anywhere but what is checked.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from services.errors import InvalidSignature, Unprocessable
from services.gateways.signing import SIGNATURE_BYTES, read_public_jwk, thumbprint, verify
from services.rules.canonical import canonical_bytes
from services.rules.notes import Checkpoint, Note, key_id, read_checkpoint, read_note

KEYS_MAX = 10_000
STATEMENT_BYTES_MAX = 4_096
STATEMENT_FIELDS = frozenset({"v", "typ", "old_kid", "new_kid", "new_public_jwk", "ts"})


class PublishedKey(NamedTuple):
    """A key of a JWK Set. Times are whole seconds since 1970; None where the set does not say."""

    kid: str
    public_key: bytes
    signs_from: int | None
    signed_until: int | None


class SignedStatement(Protocol):
    """A rotation: canonical JSON, and the signatures of the key that went and of the one that came."""

    @property
    def statement(self) -> bytes: ...

    @property
    def old_signature(self) -> bytes: ...

    @property
    def new_signature(self) -> bytes: ...


def read_jwks(document: Any) -> dict[str, PublishedKey]:
    """The Ed25519 keys of a JWK Set by kid; keys of other kinds are left out, as RFC 7517 asks.

    Raises Unprocessable for what is no JWK Set, and for an Ed25519 key that is not as `read_public_jwk` wants it.
    """
    listed = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(listed, list) or len(listed) > KEYS_MAX:
        raise Unprocessable(f'A key set is {{"keys": […]}} with at most {KEYS_MAX:,} keys.')
    keys = [
        PublishedKey(thumbprint(public_key), public_key, _seconds(jwk, "nbf"), _seconds(jwk, "exp"))
        for jwk in listed
        if isinstance(jwk, Mapping) and (jwk.get("kty"), jwk.get("crv")) == ("OKP", "Ed25519")
        for public_key in [read_public_jwk(jwk)]
    ]
    return {key.kid: key for key in keys}


def verify_checkpoint(note_text: str, keys: Mapping[str, bytes], *, origin: str | None = None) -> Checkpoint:
    """The (origin, size, root) of a signed checkpoint that one of `keys` signed under the log's name.

    One key signs the logs of every customer: say whose log it should be with `origin`. Raises InvalidNote for what is
    no checkpoint, and InvalidSignature as `note_signers` does, and for another log's.
    """
    note = read_note(note_text)
    checkpoint = read_checkpoint(note.body)
    if origin is not None and checkpoint.origin != origin:
        raise InvalidSignature("This is the checkpoint of another log.")
    note_signers(note, name=checkpoint.origin, keys=keys)
    return checkpoint


def note_signers(note: Note, *, name: str, keys: Mapping[str, bytes]) -> tuple[str, ...]:
    """The kids of those of `keys` that signed a note under `name`, at least one.

    Signatures of others are ignored, as C2SP asks. Raises InvalidSignature where one of `keys` is said to have signed
    and has not, and where none has.
    """
    by_id: dict[bytes, list[str]] = {}
    for kid, public_key in keys.items():
        by_id.setdefault(key_id(name, public_key), []).append(kid)
    signers = tuple(
        _signer_among(by_id[line.key_id], keys, line.signature, note.body.encode())
        for line in note.signatures
        if line.name == name and line.key_id in by_id
    )
    if not signers:
        raise InvalidSignature(f"No key that is known here signed this note as {name}.")
    return signers


def verify_history(rotations: Iterable[SignedStatement], keys: Mapping[str, bytes]) -> dict[str, bytes]:
    """Check that each key handed over to the next, and answer with `keys` and those that were handed over to.

    So whoever kept one public key can check what later keys signed. Raises InvalidSignature for a statement that is
    not one, was not signed by both keys, does not follow the one before it, or begins with a key not in `keys`.
    """
    known = dict(keys)
    previous: str | None = None
    for rotation in rotations:
        document = _read_statement(rotation.statement)
        old_kid, new_kid = document["old_kid"], document["new_kid"]
        if previous not in {None, old_kid}:
            raise InvalidSignature("A rotation is missing, or they are not in order.")
        old_key = known.get(old_kid)
        if old_key is None or thumbprint(old_key) != old_kid:
            raise InvalidSignature(f"The key {old_kid} is not known here.")
        new_key = read_public_jwk(document["new_public_jwk"])
        if thumbprint(new_key) != new_kid:
            raise InvalidSignature("A statement names another key than it carries.")
        verify(old_key, rotation.old_signature, rotation.statement)
        verify(new_key, rotation.new_signature, rotation.statement)
        known[new_kid] = new_key
        previous = new_kid
    return known


def _signer_among(kids: list[str], keys: Mapping[str, bytes], signature: bytes, text: bytes) -> str:
    """Which of the keys that share a 4-byte id made a signature. Raises InvalidSignature where none did."""
    if len(signature) == SIGNATURE_BYTES:
        for kid in kids:
            try:
                verify(keys[kid], signature, text)
            except InvalidSignature:
                continue
            return kid
    raise InvalidSignature(f"The note was not signed by {' or '.join(kids)} as it is.")


def _read_statement(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data) if len(data) <= STATEMENT_BYTES_MAX else None
        is_canonical = document is not None and canonical_bytes(document) == data
    except (ValueError, RecursionError) as error:
        raise InvalidSignature("A statement about a key is canonical JSON.") from error
    if not is_canonical or not isinstance(document, dict) or document.keys() != STATEMENT_FIELDS:
        raise InvalidSignature("A statement about a key is canonical JSON with exactly its own members.")
    texts = all(type(document[name]) is str for name in ("old_kid", "new_kid", "ts"))
    if document["typ"] != "key" or type(document["v"]) is not int or document["v"] != 1 or not texts:
        raise InvalidSignature("A statement about a key is of type key, version 1.")
    return document


def _seconds(jwk: Mapping[str, Any], name: str) -> int | None:
    value = jwk.get(name)
    if value is not None and (type(value) is not int or value < 0):
        raise Unprocessable(f"A key's {name} is a whole number of seconds since 1970.")
    return value
