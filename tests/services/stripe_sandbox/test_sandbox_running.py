"""The sandbox at work: its own loop, many callers at once, and work that goes wrong."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.applications import Starlette

from services.stripe_sandbox import create_sandbox
from services.stripe_sandbox.dispatch import Request

if TYPE_CHECKING:
    from conftest import LocalSandbox

DAY = 86_400
KEY = {"Authorization": "Bearer sk_test_alone"}
WAIT_SECONDS_MAX = 10.0


async def until(done: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not await done():
            await asyncio.sleep(0.02)


def test_served_alone_it_delivers_by_itself() -> None:
    app = create_sandbox(state=None, secret_key="sk_test_alone", public_url="http://localhost:4242")
    assert isinstance(app, Starlette)

    async def work() -> None:
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=KEY) as client,
        ):
            endpoint = {"url": "http://127.0.0.1:9/", "enabled_events[0]": "*"}
            assert (await client.post("/v1/webhook_endpoints", data=endpoint)).status_code == 200
            await client.post("/v1/customers")

            async def tried() -> bool:
                counted = (await client.post("/_control/deliveries", json={})).json()
                return counted["pending"] == 1

            await until(tried)
            assert (await client.get("/")).status_code == 200

    asyncio.run(work())


def test_the_loop_does_what_the_clock_reaches(local: "LocalSandbox") -> None:
    subscription = local.subscription()
    local.post("webhook_endpoints", url="http://127.0.0.1:9/", enabled_events=["invoice.created"])
    end = subscription["items"]["data"][0]["current_period_end"]

    async def work() -> None:
        running = asyncio.create_task(local.inside.run())
        local.inside.world.clock.set_forward(end - local.inside.world.clock.now())

        async def told() -> bool:
            return local.receiver.types() == ["invoice.created"]

        await until(told)
        running.cancel()

    local.client.run(work())


def test_many_callers_with_one_key_do_one_thing(local: "LocalSandbox") -> None:
    def create(_: int) -> bytes:
        request = Request("POST", "/v1/customers", "email=a@example.com", "Bearer sk_test_local", "k")
        return local.inside.dispatcher.answer(request).body

    with ThreadPoolExecutor(8) as threads:
        bodies = set(threads.map(create, range(40)))
    assert len(bodies) == 1
    assert len(local.get("customers")["data"]) == 1


def test_a_slow_receiver_does_not_hold_up_the_api(local: "LocalSandbox") -> None:
    local.post("webhook_endpoints", url="http://127.0.0.1:9/", enabled_events=["*"])
    local.post("customers")

    async def work() -> None:
        answered = asyncio.Event()
        loop = asyncio.get_running_loop()

        def post(*_: object) -> int:
            asyncio.run_coroutine_threadsafe(answered.wait(), loop).result(WAIT_SECONDS_MAX)
            return 200

        local.inside.deliveries.post = post
        delivering = asyncio.create_task(local.inside.deliveries.deliver_pending())
        transport = httpx.ASGITransport(local.inside.app)
        headers = {"Authorization": "Bearer sk_test_local"}
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client:
            assert (await client.get("/v1/customers")).status_code == 200
        assert not delivering.done()
        answered.set()
        assert await delivering == 1

    local.client.run(work())


def test_due_work_that_breaks_is_taken_off_and_the_rest_goes_on(
    local: "LocalSandbox", monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription = local.subscription()
    before = local.event_types()

    def break_down(*_: object) -> None:
        local.inside.world.emit("customer.created", local.inside.world.get("customer", subscription["customer"]))
        raise RuntimeError("broken")

    monkeypatch.setitem(local.inside.world.works, "renew", break_down)
    local.inside.world.clock.set_forward(40 * DAY)
    answer = local.send("GET", "account")
    assert (answer.status_code, answer.json()["error"]["type"]) == (500, "api_error")
    assert local.send("GET", "account").status_code == 200
    assert local.event_types() == before


def test_a_preview_uses_up_no_planned_failure(local: "LocalSandbox") -> None:
    subscription = local.subscription()
    local.control("fail_next_payment")
    local.post(
        "invoices/create_preview",
        subscription=subscription["id"],
        subscription_details={"billing_cycle_anchor": {"type": "now"}},
    )
    invoice = local.post(f"invoices/{local.invoice()['id']}/finalize")
    local.refused("POST", f"invoices/{invoice['id']}/pay", 402)
