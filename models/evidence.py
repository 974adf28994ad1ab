"""Files that show what was said: reports, logs, photographs. Kept as they were sent, under their hash."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field

from models.base import ID_MAX, TenantOwned, UtcDateTime, choice
from models.gain_share import Party

EVIDENCE_BYTES_MAX = 10 * 1024 * 1024
FILE_NAME_MAX = 200


class EvidenceFile(TenantOwned, table=True):
    """The bytes of one file, which party sent them and who. The same bytes are kept once for a customer."""

    __tablename__ = "evidence_file"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"]),
        UniqueConstraint("tenant_id", "sha256"),
        CheckConstraint(f"size_bytes > 0 AND size_bytes <= {EVIDENCE_BYTES_MAX}", name="size"),
        Index("ix_evidence_file_uploaded", "tenant_id", "uploaded_at"),
    )

    id: str = Field(primary_key=True, max_length=ID_MAX)
    sha256: str = Field(max_length=64)
    name: str = Field(max_length=FILE_NAME_MAX)
    media_type: str = Field(max_length=100)
    size_bytes: int
    content: bytes = Field(sa_type=LargeBinary)
    party: Party = Field(sa_type=choice(Party))
    uploaded_by: str = Field(max_length=ID_MAX)
    uploaded_at: datetime = Field(sa_type=UtcDateTime)
