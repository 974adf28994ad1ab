"""What a proof costs: rows read and milliseconds, for logs of 1,000, 100,000 and 1,000,000 receipts on SQLite.

Each log is written by the log itself, in large commits. Every proof is made in a read of its own, as a call over HTTP
would, against the newest checkpoint, and checked before the clock is looked at again.
"""

import argparse
import os
import random
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

os.environ.setdefault("TALLYSTICK_MASTER_KEY", "A" * 43)

from sqlalchemy import Engine

from bench.figures import milliseconds, percentile, print_machine, print_table
from models import Tenant, TenantHead
from services.database import open_engine, reading, transaction
from services.migrations import migrate
from services.receipts.log import open_log
from services.receipts.log_proofs import prove_consistency, prove_inclusion
from services.receipts.reading import find_receipt, read_head
from services.rules.merkle import consistency_places, inclusion_places, verify_inclusion
from services.rules.receipts import receipt_hash, usage_receipt_bytes, written, written_time
from services.tenants import lock_head

SIZES = (1_000, 100_000, 1_000_000)
PROOFS = 500
COMMIT = 50_000
TENANT, NOW = "tnt_bench", datetime(2026, 3, 1, 12, tzinfo=UTC)
HEADERS = ("receipts", "proof", "rows", "p50 ms", "p95 ms")


def main() -> None:
    """Grow one log to each size, prove at random places, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--receipts", type=int, nargs="*", default=SIZES, help="sizes of the log, rising")
    parser.add_argument("--proofs", type=int, default=PROOFS, help="of each kind, at each size")
    asked = parser.parse_args()
    print_machine("Proofs from a stored log")
    with tempfile.TemporaryDirectory(prefix="tallystick-bench-") as folder:
        engine = open_engine(f"sqlite:///{Path(folder) / 'log.db'}")
        migrate(engine)
        with transaction(engine) as session:
            session.add(Tenant(id=TENANT, name="Bench", currency="CAD", timezone="UTC", created_at=NOW))
            session.flush()
            session.add(TenantHead(tenant_id=TENANT))
        rows = []
        for size in sorted(asked.receipts):
            grow(engine, size)
            rows += measure(engine, size, asked.proofs)
        engine.dispose()
    print_table(HEADERS, rows)


def grow(engine: Engine, size: int) -> None:
    """Append usage receipts until the log has so many."""
    while True:
        with transaction(engine) as session:
            lock_head(session, tenant_id=TENANT)
            log = open_log(session, tenant_id=TENANT, at=NOW)
            if log.seq >= size:
                return
            log.begin()
            for _ in range(min(COMMIT, size - log.seq)):
                data = receipt(log.iss, log.seq + 1, log.prev)
                hashed = receipt_hash(data)
                log.add(data, hashed, written(hashed))


def receipt(iss: str, seq: int, prev: str | None) -> bytes:
    """A usage receipt of the usual length."""
    return usage_receipt_bytes(
        iss=iss, tenant=TENANT, seq=seq, prev=prev, ts=written_time(NOW), idem=f"evt_{seq:026d}", metric="work",
        units="4000.418", credits_micro=4_000_418_000, price=f"sha256:{'0' * 64}", subscription="sub_bench",
    )  # fmt: skip


def measure(engine: Engine, size: int, proofs: int) -> Iterable[tuple[str, ...]]:
    """The rows of one size: inclusion of random receipts, consistency from random sizes."""
    chance = random.Random(size)
    picks = [chance.randint(1, size) for _ in range(proofs)]
    inclusion = [seconds_to_prove(engine, seq, size) for seq in picks]
    consistency = [seconds_to_continue(engine, then, size) for then in picks]
    read = [len({place for group in inclusion_places(seq - 1, size) for place in group}) for seq in picks]
    grown = [len({place for group in consistency_places(then, size) for place in group}) for then in picks]
    yield row(size, "inclusion", read, inclusion)
    yield row(size, "consistency", grown, consistency)


def seconds_to_prove(engine: Engine, seq: int, size: int) -> float:
    started = time.perf_counter()
    with reading(engine) as session:
        head = read_head(session, tenant_id=TENANT)
        leaf = find_receipt(session, tenant_id=TENANT, seq=seq).hash
        proof = prove_inclusion(session, tenant_id=TENANT, seq=seq, size=head.size)
    verify_inclusion(seq - 1, size, leaf, proof, head.root)
    return time.perf_counter() - started


def seconds_to_continue(engine: Engine, then: int, size: int) -> float:
    started = time.perf_counter()
    with reading(engine) as session:
        head = read_head(session, tenant_id=TENANT)
        prove_consistency(session, tenant_id=TENANT, from_size=then, size=head.size)
    assert head.size == size
    return time.perf_counter() - started


def row(size: int, kind: str, read: list[int], seconds: list[float]) -> tuple[str, ...]:
    times = (milliseconds(percentile(seconds, share)) for share in (0.5, 0.95))
    return (f"{size:,}", kind, f"{percentile(read, 0.5):.0f} to {max(read)}", *times)


if __name__ == "__main__":
    main()
