"""Calls limited in front of somebody's own application: headers, bodies, and exactly as many calls as may."""

import asyncio
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import ASGIApp, Scope

from app.limits import Caller, RateLimitMiddleware
from services.call_counting import InProcessCounters
from services.errors import NotSignedIn
from services.limits import Limits
from services.rules.rate_limits import CallLimits
from tests.app.limited_app import BY_KEY, ROUTES, UPGRADE, identify, opening, sending, together

NOON = 1_795_176_000.25


class Clock:
    def __init__(self) -> None:
        self.seconds = NOON

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limited(clock: Clock) -> ASGIApp:
    return RateLimitMiddleware(
        Starlette(routes=ROUTES),
        identify=identify,
        counters=InProcessCounters(),
        exclude_paths=["/health", "/docs"],
        upgrade_url=UPGRADE,
        clock=clock,
    )


def limit_headers(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith(("x-ratelimit", "x-tier"))}


def test_every_answer_tells_the_limits_under_the_seeds_names(limited: ASGIApp) -> None:
    first, second = sending(limited, ("pro-key", "GET", "/api"), ("pro-key", "GET", "/api"))
    assert limit_headers(first) == {
        "x-ratelimit-limit-day": "10000",
        "x-ratelimit-limit-minute": "100",
        "x-ratelimit-remaining-day": "9999",
        "x-ratelimit-remaining-minute": "99",
        "x-ratelimit-reset": str(int(NOON) + 61),
        "x-tier": "pro",
    }
    assert first.headers["x-request-duration-ms"].isdigit()
    assert second.headers["x-ratelimit-remaining-day"] == "9998"


def test_a_plan_without_limits_tells_its_tier_and_how_long_it_took(limited: ASGIApp) -> None:
    (only,) = sending(limited, ("open-key", "GET", "/api"))
    assert limit_headers(only) == {"x-tier": "enterprise"}
    assert only.headers["x-request-duration-ms"].isdigit()


def test_the_call_beyond_the_minute_gets_the_seeds_answer(limited: ASGIApp, clock: Clock) -> None:
    *taken, refused = sending(limited, *[("pro-key", "GET", "/api")] * 101)
    assert {answer.status_code for answer in taken} == {200}
    assert (refused.status_code, refused.json()) == (
        429, {"error": "Rate limit exceeded (100 calls/minute)", "tier": "pro", "upgrade_url": UPGRADE}
    )  # fmt: skip
    assert refused.headers["retry-after"] == "61"
    assert refused.headers["x-ratelimit-remaining-minute"] == "0"
    assert int(refused.headers["x-ratelimit-reset"]) > NOON
    clock.seconds += 61
    assert sending(limited, ("pro-key", "GET", "/api"))[0].status_code == 200


def day_of_calls(limited: ASGIApp, clock: Clock, key: str, calls: int, a_minute: int) -> list[httpx.Response]:
    answers = []
    for start in range(0, calls, a_minute):
        answers += sending(limited, *[(key, "GET", "/api")] * min(a_minute, calls - start))
        clock.seconds += 61
    return answers


def test_free_is_refused_beyond_its_day_until_local_midnight(limited: ASGIApp, clock: Clock) -> None:
    answers = day_of_calls(limited, clock, "free-key", 101, 10)
    assert [answer.status_code for answer in answers] == [200] * 100 + [429]
    assert answers[-1].json()["error"] == "Rate limit exceeded (100 calls/day)"
    midnight = (int(NOON) // 86_400 + 1) * 86_400
    assert answers[-1].headers["x-ratelimit-reset"] == str(midnight)
    clock.seconds = midnight - 0.001
    assert sending(limited, ("free-key", "GET", "/api"))[0].status_code == 429
    clock.seconds = midnight
    assert sending(limited, ("free-key", "GET", "/api"))[0].headers["x-ratelimit-remaining-day"] == "99"


def test_pro_goes_on_beyond_its_day(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    small = Caller("small", Limits("pro", CallLimits(per_minute=10, per_day=15, day_refuses=False)))
    monkeypatch.setitem(BY_KEY, "small-key", small)
    app = RateLimitMiddleware(Starlette(routes=ROUTES), identify=identify, counters=InProcessCounters(), clock=clock)
    answers = day_of_calls(app, clock, "small-key", 30, 10)
    assert {answer.status_code for answer in answers} == {200}
    assert answers[-1].headers["x-ratelimit-remaining-day"] == "0"
    assert sending(app, *[("small-key", "GET", "/api")] * 11)[-1].status_code == 429


def test_paths_that_are_excluded_and_callers_who_are_nobody_are_not_counted(limited: ASGIApp) -> None:
    answers = sending(limited, *[("free-key", "GET", "/health")] * 20, *[("", "GET", "/api")] * 20)
    assert {answer.status_code for answer in answers} == {200}
    assert not any(limit_headers(answer) for answer in answers)
    assert limit_headers(sending(limited, ("free-key", "GET", "/healthy"))[0])
    assert limit_headers(sending(limited, ("free-key", "GET", "/health/../api"))[0])


def test_who_is_told_by_a_header_alone_does_not_count(limited: ASGIApp) -> None:
    spoofed = {"headers": {"X-Tenant-Id": "pro", "X-Tier": "enterprise"}}
    answers = sending(limited, *[("free-key", "GET", "/api", spoofed)] * 11)
    assert [answers[-1].status_code, answers[-1].headers["x-tier"]] == [429, "free"]


def test_a_credential_that_is_refused_is_answered(clock: Clock) -> None:
    def nobody(scope: Scope) -> Caller:
        raise NotSignedIn("Send a key.")

    app = RateLimitMiddleware(Starlette(routes=ROUTES), identify=nobody, counters=InProcessCounters())
    (refused,) = sending(app, ("", "GET", "/api"))
    assert (refused.status_code, refused.json()) == (401, {"error": "Send a key."})
    assert refused.headers["www-authenticate"] == "Bearer"


def test_of_200_at_once_exactly_as_many_as_may_are_taken(limited: ASGIApp) -> None:
    assert sorted(together(limited, "many-key", "/api", 200)) == [200] * 40 + [429] * 160


def test_of_200_at_once_exactly_as_many_run_as_may(limited: ASGIApp) -> None:
    for _ in range(2):
        assert sorted(together(limited, "ten-key", "/slow", 200)) == [200] * 10 + [429] * 190


def test_what_runs_is_given_back_after_an_error(limited: ASGIApp) -> None:
    answers = sending(limited, *[("ten-key", "GET", "/broken")] * 15)
    assert {answer.status_code for answer in answers} == {500}


def test_what_runs_is_given_back_when_the_client_goes_away(limited: ASGIApp) -> None:
    async def go_away() -> None:
        async def receive() -> dict[str, Any]:
            await asyncio.sleep(0.01)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            pass

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/stream",
            "query_string": b"",
            "headers": [(b"x-key", b"free-key")],
        }
        for _ in range(5):
            await asyncio.wait_for(limited(dict(scope), receive, send), 1)
        task = asyncio.create_task(limited(dict(scope), asyncio.Event().wait, send))  # type: ignore[arg-type]
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(go_away())
    assert sending(limited, ("free-key", "GET", "/api"))[0].status_code == 200


def test_a_call_that_runs_long_keeps_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Caller("one", Limits("one", CallLimits(concurrent=1)))
    monkeypatch.setitem(BY_KEY, "one-key", one)
    counters = InProcessCounters()
    app = RateLimitMiddleware(Starlette(routes=ROUTES), identify=identify, counters=counters, lease_ms=15)

    async def steps() -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app.example") as client:
            long = asyncio.create_task(client.get("/slow", headers={"x-key": "one-key"}))
            await asyncio.sleep(0.04)
            return [(await client.get("/api", headers={"x-key": "one-key"})).status_code, (await long).status_code]

    assert asyncio.run(steps()) == [429, 200]


def test_a_websocket_is_counted_as_one_call(limited: ASGIApp) -> None:
    for left in reversed(range(10)):
        accepted, message, _ = opening(limited, "free-key", "/api/realtime")
        assert (b"x-ratelimit-remaining-minute", b"%d" % left) in accepted["headers"]
        assert message["text"] == "here"
    (refused,) = opening(limited, "free-key", "/api/realtime")
    assert refused == {
        "type": "websocket.close", "code": 1008, "reason": "Rate limit exceeded (10 calls/minute)"
    }  # fmt: skip
