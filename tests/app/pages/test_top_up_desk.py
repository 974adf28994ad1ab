"""Buying credits in the portal: who may, what is asked before, and that only what was shown is bought, once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import reflex as rx
from sqlalchemy import Engine
from sqlmodel import select

from app.pages.top_up_desk import TopUpDesk
from models import AutoTopUp, CreditPurchase, Role, Tenant
from services.database import reading, transaction
from services.identity import create_tenant, create_user
from services.price_books.books import load_shipped_books
from services.sign_in import open_session
from services.subscriptions.starting import create_subscription
from tests.app.pages.test_state_handlers import answers_of, connected, handlers_of

AT = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def key(sqlite_engine: Engine) -> str:
    """The pool of a customer on PRO."""
    with transaction() as session:
        load_shipped_books(session, at=AT)
        tenant = create_tenant(session, name="Acme", currency="CAD", timezone="UTC", at=AT)
        start = (AT - timedelta(days=3)).date()
        subscription = create_subscription(session, tenant_id=tenant.id, plan_code="PRO", start_date=start, at=AT)
    return f"{subscription.id}:credits"


def signed_in(role: Role) -> rx.State:
    with transaction() as session:
        tenant_id = session.exec(select(Tenant.id)).one()
        user = create_user(session, email=f"{role}@acme.example", tenant_id=tenant_id, role=role, at=AT)
        cookie = open_session(session, user_id=user.id, at=AT).cookie
    root = connected(cookie)
    call(root, "load")
    return root


def desk_of(root: rx.State) -> Any:
    return root.get_substate(TopUpDesk.get_full_name().split("."))


def call(root: rx.State, name: str, *arguments: Any) -> Any:
    return asyncio.run(answers_of(handlers_of(TopUpDesk)[name](desk_of(root), *arguments)))


def purchases() -> list[CreditPurchase]:
    with reading() as session:
        return list(session.exec(select(CreditPurchase)))


@pytest.mark.parametrize("role", [Role.BILLING_ADMIN, Role.OWNER])
def test_what_was_shown_is_bought_once(key: str, role: Role) -> None:
    root = signed_in(role)
    call(root, "open_purchase", key)
    call(root, "ask", {"pack": "credits-250k", "quantity": "2"})
    asked = desk_of(root).asked
    assert (asked.total, purchases()) == ("$900.00", [])
    call(root, "buy")
    desk_of(root).asked = asked
    call(root, "buy")
    assert [(each.id, each.quantity) for each in purchases()] == [(asked.purchase_id, 2)]
    assert desk_of(root).outcome.invoice_id == purchases()[0].invoice_id


def test_nothing_is_bought_that_was_not_asked_about(key: str) -> None:
    root = signed_in(Role.OWNER)
    call(root, "buy")
    call(root, "open_purchase", key)
    for quantity in ("", "x", "0", "1.5", "9999999", "²"):
        call(root, "ask", {"pack": "credits-250k", "quantity": quantity})
        assert (desk_of(root).asked.purchase_id, desk_of(root).problem == "") == ("", False)
    call(root, "buy")
    assert purchases() == []


def test_who_only_looks_buys_and_orders_nothing(key: str) -> None:
    root = signed_in(Role.VIEWER)
    assert not desk_of(root).may_buy
    for name, given in (("open_purchase", key), ("ask", {"pack": "credits-250k", "quantity": "1"}), ("stop", key)):
        call(root, name, given)
        assert desk_of(root).refusal != ""
    assert purchases() == []


def test_an_order_is_set_changed_and_turned_off(key: str) -> None:
    root = signed_in(Role.OWNER)
    form = {"pack": "credits-250k", "threshold": "50,000", "times": "2", "amount": "900"}
    call(root, "open_order", key)
    call(root, "order", form | {"times": "many"})
    assert "times a month" in desk_of(root).problem
    call(root, "order", form)
    call(root, "stop", key)
    with reading() as session:
        order = session.exec(select(AutoTopUp)).one()
    assert (order.is_on, order.threshold_micro, order.month_minor_max) == (False, 50_000_000_000, 90_000)
