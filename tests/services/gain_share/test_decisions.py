"""The customer decides: who may, what each decision leaves behind, and that nothing is decided twice."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from models import (
    EvidenceFile,
    GainShareRun,
    GainShareStatus,
    Notice,
    NoticeType,
    Party,
    PendingLine,
    Receipt,
    ReceiptSignature,
    StepKind,
)
from services.database import reading, transaction
from services.errors import Conflict, Forbidden, NotFound, Refusal, Unprocessable
from services.gain_share.decisions import add_run_evidence, approve_run, comment_on_run, dispute_run, reject_run
from services.gain_share.parties import Signer
from services.gain_share.runs import revise_run
from services.gain_share.steps import STEPS_MAX, read_thread
from services.receipts.agreements import StepSaid, step_document
from services.rules.canonical import canonical_bytes
from services.rules.receipts import commitment, read_receipt
from tests.gain_share_given import JULY, OURS, THEIRS, document, plant, submit, submitted
from tests.given import assert_books_agree

FINANCE = Signer(Party.CUSTOMER, "usr_finance")
LATER = JULY + timedelta(days=2)


@pytest.fixture
def run(session: Session) -> GainShareRun:
    return submitted(session, plant(session).tenant_id)


def approve(session: Session, run: GainShareRun, signer: Signer = THEIRS, **more: str) -> GainShareRun:
    return approve_run(session, tenant_id=run.tenant_id, run_id=run.id, signer=signer, at=LATER, **more)


def reject(session: Session, run: GainShareRun, signer: Signer = THEIRS, reason: str = "Not ours") -> GainShareRun:
    return reject_run(session, tenant_id=run.tenant_id, run_id=run.id, reason=reason, signer=signer, at=LATER)


def dispute(
    session: Session, run: GainShareRun, *parts: str, signer: Signer = THEIRS, reason: str = "The pumps stood still"
) -> GainShareRun:
    wanted = {"tenant_id": run.tenant_id, "run_id": run.id, "reason": reason, "signer": signer, "at": LATER}
    return dispute_run(session, parts=parts or ("shorter_repairs",), **wanted)  # type: ignore[arg-type]


def waiting(session: Session) -> list[PendingLine]:
    return list(session.exec(select(PendingLine)))


def told(session: Session, run: GainShareRun) -> list[str]:
    notices = session.exec(select(Notice).where(Notice.subject_id == run.id).order_by(Notice.seq))  # type: ignore[arg-type]
    return [notice.type for notice in notices]


def test_an_approval_is_a_signed_step_with_one_line_and_one_notice(session: Session, run: GainShareRun) -> None:
    approve(session, run, text="Agreed")
    assert (run.status, run.decided_by, run.decided_at) == (GainShareStatus.APPROVED, THEIRS.by, LATER)
    thread = read_thread(session, tenant_id=run.tenant_id, run_id=run.id)
    assert [(step.number, step.kind, step.party, step.text) for step in thread] == [
        (1, StepKind.SUBMITTED, Party.SELLER, ""),
        (2, StepKind.APPROVED, Party.CUSTOMER, "Agreed"),
    ]
    (line,) = waiting(session)
    assert (line.amount_minor, line.key) == (37_260_000, f"gainshare:{run.id}")
    assert told(session, run) == [NoticeType.GAIN_SHARE_AWAITING_APPROVAL, NoticeType.GAIN_SHARE_APPROVED]
    assert_books_agree(session, run.tenant_id)


def test_each_step_has_a_signed_receipt_that_commits_to_what_was_said_and_tells_none_of_it(
    session: Session, run: GainShareRun
) -> None:
    comment_on_run(session, tenant_id=run.tenant_id, run_id=run.id, text="Secret words", signer=OURS, at=LATER)
    file_id = document(session, run.tenant_id, at=LATER)
    add_run_evidence(session, tenant_id=run.tenant_id, run_id=run.id, file_id=file_id, signer=THEIRS, at=LATER)
    dispute(session, run)
    thread = read_thread(session, tenant_id=run.tenant_id, run_id=run.id)
    assert [step.kind for step in thread] == [
        StepKind.SUBMITTED, StepKind.COMMENT, StepKind.EVIDENCE, StepKind.DISPUTED,
    ]  # fmt: skip
    for step in thread:
        assert step.receipt_seq is not None
        assert session.get(ReceiptSignature, (run.tenant_id, step.receipt_seq)) is not None
        receipt = read_receipt(session.get_one(Receipt, (run.tenant_id, step.receipt_seq)).data).document
        assert (receipt["typ"], receipt["req"], receipt["policy"]) == ("approval", run.id, step.kind.value)
        assert (receipt["amount"], receipt["calculation"]) == ("372600.00", f"sha256:{run.calculation_sha256}")
        sha256 = None if step.file_id is None else _sha256_of(session, run.tenant_id, step.file_id)
        assert step.party is not None
        assert step.taken_by is not None
        assert step.salt is not None
        said = StepSaid(step.number, step.kind, step.text, step.disputed, sha256, step.party, step.taken_by)
        committed = commitment(step.salt, canonical_bytes(step_document(run, said, step.taken_at)))
        assert receipt["cid"] == committed
        assert not {"Secret", "usr_", "pumps"} & set(str(receipt).replace("'", " ").split())


def _sha256_of(session: Session, tenant_id: str, file_id: str) -> str:
    return session.get_one(EvidenceFile, (tenant_id, file_id)).sha256


def test_a_rejected_run_is_never_billed_and_its_days_are_free_again(session: Session, run: GainShareRun) -> None:
    reject(session, run)
    assert run.status is GainShareStatus.REJECTED
    assert waiting(session) == []
    assert told(session, run)[-1] == NoticeType.GAIN_SHARE_REJECTED
    assert submit(session, run.tenant_id).id != run.id


def test_a_disputed_run_is_not_billed_and_the_revised_one_can_be_approved(session: Session, run: GainShareRun) -> None:
    dispute(session, run, "shorter_repairs", "fewer_failures")
    thread = read_thread(session, tenant_id=run.tenant_id, run_id=run.id)
    assert thread[-1].disputed == ["shorter_repairs", "fewer_failures"]
    with pytest.raises(Conflict, match="disputed"):
        approve(session, run, FINANCE)
    assert waiting(session) == []
    with pytest.raises(Conflict):
        submit(session, run.tenant_id)
    revised = revise_run(session, tenant_id=run.tenant_id, run_id=run.id, signer=OURS, at=LATER)
    with pytest.raises(Conflict, match="revised"):
        approve(session, run, FINANCE)
    approve(session, revised)
    assert [line.key for line in waiting(session)] == [f"gainshare:{revised.id}"]


@pytest.mark.parametrize("parts", [(), ("overtime",), ("shorter_repairs", "everything")])
def test_a_dispute_names_parts_that_there_are(session: Session, run: GainShareRun, parts: tuple[str, ...]) -> None:
    wanted = {"tenant_id": run.tenant_id, "run_id": run.id, "reason": "x", "signer": THEIRS, "at": LATER}
    with pytest.raises(Unprocessable, match="shorter_repairs"):
        dispute_run(session, parts=parts, **wanted)  # type: ignore[arg-type]
    assert run.status is GainShareStatus.PENDING_APPROVAL


@pytest.mark.parametrize("reason", ["", "  \n", "x" * 4_001, "\x00"])
def test_a_rejection_and_a_dispute_need_a_reason(session: Session, run: GainShareRun, reason: str) -> None:
    for refuse in (reject, dispute):
        with pytest.raises(Unprocessable) as refused:
            refuse(session, run, reason=reason)  # type: ignore[operator]
        assert refused.value.field == "text"
    assert run.status is GainShareStatus.PENDING_APPROVAL


def test_our_side_decides_nothing_for_the_customer(session: Session, run: GainShareRun) -> None:
    for signer in (OURS, Signer(Party.SELLER, "usr_another")):
        for decide in (approve, reject, dispute):
            with pytest.raises(Forbidden):
                decide(session, run, signer=signer)  # type: ignore[operator]
    assert run.status is GainShareStatus.PENDING_APPROVAL
    assert waiting(session) == []


def test_who_submitted_cannot_decide_even_as_the_customer(session: Session, run: GainShareRun) -> None:
    with pytest.raises(Forbidden, match="somebody else"):
        approve(session, run, Signer(Party.CUSTOMER, OURS.by))


def test_another_customer_finds_no_run_to_decide_on(session: Session, run: GainShareRun) -> None:
    other = plant(session, name="Other").tenant_id
    for act in (
        lambda: approve_run(session, tenant_id=other, run_id=run.id, signer=FINANCE, at=LATER),
        lambda: comment_on_run(session, tenant_id=other, run_id=run.id, text="x", signer=FINANCE, at=LATER),
    ):
        with pytest.raises(NotFound):
            act()


def test_what_was_decided_is_not_decided_again(session: Session, run: GainShareRun) -> None:
    approve(session, run)
    for decide in (approve, reject, dispute):
        with pytest.raises(Conflict, match="approved already"):
            decide(session, run, signer=FINANCE)  # type: ignore[operator]
    assert len(waiting(session)) == 1
    assert len(read_thread(session, tenant_id=run.tenant_id, run_id=run.id)) == 2


def test_both_parties_may_comment_after_the_decision_but_not_without_words_or_end(
    session: Session, run: GainShareRun
) -> None:
    approve(session, run)
    for signer in (OURS, THEIRS):
        comment_on_run(session, tenant_id=run.tenant_id, run_id=run.id, text="Thanks", signer=signer, at=LATER)
    with pytest.raises(Unprocessable):
        comment_on_run(session, tenant_id=run.tenant_id, run_id=run.id, text=" ", signer=OURS, at=LATER)
    with pytest.raises(NotFound):
        add_run_evidence(session, tenant_id=run.tenant_id, run_id=run.id, file_id="fil_x", signer=OURS, at=LATER)
    assert STEPS_MAX == 500


def test_of_two_who_decide_at_once_one_does(engine: Engine) -> None:
    with transaction(engine) as session:
        run = submitted(session, plant(session).tenant_id)
        tenant_id, run_id = run.tenant_id, run.id

    def decide(number: int) -> str:
        signer = Signer(Party.CUSTOMER, f"usr_{number}")
        try:
            with transaction(engine) as session:
                if number % 2:
                    reject_run(session, tenant_id=tenant_id, run_id=run_id, reason="No", signer=signer, at=LATER)
                else:
                    approve_run(session, tenant_id=tenant_id, run_id=run_id, signer=signer, at=LATER)
        except Refusal as refused:
            return refused.code
        return "done"

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(decide, range(4)))
    assert answers == ["conflict", "conflict", "conflict", "done"]
    with reading(engine) as session:
        decided = session.get_one(GainShareRun, (tenant_id, run_id))
        assert len(read_thread(session, tenant_id=tenant_id, run_id=run_id)) == 2
        assert len(waiting(session)) == (decided.status is GainShareStatus.APPROVED)
        assert_books_agree(session, tenant_id)


def test_a_crash_between_the_decision_and_its_line_leaves_neither(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction(engine) as session:
        run = submitted(session, plant(session).tenant_id)
        tenant_id, run_id = run.tenant_id, run.id

    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("the power went")

    with monkeypatch.context() as broken:
        broken.setattr("services.gain_share.billing.add_pending_line", crash)
        with pytest.raises(RuntimeError, match="power"), transaction(engine) as session:
            approve_run(session, tenant_id=tenant_id, run_id=run_id, signer=THEIRS, at=LATER)
    with reading(engine) as session:
        assert session.get_one(GainShareRun, (tenant_id, run_id)).status is GainShareStatus.PENDING_APPROVAL
        assert len(read_thread(session, tenant_id=tenant_id, run_id=run_id)) == 1
        assert waiting(session) == []
    with transaction(engine) as session:
        approve_run(session, tenant_id=tenant_id, run_id=run_id, signer=THEIRS, at=LATER)
        assert len(waiting(session)) == 1
        assert_books_agree(session, tenant_id)
