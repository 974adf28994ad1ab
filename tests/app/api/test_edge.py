"""What holds for every request: credentials, ids, headers, and addresses that lead nowhere."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.routing import APIRoute
from sqlmodel import col, select, update

from app import unit_of_work
from app.api import create_api
from app.api.exact_route import PUBLIC_PATHS
from app.logs import configure_logging
from models import ApiKey
from services.api_keys import create_api_key, revoke_api_key
from services.database import transaction
from tests.app.api.conftest import Client, World, assert_problem
from tests.given import owner_of

OPEN_BY_DESIGN = {
    "/v1/plans": "a price list is public",
    "/.well-known/jwks.json": "anyone may check a receipt",
    "/.well-known/tallystick/{tenant_id}/checkpoint": "anyone may watch a log: it says its size and its root only",
    "/healthz": "asked by machines that hold no key",
    "/readyz": "asked by machines that hold no key",
    "/session": "this is how a browser signs in",
    "/session/end": "signing out needs only the cookie itself",
    "/session/tenant": "needs the cookie of a signed-in person, and leads to the sign-in page without one",
    "/session/invoices/{invoice_id}/proof": "needs that cookie too, and leads there without one",
    "/session/receipts/{seq}/proof": "needs that cookie too, and leads there without one",
    "/session/credits.csv": "needs that cookie too, and leads there without one",
    "/session/exports/{sheet}": "needs that cookie too, and leads there without one",
    "/session/invoices/{invoice_id}/pdf": "needs that cookie too, and leads there without one",
    "/session/credit-notes/{credit_note_id}/pdf": "needs that cookie too, and leads there without one",
    "/session/evidence": "needs that cookie too, and is refused without one before a byte is read",
    "/session/evidence/{file_id}": "needs that cookie too, and leads there without one",
    "/session/gain-share/{run_id}/pdf": "needs that cookie too, and leads there without one",
    "/unsubscribe/{token}": "the token in the link says whose letters of which kind, and opens nothing else",
}
ROUTES = [
    (method, route.path) for route in create_api().routes if isinstance(route, APIRoute) for method in route.methods
]


def test_what_is_public_is_public_on_purpose() -> None:
    assert set(OPEN_BY_DESIGN) >= PUBLIC_PATHS
    assert {path for path in OPEN_BY_DESIGN if path.startswith("/v1")} == {"/v1/plans"}


@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if route[1] not in OPEN_BY_DESIGN])
def test_every_other_route_refuses_a_call_without_a_key(
    client: Client, sqlite_world: World, method: str, path: str
) -> None:
    url = re.sub(r"\{.*?\}", "x1", path)
    bad_key = sqlite_world.acme.key[:-1] + ("A" if sqlite_world.acme.key[-1] != "A" else "B")
    for headers in (
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {sqlite_world.acme.key}"},
        {"Authorization": f"Bearer {bad_key}"},
        {"Authorization": f"Bearer {sqlite_world.acme.key} x"},
        {"X-SIGNET-API-Key": "tally_short"},
        {"Authorization": f"Bearer {sqlite_world.acme.key}", "X-SIGNET-API-Key": sqlite_world.borealis.key},
        {"Cookie": "tallystick_session=anything"},
    ):
        answer = client.request(method, url, headers=headers, content=b"not even json")
        assert_problem(answer, 401, "not_signed_in")
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_the_key_is_taken_from_either_header(client: Client, world: World) -> None:
    key = world.acme.key
    for headers in (
        {"Authorization": f"bearer {key}"},
        {"X-SIGNET-API-Key": key},
        {"x-signet-api-key": key, "Authorization": f"Bearer {key}"},
    ):
        assert client.get("/v1/invoices", headers=headers).status_code == 200


def test_a_revoked_key_is_refused_at_once(client: Client, world: World) -> None:
    with transaction() as session:
        made = create_api_key(
            session,
            tenant_id=world.acme.tenant_id,
            scopes=["billing:read"],
            maker=owner_of(world.acme.tenant_id),
            at=datetime.now(UTC),
        )
    headers = {"Authorization": f"Bearer {made.key}"}
    assert client.get("/v1/invoices", headers=headers).status_code == 200
    with transaction() as session:
        revoke_api_key(session, key_id=made.id, tenant_id=world.acme.tenant_id, at=datetime.now(UTC))
    assert_problem(client.get("/v1/invoices", headers=headers), 401, "not_signed_in")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/usage/track", {"event_type": "LLM_token_usage", "units": 1}),
        ("POST", "/v1/usage/events", [{"event_type": "LLM_token_usage", "units": 1}]),
        ("POST", "/v1/assets/snapshots", {"asset_count": 1}),
        ("POST", "/v1/sites", {"code": "a"}),
        ("POST", "/v1/subscriptions", {"plan_code": "PRO"}),
        ("POST", "/v1/invoices/generate", {}),
        ("GET", "/v1/invoices", None),
        ("GET", "/v1/usage/summary", None),
        ("GET", "/v1/billing/dashboard", None),
    ],
)
def test_a_key_without_the_scope_is_refused(
    client: Client, sqlite_world: World, method: str, path: str, body: object
) -> None:
    with transaction() as session:
        at = datetime.now(UTC)
        made = create_api_key(
            session,
            tenant_id=sqlite_world.acme.tenant_id,
            scopes=["exchange:write"],
            maker=owner_of(sqlite_world.acme.tenant_id),
            at=at,
        )
    answer = client.request(method, path, json=body, headers={"Authorization": f"Bearer {made.key}"})
    assert "scope" in assert_problem(answer, 403, "missing_scope")["detail"]


def test_the_use_of_a_key_is_noted_once_a_minute(client: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    noted = []
    monkeypatch.setattr(unit_of_work, "later", lambda use_case, **kwargs: noted.append((use_case, kwargs)))
    for _ in range(3):
        client.get("/v1/invoices", headers=world.acme.headers)
    assert len(noted) == 1
    use_case, kwargs = noted[0]
    with transaction() as session:
        use_case(session, **kwargs)
        use_case(session, **kwargs | {"at": kwargs["at"] + timedelta(seconds=59)})
    with transaction() as session:
        (last_used,) = session.exec(select(ApiKey.last_used_at).where(ApiKey.id == kwargs["key_id"])).all()
        assert last_used == kwargs["at"]
        long_ago = kwargs["at"] - timedelta(days=1)
        session.execute(update(ApiKey).where(col(ApiKey.id) == kwargs["key_id"]).values(last_used_at=long_ago))
    client.get("/v1/invoices", headers=world.acme.headers)
    assert len(noted) == 1  # this process asked a moment ago


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/nothing", "/v1/plans/", "/v1/usage/track/", "/session/nothing"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "BREW"])
def test_an_unknown_address_is_a_problem_in_json(client: Client, sqlite_world: World, method: str, path: str) -> None:
    assert_problem(client.request(method, path), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/usage/track", "POST"),
        ("DELETE", "/v1/sites", "GET, POST"),
        ("HEAD", "/v1/plans", "GET"),
        ("PATCH", "/v1/invoices/inv_1", "GET"),
        ("TRACE", "/v1/plans", "GET"),
        ("POST", "/healthz", "GET"),
        ("POST", "/.well-known/jwks.json", "GET"),
        ("GET", "/session", "POST"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(
    client: Client, sqlite_world: World, method: str, path: str, allowed: str
) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.headers["content-type"] == "application/problem+json"


def test_health_and_readiness(client: Client, world: World) -> None:
    assert client.get("/healthz").json() == {"ok": True}
    assert client.get("/readyz").json() == {"ok": True}


def test_not_ready_while_the_tables_are_missing(
    client: Client, sqlite_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.migrations.newest_revision", lambda: "from_the_future")
    problem = assert_problem(client.get("/readyz"), 503, "not_migrated")
    assert "tallystick migrate" in problem["detail"]


def test_a_database_that_is_away_is_503_and_is_not_described(
    client: Client, sqlite_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services import database

    away = database.open_engine("postgresql://nobody:secret@127.0.0.1:1/none")
    with monkeypatch.context() as patched:
        patched.setattr(database, "engine", lambda: away)
        answer = client.get("/v1/invoices", headers=sqlite_world.acme.headers)
    assert_problem(answer, 503, "database_unavailable")
    assert "secret" not in answer.text
    assert answer.headers["retry-after"] == "2"


def test_a_fault_of_ours_says_only_where_to_look(
    client: Client, sqlite_world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("the inner workings")

    configure_logging()
    monkeypatch.setattr("services.invoices.finding.list_invoices", fail)
    headers = sqlite_world.acme.headers | {"X-Request-Id": "given-by-caller-1"}
    answer = client.get("/v1/invoices", headers=headers)
    problem = assert_problem(answer, 500, "internal_error")
    assert problem["request_id"] == "given-by-caller-1"
    assert "inner workings" not in answer.text
    logged = capsys.readouterr().err
    assert "the inner workings" in logged
    assert "given-by-caller-1" in logged


def test_a_sane_request_id_is_kept_and_another_replaced(client: Client, sqlite_world: World) -> None:
    assert client.get("/healthz", headers={"X-Request-Id": "abc-12345"}).headers["x-request-id"] == "abc-12345"
    for given in ("short", "x" * 65, "with space", "new\tline"):
        made = client.get("/healthz", headers={"X-Request-Id": given}).headers["x-request-id"]
        assert re.fullmatch(r"[0-9a-f]{32}", made)


def test_answers_carry_the_headers_that_keep_browsers_safe(client: Client, sqlite_world: World) -> None:
    headers = client.get("/v1/plans").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert (
        "access-control-allow-origin" not in client.get("/v1/plans", headers={"Origin": "https://evil.example"}).headers
    )
    assert "default-src 'none'" not in client.get("/docs").headers["content-security-policy"]


def test_a_request_is_one_line_in_the_log_without_secrets(
    client: Client, sqlite_world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging()
    event = {"event_type": "LLM_token_usage", "units": 1, "meta": {"body": "never-logged"}}
    client.post("/v1/usage/track", json=event, headers=sqlite_world.acme.headers)
    client.get(f"/v1/subscriptions/{sqlite_world.acme.subscription_id}", headers=sqlite_world.acme.headers)
    logged = capsys.readouterr().err
    assert '"path": "/v1/usage/track"' in logged
    assert '"path": "/v1/subscriptions/{subscription_id}"' in logged
    assert f'"tenant_id": "{sqlite_world.acme.tenant_id}"' in logged
    assert "never-logged" not in logged
    assert sqlite_world.acme.key not in logged


def test_every_route_documents_its_problems_and_its_keys(client: Client, sqlite_world: World) -> None:
    document = client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            problems = {status for status, answer in operation["responses"].items() if int(status) >= 400}
            assert "500" in problems, (method, path)
            for status in problems:
                assert set(operation["responses"][status]["content"]) == {"application/problem+json"}
            if path not in OPEN_BY_DESIGN:
                assert {"401", "403"} <= problems
                assert operation["security"]
            if method == "post":
                assert any(item["name"] == "Idempotency-Key" for item in operation["parameters"]), path
