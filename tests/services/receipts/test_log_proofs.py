"""Proofs from the stored log: right for every receipt and size, in one query of few rows by key."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event
from sqlmodel import Session, select, update

from models import Receipt, table_of
from services.database import reading, transaction
from services.errors import NotFound, Unprocessable
from services.receipts.log import BrokenLog, open_log, seal_logs
from services.receipts.log_proofs import prove_consistency, prove_inclusion, prove_inclusions, read_subtrees
from services.receipts.reading import find_receipt, list_receipts, list_trace, read_head
from services.receipts.signature_checks import verify_checkpoint
from services.receipts.signing_keys import public_key_at
from services.rules.merkle import Frontier, node_hash, verify_consistency, verify_inclusion
from services.rules.receipts import receipt_hash
from services.tenants import lock_head
from tests.given import NOON, Customer, break_in, customer, metered
from tests.given import event as used

SIZE = 37


@pytest.fixture
def log_of_37(engine: Engine) -> Customer:
    """A log that came to be in commits of several sizes."""
    with transaction(engine) as session:
        one = customer(session)
    for count in (1, 2, 13, 20):
        with transaction(engine) as session:
            metered(session, one.tenant_id, *[used("1") for _ in range(count)])
    return one


@contextmanager
def queries(engine: Engine) -> Iterator[list[str]]:
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        found.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


def leaves(session: Session, tenant_id: str) -> list[bytes]:
    rows = session.exec(select(Receipt.data).where(Receipt.tenant_id == tenant_id).order_by(Receipt.seq))
    return [receipt_hash(data) for data in rows]


def test_every_receipt_is_proven_against_every_size_of_the_log(engine: Engine, log_of_37: Customer) -> None:
    with reading(engine) as session:
        hashes = leaves(session, log_of_37.tenant_id)
        assert len(hashes) == SIZE
        for size in range(1, SIZE + 1):
            root = Frontier().extend(hashes[:size])[0].root()
            seqs = list(range(1, size + 1))
            proofs = prove_inclusions(session, tenant_id=log_of_37.tenant_id, seqs=seqs, size=size)
            for seq, proof in zip(seqs, proofs, strict=True):
                verify_inclusion(seq - 1, size, hashes[seq - 1], proof, root)


def test_every_size_is_proven_to_have_grown_from_every_earlier_one(engine: Engine, log_of_37: Customer) -> None:
    with reading(engine) as session:
        hashes = leaves(session, log_of_37.tenant_id)
        roots = [Frontier().extend(hashes[:size])[0].root() for size in range(SIZE + 1)]
        for size in range(1, SIZE + 1):
            for then in range(1, size + 1):
                proof = prove_consistency(session, tenant_id=log_of_37.tenant_id, from_size=then, size=size)
                verify_consistency(then, size, proof, roots[then], roots[size])


def test_a_proof_is_one_query(engine: Engine, log_of_37: Customer) -> None:
    with reading(engine) as session, queries(engine) as asked:
        prove_inclusion(session, tenant_id=log_of_37.tenant_id, seq=7, size=SIZE)
        prove_consistency(session, tenant_id=log_of_37.tenant_id, from_size=11, size=SIZE)
    assert len([statement for statement in asked if statement.startswith("SELECT")]) == 2


@pytest.mark.parametrize("size", [0, -1, SIZE + 1])
def test_a_size_the_log_never_had_proves_nothing(engine: Engine, log_of_37: Customer, size: int) -> None:
    with reading(engine) as session, pytest.raises(Unprocessable) as refused:
        prove_consistency(session, tenant_id=log_of_37.tenant_id, from_size=size, size=SIZE)
    assert refused.value.field == "from_size"


def test_a_node_stands_with_the_last_receipt_under_it(engine: Engine, log_of_37: Customer) -> None:
    with reading(engine) as session:
        hashes = leaves(session, log_of_37.tenant_id)
        found = read_subtrees(session, tenant_id=log_of_37.tenant_id, places=[(0, 4), (1, 1)])
    assert found == {(0, 4): hashes[4], (1, 1): node_hash(hashes[2], hashes[3])}


def test_a_log_that_lost_a_part_of_its_tree_proves_nothing(engine: Engine, log_of_37: Customer) -> None:
    with transaction(engine) as session:
        break_in(session)
        session.exec(update(table_of(Receipt)).where(table_of(Receipt).c.seq == 4).values(nodes=None))
    with reading(engine) as session, pytest.raises(BrokenLog):
        prove_inclusion(session, tenant_id=log_of_37.tenant_id, seq=1, size=SIZE)


def test_the_head_is_what_was_signed(engine: Engine, log_of_37: Customer) -> None:
    with reading(engine) as session:
        head = read_head(session, tenant_id=log_of_37.tenant_id)
        public_key = public_key_at(session, head.kid).public_key
    signed = verify_checkpoint(head.checkpoint, {head.kid: public_key}, origin=head.origin)
    assert (signed.size, signed.root) == (head.size, head.root) == (SIZE, head.root)


def test_receipts_are_listed_newest_first_and_found_by_number(engine: Engine, log_of_37: Customer) -> None:
    with reading(engine) as session:
        first = list_receipts(session, tenant_id=log_of_37.tenant_id, limit=30)
        rest = list_receipts(session, tenant_id=log_of_37.tenant_id, limit=30, before_seq=first[-1].seq)
        assert [receipt.seq for receipt in first + rest] == list(range(SIZE, 0, -1))
        base = find_receipt(session, tenant_id=log_of_37.tenant_id, seq=1)
        assert base == rest[-1]
        assert (base.document["typ"], base.signature is None, first[0].signature) == ("invoice", False, None)
        for seq in (0, SIZE + 1):
            with pytest.raises(NotFound):
                find_receipt(session, tenant_id=log_of_37.tenant_id, seq=seq)


def test_the_steps_of_a_trace_are_those_of_one_customer_in_order(session: Session) -> None:
    one, two = customer(session), customer(session, name="Other")
    for tenant in (one, two, one):
        metered(session, tenant.tenant_id, used("1", trace_id="shared"), used("1"))
    steps = list_trace(session, tenant_id=one.tenant_id, trace_id="shared")
    assert [(step.seq, step.document["hop"]) for step in steps] == [(2, 1), (4, 2)]
    assert list_trace(session, tenant_id=one.tenant_id, trace_id="shared", after_hop=1) == steps[1:]
    assert list_trace(session, tenant_id=two.tenant_id, trace_id="none") == []


def test_before_the_first_receipt_there_is_no_head(session: Session) -> None:
    one = customer(session, plan="assistant/free", currency="USD")
    with pytest.raises(NotFound):
        read_head(session, tenant_id=one.tenant_id)
    lock_head(session, tenant_id=one.tenant_id)
    log = open_log(session, tenant_id=one.tenant_id, at=NOON)
    log.append(typ="payment", idem="p", req="sha256:" + "0" * 64, amount="1.00", currency="USD")
    seal_logs(session)
    assert read_head(session, tenant_id=one.tenant_id).size == 1
