"""Verifying a bundle offline: from its bytes to the meaning of its bills. Needs no database and no network.

Whoever calls says whose keys are trusted; keys found in the bundle prove only that it agrees with itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from services.bundles.bill_checks import Bills
from services.bundles.checked_bills import CheckedBill
from services.bundles.checks import Walk, check_remembered, read_remembered
from services.bundles.gain_share_lines import RUN_METRIC, is_run_step
from services.bundles.members import Header
from services.bundles.plans import read_plans
from services.bundles.reading import Bundle, open_bundle
from services.bundles.signatures import KeyRing, check_receipt_signature, check_seal
from services.bundles.usage import MeterTotal, UsageSums
from services.errors import BundleRefused, InvalidBundle, Unverifiable
from services.receipts.signature_checks import PublishedKey
from services.rules.log_steps import Step
from services.rules.receipts import Receipt, read_receipt
from services.rules.violations import InvalidReceipt

BILLS_MAX = 10_000
BILLS_BYTES_MAX = 16 * 1024 * 1024
"""Of all invoices, credit notes and steps of gain-share runs in one bundle."""

_BILLS = frozenset({"invoice", "credit_note"})
_AHEAD = (b'"typ":"invoice"', b'"typ":"credit_note"', b'"metric":"%s"' % RUN_METRIC.encode())

Meaning = tuple[Sequence[CheckedBill], Sequence[MeterTotal]]


@dataclass(frozen=True, slots=True)
class BundleReport:
    """What was found valid. `anchored` says whether keys from outside the bundle vouch for it.

    Without them it only agrees with itself. `size` and `root` are the checkpoint's, `kid` signed it; credits are in
    millionths.
    """

    kind: str
    iss: str
    tenant: str
    origin: str
    created: str
    first_seq: int
    last_seq: int
    count: int
    size: int
    root: bytes
    kid: str
    anchored: bool
    remembered_size: int | None
    trace_id: str | None
    invoice_seq: int | None
    bills: tuple[CheckedBill, ...]
    usage: tuple[MeterTotal, ...]


def verify_bundle(
    source: str | Path | BinaryIO, *, keys: Mapping[str, PublishedKey] | None = None, remembered: str | None = None
) -> BundleReport:
    """Check everything there is to check about a bundle, in the order the guide gives.

    `keys` are trusted public keys by kid, `remembered` an older checkpoint's note. Raises InvalidBundle with the first
    bad receipt and why, and Unverifiable where a key or a proof is missing or something is not known to this version.
    """
    then = None if remembered is None else read_remembered(remembered)
    with open_bundle(source) as bundle:
        header = bundle.header
        walk = Walk(header, None if then is None else then[1].size)
        signed, meant = _Signed(header, keys), _Meant(bundle)
        for batch in bundle.receipts():
            for data in batch:
                step, leaf = walk.take(data)
                if step.receipt is not None or step.seq in header.signatures:
                    signed.take(step, data)
                if meant.failure is None:
                    meant.take(step, leaf)
        walk.check_root()
        kid = signed.check(bundle, walk)
        if then is not None:
            check_remembered(header, signed.ring, then, walk)
        bills = meant.check()
    size = None if then is None else then[1].size
    return _report(
        header, walk, kid=kid, anchored=keys is not None, remembered_size=size, meant=(bills, meant.totals())
    )


def _report(
    header: Header, walk: Walk, *, kid: str, anchored: bool, remembered_size: int | None, meant: Meaning
) -> BundleReport:
    assert walk.first is not None
    assert walk.last is not None
    return BundleReport(
        kind=header.kind,
        iss=header.iss,
        tenant=header.tenant,
        origin=header.origin,
        created=header.created,
        first_seq=walk.first.seq,
        last_seq=walk.last.seq,
        count=header.count,
        size=header.checkpoint.size,
        root=header.checkpoint.root,
        kid=kid,
        anchored=anchored,
        remembered_size=remembered_size,
        trace_id=header.trace_id,
        invoice_seq=header.invoice_seq,
        bills=tuple(meant[0]),
        usage=tuple(meant[1]),
    )


class _Signed:
    """The signatures of a bundle. Those of receipts are checked as they go by, and told of after the proofs."""

    def __init__(self, header: Header, keys: Mapping[str, PublishedKey] | None) -> None:
        self._header = header
        self._failure: BundleRefused | None = None
        self._seen = 0
        self._ring: KeyRing | None = None
        try:
            self._ring = KeyRing(header, keys)
        except BundleRefused as error:
            self._history_failure = error

    @property
    def ring(self) -> KeyRing:
        if self._ring is None:
            raise self._history_failure
        return self._ring

    def take(self, step: Step, data: bytes) -> None:
        signature = self._header.signatures.get(step.seq)
        self._seen += signature is not None
        if self._ring is None or self._failure is not None:
            return
        try:
            check_receipt_signature(self._ring, step.receipt or read_receipt(data), signature)
        except BundleRefused as error:
            self._failure = error

    def check(self, bundle: Bundle, walk: Walk) -> str:
        """Raise what is wrong: with the keys' history, the checkpoint, the bundle, then the receipts. Else its kid."""
        header = self._header
        assert bundle.seal is not None
        kid = self.ring.check_note(header.note, header.origin, "The checkpoint", until=walk.last_ts)
        check_seal(self.ring, bundle.seal, header, last_ts=walk.last_ts)
        if self._failure is not None:
            raise self._failure
        if self._seen != len(header.signatures):
            raise InvalidBundle("The header has a signature for a receipt that is not in the bundle.")
        return kid


class _Meant:
    """What the receipts mean, told of after everything else: `failure` is the first thing that is wrong with it."""

    def __init__(self, bundle: Bundle) -> None:
        self.failure: BundleRefused | None = None
        self._ahead: list[bytes] = []
        try:
            ahead = _read_ahead(bundle)
            self._ahead = [receipt.hash for receipt in ahead]
            bills = [receipt for receipt in ahead if receipt.typ in _BILLS]
            _check_invoice_seq(bundle.header, bills)
            plans = read_plans(bundle.header.plans, tenant=bundle.header.tenant)
            self._bills = Bills(bundle.header, bills, plans, steps=[step for step in ahead if is_run_step(step)])
            self._sums = UsageSums(plans, self._bills.asked())
        except BundleRefused as error:
            self.failure = error

    def take(self, step: Step, leaf: bytes) -> None:
        try:
            if step.use is not None:
                self._sums.take(step.seq, step.use, leaf)
            elif step.receipt is not None and _is_read_ahead(step.receipt):
                self._check_read_ahead(step, leaf)
        except BundleRefused as error:
            self.failure = error

    def check(self) -> list[CheckedBill]:
        if self.failure is not None:
            raise self.failure
        return self._bills.check(self._sums)

    def totals(self) -> list[MeterTotal]:
        return sorted(self._sums.totals.values(), key=lambda total: total.metric)

    def _check_read_ahead(self, step: Step, leaf: bytes) -> None:
        if not self._ahead or self._ahead.pop(0) != leaf:
            raise InvalidBundle(f"Receipt {step.seq} changed while the bundle was read.", seq=step.seq)


def _check_invoice_seq(header: Header, bills: Sequence[Receipt]) -> None:
    invoices = {bill.seq for bill in bills if bill.typ == "invoice"}
    if header.invoice_seq is not None and header.invoice_seq not in invoices:
        raise InvalidBundle(f"The header's invoice_seq names receipt {header.invoice_seq}, which is no invoice.")


def _is_read_ahead(receipt: Receipt) -> bool:
    return receipt.typ in _BILLS or is_run_step(receipt)


def _read_ahead(bundle: Bundle) -> Sequence[Receipt]:
    """The bills of a bundle, which say what usage has to be added up and come after it in the log, and what approved
    their gain-share.

    What cannot be read here is told of when its turn comes. Raises Unverifiable for more than can be held.
    """
    found: list[Receipt] = []
    size = 0
    try:
        for batch in bundle.receipts(sealed=False):
            for data in batch:
                if any(mark in data for mark in _AHEAD):
                    receipt = read_receipt(data)
                    if _is_read_ahead(receipt):
                        found.append(receipt)
                        size += len(data)
            if len(found) > BILLS_MAX or size > BILLS_BYTES_MAX:
                raise Unverifiable("There are more invoices in this bundle than can be checked at once; export fewer.")
    except (InvalidBundle, InvalidReceipt):
        return found
    return found
