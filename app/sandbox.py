"""The Stripe sandbox within the portal's own process, below /sandbox, where no Stripe is connected.

It is opened when the application starts, not when it is loaded: building the pages loads it too.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import structlog
from fastapi import FastAPI
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from services.database import engine
from services.errors import PaymentsUnavailable
from services.gateways.stripe.connection import SANDBOX_PATH, connection
from services.settings import Settings, settings
from services.stripe_sandbox import Sandbox, open_sandbox

STATE_FILE: Final = "stripe_sandbox.db"
DATA_FOLDER: Final = Path("data")
STARTING: Final = PlainTextResponse("The sandbox is not running yet; try again in a moment.", 503)

_log = structlog.get_logger("tallystick.sandbox")


def wants_sandbox(given: Settings) -> bool:
    """Whether this process is to have a sandbox: no Stripe is connected, none is named, and nobody pays for real."""
    key = given.stripe_secret_key
    is_ours = key is None or key.startswith("sk_sandbox_")
    return is_ours and given.stripe_address is None and not given.public_url.startswith("https://")


def sandbox_for(given: Settings) -> Sandbox | None:
    """The sandbox of these settings, with what it remembers, or None where there is to be none."""
    if not wants_sandbox(given):
        return None
    try:
        key = connection().secret_key
    except PaymentsUnavailable as error:
        _log.warning("sandbox_not_opened", reason=error.detail)
        return None
    return open_sandbox(state=state_file(), secret_key=key, public_url=f"{given.portal_address}{SANDBOX_PATH}")


def state_file() -> Path:
    """Beside the SQLite database; with any other, in the project's data folder."""
    url = engine().url
    is_file = url.get_backend_name() == "sqlite" and url.database not in {None, "", ":memory:"}
    return (Path(str(url.database)).resolve().parent if is_file else DATA_FOLDER) / STATE_FILE


class MountedSandbox:
    """ASGI below /sandbox: whatever is asked there the sandbox answers, so that nothing falls through to the pages."""

    def __init__(self) -> None:
        self._sandbox: Sandbox | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app: ASGIApp = self._sandbox.app if self._sandbox is not None else STARTING
        if scope["type"] == "http":
            await app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})

    @asynccontextmanager
    async def running(self, *_: Any) -> AsyncIterator[None]:
        """Keep its clock and its deliveries going while the application does."""
        self._sandbox = await asyncio.to_thread(sandbox_for, settings())
        if self._sandbox is None:
            yield
            return
        task = asyncio.create_task(self._sandbox.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            sandbox, self._sandbox = self._sandbox, None
            await asyncio.to_thread(sandbox.close)


mounted = MountedSandbox()


def mount_sandbox(api: FastAPI) -> FastAPI:
    """Put the sandbox's place on the application, where the settings want one."""
    if wants_sandbox(settings()):
        api.router.routes.append(Route(SANDBOX_PATH, _to_home, include_in_schema=False))
        api.router.routes.append(Mount(SANDBOX_PATH, app=mounted))
    return api


async def _to_home(_request: Any) -> RedirectResponse:
    return RedirectResponse(f"{SANDBOX_PATH}/", 308)
