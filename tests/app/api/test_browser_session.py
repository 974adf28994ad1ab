"""The forms that sign a browser in and out."""

from urllib.parse import parse_qs, urlsplit

import pytest
from sqlmodel import select

from models import WebSession
from services.database import reading
from services.settings import settings
from services.sign_in_limit import FAILURES_MAX
from tests.app.api.conftest import PASSWORD, Client, World, assert_problem

COOKIE = "tallystick_session"


def credentials(world: World, **more: str) -> dict[str, str]:
    return {"email": world.acme.email, "password": PASSWORD} | more


def sessions_kept() -> int:
    with reading() as session:
        return len(session.exec(select(WebSession)).all())


def test_signing_in_sets_a_cookie_scripts_cannot_read(client: Client, world: World) -> None:
    answer = client.post("/session", data=credentials(world))
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie, *attributes = answer.headers["set-cookie"].split("; ")
    assert cookie.startswith(f"{COOKIE}=")
    assert {attribute.lower() for attribute in attributes} == {"httponly", "max-age=43200", "path=/", "samesite=lax"}
    assert sessions_kept() == 1


def test_over_tls_the_cookie_is_secure_and_bound_to_the_host(
    client: Client, sqlite_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings(), "public_url", "https://billing.example")
    answer = client.post("/session", data=credentials(sqlite_world), headers={"Origin": "https://billing.example"})
    assert answer.headers["set-cookie"].startswith(f"__Host-{COOKIE}=")
    assert "; Secure" in answer.headers["set-cookie"]
    assert answer.headers["strict-transport-security"]


def test_signing_in_again_ends_the_session_the_browser_came_with(client: Client, world: World) -> None:
    client.post("/session", data=credentials(world))
    first = client.http.cookies[COOKIE]
    client.post("/session", data=credentials(world))
    assert client.http.cookies[COOKIE] != first
    assert sessions_kept() == 1


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        ("/usage/", "/usage/"),
        ("/invoices/inv_1/?a=b", "/invoices/inv_1/?a=b"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x=y", "/"),
        ("/é", "/"),
        ("", "/"),
        ("/" + "x" * 600, "/"),
    ],
)
def test_the_way_on_stays_on_this_site(client: Client, sqlite_world: World, goal: str, expected: str) -> None:
    answer = client.post("/session", data=credentials(sqlite_world, next=goal))
    assert answer.headers["location"] == expected
    refused = client.post("/session", data={"email": "x@y.example", "password": "wrong", "next": goal})
    query = parse_qs(urlsplit(refused.headers["location"]).query)
    assert query == {"refused": ["1"]} | ({"next": [expected]} if expected != "/" else {})


@pytest.mark.parametrize(
    "form",
    [
        {"email": "owner@acme.example", "password": "wrong horse battery"},
        {"email": "nobody@acme.example", "password": PASSWORD},
        {"email": "\x00", "password": "\x00"},
        {"email": "x" * 2_000, "password": "y"},
        {"password": PASSWORD},
        {},
    ],
)
def test_a_wrong_password_leads_back_with_one_reason(client: Client, world: World, form: dict[str, str]) -> None:
    answer = client.post("/session", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in/?refused=1")
    assert "set-cookie" not in answer.headers
    assert sessions_kept() == 0


def test_too_many_wrong_passwords_are_told_to_wait(client: Client, sqlite_world: World) -> None:
    for _ in range(FAILURES_MAX):
        client.post("/session", data=credentials(sqlite_world, password="wrong horse battery"))
    answer = client.post("/session", data=credentials(sqlite_world))
    assert answer.headers["location"] == "/sign-in/?refused=slow"
    other = client.post("/session", data={"email": sqlite_world.borealis.email, "password": PASSWORD})
    assert other.headers["location"] == "/"


def test_signing_out_ends_the_session_here_and_there(client: Client, world: World) -> None:
    client.post("/session", data=credentials(world))
    answer = client.post("/session/end")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in/?ended=1")
    assert COOKIE not in client.http.cookies
    assert sessions_kept() == 0
    assert client.post("/session/end").headers["location"] == "/sign-in/?ended=1"


def test_an_operator_chooses_a_customer(client: Client, world: World) -> None:
    client.post("/session", data={"email": world.operator_email, "password": PASSWORD})
    answer = client.post("/session/tenant", data={"tenant_id": world.borealis.tenant_id, "next": "/usage/"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/usage/")
    with reading() as session:
        assert session.exec(select(WebSession.tenant_id)).one() == world.borealis.tenant_id
    assert_problem(client.post("/session/tenant", data={"tenant_id": "ten_none"}), 403, "wrong_tenant", "tenant_id")


def test_choosing_without_a_session_leads_to_sign_in(client: Client, sqlite_world: World) -> None:
    form = {"tenant_id": sqlite_world.acme.tenant_id}
    assert client.post("/session/tenant", data=form).headers["location"] == "/sign-in/"


@pytest.mark.parametrize("path", ["/session", "/session/end", "/session/tenant"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://[::1"},
        {"Origin": "http://portal.example.evil.example"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
    ],
)
def test_a_form_of_another_site_is_refused(
    client: Client, sqlite_world: World, path: str, headers: dict[str, str]
) -> None:
    client.post("/session", data=credentials(sqlite_world))
    assert_problem(client.post(path, data=credentials(sqlite_world), headers=headers), 403, "forbidden")
    assert sessions_kept() == 1


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://portal.example"}, {"Sec-Fetch-Site": "none"}]
)
def test_our_own_form_is_taken(client: Client, sqlite_world: World, headers: dict[str, str]) -> None:
    assert client.post("/session", data=credentials(sqlite_world), headers=headers).headers["location"] == "/"


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"email=a", {"Content-Type": "application/json"}, 415),
        (b"email=a", {}, 415),
        (b"x" * 9_000, {"Content-Type": "application/x-www-form-urlencoded"}, 413),
        (b"email=\xff", {"Content-Type": "application/x-www-form-urlencoded"}, 400),
        (b"email=%ff", {"Content-Type": "application/x-www-form-urlencoded"}, 400),
        (b"&".join(b"a%d=1" % n for n in range(50)), {"Content-Type": "application/x-www-form-urlencoded"}, 400),
    ],
)
def test_a_form_that_cannot_be_read_is_refused(
    client: Client, sqlite_world: World, content: bytes, headers: dict[str, str], status: int
) -> None:
    answer = client.post("/session", content=content, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_the_cookie_opens_nothing_under_v1(client: Client, world: World) -> None:
    client.post("/session", data=credentials(world))
    assert_problem(client.get("/v1/invoices"), 401, "not_signed_in")
