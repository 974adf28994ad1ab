"""Laws of receipts: shortcuts equal the long way, what is written is read back, and hostile bytes are refused."""

import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.rules import receipt_fields
from services.rules.canonical import INTEGER_MAX, canonical_bytes
from services.rules.merkle import leaf_hash
from services.rules.receipts import (
    build_receipt,
    commitment,
    read_hash,
    read_receipt,
    receipt_bytes,
    usage_receipt_bytes,
    written,
    written_time,
)
from services.rules.usage_receipts import read_usage_receipt
from services.rules.violations import InvalidReceipt

TEXT = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=128)
PLAIN = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=128)
ESCAPED = st.text(st.sampled_from('"\\/\b\f\n\r\t\x00\x1f\x7f\u2028é𝄞a'), min_size=1, max_size=8)
IDS = PLAIN | TEXT | ESCAPED
HASHES = st.binary(min_size=32, max_size=32).map(written)
TIMES = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=st.timezones()).map(written_time)  # noqa: DTZ001
COUNTS = st.integers(1, 10**6) | st.integers(1, INTEGER_MAX)
DECIMALS = st.from_regex(r"(0|[1-9][0-9]{0,39})(\.[0-9]{1,12})?", fullmatch=True, alphabet="0123456789.")
DAYS = st.dates().map(str)
TRACES = st.none() | st.tuples(IDS, COUNTS, HASHES)


@st.composite
def uses(draw):
    """Arguments of a usage receipt, of the usual kind and of every other."""
    seq = draw(st.just(1) | COUNTS)
    fields = {
        "iss": draw(IDS), "tenant": draw(IDS), "seq": seq, "prev": None if seq == 1 else draw(HASHES),
        "ts": draw(TIMES), "idem": draw(IDS), "metric": draw(IDS), "units": draw(DECIMALS),
        "credits_micro": draw(st.integers(0, INTEGER_MAX)), "price": draw(HASHES), "subscription": draw(IDS),
        "req": draw(st.none() | IDS), "cid": draw(st.none() | HASHES), "site": draw(st.none() | IDS),
        "occurred_at": draw(st.none() | TIMES), "day": draw(st.none() | DAYS), "alert": draw(st.none() | IDS),
    }  # fmt: skip
    fields["overage_micro"] = draw(st.just(0) | st.integers(0, fields["credits_micro"]))
    trace_id, hop, trace_prev = draw(TRACES) or (None, None, None)
    return fields | {"trace_id": trace_id, "hop": hop, "trace_prev": None if hop == 1 else trace_prev}


def check_shortcuts(fields):
    document = build_receipt(typ="usage", **fields | {"overage_micro": fields["overage_micro"] or None})
    data = usage_receipt_bytes(**fields)
    assert data == canonical_bytes(document)
    receipt = read_receipt(data)
    assert (receipt.document, receipt.hash) == (document, leaf_hash(data))
    assert read_usage_receipt(data) in (document, None)


@settings(max_examples=400)
@given(uses())
def test_the_shortcut_writes_the_canonical_bytes_and_they_are_read_back(fields):
    check_shortcuts(fields)


def text_of(chance):
    alphabet = chance.choice(["abcXYZ019_-.:/ ", '"\\/\b\f\n\r\t\x00\x1f\x7f', "\u2028é€𝄞😂\uffff\U0010ffffa"])
    return "".join(chance.choices(alphabet, k=chance.randint(1, 40)))


def use_of(chance):
    """What `uses` draws, drawn faster."""

    def maybe(value):
        return value if chance.random() < 0.5 else None

    def decimal():
        whole = str(chance.getrandbits(chance.randrange(1, 120)))
        return whole + (maybe(f".{chance.randrange(10**6):06d}"[: chance.randint(2, 7)]) or "")

    seq, hop = (chance.choice([1, 2, chance.randint(2, INTEGER_MAX)]) for _ in range(2))
    at = datetime(1, 1, 1, tzinfo=UTC) + timedelta(microseconds=chance.randrange(3 * 10**17))
    traced, credits_micro = maybe(hop), chance.randint(0, INTEGER_MAX) >> chance.randrange(54)
    return {
        "iss": text_of(chance), "tenant": text_of(chance), "seq": seq, "idem": text_of(chance),
        "prev": None if seq == 1 else written(chance.randbytes(32)), "ts": written_time(at), "metric": text_of(chance),
        "units": decimal(), "credits_micro": credits_micro,
        "overage_micro": maybe(chance.randint(0, credits_micro)) or 0,
        "price": written(chance.randbytes(32)), "req": maybe(text_of(chance)), "subscription": text_of(chance),
        "cid": maybe(written(chance.randbytes(32))), "site": maybe(text_of(chance)), "alert": maybe(text_of(chance)),
        "occurred_at": maybe(written_time(at - timedelta(hours=1))) if at.year > 1 else None,
        "day": maybe(str(at.date())),
        "trace_id": None if traced is None else text_of(chance), "hop": traced,
        "trace_prev": None if traced in (None, 1) else written(chance.randbytes(32)),
    }  # fmt: skip


@pytest.mark.slow
@settings(max_examples=1_000)
@given(st.integers(0, 2**64))
def test_the_shortcut_writes_the_canonical_bytes_a_hundred_thousand_times(seed):
    chance = random.Random(seed)
    for _ in range(100):
        check_shortcuts(use_of(chance))


USUAL = {
    "iss": "https://billing.example", "tenant": "tnt_1", "seq": 2, "prev": written(bytes(32)),
    "ts": "2026-02-28T18:15:46.000123Z", "idem": "evt_1", "metric": "LLM_token_usage", "units": "0.418",
    "credits_micro": 418_000, "price": written(bytes(32)), "trace_id": "t", "hop": 2, "trace_prev": written(bytes(32)),
    "subscription": "sub_1", "overage_micro": 18_000, "occurred_at": "2026-02-28T17:00:00.000000Z",
    "day": "2026-02-28", "site": "plant-1", "alert": "alr_1", "req": "res_1", "cid": written(bytes(32)),
}  # fmt: skip
DATA = usage_receipt_bytes(**USUAL)


def read_the_long_way(data):
    """What the reader would say without its shortcut: parse, check the fields, compare with the canonical bytes."""
    document = json.loads(data)
    receipt_fields.check_fields(document)
    return document if canonical_bytes(document) == data else None


def test_the_usual_receipt_takes_the_shortcut():
    assert read_usage_receipt(DATA) == build_receipt(typ="usage", **USUAL)


@given(st.integers(0, len(DATA) - 1), st.integers(0, len(DATA) - 1), st.binary(max_size=3))
def test_the_shortcut_reads_nothing_the_long_way_would_refuse(start, end, inserted):
    data = DATA[:start] + inserted + DATA[end:]
    document = read_usage_receipt(data)
    assert document is None or document == read_the_long_way(data)


@given(st.integers(0, len(DATA) - 1), st.integers(0, len(DATA) - 1), st.binary(max_size=3))
def test_bytes_cut_and_pasted_are_refused_or_are_a_receipt(start, end, inserted):
    data = DATA[:start] + inserted + DATA[end:]
    try:
        receipt = read_receipt(data)
    except InvalidReceipt:
        return
    assert receipt_bytes(receipt.document) == data == receipt.data


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(sorted(receipt_fields.FIELDS)), JSON), st.sampled_from([*receipt_fields.SHAPES]))
def test_any_json_of_any_type_is_refused_without_a_crash(fields, typ):
    document = build_receipt(typ="usage", **USUAL) | fields | {"typ": typ}
    data = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    try:
        receipt = read_receipt(data)
    except InvalidReceipt:
        return
    assert receipt.document == json.loads(data)


@given(st.binary(max_size=600))
def test_any_bytes_are_refused_without_a_crash(data):
    with pytest.raises(InvalidReceipt):
        read_receipt(data)


@given(st.binary(min_size=32, max_size=32))
def test_a_hash_survives_being_written(hashed):
    assert read_hash(written(hashed)) == hashed


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16), st.binary(max_size=40), st.binary())
def test_a_commitment_binds_salt_and_payload(salt, other_salt, payload, other):
    assert (commitment(salt, payload) == commitment(other_salt, other)) == ((salt, payload) == (other_salt, other))
