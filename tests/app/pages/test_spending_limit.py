"""The spending limit in the portal: who may change it, what is asked before, and for whom it is set."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import reflex as rx
from sqlalchemy import Engine

from app.pages.spending_limit import SpendingLimit
from models import Role
from services.database import reading, transaction
from services.identity import create_tenant, create_user
from services.metering import UsageInput, record_usage
from services.price_books.books import load_shipped_books
from services.rules.quantities import MICRO
from services.sign_in import choose_tenant, open_session
from services.spending.controls import SpendStanding, read_spend_control
from services.subscriptions.starting import create_subscription
from tests.app.pages.test_state_handlers import answers_of, connected, handlers_of

AT = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def tenant_id(sqlite_engine: Engine) -> str:
    """On PRO, with 20.00 CAD of use beyond the allowance."""
    with transaction() as session:
        load_shipped_books(session, at=AT)
        made = new_tenant(session, "Acme")
        used = UsageInput(None, "simulator_run", 1_010 * MICRO)
        assert not isinstance(record_usage(session, tenant_id=made, events=[used], at=AT)[0], Exception)
    return made


def new_tenant(session: Any, name: str) -> str:
    tenant = create_tenant(session, name=name, currency="CAD", timezone="UTC", at=AT)
    start = (AT - timedelta(days=3)).date()
    create_subscription(session, tenant_id=tenant.id, plan_code="PRO", start_date=start, at=AT)
    return tenant.id


def signed_in(tenant_id: str, role: Role) -> rx.State:
    with transaction() as session:
        user = create_user(session, email=f"{role}@acme.example", tenant_id=tenant_id, role=role, at=AT)
        cookie = open_session(session, user_id=user.id, at=AT).cookie
    root = connected(cookie)
    call(root, "load")
    return root


def card_of(root: rx.State) -> Any:
    return root.get_substate(SpendingLimit.get_full_name().split("."))


def call(root: rx.State, name: str, *arguments: Any) -> Any:
    return asyncio.run(answers_of(handlers_of(SpendingLimit)[name](card_of(root), *arguments)))


def stored(tenant_id: str) -> SpendStanding:
    with reading() as session:
        return read_spend_control(session, tenant_id=tenant_id)


def cap_of(tenant_id: str) -> str | None:
    cap = stored(tenant_id).cap
    return None if cap is None else cap.plain()


@pytest.mark.parametrize("role", [Role.BILLING_ADMIN, Role.OWNER])
def test_who_answers_for_the_bills_sets_a_limit_and_takes_it_away(tenant_id: str, role: Role) -> None:
    root = signed_in(tenant_id, role)
    assert card_of(root).may_change
    call(root, "edit", "cap")
    assert card_of(root).editing == "cap"
    call(root, "save_cap", {"cap": "1,500.00"})
    assert (cap_of(tenant_id), card_of(root).view.worded, card_of(root).editing) == (
        "1500.00", "$20.00 of $1,500.00", "",
    )  # fmt: skip
    call(root, "remove_cap")
    assert (cap_of(tenant_id), card_of(root).view.has_cap) == (None, False)


def test_a_viewer_reads_it_and_changes_nothing(tenant_id: str) -> None:
    root = signed_in(tenant_id, Role.VIEWER)
    card = card_of(root)
    assert (card.may_change, card.view.spent) == (False, "$20.00")
    for name, arguments in {
        "edit": ("cap",),
        "save_cap": ({"cap": "50.00"},),
        "confirm_cap": (),
        "remove_cap": (),
        "save_thresholds": ({"thresholds": "50"},),
    }.items():
        call(root, name, *arguments)
        assert "billing admin" in card.refusal, name
        card.refusal = ""
    assert stored(tenant_id).updated_at is None


def test_a_limit_below_what_is_spent_is_set_only_when_it_is_confirmed(tenant_id: str) -> None:
    root = signed_in(tenant_id, Role.OWNER)
    call(root, "confirm_cap")
    call(root, "save_cap", {"cap": "5.00"})
    assert (cap_of(tenant_id), card_of(root).asked.cap) == (None, "5.00")
    call(root, "put_back")
    call(root, "confirm_cap")
    assert cap_of(tenant_id) is None
    call(root, "save_cap", {"cap": "5.00"})
    call(root, "confirm_cap")
    assert (cap_of(tenant_id), card_of(root).view.state) == ("5.00", "reached")


def test_what_cannot_be_understood_is_said_at_the_field(tenant_id: str) -> None:
    root = signed_in(tenant_id, Role.OWNER)
    call(root, "save_cap", {"cap": "ten"})
    assert (card_of(root).problem, card_of(root).editing) != ("", "")
    call(root, "save_thresholds", {"thresholds": "50, 100"})
    assert (card_of(root).problem[:7], card_of(root).editing) == ("Each is", "thresholds")
    call(root, "save_thresholds", {"thresholds": "50, 95 %"})
    assert (card_of(root).view.told_at, stored(tenant_id).thresholds_pct) == ("50 % and 95 %", (50, 95))


def test_what_was_asked_for_one_customer_is_not_set_for_another(tenant_id: str) -> None:
    with transaction() as session:
        other = new_tenant(session, "Other")
        user = create_user(session, email="us@example.com", is_operator=True, at=AT)
        cookie = open_session(session, user_id=user.id, at=AT).cookie
        choose_tenant(session, cookie_token=cookie, tenant_id=tenant_id, at=AT)
    root = connected(cookie)
    call(root, "load")
    call(root, "save_cap", {"cap": "5.00"})
    assert card_of(root).asked.cap == "5.00"
    with transaction() as session:
        choose_tenant(session, cookie_token=cookie, tenant_id=other, at=AT)
    call(root, "confirm_cap")
    call(root, "save_cap", {"cap": "7.00"})
    assert (cap_of(tenant_id), cap_of(other)) == (None, None)
