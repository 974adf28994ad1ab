"""A customer's key that our own side made signs nothing for the customer: in the code, and in the tables themselves."""

from collections.abc import Callable

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from models import ApiKey, BaselineStatus, GainShareStatus, GainShareStep, Party, Receipt
from services.api_keys import Maker, Principal, authenticate_key, create_api_key
from services.errors import Forbidden
from services.gain_share.baseline_lists import read_commitment
from services.gain_share.baselines import accept_baseline, decline_baseline, propose_baseline
from services.gain_share.decisions import approve_run, comment_on_run, dispute_run, reject_run
from services.gain_share.parties import Signer, sender_of_key, signer_of_key
from services.gain_share.thread_views import thread_views
from services.receipts.agreements import StepSaid, step_document
from services.rules.canonical import canonical_bytes
from services.rules.receipts import commitment, read_receipt
from tests.gain_share_given import BETTER, JULY, OURS, agree, measure, plant, submit, terms_of
from tests.given import OPERATOR, Customer, owner_of


def key(session: Session, one: Customer, maker: Maker) -> Principal:
    made = create_api_key(
        session, tenant_id=one.tenant_id, scopes=["gainshare:write"], name="Historian", maker=maker, at=JULY
    )
    return authenticate_key(session, key=made.key)


@pytest.fixture
def harbour(session: Session) -> Customer:
    one = plant(session, at=JULY)
    agree(session, one.tenant_id, at=JULY)
    measure(session, one.tenant_id, BETTER, at=JULY)
    return one


def test_a_key_of_an_owner_signs_and_one_of_ours_only_sends(session: Session, harbour: Customer) -> None:
    theirs, ours = key(session, harbour, owner_of(harbour.tenant_id)), key(session, harbour, OPERATOR)
    assert signer_of_key(theirs) == sender_of_key(theirs) == Signer(Party.CUSTOMER, theirs.key_id)
    assert sender_of_key(ours) == Signer(Party.CUSTOMER, ours.key_id)
    with pytest.raises(Forbidden, match="made by the seller"):
        signer_of_key(ours)


@pytest.mark.parametrize(
    "act",
    [
        lambda session, named: approve_run(session, **named),
        lambda session, named: reject_run(session, reason="No", **named),
        lambda session, named: dispute_run(session, parts=["shorter_repairs"], reason="No", **named),
        lambda session, named: comment_on_run(session, text="We agree", **named),
    ],
)
def test_the_tables_refuse_its_steps(session: Session, harbour: Customer, act: Callable[..., object]) -> None:
    run = submit(session, harbour.tenant_id, at=JULY)
    signer = sender_of_key(key(session, harbour, OPERATOR))
    with pytest.raises(IntegrityError, match="signs nothing"), session.begin_nested():
        act(session, {"tenant_id": harbour.tenant_id, "run_id": run.id, "signer": signer, "at": JULY})
    session.refresh(run)
    assert run.status == GainShareStatus.PENDING_APPROVAL


def test_the_tables_refuse_its_proposals_and_answers(session: Session, harbour: Customer) -> None:
    terms = terms_of(session, harbour.tenant_id, "mtbf_hours", "97", at=JULY)
    signer = sender_of_key(key(session, harbour, OPERATOR))
    with pytest.raises(IntegrityError, match="signs nothing"), session.begin_nested():
        propose_baseline(session, tenant_id=harbour.tenant_id, terms=terms, signer=signer, at=JULY)
    asked = propose_baseline(session, tenant_id=harbour.tenant_id, terms=terms, signer=OURS, at=JULY)
    named = {"tenant_id": harbour.tenant_id, "baseline_id": asked.id}
    with pytest.raises(IntegrityError, match="signs nothing"), session.begin_nested():
        accept_baseline(session, **named, signer=signer, at=JULY)
    with pytest.raises(IntegrityError, match="signs nothing"), session.begin_nested():
        decline_baseline(session, **named, reason="No", signer=signer, at=JULY)
    session.refresh(asked)
    assert asked.status == BaselineStatus.PROPOSED


def test_who_made_a_key_is_in_what_its_receipts_commit_to_and_on_the_thread(
    session: Session, harbour: Customer
) -> None:
    signer = signer_of_key(key(session, harbour, owner_of(harbour.tenant_id)))
    run = submit(session, harbour.tenant_id, at=JULY)
    approve_run(session, tenant_id=harbour.tenant_id, run_id=run.id, signer=signer, at=JULY)
    step = session.exec(select(GainShareStep).where(GainShareStep.number == 2)).one()
    assert step.salt is not None
    assert step.party is not None
    said = StepSaid(2, step.kind, "", (), None, step.party, signer.by, "usr_owner")
    document = step_document(run, said, JULY)
    assert document["signed"]["key_made_by"] == "usr_owner"
    assert commitment(step.salt, canonical_bytes(document)) == _cid(session, harbour, step.receipt_seq)
    shown = thread_views(session, run=run, timezone="UTC")[1]
    assert shown.who == "API key Historian, made by somebody who is gone"


def test_who_made_a_key_is_in_what_a_baselines_receipt_commits_to(session: Session, harbour: Customer) -> None:
    terms = terms_of(session, harbour.tenant_id, "mtbf_hours", "97", at=JULY)
    signer = signer_of_key(key(session, harbour, owner_of(harbour.tenant_id)))
    asked = propose_baseline(session, tenant_id=harbour.tenant_id, terms=terms, signer=signer, at=JULY)
    accept_baseline(session, tenant_id=harbour.tenant_id, baseline_id=asked.id, signer=OURS, at=JULY)
    committed = read_commitment(session, baseline=asked)
    assert committed is not None
    assert committed.document["proposed"]["key_made_by"] == "usr_owner"
    assert "key_made_by" not in committed.document["accepted"]
    assert session.get_one(ApiKey, signer.by).created_by == "usr_owner"
    assert commitment(committed.salt, canonical_bytes(committed.document)) == _cid(session, harbour, asked.receipt_seq)


def _cid(session: Session, one: Customer, seq: int | None) -> str:
    assert seq is not None
    return str(read_receipt(session.get_one(Receipt, (one.tenant_id, seq)).data).document["cid"])
