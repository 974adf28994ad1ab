"""Setting a customer's clock forward: whatever falls due on the way is done at its own moment, as it would have been.

For development and demonstrations. The customer at the payment provider goes along by a test clock of its own there.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import structlog

from app import payment_jobs, unit_of_work
from models import Notice
from services import tenant_clocks
from services.closing.close import close_if_due
from services.credits import expiry as credit_expiry
from services.database import Session, reading, transaction
from services.due_moments import next_due
from services.errors import Conflict
from services.gain_share.notices import overdue_to_tell, remind_of_run, reminders_due, tell_of_overdue
from services.invoices.transitions import void_invoice
from services.notices import last_notice, read_notices
from services.payments.dunning import advance_dunning, dunnings_due
from services.payments.standing import go_back
from services.subscriptions.arrears_moves import restorings_due
from services.subscriptions.finding import list_subscriptions
from services.subscriptions.notices import announce_trial_ending, trials_ending
from services.subscriptions.scheduled_ends import end_scheduled, ends_due
from services.tenants import read_tenant
from services.top_ups.automatic_buying import buy_if_due, due_orders
from services.top_ups.purchases import unpaid_purchases

STOPS_MAX: Final = 2_000
PERIODS_A_STOP_MAX: Final = 240
NOTICES_MAX: Final = 500
READY_WITHIN_SECONDS: Final = 120.0

Due = Callable[[Session], Sequence[tuple[str, ...]]]
Act = Callable[..., object]

_log = structlog.get_logger("tallystick.time_travel")


@dataclass(frozen=True)
class Journey:
    """Where a customer's clock stands now, and what was told on the way, in order."""

    tenant_id: str
    now: datetime
    stops: int = 0
    told: tuple[Notice, ...] = ()


def start(*, tenant_id: str) -> Journey:
    """Give a customer a clock, and its customer at the payment provider one too. Starting it again changes nothing.

    Raises Forbidden, NotFound and Conflict as `tenant_clocks.start_clock` does.
    """
    at = unit_of_work.now()
    with transaction() as session:
        clock = tenant_clocks.start_clock(session, tenant_id=tenant_id, at=at)
        name = read_tenant(session, tenant_id=tenant_id).name
    if clock.stripe_clock_id is None and payment_jobs.can_be_had():
        provider = _clocks()
        clock_id = provider.start_clock(payment_jobs.connected(), key=f"clock:{tenant_id}", name=name[:200], at=at)
        with transaction() as session:
            tenant_clocks.link_clock(session, tenant_id=tenant_id, stripe_clock_id=clock_id)
    return Journey(tenant_id, at + timedelta(microseconds=clock.ahead_us))


def advance(*, tenant_id: str, to: datetime) -> Journey:
    """Set a customer's clock forward to `to`, stopping wherever something falls due. It is never set back: for a time
    that has passed, nothing is done.

    Raises NotFound where it has no clock, Forbidden where there are none here, Unprocessable for a time too far ahead,
    and ProviderUnavailable; what was done until then stays done.
    """
    with reading() as session:
        clock = tenant_clocks.read_clock(session, tenant_id=tenant_id)
        now = tenant_clocks.now_of(session, tenant_id=tenant_id, at=unit_of_work.now())
        told_before = last_notice(session, tenant_id=tenant_id)
    stops = 0
    while now < to:
        stops += 1
        if stops > STOPS_MAX:
            raise Conflict(f"More falls due on the way than {STOPS_MAX:,} stops; set the clock forward in parts.")
        with reading() as session:
            due = next_due(session, tenant_id=tenant_id, after=now)
        now = to if due is None else min(due, to)
        with transaction() as session:
            tenant_clocks.set_clock(session, tenant_id=tenant_id, to=now, at=unit_of_work.now())
        _do_what_is_due(tenant_id, clock.stripe_clock_id, now)
    with reading() as session:
        told = read_notices(session, tenant_id=tenant_id, after_seq=told_before, limit=NOTICES_MAX)
    _log.info("clock_set_forward", tenant_id=tenant_id, to=to.isoformat(), stops=stops)
    return Journey(tenant_id, now, stops, tuple(told))


def _do_what_is_due(tenant_id: str, stripe_clock_id: str | None, at: datetime) -> None:
    """Everything the jobs would do for this customer at this moment, the provider's part before and after ours."""
    if stripe_clock_id is not None:
        _let_provider_catch_up(tenant_id, stripe_clock_id, at)
    _close_periods(tenant_id, at)
    with transaction() as session:
        credit_expiry.expire_lots(session, tenant_id=tenant_id, at=at)
    for due, act in _jobs(at):
        with reading() as session:
            mine = [thing for thing in due(session) if thing[0] == tenant_id]
        for thing in mine:
            with transaction() as session:
                act(session, *thing)
    if payment_jobs.can_be_had():
        payment_jobs.work({})


def _close_periods(tenant_id: str, at: datetime) -> None:
    with reading() as session:
        subscriptions = list_subscriptions(session, tenant_id=tenant_id)
    for subscription_id in (subscription.id for subscription in subscriptions):
        for _ in range(PERIODS_A_STOP_MAX):
            with transaction() as session:
                if close_if_due(session, tenant_id=tenant_id, subscription_id=subscription_id, at=at) is None:
                    break


def _jobs(at: datetime) -> list[tuple[Due, Act]]:
    """What the other jobs look for, and what they do with each thing they find."""

    def remind(session: Session, tenant_id: str, invoice_id: str) -> None:
        advance_dunning(session, tenant_id=tenant_id, invoice_id=invoice_id, at=at)

    def restore(session: Session, tenant_id: str, subscription_id: str) -> None:
        go_back(session, tenant_id=tenant_id, subscription_id=subscription_id, at=at)

    def tell_trial(session: Session, tenant_id: str, subscription_id: str) -> None:
        announce_trial_ending(session, tenant_id=tenant_id, subscription_id=subscription_id, at=at)

    def remind_of_gain_share(session: Session, tenant_id: str, run_id: str) -> None:
        remind_of_run(session, tenant_id=tenant_id, run_id=run_id, at=at)

    def tell_overdue(session: Session, tenant_id: str, run_id: str) -> None:
        tell_of_overdue(session, tenant_id=tenant_id, run_id=run_id, at=at)

    def end(session: Session, tenant_id: str, subscription_id: str) -> None:
        end_scheduled(session, tenant_id=tenant_id, subscription_id=subscription_id, at=at)

    def buy(session: Session, tenant_id: str, subscription_id: str, pool: str) -> None:
        buy_if_due(session, tenant_id=tenant_id, subscription_id=subscription_id, pool=pool, at=at)

    def void(session: Session, tenant_id: str, invoice_id: str) -> None:
        void_invoice(session, tenant_id=tenant_id, invoice_id=invoice_id, at=at)

    def tell_expiry(session: Session, tenant_id: str, lot_id: str) -> None:
        credit_expiry.tell_of_expiry(session, tenant_id=tenant_id, lot_id=lot_id, at=at)

    return [
        (partial(ends_due, at=at), end),
        (partial(dunnings_due, at=at), remind),
        (restorings_due, restore),
        (partial(trials_ending, at=at), tell_trial),
        (partial(reminders_due, at=at), remind_of_gain_share),
        (partial(overdue_to_tell, at=at), tell_overdue),
        (partial(due_orders, at=at), buy),
        (partial(unpaid_purchases, at=at), void),
        (partial(credit_expiry.lots_to_tell_of, at=at), tell_expiry),
    ]


def _let_provider_catch_up(tenant_id: str, clock_id: str, at: datetime) -> None:
    """Set the provider's clock to the same moment, wait until all is done there, and take in what it tells."""
    provider, stripe = _clocks(), payment_jobs.connected()
    provider.advance_clock(stripe, key=f"clock:{tenant_id}:{at.isoformat()}", clock_id=clock_id, to=at)
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while not provider.clock_is_ready(stripe, clock_id=clock_id):
        if time.monotonic() > deadline:
            raise Conflict("The payment provider is still catching up; set the clock forward again in a while.")
        time.sleep(0.5)
    payment_jobs.sweep({})
    payment_jobs.work({})


def _clocks() -> Any:
    from services.gateways.stripe import test_clocks  # noqa: PLC0415 — the provider's package takes a while to load

    return test_clocks
