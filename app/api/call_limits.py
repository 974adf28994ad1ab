"""The limits of a customer's plan on our own API: counted once the caller is known, by the key and nothing else."""

import time
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Scope

from app import unit_of_work
from app.api.credentials import authenticate
from app.api.problems import refusal_response
from app.limits import Caller, RateLimitMiddleware
from services.errors import Refusal
from services.gateways.counters import counters
from services.limits import Limits, LimitsCache, read_limits

NEVER_COUNTED: Final = ("/v1/subscriptions", "/v1/checkout", "/v1/billing-portal")
"""What leads out of a limit: whoever has used up the day can still move to a larger plan, and pay."""

known_limits: Final = LimitsCache()


def counted(route: ASGIApp) -> ASGIApp:
    """A route that authenticates its caller and counts the call against the caller's plan."""
    return RateLimitMiddleware(route, identify=_identify, counters=counters, answer=_answer, key_prefix="v1:")


async def limits_of(tenant_id: str) -> Limits:
    """The limits of a tenant's plan, at most a few seconds old. Raises NotFound."""
    seconds = time.monotonic()
    limits = known_limits.find(tenant_id, seconds=seconds)
    if limits is None:
        limits = await unit_of_work.read(read_limits, tenant_id=tenant_id)
        known_limits.keep(tenant_id, limits, seconds=seconds)
    return limits


def tier_header(limits: Limits) -> bytes:
    """What X-Tier says."""
    return limits.tier.encode("ascii", "replace")


async def _identify(scope: Scope) -> Caller | None:
    """The customer whose key it is; None for an operator and for what is never counted. Raises NotSignedIn."""
    caller = await authenticate(Request(scope))
    if caller.tenant_id is None or scope["path"].startswith(NEVER_COUNTED):
        return None
    return Caller(caller.tenant_id, await limits_of(caller.tenant_id))


def _answer(refusal: Refusal, scope: Scope) -> ASGIApp:
    return refusal_response(refusal, scope.get("state", {}).get("request_id"))
