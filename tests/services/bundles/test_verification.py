"""Bundles good and bad, by table: what is found, which receipt is named, and what is told of the good ones."""

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from services.bundles.verification import BundleReport, verify_bundle
from services.errors import BundleRefused, InvalidBundle, Unverifiable
from services.receipts.signature_checks import read_jwks
from tests.corpus.bundles import all_cases, write_corpus
from tests.corpus.good_bundles import Case, books, cut_invoice, cut_range, cut_trace
from tests.corpus.ledgers import SIGNERS

EXITS: dict[int, type[BundleRefused]] = {1: InvalidBundle, 2: Unverifiable}


def check(case: Case) -> BundleReport:
    keys = None if case.keys is None else read_jwks(case.keys)
    return verify_bundle(io.BytesIO(case.data), keys=keys, remembered=case.checkpoint)


@pytest.mark.parametrize("case", [case for case in all_cases() if case.exit == 0], ids=lambda case: case.name)
def test_a_good_bundle_is_valid(case: Case) -> None:
    assert check(case).anchored == (case.keys is not None)


@pytest.mark.parametrize("case", [case for case in all_cases() if case.exit], ids=lambda case: case.name)
def test_a_bad_bundle_is_refused_for_what_is_wrong_with_it(case: Case) -> None:
    with pytest.raises(BundleRefused) as refusal:
        check(case)
    assert type(refusal.value) is EXITS[case.exit], refusal.value.detail
    assert case.reason is not None
    assert case.reason in refusal.value.detail
    assert refusal.value.seq == case.seq, refusal.value.detail


def test_no_two_bundles_have_the_same_name(tmp_path: Path) -> None:
    names = [case.name for case in all_cases()]
    assert len(set(names)) == len(names) == write_corpus(tmp_path)


def test_the_report_says_what_was_checked() -> None:
    bill = books()[0]
    log, seq = bill.ledger, bill.invoices[1]
    report = verify_bundle(io.BytesIO(cut_invoice(log, seq).lines()), keys=read_jwks(log.jwks()))
    assert (report.kind, report.tenant, report.iss) == ("invoice", "tnt_1", "https://billing.example")
    assert (report.first_seq, report.last_seq, report.count, report.size) == (1, seq, seq, log.size)
    assert (report.kid, report.anchored, report.invoice_seq) == (SIGNERS[1].kid, True, seq)
    invoice = report.bills[-1]
    assert (invoice.typ, invoice.number, invoice.total, invoice.currency) == ("invoice", 2, "17418.46", "CAD")
    assert [(line.kind, line.amount, line.from_receipts) for line in invoice.lines] == [
        ("base", "9000.00", False),
        ("asset_uplift", "613.50", False),
        ("overage", "5801.07", True),
    ]
    used = {total.metric: (total.receipts, total.credits_micro, total.overage_micro) for total in report.usage}
    assert sum(count for count, _, _ in used.values()) == 15
    assert used["optimizer_job"] == (3, 3_900_375_000_000, 2_900_375_000_000)


def test_usage_outside_of_a_bundle_is_not_said_to_be_added_up() -> None:
    bill = books()[0]
    seq = bill.invoices[2]
    report = verify_bundle(io.BytesIO(cut_range(bill.ledger, seq, seq).lines()))
    assert [line.from_receipts for line in report.bills[0].lines] == [False, False, False]
    assert not report.anchored


def test_a_key_counts_once_a_known_key_handed_over_to_it() -> None:
    log = books()[0].ledger
    bundle = cut_trace(log, "trace_0")
    first = read_jwks({"keys": log.jwks()["keys"][1:]})
    assert list(first) == [SIGNERS[0].kid]
    assert verify_bundle(io.BytesIO(bundle.lines()), keys=first).kid == SIGNERS[1].kid
    newest = read_jwks({"keys": log.jwks()["keys"][:1]})
    assert verify_bundle(io.BytesIO(bundle.lines()), keys=newest).anchored
    with pytest.raises(Unverifiable, match="do not lead to"):
        verify_bundle(io.BytesIO(replace(bundle, signer=SIGNERS[0]).lines()), keys=newest)


def test_a_window_of_the_readers_own_keys_counts_too() -> None:
    log = books()[0].ledger
    bundle = cut_trace(log, "trace_0").lines()
    ended = read_jwks(log.jwks())
    ended[SIGNERS[1].kid] = ended[SIGNERS[1].kid]._replace(signed_until=1_772_000_000)
    with pytest.raises(InvalidBundle, match="signed until"):
        verify_bundle(io.BytesIO(bundle), keys=ended)


def test_what_is_verified_first_is_told_first() -> None:
    """A wrong amount in a bundle whose links are broken: the links come first."""
    bill = books()[0]
    receipts = bill.ledger.receipts
    cut = cut_range(bill.ledger, 1, 30)
    broken = replace(cut, receipts=[*receipts[:24], receipts[25], receipts[24], *receipts[26:30]])
    plans = {name: document | {"base_price": "1"} for name, document in cut.header["plans"].items()}
    with pytest.raises(InvalidBundle) as refusal:
        verify_bundle(io.BytesIO(broken.saying(plans=plans).lines()))
    assert refusal.value.seq == 25


def test_verifying_loads_no_database_no_pages_and_no_network(project_root: Path) -> None:
    program = (
        "import sys, services.bundles.verification\n"
        "heavy = {'sqlalchemy', 'sqlmodel', 'pydantic', 'reflex', 'fastapi', 'httpx', 'typer', 'socket', 'ssl'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project_root, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
