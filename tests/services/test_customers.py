"""The list of customers for our own side: right numbers, found by name, a page at a time, few queries."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, event
from sqlmodel import Session

from services.customers import CustomerView, list_customers
from services.identity import create_tenant
from services.invoices.finding import list_invoices, mark_invoice_paid
from services.price_books.books import load_shipped_books
from services.subscriptions.starting import create_subscription
from tests.given import NOON, customer, metered
from tests.given import event as used


def tenant(session: Session, name: str, plan: str | None = None, currency: str = "CAD") -> str:
    created = create_tenant(session, name=name, currency=currency, timezone="America/Toronto", at=NOON)
    if plan:
        create_subscription(session, tenant_id=created.id, plan_code=plan, at=NOON)
    return created.id


def names(session: Session, **asked: object) -> list[str]:
    return [row.name for row in list_customers(session, at=NOON, **asked).rows]  # type: ignore[arg-type]


def row(session: Session, name: str) -> CustomerView:
    return next(row for row in list_customers(session, at=NOON).rows if row.name == name)


def test_nobody_yet(session: Session) -> None:
    view = list_customers(session, at=NOON)
    assert (view.rows, view.shown, view.title, view.has_next) == ((), "0 of 0", "0 customers", False)


def test_a_customer_and_how_it_stands(session: Session) -> None:
    acme = customer(session)
    metered(session, acme.tenant_id, used("1500000"))
    found = row(session, "Acme")
    assert (found.id, found.plan, found.status_word) == (acme.tenant_id, "Pro", "Active")
    assert (found.credits, found.credits_state, found.used_bar) == ("150 %", "over", 100)
    assert (found.last_bill, found.last_bill_when, found.open_amount) == ("$9,000.00", "20 Nov 2026", "$9,000.00")
    (invoice,) = list_invoices(session, tenant_id=acme.tenant_id)
    mark_invoice_paid(session, tenant_id=acme.tenant_id, invoice_id=invoice.id, reference="wire", at=NOON)
    assert (row(session, "Acme").open_amount, row(session, "Acme").has_open) == ("$0.00", False)


def test_a_customer_without_a_plan_has_nothing_to_show(session: Session) -> None:
    tenant(session, "New", currency="USD")
    found = row(session, "New")
    assert (found.plan, found.status, found.credits, found.last_bill, found.open_amount) == (
        "No plan", "none", "", "–", "US$0.00",
    )  # fmt: skip


def test_the_fullest_pool_speaks_for_a_customer_with_several(session: Session) -> None:
    vex = customer(session, plan="verified-exchange/Professional", currency="USD", name="Vex")
    metered(session, vex.tenant_id, used("412000", "fallback_units"), used("10", "verified_exchange"))
    assert row(session, "Vex").credits == "82 % of fallback units"


def test_names_are_found_in_part_in_any_case_and_ids_whole(session: Session) -> None:
    ids = {name: tenant(session, name) for name in ("Northwind Mining", "South 100% Wind", "Harbour")}
    assert names(session, search="WIND") == ["Northwind Mining", "South 100% Wind"]
    assert names(session, search=" 100% ") == ["South 100% Wind"]
    assert names(session, search="%") == ["South 100% Wind"]
    assert names(session, search="_") == []
    assert names(session, search=ids["Harbour"]) == ["Harbour"]
    assert list_customers(session, at=NOON, search="wind").title == "2 customers found"


@pytest.mark.parametrize("hostile", ["\x00", "\ud800", "'; DROP TABLE tenant; --", "a" * 10_000, "\u202e"])
def test_whatever_is_searched_for_is_answered(session: Session, hostile: str) -> None:
    tenant(session, "Harbour")
    assert names(session, search=f"zz{hostile}", after=hostile) == []


def test_pages_follow_each_other_without_gap_or_overlap_in_any_case(session: Session) -> None:
    wanted = ["alpha", "Beta", "Élan", "gamma", "Gamma 2", "zeta", "Zeta"]
    for name in wanted:
        tenant(session, name)
    seen: list[str] = []
    shown, after = [], ""
    while True:
        page = list_customers(session, at=NOON, limit=3, after=after)
        seen += [row.name for row in page.rows]
        shown.append(page.shown)
        if not page.has_next:
            break
        after = page.last
    assert sorted(seen) == sorted(wanted)
    assert len(set(seen)) == len(wanted)
    assert seen[:2] == ["alpha", "Beta"]
    assert shown == ["1–3 of 7", "4–6 of 7", "7–7 of 7"]


@pytest.mark.parametrize("limit", [-5, 0, 1_000_000])
def test_a_page_has_a_limit(session: Session, limit: int) -> None:
    tenant(session, "Acme")
    assert len(list_customers(session, at=NOON, limit=limit).rows) == 1


def test_a_page_takes_the_same_few_queries_however_many_it_shows(engine: Engine, session: Session) -> None:
    load_shipped_books(session, at=NOON)
    for number in range(12):
        metered(session, tenant(session, f"Customer {number:02d}", "PRO"), used("1", occurred_at=NOON))
    counts = []
    for limit in (1, 12):
        statements: list[str] = []
        session.expire_all()
        listener = lambda *details: statements.append(details[2])  # noqa: B023, E731
        event.listen(engine, "before_cursor_execute", listener)
        list_customers(session, at=NOON + timedelta(hours=1), limit=limit)
        event.remove(engine, "before_cursor_execute", listener)
        counts.append(len(statements))
    assert 5 <= counts[1] <= 10
    assert counts[1] <= counts[0] + 1
