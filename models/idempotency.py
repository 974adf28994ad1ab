"""Answers already given, by the key the caller chose."""

from datetime import datetime

from sqlalchemy import Text
from sqlmodel import Field

from models.base import TenantOwned, UtcDateTime

KEY_MAX = 200


class IdempotencyRecord(TenantOwned, table=True):
    """A POST that was carried out: what was asked (fingerprint) and what was answered, written with its effect.

    `tenant_id` is empty for an operator's request that names no customer.
    """

    __tablename__ = "idempotency_record"

    key: str = Field(primary_key=True, max_length=KEY_MAX)
    route: str = Field(max_length=200)
    fingerprint: str = Field(max_length=64)
    status: int
    body: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)
