"""Who is signed in, as event handlers see it."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from app import unit_of_work
from app.session import (
    NoCustomerChosen,
    answers_refusals,
    is_local,
    require_role,
    sign_in_address,
    signed_in_member,
    signed_in_operator,
    token_in,
)
from models import Role
from services.database import transaction
from services.errors import Conflict, Forbidden, NotSignedIn
from services.sign_in import Member, sign_in
from services.sign_in_limit import sign_in_limit
from tests.app.api.conftest import PASSWORD, World, make_world


@pytest.fixture
def world(sqlite_engine: object) -> World:
    sign_in_limit.clear()
    return make_world(unit_of_work.now())


class FakeState:
    """What a handler sees of a browser: its cookie header and the address it is at."""

    def __init__(self, cookie: str = "", path: str = "/usage/") -> None:
        self.router = SimpleNamespace(headers=SimpleNamespace(cookie=cookie), url=SimpleNamespace(path=path))
        self.refusal = ""


def signed_in(email: str) -> FakeState:
    with transaction() as session:
        cookie = sign_in(session, email=email, password=PASSWORD, at=unit_of_work.now()).cookie
    return FakeState(f"theme=dark; tallystick_session={cookie}; x=y")


def member(role: Role | None, *, is_operator: bool = False) -> Member:
    return Member("usr_1", "a@b.example", "ten_1", "Acme", role, is_operator, "UTC", "CAD")


def test_the_cookie_says_who_is_signed_in_and_for_whom(world: World) -> None:
    found = asyncio.run(signed_in_member(signed_in(world.acme.email)))
    assert (found.email, found.tenant_id, found.role) == (world.acme.email, world.acme.tenant_id, Role.OWNER)


@pytest.mark.parametrize("cookie", ["", "tallystick_session=", "tallystick_session=unknown", "other=x", ";;;=;", "é=ü"])
def test_without_a_session_nobody_is_signed_in(world: World, cookie: str) -> None:
    with pytest.raises(NotSignedIn):
        asyncio.run(signed_in_member(FakeState(cookie)))


def test_an_operator_must_choose_a_customer_before_seeing_one(world: World) -> None:
    state = signed_in(world.operator_email)
    assert asyncio.run(signed_in_operator(state)).is_operator
    with pytest.raises(NoCustomerChosen):
        asyncio.run(signed_in_member(state))


def test_a_member_is_no_operator(world: World) -> None:
    with pytest.raises(Forbidden):
        asyncio.run(signed_in_operator(signed_in(world.acme.email)))


def test_roles_include_those_below_them() -> None:
    for role, allowed in ((Role.VIEWER, 1), (Role.BILLING_ADMIN, 2), (Role.OWNER, 3)):
        for needed in list(Role)[:allowed]:
            require_role(member(role), needed)
        for needed in list(Role)[allowed:]:
            with pytest.raises(Forbidden):
                require_role(member(role), needed)
    require_role(member(None, is_operator=True), Role.OWNER)
    with pytest.raises(Forbidden):
        require_role(member(None), Role.VIEWER)


def test_the_token_is_found_among_other_cookies() -> None:
    assert token_in('a=b; tallystick_session="abc"; c=d') == "abc"
    assert token_in("xtallystick_session=abc") == ""
    assert token_in(None) == ""
    assert len(token_in("tallystick_session=" + "x" * 9_000)) == 200


def run_refused(state: FakeState, refusal: Exception) -> Any:
    @answers_refusals
    async def handler(self: Any) -> None:
        raise refusal

    return asyncio.run(handler(state))


def address_in(spec: Any) -> str:
    return "".join(str(value) for _, value in spec.args)


def test_a_handler_without_a_session_leads_to_sign_in_and_back() -> None:
    assert "/sign-in/?next=/usage/" in address_in(run_refused(FakeState(), NotSignedIn("x")))
    ended = run_refused(FakeState("tallystick_session=old"), NotSignedIn("x"))
    assert "/sign-in/?ended=expired&next=/usage/" in address_in(ended)


def test_a_handler_without_a_customer_leads_to_the_list_of_them() -> None:
    assert "/admin/" in address_in(run_refused(FakeState(), NoCustomerChosen("x", is_operator=True)))
    assert "/sign-in/" in address_in(run_refused(FakeState(), NoCustomerChosen("x", is_operator=False)))


def test_any_other_refusal_is_worded_on_the_page() -> None:
    state = FakeState()
    assert run_refused(state, Conflict("Choose another name.")) is None
    assert state.refusal == "Choose another name."


def test_a_page_without_a_place_for_it_shows_a_toast() -> None:
    state = FakeState()
    del state.refusal
    assert "Choose another name." in repr(run_refused(state, Conflict("Choose another name.")))


def test_handlers_that_yield_are_answered_too() -> None:
    @answers_refusals
    async def handler(self: Any) -> AsyncIterator[str]:
        yield "first"
        raise Conflict("Not now.")

    async def collect(state: FakeState) -> list[Any]:
        return [update async for update in handler(state)]

    state = FakeState()
    assert asyncio.run(collect(state)) == ["first", None]
    assert state.refusal == "Not now."


def test_what_is_not_a_refusal_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run_refused(FakeState(), ZeroDivisionError())


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        *[(local, True) for local in ("/", "/usage/?a=b")],
        *[(foreign, False) for foreign in ("//evil", "/\\evil", "http://evil", "", "usage", "/\x00", "/\t/evil", "/é")],
        ("/" + "x" * 600, False),
    ],
)
def test_only_addresses_of_this_site_are_local(address: str, expected: bool) -> None:
    assert is_local(address) is expected
    assert ("next=" in sign_in_address(address)) is (expected and address != "/")
