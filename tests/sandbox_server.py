"""The Stripe sandbox over real HTTP, for tests that use Stripe's own SDK, a browser or both.

A test takes the fixture `sandbox`: empty at its start, on this process's own port. Every call below /v1 and every event
passes the checker of Stripe's shapes; what does not conform fails the test at its end, with all the problems.
"""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.stripe_conformance import Conformance

SECRET_KEY = "sk_test_sandbox_of_the_tests"
START_SECONDS_MAX = 20.0
PROBLEMS_SHOWN_MAX = 10


class CheckedExchanges:
    """ASGI in front of the sandbox: each call below /v1 and its answer are held against the specification."""

    def __init__(self, app: ASGIApp, server: "SandboxServer") -> None:
        self._app = app
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        checker = self._server.conformance
        if scope["type"] != "http" or not scope["path"].startswith("/v1/") or checker is None:
            await self._app(scope, receive, send)
            return
        asked, answered, status = bytearray(), bytearray(), 0

        async def receive_and_keep() -> Message:
            message = await receive()
            asked.extend(message.get("body", b""))
            return message

        async def send_and_keep(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            answered.extend(message.get("body", b""))
            await send(message)

        await self._app(scope, receive_and_keep, send_and_keep)
        query = scope["query_string"].decode()
        target = f"{scope['path']}?{query}" if query else scope["path"]
        self._server.note(lambda: _check(checker, scope["method"], target, bytes(asked), status, bytes(answered)))


def _check(checker: Conformance, method: str, target: str, asked: bytes, status: int, answered: bytes) -> None:
    if status in {502, 504} and not answered:
        return  # an answer lost on its way, as the test had ordered
    checker.check_exchange(method, target, asked, status, json.loads(answered))


class MovedClock:
    """The host's clock, which runs on as if it had been that moment when this was made."""

    def __init__(self, moment: datetime) -> None:
        self._ahead = moment - datetime.now(UTC)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead


class SandboxServer:
    """The sandbox and the server it runs in: a thread with an event loop of its own."""

    secret_key = SECRET_KEY

    def __init__(self, conformance: Conformance | None) -> None:
        # Every run of pytest loads this file; only those that want a sandbox wait for one to be loaded.
        from granian.constants import Interfaces
        from granian.server.embed import Server

        from services.stripe_sandbox import open_sandbox

        self.conformance = conformance
        self.problems: list[str] = []
        self.port = _free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.sandbox = open_sandbox(state=None, secret_key=SECRET_KEY, public_url=self.address)
        self._check_events()
        self._loop = asyncio.new_event_loop()
        self._http = httpx.Client(base_url=self.address, timeout=30)
        self._server = Server(
            CheckedExchanges(self.sandbox.app, self),
            address="127.0.0.1",
            port=self.port,
            interface=Interfaces.ASGINL,
            websockets=False,
            log_enabled=False,
        )
        self._thread = threading.Thread(target=self._serve, name="stripe-sandbox", daemon=True)

    def start(self) -> None:
        """Serve, and return once the sandbox answers."""
        self._thread.start()
        until = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < until:
            try:
                self.control("clock")
            except httpx.TransportError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError(f"the sandbox did not answer at {self.address} in {START_SECONDS_MAX:.0f} s")

    def stop(self) -> None:
        """End the server and its thread."""
        self._http.close()
        self._loop.call_soon_threadsafe(self._server.stop)
        self._thread.join(10)
        self.sandbox.close()

    def control(self, path: str, **given: Any) -> dict[str, Any]:
        """What `/_control/{path}` answers: a GET of `clock` and `counters`, a POST of the rest. It must succeed."""
        method = "GET" if path in {"clock", "counters"} else "POST"
        headers = {"Authorization": f"Bearer {SECRET_KEY}"}
        response = self._http.request(method, f"/_control/{path}", json=given, headers=headers)
        assert response.status_code == 200, f"/_control/{path} answered {response.status_code}: {response.text}"
        answer: dict[str, Any] = response.json()
        return answer

    def begin_at(self, moment: datetime) -> None:
        """Let it be that moment, which may be past. Nothing may have happened in the sandbox yet."""
        world = self.sandbox.world
        with world.lock:
            assert not list(world.store.all("event"))
            world.clock.host, world.clock.offset_seconds = MovedClock(moment), 0

    def call(self, method: str, path: str, form: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        """One call of the API in Stripe's own form, for what a test does not do through the SDK."""
        sent = {"Authorization": f"Bearer {SECRET_KEY}", **headers}
        if method == "POST":
            return self._http.post(path, data=form or {}, headers=sent)
        return self._http.request(method, path, params=form, headers=sent)

    def advance(self, seconds: int, *, deliver: bool = True) -> dict[str, Any]:
        """Move the sandbox's clock; what falls due is done, and told of before the next thing is done."""
        return self.control("advance", seconds=seconds, deliver=deliver)

    def webhooks(self, url: str, events: Sequence[str] = ("*",)) -> str:
        """Send events to this address from now on. The answer is the secret they are signed with."""
        form = {"url": url, **{f"enabled_events[{place}]": name for place, name in enumerate(events)}}
        response = self.call("POST", "/v1/webhook_endpoints", form)
        assert response.status_code == 200, response.text
        return str(response.json()["secret"])

    def settle(self) -> None:
        """Do what is due, and send events until none is left to send now."""
        self._run(self.sandbox.settle())

    def note(self, check: Callable[[], None]) -> None:
        """Keep what a check finds for the end of the test: the thread it runs in must go on."""
        try:
            check()
        except AssertionError as problem:
            self.problems.append(str(problem))
        except Exception as fault:  # an answer that cannot even be read
            self.problems.append(f"{type(fault).__name__}: {fault}")

    def take_problems(self) -> list[str]:
        """What was found since it was last asked."""
        found, self.problems = self.problems, []
        return found

    def _check_events(self) -> None:
        owe = self.sandbox.world.on_emit
        checker = self.conformance

        def check_and_owe(event: dict[str, Any], endpoints: list[dict[str, Any]]) -> None:
            if checker is not None:
                self.note(lambda: checker.check_event(event))
            owe(event, endpoints)

        self.sandbox.world.on_emit = check_and_owe

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve_and_work())

    async def _serve_and_work(self) -> None:
        working = asyncio.create_task(self.sandbox.run())
        try:
            await self._server.serve()
        finally:
            working.cancel()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def _sandbox_server(request: pytest.FixtureRequest) -> Iterator[SandboxServer]:
    server = SandboxServer(request.getfixturevalue("conformance_or_none"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def sandbox(_sandbox_server: SandboxServer) -> Iterator[SandboxServer]:
    """An empty sandbox. The test fails at its end where anything it made the sandbox say has not Stripe's shape."""
    _sandbox_server.control("reset")
    _sandbox_server.take_problems()
    clock = _sandbox_server.sandbox.world.clock
    host = clock.host
    yield _sandbox_server
    clock.host = host
    problems = _sandbox_server.take_problems()
    assert not problems, "\n\n".join(problems[:PROBLEMS_SHOWN_MAX])
