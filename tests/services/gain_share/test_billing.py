"""An approved run on the next invoice: one line, shown before, carried by a bundle that both verifiers accept."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from models import GainShareRun, InvoiceLine, LineKind, PendingLine
from services.bundles.exports import export_document, prepare_invoice, prepare_range
from services.bundles.verification import verify_bundle
from services.closing.close import close_if_due, close_period, preview_invoice
from services.database import reading, transaction
from services.errors import FeatureNotIncluded, InvalidBundle, SubscriptionConflict
from services.exports.accounts import read_accounts
from services.exports.postings import book_invoice
from services.gain_share.decisions import approve_run, dispute_run, reject_run
from services.gain_share.follow_ups import follow_up_of
from services.gain_share.runs import revise_run
from services.invoices.finding import read_invoice
from services.invoices.line_views import line_views
from services.overview import read_overview
from services.receipts.signature_checks import read_jwks
from services.receipts.signing_keys import jwks
from services.subscriptions.ends import end_subscription
from services.subscriptions.plan_changes import change_plan
from services.subscriptions.starting import create_subscription
from tests.gain_share_given import JULY, OURS, THEIRS, measure, plant, submit, submitted
from tests.given import Customer, assert_books_agree

AUGUST, SEPTEMBER = (datetime(2026, month, 1, 7, tzinfo=UTC) for month in (8, 9))
LATER = JULY + timedelta(days=1)


def approved(session: Session) -> tuple[Customer, GainShareRun]:
    one = plant(session)
    run = submitted(session, one.tenant_id)
    return one, approve_run(session, tenant_id=one.tenant_id, run_id=run.id, signer=THEIRS, at=LATER)


def shares(lines: list[InvoiceLine] | tuple[InvoiceLine, ...]) -> list[int]:
    return [line.amount_minor for line in lines if line.kind == LineKind.GAIN_SHARE]


def test_the_next_invoice_has_exactly_one_line_and_the_preview_showed_it(session: Session) -> None:
    one, run = approved(session)
    assert follow_up_of(session, run=run).invoice_id is None
    shown = preview_invoice(session, tenant_id=one.tenant_id, at=LATER)
    invoice = close_period(session, tenant_id=one.tenant_id, at=AUGUST)
    billed = read_invoice(session, tenant_id=one.tenant_id, invoice_id=invoice.id)
    assert shares(shown.lines) == shares(billed.lines) == [37_260_000]
    assert shown.invoice.total_minor == invoice.total_minor
    assert follow_up_of(session, run=run).invoice_id == invoice.id
    after = close_period(session, tenant_id=one.tenant_id, at=SEPTEMBER)
    assert shares(read_invoice(session, tenant_id=one.tenant_id, invoice_id=after.id).lines) == []
    assert_books_agree(session, one.tenant_id)


def test_the_line_names_the_run_the_share_and_both_receipts(session: Session) -> None:
    one, run = approved(session)
    invoice = close_period(session, tenant_id=one.tenant_id, at=AUGUST)
    lines = read_invoice(session, tenant_id=one.tenant_id, invoice_id=invoice.id).lines
    (line,) = (each for each in lines if each.kind == LineKind.GAIN_SHARE)
    assert line.pricing == {"model": "share", "percent": "15", "of": "2484000.00"}
    assert line.description == "Gain-share, 2025-07-01 to 2026-06-30: 15 % of documented savings"
    sources = line.sources
    assert (sources["run"], sources["savings"], sources["share_pct"]) == (run.id, "2484000.00", "15")
    assert sources["calculation"] == f"sha256:{run.calculation_sha256}"
    assert (sources["submission"]["seq"], sources["approval"]["seq"]) == (run.receipt_seq, run.decision_seq)
    (view,) = line_views(session, lines=[line], currency="CAD", timezone="America/Halifax")
    assert (view.price, view.amount) == ("15 % of $2,484,000.00", "$372,600.00")
    assert view.quantity == f"Approved in receipt {run.decision_seq:,}"


def test_the_overview_words_the_line_before_it_is_billed(session: Session) -> None:
    one, _ = approved(session)
    view = read_overview(session, tenant_id=one.tenant_id, at=LATER)
    assert [(each.detail, each.amount) for each in view.bill_lines if "Gain-share" in each.description] == [
        ("15 % of $2,484,000.00", "$372,600.00")
    ]


def test_the_journal_books_it_to_an_account_of_its_own(session: Session) -> None:
    one, _ = approved(session)
    invoice = close_period(session, tenant_id=one.tenant_id, at=AUGUST)
    lines = read_invoice(session, tenant_id=one.tenant_id, invoice_id=invoice.id).lines
    accounts = read_accounts()
    entry = book_invoice(accounts, invoice, lines)
    assert (accounts.gain_share_revenue, -37_260_000) in [(each.account, each.amount_minor) for each in entry.postings]


def test_the_bundle_holds_the_approval_and_is_valid_and_a_lie_about_it_is_not(engine: Engine) -> None:
    with transaction(engine) as session:
        one, run = approved(session)
        invoice_id = close_period(session, tenant_id=one.tenant_id, at=AUGUST).id
        seq = run.decision_seq
    with reading(engine) as session:
        export = prepare_invoice(session, tenant_id=one.tenant_id, invoice_id=invoice_id, at=AUGUST)
        data, keys = export_document(session, export=export), read_jwks(jwks(session))
        whole = prepare_range(session, tenant_id=one.tenant_id, first_seq=1, last_seq=None, at=AUGUST)
        log = export_document(session, export=whole)
    report = verify_bundle(io.BytesIO(data), keys=keys)
    assert report.first_seq == seq
    (line,) = (line for line in report.bills[-1].lines if line.kind == "gain_share")
    assert (line.amount, line.approved_seq) == ("372600.00", seq)
    assert verify_bundle(io.BytesIO(log), keys=keys).bills[-1].lines == report.bills[-1].lines
    with pytest.raises(InvalidBundle):
        verify_bundle(io.BytesIO(data.replace(b"372600.00", b"372600.01")), keys=keys)


def test_what_is_rejected_or_disputed_is_never_billed(session: Session) -> None:
    one = plant(session)
    run = submitted(session, one.tenant_id)
    reject_run(session, tenant_id=one.tenant_id, run_id=run.id, reason="No", signer=THEIRS, at=LATER)
    again = submit(session, one.tenant_id)
    said = {"parts": ["fewer_failures"], "reason": "No", "signer": THEIRS, "at": LATER}
    dispute_run(session, tenant_id=one.tenant_id, run_id=again.id, **said)  # type: ignore[arg-type]
    for at in (AUGUST, SEPTEMBER):
        invoice = close_period(session, tenant_id=one.tenant_id, at=at)
        assert shares(read_invoice(session, tenant_id=one.tenant_id, invoice_id=invoice.id).lines) == []


def test_a_fee_of_nothing_has_no_line(session: Session) -> None:
    one = plant(session)
    submitted(session, one.tenant_id)
    reject_all(session, one)
    measure(session, one.tenant_id, {"mtbf_hours": "60", "mttr_hours": "9"})
    loss = submit(session, one.tenant_id)
    approve_run(session, tenant_id=one.tenant_id, run_id=loss.id, signer=THEIRS, at=LATER)
    assert not session.exec(select(PendingLine)).all()
    assert follow_up_of(session, run=loss).invoice_id is None


def reject_all(session: Session, one: Customer) -> None:
    for run in session.exec(select(GainShareRun)).all():
        reject_run(session, tenant_id=one.tenant_id, run_id=run.id, reason="No", signer=THEIRS, at=LATER)


def test_a_subscription_that_ends_takes_it_on_its_last_invoice(session: Session) -> None:
    one, _ = approved(session)
    ends = {"tenant_id": one.tenant_id, "subscription_id": one.subscription_id}
    end_subscription(session, **ends, ended_at=LATER, at=LATER)
    invoice = close_if_due(session, **ends, at=AUGUST)
    assert invoice is not None
    assert shares(read_invoice(session, tenant_id=one.tenant_id, invoice_id=invoice.id).lines) == [37_260_000]


def test_one_that_has_ended_but_not_had_its_last_invoice_can_still_take_it(session: Session) -> None:
    one = plant(session)
    run = submitted(session, one.tenant_id)
    ends = {"tenant_id": one.tenant_id, "subscription_id": one.subscription_id}
    end_subscription(session, **ends, ended_at=LATER, at=LATER)
    approve_run(session, tenant_id=one.tenant_id, run_id=run.id, signer=THEIRS, at=LATER)
    invoice = close_if_due(session, **ends, at=AUGUST)
    assert invoice is not None
    assert shares(read_invoice(session, tenant_id=one.tenant_id, invoice_id=invoice.id).lines) == [37_260_000]


def test_where_no_invoice_follows_the_approval_says_what_to_do_and_changes_nothing(session: Session) -> None:
    one = plant(session)
    run = submitted(session, one.tenant_id)
    ends = {"tenant_id": one.tenant_id, "subscription_id": one.subscription_id}
    end_subscription(session, **ends, ended_at=LATER, at=LATER)
    close_if_due(session, **ends, at=AUGUST)
    with pytest.raises(SubscriptionConflict, match="Start a subscription"):
        approve_run(session, tenant_id=one.tenant_id, run_id=run.id, signer=THEIRS, at=AUGUST)
    assert run.status == "pending_approval"
    create_subscription(session, tenant_id=one.tenant_id, plan_code="ENTERPRISE", at=AUGUST)
    approve_run(session, tenant_id=one.tenant_id, run_id=run.id, signer=THEIRS, at=AUGUST)
    assert shares(preview_invoice(session, tenant_id=one.tenant_id, at=AUGUST).lines) == [37_260_000]


def test_who_has_left_the_plan_by_then_is_billed_what_was_agreed_on_it_and_the_bundle_says_so(engine: Engine) -> None:
    with transaction(engine) as session:
        one = plant(session)
        run = submitted(session, one.tenant_id)
        change_plan(session, tenant_id=one.tenant_id, plan_code="STARTER", at=LATER)
        close_period(session, tenant_id=one.tenant_id, at=AUGUST)
        asked = {"tenant_id": one.tenant_id, "run_id": run.id, "at": AUGUST + timedelta(days=9)}
        with pytest.raises(FeatureNotIncluded):
            revise_run(session, **asked, signer=OURS)
        approve_run(session, **asked, signer=THEIRS)
        shown = preview_invoice(session, tenant_id=one.tenant_id, at=AUGUST + timedelta(days=10))
        invoice = close_period(session, tenant_id=one.tenant_id, at=SEPTEMBER)
        billed = read_invoice(session, tenant_id=one.tenant_id, invoice_id=invoice.id)
        assert shares(shown.lines) == shares(billed.lines) == [37_260_000]
        assert invoice.total_minor == 37_260_000 + 4_000_00
        invoice_id = invoice.id
    with reading(engine) as session:
        export = prepare_invoice(session, tenant_id=one.tenant_id, invoice_id=invoice_id, at=SEPTEMBER)
        data, keys = export_document(session, export=export), read_jwks(jwks(session))
    bill = verify_bundle(io.BytesIO(data), keys=keys).bills[-1]
    assert [line.amount for line in bill.lines if line.kind == "gain_share"] == ["372600.00"]
