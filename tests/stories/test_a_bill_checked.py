"""A customer checks a bill: metered and closed over HTTP, downloaded, and held to its receipts with the command."""

import asyncio
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from app.cli import verify
from app.unit_of_work import now
from services.api_keys import TENANT_SCOPES, create_api_key
from services.database import transaction
from services.identity import create_tenant
from services.price_books.books import load_shipped_books
from services.subscriptions.starting import create_subscription
from tests.app.api.conftest import Client
from tests.given import OPERATOR, owner_of


@pytest.fixture
def client() -> Iterator[Client]:
    with asyncio.Runner() as runner:
        yield Client(runner)


@pytest.fixture
def keys(engine: Engine) -> dict[str, dict[str, str]]:
    """The headers of a customer on PRO, and of us."""
    at = now()
    with transaction() as session:
        load_shipped_books(session, at=at)
        tenant = create_tenant(session, name="Acme", currency="CAD", timezone="America/Toronto", at=at)
        create_subscription(session, tenant_id=tenant.id, plan_code="PRO", at=at)
        made = {
            "acme": create_api_key(
                session, tenant_id=tenant.id, scopes=TENANT_SCOPES, maker=owner_of(tenant.id), at=at
            ),
            "operator": create_api_key(session, scopes=["operator"], is_operator=True, maker=OPERATOR, at=at),
        }
    return {name: {"Authorization": f"Bearer {key.key}"} for name, key in made.items()} | {"id": {"tenant": tenant.id}}


@pytest.fixture
def folder(client: Client, keys: dict[str, Any], tmp_path: Path) -> Path:
    """What the customer keeps: the public keys, a checkpoint of the first day, and the bundle of the closed month."""

    def said(answer: httpx.Response) -> Any:
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    acme, operator, tenant_id = keys["acme"], keys["operator"], keys["id"]["tenant"]
    (tmp_path / "jwks.json").write_bytes(client.get("/.well-known/jwks.json").content)
    (tmp_path / "checkpoint").write_text(client.get(f"/.well-known/tallystick/{tenant_id}/checkpoint").text)
    tokens = [{"event_type": "LLM_token_usage", "units": "4000.418", "trace_id": f"run-{n % 7}"} for n in range(200)]
    frames = [{"event_type": "vision_frame_batch", "units": 1_000 + n} for n in range(120)]
    for batch in (tokens, frames):
        assert said(client.post("/v1/usage/events", json=batch, headers=acme))["accepted"] == len(batch)
    said(client.post("/v1/usage/track", json={"event_type": "simulator_run", "units": 3}, headers=acme))
    closed = said(client.post(
        "/v1/invoices/generate", json={"tenant_id": tenant_id, "force_period_end": True}, headers=operator
    ))  # fmt: skip
    # 800,083.6 + 635,700 + 3,000 credits; 438,783.6 beyond the included at 0.0020, and the next base fee.
    assert closed["total"] == "9877.57"
    answer = client.get(f"/v1/invoices/{closed['invoice_id']}/bundle?form=jsonl&since=1", headers=acme)
    (tmp_path / "bill.jsonl.gz").write_bytes(answer.content)
    return tmp_path


def check(folder: Path, data: bytes, *options: str) -> int:
    """The exit code of `tallystick verify`."""
    (folder / "checked.jsonl").write_bytes(data)
    return verify.run([str(folder / "checked.jsonl"), "--keys", str(folder / "jwks.json"), *options])


def test_a_bill_is_checked_and_one_unit_changed_is_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = gzip.decompress((folder / "bill.jsonl.gz").read_bytes())
    assert check(folder, bundle, "--checkpoint", str(folder / "checkpoint")) == 0
    said = capsys.readouterr().out
    assert "Invoice 2: 9,877.57 CAD" in said
    assert "Continues the checkpoint you kept, of 1 receipts" in said

    # One receipt says one unit more.
    assert check(folder, bundle.replace(b'"units":"1042"', b'"units":"1043"')) == 1
    assert "Receipt 245 does not carry the hash of the one before it" in capsys.readouterr().err

    # The bill itself charges one unit more; its receipt then differs from the one that was signed.
    line = next(line for line in bundle.split(b"\n") if b'"typ":"invoice"' in line)
    overage = next(line for line in json.loads(line)["lines"] if line["kind"] == "overage")
    more = line.replace(f'"quantity":"{overage["quantity"]}"'.encode(), b'"quantity":"9999999"')
    assert check(folder, bundle.replace(line, more)) == 1
    assert "Invalid." in capsys.readouterr().err


def test_a_bill_is_not_believed_for_the_keys_it_brings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = gzip.decompress((folder / "bill.jsonl.gz").read_bytes())
    (folder / "jwks.json").write_text('{"keys": []}')
    assert check(folder, bundle) == 2
    assert "Cannot be verified." in capsys.readouterr().err
