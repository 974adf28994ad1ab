"""The processes that work on jobs, and when each was last seen."""

from datetime import datetime

from sqlalchemy import CheckConstraint
from sqlmodel import Field, SQLModel

from models.base import ID_MAX, UtcDateTime

HOST_MAX = 255


class JobWorker(SQLModel, table=True):
    """One process. It says that it lives every few seconds; what one that stopped was doing is given to another."""

    __tablename__ = "job_worker"
    __table_args__ = (
        CheckConstraint("pid >= 1", name="pid_positive"),
        CheckConstraint("seen_at >= started_at", name="seen_after_start"),
    )

    id: str = Field(primary_key=True, max_length=ID_MAX)
    host: str = Field(max_length=HOST_MAX)
    pid: int
    started_at: datetime = Field(sa_type=UtcDateTime)
    seen_at: datetime = Field(sa_type=UtcDateTime)
