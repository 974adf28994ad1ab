"""When something next falls due for a customer: where a clock that is set forward has to stop on its way."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from models import CreditGrant, Dunning, GrantKind, Subscription
from services.closing.period_ends import grace
from services.credits.expiry import TOLD_BEFORE
from services.gain_share.notices import reminder_moments
from services.payments.dunning import REMINDER_DAYS, SUSPENDED_AFTER
from services.subscriptions.notices import TRIAL_ENDING_AHEAD


def next_due(session: Session, *, tenant_id: str, after: datetime) -> datetime | None:
    """The earliest moment after `after` at which a job has something to do for the customer; None where none has."""
    moments = [
        *_periods(session, tenant_id),
        *_reminders(session, tenant_id),
        *_expiries(session, tenant_id, after),
        *reminder_moments(session, tenant_id=tenant_id),
    ]
    return min((moment for moment in moments if moment > after), default=None)


def _periods(session: Session, tenant_id: str) -> Iterator[datetime]:
    """The ends of periods and of their graces, and when the end of a trial is told of."""
    for subscription in session.exec(select(Subscription).where(Subscription.tenant_id == tenant_id)):
        yield subscription.current_period_end
        yield subscription.current_period_end + grace()
        if subscription.trial_ends_at is not None:
            yield subscription.trial_ends_at - TRIAL_ENDING_AHEAD


def _reminders(session: Session, tenant_id: str) -> Iterator[datetime]:
    running = select(Dunning.failed_at).where(Dunning.tenant_id == tenant_id, col(Dunning.ended_at).is_(None))
    for failed_at in session.exec(running):
        yield from (failed_at + timedelta(days=day) for day in REMINDER_DAYS)
        yield failed_at + SUSPENDED_AFTER


def _expiries(session: Session, tenant_id: str, after: datetime) -> Iterator[datetime]:
    """Of what was bought or given; allowances end with their periods."""
    lots = select(CreditGrant.expires_at).where(
        CreditGrant.tenant_id == tenant_id,
        CreditGrant.kind != GrantKind.ALLOWANCE,
        col(CreditGrant.expires_at) > after,
        col(CreditGrant.remaining_micro) > 0,
    )
    for expires_at in session.exec(lots):
        if expires_at is not None:
            yield expires_at - TOLD_BEFORE
            yield expires_at
