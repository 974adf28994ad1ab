"""Bundles that must not pass, each with its answer: changed by hands without our key, and lied in with it."""

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from services.bundle_headers import signature_text
from services.bundle_writing import signed_receipt
from services.gateways.signing import public_jwk
from services.rules.canonical import content_hash
from tests.good_bundles import (
    Bill,
    Case,
    Cut,
    Jwks,
    books,
    cut_invoice,
    cut_range,
    cut_trace,
    memory_cloud,
    reliability,
    verified_exchange,
)
from tests.ledgers import APRIL, MARCH, SIGNERS, Ledger

STRANGER = SIGNERS[3]
HASH = "sha256:" + "ab" * 32
Document = dict[str, Any]


def bad_cases() -> Iterator[Case]:
    """Every one of them, by what is wrong."""
    for cases in (
        _bytes, _documents, _headers, _links, _proofs, _signatures, _keys, _remembered, _usage, _lines, _amounts,
        _billing,
    ):  # fmt: skip
        yield from cases()


def _log() -> Ledger:
    return books()[0].ledger


def _part() -> Cut:
    return cut_range(_log(), 3, 9)


def _case(name: str, data: bytes, exit: int, reason: str, seq: int | None = None, keys: Jwks | None = None) -> Case:
    return Case(name, data, keys or _log().jwks(), None, exit, seq, reason)


def _bytes() -> Iterator[Case]:
    good = _part().lines()
    lines = good.splitlines(keepends=True)
    third = lines[3]

    def with_third(line: bytes) -> bytes:
        return b"".join([*lines[:3], line, *lines[4:]])

    yield _case("empty", b"", 1, "empty")
    yield _case("not-json", b"tallystick\n", 1, "bundle")
    yield _case("half-a-header", good[:300], 1, "cut off")
    yield _case("no-receipts", lines[0], 1, "cut off", 3)
    yield _case("cut-in-a-receipt", good[: len(lines[0]) + 40], 1, "cut off", 3)
    yield _case("no-signature-line", b"".join(lines[:-1]), 1, "signature")
    yield _case("no-last-line-feed", good[:-1], 1, "line feed")
    yield _case("something-follows", good + b"\n", 1, "follows")
    yield _case("two-bundles", good + good, 1, "follows")
    yield _case("carriage-returns", good.replace(b"\n", b"\r\n"), 1, "canonical")
    yield _case("carriage-return-in-a-receipt", with_third(third[:-1] + b"\r\n"), 1, "canonical", 5)
    yield _case("byte-order-mark", b"\xef\xbb\xbf" + good, 1, "canonical")
    yield _case("utf-16", good.decode().encode("utf-16"), 1, "bundle")
    yield _case("space-in-a-receipt", with_third(third.replace(b":", b": ", 1)), 1, "canonical", 5)
    yield _case("escaped-letter", with_third(third.replace(b'"evt_5"', b'"\\u0065vt_5"')), 1, "canonical", 5)
    yield _case("duplicate-key", with_third(third.replace(b'"v":1', b'"v":1,"v":1')), 1, "twice", 5)
    yield _case("fraction", with_third(third.replace(b'"v":1', b'"v":1.0')), 1, "Numbers", 5)
    yield _case("huge-integer", with_third(third.replace(b'"v":1', b'"v":' + b"9" * 5_000)), 1, "Integers", 5)
    yield _case("half-a-surrogate", with_third(third.replace(b"evt_5", b"\\ud800")), 1, "surrogate", 5)
    yield _case("not-utf-8", with_third(third.replace(b"evt_5", b"evt\xff5")), 1, "UTF-8", 5)
    yield _case("deep-nesting", with_third(b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"\n"), 1, "depth", 5)
    yield _case("empty-line", with_third(b"\n"), 1, "JSON", 5)
    yield _case("one-digit-changed", with_third(third.replace(b'"units":"', b'"units":"9')), 1, "hash", 6)
    yield _case("zip-cut-off", gzip.compress(good)[:-9], 1, "cut off")
    yield _case("zip-with-more", gzip.compress(good) + b"more", 1, "follows")
    yield _case("zip-twice", gzip.compress(good) + gzip.compress(good), 1, "follows")
    damaged = bytearray(gzip.compress(good, mtime=0))
    damaged[-6] ^= 1
    yield _case("zip-damaged", bytes(damaged), 1, "damaged")


def _documents() -> Iterator[Case]:
    document = json.loads(_part().document())

    def case(name: str, reason: str, seq: int | None = None, **changes: Any) -> Case:
        changed = {key: value for key, value in (document | changes).items() if value is not None}
        return _case(f"document-{name}", json.dumps(changed).encode(), 1, reason, seq)

    receipts = document["receipts"]
    yield case("without-signature", "signature", signature=None)
    yield case("with-another-member", "members", note="hello")
    yield case("receipts-are-objects", "receipt", None, receipts=[json.loads(text) for text in receipts])
    yield case("one-receipt-less", "count", receipts=receipts[:-1])
    yield case("one-receipt-more", "count", receipts=[*receipts, receipts[-1]])
    yield case("receipt-with-a-line-feed", "canonical", 5, receipts=[*receipts[:2], receipts[2] + "\n", *receipts[3:]])
    signature = document["signature"]
    yield case("signature-with-another-member", "signature", signature=signature | {"alg": "none"})
    yield case("signature-empty", "signature", signature=signature | {"signature": ""})
    data = _part().document()
    yield _case("document-cut-off", data[:-1], 1, "bundle")
    yield _case("document-and-more", data + b"{}", 1, "bundle")
    yield _case("document-with-a-key-twice", data.replace(b'{"bundle":', b'{"receipts":[],"bundle":', 1), 1, "twice")
    yield _case("document-with-a-fraction", data.replace(b'"count":7', b'"count":7.0', 1), 1, "Numbers")


def _headers() -> Iterator[Case]:
    part = _part()

    def case(name: str, exit: int, reason: str, seq: int | None = None, **members: Any) -> Case:
        return _case(f"header-{name}", part.saying(**members).lines(), exit, reason, seq)

    yield case("of-a-later-format", 2, "format", format="tallystick-bundle/2")
    yield case("of-another-format", 2, "format", format="zip")
    yield case("of-an-unknown-kind", 2, "kind", kind="year")
    yield case("with-another-member", 1, "colour", colour="red")
    yield case("without-tenant", 1, "tenant", tenant=None)
    yield case("without-range", 2, "range", range=None)
    yield case("without-checkpoint", 1, "checkpoint", checkpoint=None)
    yield case("with-a-trace-in-a-range", 1, "trace_id", trace_id="trace_1")
    yield case("of-another-tenant", 1, "origin", tenant="tnt_9")
    yield case(
        "of-another-tenant-throughout", 1, "checkpoint", tenant="t", origin="https://billing.example/tallystick/t"
    )
    yield case("of-another-origin", 1, "origin", origin="https://billing.example/tallystick/tnt_9")
    yield case("made-at-no-time", 1, "created", created="2026-02-30T00:00:00.000000Z")
    yield case("with-a-private-key", 1, "private", keys={"keys": [public_jwk(SIGNERS[0].public_key) | {"d": "AA"}]})
    yield case("with-a-signature-for-another", 1, "signature", signatures={"99": _log().signatures["1"]})
    yield case("with-an-odd-number", 1, "signature", signatures={"03": _log().signatures["1"]})
    proven = part.header["range"]
    yield case("range-too-long", 1, "count", range=proven | {"last_seq": 10})
    yield case("range-backwards", 1, "range", range=proven | {"first_seq": 10, "last_seq": 3})
    yield case("range-from-zero", 1, "range", range=proven | {"first_seq": 0})
    yield case("range-with-more", 1, "range", range=proven | {"note": 1})
    lines = part.lines().splitlines(keepends=True)
    for name, old, new, reason in (
        ("count-zero", b'"count":7', b'"count":0', "count"), ("count-true", b'"count":7', b'"count":true', "count"),
        ("count-smaller", b'"count":7', b'"count":6', "count"),
        ("not-canonical", b'"count":7', b'"count": 7', "canonical"),
        ("duplicate-key", b'"count":7', b'"count":7,"count":7', "twice"),
        ("surrogate", b'"tnt_1"', b'"\\ud800"', "surrogate"),
        ("huge-integer", b'"count":7', b'"count":' + b"7" * 5_000, "Integers"),
    ):  # fmt: skip
        changed = b"".join([lines[0].replace(old, new, 1), *lines[1:]])
        yield _case(f"header-{name}", changed, 1, reason)


def _links() -> Iterator[Case]:
    part = _part()

    def of(receipts: list[bytes], name: str, seq: int, reason: str) -> Case:
        return _case(f"links-{name}", replace(part, receipts=receipts).lines(), 1, reason, seq)

    kept = part.receipts
    yield of([kept[1], kept[0], *kept[2:]], "first-two-swapped", 3, "must come next")
    yield of([*kept[:3], kept[4], kept[3], *kept[5:]], "two-swapped", 6, "must come next")
    yield of([*kept[:2], kept[1], *kept[3:]], "one-twice", 5, "must come next")
    other = reliability(rotated=False).ledger
    assert other.receipts[4] == kept[2]
    foreign = Ledger()
    price = foreign.plan("reliability", "PRO")
    for number in range(9):
        foreign.use(price, "LLM_token_usage", str(number + 1))
    yield of([*kept[:3], foreign.receipts[5], *kept[4:]], "one-of-another-log", 6, "hash of the one before")
    elsewhere = Ledger(tenant="tnt_2")
    elsewhere.plan("reliability", "PRO")
    for number in range(9):
        elsewhere.use(price, "LLM_token_usage", str(number + 1))
    yield of([*kept[:3], elsewhere.receipts[5], *kept[4:]], "one-of-another-tenant", 6, "another log")
    for name, changes, reason in (
        ("prev-of-another", {"prev": HASH}, "hash of the one before"),
        ("seq-too-high", {"seq": 7}, "must come next"),
    ):
        ledger = Ledger()
        ledger.plan("reliability", "PRO")
        for number in range(9):
            ledger.use(price, "LLM_token_usage", str(number + 1), **(changes if number == 5 else {}))
        yield _case(f"links-{name}", cut_range(ledger, 3, 9).lines(), 1, reason, 6, ledger.jwks())
    yield from _trace_links(price)


def _trace_links(price: str) -> Iterator[Case]:
    for name, changes, reason in (
        ("hop-left-out", {"hop": 4}, "Hop 3"),
        ("hop-before-is-another", {"trace_prev": HASH}, "hash of the hop before"),
        ("trace-begins-again", {"hop": 1, "trace_prev": None}, "Hop 3"),
    ):
        ledger = Ledger()
        ledger.plan("reliability", "PRO")
        for number in range(8):
            trace = {"trace_id": f"t{number % 2}"} | (changes if number == 5 else {})
            ledger.use(price, "LLM_token_usage", str(number + 1), **trace)
        yield _case(f"range-{name}", cut_range(ledger, 1, 8).lines(), 1, reason, 6, ledger.jwks())
        yield _case(f"trace-{name}", cut_trace(ledger, "t1").lines(), 1, reason, 6, ledger.jwks())
    log = _log()
    trace = cut_trace(log, "trace_1")
    header = trace.header
    seqs = log.hops["trace_1"]
    fewer = trace.saying(count=len(seqs) - 1, proofs=header["proofs"][1:], signatures={})
    yield _case(
        "trace-without-its-first-step", replace(fewer, receipts=trace.receipts[1:]).lines(), 1, "hop 1", seqs[1]
    )
    yield _case("trace-of-another-id", trace.saying(trace_id="trace_0").lines(), 1, "trace", seqs[0])
    alone = trace.saying(count=1, proofs=[log.inclusion(3, log.size)])
    yield _case("trace-with-a-receipt-of-none", replace(alone, receipts=[log.receipts[2]]).lines(), 1, "trace", 3)


def _proofs() -> Iterator[Case]:
    log, part = _log(), _part()
    proven = part.header["range"]

    def of_range(name: str, reason: str, **changes: Any) -> Case:
        return _case(f"range-{name}", part.saying(range=proven | changes).lines(), 1, reason)

    before, after = proven["before"], proven["after"]
    yield of_range("before-is-another", "root", before=[HASH])
    yield of_range("before-is-missing", "subtrees", before=[])
    yield of_range("before-too-many", "subtrees", before=[*before, HASH])
    yield of_range("after-is-another", "root", after=[*after[:-1], HASH])
    yield of_range("after-is-short", "follow the range", after=after[:-1])
    yield of_range("after-reversed", "root", after=after[::-1])
    yield of_range("hash-of-31-bytes", "hash", after=[*after[:-1], HASH[:-2]])
    yield _case("range-beyond-its-checkpoint", part.saying(checkpoint=log.checkpoint(8)).lines(), 1, "checkpoint")
    older = part.saying(checkpoint=log.checkpoint(12))
    yield _case("range-proven-for-another-size", older.lines(), 1, "follow the range")
    trace = cut_trace(log, "trace_1")
    proofs = trace.header["proofs"]
    seqs = log.hops["trace_1"]
    yield _case(
        "trace-proof-of-another", trace.saying(proofs=[proofs[1], proofs[0], *proofs[2:]]).lines(), 1, "proof", seqs[0]
    )
    yield _case("trace-proof-short", trace.saying(proofs=[*proofs[:-1], proofs[-1][:-1]]).lines(), 1, "proof", seqs[-1])
    yield _case("trace-one-proof-less", trace.saying(proofs=proofs[:-1]).lines(), 1, "proof")
    yield _case("trace-without-proofs", trace.saying(proofs=None).lines(), 2, "proofs")


def _signatures() -> Iterator[Case]:
    log, whole = _log(), cut_invoice(_log(), books()[0].invoices[1])
    invoice_seq, invoice = books()[0].invoices[1], log.receipts[books()[0].invoices[1] - 1]
    lines = whole.lines().splitlines(keepends=True)
    trailer = json.loads(lines[-1])

    def signed(signature: Document) -> bytes:
        return b"".join([*lines[:-1], json.dumps(signature, separators=(",", ":"), sort_keys=True).encode(), b"\n"])

    flipped = ("B" if trailer["signature"][0] == "A" else "A") + trailer["signature"][1:]
    yield _case("signature-changed", signed(trailer | {"signature": flipped}), 1, "bundle's signature")
    yield _case("signature-short", signed(trailer | {"signature": "AAAA"}), 1, "signature")
    yield _case("signature-in-base64url", signed(trailer | {"signature": "-" * 88}), 1, "base64")
    yield _case("signature-without-key", signed({"signature": trailer["signature"]}), 1, "signature")
    yield _case("signature-of-an-unknown-key", signed(trailer | {"kid": "nobody"}), 2, "key")
    yield _case("signature-of-the-other-key", signed(trailer | {"kid": SIGNERS[0].kid}), 1, "bundle's signature")
    name = str(invoice_seq)
    in_another_domain = {"kid": SIGNERS[1].kid, "signature": signature_text(SIGNERS[1].sign(invoice))}
    for case, signatures, exit_code, reason in (
        ("missing", {}, 1, "signature"),
        ("of-another-receipt", {name: log.signatures["1"]}, 1, "signature"),
        ("in-another-domain", {name: in_another_domain}, 1, "signature"),
        ("of-a-stranger", {name: signed_receipt(invoice, STRANGER)}, 2, "key"),
        ("with-more", {name: log.signatures[name] | {"alg": "none"}}, 1, "signature"),
    ):  # fmt: skip
        others = {key: value for key, value in whole.header["signatures"].items() if key != name}
        cut = whole.saying(signatures=others | signatures)
        yield _case(
            f"receipt-signature-{case}", cut.lines(), exit_code, reason, None if case == "with-more" else invoice_seq
        )
    note = whole.header["checkpoint"]
    yield _case("checkpoint-unsigned", whole.saying(checkpoint=note.split("\n\n")[0] + "\n\n").lines(), 1, "note")
    yield _case("checkpoint-of-a-stranger", whole.saying(checkpoint=log.checkpoint(signer=STRANGER)).lines(), 2, "key")
    body, _, line = note.partition("\n\n")
    other = log.checkpoint(9).partition("\n\n")[2]
    yield _case(
        "checkpoint-signature-of-another", whole.saying(checkpoint=f"{body}\n\n{other}").lines(), 1, "checkpoint"
    )
    wrong_root = log.checkpoint(9).split("\n")[2]
    spliced = "\n".join([*body.split("\n")[:2], wrong_root]) + "\n\n" + line
    yield _case("checkpoint-root-of-another", whole.saying(checkpoint=spliced).lines(), 1, "root")


def _keys() -> Iterator[Case]:
    log, part = _log(), _part()
    yield _case("keys-of-another-keeper", part.lines(), 2, "key", None, {"keys": [public_jwk(STRANGER.public_key)]})
    yield _case("keys-none", part.lines(), 2, "key", None, {"keys": []})
    newest = {"keys": [public_jwk(SIGNERS[1].public_key)]}
    first = cut_range(log, 1, 3)
    yield _case("keys-do-not-reach-back", first.lines(), 2, "key", 1, newest)
    forged = replace(part, signer=STRANGER)
    yield _case("bundle-of-a-stranger", forged.lines(), 2, "key")
    listed = {"keys": [*part.header["keys"]["keys"], public_jwk(STRANGER.public_key)]}
    yield _case("bundle-of-a-stranger-who-lists-himself", forged.saying(keys=listed).lines(), 2, "key")
    rotation = log.rotations[0]
    for name, changes in (
        ("changed", {"statement": rotation["statement"].replace("2026", "2027")}),
        ("unsigned-by-the-old", {"old_signature": rotation["new_signature"]}),
        ("unsigned-by-the-new", {"new_signature": rotation["old_signature"]}),
    ):
        yield _case(f"rotation-{name}", part.saying(rotations=[rotation | changes]).lines(), 1, "key")
    yield _case("rotation-twice", part.saying(rotations=[rotation, rotation]).lines(), 1, "rotation")
    key_one = {"keys": [public_jwk(SIGNERS[0].public_key)]}
    yield _case("rotation-missing", part.saying(rotations=[]).lines(), 2, "key", None, key_one)
    late = Ledger()
    price = late.plan("reliability", "PRO")
    late.use(price, "LLM_token_usage", "1")
    late.rotate()
    late.clock += timedelta(days=1)
    late.add("approval", idem="apr_1", req="run_1", cid=HASH, signer=SIGNERS[0])
    late.use(price, "LLM_token_usage", "1")
    yield _case("receipt-signed-by-a-retired-key", cut_range(late, 1, 4).lines(), 1, "signed until", 3, late.jwks())
    old = cut_range(late, 1, 2, checkpoint=late.checkpoint(signer=SIGNERS[0]))
    gone = cut_range(late, 1, 4, checkpoint=late.checkpoint(signer=SIGNERS[0]))
    yield _case("checkpoint-signed-by-a-retired-key", gone.lines(), 1, "signed until", None, late.jwks())
    yield _case(
        "bundle-signed-by-a-retired-key", replace(old, signer=SIGNERS[0]).lines(), 1, "signed until", None, late.jwks()
    )
    key = Ledger()
    key.use(key.plan("reliability", "PRO"), "LLM_token_usage", "1")
    key.rotate()
    key.add("key", idem="key_2", req=SIGNERS[1].kid, cid=HASH)
    yield _case("key-receipt-of-another-statement", cut_range(key, 1, 3).lines(), 1, "statement", 3, key.jwks())


def _remembered() -> Iterator[Case]:
    log, part = _log(), _part()
    fork = reliability(change=lambda fields: fields.update(number=77)).ledger

    def case(name: str, cut: Cut, checkpoint: str, exit_code: int, reason: str) -> Case:
        return Case(f"remembered-{name}", cut.lines(), log.jwks(), checkpoint, exit_code, None, reason)

    whole = cut_range(log, 1, log.size)
    yield case("fork-same-size", whole, fork.checkpoint(), 1, "remembered")
    yield case("fork-within", whole, fork.checkpoint(25), 1, "remembered")
    yield case("larger", cut_range(log, 1, 9, size=9), log.checkpoint(12), 2, "older")
    yield case("before-the-range", part, log.checkpoint(1), 2, "consistency")
    yield case("after-the-range", part, log.checkpoint(30), 2, "consistency")
    consistency = log.consistency(30, log.size)
    yield case("consistent-with-another", part.saying(consistency=consistency), log.checkpoint(29), 2, "consistency")
    hashes = [HASH, *consistency["hashes"][1:]]
    broken = part.saying(consistency=consistency | {"hashes": hashes})
    yield case("proof-changed", broken, log.checkpoint(30), 1, "remembered")
    yield case("fork-with-proof", part.saying(consistency=consistency), fork.checkpoint(30), 1, "remembered")
    yield case("of-another-log", whole, books()[1].ledger.checkpoint(5), 1, "another log")
    yield case("signed-by-a-stranger", whole, log.checkpoint(11, signer=STRANGER), 2, "key")
    changed = log.checkpoint(11).replace("\n11\n", "\n12\n")
    yield case("changed", whole, changed, 2, "remembered")
    yield case("unreadable", whole, "a note from last year", 2, "remembered")


def _usage() -> Iterator[Case]:
    part = _part()
    plans = part.header["plans"]
    price = next(iter(plans))
    cheaper = plans[price] | {"base_price": "1"}
    yield _case("plan-changed", part.saying(plans={price: cheaper}).lines(), 1, "plan")
    yield _case("plan-missing", part.saying(plans={}).lines(), 2, "plan", 3)
    other = plans[price] | {"format": "tallystick-plan/9"}
    yield _case("plan-of-another-format", part.saying(plans=plans | {content_hash(other): other}).lines(), 2, "plan")
    nothing: Document = {"format": "tallystick-plan/1"}
    yield _case("plan-without-prices", part.saying(plans=plans | {content_hash(nothing): nothing}).lines(), 1, "plan")
    for name, changes, reason in (
        ("burned-more-than-its-meter-says", {"credits_micro": 2_000_001}, "meter"),
        ("burned-nothing", {"credits_micro": 0}, "meter"),
        ("metric-is-not-in-its-plan", {"metric": "tea"}, "tea"),
    ):
        ledger = Ledger()
        ledger.plan("reliability", "PRO")
        for number in range(5):
            ledger.use(price, "LLM_token_usage", "2", **(changes if number == 3 else {}))
        yield _case(f"usage-{name}", cut_range(ledger, 1, 5).lines(), 1, reason, 4, ledger.jwks())
    for name, changes in (("without-its-day", {"day": None}), ("on-another-day", {"day": "2026-03-09"})):
        ledger = Ledger()
        daily = ledger.plan("memory-cloud", "pro")
        for number in range(4):
            ledger.use(daily, "api_call", "7", **(changes if number == 2 else {}))
        yield _case(f"usage-{name}", cut_range(ledger, 1, 4).lines(), 1, "day", 3, ledger.jwks())


def _invoice(make: Callable[..., Bill], change: Callable[[Document], None]) -> tuple[bytes, int, Jwks]:
    bill = make(change=change)
    seq = bill.invoices[1] if len(bill.invoices) > 1 else bill.invoices[0]
    return cut_invoice(bill.ledger, seq).lines(), seq, bill.ledger.jwks()


def _line(kind: str, /, **changes: Any) -> Callable[[Document], None]:
    """Change the first line of a kind, and add the invoice up again."""

    def change(fields: Document) -> None:
        line = next(line for line in fields["lines"] if line["kind"] == kind)
        for name, value in changes.items():
            if isinstance(value, dict):
                line[name] = line[name] | value
            elif value is None:
                del line[name]
            else:
                line[name] = value
        _add_up(fields)

    return change


def _add_up(fields: Document) -> None:
    cents = sum(round(float(line["amount"]) * 100) for line in fields["lines"])
    subtotal = f"{cents // 100}.{cents % 100:02d}"
    fields["tax"] = []
    fields["totals"] = {"subtotal": subtotal, "tax": "0.00", "total": subtotal}
    fields["amount"] = subtotal


def _lines() -> Iterator[Case]:
    steps = [{"from": "0", "to": "1", "quantity": "1", "unit_price": "1", "flat_fee": "0", "amount": "1"}]
    cheaper = {"model": "per_unit", "unit_price": "0.001"}
    for name, change, exit_code, reason in (
        ("base-dearer", _line("base", amount="9000.01"), 1, "9000.01"),
        ("base-of-two", _line("base", quantity="2"), 1, "quantity"),
        ("base-by-the-week", _line("base", unit="week"), 2, "week"),
        ("base-priced-otherwise", _line("base", pricing={"amount": "1.00"}), 1, "pric"),
        ("base-without-plan", _line("base", price=None), 1, "price"),
        ("base-of-an-unknown-plan", _line("base", price=HASH), 2, "plan"),
        ("assets-dearer", _line("asset_uplift", amount="614.00"), 1, "614.00"),
        ("assets-of-more", _line("asset_uplift", quantity="205"), 1, "quantity"),
        ("assets-counted-otherwise", _line("asset_uplift", sources={"counted": "1300"}), 1, "asset"),
        ("assets-not-counted", _line("asset_uplift", sources={"counted": "many"}), 1, "counted"),
        ("assets-in-other-steps", _line("asset_uplift", steps=steps), 1, "steps"),
        ("overage-dearer", _line("overage", amount="5801.08"), 1, "5801.08"),
        ("overage-of-more", _line("overage", quantity="2900537"), 1, "quantity"),
        ("overage-priced-otherwise", _line("overage", pricing=cheaper), 1, "pric"),
        ("overage-of-more-use", _line("overage", sources={"used_credits": "4000000"}), 1, "used"),
        ("overage-of-another-pool", _line("overage", sources={"pool": "tea"}), 1, "pool"),
        ("overage-without-usage", _line("overage", usage=None), 1, "usage"),
        ("overage-counts-more", _line("overage", usage={"count": 16}), 1, "16"),
        ("overage-counts-fewer", _line("overage", usage={"last_seq": 17, "count": 14}), 1, "root"),
        ("overage-of-another-root", _line("overage", usage={"root": HASH}), 1, "root"),
        ("overage-of-usage-yet-to-come", _line("overage", usage={"last_seq": 25}), 1, "usage"),
        ("line-of-an-unknown-kind", _line("base", kind="gift"), 2, "kind"),
    ):  # fmt: skip
        data, seq, keys = _invoice(reliability, change)
        yield _case(f"line-{name}", data, exit_code, reason, seq, keys)
    data, seq, keys = _invoice(verified_exchange, _line("overage", amount="370.00"))
    yield _case("line-graduated-dearer", data, 1, "370.00", seq, keys)
    data, seq, keys = _invoice(memory_cloud, _line("overage", quantity="155000"))
    yield _case("line-daily-of-more", data, 1, "quantity", seq, keys)


def _amounts() -> Iterator[Case]:
    def twice(fields: Document) -> None:
        fields["lines"].append(fields["lines"][0])
        _add_up(fields)

    def usage(**changes: Any) -> Callable[[Document], None]:
        return lambda fields: fields.update(usage=fields["usage"] | changes)

    def totals(**changes: Any) -> Callable[[Document], None]:
        return lambda fields: fields.update(totals=fields["totals"] | changes)

    for name, change, reason in (
        ("total-more", totals(total="17418.47"), "17418.47"),
        ("subtotal-more", totals(subtotal="15414.58"), "15414.58"),
        ("tax-more", totals(tax="2003.90"), "2003.90"),
        ("amount-more", lambda fields: fields.update(amount="17418.47"), "17418.47"),
        ("in-another-currency", lambda fields: fields.update(currency="USD"), "USD"),
        ("finer-than-a-cent", lambda fields: fields.update(amount="17418.460"), "decimal"),
        ("line-twice", twice, "twice"),
        ("usage-counts-more", usage(count=16), "16"),
        ("usage-of-another-root", usage(root=HASH), "root"),
        ("usage-of-another-stretch", usage(first_seq=2), "first"),
        ("usage-yet-to-come", usage(last_seq=99), "usage"),
        ("of-another-subscription", lambda fields: fields.update(subscription="sub_2"), "usage"),
    ):
        data, seq, keys = _invoice(reliability, change)
        yield _case(f"invoice-{name}", data, 1, reason, seq, keys)
    log, bill = _log(), books()[0]
    seq = bill.invoices[1]
    cut = cut_invoice(log, seq)
    yield _case("invoice-is-no-invoice", cut.saying(invoice_seq=seq - 1).lines(), 1, "invoice")
    use = cut.saying(invoice_seq=seq - 5)
    yield _case("invoice-is-a-use", use.lines(), 1, "invoice")
    yield _case("invoice-is-not-there", cut.saying(invoice_seq=seq + 5).lines(), 1, "invoice")
    alone = cut_invoice(log, seq, first_seq=4)
    yield _case("invoice-without-all-its-usage", alone.lines(), 2, "usage", seq)
    late = cut_invoice(log, bill.invoices[2], first_seq=seq)
    yield _case("invoice-without-its-late-usage", late.lines(), 2, "usage", bill.invoices[2])


def _billing() -> Iterator[Case]:
    """What only shows over several bills."""
    ledger = Ledger()
    price = ledger.plan("reliability", "PRO")
    for number in range(4):
        ledger.use(price, "optimizer_job", f"{2_000 + number}")
    ledger.clock = APRIL[0]
    ledger.bill([ledger.overage_line(price, "credits")])
    seq = ledger.bill([ledger.overage_line(price, "credits")])
    yield _case("overage-billed-twice", cut_range(ledger, 1, seq).lines(), 1, "billed", seq, ledger.jwks())
    for name, billed, reason in (("from-nothing", 0, "billed"), ("from-less", 1_000_000, "billed")):
        bill = reliability().ledger
        bill.use(price, "optimizer_job", "3", at=MARCH[0] + timedelta(days=2))
        bill.billed["sub_1", "credits", MARCH[0]] = billed
        seq = bill.bill(
            [bill.late_line(price, "credits")], period=(APRIL[1], APRIL[1] + timedelta(days=30)), usage=False
        )
        yield _case(f"late-usage-{name}", cut_range(bill, 1, seq).lines(), 1, reason, seq, bill.jwks())
    shut = Ledger()
    shut.plan("reliability", "PRO")
    for number in range(4):
        shut.use(price, "optimizer_job", f"{200 + number}", overage_micro=200_000_000 + number)
    shut.clock = APRIL[0]
    seq = shut.bill([shut.overage_line(price, "credits")])
    yield _case("allowance-left-out", cut_invoice(shut, seq).lines(), 1, "allowance", seq, shut.jwks())
    daily = Ledger(tenant="tnt_2", step=timedelta(hours=5))
    plan = daily.plan("memory-cloud", "pro")
    for number in range(6):
        daily.use(plan, "api_call", "6000", overage_micro=6_000_000_000 if number == 4 else None)
    daily.clock = APRIL[0]
    seq = daily.bill([daily.overage_line(plan, "api_calls")], currency="USD")
    yield _case("allowance-of-a-day-left-out", cut_invoice(daily, seq).lines(), 1, "allowance", seq, daily.jwks())
    wrong = reliability().ledger
    wrong.bill([wrong.base_line(price)], invoice=3)
    cut = cut_range(wrong, 1, wrong.size)
    yield _case("credit-note-of-no-invoice", cut.lines(), 1, "invoice", wrong.size, wrong.jwks())
