"""The sandbox as an ASGI app: Stripe's API below /v1, control below /_control, and the pages a person sees."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as WebRequest
from starlette.responses import JSONResponse
from starlette.responses import Response as WebResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from services.gateways import http_egress
from services.stripe_sandbox import control, parts
from services.stripe_sandbox.clock import Clock, HostClock, SandboxClock
from services.stripe_sandbox.deliveries import Deliveries, Post
from services.stripe_sandbox.dispatch import Dispatcher, Request, Response
from services.stripe_sandbox.errors import KeyInUse, RateLimited, ServerFault, StripeError
from services.stripe_sandbox.faults import DROPPED, TIMEOUT
from services.stripe_sandbox.operations import Router
from services.stripe_sandbox.pages import page_routes
from services.stripe_sandbox.store import Store
from services.stripe_sandbox.world import World

TICK_SECONDS = 0.2
BODY_BYTES_MAX = 1_000_000
METHODS = ["GET", "POST", "DELETE", "PUT", "PATCH"]

logger = logging.getLogger(__name__)


class Sandbox:
    """A sandbox and its parts: mount `app`, and have `run()` running beside it."""

    def __init__(self, world: World, post: Post) -> None:
        self.world = world
        world.works.update(parts.works())
        self.deliveries = Deliveries(world, post)
        self.dispatcher = Dispatcher(world, Router(parts.operations()), parts.includable())
        api = Route("/v1/{rest:path}", self._answer_call, methods=METHODS)
        self.app: ASGIApp = Starlette(routes=[api, *control.routes(self), *page_routes(world)])

    async def run(self) -> None:
        """Do what the clock has reached and send the webhooks, until cancelled."""
        while True:
            try:
                await run_in_threadpool(self.catch_up)
                sent = await self.deliveries.deliver_pending()
            except Exception:
                logger.exception("The sandbox's due work failed; it goes on")
                sent = 0
            await asyncio.sleep(0 if sent else TICK_SECONDS)

    def catch_up(self) -> None:
        with self.world.lock:
            self.world.catch_up()

    async def settle(self) -> None:
        """Do what is due and deliver until nothing is left to send now. For tests and demos."""
        await run_in_threadpool(self.catch_up)
        while await self.deliveries.deliver_pending():
            pass

    def close(self) -> None:
        self.deliveries.close()
        with self.world.lock:
            self.world.store.commit()
            self.world.store.close()

    async def _answer_call(self, web: WebRequest) -> WebResponse:
        body = await web.body()
        request = Request(
            method=web.method,
            path=f"/v1/{web.path_params['rest']}",
            form=(body.decode("utf-8", "replace") if web.method == "POST" else "") or web.url.query,
            authorization=web.headers.get("authorization", ""),
            idempotency_key=web.headers.get("idempotency-key"),
        )
        if len(body) > BODY_BYTES_MAX:
            return refused(StripeError("The request body is too large."), request)
        planned = self.world.faults.next_answer(request.path)
        if planned is None:
            return written(await run_in_threadpool(self.dispatcher.answer, request))
        if planned.answer == DROPPED:
            await run_in_threadpool(self.dispatcher.answer, request)
        if planned.answer in (DROPPED, TIMEOUT):
            await asyncio.sleep(planned.delay_seconds)
            return WebResponse(status_code=502 if planned.answer == DROPPED else 504)
        return refused(_fault(planned.answer), request)


def _fault(answer: str) -> StripeError:
    if answer == "409":
        return KeyInUse(
            "There is currently another in-progress request using this Idempotent Key (that probably means you "
            "submitted twice, and the other request is still going through).",
            code="idempotency_key_in_use",
        )
    if answer == "429":
        return RateLimited("Too many requests hit the API too quickly.", code="rate_limit")
    return ServerFault(int(answer))


def refused(refusal: StripeError, request: Request) -> WebResponse:
    return JSONResponse(refusal.body(request.request_id), refusal.status, {"Request-Id": request.request_id})


def written(response: Response) -> WebResponse:
    return WebResponse(response.body, response.status, response.headers)


def open_sandbox(
    *, state: Path | None, secret_key: str, public_url: str, clock: Clock | None = None, post: Post = http_egress.post
) -> Sandbox:
    """A sandbox whose documents are in the SQLite file `state`, or in memory only where it is None.

    `public_url` is the address it is reached at, with the path it is mounted below; the pages' addresses begin with it.
    """
    store = Store(state)
    sandbox_clock = SandboxClock(clock or HostClock(), store.setting("clock_offset_seconds", 0))
    return Sandbox(World(store=store, clock=sandbox_clock, secret_key=secret_key, public_url=public_url), post)


def create_sandbox(*, state: Path | None, secret_key: str, public_url: str, clock: Clock | None = None) -> ASGIApp:
    """A sandbox served alone: its lifespan runs the due work and the deliveries."""
    sandbox = open_sandbox(state=state, secret_key=secret_key, public_url=public_url, clock=clock)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        running = asyncio.create_task(sandbox.run())
        yield
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        sandbox.close()

    return Starlette(routes=[Mount("/", app=sandbox.app)], lifespan=lifespan)
