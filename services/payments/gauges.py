"""Numbers that tell an operator whether payments keep moving."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from models import Dunning, InvoiceCheck, StripeCall, StripeCallStatus, StripeEvent, StripeEventStatus


@dataclass(frozen=True, slots=True)
class PaymentGauges:
    """Ages in seconds; 0 where nothing waits."""

    events_waiting: int
    oldest_event_age_seconds: float
    events_failed: int
    calls_waiting: int
    oldest_call_age_seconds: float
    calls_held: int
    dunnings_running: int
    invoices_differing: int


def read_gauges(session: Session, *, account: str, at: datetime) -> PaymentGauges:
    """How much waits, since when, and what waits for a person, in one account."""
    events, oldest_event = session.exec(
        select(func.count(), func.min(StripeEvent.received_at)).where(
            StripeEvent.account == account, StripeEvent.status == StripeEventStatus.WAITING
        )
    ).one()
    calls, oldest_call = session.exec(
        select(func.count(), func.min(StripeCall.created_at)).where(
            StripeCall.account == account, StripeCall.status == StripeCallStatus.WAITING
        )
    ).one()
    failed = select(func.count()).where(StripeEvent.account == account, StripeEvent.status == StripeEventStatus.FAILED)
    held = select(func.count()).where(StripeCall.account == account, StripeCall.status == StripeCallStatus.HELD)
    dunned = select(func.count()).select_from(Dunning).where(col(Dunning.ended_at).is_(None))
    differing = select(func.count()).select_from(InvoiceCheck).where(col(InvoiceCheck.difference_count) > 0)
    return PaymentGauges(
        events_waiting=events,
        oldest_event_age_seconds=_age_seconds(oldest_event, at),
        events_failed=session.exec(failed).one(),
        calls_waiting=calls,
        oldest_call_age_seconds=_age_seconds(oldest_call, at),
        calls_held=session.exec(held).one(),
        dunnings_running=session.exec(dunned).one(),
        invoices_differing=session.exec(differing).one(),
    )


def _age_seconds(since: datetime | None, at: datetime) -> float:
    return 0.0 if since is None else max((at - since).total_seconds(), 0.0)
