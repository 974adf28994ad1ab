"""/v1/stripe/webhook: what Stripe delivers is verified, kept under its id and answered; the work on it comes after.

No key is asked for: the signature over the very bytes of the body says who sent it.
"""

import time
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app import unit_of_work
from app.api.json_body import read_body
from app.payment_jobs import work_is_there
from app.webhook_commit import commits
from services.errors import InvalidDelivery
from services.gateways.stripe import events
from services.gateways.stripe.connection import Connection, connection
from services.gateways.stripe.facts import EventFacts
from services.payments.stripe_catalog import webhook_secrets

PATH: Final = "/v1/stripe/webhook"
BYTES_MAX: Final = 1024 * 1024
SECRETS_KEPT_SECONDS: Final = 30.0


class _Secrets:
    """What deliveries are signed with, looked up again after a while and whenever none of them fits."""

    def __init__(self) -> None:
        self._kept: tuple[str, float, list[str]] | None = None

    async def of(self, account: str, *, afresh: bool = False) -> list[str]:
        if not afresh and self._kept is not None:
            kept_account, until, secrets = self._kept
            if kept_account == account and time.monotonic() < until:
                return secrets
        secrets = await unit_of_work.read(webhook_secrets, account=account)
        self._kept = (account, time.monotonic() + SECRETS_KEPT_SECONDS, secrets)
        return secrets


_secrets = _Secrets()


async def take_delivery(request: Request) -> Response:
    """Keep an event and answer 200, also where it is here already; 400 for what Stripe did not sign."""
    request.scope["route"] = routes[0]  # for the log, which names routes and no paths
    body = await read_body(request, BYTES_MAX)
    connected = connection()
    event = await _verified(body, request.headers.get("stripe-signature"), connected)
    is_new = await commits.keep(event, account=connected.account)
    if is_new:
        work_is_there()
    return JSONResponse({"received": True, "duplicate": not is_new})


async def _verified(body: bytes, signature: str | None, connected: Connection) -> EventFacts:
    at = unit_of_work.now()
    try:
        event = events.read_delivery(body, signature, await _secrets.of(connected.account), at)
    except InvalidDelivery:
        event = events.read_delivery(body, signature, await _secrets.of(connected.account, afresh=True), at)
    if event.is_live != (connected.account == "live"):
        kind = "live" if event.is_live else "test"
        raise InvalidDelivery(f"This is a {kind} event, and the key set here is not for those.", reason="mode")
    return event


routes: Final = [Route(PATH, take_delivery, methods=["POST"], include_in_schema=False)]


def forget_secrets() -> None:
    """Look the secrets up again with the next delivery: set-up has made a new endpoint."""
    _secrets._kept = None
