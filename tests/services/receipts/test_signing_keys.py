"""The key that signs: made once, kept encrypted, opened under its own master key alone."""

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import nacl.signing
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from models import SigningKey
from services import settings as configuration
from services.database import reading, transaction
from services.errors import KeysUnavailable, NotFound
from services.gateways import master_key
from services.gateways.signing import thumbprint
from services.identity import create_tenant
from services.receipts import signing_keys
from services.receipts.signing_keys import (
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
from services.rules.violations import InvalidNote
from tests.gain_share_given import accepted_baseline
from tests.given import NOON

MASTER_KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
ROOT = leaf_hash(b"receipt")
ORIGIN = "tallystick.example/t1"


@pytest.fixture(autouse=True)
def _master_key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TALLYSTICK_MASTER_KEY", MASTER_KEY)
    signing_keys._opened.cache_clear()
    yield
    signing_keys._opened.cache_clear()
    master_key._read_file.cache_clear()


def set_master_key(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TALLYSTICK_MASTER_KEY", value)
    configuration.settings.cache_clear()


def test_the_first_receipt_of_all_may_be_that_of_a_baseline(session: Session) -> None:
    """The key is made while the baseline is accepted but has no receipt yet, which no row may be stored as."""
    tenant = create_tenant(session, name="Acme", currency="CAD", timezone="UTC", at=NOON)
    assert list_keys(session) == []
    assert accepted_baseline(session, tenant.id, "mtbf_hours", "92", at=NOON).receipt_seq == 1


def test_the_first_key_is_made_once(session: Session) -> None:
    kid = ensure_active_key(session, at=NOON)
    assert ensure_active_key(session, at=NOON + timedelta(days=1)) == kid
    key = session.exec(select(SigningKey)).one()
    assert (key.kid, key.algorithm, key.created_at, key.activated_at) == (kid, "Ed25519", NOON, NOON)
    assert thumbprint(key.public_key) == kid


def test_what_the_signer_signs_libsodium_verifies(session: Session) -> None:
    kid = ensure_active_key(session, at=NOON)
    signer = active_signer(session)
    assert (signer.kid, signer.public_key) == (kid, public_key_at(session, kid).public_key)
    nacl.signing.VerifyKey(signer.public_key).verify(b"bytes", signer.sign(b"bytes"))


def test_before_there_is_a_key_nothing_is_signed(session: Session) -> None:
    with pytest.raises(KeysUnavailable, match="no signing key yet"):
        active_signer(session)
    with pytest.raises(NotFound):
        public_key_at(session, "nobody")
    assert (list_keys(session), key_history(session), jwks(session)) == ([], [], {"keys": []})


def test_the_private_key_is_not_in_the_database(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bytes] = []
    generate = signing_keys.signing.generate_key_pair

    def generate_and_tell() -> Any:
        pair = generate()
        made.append(pair.private_key)
        return pair

    monkeypatch.setattr(signing_keys.signing, "generate_key_pair", generate_and_tell)
    ensure_active_key(session, at=NOON)
    for row in session.execute(text("SELECT * FROM signing_key")):
        assert all(made[0] not in bytes(value) for value in row if isinstance(value, bytes | memoryview))
    assert "encrypted" not in repr(session.exec(select(SigningKey)).one())


def test_a_checkpoint_needs_a_name_a_size_and_a_root(session: Session) -> None:
    ensure_active_key(session, at=NOON)
    for origin, size, root in (("two words", 1, ROOT), (ORIGIN, 0, ROOT), (ORIGIN, -1, ROOT), (ORIGIN, 1, b"short")):
        with pytest.raises(InvalidNote):
            sign_checkpoint(session, origin=origin, size=size, root=root)


def test_another_master_key_signs_nothing_and_rotates_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with transaction() as session:
        kid = ensure_active_key(session, at=NOON)
        active_signer(session)
    set_master_key(monkeypatch, base64.urlsafe_b64encode(bytes(32)).decode())
    for use_case in (active_signer, lambda session: rotate_key(session, at=NOON)):
        with (
            pytest.raises(KeysUnavailable, match="does not open with this master key"),
            transaction() as session,
        ):
            use_case(session)
    with reading() as session:
        assert [key.kid for key in list_keys(session)] == [kid]


def test_without_a_master_key_postgresql_is_refused_and_sqlite_gets_a_file(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_master_key(monkeypatch, "")
    if engine.dialect.name == "postgresql":
        with pytest.raises(KeysUnavailable, match="is required with this database"), transaction() as session:
            ensure_active_key(session, at=NOON)
        return
    with transaction() as session:
        ensure_active_key(session, at=NOON)
        assert active_signer(session).sign(b"x")
    file = Path(str(engine.url.database)).parent / "master.key"
    file.unlink()
    master_key._read_file.cache_clear()
    with pytest.raises(KeysUnavailable, match="missing"), transaction() as session:
        rotate_key(session, at=NOON)
    assert not file.exists()


def test_a_private_key_changed_in_the_database_does_not_open(session: Session) -> None:
    kid = ensure_active_key(session, at=NOON)
    key = public_key_at(session, kid)
    assert key.encrypted_private_key is not None
    key.encrypted_private_key = key.encrypted_private_key[:-1] + bytes([key.encrypted_private_key[-1] ^ 1])
    session.flush()
    with pytest.raises(KeysUnavailable, match="changed since"):
        active_signer(session)


@pytest.mark.parametrize(
    "change",
    [
        "retired_at = NULL",
        "encrypted_private_key = NULL",
        "algorithm = 'RSA'",
        "retired_at = '2020-01-01 00:00:00+00:00'",
        "activated_at = '2020-01-01 00:00:00+00:00'",
    ],
)
def test_the_database_refuses_keys_that_contradict_themselves(session: Session, change: str) -> None:
    rotate_key(session, at=NOON + timedelta(days=1))
    with pytest.raises(IntegrityError):
        session.execute(text(f"UPDATE signing_key SET {change}"))


def test_the_database_refuses_a_second_key_that_signs(session: Session) -> None:
    kid = ensure_active_key(session, at=NOON)
    copy = public_key_at(session, kid).model_dump() | {"kid": "another"}
    session.add(SigningKey(**copy))
    with pytest.raises(IntegrityError):
        session.flush()


def test_threads_that_ask_for_the_first_key_get_the_same(engine: Engine) -> None:
    def ensure(_: int) -> str:
        with transaction() as session:
            return ensure_active_key(session, at=NOON)

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(ensure, range(6)))) == 1
    with reading() as session:
        assert len(list_keys(session)) == 1
