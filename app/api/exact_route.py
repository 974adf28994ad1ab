"""The route class of the whole API: who calls comes first, then their limits, the body, read exactly, the endpoint."""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app import unit_of_work
from app.api.call_limits import counted
from app.api.json_body import BodyRules, check_media_type, parse_json, read_body

CHECKPOINT_PATH: Final = "/.well-known/tallystick/{tenant_id}/checkpoint"
PUBLIC_PATHS: Final = frozenset({"/v1/plans", "/.well-known/jwks.json", CHECKPOINT_PATH, "/healthz", "/readyz"})
"""What answers without a key. Everything else under this route class does not."""

PARSED_AT_ONCE_MAX: Final = 64 * 1024
"""Bytes; a larger body is parsed in a thread of its own, so that nobody else waits for it."""

WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})


class ExactRoute(APIRoute):
    """Authenticates, counts the call, then reads the body within its limit and parses it with exact numbers.

    The parsed document is left where FastAPI looks for it, and in `request.state.document`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._enter: ASGIApp = super().handle if self.path in PUBLIC_PATHS else counted(super().handle)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._enter(scope, receive, send)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        endpoint_handler = super().get_route_handler()
        takes_body = not self.methods <= WITHOUT_BODY
        rules: BodyRules = getattr(self.endpoint, "body_rules", BodyRules())

        async def handler(request: Request) -> Response:
            if takes_body:
                await _read_document(request, rules)
            return await endpoint_handler(request)

        return handler


async def _read_document(request: Request, rules: BodyRules) -> None:
    raw = await read_body(request, rules.bytes_max)
    request._body = raw
    request.state.document = None
    if raw:
        request.state.media_type = check_media_type(request, rules)
        if not rules.is_parsed:
            return
        parsed = parse_json(raw) if len(raw) <= PARSED_AT_ONCE_MAX else await unit_of_work.work(parse_json, raw)
        request.state.document = request._json = parsed


def api_router(prefix: str, tag: str) -> APIRouter:
    """A router for one resource. Its routes carry their whole path, so they can be listed and matched flat."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=ExactRoute)
