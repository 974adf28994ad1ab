"""What came of runs once they were decided on: asked for as many as a list shows, in three questions."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlmodel import Session, col, select

from models import GainShareRun, PendingLine
from services.gain_share.billing import line_key, runs_taken_back


@dataclass(frozen=True, slots=True)
class FollowUp:
    """The run that took its place, the invoice that took its line, and whether all of that was taken back since."""

    replaced_by: str | None
    invoice_id: str | None
    is_taken_back: bool


def follow_ups_of(session: Session, *, tenant_id: str, run_ids: Collection[str]) -> dict[str, FollowUp]:
    """What came of each of a customer's runs, by its id."""
    runs = select(GainShareRun.replaces_run_id, GainShareRun.id)
    following = runs.where(GainShareRun.tenant_id == tenant_id, col(GainShareRun.replaces_run_id).in_(run_ids))
    lines = select(PendingLine.key, PendingLine.invoice_id).where(
        PendingLine.tenant_id == tenant_id, col(PendingLine.key).in_([line_key(run_id) for run_id in run_ids])
    )
    replaced, billed = dict(session.exec(following).all()), dict(session.exec(lines).all())
    undone = runs_taken_back(session, tenant_ids=[tenant_id])
    return {
        run_id: FollowUp(replaced.get(run_id), billed.get(line_key(run_id)), run_id in undone) for run_id in run_ids
    }


def follow_up_of(session: Session, *, run: GainShareRun) -> FollowUp:
    """What came of one run."""
    return follow_ups_of(session, tenant_id=run.tenant_id, run_ids=[run.id])[run.id]
