"""Bad bundles whose file, header, links or proofs are wrong; and what all tables of bad bundles start from."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from services.gateways.signing import public_jwk
from tests.corpus.good_bundles import Case, Cut, Jwks, books, cut_range, cut_trace, reliability
from tests.corpus.ledgers import SIGNERS, Ledger

HASH = "sha256:" + "ab" * 32


def the_log() -> Ledger:
    """The log that most of them are cut from."""
    return books()[0].ledger


def a_part() -> Cut:
    """Receipts 3 to 9 of it."""
    return cut_range(the_log(), 3, 9)


def bad_case(name: str, data: bytes, exit: int, reason: str, seq: int | None = None, keys: Jwks | None = None) -> Case:
    return Case(name, data, keys or the_log().jwks(), None, exit, seq, reason)


def file_cases() -> Iterator[Case]:
    good = a_part().lines()
    lines = good.splitlines(keepends=True)
    third = lines[3]

    def with_third(line: bytes) -> bytes:
        return b"".join([*lines[:3], line, *lines[4:]])

    yield bad_case("empty", b"", 1, "empty")
    yield bad_case("not-json", b"tallystick\n", 1, "bundle")
    yield bad_case("half-a-header", good[:300], 1, "cut off")
    yield bad_case("no-receipts", lines[0], 1, "cut off", 3)
    yield bad_case("cut-in-a-receipt", good[: len(lines[0]) + 40], 1, "cut off", 3)
    yield bad_case("no-signature-line", b"".join(lines[:-1]), 1, "signature")
    yield bad_case("no-last-line-feed", good[:-1], 1, "line feed")
    yield bad_case("something-follows", good + b"\n", 1, "follows")
    yield bad_case("two-bundles", good + good, 1, "follows")
    yield bad_case("carriage-returns", good.replace(b"\n", b"\r\n"), 1, "canonical")
    yield bad_case("carriage-return-in-a-receipt", with_third(third[:-1] + b"\r\n"), 1, "canonical", 5)
    yield bad_case("byte-order-mark", b"\xef\xbb\xbf" + good, 1, "canonical")
    yield bad_case("utf-16", good.decode().encode("utf-16"), 1, "bundle")
    yield bad_case("space-in-a-receipt", with_third(third.replace(b":", b": ", 1)), 1, "canonical", 5)
    yield bad_case("escaped-letter", with_third(third.replace(b'"evt_5"', b'"\\u0065vt_5"')), 1, "canonical", 5)
    yield bad_case("duplicate-key", with_third(third.replace(b'"v":1', b'"v":1,"v":1')), 1, "twice", 5)
    yield bad_case("fraction", with_third(third.replace(b'"v":1', b'"v":1.0')), 1, "Numbers", 5)
    yield bad_case("huge-integer", with_third(third.replace(b'"v":1', b'"v":' + b"9" * 5_000)), 1, "Integers", 5)
    yield bad_case("half-a-surrogate", with_third(third.replace(b"evt_5", b"\\ud800")), 1, "surrogate", 5)
    yield bad_case("not-utf-8", with_third(third.replace(b"evt_5", b"evt\xff5")), 1, "UTF-8", 5)
    yield bad_case("deep-nesting", with_third(b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"\n"), 1, "depth", 5)
    yield bad_case("empty-line", with_third(b"\n"), 1, "JSON", 5)
    yield bad_case("one-digit-changed", with_third(third.replace(b'"units":"', b'"units":"9')), 1, "hash", 6)
    yield bad_case("zip-cut-off", gzip.compress(good, mtime=0)[:-9], 1, "cut off")
    yield bad_case("zip-with-more", gzip.compress(good, mtime=0) + b"more", 1, "follows")
    yield bad_case("zip-twice", gzip.compress(good, mtime=0) + gzip.compress(good, mtime=0), 1, "follows")
    damaged = bytearray(gzip.compress(good, mtime=0))
    damaged[-6] ^= 1
    yield bad_case("zip-damaged", bytes(damaged), 1, "damaged")


def document_cases() -> Iterator[Case]:
    document = json.loads(a_part().document())

    def case(name: str, reason: str, seq: int | None = None, **changes: Any) -> Case:
        changed = {key: value for key, value in (document | changes).items() if value is not None}
        return bad_case(f"document-{name}", json.dumps(changed).encode(), 1, reason, seq)

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
    data = a_part().document()
    yield bad_case("document-cut-off", data[:-1], 1, "bundle")
    yield bad_case("document-and-more", data + b"{}", 1, "bundle")
    yield bad_case("document-with-a-key-twice", data.replace(b'{"bundle":', b'{"receipts":[],"bundle":', 1), 1, "twice")
    yield bad_case("document-with-a-fraction", data.replace(b'"count":7', b'"count":7.0', 1), 1, "Numbers")


def header_cases() -> Iterator[Case]:
    part = a_part()

    def case(name: str, exit: int, reason: str, seq: int | None = None, **members: Any) -> Case:
        return bad_case(f"header-{name}", part.saying(**members).lines(), exit, reason, seq)

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
    yield case("with-a-signature-for-another", 1, "signature", signatures={"99": the_log().signatures["1"]})
    yield case("with-an-odd-number", 1, "signature", signatures={"03": the_log().signatures["1"]})
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
        yield bad_case(f"header-{name}", changed, 1, reason)


def link_cases() -> Iterator[Case]:
    part = a_part()

    def of(receipts: list[bytes], name: str, seq: int, reason: str) -> Case:
        return bad_case(f"links-{name}", replace(part, receipts=receipts).lines(), 1, reason, seq)

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
        yield bad_case(f"links-{name}", cut_range(ledger, 3, 9).lines(), 1, reason, 6, ledger.jwks())
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
        yield bad_case(f"range-{name}", cut_range(ledger, 1, 8).lines(), 1, reason, 6, ledger.jwks())
        yield bad_case(f"trace-{name}", cut_trace(ledger, "t1").lines(), 1, reason, 6, ledger.jwks())
    log = the_log()
    trace = cut_trace(log, "trace_1")
    header = trace.header
    seqs = log.hops["trace_1"]
    fewer = trace.saying(count=len(seqs) - 1, proofs=header["proofs"][1:], signatures={})
    yield bad_case(
        "trace-without-its-first-step", replace(fewer, receipts=trace.receipts[1:]).lines(), 1, "hop 1", seqs[1]
    )
    yield bad_case("trace-of-another-id", trace.saying(trace_id="trace_0").lines(), 1, "trace", seqs[0])
    alone = trace.saying(count=1, proofs=[log.inclusion(3, log.size)])
    yield bad_case("trace-with-a-receipt-of-none", replace(alone, receipts=[log.receipts[2]]).lines(), 1, "trace", 3)


def proof_cases() -> Iterator[Case]:
    log, part = the_log(), a_part()
    proven = part.header["range"]

    def of_range(name: str, reason: str, **changes: Any) -> Case:
        return bad_case(f"range-{name}", part.saying(range=proven | changes).lines(), 1, reason)

    before, after = proven["before"], proven["after"]
    yield of_range("before-is-another", "root", before=[HASH])
    yield of_range("before-is-missing", "subtrees", before=[])
    yield of_range("before-too-many", "subtrees", before=[*before, HASH])
    yield of_range("after-is-another", "root", after=[*after[:-1], HASH])
    yield of_range("after-is-short", "follow the range", after=after[:-1])
    yield of_range("after-reversed", "root", after=after[::-1])
    yield of_range("hash-of-31-bytes", "hash", after=[*after[:-1], HASH[:-2]])
    yield bad_case("range-beyond-its-checkpoint", part.saying(checkpoint=log.checkpoint(8)).lines(), 1, "checkpoint")
    older = part.saying(checkpoint=log.checkpoint(12))
    yield bad_case("range-proven-for-another-size", older.lines(), 1, "follow the range")
    trace = cut_trace(log, "trace_1")
    proofs = trace.header["proofs"]
    seqs = log.hops["trace_1"]
    yield bad_case(
        "trace-proof-of-another", trace.saying(proofs=[proofs[1], proofs[0], *proofs[2:]]).lines(), 1, "proof", seqs[0]
    )
    yield bad_case(
        "trace-proof-short", trace.saying(proofs=[*proofs[:-1], proofs[-1][:-1]]).lines(), 1, "proof", seqs[-1]
    )
    yield bad_case("trace-one-proof-less", trace.saying(proofs=proofs[:-1]).lines(), 1, "proof")
    yield bad_case("trace-without-proofs", trace.saying(proofs=None).lines(), 2, "proofs")
