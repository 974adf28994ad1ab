"""`tallystick mail`: says where letters go, sends them, and puts a failed one back in line."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from app.cli.commands import cli
from app.unit_of_work import now
from models import Role
from services import settings as configuration
from services.database import transaction
from services.identity import create_user
from tests.given import customer


@pytest.fixture
def acme(sqlite_engine: Engine) -> None:
    at = now()
    with transaction() as session:
        one = customer(session, start=at.date() - timedelta(days=1), at=at)
        create_user(
            session, email="owner@acme.example", password="a-long-password", tenant_id=one.tenant_id,
            role=Role.OWNER, at=at,
        )  # fmt: skip


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli, ["mail", *arguments])


def test_without_a_server_letters_wait_and_it_says_so(acme: None) -> None:
    sent = run("send", "--json")
    assert sent.exit_code == 1
    assert "TALLYSTICK_SMTP_URL" in sent.stderr
    assert "No mail server is set" in run("status").stdout
    assert json.loads(run("status", "--json").stdout)["waiting"] == "1"


def test_a_refused_letter_is_listed_and_goes_out_when_tried_again(
    acme: None, mail_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLYSTICK_SMTP_URL", mail_server.address)
    configuration.settings.cache_clear()
    mail_server.refuse_recipient.append("550 5.1.1 no such user")
    assert json.loads(run("send", "--json").stdout)["refused"] == 1
    listed = run("status").stdout
    assert "no such user" in listed
    mail_id = next(word for word in listed.split() if word.startswith("mail_"))
    assert json.loads(run("retry", mail_id, "--json").stdout)["status"] == "waiting"
    assert json.loads(run("send", "--json").stdout)["sent"] == 1
    assert run("retry", "mail_nothing").exit_code == 1
