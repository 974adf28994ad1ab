"""Send webhooks: each endpoint in its order and one at a time, several endpoints side by side, no network in a
transaction."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final

import structlog

from services.database import reading, transaction
from services.gateways import guarded_egress
from services.gateways.http_egress import EgressFailed
from services.settings import settings
from services.webhooks.line import claim_next, due_endpoints, keep_outcome
from services.webhooks.replays import claim_test, keep_test_outcome, waiting_tests
from services.webhooks.requests import Outcome, Sending

SECONDS_TO_ANSWER: Final = 15.0
RESPONSE_BYTES_MAX: Final = 2_048
ENDPOINTS_AT_ONCE: Final = 8
IN_A_ROW_MAX: Final = 50
"""Messages one endpoint gets in one run; the next run goes on, after others had their turn."""

SECONDS_IN_A_RUN: Final = 20.0
"""After so long no further message is begun: one that is slow to answer keeps nobody from the next run."""

log = structlog.get_logger("tallystick.webhooks")


class _Clock:
    """The moment at which a run began, and what has passed since."""

    def __init__(self, at: datetime) -> None:
        self._at, self._began = at, time.monotonic()

    def now(self) -> datetime:
        return self._at + timedelta(seconds=time.monotonic() - self._began)

    @property
    def has_run_out(self) -> bool:
        return time.monotonic() - self._began > SECONDS_IN_A_RUN


def deliver_due_webhooks(*, at: datetime) -> dict[str, int]:
    """Send what is due: {delivered, failed, broken}; `broken` counts endpoints whose work failed on our side.

    Several processes may run it: an endpoint is claimed for each message, so nothing is sent twice at once and nothing
    overtakes. What a process that died was sending is sent again once its claim has run out, under the same id.
    """
    clock = _Clock(at)
    with reading() as session:
        endpoints, tests = due_endpoints(session, at=at), waiting_tests(session, at=at)
    counts = {"delivered": 0, "failed": 0, "broken": 0}
    with ThreadPoolExecutor(ENDPOINTS_AT_ONCE, thread_name_prefix="webhooks") as threads:
        runs = [threads.submit(_serve, tenant_id, endpoint_id, clock) for tenant_id, endpoint_id in endpoints]
        runs += [threads.submit(_test, tenant_id, delivery_id, clock) for tenant_id, delivery_id in tests]
        for run in runs:
            for name, count in run.result().items():
                counts[name] += count
    return counts


def deliver_test(*, tenant_id: str, delivery_id: str, at: datetime) -> None:
    """Send one test now, unless somebody has."""
    _test(tenant_id, delivery_id, _Clock(at))


def send(sending: Sending) -> Outcome:
    """Make the request. A redirect is an answer like any other, and not followed."""
    began = time.monotonic()
    try:
        answered = guarded_egress.call(
            "POST",
            sending.url,
            headers={"content-type": "application/json", **sending.headers},
            body=sending.body.encode(),
            timeout_seconds=SECONDS_TO_ANSWER,
            body_max=RESPONSE_BYTES_MAX,
            allows_loopback=settings().loopback_calls,
        )
    except EgressFailed as failure:
        return Outcome(None, error=str(failure), duration_ms=_ms_since(began))
    text = answered.body.decode("utf-8", "replace")
    return Outcome(answered.status, text, duration_ms=_ms_since(began))


def _serve(tenant_id: str, endpoint_id: str, clock: _Clock) -> dict[str, int]:
    """Send an endpoint what it is due until it has all, fails, or others should have their turn."""
    counts = {"delivered": 0, "failed": 0}
    try:
        for _ in range(IN_A_ROW_MAX):
            if clock.has_run_out:
                break
            with transaction() as session:
                sending = claim_next(session, tenant_id=tenant_id, endpoint_id=endpoint_id, at=clock.now())
            if sending is None:
                break
            outcome = send(sending)
            with transaction() as session:
                is_delivered = keep_outcome(session, sending, outcome, at=clock.now())
            counts["delivered" if is_delivered else "failed"] += 1
            if not is_delivered:
                break
    except Exception:
        log.exception("webhook_failed", tenant_id=tenant_id, endpoint_id=endpoint_id)
        return counts | {"broken": 1}
    return counts


def _test(tenant_id: str, delivery_id: str, clock: _Clock) -> dict[str, int]:
    try:
        with transaction() as session:
            sending = claim_test(session, tenant_id=tenant_id, delivery_id=delivery_id, at=clock.now())
        if sending is None:
            return {}
        outcome = send(sending)
        with transaction() as session:
            keep_test_outcome(session, sending, outcome, at=clock.now())
        return {"delivered" if outcome.is_delivered else "failed": 1}
    except Exception:
        log.exception("webhook_test_failed", tenant_id=tenant_id, delivery_id=delivery_id)
        return {"broken": 1}


def _ms_since(began: float) -> int:
    return round((time.monotonic() - began) * 1_000)
