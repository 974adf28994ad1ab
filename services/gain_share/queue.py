"""Runs of all customers, for our own side: what waits for whom, and what customers proposed to us."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, literal, tuple_
from sqlmodel import Session, col, func, select

from models import BaselineStatus, GainShareRun, GainShareStatus, KpiBaseline, Party, Tenant
from models.base import NAME_MAX, UtcDateTime
from services import wording
from services.gain_share.billing import runs_taken_back
from services.gain_share.deadlines import OwnDays
from services.gain_share.words import METHOD_WORDS, STANDING_WORDS, standing_of
from services.payments.inbox_views import StatusCount, shown_of

RUNS_SHOWN: Final = 25
PROPOSALS_SHOWN: Final = 10
OVERDUE: Final = "overdue"
STATES: Final = (
    (GainShareStatus.PENDING_APPROVAL.value, "Waiting for the customer"),
    (OVERDUE, "Overdue"),
    (GainShareStatus.DISPUTED.value, "Disputed"),
    (GainShareStatus.REJECTED.value, "Rejected"),
    (GainShareStatus.APPROVED.value, "Approved"),
    (GainShareStatus.REPLACED.value, "Replaced"),
)

_WORDS: Final = STANDING_WORDS | {OVERDUE: "Overdue"}


@dataclass(frozen=True)
class QueueRow:
    """One run. `status` is its own, OVERDUE where its deadline is over while it waits, or TAKEN_BACK; `when` says since
    or until when it stands so."""

    tenant_id: str
    run_id: str
    customer: str
    period: str
    method: str
    savings: str
    share: str
    fee: str
    status: str
    status_word: str
    when: str


@dataclass(frozen=True)
class ProposalRow:
    """A customer that proposed baselines on which nobody of ours decided yet, and since when."""

    tenant_id: str
    customer: str
    what: str
    since: str


@dataclass(frozen=True)
class QueueView:
    """A page of runs, the newest first. `last` is what `after` is for the next page, "" where there is none."""

    rows: tuple[QueueRow, ...] = ()
    counts: tuple[StatusCount, ...] = ()
    proposals: tuple[ProposalRow, ...] = ()
    more_proposals: str = ""
    shown: str = ""
    last: str = ""


EMPTY_QUEUE = QueueView()


def list_queue(
    session: Session, *, at: datetime, state: str = "", text: str = "", after: str = "", seen: int = 0
) -> QueueView:
    """Runs in a state, of customers whose name contains a text. Those that wait are overdue once their deadline
    is over by the customer's own time, which is `at` for all but those with a clock of their own."""
    days = OwnDays(session, at=at)
    conditions = [*_in_state(state, days), *_of_customer(text)]
    joined = select(GainShareRun, Tenant).join(Tenant, col(Tenant.id) == GainShareRun.tenant_id).where(*conditions)
    position = tuple_(col(GainShareRun.submitted_at), col(GainShareRun.id))
    if after:
        moment, _, run_id = after.partition(" ")
        joined = joined.where(position < tuple_(literal(datetime.fromisoformat(moment), UtcDateTime()), run_id))
    newest_first = (col(GainShareRun.submitted_at).desc(), col(GainShareRun.id).desc())
    found = session.exec(joined.order_by(*newest_first).limit(RUNS_SHOWN + 1)).all()
    page = found[:RUNS_SHOWN]
    undone = runs_taken_back(session, tenant_ids={tenant.id for _, tenant in page})
    proposals, count = _proposals(session)
    hidden = count - len(proposals)
    return QueueView(
        rows=tuple(_row(run, tenant, days.day_of(tenant), taken_back=run.id in undone) for run, tenant in page),
        counts=_counts(session, days),
        proposals=proposals,
        more_proposals=f"and {hidden:,} more customers" if hidden > 0 else "",
        shown=shown_of(seen, len(page), _count(session, conditions)),
        last=f"{page[-1][0].submitted_at.isoformat()} {page[-1][0].id}" if len(found) > RUNS_SHOWN else "",
    )


def _in_state(state: str, days: OwnDays) -> list[ColumnElement[bool]]:
    waiting = col(GainShareRun.status) == GainShareStatus.PENDING_APPROVAL
    if state == OVERDUE:
        return [waiting, days.is_past()]
    if state in set(GainShareStatus):
        return [col(GainShareRun.status) == GainShareStatus(state)]
    return []


def _of_customer(text: str) -> list[ColumnElement[bool]]:
    wanted = "".join(letter for letter in text if letter.isprintable())[:NAME_MAX].strip()
    return [col(Tenant.name).icontains(wanted, autoescape=True)] if wanted else []


def _count(session: Session, conditions: list[ColumnElement[bool]]) -> int:
    statement = select(func.count()).select_from(GainShareRun).join(Tenant, col(Tenant.id) == GainShareRun.tenant_id)
    return session.exec(statement.where(*conditions)).one()


def _counts(session: Session, days: OwnDays) -> tuple[StatusCount, ...]:
    by_status = select(GainShareRun.status, func.count()).group_by(col(GainShareRun.status))
    counts = {GainShareStatus(status).value: count for status, count in session.exec(by_status)}
    whole = sum(counts.values())
    counts[OVERDUE] = _count(session, _in_state(OVERDUE, days))
    of_states = (StatusCount(state, word, f"{counts.get(state, 0):,}") for state, word in STATES)
    return (StatusCount("", "All", f"{whole:,}"), *of_states)


def _row(run: GainShareRun, tenant: Tenant, today: date, *, taken_back: bool) -> QueueRow:
    waits = run.status == GainShareStatus.PENDING_APPROVAL
    is_overdue = waits and run.deadline_on < today
    status = OVERDUE if is_overdue else standing_of(run.status, taken_back=taken_back)
    return QueueRow(
        tenant_id=tenant.id,
        run_id=run.id,
        customer=tenant.name,
        period=f"{wording.day(run.period_start)} – {wording.day(run.period_end - timedelta(days=1))}",
        method=METHOD_WORDS[run.method],
        savings=wording.amount(run.savings_minor, run.currency),
        share=f"{wording.number(run.share_pct)} %",
        fee=wording.amount(run.fee_minor, run.currency),
        status=status,
        status_word=_WORDS[status],
        when=_when(run, tenant, is_overdue=is_overdue),
    )


def _when(run: GainShareRun, tenant: Tenant, *, is_overdue: bool) -> str:
    if run.decided_at is not None:
        return f"on {wording.moment_day(run.decided_at, tenant.timezone)}"
    if run.status == GainShareStatus.REPLACED:
        return f"submitted {wording.moment_day(run.submitted_at, tenant.timezone)}"
    return f"{'was due' if is_overdue else 'by'} {wording.day(run.deadline_on)}"


def _proposals(session: Session) -> tuple[tuple[ProposalRow, ...], int]:
    """The customers whose proposals wait longest for us, and how many there are."""
    waits = (KpiBaseline.status == BaselineStatus.PROPOSED, KpiBaseline.proposed_party == Party.CUSTOMER)
    first = func.min(KpiBaseline.proposed_at)
    waiting = select(KpiBaseline.tenant_id, func.count(), first).where(*waits).group_by(KpiBaseline.tenant_id)
    longest = session.exec(waiting.order_by(first, KpiBaseline.tenant_id).limit(PROPOSALS_SHOWN)).all()
    count = session.exec(select(func.count(func.distinct(KpiBaseline.tenant_id))).where(*waits)).one()
    tenants = {
        each.id: each for each in session.exec(select(Tenant).where(col(Tenant.id).in_([row[0] for row in longest])))
    }
    rows = (_proposal(tenants[tenant_id], baselines, since) for tenant_id, baselines, since in longest)
    return tuple(rows), count


def _proposal(tenant: Tenant, count: int, since: datetime) -> ProposalRow:
    what = "a baseline" if count == 1 else f"{count:,} baselines"
    return ProposalRow(tenant.id, tenant.name, what, wording.moment_day(since, tenant.timezone))
