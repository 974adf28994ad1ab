"""Our own people are written to about what customers decide: once each, in their language, as long as they like."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from app.mailing import prepare_due_mails, send_due_mails
from models import MailMessage, Role, User
from services import settings as configuration
from services.database import reading, transaction
from services.gain_share.baselines import accept_baseline, decline_baseline, propose_baseline, withdraw_baseline
from services.gain_share.decisions import dispute_run, reject_run
from services.gain_share.parties import Signer
from services.identity import add_member, create_user
from services.mails.preferences import set_desk_preference
from tests.gain_share_given import JULY, OURS, THEIRS, plant, submitted, terms_of
from tests.given import Customer
from tests.mail_server import html_of, plain_of

OPERATORS = ("anna@seller.example", "benoit@seller.example")


@pytest.fixture
def acme(engine: Engine, mail_server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Customer]:
    """A customer with an owner and a viewer, and two operators of whom one reads French."""
    monkeypatch.setenv("TALLYSTICK_SMTP_URL", mail_server.address)
    monkeypatch.setenv("TALLYSTICK_MAIL_FROM", "Tallystick <billing@tallystick.example>")
    configuration.settings.cache_clear()
    with transaction() as session:
        one = plant(session)
        for email, role in (("owner@plant.example", Role.OWNER), ("viewer@plant.example", Role.VIEWER)):
            create_user(session, email=email, password="a-long-password", tenant_id=one.tenant_id, role=role, at=JULY)
        for email in OPERATORS:
            create_user(session, email=email, password="a-long-password", is_operator=True, at=JULY)
        session.exec(select(User).where(User.email == OPERATORS[1])).one().language = "fr"
    prepare_due_mails(at=JULY)
    send_due_mails(at=JULY)
    mail_server.seen = len(mail_server.messages)
    yield one
    configuration.settings.cache_clear()


def proposed(acme: Customer, signer: Signer) -> str:
    with transaction() as session:
        terms = terms_of(session, acme.tenant_id, "mtbf_hours", "92", at=JULY)
        return propose_baseline(session, tenant_id=acme.tenant_id, terms=terms, signer=signer, at=JULY).id


def letters(mail_server: Any) -> dict[str, str]:
    """What was sent since the last time, the subject by the address."""
    prepare_due_mails(at=JULY)
    send_due_mails(at=JULY)
    new = mail_server.messages[mail_server.seen :]
    mail_server.seen += len(new)
    found = {message["To"]: str(message["Subject"]).strip() for message in new}
    assert len(found) == len(new), "nobody is written to twice"
    return found


def test_the_other_party_hears_of_a_proposal_and_the_proposer_of_the_answer(acme: Customer, mail_server: Any) -> None:
    ours = proposed(acme, OURS)
    assert letters(mail_server) == {
        "owner@plant.example": "Please decide on a baseline: Mean time between failures of 92 hours"
    }
    with transaction() as session:
        accept_baseline(session, tenant_id=acme.tenant_id, baseline_id=ours, signer=THEIRS, at=JULY)
    assert letters(mail_server) == {
        OPERATORS[0]: "Harbour Robotics accepted a baseline: Mean time between failures",
        OPERATORS[1]: "Harbour Robotics a accepté une référence\xa0: Temps moyen entre pannes",
    }
    theirs = proposed(acme, THEIRS)
    told = letters(mail_server)
    assert set(told) == set(OPERATORS)
    assert told[OPERATORS[0]] == "Harbour Robotics proposes a baseline: Mean time between failures of 92 hours"
    with transaction() as session:
        decline_baseline(
            session, tenant_id=acme.tenant_id, baseline_id=theirs, reason="Not all of 2025.", signer=OURS, at=JULY
        )
    assert letters(mail_server) == {"owner@plant.example": "Declined: your baseline for Mean time between failures"}


def test_a_proposal_that_was_withdrawn_before_the_letter_went_is_not_written_about(
    acme: Customer, mail_server: Any
) -> None:
    baseline_id = proposed(acme, THEIRS)
    prepare_due_mails(at=JULY)
    with transaction() as session:
        withdraw_baseline(session, tenant_id=acme.tenant_id, baseline_id=baseline_id, signer=THEIRS, at=JULY)
    assert letters(mail_server) == {}


@pytest.mark.parametrize("decided", ["rejected", "disputed"])
def test_operators_hear_that_a_run_was_refused_with_the_reason(acme: Customer, mail_server: Any, decided: str) -> None:
    with transaction() as session:
        run = submitted(session, acme.tenant_id)
        run_id = run.id
        named = {"tenant_id": acme.tenant_id, "run_id": run.id, "signer": THEIRS, "at": JULY}
        if decided == "rejected":
            reject_run(session, **named, reason="The night shift was idle.")
        else:
            dispute_run(session, **named, parts=["shorter_repairs"], reason="The night shift was idle.")
    prepare_due_mails(at=JULY)
    send_due_mails(at=JULY)
    mine = {message["To"]: message for message in mail_server.messages if "gain-share of $" in str(message["Subject"])}
    assert set(mine) == {OPERATORS[0]}
    letter = mine[OPERATORS[0]]
    assert "The night shift was idle." in plain_of(letter)
    assert f"http://localhost:3000/admin/gain-share/runs/{run_id}/" in html_of(letter)
    assert "http://localhost:3000/admin/notifications/" in plain_of(letter)
    assert letter["List-Unsubscribe"].startswith("<http://localhost:3000/unsubscribe/")


def test_each_operator_stops_for_themselves(acme: Customer, mail_server: Any) -> None:
    with transaction() as session:
        user = session.exec(select(User).where(User.email == OPERATORS[0])).one()
        set_desk_preference(session, user_id=user.id, is_wanted=False)
    proposed(acme, THEIRS)
    assert set(letters(mail_server)) == {OPERATORS[1]}


def test_an_operator_who_belongs_to_the_customer_too_gets_one_letter(acme: Customer, mail_server: Any) -> None:
    with transaction() as session:
        user = session.exec(select(User).where(User.email == OPERATORS[0])).one()
        add_member(session, tenant_id=acme.tenant_id, user_id=user.id, role=Role.OWNER, at=JULY)
    proposed(acme, THEIRS)
    assert set(letters(mail_server)) == set(OPERATORS)
    proposed(acme, OURS)
    assert set(letters(mail_server)) == {OPERATORS[0], "owner@plant.example"}


def test_two_workers_write_one_letter_to_each(acme: Customer) -> None:
    proposed(acme, THEIRS)
    start = threading.Barrier(2)

    def prepare(_: int) -> None:
        start.wait()
        prepare_due_mails(at=JULY)

    with ThreadPoolExecutor(2) as workers:
        list(workers.map(prepare, range(2)))
    with reading() as session:
        addresses = session.exec(
            select(MailMessage.address).where(MailMessage.kind == "gain_share_desk").order_by(col(MailMessage.address))
        ).all()
    assert addresses == list(OPERATORS)
