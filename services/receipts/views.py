"""One receipt in words: what it attests, where it stands in the log, and whether everything about it checks out."""

import base64
from dataclasses import dataclass, replace
from typing import Any

from sqlmodel import Session, col, select

from models import BillingPeriod, CreditNote, Invoice, UsageEvent
from services import wording
from services.errors import NotFound
from services.invoices.credit_notes import note_number
from services.invoices.line_facts import Fact
from services.invoices.numbers import invoice_number
from services.price_books.books import plan_version
from services.price_books.plans import Plan
from services.receipts.proofs import NO_SUCH_RECEIPT, ProvenReceipt, prove_receipt
from services.receipts.wording import KIND_WORDS, Reader, facts_of, sentence_of
from services.rules.canonical import INTEGER_MAX
from services.rules.receipts import written
from services.rules.violations import InvalidReceipt
from services.tenants import read_tenant

SHOWN_CHARACTERS_MAX = 100_000
"""A longer receipt (an invoice of hundreds of lines) is downloaded instead of shown."""

CORRECTIONS_SHOWN_MAX = 20


@dataclass(frozen=True)
class CheckView:
    """One thing that was checked just now, and what came of it."""

    name: str
    words: str
    is_good: bool


@dataclass(frozen=True)
class RelatedView:
    """Something this receipt is about: `kind` is receipt or invoice, `id` its number or id."""

    label: str
    kind: str
    id: str


@dataclass(frozen=True)
class ReceiptView:
    """One receipt. `previous` and `following` are the numbers beside it, "" at the ends of the log.

    `document` are its exact bytes, "" where they are too many to show.
    """

    seq: str = ""
    title: str = ""
    kind: str = ""
    written: str = ""
    sentence: str = ""
    facts: tuple[Fact, ...] = ()
    related: tuple[RelatedView, ...] = ()
    is_sound: bool = False
    verdict: str = ""
    checks: tuple[CheckView, ...] = ()
    previous: str = ""
    following: str = ""
    document: str = ""
    size: str = ""
    hash: str = ""
    proof: str = ""
    checkpoint: str = ""
    own_signature: str = ""


EMPTY_RECEIPT = ReceiptView()


def read_receipt_view(session: Session, *, tenant_id: str, seq_text: str) -> ReceiptView:
    """Receipt `seq_text` of a customer, checked again while it is read. Raises NotFound, also for no number at all."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    seq = _seq_in(seq_text)
    try:
        proven = prove_receipt(session, tenant_id=tenant_id, seq=seq)
    except InvalidReceipt as broken:
        return _unreadable(seq, broken)
    document = proven.receipt.document
    reader = Reader(tenant.timezone, _plan_of(session, document))
    text = proven.receipt.data.decode()
    return ReceiptView(
        seq=str(seq),
        title=f"Receipt {seq:,}",
        kind=KIND_WORDS[proven.receipt.typ],
        written=reader.moment(document["ts"]),
        sentence=sentence_of(document, reader),
        facts=(*facts_of(document, reader), *_reason(session, tenant_id, seq)),
        related=_related(session, tenant_id, document),
        is_sound=proven.is_sound,
        verdict=_verdict(proven),
        checks=_checks(proven, tenant.timezone),
        previous=str(seq - 1) if seq > 1 else "",
        following=str(seq + 1) if seq < proven.head.size else "",
        document=text if len(text) <= SHOWN_CHARACTERS_MAX else "",
        size=f"{len(proven.receipt.data):,} bytes",
        hash=written(proven.receipt.hash),
        proof="\n".join(written(hashed) for hashed in proven.proof),
        checkpoint=proven.head.checkpoint,
        own_signature="" if proven.own is None else base64.b64encode(proven.own.signature).decode(),
    )


def _seq_in(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(INTEGER_MAX))) or text.startswith("0"):
        raise NotFound(NO_SUCH_RECEIPT, field="seq")
    return int(text)


def _unreadable(seq: int, broken: InvalidReceipt) -> ReceiptView:
    view = replace(EMPTY_RECEIPT, seq=str(seq), title=f"Receipt {seq:,}", kind="Unreadable")
    why = f"What is stored under this number is no receipt any more: {broken.message}"
    return replace(view, sentence=why, verdict="This receipt does not check out.")


def _plan_of(session: Session, document: dict[str, Any]) -> Plan | None:
    try:
        return plan_version(session, version_id=document["price"]) if "price" in document else None
    except KeyError:
        return None


def _verdict(proven: ProvenReceipt) -> str:
    if not proven.is_sound:
        return "This receipt does not check out."
    return "This receipt is in your log as it was written, and the log is signed."


def _checks(proven: ProvenReceipt, timezone: str) -> tuple[CheckView, ...]:
    """Each in the order a verifier takes them; what went wrong stands in place of what went well."""
    seq, size, hashes = proven.receipt.seq, proven.head.size, len(proven.proof)
    first = "The first receipt of your log."
    linked = first if seq == 1 else f"It carries the hash of receipt {seq - 1:,}, which is what that one hashes to."
    own = "This kind needs none; the signature over the log covers it."
    if proven.own is not None:
        own = f"Key {_short(proven.own.kid)} signed it, and the signature is right."
    lead = f"{hashes:,} hash{' leads' if hashes == 1 else 'es lead'} from it to the root that was signed, and they fit."
    signed = wording.moment(proven.head.signed_at, timezone)
    return (
        CheckView(f"Number {seq:,} of {size:,}", proven.link_broken or linked, not proven.link_broken),
        CheckView("Contained in the log", proven.proof_broken or lead, not proven.proof_broken),
        CheckView(
            "The log is signed",
            proven.checkpoint_broken or f"Key {_short(proven.head.kid)} signed all {size:,} receipts on {signed}.",
            not proven.checkpoint_broken,
        ),
        CheckView("Own signature", proven.own_broken or own, not proven.own_broken),
    )


def _short(kid: str) -> str:
    return f"{kid[:8]}…"


def _reason(session: Session, tenant_id: str, seq: int) -> tuple[Fact, ...]:
    """Why a correction was made; the receipt itself holds only the fingerprint of it."""
    event = session.get(UsageEvent, (tenant_id, seq))
    reason = (event.meta or {}).get("reason") if event is not None and event.corrects_seq is not None else None
    return (Fact("Reason given", reason),) if isinstance(reason, str) else ()


def _related(session: Session, tenant_id: str, document: dict[str, Any]) -> tuple[RelatedView, ...]:
    match document["typ"]:
        case "usage" | "correction":
            return _related_to_usage(session, tenant_id, document["seq"])
        case "invoice" | "payment" if "number" in document:
            return _related_to_invoice(session, tenant_id, document["number"])
        case "credit_note":
            return _related_to_note(session, tenant_id, document["number"])
    return ()


def _related_to_usage(session: Session, tenant_id: str, seq: int) -> tuple[RelatedView, ...]:
    event = session.get(UsageEvent, (tenant_id, seq))
    if event is None:
        return ()
    found = []
    if event.corrects_seq is not None:
        found.append(RelatedView(f"Corrects receipt {event.corrects_seq:,}", "receipt", str(event.corrects_seq)))
    corrections = select(UsageEvent.seq).where(UsageEvent.tenant_id == tenant_id, UsageEvent.corrects_seq == seq)
    for later in session.exec(corrections.order_by(col(UsageEvent.seq)).limit(CORRECTIONS_SHOWN_MAX)):
        found.append(RelatedView(f"Corrected by receipt {later:,}", "receipt", str(later)))
    period = session.get(BillingPeriod, (tenant_id, event.subscription_id, event.period_start))
    if period is not None and period.invoice_id is not None:
        invoice = session.get_one(Invoice, (tenant_id, period.invoice_id))
        found.append(_invoice_link(invoice, "The invoice of its period"))
    note = session.exec(
        select(CreditNote).where(CreditNote.tenant_id == tenant_id, CreditNote.correction_seq == seq)
    ).first()
    if note is not None:
        found.append(RelatedView(f"Credited by {note_number(note)}", "receipt", str(note.receipt_seq)))
    return tuple(found)


def _related_to_invoice(session: Session, tenant_id: str, number: int) -> tuple[RelatedView, ...]:
    statement = select(Invoice).where(Invoice.tenant_id == tenant_id, Invoice.number == number)
    invoice = session.exec(statement).first()
    return () if invoice is None else (_invoice_link(invoice, "The invoice itself"),)


def _related_to_note(session: Session, tenant_id: str, number: int) -> tuple[RelatedView, ...]:
    statement = select(CreditNote).where(CreditNote.tenant_id == tenant_id, CreditNote.number == number)
    note = session.exec(statement).first()
    if note is None:
        return ()
    invoice = _invoice_link(session.get_one(Invoice, (tenant_id, note.invoice_id)), "The invoice it is for")
    if note.correction_seq is None:
        return (invoice,)
    correction = f"For the correction in receipt {note.correction_seq:,}"
    return (invoice, RelatedView(correction, "receipt", str(note.correction_seq)))


def _invoice_link(invoice: Invoice, label: str) -> RelatedView:
    return RelatedView(f"{label}, {invoice_number(invoice)}", "invoice", invoice.id)
