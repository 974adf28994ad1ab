"""The outermost layer of every HTTP request: its id, its line in the log, its security headers, and its failures."""

import re
import time
from functools import lru_cache
from typing import Any, Final
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import failure_response
from services.settings import settings

REQUEST_ID_HEADER: Final = "X-Request-Id"
CLIENT_WENT: Final = 499

API_PREFIXES: Final = (
    "/v1", "/session", "/unsubscribe/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/.well-known",
)  # fmt: skip
API_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
PAGE_POLICY: Final = "frame-ancestors 'none'; base-uri 'self'; object-src 'none'; form-action 'self'"

_SANE_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
_log = structlog.get_logger("tallystick.http")


class RequestEdge:
    """ASGI middleware. Only headers are touched: bodies pass as they are, and nothing of them is logged."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = request_id_for(Headers(scope=scope).get(REQUEST_ID_HEADER))
        scope["state"] = {**(scope.get("state") or {}), "request_id": request_id}
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        await _Exchange(self._app, scope, receive, send, request_id).run()


class _Exchange:
    def __init__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        self._app, self._scope, self._receive, self._send = app, scope, receive, send
        self._request_id = request_id
        self._status: int | None = None

    async def run(self) -> None:
        started = time.perf_counter()
        try:
            await self._app(self._scope, self._receive, self._send_with_headers)
        except ClientDisconnect:
            self._status = CLIENT_WENT
        except Exception:
            _log.exception("request_failed", **self._place())
            if self._status is not None:
                raise  # half an answer is out; the server closes the connection
            await failure_response(self._request_id)(self._scope, self._receive, self._send_with_headers)
        finally:
            say = _log.info if _is_api(self._scope["path"]) else _log.debug
            took_ms = round((time.perf_counter() - started) * 1_000, 1)
            say("request", status=self._status, took_ms=took_ms, **self._place())

    async def _send_with_headers(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = MutableHeaders(scope=message)
            headers[REQUEST_ID_HEADER] = self._request_id
            _secure(headers, is_api=_is_api(self._scope["path"]))
        await self._send(message)

    def _place(self) -> dict[str, Any]:
        """Method, the path as a template (ids are not logged), and the customer, once known."""
        route, state = self._scope.get("route"), self._scope["state"]
        path = getattr(route, "path", None) or ("(unknown)" if _is_api(self._scope["path"]) else "(page)")
        caller = state.get("caller")
        tenant_id = state.get("tenant_id") or getattr(caller, "tenant_id", None)
        return {"method": self._scope["method"], "path": path, "tenant_id": tenant_id}


def _secure(headers: MutableHeaders, *, is_api: bool) -> None:
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Content-Security-Policy", API_POLICY if is_api else PAGE_POLICY)
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if is_api:
        headers.setdefault("Cache-Control", "no-store")
    if settings().cookies_are_secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")


def _is_api(path: str) -> bool:
    return path.startswith(API_PREFIXES)


def request_id_for(given: str | None) -> str:
    """The id a caller gave its request, where it is one we can pass on; else one of ours."""
    return given if given is not None and _SANE_ID.fullmatch(given) else uuid4().hex


@lru_cache(maxsize=1)
def security_headers() -> list[tuple[bytes, bytes]]:
    """The same headers for who writes an answer of the API by hand."""
    headers = MutableHeaders()
    _secure(headers, is_api=True)
    return headers.raw
