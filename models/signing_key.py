"""The keys that sign receipts, and how one followed another."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from models.base import UtcDateTime

KID_MAX = 43
"""A SHA-256 in base64url without padding."""

_SIGNING = text("retired_at IS NULL")


class SigningKey(SQLModel, table=True):
    """An Ed25519 key pair, named by its RFC 7638 thumbprint. One signs; the others have, and stay to be verified by.

    The private key is kept encrypted, and not at all once the key is retired.
    """

    __tablename__ = "signing_key"
    __table_args__ = (
        CheckConstraint("algorithm = 'Ed25519'", name="algorithm_known"),
        CheckConstraint("length(public_key) = 32", name="public_key_size"),
        CheckConstraint("activated_at >= created_at", name="activated_after_creation"),
        CheckConstraint("retired_at >= activated_at", name="retired_after_activation"),
        CheckConstraint("retired_at IS NOT NULL OR encrypted_private_key IS NOT NULL", name="can_sign_until_retired"),
        Index("ix_signing_key_active", "algorithm", unique=True, sqlite_where=_SIGNING, postgresql_where=_SIGNING),
    )

    kid: str = Field(primary_key=True, max_length=KID_MAX)
    algorithm: str = Field(default="Ed25519", max_length=16)
    public_key: bytes
    encrypted_private_key: bytes | None = Field(default=None, repr=False)
    created_at: datetime = Field(sa_type=UtcDateTime)
    activated_at: datetime = Field(sa_type=UtcDateTime)
    retired_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class KeyRotation(SQLModel, table=True):
    """One key's handing over to the next: canonical JSON signed by both. Numbered 1, 2, 3 …; never changed."""

    __tablename__ = "key_rotation"
    __table_args__ = (
        CheckConstraint("number >= 1", name="number_positive"),
        CheckConstraint("old_kid <> new_kid", name="keys_differ"),
        CheckConstraint("length(old_signature) = 64 AND length(new_signature) = 64", name="signature_sizes"),
    )

    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    old_kid: str = Field(max_length=KID_MAX, unique=True, foreign_key="signing_key.kid")
    new_kid: str = Field(max_length=KID_MAX, unique=True, foreign_key="signing_key.kid")
    statement: bytes
    old_signature: bytes
    new_signature: bytes
    rotated_at: datetime = Field(sa_type=UtcDateTime)
