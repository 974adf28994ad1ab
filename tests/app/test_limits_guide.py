"""docs/guides/limits.md does what it says."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api.schemas.usage_check import UsageCheckShown
from services.limits import CACHED_SECONDS


@pytest.fixture
def guide(project_root: Path) -> str:
    return (project_root / "docs" / "guides" / "limits.md").read_text()


@pytest.fixture
def program(guide: str) -> dict[str, Any]:
    """What the guide's program defines, all its parts run in order."""
    names: dict[str, Any] = {}
    for part in re.findall(r"```python\n(.*?)```", guide, re.DOTALL):
        exec(compile(part, "limits.md", "exec"), names)
    return names


def sending(program: dict[str, Any], key: str, *asked: tuple[str, str]) -> list[httpx.Response]:
    async def send_all() -> list[httpx.Response]:
        transport = httpx.ASGITransport(program["application"])
        async with httpx.AsyncClient(transport=transport, base_url="http://app.example") as client:
            headers = {"Authorization": f"Bearer {key}", "X-Tenant-Id": "bob"}
            return [await client.request(method, path, headers=headers) for method, path in asked]

    return asyncio.run(send_all())


def test_the_guides_application_limits_calls(program: dict[str, Any]) -> None:
    *taken, refused = sending(program, "key-of-ann", *[("GET", "/api/memories")] * 11)
    assert {answer.status_code for answer in taken} == {200}
    assert (refused.status_code, refused.json()["error"]) == (429, "Rate limit exceeded (10 calls/minute)")
    assert sending(program, "key-of-bob", ("GET", "/api/memories"))[0].status_code == 200


def test_the_guides_application_limits_features_and_storage(program: dict[str, Any]) -> None:
    asked = [("GET", "/api/federation/peers"), ("POST", "/api/memories"), ("GET", "/api/memories")]
    assert [answer.status_code for answer in sending(program, "key-of-ann", *asked)] == [403, 507, 200]
    assert [answer.status_code for answer in sending(program, "key-of-bob", *asked)] == [200, 200, 200]
    assert sending(program, "stolen", ("GET", "/api/memories"))[0].status_code == 401


def test_the_guide_names_the_headers_there_are(guide: str, program: dict[str, Any]) -> None:
    named = set(re.findall(r"^(X-[A-Za-z-]+): \d+|^(X-Tier): pro", guide, re.MULTILINE))
    (answer,) = sending(program, "key-of-bob", ("GET", "/api/memories"))
    told = {name for name in answer.headers if name.startswith("x-")}
    assert told == {(one or other).lower() for one, other in named}


def test_the_guide_shows_the_check_as_it_is_answered(guide: str) -> None:
    refusal, answer = (json.loads(part) for part in re.findall(r"```json\n(.*?)```", guide, re.DOTALL))
    assert set(refusal) == {"error", "tier", "upgrade_url"}
    assert UsageCheckShown.model_validate(answer).model_dump() == answer
    assert CACHED_SECONDS == 5
