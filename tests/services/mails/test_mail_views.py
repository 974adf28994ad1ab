"""What operators see of letters: where they go, what waits, what failed, page by page."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlmodel import Session, select

from models import MailMessage, MailStatus, Role, User
from services import settings as configuration
from services.errors import NotFound
from services.gateways.mail_route import catch_on, stop_catching
from services.identity import add_member
from services.mails import sending, views
from services.mails.preparing import prepare_mails
from tests.given import NOON, Customer, customer

PEOPLE = 30


@pytest.fixture
def acme(session: Session) -> Customer:
    one = customer(session)
    for number in range(PEOPLE):
        email = f"owner{number:02}@acme.example"
        session.add(User(id=f"usr_{number}", email=email, password_hash="none", created_at=NOON))
        session.flush()
        add_member(session, tenant_id=one.tenant_id, user_id=f"usr_{number}", role=Role.OWNER, at=NOON)
    prepare_mails(session, tenant_id=one.tenant_id, at=NOON)
    return one


def test_waiting_letters_are_paged_without_loss_or_repetition(session: Session, acme: Customer) -> None:
    first = views.list_mails(session, at=NOON, status="waiting")
    second = views.list_mails(session, at=NOON, status="waiting", after=first.last, seen=views.MAILS_SHOWN)
    assert (first.shown, second.shown, second.last) == ("1–25 of 30", "26–30 of 30", "")
    assert len({row.id for row in (*first.rows, *second.rows)}) == PEOPLE
    assert first.rows[0].note == "Due now"
    assert [(each.word, each.count) for each in first.counts][:2] == [("Failed", "0"), ("Waiting", "30")]


def test_sent_letters_are_paged_the_newest_first(session: Session, acme: Customer) -> None:
    for number in range(PEOPLE):
        at = NOON + timedelta(seconds=number)
        mail = sending.claim_mail(session, at=at)
        assert mail is not None
        sending.note_sent(session, mail, at=at)
    first = views.list_mails(session, at=NOON, status="sent")
    second = views.list_mails(session, at=NOON, status="sent", after=first.last, seen=views.MAILS_SHOWN)
    assert len({row.id for row in (*first.rows, *second.rows)}) == PEOPLE
    assert not any(row.can_retry for row in first.rows)


def test_a_letter_is_found_by_its_address_and_its_customer(session: Session, acme: Customer) -> None:
    assert len(views.list_mails(session, at=NOON, status="waiting", text="Owner07@").rows) == 1
    assert len(views.list_mails(session, at=NOON, status="waiting", text="acm").rows) == views.MAILS_SHOWN
    assert views.list_mails(session, at=NOON, status="waiting", text="%").rows == ()
    assert views.list_mails(session, at=NOON, status="waiting", text="\x00").shown != ""


def test_an_opened_letter_shows_both_pages_as_they_go_out(session: Session, acme: Customer) -> None:
    mail = session.exec(select(MailMessage)).first()
    assert mail is not None
    opened = views.read_mail(session, tenant_id=acme.tenant_id, mail_id=mail.id, at=NOON)
    assert opened.subject == "Invoice INV-000001: $9,000.00, due 20 December 2026"
    assert opened.html.startswith("<!doctype html>")
    assert "Your invoice INV-000001" in opened.text
    assert opened.notice.startswith("invoice.finalized (ntc_")
    with pytest.raises(NotFound):
        views.read_mail(session, tenant_id="ten_other", mail_id=mail.id, at=NOON)


def test_a_failed_letter_says_why_and_can_be_sent_again(session: Session, acme: Customer) -> None:
    mail = sending.claim_mail(session, at=NOON)
    assert mail is not None
    sending.note_refused(session, mail, error="550 no such user")
    session.expire_all()
    (row,) = views.list_mails(session, at=NOON).rows
    assert (row.status_word, row.note, row.can_retry) == ("Failed", "550 no such user", True)
    sending.retry_mail(session, tenant_id=acme.tenant_id, mail_id=mail.id, at=NOON)
    session.refresh(mail)
    assert (mail.status, mail.error, mail.attempts) == (MailStatus.WAITING, None, 1)


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TALLYSTICK_PUBLIC_URL", "https://billing.example.com")
    configuration.settings.cache_clear()
    yield
    configuration.settings.cache_clear()


def test_production_without_a_server_says_that_letters_wait(
    session: Session, acme: Customer, production: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    route = views.read_route(session, at=NOON)
    assert (route.tone, route.title) == ("warn", "No mail server is set: letters wait")
    monkeypatch.setenv("TALLYSTICK_SMTP_URL", "http://wrong")
    configuration.settings.cache_clear()
    assert views.read_route(session, at=NOON).tone == "bad"
    monkeypatch.setenv("TALLYSTICK_SMTP_URL", "smtps://billing:s3cret@mail.example.com")
    configuration.settings.cache_clear()
    route = views.read_route(session, at=NOON)
    assert (route.tone, route.detail) == ("", "Letters are handed to smtps://mail.example.com:465.")


def test_the_catcher_is_named_while_it_runs(session: Session, acme: Customer) -> None:
    assert views.read_route(session, at=NOON).title == "No mail server is set"
    catch_on(2525)
    try:
        assert views.read_route(session, at=NOON).title == "Letters are caught here"
    finally:
        stop_catching()


def test_customers_whose_letters_are_not_written_are_counted(session: Session) -> None:
    customer(session)
    assert views.read_route(session, at=NOON).held_up == 0
    assert views.read_route(session, at=NOON + timedelta(hours=1)).held_up == 1
