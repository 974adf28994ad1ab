"""The link in a letter: looking changes nothing, one click stops one kind for one person at one customer."""

from datetime import UTC, datetime
from typing import Any

import pytest

from models import MailKind, User
from services.database import engine, reading, transaction
from services.gateways.mail_tokens import Subscriber, read_subscriber, sign_subscriber
from services.gateways.master_key import read_master_key
from services.identity import create_user, find_user
from services.mails.recipients import recipients_of
from tests.app.api.conftest import Customer, World

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def token_for(customer: Customer, kind: MailKind | str = MailKind.CREDIT_ALERTS) -> str:
    with reading() as session:
        user = find_user(session, email=customer.email)
    key = read_master_key(engine().url)
    return sign_subscriber(Subscriber(customer.tenant_id, user.id, str(kind)), master_key=key)


def gets(customer: Customer, kind: MailKind) -> bool:
    with reading() as session:
        found = recipients_of(session, tenant_id=customer.tenant_id, kind=kind)
    return customer.email in [each.address for each in found]


def test_looking_changes_nothing_and_shows_a_button(client: Any, world: World) -> None:
    for _ in range(2):
        answer = client.get(f"/unsubscribe/{token_for(world.acme)}")
        assert answer.status_code == 200
        assert "Stop these letters?" in answer.text
        assert "Credits running low" in answer.text
        assert "owner@acme.example" in answer.text
    assert gets(world.acme, MailKind.CREDIT_ALERTS)
    assert "script" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_one_click_stops_this_kind_for_this_person_here_only(client: Any, world: World) -> None:
    form = {"List-Unsubscribe": "One-Click"}
    for _ in range(2):
        answer = client.post(f"/unsubscribe/{token_for(world.acme)}", data=form)
        assert answer.status_code == 200
        assert "You are unsubscribed" in answer.text
    assert not gets(world.acme, MailKind.CREDIT_ALERTS)
    assert gets(world.acme, MailKind.INVOICES)
    assert gets(world.borealis, MailKind.CREDIT_ALERTS)


def test_it_can_be_taken_back_on_the_page(client: Any, world: World) -> None:
    address = f"/unsubscribe/{token_for(world.acme)}"
    client.post(address, data={"wanted": "no"})
    assert not gets(world.acme, MailKind.CREDIT_ALERTS)
    assert "Stop these letters?" in client.post(address, data={"wanted": "yes"}).text
    assert gets(world.acme, MailKind.CREDIT_ALERTS)


def test_a_form_of_another_site_can_stop_letters_as_mail_programs_do(client: Any, world: World) -> None:
    headers = {"Origin": "https://mail.example", "Sec-Fetch-Site": "cross-site"}
    answer = client.post(f"/unsubscribe/{token_for(world.acme)}", content=b"", headers=headers)
    assert answer.status_code == 200
    assert not gets(world.acme, MailKind.CREDIT_ALERTS)


def test_the_page_is_in_the_readers_language(client: Any, world: World) -> None:
    with transaction() as session:
        found = find_user(session, email=world.acme.email)
        session.get_one(User, found.id).language = "fr"
    page = client.get(f"/unsubscribe/{token_for(world.acme)}").text
    assert '<html lang="fr">' in page
    assert "Crédits bientôt épuisés" in page


@pytest.mark.parametrize("damage", ["x", "", ".", "a.b.c.d", "é.b.c.d", "a" * 290])
def test_a_link_that_is_not_ours_stops_nothing(client: Any, world: World, damage: str) -> None:
    token = token_for(world.acme)
    for forged in (damage, token + damage if damage else token[:-1], token.replace("credit_alerts", "plan")):
        for answer in (client.get(f"/unsubscribe/{forged}"), client.post(f"/unsubscribe/{forged}", data={})):
            assert answer.status_code in {404, 405, 422}, answer.text
    assert gets(world.acme, MailKind.PLAN)


def test_letters_that_must_arrive_cannot_be_stopped_by_a_link(client: Any, world: World) -> None:
    answer = client.post(f"/unsubscribe/{token_for(world.acme, MailKind.FAILED_PAYMENTS)}", data={})
    assert answer.status_code == 422
    assert "cannot be turned off" in answer.text
    assert gets(world.acme, MailKind.FAILED_PAYMENTS)


def test_a_token_opens_under_its_own_key_only() -> None:
    subscriber = Subscriber("ten_1", "usr_1", "plan")
    token = sign_subscriber(subscriber, master_key=b"a" * 32)
    assert read_subscriber(token, master_key=b"a" * 32) == subscriber
    with pytest.raises(Exception, match="not one of ours"):
        read_subscriber(token, master_key=b"b" * 32)


def test_an_operator_stops_letters_about_all_customers_by_the_link(client: Any, world: World) -> None:
    with transaction() as session:
        operator = create_user(session, email="ops2@t.example", password="a-long-password", is_operator=True, at=NOW).id
    subscriber = Subscriber(world.acme.tenant_id, operator, MailKind.GAIN_SHARE_DESK.value)
    address = f"/unsubscribe/{sign_subscriber(subscriber, master_key=read_master_key(engine().url))}"
    asked = client.get(address)
    assert "about all customers is sent to ops2@t.example" in asked.text
    assert 'href="/admin/notifications/"' in asked.text
    assert "You are unsubscribed" in client.post(address, data={"List-Unsubscribe": "One-Click"}).text
    with reading() as session:
        found = recipients_of(session, tenant_id=world.borealis.tenant_id, kind=MailKind.GAIN_SHARE_DESK)
    assert "ops2@t.example" not in [each.address for each in found]
    refused = client.post(f"/unsubscribe/{token_for(world.acme, MailKind.GAIN_SHARE_DESK)}", data={"wanted": "yes"})
    assert refused.status_code == 403
