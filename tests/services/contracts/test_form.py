"""The form of a contract: what it shows of a plan, what was typed, and the month worked out before it is kept."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session

from services import errors
from services.assets.snapshots import record_snapshot
from services.closing.close import preview_invoice
from services.contracts.agreements import start_contract, withdraw_contract, work_out_contract
from services.contracts.form import form_of, read_form
from services.contracts.preview import month_lines, preview_month
from services.contracts.terms import read_terms
from services.contracts.views import keep_draft, open_form, read_contracts, work_out_draft
from services.identity import create_tenant, create_user
from services.price_books.books import load_shipped_books, plan_in_force, plan_version
from services.price_books.plans import Plan
from services.price_books.text import read_price, write_price
from services.rules.money import Money
from services.rules.pricing import from_document
from tests.given import FIRST_OF_NOVEMBER, NOON, event, metered

PAPER = {"title": "Frame agreement", "valid_from": "2026-11-01"}


@pytest.fixture
def tenant_id(session: Session) -> str:
    load_shipped_books(session, at=NOON)
    return create_tenant(session, name="Acme", currency="CAD", timezone="America/Toronto", at=NOON).id


def typed_of(plan: Plan, **changed: str) -> dict[str, str]:
    """The form as a browser sends it, everything as it was shown but what is changed."""
    form = form_of(plan)
    sent = {
        name: getattr(form, name)
        for name in (
            "base_price", "annual_discount_pct", "trial_days", "sites_max", "share_min", "share_max",
            "asset_basis", "asset_model", "asset_price", "asset_included", "asset_use",
        )
    }  # fmt: skip
    for pool in form.pools:
        sent |= {f"{name}_{pool.code}": getattr(pool, name) for name in ("allowance", "model", "price", "use")}
    return sent | PAPER | changed


@pytest.mark.parametrize(
    "plan_code", ["STARTER", "ENTERPRISE", "verified-exchange/Starter", "memory-cloud/pro", "assistant/pro"]
)
def test_a_form_sent_as_it_was_shown_changes_nothing(session: Session, tenant_id: str, plan_code: str) -> None:
    plan = plan_in_force(session, plan_code=plan_code)
    assert read_form(plan, typed_of(plan)) == {}


@pytest.mark.parametrize(
    ("changed", "terms"),
    [
        ({"base_price": "12000.00"}, {"base_price": "12000.00"}),
        ({"sites_max": "", "trial_days": "30"}, {"sites_max": None, "trial_days": "30"}),
        ({"share_min": "", "share_max": ""}, {"gain_share": None}),
        ({"share_min": "5"}, {"gain_share": {"min_pct": "5", "max_pct": "20"}}),
        ({"allowance_credits": "7500000"}, {"allowances": {"credits": "7500000"}}),
        ({"model_credits": "none"}, {"overage": {"credits": None}}),
        (
            {"model_credits": "graduated", "price_credits": "50000 at 0.0014, then 0.0011"},
            {
                "overage": {
                    "credits": {
                        "model": "graduated",
                        "tiers": [{"up_to": "50000", "unit_price": "0.0014"}, {"unit_price": "0.0011"}],
                    }
                }
            },
        ),
        ({"asset_basis": "none"}, {"assets": None}),
        (
            {"asset_model": "package", "asset_price": "100 for 150"},
            {
                "assets": {
                    "basis": "latest", "included": "3000",
                    "model": "package", "package_size": "100", "package_price": "150",
                }
            },
        ),
    ],
)  # fmt: skip
def test_what_was_typed_anew_is_a_term(
    session: Session, tenant_id: str, changed: dict[str, str], terms: dict[str, Any]
) -> None:
    plan = plan_in_force(session, plan_code="ENTERPRISE")
    assert read_form(plan, typed_of(plan, **changed)) == terms
    read_terms(terms)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"base_price": "twelve"}, "base_price"),
        ({"base_price": "12,000.00"}, "base_price"),
        ({"base_price": ""}, "base_price"),
        ({"price_credits": "cheap"}, "price_credits"),
        ({"model_credits": "package", "price_credits": "0.5"}, "price_credits"),
        ({"model_credits": "free"}, "price_credits"),
        ({"use_credits": "-1"}, "use_credits"),
        ({"use_credits": "9" * 30}, "use_credits"),
        ({"valid_until": "soon"}, "valid_until"),
        ({"valid_until": "2026-11-01"}, "valid_until"),
        ({"title": ""}, "title"),
        ({"asset_price": "1e9"}, "asset_price"),
    ],
)
def test_what_cannot_be_read_names_its_field(
    session: Session, tenant_id: str, changed: dict[str, str], field: str
) -> None:
    plan = plan_in_force(session, plan_code="ENTERPRISE")
    with pytest.raises(errors.Unprocessable) as refused:
        work_out_draft(session, tenant_id=tenant_id, plan_code="ENTERPRISE", typed=typed_of(plan, **changed), at=NOON)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "document",
    [
        {"model": "per_unit", "unit_price": "0.005"},
        {"model": "flat", "amount": "100"},
        {"model": "package", "package_size": "1000", "package_price": "0.1"},
        {"model": "graduated", "tiers": [{"up_to": None, "unit_price": "0.003"}]},
        {
            "model": "volume",
            "tiers": [{"up_to": "50000", "unit_price": "0.005", "flat_fee": "10"}, {"up_to": None, "unit_price": "0"}],
        },
    ],
)
def test_a_price_is_read_as_it_is_written(document: dict[str, Any]) -> None:
    charge = from_document(document)
    assert from_document(read_price(*write_price(charge), field="price")) == charge


def test_the_month_that_is_shown_is_what_such_a_month_is_billed(session: Session, tenant_id: str) -> None:
    plan = plan_in_force(session, plan_code="ENTERPRISE")
    typed = typed_of(
        plan,
        base_price="15000.00",
        allowance_credits="1000",
        model_credits="volume",
        price_credits="500 at 0.019 + 7.5, then 0.0123",
        asset_model="package",
        asset_price="100 for 149.99",
        asset_included="50",
        use_credits="1333.333",
        asset_use="260",
    )
    shown = work_out_draft(session, tenant_id=tenant_id, plan_code="ENTERPRISE", typed=typed, at=NOON)
    kept = keep_draft(session, tenant_id=tenant_id, plan_code="ENTERPRISE", typed=typed, by="usr_1", at=NOON)
    start_contract(session, tenant_id=tenant_id, contract_id=kept.id, start_date=FIRST_OF_NOVEMBER, at=NOON)
    metered(session, tenant_id, event("1333.333"))
    record_snapshot(session, tenant_id=tenant_id, asset_count=260, at=NOON)
    billed = preview_invoice(session, tenant_id=tenant_id, at=NOON)
    assert [line.amount for line in shown.month.lines] == ["$15,000.00", "$13.83", "$449.97"]
    assert [line.amount_minor for line in billed.lines] == [1_500_000, 44_997, 1_383]
    assert (shown.month.total, billed.invoice.subtotal_minor) == ("$15,463.80", 1_546_380)
    assert shown.month.listed_total == "$18,000.00"
    assert shown.month.difference == "$2,536.20 less than in the book"


def test_a_month_of_a_daily_pool_and_of_one_that_is_not_sold(session: Session, tenant_id: str) -> None:
    free, pro = (plan_in_force(session, plan_code=f"memory-cloud/{code}") for code in ("free", "pro"))
    pool = next(iter(pro.pools))
    use = {pool: pro.allowances[pool] * 30 + 1_500}
    assert month_lines(pro, use=use, assets=Decimal(0))[pool] == Money(20, "USD")
    shown = preview_month(free, pro, use=use, assets=Decimal(0))
    assert shown.unsold == free.pools[pool].name
    assert [line.amount for line in shown.lines] == ["US$0.00", "Refused"]


def test_the_list_says_how_each_contract_stands(session: Session, tenant_id: str) -> None:
    plan = plan_in_force(session, plan_code="PRO")
    by = create_user(session, email="ops@us.example", is_operator=True, at=NOON).id

    def keep(**paper: str) -> str:
        typed = typed_of(plan, **paper)
        return keep_draft(session, tenant_id=tenant_id, plan_code="PRO", typed=typed, by=by, at=NOON).id

    first = keep(title="Runs", base_price="1.00", reference="PO-1")
    keep(title="Coming", valid_from="2026-12-01", valid_until="2027-01-01")
    keep(title="Past", valid_until="2026-11-20")
    gone = keep(title="Gone")
    withdraw_contract(session, tenant_id=tenant_id, contract_id=gone, at=NOON)
    start_contract(session, tenant_id=tenant_id, contract_id=first, name="Team", at=NOON)
    rows = {row.title: row for row in read_contracts(session, tenant_id=tenant_id, at=NOON).rows}
    assert {title: row.state for title, row in rows.items()} == {
        "Runs": "offered", "Coming": "coming", "Past": "over", "Gone": "withdrawn"
    }  # fmt: skip
    assert (rows["Runs"].used_by, rows["Runs"].price, rows["Runs"].reference) == ("Team", "$1.00 a month", "PO-1")
    assert rows["Runs"].made == "20 Nov 2026, ops@us.example"
    assert rows["Coming"].valid == "1 Dec 2026 – 31 Dec 2026"
    assert [row.can_start for row in rows.values()] == [False, False, False, True]
    assert [row.is_open for row in rows.values()] == [False, True, True, True]


def test_only_plans_in_the_customers_currency_can_be_chosen(session: Session, tenant_id: str) -> None:
    codes = [code for code, _ in read_contracts(session, tenant_id=tenant_id, at=NOON).plans]
    assert codes == ["reliability/STARTER", "reliability/PRO", "reliability/ENTERPRISE"]
    assert open_form(session, tenant_id=tenant_id, plan_code="reliability/PRO").plan_name == "Pro"
    with pytest.raises(errors.UnknownPlan):
        open_form(session, tenant_id=tenant_id, plan_code="reliability/GOLD")
    made = work_out_contract(session, tenant_id=tenant_id, plan_code="PRO", terms=read_terms({}))
    assert made.plan.only_for == tenant_id
    with pytest.raises(KeyError):
        plan_version(session, version_id=made.plan.version_id)
    assert datetime(2026, 11, 1, tzinfo=UTC).date() == date(2026, 11, 1)
