"""Both parties hear of baselines: what is proposed, what came of it, each once, in the transaction that made it so."""

from datetime import UTC, date, datetime

import pytest
from sqlmodel import Session, col, select

from models import KpiBaseline, MailKind, Notice
from services.errors import Forbidden
from services.gain_share.baselines import accept_baseline, decline_baseline, propose_baseline, withdraw_baseline
from services.gain_share.evidence import find_evidence
from services.gain_share.parties import Signer
from services.mails.facts import facts_of, is_settled
from services.tenants import read_tenant
from tests.gain_share_given import OURS, THEIRS, terms_of
from tests.given import Customer, customer

AT = datetime(2026, 7, 10, 12, tzinfo=UTC)


@pytest.fixture
def acme(session: Session) -> Customer:
    return customer(session, plan="ENTERPRISE", start=date(2026, 1, 1), at=AT)


def proposed(session: Session, acme: Customer, signer: Signer = OURS) -> KpiBaseline:
    terms = terms_of(session, acme.tenant_id, "mtbf_hours", "92.50", at=AT)
    return propose_baseline(session, tenant_id=acme.tenant_id, terms=terms, signer=signer, at=AT)


def told_of(session: Session, baseline: KpiBaseline) -> list[Notice]:
    return list(session.exec(select(Notice).where(Notice.subject_id == baseline.id).order_by(col(Notice.seq))))


def test_a_proposal_is_told_with_all_a_receiver_needs_to_decide(session: Session, acme: Customer) -> None:
    made = proposed(session, acme)
    (notice,) = told_of(session, made)
    assert notice.type == "gain_share.baseline_proposed"
    assert notice.data == {
        "baseline_id": made.id, "kpi": "mtbf_hours", "kpi_name": "Mean time between failures", "status": "proposed",
        "value": "92.5", "unit": "hours", "currency": "CAD", "rates": made.rates, "period_start": "2025-01-01",
        "period_end": "2026-01-01", "effective_from": "2026-01-01", "proposed_by": "seller", "reason": None,
        "receipt_seq": None,
        "document_sha256": find_evidence(session, tenant_id=acme.tenant_id, file_id=made.file_id).sha256,
    }  # fmt: skip
    assert "usr_" not in str(notice.data), "no person is named"


def test_what_came_of_it_is_told_once(session: Session, acme: Customer) -> None:
    accepted, declined, withdrawn = (proposed(session, acme) for _ in range(3))
    for _ in range(2):
        of = {"tenant_id": acme.tenant_id, "at": AT}
        accept_baseline(session, **of, baseline_id=accepted.id, signer=THEIRS)
        decline_baseline(session, **of, baseline_id=declined.id, reason="Not the night shift.", signer=THEIRS)
        withdraw_baseline(session, **of, baseline_id=withdrawn.id, signer=OURS)
    for each, word in ((accepted, "accepted"), (declined, "declined"), (withdrawn, "withdrawn")):
        first, second = told_of(session, each)
        assert (first.data["status"], second.type) == ("proposed", f"gain_share.baseline_{word}")
        assert second.data["reason"] == ("Not the night shift." if each is declined else None)
        assert second.data["receipt_seq"] == each.receipt_seq


def test_what_is_refused_is_not_told(session: Session, acme: Customer) -> None:
    made = proposed(session, acme)
    with pytest.raises(Forbidden):
        accept_baseline(session, tenant_id=acme.tenant_id, baseline_id=made.id, signer=OURS, at=AT)
    assert [notice.type for notice in told_of(session, made)] == ["gain_share.baseline_proposed"]


def test_the_letter_leads_to_the_baseline_and_is_pointless_once_it_is_decided(session: Session, acme: Customer) -> None:
    made = proposed(session, acme)
    tenant = read_tenant(session, tenant_id=acme.tenant_id)
    (asking,) = told_of(session, made)
    told = facts_of(session, notice=asking, tenant=tenant, kind=MailKind.GAIN_SHARE)
    assert told is not None
    assert (told.goal, is_settled(session, notice=asking)) == (f"/gain-share/baselines/{made.id}/", False)
    ours = facts_of(session, notice=asking, tenant=tenant, kind=MailKind.GAIN_SHARE_DESK)
    assert ours is not None
    assert ours.goal == f"/admin/gain-share/baselines/{made.id}/"
    withdraw_baseline(session, tenant_id=acme.tenant_id, baseline_id=made.id, signer=OURS, at=AT)
    assert facts_of(session, notice=asking, tenant=tenant, kind=MailKind.GAIN_SHARE) is None
    assert is_settled(session, notice=asking)
