"""Features and storage limited in front of somebody's own application."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Scope

from app.limits import Caller, FeatureMiddleware, RateLimitMiddleware, StorageMiddleware
from services.call_counting import InProcessCounters
from services.limits import StorageUse
from tests.app.limited_app import ROUTES, UPGRADE, identify, opening, sending

FEATURES = {
    "/api/federation": "federation",
    "/api/realtime": "realtime_sync",
    "/api/federation/open": "semantic_search",
}


@pytest.fixture
def featured() -> ASGIApp:
    return FeatureMiddleware(
        Starlette(routes=ROUTES),
        identify=identify,
        feature_map=FEATURES,
        exclude_paths=["/health"],
        upgrade_url=UPGRADE,
    )


def test_a_feature_the_plan_lacks_gets_the_seeds_answer(featured: ASGIApp) -> None:
    (refused,) = sending(featured, ("free-key", "GET", "/api/federation"))
    assert (refused.status_code, refused.json()) == (
        403,
        {
            "error": "Feature 'federation' not available on free tier",
            "feature": "federation",
            "current_tier": "free",
            "upgrade_url": UPGRADE,
        },
    )


@pytest.mark.parametrize(
    ("key", "path", "status"),
    [
        ("pro-key", "/api/federation", 200),
        ("pro-key", "/api/federation/peers/7", 200),
        ("free-key", "/api/federation/peers/7", 403),
        ("free-key", "/api/federation/", 403),
        ("free-key", "/api//federation", 403),
        ("free-key", "/api/./federation/x", 403),
        ("free-key", "/api/other/../federation", 403),
        ("free-key", "/api/federations", 200),
        ("free-key", "/api/federation/open", 200),
        ("pro-key", "/api/federation/open/x", 403),
        ("", "/api/federation", 403),
        ("", "/api/other", 200),
    ],
)
def test_a_feature_covers_a_path_and_all_below_it(featured: ASGIApp, key: str, path: str, status: int) -> None:
    async def get() -> int:
        sent: list[Any] = []
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": b"",
            "headers": [(b"x-key", key.encode())],
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await featured(scope, receive, send)
        return int(sent[0]["status"])

    assert asyncio.run(get()) == status


def test_a_mounted_application_is_covered_by_its_own_paths() -> None:
    inner = FeatureMiddleware(Starlette(routes=ROUTES), identify=identify, feature_map=FEATURES)
    outer = Starlette(routes=[Mount("/cloud", inner)])
    allowed, refused = sending(
        outer, ("pro-key", "GET", "/cloud/api/federation"), ("free-key", "GET", "/cloud/api/federation")
    )
    assert (allowed.status_code, refused.status_code) == (200, 403)


def test_a_websocket_is_refused_before_it_opens(featured: ASGIApp) -> None:
    (refused,) = opening(featured, "pro-key", "/api/realtime")
    assert (refused["type"], refused["code"]) == ("websocket.close", 1008)
    assert refused["reason"] == "Feature 'realtime_sync' not available on pro tier"


class Store:
    def __init__(self, kept: StorageUse) -> None:
        self.kept = kept

    async def usage(self, tenant_id: str) -> StorageUse:
        await asyncio.sleep(0)
        return self.kept


def storing(usage: Callable[[str], Any], app: ASGIApp | None = None) -> ASGIApp:
    return StorageMiddleware(
        app or Starlette(routes=ROUTES), identify=identify, usage=usage, paths=["/api/memories"], upgrade_url=UPGRADE
    )


def test_full_storage_gets_the_seeds_answer() -> None:
    store = Store(StorageUse(95_000, 95_000, 10_500_000_000))
    (refused,) = sending(storing(store.usage), ("pro-key", "POST", "/api/memories", {"content": b"x"}))
    assert (refused.status_code, refused.json()) == (
        507,
        {
            "error": "Storage limit exceeded (10000 MB)",
            "current_usage": {"memories": 95_000, "embeddings": 95_000, "bytes": 10_500_000_000},
            "tier": "pro",
            "upgrade_url": UPGRADE,
        },
    )


def test_full_storage_can_be_read_emptied_and_searched() -> None:
    store = Store(StorageUse(bytes=2_000))
    allowed = [
        ("free-key", "GET", "/api/memories"),
        ("free-key", "DELETE", "/api/memories/1"),
        ("free-key", "POST", "/api/search"),
        ("", "POST", "/api/memories"),
    ]
    assert {answer.status_code for answer in sending(storing(store.usage), *allowed)} == {200}
    assert sending(storing(store.usage), ("free-key", "PUT", "/api/memories/1"))[0].status_code == 507


def test_uploads_side_by_side_do_not_pass_the_limit_together() -> None:
    store = Store(StorageUse())

    async def keep(request: Request) -> Response:
        body = await request.body()
        await asyncio.sleep(0.001)
        store.kept = StorageUse(bytes=store.kept.bytes + len(body))
        await asyncio.sleep(0.001)
        return PlainTextResponse("kept")

    app = storing(store.usage, Starlette(routes=[Route("/api/memories", keep, methods=["POST"])]))

    async def send_all() -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app.example") as client:
            sent = (client.post("/api/memories", content=b"x" * 90, headers={"x-key": "free-key"}) for _ in range(50))
            return [answer.status_code for answer in await asyncio.gather(*sent)]

    kept = asyncio.run(send_all()).count(200)
    for _ in range(20):
        kept += sending(app, ("free-key", "POST", "/api/memories", {"content": b"x" * 90}))[0].status_code == 200
    assert (kept, store.kept.bytes) == (11, 990)


def test_the_caller_is_asked_for_once_by_all_three() -> None:
    asked = []

    async def once(scope: Scope) -> Caller | None:
        asked.append(scope["path"])
        return identify(scope)

    app: ASGIApp = Starlette(routes=ROUTES)
    app = StorageMiddleware(app, identify=once, usage=Store(StorageUse()).usage)
    app = FeatureMiddleware(app, identify=once, feature_map=FEATURES)
    app = RateLimitMiddleware(app, identify=once, counters=InProcessCounters())
    (done,) = sending(app, ("pro-key", "POST", "/api/federation"))
    assert (done.status_code, asked) == (200, ["/api/federation"])
