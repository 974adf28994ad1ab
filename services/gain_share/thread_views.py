"""The thread of a run in words: who did or said what, for which party, with which file, and the receipt of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from models import EvidenceFile, GainShareRun, GainShareStep, Party, StepKind, User
from services import wording
from services.gain_share.steps import read_thread
from services.gain_share.words import part_name
from services.key_makers import names_of_keys

KIND_WORDS = {
    StepKind.SUBMITTED: "submitted the run",
    StepKind.COMMENT: "said",
    StepKind.EVIDENCE: "showed a file",
    StepKind.APPROVED: "approved the run",
    StepKind.REJECTED: "rejected the run",
    StepKind.DISPUTED: "disputed",
    StepKind.REPLACED: "replaced the run with a revised one",
    StepKind.REMINDED: "Reminded of the deadline",
}
PARTY_NAMES = {Party.SELLER: "Seller", Party.CUSTOMER: "Customer"}
SOMEBODY_GONE = "Somebody who is gone"


@dataclass(frozen=True)
class ThreadStepView:
    """One step. `party` is "" where nobody took it; `receipt` is a receipt's number, "" for none."""

    number: str
    kind: str
    who: str
    what: str
    party: str
    at: str
    text: str
    file_id: str
    file_name: str
    file_size: str
    receipt: str


def thread_views(session: Session, *, run: GainShareRun, timezone: str) -> tuple[ThreadStepView, ...]:
    """All steps of a run, the first in front."""
    steps = read_thread(session, tenant_id=run.tenant_id, run_id=run.id)
    names = names_of(session, (step.taken_by for step in steps if step.taken_by is not None))
    files = _files(session, run.tenant_id, {step.file_id for step in steps if step.file_id is not None})
    return tuple(_step(run.calculation, step, names, files, timezone) for step in steps)


def names_of(session: Session, ids: Iterable[str]) -> dict[str, str]:
    """What people and API keys are called: by e-mail, and by the name of the key and who made it."""
    wanted = set(ids)
    people = session.exec(select(User.id, User.email).where(col(User.id).in_(wanted)))
    return dict(people.all()) | names_of_keys(session, wanted)


def file_size(size_bytes: int) -> str:
    """312 bytes; 14 KB; 2.3 MB."""
    if size_bytes < 1_024:
        return f"{size_bytes} bytes"
    kilobytes = size_bytes / 1_024
    return f"{kilobytes:,.0f} KB" if kilobytes < 1_000 else f"{kilobytes / 1_024:,.1f} MB"


def _files(session: Session, tenant_id: str, ids: set[str]) -> dict[str, EvidenceFile]:
    mine = select(EvidenceFile).where(EvidenceFile.tenant_id == tenant_id, col(EvidenceFile.id).in_(ids))
    return {file.id: file for file in session.exec(mine.options(defer(EvidenceFile.content)))}  # type: ignore[arg-type]


def _step(
    calculation: Mapping[str, Any],
    step: GainShareStep,
    names: Mapping[str, str],
    files: Mapping[str, EvidenceFile],
    timezone: str,
) -> ThreadStepView:
    what, text = KIND_WORDS[step.kind], step.text
    if step.kind == StepKind.DISPUTED:
        what += f": {', '.join(part_name(calculation, name) for name in step.disputed)}"
    if step.kind == StepKind.REMINDED:
        text = "On the last day." if text == "0" else f"{text} {'day' if text == '1' else 'days'} before it."
    file = None if step.file_id is None else files[step.file_id]
    return ThreadStepView(
        number=str(step.number),
        kind=step.kind.value,
        who="" if step.taken_by is None else names.get(step.taken_by, SOMEBODY_GONE),
        what=what,
        party="" if step.party is None else PARTY_NAMES[step.party],
        at=wording.moment(step.taken_at, timezone),
        text=text,
        file_id="" if file is None else file.id,
        file_name="" if file is None else file.name,
        file_size="" if file is None else file_size(file.size_bytes),
        receipt="" if step.receipt_seq is None else str(step.receipt_seq),
    )
