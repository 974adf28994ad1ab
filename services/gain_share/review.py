"""The page on which a customer reviews a run: what it says, what led to it, and what deciding on it would mean."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlmodel import Session, col, select

from models import GainShareRun, GainShareStatus, Membership, Party, User
from services import wording
from services.errors import SubscriptionConflict
from services.gain_share.billing import billed_subscription, is_taken_back
from services.gain_share.effect_views import EffectView, effect_views
from services.gain_share.follow_ups import follow_up_of
from services.gain_share.parties import SIGNING_ROLES
from services.gain_share.run_views import NO_WORKING, WorkingView, period_words, working_view
from services.gain_share.runs import read_run
from services.gain_share.series import KpiSeries, read_series
from services.gain_share.series_views import SeriesView, series_views
from services.gain_share.thread_views import ThreadStepView, names_of, thread_views
from services.gain_share.words import STANDING_WORDS, standing_of
from services.rules.decimals import text_of
from services.rules.periods import business_date
from services.sign_in import Member
from services.tenants import read_tenant

CONTACTS_MAX: Final = 5
SOON_DAYS: Final = 7


@dataclass(frozen=True)
class DecisionView:
    """Whether this member decides, and what each way means in a sentence; or who does, or what was decided.

    `approve_problem` says why it cannot be approved now.
    """

    may_decide: bool = False
    waits: bool = False
    is_late: bool = False
    is_soon: bool = False
    deadline: str = ""
    sentence: str = ""
    approve_label: str = ""
    approve_meaning: str = ""
    approve_problem: str = ""


@dataclass(frozen=True)
class ReviewView:
    """One run as one member sees it."""

    id: str = ""
    title: str = ""
    status: str = ""
    tone: str = ""
    status_word: str = ""
    method: str = ""
    share_pct: str = ""
    submitted: str = ""
    submission_receipt: str = ""
    decision_receipt: str = ""
    replaces_id: str = ""
    replaced_by_id: str = ""
    invoice_id: str = ""
    billing: str = ""
    is_taken_back: bool = False
    """Whether it was billed, and its invoice taken back: nothing of it is charged."""

    may_write: bool = False
    decision: DecisionView = DecisionView()
    working: WorkingView = NO_WORKING
    series: tuple[SeriesView, ...] = ()
    effects: tuple[EffectView, ...] = ()
    thread: tuple[ThreadStepView, ...] = ()


NO_REVIEW = ReviewView()


def read_review(
    session: Session, *, tenant_id: str, run_id: str, member: Member, at: datetime
) -> tuple[ReviewView, tuple[KpiSeries, ...]]:
    """A run in words for who looks at it, and the series of its charts. Raises NotFound, also for another tenant's."""
    reader = Party.SELLER if member.is_operator else Party.CUSTOMER
    tenant = read_tenant(session, tenant_id=tenant_id)
    run = read_run(session, tenant_id=tenant_id, run_id=run_id)
    series = read_series(session, tenant_id=tenant_id, calculation=run.calculation)
    by = names_of(session, [run.submitted_by]).get(run.submitted_by, "")
    came = follow_up_of(session, run=run)
    standing = standing_of(run.status, taken_back=came.is_taken_back)
    view = ReviewView(
        id=run.id,
        title=f"Savings of {period_words(run.period_start, run.period_end)}",
        status=run.status.value,
        tone=standing,
        status_word=STANDING_WORDS[standing],
        method=run.method,
        share_pct=text_of(run.share_pct),
        submitted=f"{wording.moment(run.submitted_at, tenant.timezone)}{f' by {by}' if by else ''}, "
        f"to be decided on by {wording.day(run.deadline_on)}",
        submission_receipt=str(run.receipt_seq),
        decision_receipt="" if run.decision_seq is None else str(run.decision_seq),
        replaces_id=run.replaces_run_id or "",
        replaced_by_id=came.replaced_by or "",
        invoice_id=came.invoice_id or "",
        billing=_billing(run, came.invoice_id, taken_back=came.is_taken_back),
        is_taken_back=came.is_taken_back,
        may_write=member.is_operator or member.role in SIGNING_ROLES,
        decision=_decision(session, run, member, today=business_date(at, tenant.timezone)),
        working=working_view(run.calculation, run.calculation_sha256, reader=reader),
        series=series_views(series, run.currency),
        effects=effect_views(run.calculation),
        thread=thread_views(session, run=run, timezone=tenant.timezone),
    )
    return view, series


def who_decides(session: Session, *, tenant_id: str) -> str:
    """Who may sign for a customer, owners first: an owner or a billing admin of your account (a@b.example)."""
    statement = (
        select(User.email)
        .join(Membership, col(Membership.user_id) == User.id)
        .where(Membership.tenant_id == tenant_id, col(Membership.role).in_(SIGNING_ROLES))
        .order_by(col(Membership.role).desc(), User.email)
        .limit(CONTACTS_MAX)
    )
    people = ", ".join(session.exec(statement))
    return f"an owner or a billing admin of the account{f' ({people})' if people else ''}"


def _billing(run: GainShareRun, invoice_id: str | None, *, taken_back: bool) -> str:
    if taken_back:
        return "Billed, and taken back with its invoice"
    if run.status != GainShareStatus.APPROVED:
        return "Not billed"
    if not run.fee_minor:
        return "Nothing to bill"
    return "Billed" if invoice_id else "On the next invoice"


def _decision(session: Session, run: GainShareRun, member: Member, *, today: date) -> DecisionView:
    if run.status != GainShareStatus.PENDING_APPROVAL:
        return DecisionView(sentence=_decided(session, run))
    left = (run.deadline_on - today).days
    is_theirs = not member.is_operator and member.role in SIGNING_ROLES and member.user_id != run.submitted_by
    meaning, problem = _approving(session, run)
    return DecisionView(
        may_decide=is_theirs,
        waits=True,
        is_late=left < 0,
        is_soon=0 <= left <= SOON_DAYS,
        deadline=_deadline(run, left, member),
        sentence="" if is_theirs else f"It is decided on by {who_decides(session, tenant_id=run.tenant_id)}.",
        approve_label=f"Approve {wording.amount(run.fee_minor, run.currency)}" if run.fee_minor else "Approve, no fee",
        approve_meaning=meaning,
        approve_problem=problem,
    )


def _deadline(run: GainShareRun, left: int, member: Member) -> str:
    day = wording.day(run.deadline_on)
    if left < 0:
        return f"The deadline was {day}. Nothing is approved by silence: the run waits until it is decided on."
    days = "today" if left == 0 else "tomorrow" if left == 1 else f"in {left} days"
    whose = "The customer decides" if member.is_operator else "Decide"
    return f"{whose} by {day}, {days}. Nothing is approved by silence."


def _approving(session: Session, run: GainShareRun) -> tuple[str, str]:
    """What approving means, and why it cannot be done now."""
    if not run.fee_minor:
        return "Approving agrees to the result: nothing was saved, so nothing is charged.", ""
    try:
        subscription = billed_subscription(session, tenant_id=run.tenant_id)
    except SubscriptionConflict as refusal:
        return "", refusal.detail
    fee = wording.amount(run.fee_minor, run.currency)
    of = f" of {subscription.name}" if subscription.name else ""
    return (
        f"Approving puts one line of {fee} on the next invoice{of}, before tax. It is signed with your name into the "
        "log of receipts, and cannot be taken back.",
        "",
    )


def _decided(session: Session, run: GainShareRun) -> str:
    if run.status == GainShareStatus.REPLACED:
        billed = "what it charged was taken back" if is_taken_back(session, run=run) else "this one is never billed"
        return f"A revised run took its place; {billed}."
    assert run.decided_at is not None, "when it was decided is kept with the run"
    assert run.decided_by is not None, "and by whom"
    by = names_of(session, [run.decided_by]).get(run.decided_by, "")
    on = wording.moment_day(run.decided_at, read_tenant(session, tenant_id=run.tenant_id).timezone)
    who = f" by {by}" if by else ""
    taken_back = (
        " All of its invoice was taken back, so nothing of it is charged. Only a revised run, approved anew, can "
        "charge these days again."
    )
    return {
        GainShareStatus.APPROVED: f"Approved{who} on {on}.{taken_back if is_taken_back(session, run=run) else ''}",
        GainShareStatus.REJECTED: f"Rejected{who} on {on}. It is never billed.",
        GainShareStatus.DISPUTED: f"Disputed{who} on {on}. It is not billed; a revised run follows.",
    }[run.status]
