"""Webhooks in the portal: an endpoint is added, tested and opened, and what was sent to it is shown and sent again."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
import reflex as rx
from sqlalchemy import Engine

from app.pages import endpoint_deliveries
from app.pages.webhook_endpoints import WebhookEndpointsPage
from models import Role
from services.database import transaction
from services.identity import create_tenant, create_user
from services.sign_in import open_session
from tests.app.pages.test_state_handlers import answers_of, connected, handlers_of

AT = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def tab(sqlite_engine: Engine) -> rx.State:
    with transaction() as session:
        tenant = create_tenant(session, name="Acme", currency="CAD", timezone="UTC", at=AT)
        user = create_user(session, email="ada@acme.example", tenant_id=tenant.id, role=Role.OWNER, at=AT)
        cookie = open_session(session, user_id=user.id, at=AT).cookie
    return connected(cookie)


def state_of(root: rx.State) -> Any:
    return root.get_substate(WebhookEndpointsPage.get_full_name().split("."))


def call(root: rx.State, name: str, *arguments: Any) -> Any:
    return asyncio.run(answers_of(handlers_of(WebhookEndpointsPage)[name](state_of(root), *arguments)))


def test_a_test_that_was_sent_is_listed_opened_and_closed_again(tab: rx.State, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(endpoint_deliveries, "deliver_test", lambda **named: sent.append(named["delivery_id"]))
    call(tab, "load")
    call(tab, "begin_adding")
    call(tab, "add", {"url": "https://hooks.acme.example/bills", "description": "Bills"})
    state = state_of(tab)
    assert (state.opened.url, state.problem, state.adding) == ("https://hooks.acme.example/bills", "", False)
    call(tab, "send_test")
    assert [row.id for row in state.sent.rows] == sent
    assert (state.testing, state.has_previous) == (False, False)
    call(tab, "open_message", sent[0])
    assert state.message.id == sent[0]
    call(tab, "close_message")
    assert (state.message.id, state.opened.url) == ("", "https://hooks.acme.example/bills")


def test_pages_of_what_was_sent_are_turned_within_what_there_is(tab: rx.State) -> None:
    call(tab, "load")
    call(tab, "add", {"url": "https://hooks.acme.example/bills"})
    for turn in ("older", "newer", "newer"):
        call(tab, turn)
        assert (state_of(tab).has_previous, state_of(tab).sent.rows) == (False, ())


def test_sending_again_what_there_is_not_says_so_and_stays_on_the_endpoint(tab: rx.State) -> None:
    call(tab, "load")
    call(tab, "add", {"url": "https://hooks.acme.example/bills"})
    call(tab, "replay", "ntc_none")
    state = state_of(tab)
    assert state.problem != ""
    assert state.opened.url == "https://hooks.acme.example/bills"
