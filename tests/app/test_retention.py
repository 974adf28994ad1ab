"""What is deleted once it is old, and what never is: on both databases, after real deliveries and letters."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine
from sqlmodel import col, func, select

from app import retention as retention_job
from app.jobs.table import job_named
from app.mailing import prepare_due_mails, send_due_mails
from app.retention import forget_history
from app.webhook_deliveries import deliver_due_webhooks
from models import (
    DeliveryStatus,
    MailMessage,
    MailStatus,
    Notice,
    Receipt,
    WebhookAttempt,
    WebhookDelivery,
)
from services import retention
from services import settings as configuration
from services.database import reading, transaction
from services.mails.views import read_mail
from services.webhooks import replays
from tests.app.test_mailing import acme, mails
from tests.app.test_webhook_deliveries import World, at, loopback, server
from tests.given import NOON, Customer
from tests.receivers import Receiver

__all__ = ["acme", "at", "loopback", "server"]
DAY = timedelta(days=1)
LATER = 91 * DAY
NOTHING = {"deliveries": 0, "letters": 0, "more": 0}


def rows(table: Any, tenant_id: str) -> int:
    with reading() as session:
        return session.exec(select(func.count()).select_from(table).where(col(table.tenant_id) == tenant_id)).one()


@pytest.fixture
def world(loopback: None, server: Receiver, at: datetime) -> World:
    """Three notices delivered, besides the start of the subscription."""
    told = World(server.url, at)
    told.tell(at, count=3)
    deliver_due_webhooks(at=at)
    return told


def test_settled_deliveries_go_with_their_attempts_and_nothing_is_sent_again(
    world: World, server: Receiver, at: datetime
) -> None:
    sent, notices, receipts = len(server.received), rows(Notice, world.tenant_id), rows(Receipt, world.tenant_id)
    assert sent == rows(WebhookDelivery, world.tenant_id) == rows(WebhookAttempt, world.tenant_id) > 0
    assert forget_history(at=at + 89 * DAY) == NOTHING
    assert forget_history(at=at + LATER) == NOTHING | {"deliveries": sent}
    assert (rows(WebhookDelivery, world.tenant_id), rows(WebhookAttempt, world.tenant_id)) == (0, 0)
    assert (rows(Notice, world.tenant_id), rows(Receipt, world.tenant_id)) == (notices, receipts)
    assert forget_history(at=at + LATER) == NOTHING
    deliver_due_webhooks(at=at + LATER)
    assert len(server.received) == sent
    world.tell(at + LATER)
    deliver_due_webhooks(at=at + LATER)
    assert len(server.received) == sent + 1


def test_what_was_forgotten_can_still_be_replayed(world: World, server: Receiver, at: datetime) -> None:
    first = server.received[0].headers["webhook-id"]
    forget_history(at=at + LATER)
    with transaction() as session:
        replays.replay_notice(
            session, tenant_id=world.tenant_id, endpoint_id=world.endpoint_id, notice_id=first, at=at + LATER
        )
    deliver_due_webhooks(at=at + LATER)
    assert server.received[-1].headers["webhook-id"] == first


def test_a_delivery_that_waits_stays_however_old_it_is(world: World, server: Receiver, at: datetime) -> None:
    server.answers = [(503, b"busy")]
    world.tell(at)
    deliver_due_webhooks(at=at)
    forget_history(at=at + 400 * DAY)
    with reading() as session:
        (left,) = session.exec(select(WebhookDelivery).where(WebhookDelivery.tenant_id == world.tenant_id))
    assert left.status == DeliveryStatus.WAITING
    assert rows(WebhookAttempt, world.tenant_id) == 1


def test_it_goes_on_where_a_round_ended(world: World, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "FORGOTTEN_AT_ONCE", 1)
    monkeypatch.setattr(retention_job, "ROUNDS_MAX", 2)
    kept = rows(WebhookDelivery, world.tenant_id)
    assert forget_history(at=at + LATER) == NOTHING | {"deliveries": 2, "more": 1}
    while forget_history(at=at + LATER)["more"]:
        assert rows(WebhookDelivery, world.tenant_id) < kept
    assert rows(WebhookDelivery, world.tenant_id) == 0


def test_the_words_of_letters_go_and_none_is_written_or_sent_twice(acme: Customer, mail_server: Any) -> None:
    prepare_due_mails(at=NOON)
    send_due_mails(at=NOON)
    written = mails(acme.tenant_id)
    assert written
    assert {mail.status for mail in written} == {MailStatus.SENT}
    assert forget_history(at=NOON + 89 * DAY) == NOTHING
    assert forget_history(at=NOON + LATER) == NOTHING | {"letters": len(written)}
    left = mails(acme.tenant_id)
    assert [mail.message_id for mail in left] == [mail.message_id for mail in written]
    for before, after in zip(written, left, strict=True):
        assert after.content["subject"] == before.content["subject"]
        assert before.content["paragraphs"][0] not in str(after.content)
        assert after.content["facts"] == []
    with reading() as session:
        opened = read_mail(session, tenant_id=acme.tenant_id, mail_id=left[0].id, at=NOON + LATER)
    assert "words of this letter were deleted" in opened.text
    assert not opened.can_retry
    prepare_due_mails(at=NOON + LATER)
    send_due_mails(at=NOON + LATER)
    assert len(mails(acme.tenant_id)) == len(written)
    assert forget_history(at=NOON + LATER) == NOTHING


@pytest.mark.parametrize("status", [MailStatus.WAITING, MailStatus.FAILED])
def test_letters_that_wait_or_are_left_to_a_person_keep_their_words(acme: Customer, status: MailStatus) -> None:
    prepare_due_mails(at=NOON)
    with transaction() as session:
        for mail in session.exec(select(MailMessage).where(MailMessage.tenant_id == acme.tenant_id)):
            mail.status, mail.error = status, "550 no such mailbox" if status == MailStatus.FAILED else None
    before = [mail.content for mail in mails(acme.tenant_id)]
    assert forget_history(at=NOON + 400 * DAY) == NOTHING
    assert [mail.content for mail in mails(acme.tenant_id)] == before


def test_an_installation_may_keep_all_or_for_longer(
    world: World, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for days, deleted in (("0", False), ("120", False), ("30", True)):
        monkeypatch.setenv("TALLYSTICK_HISTORY_KEPT_DAYS", days)
        configuration.settings.cache_clear()
        assert bool(forget_history(at=at + LATER)["deliveries"]) is deleted


@pytest.mark.parametrize("days", ["-1", "1", "29", "9999", "soon"])
def test_days_that_would_delete_what_is_still_looked_at_are_refused(
    sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch, days: str
) -> None:
    monkeypatch.setenv("TALLYSTICK_HISTORY_KEPT_DAYS", days)
    with pytest.raises(ValidationError):
        configuration.Settings()


def test_it_is_a_job_of_every_day() -> None:
    job = job_named("retention")
    assert job is not None
    assert job.seconds == DAY.total_seconds()
