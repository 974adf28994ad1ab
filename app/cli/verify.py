"""`tallystick verify`: check a bundle of receipts offline. Loads neither the database nor the pages, nor Typer.

Exit codes: 0 valid, 1 invalid, 2 cannot be verified, or cannot be read.
"""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from services.bundles.checked_bills import CheckedBill
from services.bundles.verification import BundleReport, verify_bundle
from services.errors import BundleRefused, InvalidBundle, Refusal, Unverifiable
from services.receipts.signature_checks import PublishedKey, read_jwks
from services.rules.canonical import parse_strict
from services.rules.quantities import plain_micro
from services.rules.violations import NotCanonical

KEYS_BYTES_MAX = 16 * 1024 * 1024
CHECKPOINT_BYTES_MAX = 1024 * 1024
VALID, INVALID, UNVERIFIABLE = 0, 1, 2
_WORDS = {"invoice": "Invoice", "credit_note": "Credit note"}
_KINDS = {"range": "a range of receipts", "invoice": "an invoice with its usage", "trace": "the steps of a trace"}


def run(arguments: Sequence[str]) -> int:
    """Run the command; its exit code. Raises SystemExit for what is no option of it."""
    asked = _parser().parse_args(arguments)
    try:
        keys = None if asked.keys is None else _read_keys(asked.keys)
        remembered = None if asked.checkpoint is None else _read_checkpoint(asked.checkpoint)
        report = verify_bundle(
            sys.stdin.buffer if asked.bundle == "-" else asked.bundle, keys=keys, remembered=remembered
        )
    except BundleRefused as refused:
        return _refuse(refused, as_json=asked.json)
    for line in [json.dumps(_record(report))] if asked.json else _worded(report):
        print(_printable(line))
    return VALID


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="tallystick verify",
        description="Check a bundle offline: nothing on a bill was added, dropped or changed.",
        epilog="Exit code 0: valid. 1: invalid, with the first bad receipt and why. 2: cannot be verified.",
    )
    parser.add_argument("bundle", metavar="BUNDLE", help="the bundle's file, plain or gzipped; - reads standard input")
    parser.add_argument(
        "--keys", type=Path, metavar="FILE", help="the seller's public keys: a JWK Set you have from elsewhere"
    )
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="a checkpoint of the same log that you kept")
    parser.add_argument("--json", action="store_true", help="print JSON instead of words")
    return parser


def _refuse(refused: BundleRefused, *, as_json: bool) -> int:
    is_invalid = isinstance(refused, InvalidBundle)
    if as_json:
        result = "invalid" if is_invalid else "unverifiable"
        print(json.dumps({"result": result, "seq": refused.seq, "reason": refused.detail}))
    else:
        word = "Invalid." if is_invalid else "Cannot be verified."
        named = refused.seq is None or refused.detail.startswith(f"Receipt {refused.seq} ")
        where = "" if named else f" Receipt {refused.seq}:"
        print(_printable(f"{word}{where} {refused.detail}"), file=sys.stderr)
    return INVALID if is_invalid else UNVERIFIABLE


def _read_checkpoint(path: Path) -> str:
    return _read(path, CHECKPOINT_BYTES_MAX).decode("utf-8", "replace")


def _read_keys(path: Path) -> Mapping[str, PublishedKey]:
    try:
        return read_jwks(parse_strict(_read(path, KEYS_BYTES_MAX)))
    except NotCanonical as error:
        raise Unverifiable(f"The keys in {path} cannot be read: {error.message}") from error
    except BundleRefused:
        raise
    except Refusal as error:
        raise Unverifiable(f"The keys in {path} cannot be read: {error.detail}") from error


def _read(path: Path, bytes_max: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
    except OSError as error:
        raise Unverifiable(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > bytes_max:
        raise Unverifiable(f"{path} is larger than {bytes_max:,} bytes.")
    return data


def _worded(report: BundleReport) -> Iterator[str]:
    if report.anchored:
        yield "Valid. Nothing was added, dropped or changed, and every bill comes to its amount."
    else:
        yield "Integrity only. The bundle agrees with itself, but nothing outside of it says whose keys signed it."
        yield "Pass the seller's keys with --keys: the ones you kept, or those at /.well-known/jwks.json of the address"
        yield f"you know to be the seller's. The bundle says it is {report.iss}; do not take its word for it."
    for bill in sorted(report.bills, key=lambda bill: bill.seq != report.invoice_seq):
        yield ""
        yield from _worded_bill(bill)
    if report.usage:
        yield ""
        yield "Usage added up again"
        for total in report.usage:
            beyond = f", {_thousands(plain_micro(total.overage_micro))} of them overage" if total.overage_micro else ""
            credits_used = _thousands(plain_micro(total.credits_micro))
            yield f"  {total.metric}: {total.receipts:,} receipts, {credits_used} credits{beyond}"
    yield ""
    yield from _worded_log(report)


def _worded_bill(bill: CheckedBill) -> Iterator[str]:
    period = bill.period
    dates = "" if period is None else f", {period['start'][:10]} to {period['end'][:10]}"
    yield f"{_WORDS[bill.typ]} {bill.number}: {_thousands(bill.total)} {bill.currency}{dates}"
    for line in bill.lines:
        how = ", its receipts added up again" if line.from_receipts else ""
        how += "" if line.approved_seq is None else f", approved in receipt {line.approved_seq}"
        quantity = f"{_thousands(line.quantity)} {line.unit}"
        yield f"  {_thousands(line.amount):>14}  {line.description} ({quantity}{how})"
    if bill.lines:
        yield f"  {_thousands(bill.subtotal):>14}  subtotal"
        yield f"  {_thousands(bill.tax):>14}  tax"
        yield f"  {_thousands(bill.total):>14}  total"


def _worded_log(report: BundleReport) -> Iterator[str]:
    yield f"Checked: {_KINDS[report.kind]}, {report.count:,} receipts, {report.first_seq} to {report.last_seq}"
    if report.trace_id is not None:
        yield f"Trace: {report.trace_id}"
    yield f"Log: {report.origin}"
    if report.remembered_size is not None:
        yield f"Continues the checkpoint you kept, of {report.remembered_size:,} receipts"
    yield f"Checkpoint: {report.size:,} receipts, root {report.root.hex()}"
    yield f"Signed by: {report.kid}"
    yield f"Made: {report.created}"


def _printable(text: str) -> str:
    """Text from a bundle that may be printed: nothing in it moves a cursor or colours a word."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _thousands(text: str) -> str:
    return f"{Decimal(text):,f}"


def _record(report: BundleReport) -> dict[str, Any]:
    result = "valid" if report.anchored else "integrity_only"
    record: dict[str, Any] = {"result": result} | asdict(report) | {"root": report.root.hex()}
    for total in record["usage"]:
        total["credits"] = plain_micro(total.pop("credits_micro"))
        total["overage"] = plain_micro(total.pop("overage_micro"))
    return record
