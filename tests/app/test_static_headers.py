"""Cache rules of static files, and redirects that stay on this site."""

import pytest
from starlette.applications import Starlette
from starlette.responses import RedirectResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app.static_headers import with_static_headers


def redirected_to(location: str) -> str:
    async def redirect(_request: object) -> RedirectResponse:
        return RedirectResponse(location)

    client = TestClient(with_static_headers(Starlette(routes=[Route("/", redirect)])), base_url="http://portal.example")
    return client.get("/", follow_redirects=False).headers["location"]


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("http://portal.example/plans/?a=1#b", "/plans/?a=1#b"),
        ("http://portal.example//evil.example/../plans/", "/evil.example/../plans/"),
        ("http://portal.example///evil.example/", "/evil.example/"),
        ("http://portal.example", "/"),
        ("https://pay.example//x/", "https://pay.example//x/"),
        ("/plans/", "/plans/"),
    ],
)
def test_a_redirect_to_this_host_is_made_relative_and_never_names_another(location: str, expected: str) -> None:
    assert redirected_to(location) == expected
