"""Stripe's test clocks: customers made under one live by it. Not to be had with a live key."""

from datetime import datetime

from services.gateways.stripe.client import Stripe
from services.gateways.stripe.reading import seconds_of


def start_clock(stripe: Stripe, *, key: str, name: str, at: datetime) -> str:
    """A new clock that stands at `at`; answers with its id."""
    params = {"frozen_time": seconds_of(at), "name": name}
    return str(stripe.call(stripe.v1.test_helpers.test_clocks.create, params, key=key)["id"])


def advance_clock(stripe: Stripe, *, key: str, clock_id: str, to: datetime) -> None:
    """Let the clock go on to `to`, and what is due until then happen. Raises ProviderRefused for a time before it."""
    params = {"frozen_time": seconds_of(to)}
    stripe.call(stripe.v1.test_helpers.test_clocks.advance, clock_id, params, key=key)


def clock_is_ready(stripe: Stripe, *, clock_id: str) -> bool:
    """Whether all that was due has happened."""
    return bool(stripe.call(stripe.v1.test_helpers.test_clocks.retrieve, clock_id)["status"] == "ready")
