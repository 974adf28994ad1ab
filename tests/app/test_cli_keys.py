"""`tallystick keys`."""

import json

import pytest
from click.testing import Result
from sqlalchemy import Engine
from typer.testing import CliRunner

from app.cli.commands import cli
from app.cli.preparing import migrate_and_stock
from app.unit_of_work import now
from models import KeyRotation
from services.database import reading
from services.gateways.signing import read_base64url
from services.receipts.signature_checks import verify_history
from services.receipts.signing_keys import list_keys
from services.rules.canonical import canonical_bytes


@pytest.fixture(autouse=True)
def _master_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYSTICK_MASTER_KEY", "A" * 43)


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["keys", *arguments])
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    return result


def test_keys_are_listed_the_one_that_signs_first(engine: Engine) -> None:
    migrate_and_stock(at=now())
    (first,) = json.loads(run("list", "--json").stdout)
    assert first["status"] == "signs"
    made = json.loads(run("rotate", "--json").stdout)
    assert made["old_kid"] == first["kid"]
    listed = json.loads(run("list", "--json").stdout)
    assert [(row["kid"], row["status"], row["retired_at"] is None) for row in listed] == [
        (made["new_kid"], "signs", True),
        (made["old_kid"], "retired", False),
    ]
    lines = run("list").stdout.splitlines()
    assert lines[0].split() == ["kid", "status", "active", "from", "retired", "at"]
    assert [line.split()[:2] for line in lines[1:]] == [[made["new_kid"], "signs"], [made["old_kid"], "retired"]]


def test_what_rotating_prints_as_json_can_be_checked(engine: Engine) -> None:
    printed = [json.loads(run("rotate", "--json").stdout) for _ in range(2)]
    history = [
        KeyRotation(
            statement=canonical_bytes(made["statement"]),
            old_signature=read_base64url(made["old_signature"]),
            new_signature=read_base64url(made["new_signature"]),
        )
        for made in printed
    ]
    with reading() as session:
        keys = {key.kid: key.public_key for key in list_keys(session)}
    first = printed[0]["old_kid"]
    assert verify_history(history, {first: keys[first]}) == keys
    assert [made["number"] for made in printed] == [1, 2]


def test_rotating_says_which_key_follows_which(engine: Engine) -> None:
    lines = run("rotate").stdout.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["number", "old kid", "new kid", "rotated at"]


def test_a_master_key_that_is_none_is_refused_in_a_sentence(
    sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLYSTICK_MASTER_KEY", "nonsense")
    from services.settings import settings

    settings.cache_clear()
    refused = run("rotate", code=1)
    assert "TALLYSTICK_MASTER_KEY must be 32 random bytes" in refused.stderr
    assert refused.stdout == ""
    with reading() as session:
        assert list_keys(session) == []
