"""What a database and a processor could do at best: events written with receipts, and nothing decided about them.

No validation, no rating, no credits, no roll-ups, no HTTP: canonical bytes, their hash, one row for the event, one for
the receipt, the tree and one signature a transaction. `bench.ingest` is to be read against it.
"""

import argparse
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, String, Table

from bench.databases import BACKENDS, database
from bench.figures import print_machine, print_table
from services.bulk_rows import insert_rows
from services.database import Engine, open_engine, transaction
from services.gateways.signing import generate_key_pair, signer_of
from services.rules.merkle import Frontier
from services.rules.receipts import written_time
from services.rules.usage_receipts import UsageReceiptForm

EVENTS_A_TRANSACTION = 1_000
TRANSACTIONS = 200
EVENT = ("tenant", "seq", "event_id", "units_micro")
RECEIPT = ("tenant", "seq", "data", "nodes")

metadata = MetaData()
events = Table(
    "skeleton_event", metadata,
    Column("tenant", String, primary_key=True), Column("seq", BigInteger, primary_key=True),
    Column("event_id", String, index=True, unique=True), Column("units_micro", BigInteger),
    sqlite_with_rowid=False,
)  # fmt: skip
receipts = Table(
    "skeleton_receipt", metadata,
    Column("tenant", String, primary_key=True), Column("seq", BigInteger, primary_key=True),
    Column("data", LargeBinary), Column("nodes", LargeBinary),
    sqlite_with_rowid=False,
)  # fmt: skip


def main() -> None:
    """Print a row for each database."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--backends", nargs="*", default=BACKENDS, choices=BACKENDS)
    print_machine(f"Ceiling: a skeleton of the write path, {EVENTS_A_TRANSACTION:,} events a transaction, durable")
    rows = []
    for backend in parser.parse_args().backends:
        with database(backend) as url, _opened(url) as engine:
            rows.append([backend, f"{_measure(engine):,.0f}"])
    print_table(("database", "events/s"), rows)


@contextmanager
def _opened(url: str) -> Iterator[Engine]:
    engine = open_engine(url)
    with engine.begin() as connection:
        metadata.create_all(connection)
    yield engine
    engine.dispose()


def _measure(engine: Engine) -> float:
    write = _writer()
    for _ in range(5):
        write(engine)
    started = time.perf_counter()
    for _ in range(TRANSACTIONS):
        write(engine)
    return TRANSACTIONS * EVENTS_A_TRANSACTION / (time.perf_counter() - started)


def _writer() -> Callable[[Engine], None]:
    """A function that writes and signs one more transaction's worth."""
    tenant, price = "ten_" + os.urandom(16).hex(), "sha256:" + os.urandom(32).hex()
    form = UsageReceiptForm(
        iss="billing.example", tenant=tenant, subscription="sub_" + tenant[4:], metric="tokens", price=price, day=None
    )
    signer = signer_of(generate_key_pair().private_key)
    state: dict[str, Any] = {"seq": 0, "prev": None, "frontier": Frontier()}

    def write(engine: Engine) -> None:
        at = written_time(datetime.now(UTC))
        leaves, event_rows, receipt_rows = [], [], []
        seq, prev = state["seq"], state["prev"]
        for _ in range(EVENTS_A_TRANSACTION):
            seq += 1
            event_id = f"evt-{seq:012d}"
            data = form.fill(seq=seq, prev=prev, ts=at, idem=event_id, units="0.418", credits_micro=418_000)
            hashed = hashlib.sha256(b"\x00" + data).digest()
            prev = f"sha256:{hashed.hex()}"
            leaves.append(hashed)
            event_rows.append((tenant, seq, event_id, 418_000))
            receipt_rows.append((tenant, seq, data, None))
        state["frontier"], _ = state["frontier"].extend(leaves)
        with transaction(engine) as session:
            insert_rows(session, receipts, RECEIPT, receipt_rows)
            insert_rows(session, events, EVENT, event_rows)
            signer.sign(state["frontier"].root())
        state["seq"], state["prev"] = seq, prev

    return write


if __name__ == "__main__":
    main()
