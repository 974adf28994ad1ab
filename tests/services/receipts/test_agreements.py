"""Baselines, runs and a customer's own limits are in the log; each receipt commits to all of what was agreed."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session

from models import EvidenceFile, Receipt, ReceiptSignature
from services.receipts.agreements import baseline_document, control_document
from services.rules.canonical import canonical_bytes
from services.rules.receipts import commitment, read_receipt
from services.spending.controls import list_spend_control_changes, set_alert_thresholds, set_spend_cap
from tests.gain_share_given import accepted_baseline
from tests.given import NOON, Customer, customer


@pytest.fixture
def enterprise(session: Session) -> Customer:
    return customer(session, plan="ENTERPRISE")


def document_at(session: Session, tenant_id: str, seq: int) -> dict[str, Any]:
    assert session.get(ReceiptSignature, (tenant_id, seq)) is not None, "it carries a signature of its own"
    return read_receipt(session.get_one(Receipt, (tenant_id, seq)).data).document


def test_a_baseline_has_a_receipt_that_commits_to_it(session: Session, enterprise: Customer) -> None:
    baseline = accepted_baseline(
        session, enterprise.tenant_id, "availability_pct", "86.5", at=NOON,
        rates={"operating_hours": Decimal(2_500)}, document="Relevé de mars.pdf", effective_from=date(2026, 11, 1),
    )  # fmt: skip
    assert baseline.receipt_seq is not None
    receipt = document_at(session, enterprise.tenant_id, baseline.receipt_seq)
    assert (receipt["typ"], receipt["idem"]) == ("baseline", baseline.id)
    assert (receipt["metric"], receipt["units"]) == ("availability_pct", "86.5")
    assert baseline.salt is not None
    source = session.get_one(EvidenceFile, (enterprise.tenant_id, baseline.file_id))
    told = baseline_document(baseline, source.sha256, {})
    assert receipt["cid"] == commitment(baseline.salt, canonical_bytes(told))
    assert (told["proposed"]["party"], told["proposed"]["by"]) == ("seller", "usr_ours")
    assert (told["accepted"]["party"], told["accepted"]["by"]) == ("customer", "usr_theirs")
    assert "mars" not in str(receipt)
    assert "usr_" not in str(receipt)


def test_each_change_of_ones_own_limits_has_a_receipt(session: Session, enterprise: Customer) -> None:
    tenant_id = enterprise.tenant_id
    set_spend_cap(session, tenant_id=tenant_id, cap="1000.00", by="usr_1", at=NOON)
    set_spend_cap(session, tenant_id=tenant_id, cap="1000.00", by="usr_1", at=NOON)
    set_alert_thresholds(session, tenant_id=tenant_id, thresholds_pct=[50, 95], by="usr_1", at=NOON)
    set_spend_cap(session, tenant_id=tenant_id, cap=None, by="usr_2", at=NOON)
    changes = list_spend_control_changes(session, tenant_id=tenant_id)[::-1]
    receipts = [document_at(session, tenant_id, change.receipt_seq) for change in changes]
    assert [(receipt["seq"], receipt["metric"], receipt.get("amount")) for receipt in receipts] == [
        (2, "spend_cap", "1000.00"),
        (3, "alert_thresholds", "1000.00"),
        (4, "spend_cap", None),
    ]
    for change, receipt in zip(changes, receipts, strict=True):
        assert (receipt["typ"], receipt["req"]) == ("approval", enterprise.subscription_id)
        assert receipt["idem"] == f"control:{enterprise.subscription_id}:{change.version}"
        assert change.salt is not None
        assert receipt["cid"] == commitment(change.salt, canonical_bytes(control_document(change, "CAD")))
        assert "usr_" not in str(receipt)


def test_another_document_has_another_commitment(session: Session, enterprise: Customer) -> None:
    set_spend_cap(session, tenant_id=enterprise.tenant_id, cap="5.00", by="usr_1", at=NOON)
    (change,) = list_spend_control_changes(session, tenant_id=enterprise.tenant_id)
    receipt = document_at(session, enterprise.tenant_id, change.receipt_seq)
    told = control_document(change, "CAD")
    assert change.salt is not None
    assert receipt["cid"] == commitment(change.salt, canonical_bytes(told))
    assert receipt["cid"] != commitment(change.salt, canonical_bytes(told | {"cap": "6.00"}))
