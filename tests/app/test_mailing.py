"""From a notice to a letter in a mailbox: real SMTP, both databases, once."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from app.mailing import prepare_due_mails, send_due_mails
from models import Invoice, MailKind, MailMessage, MailPreference, MailStatus, Role, SubscriptionStatus, User
from services import settings as configuration
from services.database import reading, transaction
from services.gateways.mail_catcher import message_id_of
from services.identity import create_user
from services.invoices.finding import mark_invoice_paid
from services.mails import sending
from services.parties.billing_profiles import BillingDetails, change_billing_profile
from services.payments.dunning import advance_dunning, begin_dunning
from services.subscriptions.plan_changes import change_plan
from services.subscriptions.standing import set_status
from tests.given import NOON, Customer, customer, event, metered
from tests.mail_server import MailServerForTests, html_of, plain_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOTHING = {"sent": 0, "postponed": 0, "refused": 0, "lost": 0}


@pytest.fixture
def acme(engine: Engine, mail_server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Customer]:
    """Acme on PRO with an owner, a billing admin who reads French, and a viewer; mail goes to `mail_server`."""
    monkeypatch.setenv("TALLYSTICK_SMTP_URL", mail_server.address)
    monkeypatch.setenv("TALLYSTICK_MAIL_FROM", "Tallystick <billing@tallystick.example>")
    configuration.settings.cache_clear()
    with transaction() as session:
        one = customer(session)
        for email, role, language in (
            ("owner@acme.example", Role.OWNER, None),
            ("finance@acme.example", Role.BILLING_ADMIN, "fr"),
            ("viewer@acme.example", Role.VIEWER, None),
        ):
            made = create_user(
                session, email=email, password="a-long-password", tenant_id=one.tenant_id, role=role, at=NOON
            )
            session.get_one(User, made.id).language = language
    yield one
    configuration.settings.cache_clear()


def mails(tenant_id: str) -> list[MailMessage]:
    with reading() as session:
        statement = select(MailMessage).where(MailMessage.tenant_id == tenant_id)
        return list(session.exec(statement.order_by(col(MailMessage.notice_seq), col(MailMessage.address))))


def invoice_of(session: Session, one: Customer) -> Invoice:
    return session.exec(select(Invoice).where(Invoice.tenant_id == one.tenant_id)).one()


def prefer(one: Customer, email: str, kind: MailKind, is_wanted: bool) -> None:
    with transaction() as session:
        user = session.exec(select(User).where(User.email == email)).one()
        session.add(
            MailPreference(tenant_id=one.tenant_id, user_id=user.id, kind=kind, is_wanted=is_wanted, changed_at=NOON)
        )


def test_an_invoice_reaches_those_who_answer_for_it_each_in_their_language(acme: Customer, mail_server: Any) -> None:
    assert prepare_due_mails(at=NOON) == {"notices": 2, "mails": 2, "failed": 0}
    assert send_due_mails(at=NOON) == NOTHING | {"sent": 2}
    by_recipient = {message["To"]: message for message in mail_server.messages}
    assert set(by_recipient) == {"owner@acme.example", "finance@acme.example"}
    english, french = by_recipient["owner@acme.example"], by_recipient["finance@acme.example"]
    assert english["Subject"] == "Invoice INV-000001: $9,000.00, due 20 December 2026"
    assert french["Subject"].startswith("Facture INV-000001\xa0: 9\xa0000,00\xa0$")
    assert (english["Content-Language"], french["Content-Language"]) == ("en", "fr")
    assert english["From"] == "Tallystick <billing@tallystick.example>"
    assert english["Auto-Submitted"] == "auto-generated"
    assert english["List-Unsubscribe"] is None
    with reading() as session:
        link = f"http://localhost:3000/invoices/{invoice_of(session, acme).id}/"
    assert link in plain_of(english)
    assert f'href="{link}"' in html_of(english)
    assert "$9,000.00" in html_of(english)


def test_an_invoice_has_its_pdf_with_it_in_the_readers_language(acme: Customer, mail_server: Any) -> None:
    prepare_due_mails(at=NOON)
    send_due_mails(at=NOON)
    for message in mail_server.messages:
        (file,) = message.iter_attachments()
        assert (file.get_content_type(), file.get_filename()) == ("application/pdf", "INV-000001.pdf")
        assert file.get_content().startswith(b"%PDF-")
    english, french = (next(each.iter_attachments()).get_content() for each in mail_server.messages)
    assert english != french


def test_bills_go_to_the_addresses_given_for_them_too_in_the_customers_language(
    acme: Customer, mail_server: Any
) -> None:
    details = BillingDetails(
        legal_name="Acme inc.", address_lines=("1 rue Un",), city="Montréal", region="QC", postal_code="H2Y 1C6",
        country="CA", emails=("Payables@acme.example", "owner@acme.example"), language="fr",
    )  # fmt: skip
    with transaction() as session:
        change_billing_profile(session, tenant_id=acme.tenant_id, details=details, by="somebody", at=NOON)
        metered(session, acme.tenant_id, event("850000"))
    prepare_due_mails(at=NOON)
    send_due_mails(at=NOON)
    found = {(mail.kind, mail.address, mail.language) for mail in mails(acme.tenant_id)}
    assert found == {
        (MailKind.INVOICES, "finance@acme.example", "fr"),
        (MailKind.INVOICES, "owner@acme.example", "fr"),
        (MailKind.INVOICES, "payables@acme.example", "fr"),
        (MailKind.CREDIT_ALERTS, "finance@acme.example", "fr"),
        (MailKind.CREDIT_ALERTS, "owner@acme.example", "fr"),
    }
    to_contact = next(each for each in mail_server.messages if each["To"] == "payables@acme.example")
    assert "/notifications/" not in plain_of(to_contact), "there is nothing to choose without an account"


def test_nothing_is_prepared_or_sent_twice(acme: Customer, mail_server: Any) -> None:
    for _ in range(3):
        prepare_due_mails(at=NOON)
        send_due_mails(at=NOON)
    assert len(mail_server.letters) == 2
    assert {mail.status for mail in mails(acme.tenant_id)} == {MailStatus.SENT}


def test_many_workers_send_each_letter_once(acme: Customer, mail_server: Any) -> None:
    with transaction() as session:
        for number in range(8):
            create_user(
                session, email=f"owner{number}@acme.example", password="a-long-password", tenant_id=acme.tenant_id,
                role=Role.OWNER, at=NOON,
            )  # fmt: skip
    start = threading.Barrier(4)

    def work(_: int) -> int:
        start.wait()
        prepare_due_mails(at=NOON)
        return send_due_mails(at=NOON)["sent"]

    with ThreadPoolExecutor(4) as workers:
        sent = sum(workers.map(work, range(4)))
    send_due_mails(at=NOON)
    assert sent <= 10
    assert sorted(recipient for _, recipient, _ in mail_server.letters) == sorted(
        {mail.address for mail in mails(acme.tenant_id)}
    )
    assert len(mail_server.letters) == 10


def test_a_temporary_refusal_is_tried_again_under_the_same_message_id(acme: Customer, mail_server: Any) -> None:
    mail_server.refuse_letter.extend(["451 4.7.1 greylisted", "451 4.7.1 greylisted"])
    prepare_due_mails(at=NOON)
    assert send_due_mails(at=NOON) == NOTHING | {"postponed": 2}
    (first, _) = mails(acme.tenant_id)
    assert (first.status, first.attempts) == (MailStatus.WAITING, 1)
    assert "451 4.7.1 greylisted" in str(first.error)
    assert NOON + timedelta(minutes=1) <= first.next_attempt_at <= NOON + timedelta(seconds=75)
    assert send_due_mails(at=NOON + timedelta(seconds=30)) == NOTHING
    assert send_due_mails(at=NOON + timedelta(seconds=75)) == NOTHING | {"sent": 2}
    sent = mails(acme.tenant_id)
    assert [mail.error for mail in sent] == [None, None]
    assert {mail.message_id for mail in sent} == {message_id_of(data) for _, _, data in mail_server.letters}
    assert {message["Date"] for message in mail_server.messages} == {"Fri, 20 Nov 2026 12:00:00 +0000"}


def test_a_refusal_for_good_is_left_to_a_person_who_may_try_again(acme: Customer, mail_server: Any) -> None:
    mail_server.refuse_recipient.append("550 5.1.1 no such user")
    prepare_due_mails(at=NOON)
    assert send_due_mails(at=NOON) == NOTHING | {"sent": 1, "refused": 1}
    (refused,) = [mail for mail in mails(acme.tenant_id) if mail.status == MailStatus.FAILED]
    assert "no such user" in str(refused.error)
    assert send_due_mails(at=NOON + 10 * DAY) == NOTHING
    with transaction() as session:
        sending.retry_mail(session, tenant_id=acme.tenant_id, mail_id=refused.id, at=NOON + HOUR)
    assert send_due_mails(at=NOON + HOUR) == NOTHING | {"sent": 1}
    assert len(mail_server.letters) == 2


def test_a_server_that_hangs_up_is_asked_again_later(acme: Customer, mail_server: Any) -> None:
    mail_server.refuse_letter.append(MailServerForTests.DROP)
    prepare_due_mails(at=NOON)
    assert send_due_mails(at=NOON) == NOTHING | {"postponed": 1}, "others would fare alike"
    assert send_due_mails(at=NOON + HOUR) == NOTHING | {"sent": 2}
    assert len(mail_server.letters) == 2


def test_letters_wait_where_no_server_is_set(acme: Customer, monkeypatch: pytest.MonkeyPatch, mail_server: Any) -> None:
    monkeypatch.setenv("TALLYSTICK_SMTP_URL", "")
    configuration.settings.cache_clear()
    prepare_due_mails(at=NOON)
    assert send_due_mails(at=NOON) == NOTHING
    assert {mail.status for mail in mails(acme.tenant_id)} == {MailStatus.WAITING}
    monkeypatch.setenv("TALLYSTICK_SMTP_URL", mail_server.address)
    configuration.settings.cache_clear()
    assert send_due_mails(at=NOON + 3 * DAY)["sent"] == 2


def test_a_letter_that_waited_too_long_is_given_up_and_says_so(acme: Customer, mail_server: Any) -> None:
    prepare_due_mails(at=NOON)
    assert send_due_mails(at=NOON + 15 * DAY) == NOTHING
    assert [(mail.status, mail.error) for mail in mails(acme.tenant_id)] == [
        (MailStatus.GIVEN_UP, sending.TOO_LATE)
    ] * 2
    assert mail_server.letters == []


def test_a_worker_that_died_before_the_letter_went_is_made_up_for(acme: Customer, mail_server: Any) -> None:
    prepare_due_mails(at=NOON)
    with transaction() as session:
        lost = sending.claim_mail(session, at=NOON)
    assert lost is not None
    assert send_due_mails(at=NOON) == NOTHING | {"sent": 1}
    assert send_due_mails(at=NOON + HOUR) == NOTHING | {"sent": 1}
    assert len(mail_server.letters) == 2


def test_a_worker_that_died_over_the_letter_leaves_it_to_a_person(acme: Customer, mail_server: Any) -> None:
    prepare_due_mails(at=NOON)
    with transaction() as session:
        lost = sending.claim_mail(session, at=NOON)
        assert lost is not None
        sending.note_handing_over(session, lost, at=NOON)
    assert send_due_mails(at=NOON + HOUR) == NOTHING | {"sent": 1}
    (found,) = [mail for mail in mails(acme.tenant_id) if mail.id == lost.id]
    assert (found.status, found.error) == (MailStatus.FAILED, sending.LOST)


def test_a_worker_whose_claim_ran_out_hands_nothing_over(acme: Customer, mail_server: Any) -> None:
    from services.errors import Conflict

    prepare_due_mails(at=NOON)
    with transaction() as session:
        slow = sending.claim_mail(session, at=NOON)
    assert slow is not None
    assert send_due_mails(at=NOON + HOUR)["sent"] == 2
    with pytest.raises(Conflict), transaction() as session:
        sending.note_handing_over(session, slow, at=NOON + HOUR)
    assert len(mail_server.letters) == 2


def test_a_failed_payment_says_when_service_stops_and_reminders_follow(acme: Customer, mail_server: Any) -> None:
    with transaction() as session:
        begin_dunning(session, invoice=invoice_of(session, acme), failed_at=NOON)
        invoice_id = invoice_of(session, acme).id
    for day in (0, 3, 5, 7):
        with transaction() as session:
            advance_dunning(session, tenant_id=acme.tenant_id, invoice_id=invoice_id, at=NOON + day * DAY)
        prepare_due_mails(at=NOON + day * DAY)
        send_due_mails(at=NOON + day * DAY)
    to_owner = [message for message in mail_server.messages if message["To"] == "owner@acme.example"]
    subjects = [message["Subject"].replace("\xa0", " ") for message in to_owner]
    assert subjects[1:] == [
        "$9,000.00 still to pay, service stops 28 November 2026",
        "Reminder: $9,000.00 still to pay, service stops 28 November 2026",
        "Reminder: $9,000.00 still to pay, service stops 28 November 2026",
        "Last reminder: $9,000.00 still to pay, service stops 28 November 2026",
    ]
    assert "Service stops tomorrow" in html_of(to_owner[-1])


def test_a_reminder_is_not_sent_once_the_invoice_is_paid(acme: Customer, mail_server: Any) -> None:
    with transaction() as session:
        invoice = invoice_of(session, acme)
        begin_dunning(session, invoice=invoice, failed_at=NOON)
        advance_dunning(session, tenant_id=acme.tenant_id, invoice_id=invoice.id, at=NOON)
    prepare_due_mails(at=NOON)
    with transaction() as session:
        mark_invoice_paid(session, tenant_id=acme.tenant_id, invoice_id=invoice.id, at=NOON, reference="wire 7")
    send_due_mails(at=NOON)
    statuses = {(mail.kind, mail.status) for mail in mails(acme.tenant_id)}
    assert statuses == {(MailKind.INVOICES, MailStatus.SENT), (MailKind.FAILED_PAYMENTS, MailStatus.GIVEN_UP)}
    prepare_due_mails(at=NOON)
    send_due_mails(at=NOON)
    assert "Receipt: $9,000.00 paid for invoice INV-000001" in [each["Subject"] for each in mail_server.messages]


def test_an_alert_can_be_stopped_by_one_click_and_an_invoice_cannot(acme: Customer, mail_server: Any) -> None:
    with transaction() as session:
        metered(session, acme.tenant_id, event("850000"))
    prepare_due_mails(at=NOON)
    send_due_mails(at=NOON)
    alert = next(each for each in mail_server.messages if each["Subject"].startswith("80%"))
    assert alert["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert alert["List-Unsubscribe"].startswith("<http://localhost:3000/unsubscribe/")
    assert alert["List-Unsubscribe"].strip("<>") in plain_of(alert)
    assert "850,000 of 1,000,000 credits since 1 November 2026" in plain_of(alert).replace("\n", " ")


def test_everybody_gets_what_they_chose_but_nobody_who_answers_for_bills_misses_a_failure(
    acme: Customer, mail_server: Any
) -> None:
    prefer(acme, "owner@acme.example", MailKind.INVOICES, False)
    prefer(acme, "viewer@acme.example", MailKind.INVOICES, True)
    prefer(acme, "owner@acme.example", MailKind.FAILED_PAYMENTS, False)
    with transaction() as session:
        named = {"tenant_id": acme.tenant_id, "subscription_id": acme.subscription_id}
        set_status(session, **named, status=SubscriptionStatus.SUSPENDED, at=NOON)
    prepare_due_mails(at=NOON)
    by_kind = {(mail.kind, mail.address) for mail in mails(acme.tenant_id)}
    assert by_kind == {
        (MailKind.INVOICES, "finance@acme.example"),
        (MailKind.INVOICES, "viewer@acme.example"),
        (MailKind.FAILED_PAYMENTS, "owner@acme.example"),
        (MailKind.FAILED_PAYMENTS, "finance@acme.example"),
    }


def test_nobody_is_written_to_about_what_is_long_past(acme: Customer) -> None:
    assert prepare_due_mails(at=NOON + 8 * DAY) == {"notices": 2, "mails": 0, "failed": 0}


def test_a_customer_whose_letters_cannot_be_written_keeps_no_other_waiting(
    acme: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction() as session:
        other = customer(session, name="Beta")
        create_user(
            session, email="owner@beta.example", password="a-long-password", tenant_id=other.tenant_id,
            role=Role.OWNER, at=NOON,
        )  # fmt: skip
        from models import Notice

        broken = session.exec(select(Notice).where(Notice.tenant_id == acme.tenant_id, Notice.seq == 2)).one()
        broken.data = {"nonsense": True}
    assert prepare_due_mails(at=NOON) == {"notices": 2, "mails": 1, "failed": 1}
    assert [mail.address for mail in mails(other.tenant_id)] == ["owner@beta.example"]


def test_a_change_of_plan_is_told_by_the_names_of_both_plans(acme: Customer, mail_server: Any) -> None:
    named = {"tenant_id": acme.tenant_id, "subscription_id": acme.subscription_id}
    for plan_code in ("ENTERPRISE", "STARTER"):
        with transaction() as session:
            change_plan(session, **named, plan_code=plan_code, at=NOON)
    prepare_due_mails(at=NOON)
    send_due_mails(at=NOON)
    to_owner = [each["Subject"] for each in mail_server.messages if each["To"] == "owner@acme.example"]
    assert to_owner[1:] == ["Your plan is now Enterprise", "Your plan changes to Starter on 1 December 2026"]
