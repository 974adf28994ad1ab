"""An application of somebody else's, its callers, and how requests are sent to it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Scope
from starlette.websockets import WebSocket

from app.limits import Caller
from services.limits import Limits
from services.rules.rate_limits import CallLimits

FREE = Limits("free", CallLimits(10, 100, 2), 1_000, 1_000, frozenset({"semantic_search"}))
PRO = Limits("pro", CallLimits(100, 10_000, 10, day_refuses=False), 100_000, 10_000_000_000, frozenset({"federation"}))
BY_KEY = {
    "free-key": Caller("free", FREE),
    "pro-key": Caller("pro", PRO),
    "open-key": Caller("open", Limits("enterprise")),
    "many-key": Caller("many", Limits("many", CallLimits(per_minute=40))),
    "ten-key": Caller("ten", Limits("ten", CallLimits(concurrent=10))),
}
UPGRADE = "/billing/upgrade"


def identify(scope: Scope) -> Caller | None:
    return BY_KEY.get(dict(scope["headers"]).get(b"x-key", b"").decode())


async def answer(request: Request) -> Response:
    return PlainTextResponse("done")


async def slow(request: Request) -> Response:
    await asyncio.sleep(0.05)
    return PlainTextResponse("done")


async def broken(request: Request) -> Response:
    raise RuntimeError("broken")


async def stream(request: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"."
            await asyncio.sleep(0.05)

    return StreamingResponse(parts())


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("here")
    await socket.close()


ROUTES = [
    Route("/health", answer),
    Route("/slow", slow),
    Route("/broken", broken),
    Route("/stream", stream),
    WebSocketRoute("/api/realtime", echo),
    Route("/{rest:path}", answer, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
]


def sending(
    app: ASGIApp, *requests: tuple[str, str, str] | tuple[str, str, str, dict[str, Any]]
) -> list[httpx.Response]:
    """Send (key, method, path, options) one after another."""

    async def send_all() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://app.example") as client:
            answers = []
            for key, method, path, *rest in requests:
                options: dict[str, Any] = dict(*rest)
                headers = {"x-key": key} | options.pop("headers", {})
                answers.append(await client.request(method, path, headers=headers, **options))
            return answers

    return asyncio.run(send_all())


def together(app: ASGIApp, key: str, path: str, times: int) -> list[int]:
    async def send_all() -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app.example") as client:
            sent = (client.get(path, headers={"x-key": key}) for _ in range(times))
            return [answer.status_code for answer in await asyncio.gather(*sent)]

    return asyncio.run(send_all())


def opening(app: ASGIApp, key: str, path: str) -> list[dict[str, Any]]:
    """What a websocket is sent from its start on."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": path, "query_string": b"", "headers": [(b"x-key", key.encode())]}
    asyncio.run(app(scope, receive, send))
    return sent
