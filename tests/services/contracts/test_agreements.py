"""Contracts: a plan version for one customer, drafted, started, billed, and refused to everybody else."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session, select

from models import Contract, PlanVersion
from services import errors
from services.closing.close import close_period, preview_invoice
from services.contracts.agreements import (
    Paper,
    draft_contract,
    list_contracts,
    start_contract,
    subscriptions_on,
    withdraw_contract,
    work_out_contract,
)
from services.contracts.terms import TermsRefused, read_terms
from services.identity import create_tenant
from services.price_books.books import load_shipped_books, plan_in_force, plan_version
from services.subscriptions.finding import plan_of
from services.subscriptions.own_offers import read_own_offers
from services.subscriptions.plan_offers import read_offers
from services.subscriptions.starting import create_subscription
from tests.given import FIRST_OF_NOVEMBER, NOON, event, metered

DECEMBER = datetime(2026, 12, 2, tzinfo=UTC)
TERMS: dict[str, Any] = {
    "base_price": "12000.00",
    "annual_discount_pct": "25",
    "allowances": {"credits": 10_000},
    "overage": {
        "credits": {"model": "volume", "tiers": [{"up_to": 1_000, "unit_price": "0.02"}, {"unit_price": "0.01"}]}
    },
    "assets": {"model": "package", "package_size": 100, "package_price": "150.00", "included": 50, "basis": "peak"},
    "gain_share": {"min_pct": 5, "max_pct": 12},
}


@pytest.fixture
def tenant_id(session: Session) -> str:
    load_shipped_books(session, at=NOON)
    create_tenant(session, name="Other", currency="CAD", timezone="UTC", at=NOON)
    return create_tenant(session, name="Acme", currency="CAD", timezone="America/Toronto", at=NOON).id


def drafted(session: Session, tenant_id: str, terms: dict[str, Any] = TERMS, **paper: Any) -> Contract:
    return draft_contract(
        session,
        tenant_id=tenant_id,
        plan_code="ENTERPRISE",
        terms=read_terms(terms),
        paper=Paper(**({"title": "Frame agreement", "valid_from": FIRST_OF_NOVEMBER} | paper)),
        by="usr_1",
        at=NOON,
    )


def other_of(session: Session) -> str:
    from services.identity import find_tenant

    return find_tenant(session, id_or_name="Other").id


def test_terms_change_what_they_say_and_nothing_else(session: Session, tenant_id: str) -> None:
    plan = plan_version(session, version_id=drafted(session, tenant_id).plan_version_id)
    listed = plan_in_force(session, plan_code="ENTERPRISE")
    assert (plan.only_for, plan.base_price, plan.annual_discount_pct) == (tenant_id, 12_000, 25)
    assert (plan.allowances, plan.overage_exact("credits", 2_000_000_000)) == ({"credits": 10_000}, 20)
    assert plan.assets is not None
    assert (plan.assets.basis, plan.assets.charge.included) == ("peak", 50)
    assert plan.gain_share is not None
    assert (plan.gain_share.min_pct, plan.gain_share.max_pct) == (5, 12)
    assert (plan.code, plan.meters, plan.sites_max) == (listed.code, listed.meters, listed.sites_max)
    assert (plan.limits, plan.features, plan.currency) == (listed.limits, listed.features, listed.currency)


def test_without_other_terms_it_is_the_plan_but_for_whom_it_is(session: Session, tenant_id: str) -> None:
    for plan_code in ("PRO", "ENTERPRISE"):
        listed = plan_in_force(session, plan_code=plan_code)
        made = work_out_contract(session, tenant_id=tenant_id, plan_code=plan_code, terms=read_terms({}))
        document = session.get_one(PlanVersion, listed.version_id).document
        kept = {name: value for name, value in made.document.items() if name != "only_for"}
        assert kept == document | {"popular": False, "contact_sales": False}
        assert made.warnings == ()


def test_what_may_be_absent_can_be_taken_away(session: Session, tenant_id: str) -> None:
    terms = read_terms({"assets": None, "gain_share": None, "sites_max": None, "overage": {"credits": None}})
    plan = work_out_contract(session, tenant_id=tenant_id, plan_code="ENTERPRISE", terms=terms).plan
    assert (plan.assets, plan.gain_share, plan.sites_max, plan.overage) == (None, None, None, {})


def test_it_is_billed_as_it_was_agreed(session: Session, tenant_id: str) -> None:
    contract = drafted(session, tenant_id)
    started = start_contract(
        session, tenant_id=tenant_id, contract_id=contract.id, start_date=FIRST_OF_NOVEMBER, at=NOON
    )
    metered(session, tenant_id, event("12000"))
    asked = {"tenant_id": tenant_id, "at": DECEMBER}
    previewed = preview_invoice(session, **asked)
    closed = close_period(session, **asked)
    assert closed.total_minor == previewed.invoice.total_minor == 1_200_000 + 2_000
    assert subscriptions_on(session, contract=contract) == [started]


def test_nobody_else_can_be_put_on_it(session: Session, tenant_id: str) -> None:
    contract, other = drafted(session, tenant_id), other_of(session)
    with pytest.raises(errors.UnknownPlan):
        create_subscription(session, tenant_id=other, version_id=contract.plan_version_id, at=NOON)
    with pytest.raises(errors.NotFound):
        start_contract(session, tenant_id=other, contract_id=contract.id, at=NOON)
    assert [offer.terms for offer in read_own_offers(session, tenant_id=tenant_id, at=NOON)] == [contract.id]
    assert read_own_offers(session, tenant_id=other, at=NOON) == ()
    assert contract.plan_version_id not in {
        offer.code for offer in read_offers(session, tenant_id=other, at=NOON).offers
    }


def test_two_customers_with_the_same_terms_have_versions_of_their_own(session: Session, tenant_id: str) -> None:
    mine, theirs = drafted(session, tenant_id), drafted(session, other_of(session))
    assert mine.plan_version_id != theirs.plan_version_id
    assert drafted(session, tenant_id).plan_version_id == mine.plan_version_id


@pytest.mark.parametrize(
    ("paper", "on", "said"),
    [
        ({"valid_from": date(2026, 11, 21)}, None, "valid from 2026-11-21"),
        ({"valid_until": date(2026, 11, 20)}, None, "until 2026-11-20"),
        ({"valid_from": date(2026, 11, 10)}, date(2026, 11, 9), "valid from"),
    ],
)
def test_it_can_be_taken_up_on_its_days_alone(
    session: Session, tenant_id: str, paper: dict[str, Any], on: date | None, said: str
) -> None:
    contract = drafted(session, tenant_id, **paper)
    with pytest.raises(errors.Conflict, match=said):
        start_contract(session, tenant_id=tenant_id, contract_id=contract.id, start_date=on, at=NOON)


def test_one_that_was_withdrawn_is_offered_no_longer_and_stays_with_who_is_on_it(
    session: Session, tenant_id: str
) -> None:
    contract = drafted(session, tenant_id)
    started = start_contract(session, tenant_id=tenant_id, contract_id=contract.id, at=NOON)
    for _ in range(2):
        withdrawn = withdraw_contract(session, tenant_id=tenant_id, contract_id=contract.id, at=NOON)
    assert (withdrawn.withdrawn_at, list_contracts(session, tenant_id=tenant_id)) == (NOON, [])
    assert plan_of(session, started).version_id == contract.plan_version_id
    with pytest.raises(errors.Conflict, match="withdrawn"):
        start_contract(session, tenant_id=tenant_id, contract_id=contract.id, name="Another", at=NOON)


def test_its_trial_is_given(session: Session, tenant_id: str) -> None:
    contract = drafted(session, tenant_id, {"trial_days": 14})
    started = start_contract(session, tenant_id=tenant_id, contract_id=contract.id, at=NOON)
    assert started.trial_ends_at == datetime(2026, 12, 4, 5, tzinfo=UTC)


def test_what_looks_like_a_mistake_is_asked_about(session: Session, tenant_id: str) -> None:
    dear = {
        "base_price": "20000.00",
        "allowances": {"credits": 1_000},
        "overage": {
            "credits": {
                "model": "graduated",
                "tiers": [{"up_to": 500, "unit_price": "0.001"}, {"unit_price": "0.002"}],
            }
        },
    }
    made = work_out_contract(session, tenant_id=tenant_id, plan_code="ENTERPRISE", terms=read_terms(dear))
    assert sorted(finding.key for finding in made.warnings) == [
        "allowances.credits", "base_price", "overage.credits.tiers"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("terms", "key"),
    [
        ({"base_price": "-1"}, "base_price"),
        ({"base_price": "1.005"}, "base_price"),
        ({"base_price": "NaN"}, "base_price"),
        ({"annual_discount_pct": 101}, "annual_discount_pct"),
        ({"allowances": {"tokens": 1}}, "allowances.tokens"),
        ({"allowances": {"credits": "0.0000001"}}, "allowances.credits"),
        ({"overage": {"credits": {"model": "free"}}}, "overage.credits"),
        ({"overage": {"credits": {"model": "per_unit", "unit_price": 1.5}}}, "overage.credits"),
        ({"overage": {"credits": {"model": "per_unit", "unit_price": "999999999999"}}}, "overage.credits"),
        ({"assets": {"basis": "lowest", "model": "per_unit", "unit_price": 1}}, "assets.basis"),
        ({"assets": {"basis": "peak"}}, "assets"),
        ({"gain_share": {"min_pct": 20, "max_pct": 10}}, "gain_share"),
        ({"trial_days": -1}, "trial_days"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_terms_that_make_no_plan_say_which_and_why(
    session: Session, tenant_id: str, terms: dict[str, Any], key: str
) -> None:
    with pytest.raises(TermsRefused) as refused:
        drafted(session, tenant_id, terms)
    assert [finding.key for finding in refused.value.findings] == [key]
    assert session.exec(select(Contract)).all() == []


def test_a_plan_sold_by_contract_needs_a_price_and_one_of_another_currency_is_refused(session: Session) -> None:
    load_shipped_books(session, at=NOON)
    tenant = create_tenant(session, name="Acme", currency="USD", timezone="UTC", at=NOON)
    asked = {"tenant_id": tenant.id, "plan_code": "memory-cloud/enterprise"}
    with pytest.raises(TermsRefused, match="base_price"):
        work_out_contract(session, **asked, terms=read_terms({}))
    made = work_out_contract(session, **asked, terms=read_terms({"base_price": 500}))
    assert made.plan.base_price == Decimal(500)
    with pytest.raises(errors.Unprocessable, match="priced in CAD"):
        work_out_contract(session, tenant_id=tenant.id, plan_code="PRO", terms=read_terms({}))


@pytest.mark.parametrize(
    ("paper", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": " padded"}, "title"),
        ({"title": "x" * 121}, "title"),
        ({"reference": "a\nb"}, "reference"),
        ({"notes": "\x00"}, "notes"),
        ({"valid_until": FIRST_OF_NOVEMBER}, "valid_until"),
    ],
)
def test_words_and_days_that_cannot_be_are_refused(
    session: Session, tenant_id: str, paper: dict[str, Any], field: str
) -> None:
    with pytest.raises(errors.Unprocessable) as refused:
        drafted(session, tenant_id, **paper)
    assert refused.value.field == field
