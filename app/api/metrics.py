"""/metrics: how payments and jobs keep moving, in the format Prometheus reads. For operators' keys."""

from datetime import datetime
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from starlette.responses import Response

from app import unit_of_work
from app.api.credentials import needs
from app.api.documentation import READ, problems
from app.api.exact_route import api_router
from app.jobs.shapes import JOB_MEANING, JobGauges
from services.api_keys import OPERATOR_SCOPE, Principal
from services.errors import PaymentsUnavailable
from services.gateways.stripe.connection import connection
from services.payments.gauges import PaymentGauges, read_gauges

router = api_router("", "Health")

_MEANING: Final = {
    "events_waiting": "Events of the payment provider that are not handled yet",
    "oldest_event_age_seconds": "Age of the oldest of them",
    "events_failed": "Events that wait for a person to replay them",
    "calls_waiting": "Calls owed to the payment provider",
    "oldest_call_age_seconds": "Age of the oldest of them",
    "calls_held": "Calls that wait for a person to decide",
    "dunnings_running": "Invoices whose payment failed and that are not settled",
    "invoices_differing": "Invoices that did not agree with the payment provider when last compared",
}


@router.get("/metrics", response_class=Response, responses=problems(READ))
async def metrics(_caller: Principal = needs(OPERATOR_SCOPE)) -> Response:
    """Gauges of payments and jobs, of every customer together."""
    try:
        account = connection().account
    except PaymentsUnavailable:
        account = "none"
    at = unit_of_work.now()
    payments = await unit_of_work.read(read_gauges, account=account, at=at)
    jobs = await unit_of_work.read_on(_read_job_gauges, at)
    return Response(_exposed(payments, jobs), media_type=CONTENT_TYPE_LATEST)


def _read_job_gauges(at: datetime) -> JobGauges:
    from app.jobs.gauges import read_job_gauges  # noqa: PLC0415 — what keeps runs takes a moment to load

    return read_job_gauges(at=at)


def _exposed(payments: PaymentGauges, jobs: JobGauges) -> bytes:
    registry = CollectorRegistry()
    for name, meaning in _MEANING.items():
        Gauge(f"tallystick_payment_{name}", meaning, registry=registry).set(getattr(payments, name))
    for name, meaning in JOB_MEANING.items():
        Gauge(f"tallystick_{name}", meaning, registry=registry).set(getattr(jobs, name))
    return generate_latest(registry)
