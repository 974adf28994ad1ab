"""Reserved capacity from its file: the shape of the set-up this replaces, loaded and loaded again."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

from models import Contract, PlanVersion
from services.contracts.agreements import list_contracts, start_contract
from services.contracts.reserved import ReservedChange, load_reserved, reload_reserved
from services.contracts.reserved_capacity import ReservedFileRefused
from services.errors import Conflict
from services.identity import create_tenant
from services.price_books.books import load_shipped_books, plan_version
from services.rules.quantities import MICRO
from tests.given import NOON

SEED = {
    "vex_reserved": 1_000_000,
    "fu_reserved": 5_000_000,
    "subscription_plan": "price_signet_enterprise_monthly_9999",
    "vex_overage_tiers": [{"threshold": 500_000, "price_per_unit": 0.005, "stripe_item": "price_signet_vex_tier1_005"}],
    "fu_overage_tiers": [{"threshold": 2_500_000, "price_per_unit": 0.001, "stripe_item": "price_signet_fu_tier1_001"}],
}
TIERED = {
    "plan": "verified-exchange/Professional",
    "vex_reserved": 250_000,
    "vex_overage_tiers": [
        {"threshold": 50_000, "price_per_unit": "0.004"},
        {"threshold": 500_000, "price_per_unit": "0.003"},
        {"price_per_unit": "0.002"},
    ],
    "base_price": "1500.00",
    "reference": "PO-4711",
}


@pytest.fixture
def tenant_id(session: Session) -> str:
    load_shipped_books(session, at=NOON)
    create_tenant(session, name="Beta", currency="USD", timezone="UTC", at=NOON)
    create_tenant(session, name="Canadian", currency="CAD", timezone="UTC", at=NOON)
    return create_tenant(session, name="Acme", currency="USD", timezone="America/New_York", at=NOON).id


def loaded(session: Session, folder: Path, document: Any) -> list[ReservedChange]:
    path = folder / "reserved.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return load_reserved(session, path=path, by="file", at=NOON)


def test_the_set_up_this_replaces_is_read_as_it_is(session: Session, tenant_id: str, tmp_path: Path) -> None:
    (change,) = loaded(session, tmp_path, {"Acme": SEED})
    plan = plan_version(session, version_id=change.plan_version_id)
    assert (plan.code, plan.only_for, plan.base_price) == ("Enterprise", tenant_id, Decimal(9999))
    assert plan.allowances == {"vex": 1_000_000, "fu": 5_000_000}
    assert plan.overage_exact("vex", 600_000 * MICRO) == 3_000  # the only tier is the last, and open
    assert sorted(warning.partition(": ")[2].partition(":")[0] for warning in change.warnings) == [
        "Acme.fu_overage_tiers.0.threshold", "Acme.vex_overage_tiers.0.threshold"
    ]  # fmt: skip
    assert all("ends nothing" in warning and "below the" in warning for warning in change.warnings)


def test_thresholds_count_units_beyond_the_reserve(session: Session, tenant_id: str, tmp_path: Path) -> None:
    (change,) = loaded(session, tmp_path, {tenant_id: TIERED})
    plan = plan_version(session, version_id=change.plan_version_id)
    assert (plan.code, plan.base_price, plan.allowances["fu"]) == ("Professional", 1_500, 500_000)
    assert plan.overage_exact("vex", 600_000 * MICRO) == 200 + 1_350 + 200
    (contract,) = list_contracts(session, tenant_id=tenant_id)
    assert (contract.reference, contract.title) == ("PO-4711", "Reserved capacity")
    assert any("the first threshold, 50000, is below the 250000 included" in said for said in change.warnings)


def test_loading_it_again_changes_nothing(session: Session, tenant_id: str, tmp_path: Path) -> None:
    document = {"Acme": SEED, "Beta": TIERED}
    first = loaded(session, tmp_path, document)
    rows = [contract.model_dump() for contract in session.exec(select(Contract).order_by(Contract.id))]
    versions = len(session.exec(select(PlanVersion)).all())
    again = loaded(session, tmp_path, document)
    assert [each.change for each in first] == ["new", "new"]
    assert [each.change for each in again] == ["unchanged", "unchanged"]
    assert [each.contract_id for each in again] == [each.contract_id for each in first]
    assert [c.model_dump() for c in session.exec(select(Contract).order_by(Contract.id))] == rows
    assert len(session.exec(select(PlanVersion)).all()) == versions


def test_what_has_changed_takes_the_place_of_the_old_contract(session: Session, tenant_id: str, tmp_path: Path) -> None:
    first = {each.tenant_name: each for each in loaded(session, tmp_path, {"Acme": SEED, "Beta": TIERED})}
    started = start_contract(session, tenant_id=tenant_id, contract_id=first["Acme"].contract_id, at=NOON)
    changed = {each.tenant_name: each for each in loaded(session, tmp_path, {"Acme": SEED | {"vex_reserved": 2}})}
    assert {name: each.change for name, each in changed.items()} == {"Acme": "changed", "Beta": "withdrawn"}
    assert changed["Acme"].still_on_older_terms == (started.id,)
    assert started.plan_version_id == first["Acme"].plan_version_id
    (offered,) = list_contracts(session, tenant_id=tenant_id)
    assert offered.id == changed["Acme"].contract_id
    assert len(list_contracts(session, tenant_id=tenant_id, with_withdrawn=True)) == 2


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{", "not valid JSON"),
        ("[]", "not an object of customers"),
        ('{"Acme": {}, "Acme": {}}', "is there twice"),
        ('{"Acme": {"vex_reserved": NaN}}', "NaN"),
        ('{"Acme": {"vex_reserved": 1e999999999}}', "Acme"),
        ('{"Acme": ' + "[" * 100_000, "not valid JSON"),
        ({"Nobody": SEED}, "Nobody: is neither the id nor the name"),
        ({"Acme": {"vex_reserved": "1000"}}, "Acme.vex_reserved: is a number of units"),
        ({"Acme": {"vex_reserved": -1}}, "Acme.vex_reserved"),
        ({"Acme": {"vex_reserved": True}}, "Acme.vex_reserved"),
        ({"Acme": {"gpu_reserved": 1}}, "Acme.gpu_reserved: is not known here"),
        ({"Acme": {"colour": "red"}}, "Acme.colour: is not known here"),
        ({"Acme": []}, "Acme"),
        ({"Acme": {"vex_overage_tiers": {}}}, "Acme.vex_overage_tiers: is a list"),
        ({"Acme": {"vex_overage_tiers": [{"threshold": 5}]}}, "Acme.vex_overage_tiers.0.price_per_unit"),
        ({"Acme": {"vex_overage_tiers": [{"price_per_unit": -1}]}}, "Acme.vex_overage_tiers.0.price_per_unit"),
        (
            {
                "Acme": {
                    "vex_overage_tiers": [{"threshold": 9, "price_per_unit": 1}, {"threshold": 9, "price_per_unit": 1}]
                }
            },
            "Acme.vex_overage_tiers.1: ends at 9",
        ),
        (
            {"Acme": {"vex_overage_tiers": [{"price_per_unit": 1}, {"price_per_unit": 1}]}},
            "Acme.vex_overage_tiers.0: needs a threshold",
        ),
        ({"Acme": {"plan": "reliability/PRO"}}, "Acme.plan: is none of"),
        ({"Acme": {"base_price": "1.005"}}, "Acme.base_price"),
        ({"Acme": {"vex_overage_tiers": [{"price_per_unit": "999999999999"}]}}, "more than an invoice can hold"),
        ({"Acme": {"valid_from": "2026-12-01", "valid_until": "2026-12-01"}}, "valid_until"),
        ({"Canadian": SEED}, "priced in USD"),
    ],
)
def test_a_file_that_cannot_be_loaded_says_where_and_changes_nothing(
    session: Session, tenant_id: str, tmp_path: Path, document: Any, said: str
) -> None:
    with pytest.raises(ReservedFileRefused) as refused:
        loaded(session, tmp_path, document)
    assert said in refused.value.detail
    assert session.exec(select(Contract)).all() == []


def test_all_mistakes_are_told_at_once_and_good_customers_are_not_loaded(
    session: Session, tenant_id: str, tmp_path: Path
) -> None:
    document = {"Acme": {"vex_reserved": -1}, "Beta": SEED, "Nobody": {}, tenant_id: SEED}
    with pytest.raises(ReservedFileRefused) as refused:
        loaded(session, tmp_path, document)
    assert len(refused.value.findings) == 2
    assert session.exec(select(Contract)).all() == []
    with pytest.raises(ReservedFileRefused, match="names twice"):
        loaded(session, tmp_path, {"Acme": SEED, tenant_id: SEED})


def test_without_a_file_in_the_settings_there_is_nothing_to_reload(session: Session) -> None:
    with pytest.raises(Conflict, match="TALLYSTICK_RESERVED_CONFIG"):
        reload_reserved(session, by="key_1", at=NOON)
