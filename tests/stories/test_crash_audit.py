"""What a crash could do to the books, done by hand: the audit of the crash tests must see each of it."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, delete, select, update
from sqlmodel import Session

from bench.crashes.audit import Audit
from bench.crashes.customers import add_customers
from bench.crashes.memory import Event, Memory
from models import PoolUsage, Receipt, ReceiptLog, UsageEvent, table_of
from services.database import transaction
from services.metering import Metered, UsageInput, record_usage
from services.rules.receipts import written
from tests.given import break_in

EVENTS = 12
NOW = datetime.now(UTC)

Damage = Callable[[Session], None]

receipt, event, head, pool = (table_of(model) for model in (Receipt, UsageEvent, ReceiptLog, PoolUsage))


def sent(tenant_id: str, number: int) -> Event:
    return Event(tenant_id, f"open-{number}", "work", 1_000_000 + number, "trace-1" if number % 3 == 0 else None, None)


def meter(engine: Engine, memory: Memory, tenant_id: str, numbers: range) -> None:
    """Record events, and remember them as a client that was told of each."""
    for number in numbers:
        it = sent(tenant_id, number)
        with transaction(engine) as session:
            asked = UsageInput(None, it.event_type, it.units_micro, event_id=it.event_id, trace_id=it.trace_id)
            (answer,) = record_usage(session, tenant_id=tenant_id, events=[asked], at=NOW)
        assert isinstance(answer, Metered)
        memory.sent[it.event_id] = it
        memory.acknowledged[it.event_id] = answer.seq
        memory.roots.append(((it.event_id,), written(answer.receipt_hash)))


@pytest.fixture
def audit(sqlite_engine: Engine) -> Audit:
    """Books that are as they should be, with one head remembered on the way."""
    with transaction(sqlite_engine) as session:
        customers = add_customers(session, at=NOW)
    audit = Audit(sqlite_engine, Memory(), customers)
    meter(sqlite_engine, audit.memory, customers[0].tenant_id, range(EVENTS - 4))
    audit.check_new(audit.memory.told())
    meter(sqlite_engine, audit.memory, customers[0].tenant_id, range(EVENTS - 4, EVENTS))
    return audit


def findings(audit: Audit) -> str:
    audit.check_all(audit.memory.told())
    return "\n".join(audit.memory.findings)


def test_books_that_are_whole_give_no_finding(audit: Audit) -> None:
    assert findings(audit) == ""
    audit.check_new(audit.memory.told())
    assert (len(audit.places), audit.memory.findings) == (EVENTS, [])


def test_a_head_that_was_signed_must_be_found_again(audit: Audit) -> None:
    log = audit.logs[audit.customers[0].tenant_id]
    log.heads[log.size] = hashlib.sha256(b"another history").digest()
    assert "does not contain the one that was signed at size" in findings(audit)


def drop(seq_from_end: int) -> Damage:
    """Take the so many-th event from the end away, with its receipt."""

    def damage(session: Session) -> None:
        last = session.execute(select(event).order_by(event.c.seq.desc()).offset(seq_from_end - 1)).first()
        assert last is not None
        session.execute(delete(receipt).where(receipt.c.tenant_id == last.tenant_id, receipt.c.seq == last.seq))
        session.execute(delete(event).where(event.c.tenant_id == last.tenant_id, event.c.seq == last.seq))

    return damage


def rename(session: Session) -> None:
    session.execute(update(event).where(event.c.event_id == "open-3").values(event_id="open-x"))


def credit_more(session: Session) -> None:
    session.execute(update(event).where(event.c.event_id == "open-3").values(credits_micro=event.c.credits_micro + 1))


def count_more(session: Session) -> None:
    session.execute(update(pool).values(used_micro=pool.c.used_micro + 1))


def spoil_nodes(session: Session) -> None:
    session.execute(update(receipt).where(receipt.c.nodes.is_not(None)).values(nodes=b"\0" * 32))


def forget_head(session: Session) -> None:
    session.execute(delete(head))


def cut_head(session: Session) -> None:
    session.execute(update(head).where(head.c.size > 1).values(size=head.c.size - 1))


def unsign_head(session: Session) -> None:
    session.execute(update(head).values(checkpoint=head.c.checkpoint + "\n"))


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        (drop(1), "open-11 was acknowledged in place"),
        (drop(1), "the head is at"),
        (drop(5), "must come next"),
        (rename, "open-3 was acknowledged in place"),
        (rename, "was never sent"),
        (credit_more, "and its receipt differ"),
        (credit_more, "was sent as"),
        (count_more, "the counters to"),
        (spoil_nodes, "are not those it completes"),
        (forget_head, "receipts without a head"),
        (cut_head, "the head is at"),
        (unsign_head, "does not verify"),
    ],
)
def test_what_a_crash_could_do_is_seen(audit: Audit, damage: Damage, finding: str) -> None:
    with transaction(audit.engine) as session:
        break_in(session)
        damage(session)
    assert finding in findings(audit)


def test_an_event_acknowledged_in_another_place_is_seen(audit: Audit) -> None:
    audit.memory.acknowledged["open-5"] = 1
    assert "open-5 was acknowledged in place 1 and is in place" in findings(audit)


def test_a_receipt_other_than_the_one_acknowledged_is_seen(audit: Audit) -> None:
    audit.memory.roots[5] = (("open-5",), audit.memory.roots[6][1])
    assert "the receipts of open-5 are not those that were acknowledged" in findings(audit)


def test_a_log_that_ends_before_what_was_signed_is_seen(audit: Audit) -> None:
    log = audit.logs[audit.customers[0].tenant_id]
    log.heads[log.size + EVENTS] = hashlib.sha256(b"a longer history").digest()
    assert "receipts were signed" in findings(audit)


def test_an_event_that_was_refused_and_kept_is_seen(audit: Audit) -> None:
    audit.memory.refused.add("open-5")
    assert "open-5 was refused and is in the books" in findings(audit)


def test_an_event_that_was_lost_since_the_last_audit_is_seen(audit: Audit) -> None:
    audit.memory.acknowledged["open-never-kept"] = None
    audit.check_new(audit.memory.told())
    assert audit.lost == {"open-never-kept"}
