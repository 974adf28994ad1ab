"""Making the calls we owe Stripe: each prepared in one transaction, made without any, its answer kept in another."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from app.payment_work import Worked, together, told, worded
from models import StripeCall
from services.database import reading, transaction
from services.errors import ProviderRefused, ProviderUnavailable
from services.gateways.stripe.client import Stripe
from services.payments import calls, inbox, outbox
from services.payments.answers import take_in_final
from services.payments.readings import read_subject
from services.payments.reasons import Held
from services.payments.subjects import Subject, SubjectKind

CALLS_IN_TURN_MAX: Final = 1_000

_log = structlog.get_logger("tallystick.payments")


def make_calls(stripe: Stripe, *, at: datetime, clock: Callable[[], datetime]) -> Worked:
    """Make the calls that are due, those about one thing in their order."""
    with transaction() as session:
        due = outbox.claim_subjects(session, account=stripe.account, at=at)
    made = together(due, lambda item: _make_in_turn(stripe, *item, clock=clock))
    return sum(made, start=Worked())


def make_calls_of(stripe: Stripe, *, tenant_id: str, subject: str, clock: Callable[[], datetime]) -> Worked:
    """Make the calls of one subject now, for somebody who waits for them."""
    return _make_in_turn(stripe, tenant_id, subject, clock=clock)


def _make_in_turn(stripe: Stripe, tenant_id: str, subject: str, *, clock: Callable[[], datetime]) -> Worked:
    made = Worked()
    for _ in range(CALLS_IN_TURN_MAX):
        with transaction() as session:
            call = outbox.next_call(session, tenant_id=tenant_id, subject=subject, at=clock())
            ticket = 0 if call is None else inbox.draw_ticket(session, account=stripe.account)
        if call is None:
            return made
        if not _make(stripe, call, ticket=ticket, clock=clock):
            return made + Worked(failed_calls=1)
        made += Worked(calls=1)
    return made


def _make(stripe: Stripe, call: StripeCall, *, ticket: int, clock: Callable[[], datetime]) -> bool:
    """Make one call and keep its answer. False where it was not made; why not is kept."""
    try:
        _make_or_go_on(stripe, call, ticket=ticket, clock=clock)
        return True
    except ProviderUnavailable as error:
        after = None if error.retry_after_seconds is None else timedelta(seconds=error.retry_after_seconds)
        with transaction() as session:
            outbox.postpone_call(session, call, error=error.detail, after=after, at=clock())
    except ProviderRefused as error:
        _hold(call, error.detail)
    except Held as held:
        _hold(call, str(held))
    except Exception as error:
        _log.warning("stripe_call_failed", key=call.key, **told(error))
        with transaction() as session:
            outbox.postpone_call(session, call, error=worded(error), after=None, at=clock())
    return False


def _make_or_go_on(stripe: Stripe, call: StripeCall, *, ticket: int, clock: Callable[[], datetime]) -> None:
    try:
        with reading() as session:
            prepared = calls.prepare_call(session, call, at=clock())
        answer = calls.make_call(stripe, prepared)
    except ProviderRefused:
        if not _goes_on(stripe, call, ticket=ticket, at=clock()):
            raise
        return
    with transaction() as session:
        calls.keep_answer(session, call, answer, ticket=ticket, at=clock())


def _goes_on(stripe: Stripe, call: StripeCall, *, ticket: int, at: datetime) -> bool:
    """Whether a refusal only says that the invoice is final already, and the work goes on from there."""
    if not calls.is_about_draft(call):
        return False
    with reading() as session:
        stripe_id = calls.draft_of(session, call)
    facts = read_subject(stripe, Subject(SubjectKind.INVOICE, stripe_id))
    with transaction() as session:
        return take_in_final(session, call, facts, ticket=ticket, at=at)


def _hold(call: StripeCall, error: str) -> None:
    _log.warning("stripe_call_held", key=call.key, error=error)
    with transaction() as session:
        outbox.hold_call(session, call, error=error)
