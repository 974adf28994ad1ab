"""Which processes work on jobs. Each says every few seconds that it lives; one that is silent has ended."""

import os
import socket
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, delete, select

from models import JobWorker
from models.base import table_of
from models.job_worker import HOST_MAX
from services.database import insert_or_change

SECONDS_BETWEEN_SIGNS: Final = 10.0
SILENT_AFTER: Final = timedelta(seconds=60)
"""One that was only held up and is taken for ended does no harm: what two processes do is done once all the same."""


def sign_of_life(session: Session, *, worker_id: str, started_at: datetime, at: datetime) -> None:
    """Note that this process lives and works."""
    row = {
        "id": worker_id,
        "host": socket.gethostname()[:HOST_MAX],
        "pid": os.getpid(),
        "started_at": started_at,
        "seen_at": max(at, started_at),
    }
    insert_or_change(session, table_of(JobWorker), [row], key=("id",), changed=("seen_at",))


def living_workers(session: Session, *, at: datetime) -> list[JobWorker]:
    """Those that were seen lately and, where they are on this machine, have a process; the oldest first."""
    seen = select(JobWorker).where(col(JobWorker.seen_at) > at - SILENT_AFTER).order_by(col(JobWorker.started_at))
    return [worker for worker in session.exec(seen) if not _is_gone_here(worker)]


def take_leave(session: Session, *, worker_id: str) -> None:
    """Note that this process works no more."""
    session.exec(delete(JobWorker).where(col(JobWorker.id) == worker_id))


def forget_silent(session: Session, *, at: datetime) -> None:
    """Drop the rows of processes that ended without taking their leave."""
    session.exec(delete(JobWorker).where(col(JobWorker.seen_at) <= at - SILENT_AFTER))


def _is_gone_here(worker: JobWorker) -> bool:
    if worker.host != socket.gethostname()[:HOST_MAX]:
        return False
    try:
        os.kill(worker.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
