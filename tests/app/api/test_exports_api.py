"""Exports over HTTP: by a key, by a signed-in person, and never another customer's."""

from tests.app.api.conftest import PASSWORD, Client, World, assert_problem


def test_a_key_that_may_read_the_bill_gets_a_file(client: Client, world: World) -> None:
    answer = client.get("/v1/exports/invoices?format=csv", headers=world.acme.headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert answer.headers["content-disposition"].startswith('attachment; filename="invoices-')
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert len(lines) == 2
    assert "9000.00" in lines[1]


def test_a_parquet_file_says_so(client: Client, world: World) -> None:
    answer = client.get("/v1/exports/journal?format=parquet&from=2020-01-01&to=2026-12-31", headers=world.acme.headers)
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    assert answer.content[:4] == answer.content[-4:] == b"PAR1"


def test_what_cannot_be_exported_is_refused(client: Client, world: World) -> None:
    own = world.acme.headers
    assert_problem(client.get("/v1/exports/secrets", headers=own), 404, "not_found", "sheet")
    assert_problem(client.get("/v1/exports/usage?from=2026-13-01", headers=own), 422, "invalid", "from")
    assert_problem(client.get("/v1/exports/usage?from=2026-02-02&to=2026-02-01", headers=own), 422, "invalid", "from")
    assert_problem(client.get("/v1/exports/usage?format=xls", headers=own), 422, "invalid", "format")
    other = f"/v1/exports/usage?tenant_id={world.borealis.tenant_id}"
    assert_problem(client.get(other, headers=own), 403, "wrong_tenant", "tenant_id")


def test_a_signed_in_person_downloads_their_own(client: Client, world: World) -> None:
    assert client.get("/session/exports/invoices").headers["location"].startswith("/sign-in")
    client.post("/session", data={"email": world.acme.email, "password": PASSWORD})
    answer = client.get("/session/exports/invoices?from=&to=&format=csv")
    assert answer.status_code == 200
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert len(answer.content.decode().splitlines()) == 2
