"""A receipt as a person reads it: what it attests, that it was really checked, and that nobody sees another's."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine, update
from sqlmodel import Session

from models import Receipt, ReceiptLog, ReceiptSignature
from services.closing.close import close_period
from services.database import reading, transaction
from services.errors import NotFound
from services.receipts.log import open_log
from services.receipts.proofs import prove_receipt
from services.receipts.views import ReceiptView, read_receipt_view
from services.receipts.wording import KIND_WORDS, Reader, facts_of, sentence_of
from services.rules.merkle import verify_inclusion
from services.rules.notes import read_checkpoint, read_note
from services.rules.quantities import MICRO
from services.rules.receipt_fields import SHAPES
from services.rules.receipts import read_receipt
from services.tenants import lock_head
from services.usage.corrections import CorrectionInput, correct_usage
from tests.given import Customer, break_in, customer, event, metered

OCTOBER_NOON = datetime(2026, 10, 20, 16, tzinfo=UTC)
HASH = "sha256:" + "ab" * 32
NOVEMBER = datetime(2026, 11, 1, 8, tzinfo=UTC)


@pytest.fixture
def acme(engine: Engine) -> Customer:
    """Three events of October, the period closed, and the last of them corrected from two jobs to one."""
    with transaction(engine) as session:
        made = customer(session, start=date(2026, 10, 1), at=OCTOBER_NOON)
        sent = [
            event("1000000", event_id="first"),
            event("499000", event_id="second"),
            event("2", "optimizer_job", event_id="third"),
        ]
        metered(session, made.tenant_id, *sent, at=OCTOBER_NOON)
    with transaction(engine) as session:
        close_period(session, tenant_id=made.tenant_id, at=NOVEMBER)
    with transaction(engine) as session:
        less = CorrectionInput("third", MICRO, "the job ran once")
        correct_usage(session, tenant_id=made.tenant_id, correction=less, at=NOVEMBER)
    return made


def seq_of(session: Session, acme: Customer, typ: str, nth: int = 0) -> int:
    size = session.get_one(ReceiptLog, acme.tenant_id).size
    kinds = [(seq, read_receipt(session.get_one(Receipt, (acme.tenant_id, seq)).data)) for seq in range(1, size + 1)]
    return [seq for seq, receipt in kinds if receipt.typ == typ][nth]


def shown(engine: Engine, acme: Customer, typ: str, nth: int = 0) -> ReceiptView:
    with reading(engine) as session:
        seq = seq_of(session, acme, typ, nth)
        return read_receipt_view(session, tenant_id=acme.tenant_id, seq_text=str(seq))


def facts(view: ReceiptView) -> dict[str, str]:
    return {fact.name: fact.value for fact in view.facts}


def test_a_receipt_of_use_says_what_was_used_and_what_it_burned(engine: Engine, acme: Customer) -> None:
    view = shown(engine, acme, "usage", 1)
    assert view.kind == "Usage"
    assert view.sentence == (
        "LLM tokens: 499,000,000 tokens used on 20 Oct 2026, 12:00."
        " This burned 499,000 credits, 499,000 of them beyond the allowance."
    )
    assert facts(view)["Id"] == "second"
    assert facts(view)["Rated with"].startswith("Pro, version ")
    assert ("invoice", True) in [(one.kind, "INV-000002" in one.label) for one in view.related]


def test_the_bytes_shown_are_those_that_are_hashed(engine: Engine, acme: Customer) -> None:
    view = shown(engine, acme, "usage", 2)
    receipt = read_receipt(view.document.encode())
    assert view.hash == f"sha256:{receipt.hash.hex()}"
    assert (str(receipt.seq), view.size) == (view.seq, f"{len(view.document):,} bytes")
    head = read_checkpoint(read_note(view.checkpoint).body)
    proof = [bytes.fromhex(line.removeprefix("sha256:")) for line in view.proof.split("\n")]
    verify_inclusion(receipt.seq - 1, head.size, receipt.hash, proof, head.root)


def test_every_receipt_of_a_log_is_proven_and_leads_to_its_neighbours(engine: Engine, acme: Customer) -> None:
    with reading(engine) as session:
        size = session.get_one(ReceiptLog, acme.tenant_id).size
        views = [read_receipt_view(session, tenant_id=acme.tenant_id, seq_text=str(n)) for n in range(1, size + 1)]
    assert all(view.is_sound and all(check.is_good for check in view.checks) for view in views)
    assert [view.previous for view in views] == ["", *(view.seq for view in views[:-1])]
    assert [view.following for view in views] == [*(view.seq for view in views[1:]), ""]


def test_a_correction_leads_to_what_it_corrects_and_to_its_credit_note(engine: Engine, acme: Customer) -> None:
    view = shown(engine, acme, "correction")
    third = shown(engine, acme, "usage", 2)
    note = shown(engine, acme, "credit_note")
    assert view.sentence == (
        "Optimizer jobs: an earlier record should have been 1 job fewer."
        " This gives back 500 credits, 500 of them beyond the allowance."
    )
    assert facts(view)["Reason given"] == "the job ran once"
    assert (f"Corrects receipt {third.seq}", third.seq) in [(one.label, one.id) for one in view.related]
    assert ("Credited by CN-000001", note.seq) in [(one.label, one.id) for one in view.related]
    assert (f"Corrected by receipt {view.seq}", view.seq) in [(one.label, one.id) for one in third.related]


def test_a_credit_note_carries_its_own_signature_and_names_its_invoice(engine: Engine, acme: Customer) -> None:
    view = shown(engine, acme, "credit_note")
    assert view.sentence.startswith("Credit note CN-000001 takes $1.00 back from an invoice")
    assert view.own_signature
    assert [one.kind for one in view.related] == ["invoice", "receipt"]


def test_an_invoices_receipt_says_what_it_charges_and_rests_on(engine: Engine, acme: Customer) -> None:
    view = shown(engine, acme, "invoice", 1)
    assert view.sentence == (
        "Invoice INV-000002 for 1 Oct – 31 Oct 2026 charges $10,000.00 in 2 lines."
        " It rests on 3 records of use, receipts 2 to 4 of this log."
    )
    assert (facts(view)["Total"], view.own_signature != "") == ("$10,000.00", True)
    assert [one.label for one in view.related] == ["The invoice itself, INV-000002"]
    assert shown(engine, acme, "invoice").sentence.endswith("in 1 line. It sums no use.")


@pytest.mark.parametrize("said", ["", "0", "-1", "01", "1.0", " 1", "one", "²", "9" * 16, "9" * 400, "\x00"])
def test_what_is_no_number_of_a_receipt_is_not_found(engine: Engine, acme: Customer, said: str) -> None:
    with reading(engine) as session, pytest.raises(NotFound):
        read_receipt_view(session, tenant_id=acme.tenant_id, seq_text=said)


def test_beyond_the_end_and_before_the_first_receipt_nothing_is_found(engine: Engine, acme: Customer) -> None:
    with transaction(engine) as session:
        fresh = customer(session, name="Fresh")
    with reading(engine) as session:
        size = session.get_one(ReceiptLog, acme.tenant_id).size
        for tenant_id, seq in ((acme.tenant_id, size + 1), (fresh.tenant_id, 10_000)):
            with pytest.raises(NotFound):
                read_receipt_view(session, tenant_id=tenant_id, seq_text=str(seq))


def test_the_same_number_is_another_receipt_in_another_customers_log(engine: Engine, acme: Customer) -> None:
    with transaction(engine) as session:
        other = customer(session, name="Other")
        metered(session, other.tenant_id, event("7", event_id="theirs"))
    view = shown(engine, other, "usage")
    assert facts(view)["Id"] == "theirs"
    assert "first" not in view.document.split("idem")[1]


def renamed(data: bytes) -> bytes:
    return data.replace(b'"idem":"second"', b'"idem":"sacond"')


def relinked(data: bytes) -> bytes:
    document = json.loads(data)
    return data.replace(document["prev"].encode(), b"sha256:" + b"ab" * 32)


@pytest.mark.parametrize("change", [renamed, relinked])
def test_a_receipt_that_was_changed_in_the_database_does_not_check_out(
    engine: Engine, acme: Customer, change: Callable[[bytes], bytes]
) -> None:
    with transaction(engine) as session:
        seq = seq_of(session, acme, "usage", 1)
        row = session.get_one(Receipt, (acme.tenant_id, seq))
        break_in(session)
        row.data = change(bytes(row.data))
    view = shown(engine, acme, "usage", 1)
    assert not view.is_sound
    assert view.verdict == "This receipt does not check out."
    assert "Contained in the log" in [check.name for check in view.checks if not check.is_good]


def test_bytes_that_are_no_receipt_are_said_to_be_none(engine: Engine, acme: Customer) -> None:
    with transaction(engine) as session:
        seq = seq_of(session, acme, "usage", 1)
        break_in(session)
        session.get_one(Receipt, (acme.tenant_id, seq)).data = b'{"v": 1}'
    with reading(engine) as session:
        view = read_receipt_view(session, tenant_id=acme.tenant_id, seq_text=str(seq))
    assert not view.is_sound
    assert "no receipt any more" in view.sentence


def test_a_foreign_checkpoint_and_a_foreign_signature_are_told(engine: Engine, acme: Customer) -> None:
    with transaction(engine) as session:
        log = session.get_one(ReceiptLog, acme.tenant_id)
        size, note = log.size, log.checkpoint
        own = session.get_one(ReceiptSignature, (acme.tenant_id, seq_of(session, acme, "credit_note")))
        break_in(session)
        own.signature = bytes(64)
        session.execute(
            update(ReceiptLog).where(ReceiptLog.tenant_id == acme.tenant_id).values(checkpoint=_forged(note))
        )
    with reading(engine) as session:
        proven = prove_receipt(session, tenant_id=acme.tenant_id, seq=own.seq)
    assert (proven.head.size, proven.proof_broken, proven.link_broken) == (size, "", "")
    assert proven.checkpoint_broken
    assert proven.own_broken
    assert not proven.is_sound


def _forged(note: str) -> str:
    body, _, line = note.rpartition("— ")
    name, signature = line.rsplit(" ", 1)
    changed = bytearray(base64.b64decode(signature))
    changed[-1] ^= 1
    return f"{body}— {name} {base64.b64encode(changed).decode()}\n"


def test_a_kind_that_must_be_signed_and_is_not_is_told(engine: Engine, acme: Customer) -> None:
    with transaction(engine) as session:
        seq = seq_of(session, acme, "credit_note")
        break_in(session)
        session.delete(session.get_one(ReceiptSignature, (acme.tenant_id, seq)))
    with reading(engine) as session:
        proven = prove_receipt(session, tenant_id=acme.tenant_id, seq=seq)
    assert proven.own_broken == "It must carry a signature of its own and has none."


def test_there_are_words_for_every_kind_of_receipt() -> None:
    assert KIND_WORDS.keys() == SHAPES.keys()


@pytest.mark.parametrize(
    ("typ", "fields", "begins"),
    [
        (
            "payment",
            {"idem": "p", "req": HASH, "amount": "10.50", "currency": "CAD"},
            "$10.50 was paid",
        ),
        ("approval", {"idem": "a", "req": "run", "cid": HASH}, "A decision"),
        (
            "approval",
            {
                "idem": "f",
                "req": "r",
                "cid": HASH,
                "metric": "gainshare_fee",
                "policy": "approved",
                "amount": "480000.00",
                "currency": "CAD",
            },
            "The customer approved a gain-share run. Its fee is $480,000.00.",
        ),
        (
            "approval",
            {"idem": "c", "req": "s", "cid": HASH, "metric": "spend_cap", "amount": "500.00", "currency": "CAD"},
            "The customer's own spending limit was set to $500.00",
        ),
        (
            "approval",
            {"idem": "d", "req": "s", "cid": HASH, "metric": "spend_cap"},
            "The customer's own spending limit",
        ),
        ("approval", {"idem": "e", "req": "s", "cid": HASH, "metric": "alert_thresholds"}, "The customer changed"),
        ("baseline", {"idem": "b", "cid": HASH, "metric": "mtbf_hours", "units": "92"}, "A gain-share baseline"),
        ("exchange", {"idem": "x", "cid": HASH}, "A step of an exchange"),
    ],
)
def test_receipts_that_are_not_about_use_are_worded(
    engine: Engine, acme: Customer, typ: str, fields: dict[str, str], begins: str
) -> None:
    with transaction(engine) as session:
        lock_head(session, tenant_id=acme.tenant_id)
        open_log(session, tenant_id=acme.tenant_id, at=NOVEMBER).append(typ=typ, **fields)
    view = shown(engine, acme, typ)
    assert view.sentence.startswith(begins)
    assert view.is_sound
    assert facts(view)["Id"] == fields["idem"]


def test_an_unknown_plan_leaves_the_codes() -> None:
    used = {"metric": "work", "units": "12", "credits_micro": 24 * MICRO, "price": HASH}
    document = {"typ": "usage", "ts": NOVEMBER.isoformat()} | used
    reader = Reader("UTC", None)
    assert sentence_of(document, reader).startswith("work: 12 used on 1 Nov 2026, 08:00. This burned 24 credits, all")
    assert ("Used", "12") in [(fact.name, fact.value) for fact in facts_of(document, reader)]
