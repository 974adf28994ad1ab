"""The log of receipts, one a customer, and what proves that nothing in it was added, dropped or changed."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, LargeBinary, Text
from sqlmodel import Field

from models.base import ID_MAX, TenantOwned, UtcDateTime
from models.price_book import CODE_MAX
from models.signing_key import KID_MAX
from models.usage import TRACE_ID_MAX

ISS_MAX = 255


class ReceiptLog(TenantOwned, table=True):
    """The head of a log: how many receipts, the last one's hash, the tree's edge, and the note signed over its root.

    Written with the receipts it covers. There is no row before the first of them.
    """

    __tablename__ = "receipt_log"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        CheckConstraint("size > 0", name="size"),
        CheckConstraint("length(last_hash) = 32", name="last_hash"),
    )

    iss: str = Field(max_length=ISS_MAX)
    size: int = Field(sa_type=BigInteger)
    last_hash: bytes = Field(sa_type=LargeBinary)
    frontier: bytes = Field(sa_type=LargeBinary)
    checkpoint: str = Field(sa_type=Text)
    kid: str = Field(max_length=KID_MAX, foreign_key="signing_key.kid")
    signed_at: datetime = Field(sa_type=UtcDateTime)


class Receipt(TenantOwned, table=True):
    """One receipt: its canonical bytes, and the tree's nodes that its leaf completed.

    `nodes` are 32 bytes each, levels 1, 2, 3 … up; NULL where the leaf completed none, as every other one does. So
    node (level, index) stands with receipt (index + 1) << level, and a proof is read by primary key alone.
    """

    __tablename__ = "receipt"
    __table_args__ = (CheckConstraint("seq > 0", name="seq"), {"sqlite_with_rowid": False})

    seq: int = Field(primary_key=True, sa_type=BigInteger)
    data: bytes = Field(sa_type=LargeBinary)
    nodes: bytes | None = Field(default=None, sa_type=LargeBinary)


class ReceiptSignature(TenantOwned, table=True):
    """The signature a receipt carries of its own, besides the checkpoint's over all."""

    __tablename__ = "receipt_signature"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "seq"], ["receipt.tenant_id", "receipt.seq"]),
        CheckConstraint("length(signature) = 64", name="signature_size"),
    )

    seq: int = Field(primary_key=True, sa_type=BigInteger)
    kid: str = Field(max_length=KID_MAX, foreign_key="signing_key.kid")
    signature: bytes = Field(sa_type=LargeBinary)


class TraceHop(TenantOwned, table=True):
    """One step of a trace and the receipt that tells of it."""

    __tablename__ = "trace_hop"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "seq"], ["receipt.tenant_id", "receipt.seq"]),
        CheckConstraint("hop > 0", name="hop"),
    )

    trace_id: str = Field(primary_key=True, max_length=TRACE_ID_MAX)
    hop: int = Field(primary_key=True)
    seq: int = Field(sa_type=BigInteger)


class UsageTally(TenantOwned, table=True):
    """The receipts of one pool in one period: how many, which, and the tree over them.

    It is what an invoice line says it sums. A later line for the same period names all of them again, with what has
    come since: so what it adds up is the period's whole use, and its allowance can be held against it.
    """

    __tablename__ = "usage_tally"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "subscription_id", "period_start"],
            ["billing_period.tenant_id", "billing_period.subscription_id", "billing_period.starts_at"],
        ),
        CheckConstraint("first_seq > 0 AND last_seq >= first_seq", name="range"),
    )

    subscription_id: str = Field(primary_key=True, max_length=ID_MAX)
    period_start: datetime = Field(primary_key=True, sa_type=UtcDateTime)
    pool: str = Field(primary_key=True, max_length=CODE_MAX)
    first_seq: int = Field(sa_type=BigInteger)
    last_seq: int = Field(sa_type=BigInteger)
    frontier: bytes = Field(sa_type=LargeBinary)
