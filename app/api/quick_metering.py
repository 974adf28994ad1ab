"""The calls that are made thousands of times a second, answered without asking the framework.

Only what is usual is answered here: a customer's key seen a moment ago, a plan that limits no calls, JSON, and no
Idempotency-Key. Everything else goes on to the API, which reads, meters and answers with the same functions.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app import unit_of_work
from app.api.call_limits import known_limits, tier_header
from app.api.credentials import recent_caller
from app.api.exact_route import PARSED_AT_ONCE_MAX
from app.api.json_body import BATCH_BYTES_MAX, BODY_BYTES_MAX, parse_json, too_large
from app.api.problems import failure_response, refusal_response, violation_response
from app.api.request_edge import CLIENT_WENT, request_id_for, security_headers
from app.api.usage import meter_batch, meter_one
from services.api_keys import Principal
from services.errors import Refusal
from services.rules.violations import RuleViolation

Meter = Callable[[str, Any], Awaitable[str]]

SCOPE: Final = "usage:write"
_UNUSUAL: Final = frozenset({b"idempotency-key", b"content-encoding", b"x-signet-api-key", b"transfer-encoding"})
_JSON: Final = frozenset({b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8"})
_CALLS: Final[dict[str, tuple[Meter, int]]] = {
    "/v1/usage/track": (meter_one, BODY_BYTES_MAX),
    "/v1/usage/events": (meter_batch, BATCH_BYTES_MAX),
}
_log = structlog.get_logger("tallystick.http")


class QuickMetering:
    """ASGI in front of the API."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = _CALLS.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        usual = None if call is None or scope["query_string"] else _UsualCall.of(scope, call[1])
        if call is None or usual is None:
            await self._app(scope, receive, send)
        else:
            await usual.answer(call[0], scope, receive, send)


class _UsualCall:
    """One call from a caller who is known, may meter, and is not counted."""

    __slots__ = ("_bytes_max", "_caller", "_request_id", "_started", "_tier")

    def __init__(self, caller: Principal, tier: bytes, request_id: str, bytes_max: int) -> None:
        self._caller = caller
        self._tier = tier
        self._request_id = request_id
        self._bytes_max = bytes_max
        self._started = time.perf_counter()

    @classmethod
    def of(cls, scope: Scope, bytes_max: int) -> "_UsualCall | None":
        """The call, by its headers; None where anything about it is unusual."""
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"")
        if len(headers) != len(scope["headers"]) or not _UNUSUAL.isdisjoint(headers):
            return None
        if headers.get(b"content-type") not in _JSON:
            return None
        if not length.isdigit() or int(length[:20]) > bytes_max:
            return None
        scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
        caller = recent_caller(key.strip().decode("latin-1")) if scheme.lower() == b"bearer" else None
        limits = None
        if caller is not None and caller.tenant_id is not None and caller.may(SCOPE):
            limits = known_limits.peek(caller.tenant_id, seconds=time.monotonic())
        if caller is None or limits is None or not limits.calls.is_unlimited:
            return None
        request_id = request_id_for(headers.get(b"x-request-id", b"").decode("latin-1"))
        return cls(caller, tier_header(limits), request_id, bytes_max)

    async def answer(self, meter: Meter, scope: Scope, receive: Receive, send: Send) -> None:
        """Meter what is sent, and answer; a refusal and a fault of ours are answered too."""
        status = 200
        try:
            tenant_id = self._caller.tenant_id or ""
            body = await self._read(receive)
            document = (
                parse_json(body) if len(body) <= PARSED_AT_ONCE_MAX else await unit_of_work.work(parse_json, body)
            )
            text = await meter(tenant_id, document)
            await self._send(send, status, text.encode(), b"application/json")
        except ClientDisconnect:
            status = CLIENT_WENT
        except Exception as error:
            response = self._failed(error)
            status = response.status_code
            extra = [pair for pair in response.raw_headers if pair[0] not in (b"content-type", b"content-length")]
            await self._send(send, status, bytes(response.body), b"application/problem+json", extra)
        took_ms = round((time.perf_counter() - self._started) * 1_000, 1)
        place = {"method": "POST", "path": scope["path"], "tenant_id": self._caller.tenant_id}
        _log.info("request", status=status, took_ms=took_ms, request_id=self._request_id, **place)

    async def _read(self, receive: Receive) -> bytes:
        chunks: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk, more = message.get("body", b""), message.get("more_body", False)
            size += len(chunk)
            if size > self._bytes_max:
                raise too_large(self._bytes_max)
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _failed(self, error: Exception) -> Response:
        if isinstance(error, Refusal):
            return refusal_response(error, self._request_id)
        if isinstance(error, RuleViolation):
            return violation_response(error, self._request_id)
        _log.error("request_failed", request_id=self._request_id, exc_info=error)
        return failure_response(self._request_id)

    async def _send(
        self, send: Send, status: int, body: bytes, media_type: bytes, extra: list[tuple[bytes, bytes]] | None = None
    ) -> None:
        took_ms = int((time.perf_counter() - self._started) * 1_000)
        headers = [
            (b"content-length", b"%d" % len(body)),
            (b"content-type", media_type),
            (b"x-tier", self._tier),
            (b"x-request-duration-ms", b"%d" % took_ms),
            (b"x-request-id", self._request_id.encode("latin-1")),
            *security_headers(),
            *(extra or ()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
