"""Working through what Stripe told us and what we owe it: each step in a transaction of its own, calls between them.

Several processes may do so at once: events and calls are claimed first, and repeating either changes nothing.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

import structlog

from app.payment_calls import make_calls
from app.payment_work import Worked, together, told, worded
from models import EventSource
from services.database import Session, reading, transaction
from services.errors import ProviderRefused, ProviderUnavailable
from services.gateways.stripe import events as stripe_events
from services.gateways.stripe.client import Stripe
from services.payments import (
    alignment,
    applying,
    collecting,
    crediting,
    dunning,
    inbox,
    standing,
    telling,
    unaligned,
    uncollected,
)
from services.payments.inbox import Claim
from services.payments.readings import read_subject
from services.payments.subjects import NeedsPerson, NotOurs, Readings, Subject, Unread
from services.subscriptions.arrears_moves import restorings_due
from services.tenant_clocks import now_of

READINGS_MAX: Final = 8
ROUNDS_MAX: Final = 1_000
SWEPT_AGAIN: Final = timedelta(hours=1)
"""Events may become visible at Stripe a little late: the sweep begins this much before where the last one ended."""

SWEPT_AT_ONCE: Final = 200
SWEPT_BACK_MAX: Final = timedelta(days=29)
"""Stripe lists events for thirty days."""

_log = structlog.get_logger("tallystick.payments")


def work_until_done(stripe: Stripe, *, clock: Callable[[], datetime]) -> Worked:
    """Handle events and make calls until nothing is due, or nothing that is due succeeds."""
    done = Worked()
    for _ in range(ROUNDS_MAX):
        at = clock()
        round_ = handle_events(stripe, at=at, clock=clock)
        owe_what_is_missing(stripe, at=clock())
        round_ += make_calls(stripe, at=clock(), clock=clock)
        done += round_
        if not round_.has_progress:
            return done
    return done


def handle_events(stripe: Stripe, *, at: datetime, clock: Callable[[], datetime]) -> Worked:
    """Handle the events that have waited longest: read what each is about, and put it into our books."""
    with transaction() as session:
        claim = inbox.claim_events(session, account=stripe.account, at=at)
    if not claim.by_subject:
        return Worked()
    handled = together(list(claim.by_subject.items()), lambda item: _handle(stripe, claim, *item, clock=clock))
    return sum(handled, start=Worked())


def owe_what_is_missing(stripe: Stripe, *, at: datetime) -> None:
    """Write down the calls that are needed for Stripe to have what it should have and to know what it should know."""
    account = stripe.account
    with reading() as session:
        work: list[tuple[Callable[..., object], list[tuple[str, str]], dict[str, Any]]] = [
            (collecting.owe_subscription, unaligned.unlinked_subscriptions(session, at=at), {"account": account}),
            (alignment.owe_terms, alignment.out_of_step(session, account=account), {}),
            (collecting.owe_invoice, uncollected.uncollected_invoices(session, at=at), {"account": account}),
            (crediting.owe_note, uncollected.uncredited_notes(session), {}),
            (telling.owe_settlement, uncollected.settled_here_only(session), {}),
            (telling.owe_end, unaligned.ended_here_only(session), {}),
            (
                telling.owe_end_of_replaced,
                unaligned.replaced_only_here(session, account=account),
                {"account": account},
            ),
            (standing.follow_end, unaligned.ended_there_only(session), {}),
            (telling.owe_discarding, uncollected.unmet_renewals(session, account=account), {"account": account}),
        ]
    for owe, found, more in work:
        for tenant_id, thing_id in found:
            _owe_one(owe, tenant_id, thing_id, at=at, **more)


def advance_dunnings(*, at: datetime) -> dict[str, int]:
    """Write the reminders that are due and suspend or move where they are over, and put back what was moved and is
    settled: {reminders, failed}; one stops no others.
    """
    with reading() as session:
        due = dunning.dunnings_due(session, at=at)
    counts = {"reminders": 0, "failed": 0}
    for tenant_id, invoice_id in due:
        try:
            with transaction() as session:
                written = dunning.advance_dunning(session, tenant_id=tenant_id, invoice_id=invoice_id, at=at)
            counts["reminders"] += len(written)
        except Exception as error:
            _log.warning("dunning_failed", tenant_id=tenant_id, invoice_id=invoice_id, **told(error))
            counts["failed"] += 1
    counts["failed"] += _go_back(at)
    return counts


def _go_back(at: datetime) -> int:
    """Put back what was moved for an unpaid invoice and could not go back as that was settled; how many failed."""
    with reading() as session:
        due = restorings_due(session)
    failed = 0
    for tenant_id, subscription_id in due:
        try:
            with transaction() as session:
                now = now_of(session, tenant_id=tenant_id, at=at)
                standing.go_back(session, tenant_id=tenant_id, subscription_id=subscription_id, at=now)
        except Exception as error:
            _log.warning("restoring_failed", tenant_id=tenant_id, subscription_id=subscription_id, **told(error))
            failed += 1
    return failed


def sweep_events(stripe: Stripe, *, at: datetime, since: datetime | None = None) -> int:
    """Keep the events that Stripe has and that never arrived; answers how many there were."""
    with reading() as session:
        last = inbox.swept_until(session, account=stripe.account)
    begin = since or (at - SWEPT_BACK_MAX if last is None else last - SWEPT_AGAIN)
    events = stripe_events.list_events(stripe, created_from=max(begin, at - SWEPT_BACK_MAX))
    found = 0
    while some := list(islice(events, SWEPT_AT_ONCE)):
        with transaction() as session:
            found += inbox.keep_events(session, account=stripe.account, events=some, source=EventSource.SWEEP, at=at)
    with transaction() as session:
        inbox.note_sweep(session, account=stripe.account, until=at)
    return found


def _owe_one(owe: Callable[..., object], tenant_id: str, thing_id: str, **given: Any) -> None:
    """What cannot be written down for one thing is found again, and stops no others."""
    try:
        with transaction() as session:
            owe(session, tenant_id, thing_id, **given)
    except Exception as error:
        _log.warning("stripe_call_not_owed", act=owe.__name__, tenant_id=tenant_id, id=thing_id, **told(error))


def _handle(
    stripe: Stripe, claim: Claim, subject: Subject, event_ids: list[str], *, clock: Callable[[], datetime]
) -> Worked:
    """Handle the events about one object: a failure is kept though its work rolls back, and stops no others."""
    count = len(event_ids)
    try:
        _apply(stripe, claim, subject, event_ids, clock=clock)
    except NotOurs as refusal:
        _log.info("stripe_event_not_ours", subject=str(subject.kind), reason=refusal.detail)
        with transaction() as session:
            inbox.mark_done(session, event_ids=event_ids, at=clock(), tenant_id=None, ours=False)
    except Exception as error:
        _log.warning("stripe_event_failed", subject=str(subject.kind), id=subject.id, **told(error))
        with transaction() as session:
            inbox.keep_failure(
                session, event_ids=event_ids, error=worded(error), at=clock(), tries_max=_tries_max(error)
            )
        return Worked(failed_events=count)
    return Worked(events=count)


def _apply(
    stripe: Stripe, claim: Claim, subject: Subject, event_ids: list[str], *, clock: Callable[[], datetime]
) -> None:
    def note(session: Session, tenant_id: str) -> None:
        inbox.mark_done(session, event_ids=event_ids, at=clock(), tenant_id=tenant_id)

    read_and_apply(stripe, subject, ticket=claim.ticket, at=clock(), note=note)


def read_and_apply(
    stripe: Stripe,
    subject: Subject,
    *,
    ticket: int,
    at: datetime,
    note: Callable[[Session, str], None] = lambda _session, _tenant_id: None,
) -> None:
    """Read an object anew, and what it leads to, and put it into our books; `note` is of the same transaction.

    Raises NotOurs, ProviderUnavailable and ProviderRefused.
    """
    readings = Readings()
    wanted = subject
    for _ in range(READINGS_MAX):
        readings.add(wanted, read_subject(stripe, wanted))
        try:
            with transaction() as session:
                tenant_id = applying.apply_subject(
                    session, readings, subject, account=stripe.account, ticket=ticket, at=at
                )
                note(session, tenant_id)
            return
        except Unread as missing:
            wanted = missing.subject
    raise RuntimeError(f"{subject.kind} {subject.id} leads to more than {READINGS_MAX} objects")


def _tries_max(error: Exception) -> int | None:
    """How often an event that failed so is tried at most; None for as often as any other."""
    if isinstance(error, ProviderUnavailable):
        return inbox.ATTEMPTS_UNANSWERED_MAX
    is_final = isinstance(error, NeedsPerson) or (isinstance(error, ProviderRefused) and error.is_missing)
    return 0 if is_final else None
