"""The thread of a run: each step is a row that nothing changes, with a signed receipt that commits to what was said."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session, col, select

from models import GainShareRun, GainShareStep, StepKind
from models.gain_share_run import STEP_TEXT_MAX
from services.errors import Conflict, Unprocessable
from services.gain_share.evidence import find_evidence
from services.gain_share.parties import Signer
from services.key_makers import makers_of_keys
from services.receipts.agreements import StepSaid, write_step_receipt
from services.receipts.log import Written
from services.tenants import read_tenant

STEPS_MAX: Final = 500
"""On one thread; whoever has more to say submits a revised run."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a step says: words, the names of the parts that are disputed, a file that shows something."""

    text: str = ""
    disputed: Sequence[str] = ()
    file_id: str | None = None


SAID_NOTHING: Final = Said()


def add_step(
    session: Session, *, run: GainShareRun, kind: StepKind, signer: Signer, at: datetime, said: Said = SAID_NOTHING
) -> Written:
    """Add a step of a party to a run's thread; where its receipt stands.

    The caller holds the lock on the tenant's head. Raises Unprocessable for words that are none or too many, NotFound
    for an unknown file, and Conflict on a thread that is full.
    """
    number = _next_number(session, run)
    check_text(said.text, is_needed=kind in (StepKind.COMMENT, StepKind.REJECTED, StepKind.DISPUTED))
    file_id, sha256 = said.file_id, None
    if file_id is not None:
        sha256 = find_evidence(session, tenant_id=run.tenant_id, file_id=file_id).sha256
    made_by = makers_of_keys(session, [signer.by]).get(signer.by)
    told = StepSaid(number, kind, said.text, tuple(said.disputed), sha256, signer.party, signer.by, made_by)
    timezone = read_tenant(session, tenant_id=run.tenant_id).timezone
    receipt, salt = write_step_receipt(session, run=run, step=told, timezone=timezone, at=at)
    row = GainShareStep(
        tenant_id=run.tenant_id,
        run_id=run.id,
        number=number,
        kind=kind,
        text=said.text,
        disputed=list(said.disputed),
        file_id=file_id,
        party=signer.party,
        taken_by=signer.by,
        taken_at=at,
        receipt_seq=receipt.seq,
        salt=salt,
    )
    session.add(row)
    return receipt


def add_reminder(session: Session, *, run: GainShareRun, days_left: int, at: datetime) -> None:
    """Note on the thread that the customer was reminded so many days before the deadline."""
    reminder = GainShareStep(
        tenant_id=run.tenant_id,
        run_id=run.id,
        number=_next_number(session, run),
        kind=StepKind.REMINDED,
        text=str(days_left),
        taken_at=at,
    )
    session.add(reminder)
    session.flush()


def read_thread(session: Session, *, tenant_id: str, run_id: str) -> list[GainShareStep]:
    """The steps of a run in their order."""
    statement = select(GainShareStep).where(GainShareStep.tenant_id == tenant_id, GainShareStep.run_id == run_id)
    return list(session.exec(statement.order_by(col(GainShareStep.number))))


def check_text(text: str, *, is_needed: bool) -> None:
    """Words on one line or several. Raises Unprocessable."""
    printable = all(letter.isprintable() or letter == "\n" for letter in text)
    if len(text) > STEP_TEXT_MAX or not printable:
        raise Unprocessable(f"A text has at most {STEP_TEXT_MAX:,} printable characters.", field="text")
    if is_needed and not text.strip():
        raise Unprocessable(f"Say why, in 1 to {STEP_TEXT_MAX:,} characters.", field="text")


def _next_number(session: Session, run: GainShareRun) -> int:
    thread = read_thread(session, tenant_id=run.tenant_id, run_id=run.id)
    if len(thread) >= STEPS_MAX:
        raise Conflict(f"The thread of this run is full, at {STEPS_MAX} steps; submit a revised run.")
    return len(thread) + 1
