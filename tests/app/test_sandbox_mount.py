"""The sandbox within the portal: where it is, where it is not, and what it remembers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from app.sandbox import mount_sandbox, mounted, sandbox_for, state_file, wants_sandbox
from services.gateways.stripe.connection import connection
from services.settings import Settings, settings


@asynccontextmanager
async def portal() -> AsyncIterator[httpx.AsyncClient]:
    app = mount_sandbox(FastAPI(redirect_slashes=False))
    async with (
        mounted.running(),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost:3000") as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, True),
        ({"stripe_secret_key": "sk_sandbox_12345678"}, True),
        ({"stripe_secret_key": "sk_test_12345678"}, False),
        ({"stripe_secret_key": "sk_live_12345678"}, False),
        ({"stripe_address": "http://127.0.0.1:12111"}, False),
        ({"public_url": "https://bills.example"}, False),
        ({"public_url": "https://bills.example", "stripe_secret_key": "sk_sandbox_12345678"}, False),
    ],
)
def test_a_sandbox_is_wanted_where_no_stripe_is_and_nobody_pays_for_real(given: dict[str, str], wanted: bool) -> None:
    assert wants_sandbox(Settings(_env_file=None, **given)) is wanted


def test_the_sandbox_answers_below_its_path_with_the_installations_key(sqlite_engine: Engine) -> None:
    async def walk() -> None:
        async with portal() as client:
            assert (await client.get("/sandbox")).headers["location"] == "/sandbox/"
            home = await client.get("/sandbox/")
            assert (home.status_code, "Stripe sandbox" in home.text) == (200, True)
            assert "/sandbox/static/sandbox.css?v=" in home.text
            assert (await client.get("/sandbox/static/sandbox.css")).headers["content-type"].startswith("text/css")
            missing = await client.get("/sandbox/nothing/here")
            assert (missing.status_code, "There is no such page" in missing.text) == (404, True)
            assert (await client.get("/sandbox/v1/customers")).status_code == 401
            headers = {"Authorization": f"Bearer {connection().secret_key}"}
            made = await client.post("/sandbox/v1/customers", data={"email": "ada@example.com"}, headers=headers)
            assert made.status_code == 200
            session = {"mode": "setup", "success_url": "http://localhost:3000/billing/"}
            opened = await client.post("/sandbox/v1/checkout/sessions", data=session, headers=headers)
            address = opened.json()["url"]
            assert address.startswith("http://localhost:3000/sandbox/c/pay/cs_test_")
            assert (await client.get(address)).status_code == 200

    asyncio.run(walk())


def test_it_remembers_beside_the_database(sqlite_engine: Engine, tmp_path: Path) -> None:
    assert state_file() == tmp_path / "stripe_sandbox.db"

    async def customers() -> int:
        async with portal() as client:
            headers = {"Authorization": f"Bearer {connection().secret_key}"}
            await client.post("/sandbox/v1/customers", data={"email": "ada@example.com"}, headers=headers)
            return len((await client.get("/sandbox/v1/customers", headers=headers)).json()["data"])

    assert asyncio.run(customers()) == 1
    assert asyncio.run(customers()) == 2


def test_under_https_there_is_none(sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYSTICK_PUBLIC_URL", "https://bills.example")
    settings.cache_clear()
    assert sandbox_for(settings()) is None

    async def walk() -> None:
        async with portal() as client:
            assert (await client.get("/sandbox/")).json() == {"detail": "Not Found"}

    asyncio.run(walk())
    settings.cache_clear()


def test_another_port_than_the_usual_one_is_in_its_addresses(
    sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLYSTICK_PORT", "3456")
    opened = sandbox_for(settings())
    assert opened is not None
    assert opened.world.public_url == "http://localhost:3456/sandbox"
    opened.close()


def test_before_it_runs_the_place_says_so() -> None:
    async def walk() -> int:
        transport = httpx.ASGITransport(mount_sandbox(FastAPI()))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:3000") as client:
            return (await client.get("/sandbox/")).status_code

    assert asyncio.run(walk()) == 503
