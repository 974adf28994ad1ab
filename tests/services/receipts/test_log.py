"""A log is appended to and signed once a transaction, and never where what is stored is not what was signed."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, update
from sqlmodel import Session, select

from models import Receipt, ReceiptLog, ReceiptSignature, SigningKey
from services.database import transaction
from services.gateways.signing import verify
from services.receipts.log import RECEIPT_CONTEXT, BrokenLog, open_log, origin_of, read_head
from services.receipts.signature_checks import verify_checkpoint
from services.receipts.signing_keys import rotate_key
from services.rules.merkle import Frontier, leaf_hash
from services.rules.receipts import read_receipt
from services.rules.violations import InvalidReceipt
from services.tenants import lock_head
from tests.given import NOON, break_in, customer, event, metered

LATER = NOON + timedelta(minutes=1)


@pytest.fixture
def acme(engine: Engine) -> str:
    with transaction(engine) as session:
        made = customer(session)
        metered(session, made.tenant_id, *(event("1", event_id=f"e{n}") for n in range(5)))
    return made.tenant_id


def append_approval(session: Session, tenant_id: str) -> None:
    lock_head(session, tenant_id=tenant_id)
    log = open_log(session, tenant_id=tenant_id, at=LATER)
    log.append(typ="approval", idem="run-1", req="run", cid="sha256:" + "ab" * 32)


def public_keys(session: Session) -> dict[str, bytes]:
    return {key.kid: bytes(key.public_key) for key in session.exec(select(SigningKey))}


def test_the_head_is_signed_over_every_receipt(engine: Engine, acme: str) -> None:
    with transaction(engine) as session:
        stored = session.exec(select(Receipt).where(Receipt.tenant_id == acme).order_by(Receipt.seq)).all()
        head = session.get_one(ReceiptLog, acme)
        frontier, _ = Frontier().extend(leaf_hash(row.data) for row in stored)
        signed = verify_checkpoint(head.checkpoint, public_keys(session), origin=origin_of(head.iss, acme))
        assert (signed.size, signed.root) == (len(stored), frontier.root())
        assert head.iss == "localhost:3000"


def test_one_signature_covers_all_a_transaction_appends(
    engine: Engine, acme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = []
    from services.receipts import log as receipt_log

    sign = receipt_log.signed_checkpoint
    monkeypatch.setattr(receipt_log, "signed_checkpoint", lambda *a, **k: signed.append(k["size"]) or sign(*a, **k))
    with transaction(engine) as session:
        metered(session, acme, event("1"), event("1"))
        append_approval(session, acme)
        metered(session, acme, event("1"))
        before = read_head(session, tenant_id=acme).size
    with transaction(engine) as session:
        after = read_head(session, tenant_id=acme).size
    assert (signed, after) == ([before + 4], before + 4)


def test_what_must_be_signed_by_itself_is(engine: Engine, acme: str) -> None:
    with transaction(engine) as session:
        append_approval(session, acme)
    with transaction(engine) as session:
        size = read_head(session, tenant_id=acme).size
        row, own = session.get_one(Receipt, (acme, size)), session.get_one(ReceiptSignature, (acme, size))
        verify(public_keys(session)[own.kid], bytes(own.signature), RECEIPT_CONTEXT + row.data)
        assert read_receipt(row.data).typ == "approval"


def test_a_receipt_that_cannot_be_leaves_no_gap(engine: Engine, acme: str) -> None:
    with transaction(engine) as session:
        before = read_head(session, tenant_id=acme).size
    with pytest.raises(InvalidReceipt), transaction(engine) as session:  # noqa: PT012 what it leaves is the point
        metered(session, acme, event("1"))
        open_log(session, tenant_id=acme, at=LATER).append(typ="approval", idem="x")
    with transaction(engine) as session:
        assert read_head(session, tenant_id=acme).size == before
        (answer,) = metered(session, acme, event("1"))
        assert answer.seq == before + 1


def test_the_log_says_when_another_key_signs(engine: Engine, acme: str) -> None:
    with transaction(engine) as session:
        rotation = rotate_key(session, at=LATER)
    with transaction(engine) as session:
        (answer,) = metered(session, acme, event("1"), at=LATER)
    with transaction(engine) as session:
        told = read_receipt(session.get_one(Receipt, (acme, answer.seq - 1)).data)
        head = session.get_one(ReceiptLog, acme)
        assert (told.typ, told.document["req"], head.kid) == ("key", rotation.new_kid, rotation.new_kid)
        keys = {rotation.new_kid: public_keys(session)[rotation.new_kid]}
        assert verify_checkpoint(head.checkpoint, keys).size == answer.seq
        (later,) = metered(session, acme, event("1"), at=LATER)
        assert later.seq == answer.seq + 1


@pytest.mark.parametrize(
    "change",
    [
        {"frontier": Frontier().extend([leaf_hash(b"other")])[0].to_bytes()},
        {"size": 3},
        {"last_hash": bytes(32)},
        {"checkpoint": "localhost:3000/tallystick/ten_other\n1\n\n"},
        {"iss": "elsewhere.example"},
    ],
)
def test_nothing_is_appended_to_a_log_that_is_not_the_one_signed(
    engine: Engine, acme: str, change: dict[str, object]
) -> None:
    with transaction(engine) as session:
        session.execute(update(ReceiptLog).where(ReceiptLog.tenant_id == acme).values(**change))
        lock_head(session, tenant_id=acme)
    with pytest.raises(BrokenLog), transaction(engine) as session:
        metered(session, acme, event("1"))


def test_a_receipt_that_was_changed_at_the_end_of_the_log_is_noticed_before_signing(engine: Engine, acme: str) -> None:
    with transaction(engine) as session:
        last = read_head(session, tenant_id=acme).size
        forged = session.get_one(Receipt, (acme, last)).data.replace(b'"units":"1"', b'"units":"2"')
        break_in(session)
        session.execute(update(Receipt).where(Receipt.tenant_id == acme, Receipt.seq == last).values(data=forged))
        lock_head(session, tenant_id=acme)
    with pytest.raises(BrokenLog), transaction(engine) as session:
        metered(session, acme, event("1"))


def test_each_receipt_is_written_at_its_own_moment_in_one_transaction(engine: Engine, acme: str) -> None:
    with transaction(engine) as session:
        for at in (NOON, LATER):
            lock_head(session, tenant_id=acme)
            log = open_log(session, tenant_id=acme, at=at)
            log.append(typ="approval", idem=f"at {at:%H:%M}", req="run", cid="sha256:" + "ab" * 32)
    with transaction(engine) as session:
        head = session.get_one(ReceiptLog, acme)
        rows = [session.get_one(Receipt, (acme, seq)) for seq in (head.size - 1, head.size)]
        written = [read_receipt(row.data).document["ts"] for row in rows]
        assert written == ["2026-11-20T12:00:00.000000Z", "2026-11-20T12:01:00.000000Z"]
        assert head.signed_at == LATER
