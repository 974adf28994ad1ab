"""What anyone can check of what our keys signed, and everything that must not pass."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from services.errors import InvalidSignature, Unprocessable
from services.gateways.signing import Signer, public_jwk, signer_of
from services.receipts.signature_checks import note_signers, read_jwks, verify_checkpoint, verify_history
from services.receipts.signing_keys import signed_checkpoint
from services.rules.canonical import canonical_bytes
from services.rules.merkle import leaf_hash
from services.rules.notes import NoteSignature, format_note, key_id, read_note
from services.rules.violations import InvalidNote

ORIGIN = "tallystick.example/t1"
ROOT = leaf_hash(b"receipt")
KEYS = [signer_of(bytes([number]) * 32) for number in range(1, 6)]
FIRST, SECOND, THIRD, FOURTH, STRANGER = KEYS


@dataclass(frozen=True)
class Rotation:
    statement: bytes
    old_signature: bytes
    new_signature: bytes


def rotation(old: Signer, new: Signer, **changes: Any) -> Rotation:
    document = {
        "v": 1, "typ": "key", "old_kid": old.kid, "new_kid": new.kid,
        "new_public_jwk": public_jwk(new.public_key), "ts": "2026-11-20T12:00:00.000000Z",
    }  # fmt: skip
    document |= changes
    statement = canonical_bytes({name: value for name, value in document.items() if value is not None})
    return Rotation(statement, old.sign(statement), new.sign(statement))


def public(*signers: Signer) -> dict[str, bytes]:
    return {signer.kid: signer.public_key for signer in signers}


def checkpoint(signer: Signer, size: int = 3) -> str:
    return signed_checkpoint(signer, origin=ORIGIN, size=size, root=ROOT)


def test_a_checkpoint_says_whose_head_it_is() -> None:
    note = checkpoint(FIRST)
    assert note.startswith(f"{ORIGIN}\n3\n")
    origin, size, root = verify_checkpoint(note, public(SECOND, FIRST), origin=ORIGIN)
    assert (origin, size, root) == (ORIGIN, 3, ROOT)
    assert note_signers(read_note(note), name=ORIGIN, keys=public(SECOND, FIRST)) == (FIRST.kid,)


def test_a_checkpoint_of_a_key_that_is_not_known_is_refused() -> None:
    for keys in ({}, public(SECOND, THIRD)):
        with pytest.raises(InvalidSignature, match="No key that is known"):
            verify_checkpoint(checkpoint(FIRST), keys)


def test_another_logs_checkpoint_is_refused_where_the_log_is_known() -> None:
    with pytest.raises(InvalidSignature, match="another log"):
        verify_checkpoint(checkpoint(FIRST), public(FIRST), origin="tallystick.example/t2")


@pytest.mark.parametrize(("old", "new"), [("\n3\n", "\n4\n"), ("/t1\n", "/t2\n"), ("/t1", "/t2")])
def test_a_changed_checkpoint_is_refused(old: str, new: str) -> None:
    with pytest.raises(InvalidSignature):
        verify_checkpoint(checkpoint(FIRST).replace(old, new), public(FIRST))


def test_every_changed_character_of_a_checkpoint_is_refused() -> None:
    note = checkpoint(FIRST)
    for position, character in enumerate(note):
        changed = note[:position] + ("A" if character != "A" else "B") + note[position + 1 :]
        with pytest.raises((InvalidNote, InvalidSignature)):
            verify_checkpoint(changed, public(FIRST))


@pytest.mark.parametrize("signature", [bytes(64), b"x", bytes(65)])
def test_a_signature_that_claims_to_be_a_known_keys_and_is_not_is_refused(signature: bytes) -> None:
    body = read_note(checkpoint(FIRST)).body
    good = NoteSignature(ORIGIN, key_id(ORIGIN, FIRST.public_key), FIRST.sign(body.encode()))
    bad = NoteSignature(ORIGIN, key_id(ORIGIN, SECOND.public_key), signature)
    with pytest.raises(InvalidSignature, match="was not signed by"):
        verify_checkpoint(format_note(body, [good, bad]), public(FIRST, SECOND))
    assert verify_checkpoint(format_note(body, [good, bad]), public(FIRST)).size == 3


def test_a_known_key_under_another_name_does_not_count() -> None:
    body = read_note(checkpoint(FIRST)).body
    signature = NoteSignature("witness", key_id("witness", FIRST.public_key), FIRST.sign(body.encode()))
    with pytest.raises(InvalidSignature, match="No key that is known"):
        verify_checkpoint(format_note(body, [signature]), public(FIRST))


def test_keys_whose_short_ids_collide_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    note = checkpoint(FIRST)
    shared = read_note(note).signatures[0].key_id
    monkeypatch.setattr("services.receipts.signature_checks.key_id", lambda _name, _key: shared)
    assert note_signers(read_note(note), name=ORIGIN, keys=public(SECOND, FIRST)) == (FIRST.kid,)
    with pytest.raises(InvalidSignature):
        verify_checkpoint(note, public(SECOND, THIRD))


def test_one_key_leads_to_all_that_followed() -> None:
    history = [rotation(FIRST, SECOND), rotation(SECOND, THIRD), rotation(THIRD, FOURTH)]
    assert verify_history(history, public(FIRST)) == public(FIRST, SECOND, THIRD, FOURTH)
    assert verify_history(history[1:], public(SECOND)) == public(SECOND, THIRD, FOURTH)
    assert verify_history([], public(FIRST)) == public(FIRST)


BROKEN: dict[str, Callable[[], list[Rotation]]] = {
    "one is missing": lambda: [rotation(FIRST, SECOND), rotation(THIRD, FOURTH)],
    "the order is another": lambda: [rotation(SECOND, THIRD), rotation(FIRST, SECOND)],
    "it begins with a stranger": lambda: [rotation(STRANGER, SECOND)],
    "a stranger takes over": lambda: [
        rotation(FIRST, SECOND),
        replace(rotation(SECOND, STRANGER), old_signature=STRANGER.sign(rotation(SECOND, STRANGER).statement)),
    ],
    "the old key did not sign": lambda: [replace(rotation(FIRST, SECOND), old_signature=bytes(64))],
    "the new key did not sign": lambda: [replace(rotation(FIRST, SECOND), new_signature=bytes(64))],
    "a signature is missing": lambda: [replace(rotation(FIRST, SECOND), new_signature=b"")],
    "the signatures are swapped": lambda: [
        Rotation(made.statement, made.new_signature, made.old_signature) for made in [rotation(FIRST, SECOND)]
    ],
    "it carries another key": lambda: [rotation(FIRST, SECOND, new_public_jwk=public_jwk(THIRD.public_key))],
    "it carries no key": lambda: [rotation(FIRST, SECOND, new_public_jwk="key")],
    "it is of another type": lambda: [rotation(FIRST, SECOND, typ="invoice")],
    "it is of another version": lambda: [rotation(FIRST, SECOND, v=2)],
    "its version is true": lambda: [rotation(FIRST, SECOND, v=True)],
    "its time is a number": lambda: [rotation(FIRST, SECOND, ts=7)],
    "a member is missing": lambda: [rotation(FIRST, SECOND, ts=None)],
    "a member is added": lambda: [rotation(FIRST, SECOND, more="x")],
}


@pytest.mark.parametrize("how", sorted(BROKEN))
def test_a_history_is_refused_where(how: str) -> None:
    with pytest.raises((InvalidSignature, Unprocessable)):
        verify_history(BROKEN[how](), public(FIRST, SECOND, THIRD))


@pytest.mark.parametrize(
    "statement",
    [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 2_000, b"1" * 4_000, b'{"v":NaN}', b'{"v":1.5}', b" " * 5_000],
)
def test_what_is_no_statement_is_refused(statement: bytes) -> None:
    signed = Rotation(statement, FIRST.sign(statement), SECOND.sign(statement))
    with pytest.raises(InvalidSignature, match="canonical JSON"):
        verify_history([signed], public(FIRST, SECOND))


def test_a_statement_in_another_spelling_is_refused() -> None:
    statement = rotation(FIRST, SECOND).statement.replace(b'"v":1', b'"v": 1')
    with pytest.raises(InvalidSignature, match="canonical JSON"):
        verify_history([Rotation(statement, FIRST.sign(statement), SECOND.sign(statement))], public(FIRST))


def test_a_key_filed_under_another_name_is_not_that_key() -> None:
    with pytest.raises(InvalidSignature, match="not known here"):
        verify_history([rotation(FIRST, SECOND)], {FIRST.kid: STRANGER.public_key})


def test_a_key_set_is_read_with_its_windows_and_other_kinds_of_keys_left_out() -> None:
    jwk = public_jwk(FIRST.public_key) | {"nbf": 5, "exp": 9}
    keys = read_jwks({"keys": [jwk, {"kty": "RSA", "n": "x"}, "nonsense", public_jwk(SECOND.public_key)]})
    assert list(keys) == [FIRST.kid, SECOND.kid]
    assert keys[FIRST.kid] == (FIRST.kid, FIRST.public_key, 5, 9)
    assert keys[SECOND.kid][2:] == (None, None)


@pytest.mark.parametrize(
    "document",
    [
        None, [], {}, {"keys": {}}, {"keys": [{}] * 10_001}, {"keys": [public_jwk(FIRST.public_key) | {"d": "x"}]},
        {"keys": [public_jwk(FIRST.public_key) | {"kid": SECOND.kid}]},
        {"keys": [public_jwk(FIRST.public_key) | {"exp": "never"}]},
        {"keys": [public_jwk(FIRST.public_key) | {"nbf": -1}]},
        {"keys": [public_jwk(FIRST.public_key) | {"nbf": True}]},
    ],
)  # fmt: skip
def test_what_is_no_key_set_is_refused(document: Any) -> None:
    with pytest.raises(Unprocessable):
        read_jwks(document)


def test_checking_loads_no_database() -> None:
    import subprocess
    import sys

    program = (
        "import sys, services.receipts.signature_checks;"
        "print(sorted({'sqlalchemy', 'sqlmodel', 'pydantic', 'models', 'services.settings'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
