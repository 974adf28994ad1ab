"""Adjustments and credit in the portal: decided on by our own side alone, once, and paid back as shown."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
import reflex as rx
from sqlalchemy import Engine

from app.pages.adjustments import AdjustmentsPage
from models import Role
from services.closing.close import close_period
from services.database import reading, transaction
from services.identity import create_tenant, create_user
from services.invoices.adjustment_views import read_adjustments
from services.price_books.books import load_shipped_books
from services.sign_in import open_session
from services.subscriptions.finding import read_subscription
from services.subscriptions.starting import create_subscription
from tests.app.pages.test_state_handlers import answers_of, connected, handlers_of

AT = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def tenant_id(sqlite_engine: Engine) -> str:
    with transaction() as session:
        load_shipped_books(session, at=AT)
        tenant = create_tenant(session, name="Acme", currency="CAD", timezone="UTC", at=AT)
        create_subscription(session, tenant_id=tenant.id, plan_code="PRO", at=AT)
    return tenant.id


def signed_in(tenant_id: str, *, as_owner: bool = False) -> rx.State:
    """A tab at the adjustments of a customer, of an operator's or of the customer's owner."""
    with transaction() as session:
        user = create_user(
            session, email="who@acme.example", tenant_id=tenant_id if as_owner else None,
            role=Role.OWNER if as_owner else None, is_operator=not as_owner, at=AT,
        )  # fmt: skip
        cookie = open_session(session, user_id=user.id, at=AT).cookie
    root = connected(cookie, looking_at=tenant_id)
    call(root, "load")
    return root


def page_of(root: rx.State) -> Any:
    return root.get_substate(AdjustmentsPage.get_full_name().split("."))


def call(root: rx.State, name: str, *arguments: Any) -> Any:
    return asyncio.run(answers_of(handlers_of(AdjustmentsPage)[name](page_of(root), *arguments)))


def form(tenant_id: str, amount: str, reason: str = "Outage") -> dict[str, str]:
    with reading() as session:
        subscription_id = read_subscription(session, tenant_id=tenant_id).id
    return {"subscription_id": subscription_id, "amount": amount, "reason": reason}


def waiting(tenant_id: str) -> list[str]:
    with reading() as session:
        return [row.amount for row in read_adjustments(session, tenant_id=tenant_id).rows]


def test_an_operator_adds_an_adjustment(tenant_id: str) -> None:
    root = signed_in(tenant_id)
    call(root, "add", form(tenant_id, "-25.00"))
    page = page_of(root)
    assert (page.problem, page.done, page.view.rows[0].by) == (
        "", "-$25.00 waits for the next invoice.", "who@acme.example",
    )  # fmt: skip
    call(root, "add", form(tenant_id, "ten"))
    call(root, "add", form(tenant_id, "10.00", reason=" "))
    assert page.problem.startswith("Say why")
    call(root, "add", form(tenant_id, "10.00") | {"subscription_id": "sub_none"})
    assert page.problem == "There is no such subscription."
    assert waiting(tenant_id) == ["-$25.00"]


def test_nobody_but_operators_sees_or_decides_anything(tenant_id: str) -> None:
    root = signed_in(tenant_id, as_owner=True)
    for name, arguments in (("add", [form(tenant_id, "-25.00")]), ("ask_pay_back", []), ("pay_back", [])):
        call(root, name, *arguments)
        assert page_of(root).refusal == "Only operators can see this page."
    assert waiting(tenant_id) == []


def test_credit_is_paid_back_as_it_was_shown(tenant_id: str) -> None:
    root = signed_in(tenant_id)
    call(root, "add", form(tenant_id, "-9,100.00"))
    with transaction() as session:
        close_period(session, tenant_id=tenant_id, at=datetime.now(UTC), force=True)
    call(root, "load")
    page = page_of(root)
    assert page.view.credit == "$100.00"
    call(root, "pay_back")
    assert page.view.credit == "$100.00"  # nobody asked yet
    call(root, "ask_pay_back")
    call(root, "put_back")
    assert not page.asks_to_pay_back
    call(root, "ask_pay_back")
    call(root, "pay_back")
    assert (page.done, page.view.credit, waiting(tenant_id)) == (
        "$100.00 is noted as paid back, with a receipt.", "", [],
    )  # fmt: skip
