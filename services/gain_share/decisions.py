"""The customer decides on a run: approve it, reject it, or dispute parts of it. Both parties comment and show evidence.

Nothing is approved by silence. Approving adds the one line that bills the fee, in the same transaction.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlmodel import Session

from models import GainShareRun, GainShareStatus, Party, StepKind
from services.errors import Conflict, Forbidden, Unprocessable
from services.gain_share.billing import bill_run, check_billable
from services.gain_share.notices import announce_run
from services.gain_share.parties import Signer
from services.gain_share.runs import read_run
from services.gain_share.steps import Said, add_step
from services.receipts.log import Written
from services.rules.receipts import written
from services.tenants import lock_head

_KINDS: Final = {
    GainShareStatus.APPROVED: StepKind.APPROVED,
    GainShareStatus.REJECTED: StepKind.REJECTED,
    GainShareStatus.DISPUTED: StepKind.DISPUTED,
}
_WHY_NOT: Final = {
    GainShareStatus.APPROVED: "it was approved already; its fee is billed",
    GainShareStatus.REJECTED: "it was rejected already; nothing of it is billed",
    GainShareStatus.DISPUTED: "it is disputed; wait for the revised run and decide on that",
    GainShareStatus.REPLACED: "a revised run took its place; decide on that one",
}


def approve_run(
    session: Session, *, tenant_id: str, run_id: str, signer: Signer, at: datetime, text: str = ""
) -> GainShareRun:
    """Agree to a run's fee, which the subscription's next invoice charges by one line; a fee of nothing by none.

    Raises Forbidden for who may not decide, Conflict where it is decided or replaced already, and SubscriptionConflict
    where no invoice follows that could take the line.
    """
    run = _open_run(session, tenant_id, run_id, signer)
    check_billable(session, run=run)
    receipt = _decide(session, run, GainShareStatus.APPROVED, signer=signer, said=Said(text), at=at)
    bill_run(session, run=run, approval={"seq": receipt.seq, "hash": written(receipt.hash)}, by=signer.by, at=at)
    announce_run(session, run=run, at=at)
    return run


def reject_run(
    session: Session, *, tenant_id: str, run_id: str, reason: str, signer: Signer, at: datetime
) -> GainShareRun:
    """Refuse a run with a reason: it is never billed, and another may be submitted for its days.

    Raises as `approve_run` does.
    """
    run = _open_run(session, tenant_id, run_id, signer)
    _decide(session, run, GainShareStatus.REJECTED, signer=signer, said=Said(reason), at=at)
    announce_run(session, run=run, at=at, reason=reason)
    return run


def dispute_run(
    session: Session,
    *,
    tenant_id: str,
    run_id: str,
    parts: Sequence[str],
    reason: str,
    signer: Signer,
    at: datetime,
) -> GainShareRun:
    """Dispute parts of a run's savings, by their names, with a reason. It is not billed; a revised run replaces it.

    Raises Unprocessable for no part or one the run does not have, and refuses as `approve_run` does.
    """
    run = _open_run(session, tenant_id, run_id, signer)
    named = tuple(dict.fromkeys(parts))
    known = [part["name"] for part in run.calculation["parts"]]
    if not named or not set(named) <= set(known):
        raise Unprocessable(f"Name what you dispute: one or several of {', '.join(known)}.", field="parts")
    _decide(session, run, GainShareStatus.DISPUTED, signer=signer, said=Said(reason, named), at=at)
    announce_run(session, run=run, at=at, reason=reason, disputed=named)
    return run


def comment_on_run(
    session: Session, *, tenant_id: str, run_id: str, text: str, signer: Signer, at: datetime
) -> GainShareRun:
    """Say something on a run's thread, whatever its state. Raises NotFound, and Unprocessable for nothing said."""
    return _add(session, StepKind.COMMENT, Said(text), tenant_id=tenant_id, run_id=run_id, signer=signer, at=at)


def add_run_evidence(
    session: Session, *, tenant_id: str, run_id: str, file_id: str, signer: Signer, at: datetime, text: str = ""
) -> GainShareRun:
    """Show a file that was uploaded before on a run's thread. Raises NotFound for an unknown run or file."""
    said = Said(text, file_id=file_id)
    return _add(session, StepKind.EVIDENCE, said, tenant_id=tenant_id, run_id=run_id, signer=signer, at=at)


def _add(
    session: Session, kind: StepKind, said: Said, *, tenant_id: str, run_id: str, signer: Signer, at: datetime
) -> GainShareRun:
    lock_head(session, tenant_id=tenant_id)
    run = read_run(session, tenant_id=tenant_id, run_id=run_id)
    add_step(session, run=run, kind=kind, signer=signer, said=said, at=at)
    session.flush()
    return run


def _open_run(session: Session, tenant_id: str, run_id: str, signer: Signer) -> GainShareRun:
    """A run that waits, for who may decide on it, with the customer's books locked: of two who decide at once, the
    second finds it decided."""
    lock_head(session, tenant_id=tenant_id)
    run = read_run(session, tenant_id=tenant_id, run_id=run_id)
    session.refresh(run)
    if signer.party != Party.CUSTOMER:
        raise Forbidden("Only the customer decides on a run; the seller may comment, or submit a revised one.")
    if signer.by == run.submitted_by:
        raise Forbidden("Who submitted a run cannot decide on it; somebody else of the customer has to.")
    if run.status != GainShareStatus.PENDING_APPROVAL:
        raise Conflict(f"Nothing is left to decide on this run: {_WHY_NOT[run.status]}.", field="run_id")
    return run


def _decide(
    session: Session, run: GainShareRun, status: GainShareStatus, *, signer: Signer, said: Said, at: datetime
) -> Written:
    with session.no_autoflush:  # the run and its decision are told together
        receipt = add_step(session, run=run, kind=_KINDS[status], signer=signer, said=said, at=at)
        run.status, run.decided_by, run.decided_at, run.decision_seq = status, signer.by, at, receipt.seq
        session.add(run)
    session.flush()
    return receipt
