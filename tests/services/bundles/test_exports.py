"""Bundles cut from a real database pass the verifier; with anything dropped or altered they do not."""

import gzip
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from services.bundles import exports
from services.bundles.exports import (
    Export,
    export_document,
    export_lines,
    prepare_invoice,
    prepare_range,
    prepare_trace,
    zipped,
)
from services.bundles.verification import BundleReport, verify_bundle
from services.bundles.writing import bundle_document
from services.closing.close import close_period
from services.database import reading, transaction
from services.errors import BundleRefused, InvalidBundle, NotFound, TooLarge, Unprocessable
from services.invoices.finding import list_invoices, mark_invoice_paid
from services.receipts.reading import read_head
from services.receipts.signature_checks import read_jwks
from services.receipts.signing_keys import jwks, rotate_key
from services.spending.controls import set_spend_cap
from services.usage.corrections import CorrectionInput, correct_usage
from tests.given import NOON, Customer, customer, event, metered

DECEMBER = datetime(2026, 12, 1, 6, tzinfo=UTC)
JANUARY = datetime(2027, 1, 1, 6, tzinfo=UTC)
LATER = datetime(2027, 1, 15, tzinfo=UTC)
Prepare = Callable[[Session], Export]


def written_out(prepare: Prepare) -> bytes:
    """The bundle as zipped JSON lines."""
    with reading() as session:
        export = prepare(session)
    return b"".join(zipped(export_lines(export, reading)))


def checked(data: bytes, remembered: str | None = None) -> BundleReport:
    """What the verifier finds with our published keys."""
    with reading() as session:
        keys = read_jwks(jwks(session))
    return verify_bundle(io.BytesIO(data), keys=keys, remembered=remembered)


def latest_invoice(tenant_id: str) -> str:
    with reading() as session:
        return list_invoices(session, tenant_id=tenant_id, limit=1)[0].id


def billed(report: BundleReport) -> list[tuple[str, str, bool]]:
    """The lines of the last bill: kind, amount, and whether its receipts were added up again."""
    return [(line.kind, line.amount, line.from_receipts) for line in report.bills[-1].lines]


def invoice_bundle(tenant_id: str) -> bytes:
    invoice_id = latest_invoice(tenant_id)
    return written_out(lambda s: prepare_invoice(s, tenant_id=tenant_id, invoice_id=invoice_id, at=LATER))


def range_bundle(tenant_id: str, first_seq: int) -> bytes:
    """From a receipt to the newest."""
    return written_out(lambda s: prepare_range(s, tenant_id=tenant_id, first_seq=first_seq, last_seq=None, at=LATER))


def pro_months(engine: Engine) -> Customer:
    """Two months on PRO: two meters, overage, late use, a trace, another key, a limit, a payment, a correction."""
    with transaction(engine) as session:
        one = customer(session)
    with transaction(engine) as session:
        metered(session, one.tenant_id, event("999990", trace_id="t1"), event("120", "vision_frame_batch"))
        metered(session, one.tenant_id, event("0.418", trace_id="t1", occurred_at=NOON - timedelta(days=2)))
    with transaction(engine) as session:
        rotate_key(session, at=NOON)
    with transaction(engine) as session:
        set_spend_cap(session, tenant_id=one.tenant_id, cap="500.00", by="usr_1", at=NOON)
        metered(session, one.tenant_id, event("3000", event_id="wrong"), event("1", trace_id="t1", meta={"a": "é"}))
    with transaction(engine) as session:
        invoice = close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
        mark_invoice_paid(session, tenant_id=one.tenant_id, invoice_id=invoice.id, reference="7", at=DECEMBER)
    with transaction(engine) as session:
        metered(session, one.tenant_id, event("2500", occurred_at=NOON), event("5"), at=DECEMBER + timedelta(days=2))
        correction = CorrectionInput(corrects="wrong", units_micro=1_000_000_000, reason="counted thrice")
        correct_usage(session, tenant_id=one.tenant_id, correction=correction, at=DECEMBER + timedelta(days=3))
        metered(session, one.tenant_id, event("2000", occurred_at=NOON), at=DECEMBER + timedelta(days=4))
    with transaction(engine) as session:
        close_period(session, tenant_id=one.tenant_id, at=JANUARY)
    return one


@pytest.fixture
def pro(engine: Engine) -> Customer:
    return pro_months(engine)


def test_a_pro_invoice_with_late_usage_is_rated_again_from_its_receipts(pro: Customer) -> None:
    report = checked(invoice_bundle(pro.tenant_id))
    assert (report.kind, report.anchored, report.first_seq) == ("invoice", True, 2)
    assert [(bill.typ, bill.number) for bill in report.bills] == [("invoice", 2), ("invoice", 3)]
    assert [(kind, added) for kind, _, added in billed(report)] == [("base", False), ("late_usage", True)]
    assert {total.metric for total in report.usage} == {"LLM_token_usage", "vision_frame_batch"}


def test_the_whole_log_is_valid_with_every_bill_in_it(pro: Customer) -> None:
    report = checked(range_bundle(pro.tenant_id, 1))
    assert report.count == report.size
    assert [bill.typ for bill in report.bills] == ["invoice", "invoice", "invoice"]


@pytest.mark.parametrize(("plan", "currency"), [("memory-cloud/pro", "USD"), ("assistant/pro", "USD")])
def test_a_daily_pool_and_a_quota_are_rated_again_with_their_late_usage(
    engine: Engine, plan: str, currency: str
) -> None:
    with transaction(engine) as session:
        one = customer(session, plan=plan, currency=currency)
    meter = "api_call" if plan.startswith("memory") else "question"
    days = [event("10400", meter, occurred_at=NOON - timedelta(days=back)) for back in (1, 2, 3)]
    with transaction(engine) as session:
        metered(session, one.tenant_id, *days, event("5", meter))
    with transaction(engine) as session:
        close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    first = checked(invoice_bundle(one.tenant_id))
    assert [(kind, added) for kind, _, added in billed(first)] == [("base", False), ("overage", True)]
    with transaction(engine) as session:
        late = event("12000", meter, occurred_at=NOON - timedelta(days=4))
        metered(session, one.tenant_id, late, at=DECEMBER + timedelta(days=1))
    with transaction(engine) as session:
        close_period(session, tenant_id=one.tenant_id, at=JANUARY)
    second = checked(invoice_bundle(one.tenant_id))
    assert [(kind, added) for kind, _, added in billed(second)] == [("base", False), ("late_usage", True)]


def test_an_invoice_of_nothing_used_is_a_bundle_of_one_receipt(pro: Customer, engine: Engine) -> None:
    with reading(engine) as session:
        first = list_invoices(session, tenant_id=pro.tenant_id)[-1].id
    data = written_out(lambda s: prepare_invoice(s, tenant_id=pro.tenant_id, invoice_id=first, at=LATER))
    report = checked(data)
    assert (report.first_seq, report.last_seq, report.bills[0].total) == (1, 1, "9000.00")


def test_a_closed_invoice_after_a_forced_end_is_valid(engine: Engine) -> None:
    with transaction(engine) as session:
        one = customer(session)
    with transaction(engine) as session:
        metered(session, one.tenant_id, event("1000001"), event("2", occurred_at=NOON + timedelta(minutes=4)))
    with transaction(engine) as session:
        close_period(session, tenant_id=one.tenant_id, force=True, at=NOON)
    assert billed(checked(invoice_bundle(one.tenant_id)))[-1] == ("overage", "0.01", True)


def test_a_trace_is_proven_step_by_step(pro: Customer) -> None:
    with reading() as session:
        export = prepare_trace(session, tenant_id=pro.tenant_id, trace_id="t1", at=LATER)
        report = checked(export_document(session, export=export))
    assert (report.kind, report.trace_id, report.count) == ("trace", "t1", 3)
    assert checked(b"".join(zipped(export_lines(export, reading)))) == report


def test_every_range_is_proven_and_both_spellings_say_the_same(pro: Customer) -> None:
    with reading() as session:
        size = read_head(session, tenant_id=pro.tenant_id).size
        for first, last in ((1, 1), (2, 5), (4, 4), (7, size), (size, size), (1, size)):
            export = prepare_range(session, tenant_id=pro.tenant_id, first_seq=first, last_seq=last, at=LATER)
            lines = b"".join(export_lines(export, reading))
            report = checked(export_document(session, export=export))
            assert (report.first_seq, report.last_seq) == (first, last)
            assert checked(lines) == checked(gzip.compress(lines)) == report


def test_a_bundle_proves_the_log_grew_from_a_checkpoint_that_was_kept(pro: Customer, engine: Engine) -> None:
    with reading(engine) as session:
        kept = read_head(session, tenant_id=pro.tenant_id)
    with transaction(engine) as session:
        metered(session, pro.tenant_id, event("1"), event("2"), at=LATER)

    def newest(since: int | None) -> bytes:
        return written_out(
            lambda s: prepare_range(
                s, tenant_id=pro.tenant_id, first_seq=kept.size + 2, last_seq=None, since=since, at=LATER
            )
        )

    assert checked(newest(kept.size), remembered=kept.checkpoint).remembered_size == kept.size
    with pytest.raises(BundleRefused, match="consistency proof is missing"):
        checked(newest(None), remembered=kept.checkpoint)


def test_a_key_kept_from_before_it_was_replaced_still_leads_to_the_bundles(pro: Customer) -> None:
    data = invoice_bundle(pro.tenant_id)
    with reading() as session:
        published = read_jwks(jwks(session))
    (oldest,) = [key for key in published.values() if key.signed_until is not None]
    assert verify_bundle(io.BytesIO(data), keys={oldest.kid: oldest}).anchored


def test_long_bundles_are_read_page_by_page(pro: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "PAGE_RECEIPTS", 3)
    report = checked(range_bundle(pro.tenant_id, 2))
    assert report.count == report.size - 1


def test_what_is_written_while_a_bundle_is_read_is_not_in_it(pro: Customer, engine: Engine) -> None:
    with reading(engine) as session:
        export = prepare_range(session, tenant_id=pro.tenant_id, first_seq=1, last_seq=None, at=LATER)
    with transaction(engine) as session:
        metered(session, pro.tenant_id, event("1"), at=LATER)
    assert checked(b"".join(export_lines(export, reading))).size == export.count


@pytest.mark.parametrize(
    ("first", "last", "field"), [(0, 1, "from_seq"), (3, 2, "from_seq"), (1, 99, "to_seq"), (99, None, "from_seq")]
)
def test_numbers_the_log_does_not_have_are_refused(pro: Customer, first: int, last: int | None, field: str) -> None:
    with reading() as session, pytest.raises(Unprocessable) as refused:
        prepare_range(session, tenant_id=pro.tenant_id, first_seq=first, last_seq=last, at=LATER)
    assert refused.value.field == field


def test_what_is_anothers_or_nowhere_is_not_found(pro: Customer, engine: Engine) -> None:
    with transaction(engine) as session:
        other = customer(session, name="Other")
    invoice_id = latest_invoice(pro.tenant_id)
    with reading(engine) as session:
        with pytest.raises(NotFound):
            prepare_trace(session, tenant_id=other.tenant_id, trace_id="t1", at=LATER)
        with pytest.raises(NotFound):
            prepare_invoice(session, tenant_id=other.tenant_id, invoice_id=invoice_id, at=LATER)


def test_what_is_too_much_at_once_is_refused(pro: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "DOCUMENT_RECEIPTS_MAX", 3)
    monkeypatch.setattr(exports, "TRACE_STEPS_MAX", 2)
    with reading() as session:
        export = prepare_range(session, tenant_id=pro.tenant_id, first_seq=1, last_seq=4, at=LATER)
        with pytest.raises(TooLarge, match="form=jsonl"):
            export_document(session, export=export)
        with pytest.raises(TooLarge):
            prepare_trace(session, tenant_id=pro.tenant_id, trace_id="t1", at=LATER)


def test_a_bundle_with_anything_dropped_or_altered_is_refused(pro: Customer) -> None:
    lines = gzip.decompress(invoice_bundle(pro.tenant_id)).split(b"\n")[:-1]
    assert checked(b"\n".join(lines) + b"\n")
    for number, line in enumerate(lines):
        dropped = lines[:number] + lines[number + 1 :]
        place = next(at for at in range(len(line) // 2, len(line)) if line[at : at + 1].isalnum())
        other = b"1" if line[place : place + 1] == b"0" else b"0"
        altered = [*lines[:number], line[:place] + other + line[place + 1 :], *lines[number + 1 :]]
        swapped = [*lines[: number - 1], line, lines[number - 1], *lines[number + 1 :]] if number else lines[::-1]
        for wrong in (dropped, altered, swapped):
            with pytest.raises(BundleRefused):
                checked(b"\n".join(wrong) + b"\n")


def test_a_seller_who_signs_a_changed_receipt_is_found_by_the_log(pro: Customer) -> None:
    """The bundle is signed anew with the true key: what it cannot do is lead to the checkpoint."""
    with reading() as session:
        export = prepare_range(session, tenant_id=pro.tenant_id, first_seq=1, last_seq=None, at=LATER)
        document = json.loads(export_document(session, export=export))
    receipts = [receipt.encode() for receipt in document["receipts"]]
    receipts[2] = receipts[2].replace(b'"units":"120"', b'"units":"121"')
    with pytest.raises(InvalidBundle) as refused:
        checked(bundle_document(export.header, receipts, export.signer))
    assert refused.value.seq in {3, 4}
