"""Whose a run or a baseline is, by its id alone: for our own side, who may look at any customer."""

from sqlmodel import Session, col, select

from models import GainShareRun, KpiBaseline


def customer_of_run(session: Session, *, subject_id: str) -> str | None:
    """The customer's id; None where there is no such run."""
    return _customer_of(session, GainShareRun, subject_id)


def customer_of_baseline(session: Session, *, subject_id: str) -> str | None:
    """The customer's id; None where there is no such baseline."""
    return _customer_of(session, KpiBaseline, subject_id)


def _customer_of(session: Session, table: type[GainShareRun] | type[KpiBaseline], subject_id: str) -> str | None:
    if not subject_id.isprintable():  # PostgreSQL cannot even be asked for some of these
        return None
    return session.exec(select(table.tenant_id).where(col(table.id) == subject_id)).first()
