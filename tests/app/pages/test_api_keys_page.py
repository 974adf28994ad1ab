"""Keys in the portal: an owner makes one, sees it once, and revokes it; others look; an operator's is marked."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
import reflex as rx
from sqlalchemy import Engine

from app.pages.api_keys import ApiKeysPage
from models import Party, Role
from services.api_keys import authenticate_key
from services.database import reading, transaction
from services.errors import NotSignedIn
from services.identity import create_tenant, create_user
from services.sign_in import choose_tenant, open_session
from tests.app.pages.test_state_handlers import answers_of, connected, handlers_of

AT = datetime.now(UTC).replace(microsecond=0)
FORM = {"name": "Historian", "scope:gainshare:write": True, "scope:billing:read": False, "scope:usage:write": True}


@pytest.fixture
def cookies(sqlite_engine: Engine) -> dict[str, str]:
    """Of each role, and of an operator who looks at the customer."""
    with transaction() as session:
        tenant = create_tenant(session, name="Acme", currency="CAD", timezone="UTC", at=AT)
        found = {}
        for role in Role:
            user = create_user(session, email=f"{role}@acme.example", tenant_id=tenant.id, role=role, at=AT)
            found[role.value] = open_session(session, user_id=user.id, at=AT).cookie
        ours = create_user(session, email="ops@seller.example", is_operator=True, at=AT)
        found["operator"] = open_session(session, user_id=ours.id, at=AT).cookie
        choose_tenant(session, cookie_token=found["operator"], tenant_id=tenant.id, at=AT)
    return found


def state_of(root: rx.State) -> Any:
    return root.get_substate(ApiKeysPage.get_full_name().split("."))


def call(root: rx.State, name: str, *arguments: Any) -> Any:
    return asyncio.run(answers_of(handlers_of(ApiKeysPage)[name](state_of(root), *arguments)))


def test_an_owner_makes_a_key_sees_it_once_and_revokes_it(cookies: dict[str, str]) -> None:
    tab = connected(cookies["owner"])
    call(tab, "load")
    call(tab, "begin_adding")
    call(tab, "add", FORM)
    state = state_of(tab)
    with reading() as session:
        principal = authenticate_key(session, key=state.made)
    assert principal.scopes == {"gainshare:write", "usage:write"}
    assert principal.made_for == Party.CUSTOMER
    (row,) = state.view.rows
    assert (row.name, row.note, state.adding) == ("Historian", "", False)
    assert row.made.startswith("owner@acme.example on ")
    key = state.made
    call(tab, "put_away")
    assert key not in str(state_of(tab).dict())
    call(tab, "ask_revoke", row.id)
    call(tab, "revoke")
    assert [each.is_alive for each in state_of(tab).view.rows] == [False]
    with reading() as session, pytest.raises(NotSignedIn):
        authenticate_key(session, key=key)


def test_a_key_made_by_an_operator_says_so_and_signs_nothing(cookies: dict[str, str]) -> None:
    tab = connected(cookies["operator"])
    call(tab, "load")
    call(tab, "add", FORM)
    (row,) = state_of(tab).view.rows
    assert row.made.startswith("ops@seller.example, for the seller, on ")
    assert row.note == "Signs nothing for the customer"


@pytest.mark.parametrize("role", ["viewer", "billing_admin"])
def test_others_see_the_keys_and_change_none(cookies: dict[str, str], role: str) -> None:
    owner = connected(cookies["owner"])
    call(owner, "load")
    call(owner, "add", FORM)
    tab = connected(cookies[role])
    call(tab, "load")
    (row,) = state_of(tab).view.rows
    assert (row.name, state_of(tab).may_change) == ("Historian", False)
    for name, arguments in (("begin_adding", ()), ("add", (FORM,)), ("ask_revoke", (row.id,)), ("revoke", ())):
        call(tab, name, *arguments)
        assert "owner" in state_of(tab).refusal
        assert (state_of(tab).made, state_of(tab).adding) == ("", False)
    call(tab, "load")
    assert [each.is_alive for each in state_of(tab).view.rows] == [True]


@pytest.mark.parametrize(
    "form",
    [{"name": "None"}, {"name": "x" * 200, "scope:usage:write": True}, {"name": "x", "scope:operator": True}],
)
def test_what_cannot_be_made_says_why_and_makes_nothing(cookies: dict[str, str], form: dict[str, Any]) -> None:
    tab = connected(cookies["owner"])
    call(tab, "load")
    call(tab, "begin_adding")
    call(tab, "add", form)
    state = state_of(tab)
    assert state.problem != ""
    assert (state.adding, state.made, state.view.rows) == (True, "", ())
