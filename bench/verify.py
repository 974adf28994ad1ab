"""How long `tallystick verify` takes for a bundle of 1,000, 100,000 and 1,000,000 receipts, and how much memory.

Each bundle is one customer's month of usage with the invoice that sums it, signed and gzipped as it is exported. The
time is that of the whole command, from its start to its exit code.
"""

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.figures import print_machine, print_table
from services.bundles.headers import FORMAT, origin_of
from services.bundles.writing import bundle_lines, signed_receipt
from services.gateways.signing import public_jwk, signer_of
from services.price_books.books import plan_document
from services.price_books.files import read_book
from services.price_books.plans import plan_from_document
from services.rules import money, pricing
from services.rules.canonical import content_hash
from services.rules.log_ranges import RangeRoot
from services.rules.notes import NoteSignature, checkpoint_body, format_note, key_id
from services.rules.quantities import from_micro, plain_micro
from services.rules.receipts import (
    build_receipt,
    receipt_bytes,
    receipt_hash,
    usage_receipt_bytes,
    written,
    written_time,
)
from services.settings import CATALOGS

RECEIPTS = (1_000, 100_000, 1_000_000)
ISS, TENANT, SUBSCRIPTION = "https://billing.example", "tnt_bench", "sub_bench"
PERIOD = {"start": "2026-03-01T05:00:00.000000Z", "end": "2026-04-01T04:00:00.000000Z"}
MONTH = timedelta(days=31)
HEADERS = ("receipts", "bundle", "seconds", "receipts/s", "peak MB")


@dataclass(frozen=True, slots=True)
class Made:
    """A bundle on disk, and its size in bytes."""

    path: Path
    size: int


def main() -> None:
    """Write each bundle, verify it with the command, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--receipts", type=int, nargs="*", default=RECEIPTS, help="how many, one row each")
    parser.add_argument("--plain", action="store_true", help="JSON lines that are not gzipped")
    asked = parser.parse_args()
    print_machine("Verifying an invoice with all its usage, offline")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "jwks.json"
        keys.write_text(json.dumps({"keys": [public_jwk(_SIGNER.public_key)]}))
        for count in asked.receipts:
            made = _write(Path(folder) / f"{count}.bundle", count, zipped=not asked.plain)
            seconds, megabytes = _verify(made.path, keys)
            rate = f"{count / seconds:,.0f}"
            rows.append([f"{count:,}", f"{made.size / 1e6:,.1f} MB", f"{seconds:.2f}", rate, f"{megabytes:.0f}"])
    print_table(HEADERS, rows)


def _verify(bundle: Path, keys: Path) -> tuple[float, float]:
    """(seconds, megabytes of memory at the most) of the command, run as a process of its own."""
    command = [sys.executable, "-m", "app.cli", "verify", str(bundle), "--keys", str(keys)]
    watched = [sys.executable, "-c", _WATCH, *command]
    answer = subprocess.run(watched, check=True, capture_output=True, text=True).stdout
    seconds, kilobytes = answer.split()
    return float(seconds), int(kilobytes) / 1024


def _write(path: Path, count: int, *, zipped: bool) -> Made:
    log = _Log(count)
    for _ in log.receipts():
        pass  # once to know the roots, which the header states
    header = log.header()
    with gzip.open(path, "wb", compresslevel=6) if zipped else path.open("wb") as file:
        for chunk in bundle_lines(header, log.receipts(), _SIGNER):
            file.write(chunk)
    return Made(path, path.stat().st_size)


_WATCH = """
import resource, subprocess, sys, time
begun = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""A small process in between: a child's memory counts from what its parent had when it began."""

_SIGNER = signer_of(bytes([7]) * 32)


class _Log:
    """A month of usage, evenly spread, some of it in traces, and its invoice."""

    def __init__(self, count: int) -> None:
        self.count = count
        book = read_book(CATALOGS / "reliability.toml")
        self.document = next(plan_document(book, plan) for plan in book.plans if plan.code == "PRO")
        self.price = content_hash(self.document)
        self.invoice = b""
        self.root = b""

    def receipts(self) -> Iterator[bytes]:
        plan = plan_from_document(self.price, self.document)
        allowance, used, overage, link = plan.allowance_micro("credits"), 0, 0, None
        usage, log = RangeRoot(0, ()), RangeRoot(0, ())
        start, step = datetime(2026, 3, 1, 6, tzinfo=UTC), MONTH * 0.9 / self.count
        for seq in range(1, self.count):
            credits_micro = (seq % 997 + 1) * 10_000
            beyond = max(0, used + credits_micro - allowance) - max(0, used - allowance)
            used, overage = used + credits_micro, overage + beyond
            at = start + step * seq
            trace = {"trace_id": f"exchange-{seq}", "hop": 1, "trace_prev": None} if seq % 5 == 0 else {}
            data = usage_receipt_bytes(
                iss=ISS, tenant=TENANT, subscription=SUBSCRIPTION, seq=seq, prev=link, ts=written_time(at),
                idem=f"evt-{seq:032x}", metric="LLM_token_usage", units=plain_micro(credits_micro),
                credits_micro=credits_micro, price=self.price, overage_micro=beyond, site=f"plant-{seq % 3}",
                occurred_at=written_time(at - timedelta(seconds=1)), **trace,
            )  # fmt: skip
            leaf = receipt_hash(data)
            link = written(leaf)
            usage.extend((leaf,))
            log.extend((leaf,))
            yield data
        usage_root = {
            "first_seq": 1,
            "last_seq": self.count - 1,
            "count": self.count - 1,
            "root": written(usage.root()),
        }
        self.invoice = self._bill(plan, used, overage, usage_root, link)
        log.extend((receipt_hash(self.invoice),))
        self.root = log.root()
        yield self.invoice

    def _bill(self, plan: Any, used: int, overage: int, usage: dict[str, Any], link: str | None) -> bytes:
        rated = pricing.rate(plan.overage["credits"], from_micro(overage))
        amount = money.to_money(rated.amount, plan.currency).plain()
        line = {
            "kind": "overage", "unit": "credit", "quantity": plain_micro(overage), "amount": amount, "period": PERIOD,
            "price": self.price, "pricing": pricing.to_document(plan.overage["credits"]), "usage": usage,
            "sources": {"pool": "credits", "used_credits": plain_micro(used)},
        }  # fmt: skip
        document = build_receipt(
            typ="invoice", iss=ISS, tenant=TENANT, seq=self.count, prev=link, ts=PERIOD["end"], number=1,
            subscription=SUBSCRIPTION, period=PERIOD, currency=plan.currency, amount=amount, lines=[line], tax=[],
            totals={"subtotal": amount, "tax": "0.00", "total": amount}, usage=usage,
        )  # fmt: skip
        return receipt_bytes(document)

    def header(self) -> dict[str, Any]:
        origin = origin_of(ISS, TENANT)
        body = checkpoint_body(origin, self.count, self.root)
        note = format_note(
            body, [NoteSignature(origin, key_id(origin, _SIGNER.public_key), _SIGNER.sign(body.encode()))]
        )
        return {
            "format": FORMAT, "kind": "invoice", "iss": ISS, "tenant": TENANT, "origin": origin,
            "created": "2026-04-02T00:00:00.000000Z", "count": self.count, "checkpoint": note,
            "keys": {"keys": [public_jwk(_SIGNER.public_key)]}, "rotations": [],
            "signatures": {str(self.count): signed_receipt(self.invoice, _SIGNER)},
            "plans": {self.price: self.document}, "invoice_seq": self.count,
            "range": {"first_seq": 1, "last_seq": self.count, "before": [], "after": []},
        }  # fmt: skip


if __name__ == "__main__":
    main()
