"""Receipts by table: what each type holds, how it is written, and what no reader takes."""

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from services.rules.canonical import INTEGER_MAX
from services.rules.receipts import (
    RECEIPT_BYTES_MAX,
    Receipt,
    build_receipt,
    check_hop,
    check_link,
    commitment,
    read_hash,
    read_receipt,
    receipt_bytes,
    receipt_hash,
    usage_receipt_bytes,
    written,
    written_time,
)
from services.rules.violations import BrokenChain, InvalidReceipt

HASH = "sha256:" + "ab" * 32
TS = "2026-03-31T18:15:46.000123Z"
PLACE = {"iss": "https://billing.example", "tenant": "tnt_1", "seq": 2, "prev": HASH, "ts": TS}
USE = {
    "idem": "evt_1", "metric": "LLM_token_usage", "units": "0.418", "credits_micro": 418_000, "price": HASH,
    "subscription": "sub_1",
}  # fmt: skip
EXTRAS = {
    "overage_micro": 18_000, "occurred_at": "2026-03-31T17:00:00.000000Z", "day": "2026-03-31", "site": "plant-1",
    "alert": "alr_1", "req": "res_1", "cid": HASH, "trace_id": "t", "hop": 1, "trace_prev": None,
}  # fmt: skip
PERIOD = {"start": "2026-03-01T05:00:00.000000Z", "end": "2026-04-01T04:00:00.000000Z"}
RANGE = {"first_seq": 2, "last_seq": 9, "count": 8, "root": HASH}
LINE = {
    "kind": "overage", "unit": "credit", "quantity": "500000", "amount": "1000.00", "description": "Credits over",
    "period": PERIOD, "price": HASH, "usage": RANGE, "pricing": {"model": "per_unit"}, "sources": {}, "steps": [],
}  # fmt: skip
BILL = {
    "subscription": "sub_1", "number": 7, "period": PERIOD, "lines": [LINE],
    "tax": [{"name": "GST", "rate": "0.05", "amount": "50.00"}],
    "totals": {"subtotal": "1000.00", "tax": "50.00", "total": "1050.00"}, "amount": "1050.00", "currency": "CAD",
}  # fmt: skip
EXAMPLES = {
    "usage": USE,
    "correction": USE | {"req": HASH, "units": "-0.1", "credits_micro": -100_000, "overage_micro": -200_000},
    "exchange": {
        "idem": "x1", "cid": HASH, "map": "m1", "policy": "p1", "metric": "VEx", "units": "1", "fu_tokens": 0,
        "fallback": False, "invariants": ["minimum_necessary"],
    },
    "invoice": BILL | {"usage": RANGE},
    "credit_note": {name: BILL[name] for name in BILL if name != "period"} | {"req": HASH},
    "payment": {"idem": "pay_1", "req": HASH, "amount": "1050.00", "currency": "CAD"},
    "baseline": {"idem": "bl_1", "cid": HASH, "metric": "availability", "units": "86"},
    "approval": {"idem": "apr_1", "req": "run_1", "cid": HASH, "amount": "480000.00", "currency": "CAD"},
    "key": {"idem": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "cid": HASH},
}  # fmt: skip


def example(typ="usage", **changes):
    return build_receipt(typ=typ, **(PLACE | EXAMPLES[typ] | changes))


@pytest.mark.parametrize("typ", EXAMPLES)
def test_every_type_is_built_written_and_read_back(typ):
    document = example(typ)
    receipt = read_receipt(receipt_bytes(document))
    assert receipt.document == document
    assert (receipt.typ, receipt.seq) == (typ, 2)
    assert receipt.hash == receipt_hash(receipt.data) == hashlib.sha256(b"\x00" + receipt.data).digest()


def test_a_usage_receipt_is_these_bytes():
    first = example(seq=1, prev=None, trace_id="t", hop=1, cid=HASH)
    assert receipt_bytes(first).decode() == (
        f'{{"cid":"{HASH}","credits_micro":418000,"hop":1,"idem":"evt_1","iss":"https://billing.example",'
        f'"metric":"LLM_token_usage","prev":null,"price":"{HASH}","seq":1,"subscription":"sub_1","tenant":"tnt_1",'
        f'"trace_id":"t","trace_prev":null,"ts":"{TS}","typ":"usage","units":"0.418","v":1}}'
    )
    assert receipt_bytes(example(**EXTRAS)).decode() == (
        f'{{"alert":"alr_1","cid":"{HASH}","credits_micro":418000,"day":"2026-03-31","hop":1,"idem":"evt_1",'
        f'"iss":"https://billing.example","metric":"LLM_token_usage","occurred_at":"2026-03-31T17:00:00.000000Z",'
        f'"overage_micro":18000,"prev":"{HASH}","price":"{HASH}","req":"res_1","seq":2,"site":"plant-1",'
        f'"subscription":"sub_1","tenant":"tnt_1","trace_id":"t","trace_prev":null,"ts":"{TS}","typ":"usage",'
        f'"units":"0.418","v":1}}'
    )


@pytest.mark.parametrize("typ", EXAMPLES)
def test_a_field_that_is_missing_or_foreign_is_named(typ):
    whole = example(typ)
    for name in {"tenant", "ts", *EXAMPLES[typ]} - {"map", "policy", "usage", "metric", "units", "fallback"}:
        if name not in ("fu_tokens", "invariants", "overage_micro"):
            with pytest.raises(InvalidReceipt, match=f"“{name}”|“amount” and “currency”"):
                example(typ, **{name: None})
    with pytest.raises(InvalidReceipt, match="“colour” does not belong here"):
        read_receipt(receipt_bytes(whole | {"colour": "red"}))
    with pytest.raises(InvalidReceipt, match="no field colour"):
        example(typ, colour=None)


@pytest.mark.parametrize(
    ("typ", "changes"),
    [
        ("usage", {"seq": 0}), ("usage", {"seq": True}), ("usage", {"seq": "2"}), ("usage", {"seq": INTEGER_MAX + 1}),
        ("usage", {"seq": 1}), ("usage", {"prev": None}), ("usage", {"prev": "ab" * 32}),
        ("usage", {"prev": HASH.upper()}),
        ("usage", {"ts": "2026-03-31T18:15:46Z"}), ("usage", {"ts": "2026-02-30T18:15:46.000000Z"}),
        ("usage", {"ts": "2026-03-31T18:15:46.000000+00:00"}), ("usage", {"ts": "2026-03-31T18:15:60.000000Z"}),
        ("usage", {"idem": ""}), ("usage", {"idem": "e" * 129}), ("usage", {"idem": 7}), ("usage", {"metric": []}),
        ("usage", {"units": "1e3"}), ("usage", {"units": "01"}), ("usage", {"units": "-1"}), ("usage", {"units": "-0"}),
        ("usage", {"units": ".5"}), ("usage", {"units": 1}), ("usage", {"units": "1."}), ("usage", {"units": "٣"}),
        ("usage", {"credits_micro": -1}), ("usage", {"credits_micro": "1"}), ("usage", {"credits_micro": False}),
        ("usage", {"amount": "1.00"}), ("usage", {"currency": "CAD"}), ("usage", {"amount": "1", "currency": "cad"}),
        ("usage", {"trace_id": "t"}), ("usage", {"hop": 1}), ("usage", {"trace_id": "t", "hop": 2}),
        ("usage", {"trace_id": "t", "hop": 1, "trace_prev": HASH}), ("usage", {"trace_prev": HASH}),
        ("usage", {"overage_micro": -1}), ("usage", {"overage_micro": 418_001}), ("usage", {"overage_micro": "1"}),
        ("usage", {"credits_micro": 0, "overage_micro": 1}), ("usage", {"overage_micro": True}),
        ("usage", {"occurred_at": "2026-03-31"}), ("usage", {"occurred_at": "2026-02-29T00:00:00.000000Z"}),
        ("usage", {"day": "2026-02-29"}), ("usage", {"day": "2026-04-31"}), ("usage", {"day": "0000-01-01"}),
        ("usage", {"day": "2026-3-31"}), ("usage", {"day": "20260331"}), ("usage", {"day": "2026-W14-2"}),
        ("usage", {"day": 20260331}), ("usage", {"site": ""}), ("usage", {"alert": "a" * 129}),
        ("usage", {"subscription": ""}), ("usage", {"subscription": None}), ("correction", {"day": "2026-13-01"}),
        ("usage", {"fallback": True}), ("correction", {"req": "evt_1"}), ("payment", {"req": "inv_1"}),
        ("exchange", {"fallback": 1}), ("exchange", {"fu_tokens": -1}), ("exchange", {"invariants": "x"}),
        ("exchange", {"invariants": [""]}), ("exchange", {"units": "-1"}),
        ("invoice", {"number": 0}), ("invoice", {"period": {"start": PERIOD["end"], "end": PERIOD["start"]}}),
        ("invoice", {"period": PERIOD | {"zone": "UTC"}}), ("invoice", {"lines": {}}), ("invoice", {"lines": [[]]}),
        ("invoice", {"lines": [LINE] * 2001}), ("invoice", {"lines": [LINE | {"amount": 1}]}),
        ("invoice", {"lines": [LINE | {"colour": "red"}]}), ("invoice", {"lines": [{"kind": "base"}]}),
        ("invoice", {"totals": {"total": "1"}}), ("invoice", {"tax": [{"name": "GST"}]}),
        ("invoice", {"usage": RANGE | {"count": 9}}), ("invoice", {"usage": RANGE | {"root": "x"}}),
        ("invoice", {"usage": RANGE | {"first_seq": 10}}), ("invoice", {"usage": [RANGE]}),
    ],
)  # fmt: skip
def test_a_value_that_is_not_as_it_should_be_is_refused_when_built_and_when_read(typ, changes):
    with pytest.raises(InvalidReceipt):
        example(typ, **changes)
    document = {name: value for name, value in (example(typ) | changes).items() if changes.get(name, "") is not None}
    with pytest.raises(InvalidReceipt):
        read_receipt(any_json(document))


def any_json(document):
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_an_unknown_type_or_version_is_refused():
    for document in (example() | {"typ": "gift"}, example() | {"typ": ["usage"]}, example() | {"v": 2}, {}):
        with pytest.raises(InvalidReceipt):
            read_receipt(receipt_bytes(document))
    with pytest.raises(InvalidReceipt, match="must be one of: usage"):
        build_receipt(typ="gift", **PLACE)
    with pytest.raises(InvalidReceipt):
        example(v=1)


GOOD = receipt_bytes(example())


@pytest.mark.parametrize(
    "data",
    [
        b"", b"null", b"[]", b"7", b'"usage"', b"{", b"{}", b"\xff\xfe", b"\xef\xbb\xbf" + GOOD, GOOD + b"\n",
        b" " + GOOD, GOOD[:-1], GOOD + GOOD, GOOD.decode().encode("utf-16"),
        GOOD.replace(b'"v":1', b'"v":1.0'), GOOD.replace(b'"v":1', b'"v":1e0'), GOOD.replace(b'"v":1', b'"v":01'),
        GOOD.replace(b'"v":1', b'"v":1,"v":1'), GOOD.replace(b'"v":1', b'"v":-0'), GOOD.replace(b'"v":1', b'"v":true'),
        GOOD.replace(b'"seq":2', b'"seq":2,"seq":2'), GOOD.replace(b":2,", b": 2,"),
        GOOD.replace(b'"seq":2', b'"seq":' + b"9" * 100_000), GOOD.replace(b'"seq":2', b'"seq":NaN'),
        GOOD.replace(b'"seq":2', b'"seq":-Infinity'), GOOD.replace(b'"seq":2', b'"seq":9007199254740992'),
        GOOD.replace(b"evt_1", b"\\u0065vt_1"), GOOD.replace(b"evt_1", b"\\ud800"),
        GOOD.replace(b"evt_1", b"\xed\xa0\x80"),
        GOOD.replace(b"evt_1", b"\\/"), GOOD.replace(b"evt_1", b"a\x00b"), GOOD.replace(b'"idem"', b'"\xc3\xa9"'),
        GOOD.replace(b'"evt_1"', b"[" * 100_000), GOOD.replace(b'"evt_1"', b'{"a":' * 100_000),
        GOOD.replace(b'"evt_1"', b"[" * 70 + b"]" * 70), GOOD.replace(b"evt_1", b"e" * RECEIPT_BYTES_MAX),
        b'{"v":1,' + GOOD[1:].replace(b',"v":1', b""),
    ],
    ids=range(37),
)  # fmt: skip
def test_hostile_bytes_are_refused_with_a_reason(data):
    with pytest.raises(InvalidReceipt) as refusal:
        read_receipt(data)
    assert refusal.value.message


def test_unusual_text_is_read_as_written():
    odd = example(idem='"\\\x7f\u2028é𝄞\n\x1f', tenant="t" * 128)
    assert read_receipt(receipt_bytes(odd)).document == odd
    assert receipt_bytes(odd) == usage_receipt_bytes(**{name: odd[name] for name in odd if name not in ("v", "typ")})


@pytest.mark.parametrize("name", ["overage_micro", "occurred_at", "day", "site", "alert", "req", "cid"])
def test_each_further_field_is_written_alone_as_with_the_others(name):
    alone = PLACE | USE | {name: EXTRAS[name]}
    assert usage_receipt_bytes(**alone) == receipt_bytes(build_receipt(typ="usage", **alone))
    others = PLACE | USE | {field: value for field, value in EXTRAS.items() if field != name}
    assert usage_receipt_bytes(**others) == receipt_bytes(build_receipt(typ="usage", **others))


def test_no_overage_is_left_out():
    assert usage_receipt_bytes(**PLACE, **USE, overage_micro=0) == usage_receipt_bytes(**PLACE, **USE)


@pytest.mark.parametrize(
    "changes",
    [
        {"seq": 0}, {"seq": 1}, {"prev": None}, {"credits_micro": -1}, {"idem": ""}, {"idem": "e" * 129},
        {"idem": "\ud800"},
        {"overage_micro": -1}, {"overage_micro": 418_001}, {"site": ""}, {"alert": ""},
        {"trace_id": "t"}, {"hop": 1}, {"req": ""},
        {"trace_id": "t", "hop": 1, "trace_prev": HASH}, {"trace_id": "t", "hop": 2}, {"credits_micro": 2**53},
    ],
)  # fmt: skip
def test_the_shortcut_refuses_what_callers_could_get_wrong(changes):
    with pytest.raises(InvalidReceipt):
        usage_receipt_bytes(**(PLACE | USE | changes))


def test_hashes_times_and_commitments_have_one_spelling():
    assert written(bytes(32)) == "sha256:" + "0" * 64
    assert read_hash(HASH) == bytes.fromhex("ab" * 32)
    for text in ("ab" * 32, HASH.upper(), HASH + "0", HASH[:-1], " " + HASH, "sha512:" + "ab" * 32, HASH + "\n"):
        with pytest.raises(InvalidReceipt):
            read_hash(text)
    with pytest.raises(InvalidReceipt):
        written(bytes(31))
    at = datetime(2026, 3, 31, 14, 15, 46, 123, timezone(timedelta(hours=-4)))
    assert written_time(at) == TS
    assert written_time(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00.000000Z"
    with pytest.raises(InvalidReceipt):
        written_time(datetime(2026, 1, 1))  # noqa: DTZ001
    assert commitment(bytes(16), b"{}") == written(hashlib.sha256(bytes(16) + b"{}").digest())
    with pytest.raises(InvalidReceipt):
        commitment(b"", b"{}")


def chain(*changes):
    """Receipts 1, 2, ... that carry each other's hashes, hops of one trace."""
    receipts: list[Receipt] = []
    for seq, change in enumerate(changes, 1):
        before = written(receipts[-1].hash) if receipts else None
        place = {"seq": seq, "prev": before, "trace_id": "t", "hop": seq, "trace_prev": before}
        receipts.append(read_receipt(receipt_bytes(example(**(place | change)))))
    return receipts


def test_a_chain_holds_from_its_first_receipt_on():
    first, second, third = chain({}, {}, {})
    for check in (check_link, check_hop):
        check(None, first)
        check(first, second)
        check(second, third)


@pytest.mark.parametrize("changes", [{"seq": 3}, {"tenant": "tnt_2"}, {"prev": HASH}])
def test_a_receipt_in_the_wrong_place_breaks_the_chain(changes):
    first, second = chain({}, changes)
    for previous in (first, None):
        with pytest.raises(BrokenChain):
            check_link(previous, second)
    with pytest.raises(BrokenChain, match="Receipt 2 must come next; 1 does"):
        check_link(first, first)


@pytest.mark.parametrize(
    "changes",
    [
        {"hop": 3}, {"trace_prev": HASH}, {"trace_id": "u"}, {"tenant": "tnt_2"}, {"seq": 1, "prev": None},
        {"trace_id": None, "hop": None, "trace_prev": None},
    ],
)  # fmt: skip
def test_a_hop_in_the_wrong_place_breaks_the_trace(changes):
    first, second = chain({}, changes)
    for previous in (first, None):
        with pytest.raises(BrokenChain):
            check_hop(previous, second)


def test_a_trace_skips_the_receipts_of_others():
    first = chain({})[0]
    place = {"seq": 5, "prev": HASH, "trace_id": "t", "hop": 2, "trace_prev": written(first.hash)}
    check_hop(first, read_receipt(receipt_bytes(example(**place))))
