"""The public keys over HTTP."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from app.api import create_api
from app.unit_of_work import now
from services.database import reading, transaction
from services.receipts.signature_checks import read_jwks
from services.receipts.signing_keys import jwks, list_keys, rotate_key
from tests.app.api.conftest import Client, World

ADDRESS = "/.well-known/jwks.json"


@pytest.fixture(autouse=True)
def _master_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYSTICK_MASTER_KEY", "A" * 43)


def test_anyone_reads_the_keys_and_may_keep_them_for_minutes(client: Client, world: World) -> None:
    with transaction() as session:
        rotate_key(session, at=now() - timedelta(days=1))
        rotate_key(session, at=now())
    answer = client.get(ADDRESS)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/jwk-set+json"
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.headers["x-content-type-options"] == "nosniff"
    with reading() as session:
        assert answer.json() == jwks(session)
        assert list(read_jwks(answer.json())) == [key.kid for key in list_keys(session)]
    assert ["exp" in key for key in answer.json()["keys"]] == [False, True, True]


def test_before_the_first_key_the_set_is_empty(client: Client, sqlite_engine: Engine) -> None:
    assert client.get(ADDRESS).json() == {"keys": []}


def test_the_document_describes_it() -> None:
    operation = create_api().openapi()["paths"][ADDRESS]["get"]
    assert list(operation["responses"]["200"]["content"]) == ["application/jwk-set+json"]
    assert "security" not in operation
