"""Whose signatures a bundle carries: by which keys, known from where, and whether those might sign then."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from services.bundles.fields import Signature
from services.bundles.headers import SIGNED_TYPES, bundle_message, receipt_message, statement_hash
from services.bundles.members import Header
from services.bundles.reading import Seal
from services.errors import InvalidBundle, InvalidSignature, Unprocessable, Unverifiable
from services.gateways.signing import verify
from services.receipts.signature_checks import PublishedKey, note_signers, verify_history
from services.rules.notes import Note, key_id
from services.rules.receipts import Receipt

_EPOCH = datetime.fromtimestamp(0, UTC)
_SECOND = 1_000_000


class KeyRing:
    """The keys a bundle is checked with: its own, and those its reader has from elsewhere.

    A key counts where the reader has it, or a key that counts handed over to it. A reader without any can only find
    out whether the bundle agrees with itself. Raises InvalidBundle for rotations that were not signed by both keys.
    """

    def __init__(self, header: Header, keys: Mapping[str, PublishedKey] | None) -> None:
        own = {kid: key.public_key for kid, key in header.keys.items()}
        outside = {} if keys is None else {kid: key.public_key for kid, key in keys.items()}
        try:
            handed_over = verify_history(header.rotations, own)
        except Unprocessable as error:
            raise InvalidBundle(f"The history of the keys does not hold: {error.detail}") from error
        self._public_keys = handed_over | outside
        self._counts = set(self._public_keys) if keys is None else _reached(outside, header)
        self._windows = [header.keys, keys or {}]
        self._statements = {
            json.loads(rotation.statement)["new_kid"]: rotation.statement for rotation in header.rotations
        }

    def check(self, signature: Signature, message: bytes, what: str, *, until: str, seq: int | None = None) -> None:
        """Check that a key that counts, and might still sign at `until`, made a signature over `message`.

        Raises InvalidBundle where it did not make it, or might not, and Unverifiable where the key does not count.
        """
        public_key = self._public_keys.get(signature.kid)
        if public_key is None:
            raise Unverifiable(f"{what} was made by the key {signature.kid}, which is not here.", seq=seq)
        try:
            verify(public_key, signature.signature, message)
        except InvalidSignature as error:
            raise InvalidBundle(
                f"{what} was not made by the key {signature.kid} over what is here.", seq=seq
            ) from error
        self._check_counts(signature.kid, what, until, seq)

    def check_note(self, note: Note, origin: str, what: str, *, until: str | None) -> str:
        """Check that a key that counts signed a checkpoint; its kid. Raises as `check` does."""
        ids = {key_id(origin, public_key) for public_key in self._public_keys.values()}
        if not any(line.name == origin and line.key_id in ids for line in note.signatures):
            raise Unverifiable(f"{what} is signed by no key that is here.")
        try:
            signers = note_signers(note, name=origin, keys=self._public_keys)
        except InvalidSignature as error:
            raise InvalidBundle(f"{what} is not as it was signed: {error.detail}") from error
        kid = next((kid for kid in signers if kid in self._counts), signers[0])
        self._check_counts(kid, what, until, None)
        return kid

    def check_key_receipt(self, receipt: Receipt) -> None:
        """Check that a key receipt holds the hash of the statement both keys signed, where it is in the bundle."""
        statement = self._statements.get(receipt.document.get("req", ""))
        if statement is not None and receipt.document["cid"] != statement_hash(statement):
            raise InvalidBundle(
                f"Receipt {receipt.seq} holds the hash of another statement about the key than both keys signed.",
                seq=receipt.seq,
            )

    def _check_counts(self, kid: str, what: str, until: str | None, seq: int | None) -> None:
        if kid not in self._counts:
            raise Unverifiable(f"{what} was made by the key {kid}, which the keys given do not lead to.", seq=seq)
        ends = [keys[kid].signed_until for keys in self._windows if kid in keys]
        ended = min((end for end in ends if end is not None), default=None)
        if until is not None and ended is not None and _microseconds(until) >= ended * _SECOND:
            raise InvalidBundle(f"{what} was made by the key {kid}, which signed until before {until}.", seq=seq)


def check_seal(ring: KeyRing, seal: Seal, header: Header, *, last_ts: str) -> None:
    """Check the bundle's own signature, which is made when the bundle is. Raises as `KeyRing.check` does."""
    until = max(last_ts, header.created)
    ring.check(seal.signature, bundle_message(seal.digest), "The bundle's signature", until=until)


def check_receipt_signature(ring: KeyRing, receipt: Receipt, signature: Signature | None) -> None:
    """Check the signature of a receipt's own, which every one of SIGNED_TYPES must have."""
    if signature is not None:
        what = f"The signature of receipt {receipt.seq}"
        message = receipt_message(receipt.data)
        ring.check(signature, message, what, until=receipt.document["ts"], seq=receipt.seq)
    elif receipt.typ in SIGNED_TYPES:
        raise InvalidBundle(f"Receipt {receipt.seq}, {receipt.typ}, has no signature of its own.", seq=receipt.seq)
    if receipt.typ == "key":
        ring.check_key_receipt(receipt)


def _reached(outside: Mapping[str, bytes], header: Header) -> set[str]:
    """The keys that those from outside handed over to, with them."""
    reached = set(outside)
    for rotation in header.rotations:
        statement = json.loads(rotation.statement)
        if statement["old_kid"] in reached:
            reached.add(statement["new_kid"])
    return reached


def _microseconds(moment: str) -> int:
    return (datetime.fromisoformat(f"{moment[:-1]}+00:00") - _EPOCH) // timedelta(microseconds=1)
