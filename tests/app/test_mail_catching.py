"""In development letters go over SMTP into a folder beside the database, and nowhere else."""

import asyncio

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from app.mail_catching import caught_letters, running_catcher
from app.mailing import prepare_due_mails, send_due_mails
from models import MailMessage, Role
from services import settings as configuration
from services.database import reading, transaction
from services.gateways.mail_route import is_caught, mail_server, wants_catcher
from services.identity import create_user
from tests.given import NOON, customer


def test_letters_are_caught_while_the_portal_runs(sqlite_engine: Engine) -> None:
    with transaction() as session:
        one = customer(session)
        create_user(
            session, email="owner@acme.example", password="a-long-password", tenant_id=one.tenant_id,
            role=Role.OWNER, at=NOON,
        )  # fmt: skip

    async def run() -> None:
        async with running_catcher():
            assert is_caught()
            await asyncio.to_thread(prepare_due_mails, at=NOON)
            assert (await asyncio.to_thread(send_due_mails, at=NOON))["sent"] == 1

    asyncio.run(run())
    assert mail_server() is None
    with reading() as session:
        mail = session.exec(select(MailMessage)).one()
    (letter,) = caught_letters(mail.message_id)
    assert "To: owner@acme.example" in letter


@pytest.mark.parametrize(
    ("name", "value"), [("SMTP_URL", "smtp://mail.example.com"), ("PUBLIC_URL", "https://billing.example.com")]
)
def test_nothing_is_caught_where_mail_is_meant(
    sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"TALLYSTICK_{name}", value)
    configuration.settings.cache_clear()
    assert not wants_catcher()

    async def run() -> None:
        async with running_catcher():
            assert not is_caught()

    asyncio.run(run())
