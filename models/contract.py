"""What was negotiated with one customer: a plan version of its own, and the paper it stands on."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, text
from sqlmodel import Field

from models.base import ID_MAX, NAME_MAX, TenantOwned, UtcDateTime, choice
from models.price_book import HASH_MAX

REFERENCE_MAX = 64
NOTES_MAX = 2_000


class ContractOrigin(StrEnum):
    """Who wrote it: one of our people, or the file of reserved capacity."""

    OPERATOR = "operator"
    RESERVED = "reserved"


class Contract(TenantOwned, table=True):
    """Terms that only this customer can be on: `plan_version_id`, made from the book's plan `based_on`.

    A subscription may start on them or move to them from `valid_from` until just before `valid_until`, unless they were
    withdrawn; one that is on them keeps them. `reference` is the customer's own number for the paper.
    """

    __tablename__ = "contract"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        CheckConstraint("length(title) > 0", name="title_given"),
        CheckConstraint("valid_until IS NULL OR valid_until > valid_from", name="order"),
        Index(
            "ix_contract_reserved",
            "tenant_id",
            unique=True,
            sqlite_where=text("origin = 'reserved' AND withdrawn_at IS NULL"),
            postgresql_where=text("origin = 'reserved' AND withdrawn_at IS NULL"),
        ),
    )

    id: str = Field(primary_key=True, max_length=ID_MAX)
    plan_version_id: str = Field(max_length=HASH_MAX, foreign_key="plan_version.id")
    based_on: str = Field(max_length=HASH_MAX, foreign_key="plan_version.id")
    origin: ContractOrigin = Field(sa_type=choice(ContractOrigin))
    title: str = Field(max_length=NAME_MAX)
    reference: str = Field(default="", max_length=REFERENCE_MAX)
    notes: str = Field(default="", max_length=NOTES_MAX)
    valid_from: date
    valid_until: date | None = None
    created_by: str = Field(max_length=ID_MAX)
    created_at: datetime = Field(sa_type=UtcDateTime)
    withdrawn_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
