"""Logs of three customers and the good bundles cut from them."""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from typing import Any

from services.bundles.headers import FORMAT, origin_of
from services.bundles.writing import bundle_document, bundle_lines
from services.gateways.signing import Signer, public_jwk
from services.rules.log_ranges import after_places, before_places
from services.rules.receipts import commitment, read_receipt, written
from tests.corpus.ledgers import APRIL, ISS, MARCH, MAY, SIGNERS, Ledger

CREATED = "2026-06-01T00:00:00.000000Z"
Jwks = dict[str, Any]


@dataclass(frozen=True)
class Cut:
    """A bundle before it is written: what its header says, the receipts, and who signs."""

    header: dict[str, Any]
    receipts: list[bytes]
    signer: Signer

    def lines(self) -> bytes:
        return b"".join(bundle_lines(self.header, self.receipts, self.signer))

    def document(self) -> bytes:
        return bundle_document(self.header, self.receipts, self.signer)

    def zipped(self) -> bytes:
        return gzip.compress(self.lines(), mtime=0)

    def saying(self, **members: Any) -> "Cut":
        """The same with other members in its header; None takes one out."""
        header = {name: value for name, value in (self.header | members).items() if value is not None}
        return replace(self, header=header)


@dataclass(frozen=True)
class Case:
    """A bundle, what it is checked with, and the answer: exit code, first bad number, a fragment of the reason."""

    name: str
    data: bytes
    keys: Jwks | None = None
    checkpoint: str | None = None
    exit: int = 0
    seq: int | None = None
    reason: str | None = None

    @property
    def suffix(self) -> str:
        if self.data[:2] == b"\x1f\x8b":
            return "jsonl.gz"
        return "jsonl" if self.data[:14] == b'{"checkpoint":' else "json"


def cut_range(ledger: Ledger, first_seq: int, last_seq: int, *, size: int | None = None, **members: Any) -> Cut:
    """The receipts `first_seq` to `last_seq`, proven against the checkpoint at `size`."""
    size = ledger.size if size is None else size
    receipts = ledger.receipts[first_seq - 1 : last_seq]
    proven = {
        "first_seq": first_seq,
        "last_seq": last_seq,
        "before": [written(ledger.subtree(*place)) for place in before_places(first_seq - 1)],
        "after": [written(ledger.subtree(*place)) for place in after_places(last_seq, size)],
    }
    return cut(ledger, receipts, {"kind": "range", "range": proven, "checkpoint": ledger.checkpoint(size)} | members)


def cut_invoice(ledger: Ledger, invoice_seq: int, *, first_seq: int = 1, **members: Any) -> Cut:
    """All receipts from `first_seq` to an invoice."""
    return cut_range(ledger, first_seq, invoice_seq, kind="invoice", invoice_seq=invoice_seq, **members)


def cut_trace(ledger: Ledger, trace_id: str, *, size: int | None = None, **members: Any) -> Cut:
    """The steps of a trace, each proven against the checkpoint at `size`."""
    size = ledger.size if size is None else size
    seqs = ledger.hops[trace_id]
    proofs = [ledger.inclusion(seq, size) for seq in seqs]
    own = {"kind": "trace", "trace_id": trace_id, "proofs": proofs, "checkpoint": ledger.checkpoint(size)}
    return cut(ledger, [ledger.receipts[seq - 1] for seq in seqs], own | members)


def cut(ledger: Ledger, receipts: list[bytes], members: Mapping[str, Any]) -> Cut:
    read = [read_receipt(data) for data in receipts]
    names = {receipt.document["price"] for receipt in read if "price" in receipt.document}
    names |= {line["price"] for receipt in read for line in receipt.document.get("lines", ()) if "price" in line}
    header = {
        "format": FORMAT, "iss": ISS, "tenant": ledger.tenant, "origin": origin_of(ISS, ledger.tenant),
        "created": CREATED, "count": len(receipts), "keys": ledger.jwks(), "rotations": ledger.rotations,
        "signatures": {str(r.seq): ledger.signatures[str(r.seq)] for r in read if str(r.seq) in ledger.signatures},
        "plans": {name: ledger.plans[name] for name in sorted(names) if name in ledger.plans},
    } | members  # fmt: skip
    return Cut(header, receipts, ledger.signer)


@dataclass
class Bill:
    """Where things are in a log: the numbers of its invoices and of its credit note."""

    ledger: Ledger
    invoices: list[int] = field(default_factory=list)
    credit_note: int = 0


def reliability(*, rotated: bool = True, change: Callable[[dict[str, Any]], None] | None = None) -> Bill:
    """Maintenance: credits, assets, a correction, late usage, a credit note, every other type, keys that change.

    `change` edits the March invoice.
    """
    bill = Bill(Ledger())
    ledger = bill.ledger
    price = ledger.plan("reliability", "PRO")
    bill.invoices.append(ledger.bill([ledger.base_line(price, period=MARCH)], tax="0.13"))
    _work_of_march(ledger, price)
    if rotated:
        ledger.rotate()
    ledger.clock = APRIL[0] + timedelta(hours=1)
    lines = [ledger.base_line(price), ledger.asset_line(price, "1204.5"), ledger.overage_line(price, "credits")]
    bill.invoices.append(ledger.bill(lines, tax="0.13", change=change))
    ledger.add("payment", idem="pay_1", req=written(ledger.hashes[-1]), amount="1.00", currency="CAD")
    _work_of_april(ledger, price)
    ledger.clock = APRIL[1] + timedelta(hours=1)
    late = ledger.late_line(price, "credits")
    lines = [ledger.base_line(price, unit="year", period=MAY), ledger.overage_line(price, "credits", period=APRIL)]
    bill.invoices.append(ledger.bill([*lines, late], period=APRIL))
    wrong = next(use.seq for use in ledger.uses if use.overage_micro)
    ledger.use(price, "optimizer_job", "-150.5", correcting=wrong, at=MARCH[0] + timedelta(days=3), site="plant-2")
    note = ledger.late_line(price, "credits", kind="correction")
    bill.credit_note = ledger.bill([note], invoice=bill.invoices[1], period=APRIL)
    ledger.use(price, "LLM_token_usage", "3", period=APRIL)
    return bill


def _work_of_march(ledger: Ledger, price: str) -> None:
    salt = bytes(16)
    ledger.add("baseline", idem="bl_1", cid=commitment(salt, b"{}"), metric="availability", units="86")
    for number in range(13):
        at = ledger.clock - timedelta(minutes=3) if number % 4 == 1 else None
        extra = {"site": "plant-1", "cid": commitment(salt, b"[]")} if number % 3 == 0 else {}
        trace = {"trace_id": f"trace_{number % 2}"} if number % 3 else {}
        metric, units = ("optimizer_job", "2600.25") if number % 5 == 0 else ("LLM_token_usage", f"{number + 1}.418")
        ledger.use(price, metric, units, at=at, **extra, **trace)
    ledger.add("exchange", idem="x_1", cid=commitment(salt, b"x"), map="m1", policy="p1", trace_id="trace_1")
    ledger.use(price, "vision_frame_batch", "17", alert="alr_1", req="res_1", idem="é\u2028𝄞\n")
    ledger.use(price, "LLM_token_usage", "-0.418", correcting=5)
    ledger.add("approval", idem="apr_1", req="run_1", cid=commitment(salt, b"a"), amount="480000.00", currency="CAD")


def _work_of_april(ledger: Ledger, price: str) -> None:
    for number in range(5):
        ledger.use(price, "optimizer_job", f"{2500 + number}", period=APRIL, trace_id="trace_april")
    ledger.use(price, "optimizer_job", "777.77", at=MARCH[1] - timedelta(seconds=1), trace_id="trace_1")
    ledger.use(price, "simulator_run", "12", period=APRIL)


def memory_cloud(change: Callable[[dict[str, Any]], None] | None = None) -> Bill:
    """Memory as a service: an allowance a day, packages beyond it."""
    bill = Bill(Ledger(tenant="tnt_2", step=timedelta(hours=5, microseconds=7)))
    ledger = bill.ledger
    price = ledger.plan("memory-cloud", "pro")
    for number in range(24):
        ledger.use(price, "api_call", str(3_000 + 500 * number))
    ledger.use(price, "api_call", "4001", at=MARCH[0] + timedelta(minutes=1))
    ledger.clock = APRIL[0]
    lines = [ledger.base_line(price), ledger.overage_line(price, "api_calls")]
    bill.invoices.append(ledger.bill(lines, currency="USD", change=change))
    return bill


def verified_exchange(change: Callable[[dict[str, Any]], None] | None = None) -> Bill:
    """Exchanges: two pools, graduated prices that rise and fall beyond the allowance."""
    bill = Bill(Ledger(tenant="tnt_3"))
    ledger = bill.ledger
    price = ledger.plan("verified-exchange", "Starter")
    ledger.add("exchange", idem="x_0", cid=commitment(bytes(16), b"0"), fu_tokens=3, fallback=False)
    for number in range(9):
        ledger.use(price, "verified_exchange", str(5_000 + 2_345 * number), trace_id=f"x_{number // 3}")
        ledger.use(price, "fallback_units", str(9_999 * (number + 1)), trace_id=f"x_{number // 3}")
    ledger.clock = APRIL[0]
    lines = [ledger.base_line(price), ledger.overage_line(price, "fu"), ledger.overage_line(price, "vex")]
    bill.invoices.append(ledger.bill(lines, currency="USD", change=change))
    return bill


def promoted(change: Callable[[dict[str, Any]], None] | None = None) -> Bill:
    """A plan of 499.00, with a trial, and promotions: a third off and an amount off, the rest of a fee, half a cent
    rounded away; and a credit note that takes a base fee back with what was off it."""
    bill = Bill(Ledger(tenant="tnt_4"))
    ledger = bill.ledger
    price = ledger.plan("verified-exchange", "Starter", trial_days=14)
    march, april = (ledger.base_line(price, period=period) for period in (MARCH, APRIL))
    third = ledger.discount_line(march, "499.00", "-166.33", model="percent_off", percent="33.333")
    off = ledger.discount_line(march, "332.67", "-50.00", model="amount_off", amount="50.00")
    bill.invoices.append(ledger.bill([march, third, off], currency="USD"))
    ledger.clock = APRIL[0]
    half = ledger.discount_line(april, "499.00", "-2.50", model="percent_off", percent="0.5")
    rest = ledger.discount_line(april, "496.50", "-496.50", model="amount_off", amount="600.00")
    bill.invoices.append(ledger.bill([april, half, rest], currency="USD", change=change))
    back = [line | {"quantity": "-1", "amount": turned(line["amount"])} for line in (march, third, off)]
    bill.credit_note = ledger.bill(back, invoice=bill.invoices[0], currency="USD")
    return bill


def adjusted(*amounts: str, change: Callable[[dict[str, Any]], None] | None = None) -> Bill:
    """An invoice of 10,170.00, tax included, and a credit note for each amount; `change` edits the last."""
    bill = Bill(Ledger(tenant="tnt_5"))
    ledger = bill.ledger
    price = ledger.plan("reliability", "PRO")
    bill.invoices.append(ledger.bill([ledger.base_line(price)], tax="0.13"))
    for amount in amounts:
        last = change if amount is amounts[-1] else None
        bill.credit_note = ledger.bill([ledger.adjustment(price, amount)], invoice=1, change=last)
    return bill


def taxed(*amounts: str, tax: str = "0.05+0.09975", change: Callable[[dict[str, Any]], None] | None = None) -> Bill:
    """An invoice of 9,000.00 with two taxes, and a credit note for each amount; `change` edits the last of them all."""
    bill = Bill(Ledger(tenant="tnt_7"))
    ledger = bill.ledger
    price = ledger.plan("reliability", "PRO")
    bill.invoices.append(ledger.bill([ledger.base_line(price)], tax=tax, change=None if amounts else change))
    for amount in amounts:
        last = change if amount is amounts[-1] else None
        bill.credit_note = ledger.bill([ledger.adjustment(price, amount)], invoice=1, change=last)
    return bill


def topped_up(change: Callable[[dict[str, Any]], None] | None = None) -> Bill:
    """Credits bought twice on a day, used beyond the allowance without overage, then with some; a purchase taken back
    by a line of its own, and another in part. `change` edits the second purchase's invoice."""
    bill = Bill(Ledger(tenant="tnt_6"))
    ledger = bill.ledger
    price = ledger.plan("reliability", "PRO")
    first = ledger.top_up_line(price, "credits-250k", "buy_1")
    bill.invoices.append(ledger.bill([first]))
    bill.invoices.append(ledger.bill([ledger.top_up_line(price, "credits-250k", "buy_2", packs=3)], change=change))
    for number in range(4):
        ledger.use(price, "optimizer_job", f"{1_000 + number}", overage_micro=None if number < 3 else 3_000_000_000)
    ledger.clock = APRIL[0]
    bill.invoices.append(ledger.bill([ledger.base_line(price), ledger.overage_line(price, "credits")]))
    back = first | {"quantity": "-1", "amount": turned(first["amount"])}
    bill.credit_note = ledger.bill([back], invoice=bill.invoices[0])
    ledger.bill([ledger.adjustment(price, "-450.00")], invoice=bill.invoices[1])
    return bill


def turned(amount: str) -> str:
    """The same amount on the other side of zero."""
    return amount[1:] if amount.startswith("-") else f"-{amount}"


@cache
def books() -> tuple[Bill, Bill, Bill]:
    """The three logs, made once. Do not change them."""
    return reliability(), memory_cloud(), verified_exchange()


def good_cases() -> Iterator[Case]:
    """Bundles that must be found valid: with keys, with a first key only, with none, with a checkpoint kept."""
    rel, mem, vex = books()
    log = rel.ledger
    first_key = {"keys": [public_jwk(SIGNERS[0].public_key)]}
    whole = cut_range(log, 1, log.size)
    yield Case("range-whole", whole.lines(), log.jwks())
    yield Case("range-whole-document", whole.document(), log.jwks())
    yield Case("range-whole-document-indented", json.dumps(json.loads(whole.document()), indent=2).encode())
    yield Case("range-whole-zipped", whole.zipped(), log.jwks())
    yield Case("range-no-keys", whole.lines())
    yield Case("range-first-key-only", whole.lines(), first_key)
    for first, last, size in ((1, 1, 1), (1, 1, 7), (2, 9, 13), (5, 5, 21), (7, 20, 30), (8, 16, 16), (9, 29, 31)):
        part = cut_range(log, first, last, size=size)
        yield Case(f"range-{first}-{last}-of-{size}", part.lines(), log.jwks())
    for number, seq in enumerate(rel.invoices, 1):
        bundle = cut_invoice(log, seq)
        yield Case(f"invoice-{number}", bundle.lines(), log.jwks())
        yield Case(f"invoice-{number}-document", bundle.document(), log.jwks())
    yield Case("invoice-2-without-what-was-before", cut_invoice(log, rel.invoices[1], first_seq=3).zipped(), log.jwks())
    yield Case("credit-note-range", cut_range(log, rel.credit_note - 1, rel.credit_note).lines(), log.jwks())
    yield Case("invoice-alone-in-a-range", cut_range(log, rel.invoices[2], rel.invoices[2]).lines(), log.jwks())
    yield Case("invoice-daily-pool", cut_invoice(mem.ledger, mem.invoices[0]).lines(), mem.ledger.jwks())
    yield Case("invoice-two-pools-graduated", cut_invoice(vex.ledger, vex.invoices[0]).document(), vex.ledger.jwks())
    promotions = promoted()
    yield Case("promotions-whole", cut_range(promotions.ledger, 1, 3).lines(), promotions.ledger.jwks())
    yield Case("promotions-invoice", cut_invoice(promotions.ledger, 2).document(), promotions.ledger.jwks())
    yield Case("promotions-taken-back", cut_range(promotions.ledger, 3, 3).lines(), promotions.ledger.jwks())
    bought = topped_up()
    yield Case("top-ups-whole", cut_range(bought.ledger, 1, bought.ledger.size).lines(), bought.ledger.jwks())
    yield Case("top-ups-invoice", cut_invoice(bought.ledger, bought.invoices[1]).document(), bought.ledger.jwks())
    yield Case("top-ups-beside-overage", cut_invoice(bought.ledger, bought.invoices[2]).lines(), bought.ledger.jwks())
    given_back = adjusted("-25.00", "-8850.01", "-124.99").ledger
    yield Case("adjustments-whole", cut_range(given_back, 1, 4).lines(), given_back.jwks())
    yield Case("adjustments-without-their-invoice", cut_range(given_back, 2, 4).document(), given_back.jwks())
    over = adjusted("-8900.00", "-100.01").ledger
    yield Case("adjustment-of-an-invoice-that-is-not-here", cut_range(over, 2, 3).lines(), over.jwks())
    yield from _tax_cases()
    for ledger in (log, vex.ledger):
        for trace in ledger.hops:
            yield Case(f"trace-{ledger.tenant}-{trace}", cut_trace(ledger, trace).lines(), ledger.jwks())
    yield Case("trace-document", cut_trace(log, "trace_1").document(), first_key)
    yield from _remembered_cases(log)


def _tax_cases() -> Iterator[Case]:
    """Two taxes, all of them given back by notes of odd sizes, one of a cent; and none due, for a reason."""
    two = taxed("-0.01", "-3333.33", "-0.03", "-5666.63").ledger
    yield Case("taxes-given-back-whole", cut_range(two, 1, 5).lines(), two.jwks())
    yield Case("taxes-invoice", cut_invoice(two, 1).document(), two.jwks())
    yield Case("taxes-given-back-without-their-invoice", cut_range(two, 3, 5).lines(), two.jwks())
    for category, reason in (
        ("AE", "Reverse charge"),
        ("E", "Exempt: a school"),
        ("G", "Zero-rated"),
        ("O", "Outside"),
    ):
        none = taxed("-100.00", tax=f"{category} {reason}").ledger
        yield Case(f"taxes-none-{category}", cut_range(none, 1, 2).lines(), none.jwks())


def _remembered_cases(log: Ledger) -> Iterator[Case]:
    whole, size = cut_range(log, 1, log.size), log.size
    part = cut_range(log, 12, 20)
    yield Case("remembered-same", whole.lines(), log.jwks(), log.checkpoint())
    yield Case("remembered-within", whole.lines(), log.jwks(), log.checkpoint(11, signer=SIGNERS[0]))
    yield Case("remembered-at-start", part.lines(), log.jwks(), log.checkpoint(11))
    yield Case("remembered-at-end", part.lines(), log.jwks(), log.checkpoint(20))
    for old in (1, 8, 9, size - 1):
        bundle = part.saying(consistency=log.consistency(old, size))
        yield Case(f"remembered-{old}-consistent", bundle.lines(), log.jwks(), log.checkpoint(old))
    trace = cut_trace(log, "trace_0", consistency=log.consistency(6, size))
    yield Case("trace-remembered-consistent", trace.document(), log.jwks(), log.checkpoint(6))
