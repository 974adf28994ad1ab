"""What keeps payments moving beside the calls: events as they arrive, calls we owe, reminders, the sweep."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import structlog

from app import unit_of_work
from app.jobs.bell import ring
from services.errors import PaymentsUnavailable, ProviderUnavailable
from services.gateways.stripe.connection import connection

NAME: Final = "payments"
Counts = dict[str, int]
Given = Mapping[str, Any]

_log = structlog.get_logger("tallystick.payments")


def work_is_there() -> None:
    """Say that an event was kept or a call is owed, so that it need not wait for the next look."""
    ring(NAME)


@cache
def can_be_had() -> bool:
    """Whether a payment provider is set up here."""
    try:
        connection()
    except PaymentsUnavailable as refusal:
        _log.info("payments_off", reason=refusal.detail)
        return False
    return True


def work(_given: Given) -> Counts:
    """Handle the events that were kept, and make the calls that are owed."""
    try:
        payments, stripe = _provider()
    except ProviderUnavailable as refusal:  # the sandbox may not be served yet; the next run sees
        _log.info("payments_wait", reason=refusal.detail)
        return {}
    done = payments.work_until_done(stripe, clock=unit_of_work.now)
    return {
        "events": done.events,
        "calls": done.calls,
        "events_failed": done.failed_events,
        "calls_failed": done.failed_calls,
    }


def advance_dunnings(_given: Given) -> Counts:
    """Write the reminders that are due, and suspend where they are over."""
    from app import payments  # noqa: PLC0415 — see `_provider`

    return payments.advance_dunnings(at=unit_of_work.now())


def sweep(_given: Given) -> Counts:
    """Look for events that never arrived."""
    payments, stripe = _provider()
    return {"events": payments.sweep_events(stripe, at=unit_of_work.now())}


def compare(_given: Given) -> Counts:
    """Compare the invoices that are not settled with the provider's."""
    from app import reconciling  # noqa: PLC0415 — see `_provider`

    _, stripe = _provider()
    return {"differing": reconciling.check_unsettled(stripe, at=unit_of_work.now())}


def _provider() -> tuple[Any, Any]:
    """What makes the calls, and whom to: loaded when first needed, for it takes a while and pages need not wait."""
    from app import payments  # noqa: PLC0415

    return payments, connected()


@cache
def connected() -> Any:
    """The provider. The sandbox is set up first, for nobody else does; a real account is by an operator's command."""
    from services.gateways.stripe.client import stripe  # noqa: PLC0415
    from services.payments.stripe_setup import set_up  # noqa: PLC0415

    connected = stripe()
    if connected.account == "sandbox":
        set_up(connected, at=unit_of_work.now())
    return connected
