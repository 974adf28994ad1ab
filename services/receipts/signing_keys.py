"""The keys that sign receipts: the first one, the one that signs now, handing over to the next, and what is published.

Private keys are kept encrypted under the master key until they are retired, then not at all. Public keys are kept and
published for ever, so a signature can be checked for as long as somebody keeps what it is over.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import func, text
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, select

from models import KeyRotation, ReceiptLog, SigningKey, table_of
from services.errors import KeysUnavailable, NotFound
from services.gateways import signing
from services.gateways.master_key import create_master_key, read_master_key
from services.gateways.signing import Signer
from services.rules.canonical import canonical_bytes
from services.rules.notes import NoteSignature, checkpoint_body, format_note, key_id
from services.rules.receipts import written_time

SIGNING_OVERLAP = timedelta(minutes=5)
"""How long after a key is retired what was being written at that moment may still carry its signature."""

STATEMENT_VERSION = 1
ADVISORY_LOCK = 7_315_220_120  # any number no other program on the same server uses

_SIGNS = col(SigningKey.retired_at).is_(None)
_signing_now = sql_select(col(SigningKey.kid), col(SigningKey.encrypted_private_key)).where(_SIGNS)
"""Built once: building it costs as much as running it."""


def ensure_active_key(session: Session, *, at: datetime) -> str:
    """The kid of the key that signs; the first is made where there is none. Processes that ask at once get the same.

    Raises KeysUnavailable without a master key.
    """
    active = _active_key(session)
    if active is None:
        _change_keys_alone(session)
        active = _active_key(session) or _add_key(session, create_master_key(_database(session)), at)
    return active.kid


def active_signer(session: Session) -> Signer:
    """The key that signs now, ready to sign. It is opened once a process; whether it still signs is read each time.

    Raises KeysUnavailable without the master key it was made under, and before there is a key.
    """
    signer = find_signer(session)
    if signer is None:
        raise KeysUnavailable("There is no signing key yet; `tallystick keys rotate` makes one.")
    return signer


def find_signer(session: Session) -> Signer | None:
    """The same; None before there is a key."""
    active = session.connection().execute(_signing_now).first()
    return None if active is None else _opened(*active, read_master_key(_database(session)))


def rotate_key(session: Session, *, at: datetime) -> KeyRotation:
    """Retire the key that signs and let a new one sign from here on. Both sign the statement that says so.

    The old private key is destroyed. Processes that ask at once rotate one after the other. Where there is no key yet,
    the first is made and replaced. Raises KeysUnavailable without the master key the old one was made under.
    """
    _change_keys_alone(session)
    ensure_active_key(session, at=at)
    old = _active_key(session)
    assert old is not None
    master_key = read_master_key(_database(session))
    old_signer = _opened(old.kid, old.encrypted_private_key, master_key)
    at = max(at, old.activated_at, _last_signed(session) or at)  # clocks of two processes may differ
    old.retired_at, old.encrypted_private_key = at, None
    session.flush()  # before the new one: only one may be active
    new = _add_key(session, master_key, at)
    new_signer = _opened(new.kid, new.encrypted_private_key, master_key)
    statement = canonical_bytes(_statement(old.kid, new, at))
    rotation = KeyRotation(
        number=_rotations(session) + 1,
        old_kid=old.kid,
        new_kid=new.kid,
        statement=statement,
        old_signature=old_signer.sign(statement),
        new_signature=new_signer.sign(statement),
        rotated_at=at,
    )
    session.add(rotation)
    session.flush()
    return rotation


def sign_checkpoint(session: Session, *, origin: str, size: int, root: bytes) -> str:
    """The head of a log as a C2SP signed note, its signature under the log's own name.

    Raises KeysUnavailable, and InvalidNote for an origin, a size or a root that no log has.
    """
    return signed_checkpoint(active_signer(session), origin=origin, size=size, root=root)


def signed_checkpoint(signer: Signer, *, origin: str, size: int, root: bytes) -> str:
    """The same with a signer at hand: for those who sign the heads of several logs in one transaction."""
    body = checkpoint_body(origin, size, root)
    signature = NoteSignature(origin, key_id(origin, signer.public_key), signer.sign(body.encode()))
    return format_note(body, [signature])


def list_keys(session: Session) -> list[SigningKey]:
    """Every key there has been, the one that signs first, then the latest."""
    newest = (_SIGNS.desc(), col(SigningKey.retired_at).desc(), col(SigningKey.kid))
    return list(session.exec(select(SigningKey).order_by(*newest)))


def public_key_at(session: Session, kid: str) -> SigningKey:
    """The key of that name: its public half and the time it signs in. Raises NotFound."""
    key = session.get(SigningKey, kid)
    if key is None:
        raise NotFound("There is no such signing key.", field="kid")
    return key


def jwks(session: Session) -> dict[str, Any]:
    """Every public key as a JWK Set (RFC 7517), the one that signs first.

    Each says when it was made (`iat`), signs from (`nbf`) and, once retired, signed until (`exp`): whole seconds,
    with the meaning OpenID Federation gives these members of historical keys.
    """
    return {"keys": [_published(key) for key in list_keys(session)]}


def key_history(session: Session) -> list[KeyRotation]:
    """Every rotation, in order from number 1."""
    return list(session.exec(select(KeyRotation).order_by(col(KeyRotation.number))))


def _active_key(session: Session) -> SigningKey | None:
    statement = select(SigningKey).where(_SIGNS)
    return session.exec(statement.execution_options(populate_existing=True)).first()


def _add_key(session: Session, master_key: bytes, at: datetime) -> SigningKey:
    pair = signing.generate_key_pair()
    kid = signing.thumbprint(pair.public_key)
    encrypted = signing.encrypt_private_key(pair.private_key, kid=kid, master_key=master_key)
    kept = {"kid": kid, "public_key": pair.public_key, "encrypted_private_key": encrypted}
    moments = {"created_at": at, "activated_at": at}
    # not by a flush: whoever needs a key may be in the middle of changing other rows
    session.connection().execute(table_of(SigningKey).insert().values(kept | moments))
    return session.get_one(SigningKey, kid)


@lru_cache(maxsize=2)
def _opened(kid: str, encrypted: bytes | None, master_key: bytes) -> Signer:
    if encrypted is None:
        raise KeysUnavailable(f"The private half of {kid} was destroyed.")
    return signing.signer_of(signing.decrypt_private_key(encrypted, kid=kid, master_key=master_key))


def _statement(old_kid: str, new: SigningKey, at: datetime) -> dict[str, Any]:
    return {
        "v": STATEMENT_VERSION,
        "typ": "key",
        "old_kid": old_kid,
        "new_kid": new.kid,
        "new_public_jwk": signing.public_jwk(new.public_key),
        "ts": written_time(at),
    }


def _published(key: SigningKey) -> dict[str, Any]:
    window = {"iat": _whole_seconds(key.created_at), "nbf": _whole_seconds(key.activated_at)}
    if key.retired_at is not None:
        window["exp"] = _whole_seconds(key.retired_at + SIGNING_OVERLAP) + 1
    return signing.public_jwk(key.public_key) | window


def _whole_seconds(moment: datetime) -> int:
    return (moment - datetime.fromtimestamp(0, UTC)) // timedelta(seconds=1)


def _rotations(session: Session) -> int:
    return session.exec(select(func.coalesce(func.max(KeyRotation.number), 0))).one()


def _last_signed(session: Session) -> datetime | None:
    """The newest moment that a log tells of: a key may not end before what it has signed."""
    return session.exec(select(func.max(col(ReceiptLog.signed_at)))).one()


def _change_keys_alone(session: Session) -> None:
    """Wait for whoever else is changing keys. On SQLite the transaction already holds the only write lock."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": ADVISORY_LOCK})


def _database(session: Session) -> Any:
    return session.get_bind().engine.url
