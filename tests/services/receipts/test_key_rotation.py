"""One key after another: a history without gaps, old signatures that stay good, and what is published."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from joserfc import jws
from joserfc.jwk import KeySet, OKPKey
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from models import KeyRotation, SigningKey
from services.database import reading, transaction
from services.gateways import master_key
from services.gateways.signing import verify
from services.receipts import signing_keys
from services.receipts.signature_checks import verify_checkpoint, verify_history
from services.receipts.signing_keys import (
    SIGNING_OVERLAP,
    active_signer,
    ensure_active_key,
    jwks,
    key_history,
    list_keys,
    public_key_at,
    rotate_key,
    sign_checkpoint,
)
from services.rules.merkle import leaf_hash
from services.rules.notes import read_note
from tests.given import NOON, customer, event, metered

MASTER_KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
ROOT = leaf_hash(b"receipt")
ORIGIN = "tallystick.example/t1"
ROTATE = """
import sys
from services.database import transaction
from services.receipts.signing_keys import active_signer, rotate_key
from app.unit_of_work import now
for _ in range(int(sys.argv[1])):
    with transaction() as session:
        rotate_key(session, at=now())
    with transaction() as session:
        print(len(active_signer(session).sign(b"receipt")))
"""


@pytest.fixture(autouse=True)
def _master_key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TALLYSTICK_MASTER_KEY", MASTER_KEY)
    signing_keys._opened.cache_clear()
    yield
    signing_keys._opened.cache_clear()
    master_key._read_file.cache_clear()


def rotated(session: Session, times: int, at: datetime = NOON) -> list[KeyRotation]:
    return [rotate_key(session, at=at + timedelta(days=day)) for day in range(1, times + 1)]


def public_keys(session: Session) -> dict[str, bytes]:
    return {key.kid: key.public_key for key in list_keys(session)}


def assert_one_signs_and_the_history_has_no_gap(session: Session, rotations: int) -> None:
    keys, history = list_keys(session), key_history(session)
    assert [key.retired_at is None for key in keys] == [True] + [False] * (len(keys) - 1)
    assert all((key.encrypted_private_key is None) == (key.retired_at is not None) for key in keys)
    assert [rotation.number for rotation in history] == list(range(1, rotations + 1))
    assert len(keys) == rotations + 1
    first = {history[0].old_kid: public_keys(session)[history[0].old_kid]}
    assert verify_history(history, first) == public_keys(session)
    assert history[-1].new_kid == keys[0].kid


def test_both_keys_sign_that_one_follows_the_other(session: Session) -> None:
    old_kid = ensure_active_key(session, at=NOON)
    later = NOON + timedelta(days=30)
    rotation = rotate_key(session, at=later)
    new = public_key_at(session, rotation.new_kid)
    assert json.loads(rotation.statement) == {
        "v": 1, "typ": "key", "old_kid": old_kid, "new_kid": new.kid, "ts": "2026-12-20T12:00:00.000000Z",
        "new_public_jwk": {key: value for key, value in jwks(session)["keys"][0].items() if key not in {"iat", "nbf"}},
    }  # fmt: skip
    verify(public_key_at(session, old_kid).public_key, rotation.old_signature, rotation.statement)
    verify(new.public_key, rotation.new_signature, rotation.statement)
    assert (rotation.number, rotation.old_kid, rotation.rotated_at) == (1, old_kid, later)
    assert active_signer(session).kid == ensure_active_key(session, at=later) == new.kid != old_kid


def test_rotating_before_there_is_a_key_makes_one_and_replaces_it(session: Session) -> None:
    rotate_key(session, at=NOON)
    assert_one_signs_and_the_history_has_no_gap(session, 1)


def test_a_retired_private_key_is_destroyed(session: Session) -> None:
    rotated(session, 3)
    assert_one_signs_and_the_history_has_no_gap(session, 3)


def test_a_clock_that_runs_behind_retires_a_key_no_sooner_than_it_began(session: Session) -> None:
    ensure_active_key(session, at=NOON)
    rotation = rotate_key(session, at=NOON - timedelta(seconds=3))
    assert public_key_at(session, rotation.old_kid).retired_at == rotation.rotated_at == NOON


def test_a_clock_that_runs_behind_retires_a_key_no_sooner_than_what_it_signed(engine: Engine) -> None:
    ahead = NOON + 4 * SIGNING_OVERLAP
    with transaction(engine) as session:
        one = customer(session)
    with transaction(engine) as session:
        metered(session, one.tenant_id, event("1"), at=ahead)
    with transaction(engine) as session:
        rotation = rotate_key(session, at=NOON + timedelta(seconds=1))
        assert public_key_at(session, rotation.old_kid).retired_at == rotation.rotated_at == ahead


def test_what_was_signed_before_a_rotation_still_verifies(session: Session) -> None:
    ensure_active_key(session, at=NOON)
    notes = [sign_checkpoint(session, origin=ORIGIN, size=1, root=ROOT)]
    for day in range(1, 4):
        rotate_key(session, at=NOON + timedelta(days=day))
        notes.append(sign_checkpoint(session, origin=ORIGIN, size=1 + day, root=ROOT))
    keys = public_keys(session)
    assert [verify_checkpoint(note, keys) for note in notes] == [(ORIGIN, 1 + day, ROOT) for day in range(4)]
    assert len({read_note(note).signatures[0].key_id for note in notes}) == 4


def test_a_rotation_elsewhere_is_seen_by_the_next_signature(engine: Engine) -> None:
    with transaction() as session:
        first = ensure_active_key(session, at=NOON)
        assert active_signer(session).kid == first
    with ThreadPoolExecutor(1) as elsewhere:
        second = elsewhere.submit(_rotate_once).result()
    with transaction() as session:
        assert active_signer(session).kid == second != first


def _rotate_once() -> str:
    with transaction() as session:
        return rotate_key(session, at=NOON + timedelta(days=1)).new_kid


def test_a_rotation_that_is_rolled_back_leaves_the_old_key_signing(engine: Engine) -> None:
    with transaction() as session:
        first = ensure_active_key(session, at=NOON)
    with pytest.raises(RuntimeError), transaction() as session:  # noqa: PT012 — the rotation and its failure
        rotate_key(session, at=NOON)
        raise RuntimeError
    with transaction() as session:
        assert (active_signer(session).kid, key_history(session)) == (first, [])
        assert active_signer(session).sign(b"x")


def test_the_key_set_lists_every_key_with_its_window(session: Session) -> None:
    first = ensure_active_key(session, at=NOON)
    second, third = (rotation.new_kid for rotation in rotated(session, 2))
    keys = jwks(session)["keys"]
    noon, day = int(NOON.timestamp()), 86_400
    overlap = int(SIGNING_OVERLAP.total_seconds()) + 1
    assert [(key["kid"], key["nbf"] - noon, key.get("exp")) for key in keys] == [
        (third, 2 * day, None),
        (second, day, noon + 2 * day + overlap),
        (first, 0, noon + day + overlap),
    ]
    for key in keys:
        assert {name: key[name] for name in ("kty", "crv", "use")} == {
            "kty": "OKP", "crv": "Ed25519", "use": "sig",
        }  # fmt: skip
        assert "d" not in key


def test_another_jose_library_reads_the_key_set_and_verifies_a_signature_by_it(session: Session) -> None:
    ensure_active_key(session, at=NOON)
    rotated(session, 1)
    published = KeySet.import_key_set(json.loads(json.dumps(jwks(session))))
    for key in published.keys:
        assert isinstance(key, OKPKey)
        assert key.kid == key.thumbprint()
    signer = active_signer(session)
    header = base64.urlsafe_b64encode(json.dumps({"alg": "Ed25519", "kid": signer.kid}).encode()).rstrip(b"=")
    payload = base64.urlsafe_b64encode(b"a receipt").rstrip(b"=")
    signature = base64.urlsafe_b64encode(signer.sign(header + b"." + payload)).rstrip(b"=")
    token = b".".join((header, payload, signature)).decode()
    read = jws.deserialize_compact(token, published, algorithms=["Ed25519"])
    assert read.payload == b"a receipt"


@pytest.mark.slow
def test_processes_that_rotate_at_once_leave_one_key_and_a_history_without_gaps(
    engine: Engine, database_url: str, project_root: Path
) -> None:
    times, processes = 4, 3
    started = [
        subprocess.Popen(
            [sys.executable, "-c", ROTATE, str(times)],
            cwd=project_root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(processes)
    ]  # fmt: skip
    said = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0] * processes, said
    assert {line for out, _ in said for line in out.split()} == {"64"}
    with reading() as session:
        assert_one_signs_and_the_history_has_no_gap(session, times * processes)
        retired = session.exec(select(SigningKey).where(col(SigningKey.retired_at).is_not(None))).all()
        assert len(retired) == times * processes
