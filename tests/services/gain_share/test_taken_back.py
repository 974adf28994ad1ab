"""An approved run is charged exactly once, or visibly not at all: what becomes of one whose invoice is taken back."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from models import GainShareRun, GainShareStatus, Invoice, InvoiceLine, InvoiceStatus, LineKind, StepKind
from services.closing.close import close_if_due
from services.errors import Conflict
from services.gain_share.billing import is_taken_back
from services.gain_share.decisions import approve_run, reject_run
from services.gain_share.queue import list_queue
from services.gain_share.report.report import read_report
from services.gain_share.review import read_review
from services.gain_share.runs import revise_run
from services.gain_share.steps import read_thread
from services.gain_share.views import read_gain_share
from services.invoices.credit_note_issuing import issue_credit_note
from services.invoices.credit_notes import amount_left
from services.invoices.transitions import void_invoice
from services.sign_in import Member
from tests.gain_share_given import JULY, OURS, THEIRS, plant, submit, submitted
from tests.given import Customer

AUGUST, SEPTEMBER = datetime(2026, 8, 2, 12, tzinfo=UTC), datetime(2026, 9, 2, 12, tzinfo=UTC)


@pytest.fixture
def harbour(session: Session) -> Customer:
    return plant(session)


@pytest.fixture
def billed(session: Session, harbour: Customer) -> GainShareRun:
    """A run that was approved, and charged by the invoice of July."""
    run = submitted(session, harbour.tenant_id)
    approve(session, run, at=JULY)
    close(session, harbour, at=AUGUST)
    return run


def approve(session: Session, run: GainShareRun, *, at: datetime) -> None:
    approve_run(session, tenant_id=run.tenant_id, run_id=run.id, signer=THEIRS, at=at)


def close(session: Session, one: Customer, *, at: datetime) -> None:
    closed = close_if_due(session, tenant_id=one.tenant_id, subscription_id=one.subscription_id, at=at)
    assert closed is not None


def invoice(session: Session, run: GainShareRun) -> Invoice:
    found = [line for line in lines(session) if line.sources["run"] == run.id]
    return session.get_one(Invoice, (run.tenant_id, found[-1].invoice_id))


def lines(session: Session) -> list[InvoiceLine]:
    statement = select(InvoiceLine).where(InvoiceLine.kind == LineKind.GAIN_SHARE)
    return list(session.exec(statement.order_by(col(InvoiceLine.invoice_id))))


def void(session: Session, run: GainShareRun) -> None:
    void_invoice(session, tenant_id=run.tenant_id, invoice_id=invoice(session, run).id, at=AUGUST)


def net_minor(session: Session) -> int:
    """What lines of gain-share charge on invoices that stand."""
    bills = {bill.id: bill for bill in session.exec(select(Invoice))}
    return sum(line.amount_minor for line in lines(session) if bills[line.invoice_id].status != InvoiceStatus.VOID)


def member(one: Customer, *, is_operator: bool) -> Member:
    return Member("usr_1", "a@b.example", one.tenant_id, "Harbour", None, is_operator, "America/Halifax", "CAD")


def revise(session: Session, run: GainShareRun, *, at: datetime = AUGUST) -> GainShareRun:
    return revise_run(session, tenant_id=run.tenant_id, run_id=run.id, signer=OURS, at=at)


def test_a_run_whose_invoice_stands_is_not_revised(session: Session, billed: GainShareRun) -> None:
    assert not is_taken_back(session, run=billed)
    with pytest.raises(Conflict, match="taken back with its invoice"):
        revise(session, billed)


@pytest.mark.parametrize("how", ["void", "credited"])
def test_what_was_taken_back_shows_everywhere_and_is_in_no_total(
    session: Session, harbour: Customer, billed: GainShareRun, how: str
) -> None:
    bill = invoice(session, billed)
    if how == "void":
        void(session, billed)
    else:
        issue_credit_note(
            session, tenant_id=billed.tenant_id, invoice_id=bill.id, amount_minor=bill.total_minor, reason="No",
            at=AUGUST,
        )  # fmt: skip
    assert (amount_left(session, invoice=bill), is_taken_back(session, run=billed)) == (0, True)
    named = {"tenant_id": harbour.tenant_id, "at": AUGUST}
    view, _ = read_review(session, run_id=billed.id, member=member(harbour, is_operator=True), **named)
    assert (view.is_taken_back, view.billing) == (True, "Billed, and taken back with its invoice")
    assert (view.status, view.tone, view.status_word) == ("approved", "taken_back", "Approved, taken back")
    assert "nothing of it is charged" in view.decision.sentence
    assert view.submitted.endswith("to be decided on by 9 Aug 2026")
    page = read_gain_share(session, **named)
    assert (page.runs[0].status, page.runs[0].status_word) == ("taken_back", "Approved, taken back")
    assert page.fees == "$0.00"
    assert page.runs_hint == "1 run taken back with its invoice"
    (row,) = list_queue(session, at=AUGUST).rows
    assert row.status_word == "Approved, taken back"
    assert read_report(session, tenant_id=harbour.tenant_id, run_id=billed.id).status == "taken_back"


def test_one_credited_in_part_is_still_charged(session: Session, billed: GainShareRun) -> None:
    bill = invoice(session, billed)
    issue_credit_note(
        session, tenant_id=billed.tenant_id, invoice_id=bill.id, amount_minor=bill.total_minor - 1, reason="Nearly",
        at=AUGUST,
    )  # fmt: skip
    assert not is_taken_back(session, run=billed)
    with pytest.raises(Conflict):
        revise(session, billed)


def test_only_a_revised_run_that_is_approved_anew_charges_the_days_again(
    session: Session, harbour: Customer, billed: GainShareRun
) -> None:
    void(session, billed)
    assert net_minor(session) == 0
    with pytest.raises(Conflict, match="revise it"):
        submit(session, harbour.tenant_id, at=AUGUST)
    again = revise(session, billed)
    assert (again.replaces_run_id, billed.status) == (billed.id, GainShareStatus.REPLACED)
    assert read_thread(session, tenant_id=billed.tenant_id, run_id=billed.id)[-1].kind == StepKind.REPLACED
    assert net_minor(session) == 0
    approve(session, again, at=AUGUST)
    close(session, harbour, at=SEPTEMBER)
    assert net_minor(session) == again.fee_minor == billed.fee_minor
    view, _ = read_review(
        session, tenant_id=harbour.tenant_id, run_id=billed.id, member=member(harbour, is_operator=False), at=SEPTEMBER
    )
    assert "what it charged was taken back" in view.decision.sentence
    assert view.billing == "Billed, and taken back with its invoice"
    with pytest.raises(Conflict):
        revise(session, again, at=SEPTEMBER)


def test_a_revised_run_that_is_rejected_charges_nothing(
    session: Session, harbour: Customer, billed: GainShareRun
) -> None:
    void(session, billed)
    again = revise(session, billed)
    reject_run(session, tenant_id=harbour.tenant_id, run_id=again.id, reason="No", signer=THEIRS, at=AUGUST)
    close(session, harbour, at=SEPTEMBER)
    assert net_minor(session) == 0
    assert date(2026, 7, 1) == again.period_end


def test_the_table_replaces_no_run_whose_invoice_stands(session: Session, billed: GainShareRun) -> None:
    replace = text("UPDATE gainshare_run SET status = 'replaced'")
    with pytest.raises(IntegrityError, match="final"), session.begin_nested():
        session.execute(replace)
    void(session, billed)
    session.execute(replace)
    session.refresh(billed)
    assert billed.status == GainShareStatus.REPLACED
