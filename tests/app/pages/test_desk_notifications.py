"""An operator chooses what to be told of all customers, without looking at one; nobody else can."""

import pytest
import reflex as rx
from sqlalchemy import Engine
from sqlmodel import select

from app.pages.desk_notifications import DeskNotificationsPage
from app.unit_of_work import now
from models import Role, User
from services.database import reading, transaction
from services.identity import create_tenant, create_user
from services.sign_in import open_session
from tests.app.pages.test_gain_share_desk import call
from tests.app.pages.test_state_handlers import connected

KIND = "gain_share_desk"


def signed_in(role: Role | None) -> rx.State:
    with transaction() as session:
        tenant = create_tenant(session, name=f"Acme {role}", currency="CAD", timezone="UTC", at=now())
        user = create_user(
            session, email="who@acme.example", tenant_id=None if role is None else tenant.id, role=role,
            is_operator=role is None, at=now(),
        )  # fmt: skip
        return connected(open_session(session, user_id=user.id, at=now()).cookie)


def kept() -> tuple[bool, str | None]:
    with reading() as session:
        user = session.exec(select(User)).one()
        return user.wants_desk_mail, user.language


def page_of(root: rx.State, name: str, *said: object) -> DeskNotificationsPage:
    call(root, DeskNotificationsPage, name, *said)
    state = root.get_substate(DeskNotificationsPage.get_full_name().split("."))
    assert isinstance(state, DeskNotificationsPage)
    return state


def test_a_choice_is_kept_at_once(sqlite_engine: Engine) -> None:
    root = signed_in(None)
    page = page_of(root, "load")
    assert [(each.kind, each.is_wanted, each.is_fixed) for each in page.view.kinds] == [(KIND, True, False)]
    assert (page.view.address, page.view.language) == ("who@acme.example", "en")
    page_of(root, "choose", KIND, False)
    page_of(root, "speak", "fr")
    page_of(root, "speak", "de")
    page_of(root, "choose", "invoices", True)
    assert kept() == (False, "fr")
    page_of(root, "choose", KIND, True)
    assert kept() == (True, "fr")


@pytest.mark.parametrize("role", list(Role))
def test_a_customers_own_people_have_no_such_page(sqlite_engine: Engine, role: Role) -> None:
    root = signed_in(role)
    for name, said in (("load", ()), ("choose", (KIND, False)), ("speak", ("fr",))):
        page = page_of(root, name, *said)
        assert (page.refusal, page.view.kinds) == ("Only operators can see this page.", ())
    assert kept() == (True, None)
