"""Files that people show from the pages: kept once for their own customer, and only from who may sign."""

from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import select

from models import EvidenceFile, Role
from models.evidence import EVIDENCE_BYTES_MAX
from services.database import reading, transaction
from services.identity import create_user
from tests.app.api.conftest import PASSWORD, Client, World, assert_problem
from tests.app.api.test_browser_downloads import signed_in

CONTENT = b"%PDF-1.7 what was measured"
SENT = {"name": "Review.pdf"}


def send(
    client: Client, content: bytes = CONTENT, headers: dict[str, str] | None = None, **query: str
) -> httpx.Response:
    return client.post("/session/evidence", content=content, params=SENT | query, headers=headers or {})


def kept(tenant_id: str) -> list[tuple[str, str]]:
    with reading() as session:
        found = session.execute(select(EvidenceFile).where(EvidenceFile.tenant_id == tenant_id)).scalars()
        return [(each.name, each.party.value) for each in found]


def test_an_owners_file_is_kept_once(client: Client, world: World) -> None:
    signed_in(client, world.acme.email)
    first, again = send(client), send(client, name="The same.pdf")
    assert (first.status_code, first.json()["name"]) == (201, "Review.pdf")
    assert again.json()["id"] == first.json()["id"]
    assert (kept(world.acme.tenant_id), kept(world.borealis.tenant_id)) == ([("Review.pdf", "customer")], [])


def test_an_operator_names_the_customer(client: Client, sqlite_world: World) -> None:
    signed_in(client, sqlite_world.operator_email)
    assert_problem(send(client), 403, "forbidden")
    assert send(client, tenant_id=sqlite_world.borealis.tenant_id).status_code == 201
    assert_problem(send(client, tenant_id="ten_none"), 404, "not_found", "tenant_id")
    assert (kept(sqlite_world.acme.tenant_id), kept(sqlite_world.borealis.tenant_id)) == (
        [],
        [("Review.pdf", "seller")],
    )


def test_nobody_sends_for_another_customer_or_without_being_one_who_signs(client: Client, sqlite_world: World) -> None:
    assert_problem(send(client), 401, "not_signed_in")
    signed_in(client, sqlite_world.acme.email)
    assert_problem(send(client, tenant_id=sqlite_world.borealis.tenant_id), 404, "not_found", "tenant_id")
    assert_problem(send(client, headers={"Sec-Fetch-Site": "cross-site"}), 403, "forbidden")
    assert_problem(send(client, headers={"Origin": "https://evil.example"}), 403, "forbidden")
    with transaction() as session:
        create_user(
            session, email="looks@acme.example", password=PASSWORD, tenant_id=sqlite_world.acme.tenant_id,
            role=Role.VIEWER, at=datetime.now(UTC),
        )  # fmt: skip
    signed_in(client, "looks@acme.example")
    assert_problem(send(client), 403, "forbidden")
    assert (kept(sqlite_world.acme.tenant_id), kept(sqlite_world.borealis.tenant_id)) == ([], [])


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("Review.exe", CONTENT, 415),
        ("Review.pdf", b"PK no pdf", 415),
        ("../Review.pdf", CONTENT, 422),
        ("", CONTENT, 422),
        ("Review.pdf", b"", 422),
        ("Review.pdf", b"%PDF-" + bytes(EVIDENCE_BYTES_MAX), 413),
        ("n" * 900, CONTENT, 422),
    ],
)
def test_what_is_no_file_to_keep_is_refused(
    client: Client, sqlite_world: World, name: str, content: bytes, status: int
) -> None:
    signed_in(client, sqlite_world.acme.email)
    assert send(client, content, name=name).status_code == status
    assert kept(sqlite_world.acme.tenant_id) == []
