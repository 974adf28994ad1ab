"""Laws of reading receipts by the million: a step says what the thorough reader says, and refuses what it refuses."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.rules.log_steps import Step, Use, read_step
from services.rules.receipts import read_receipt, usage_receipt_bytes, written
from services.rules.violations import InvalidReceipt
from tests.corpus.good_bundles import books

IDS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=20) | st.text(
    min_size=1, max_size=20
)
HASHES = st.binary(min_size=32, max_size=32).map(written)
MOMENTS = st.datetimes().map(lambda at: f"{at.isoformat(timespec='microseconds')}Z")


def step_of(data):
    """What a step must be, from the document."""
    receipt = read_receipt(data)
    document = receipt.document
    use = None
    if receipt.typ in ("usage", "correction"):
        names = ("subscription", "price", "metric", "units", "credits_micro")
        happened = document.get("occurred_at", document["ts"])
        use = Use(*(document[name] for name in names), document.get("overage_micro", 0), happened, document.get("day"))
    trace = (document.get("trace_id"), document.get("hop", 0), document.get("trace_prev"))
    return Step(document["tenant"], document["seq"], document["prev"], document["ts"], *trace, use, None)


@st.composite
def uses(draw):
    seq, hop = draw(st.integers(1, 3) | st.integers(1, 2**53 - 1)), draw(st.none() | st.integers(1, 3))
    credits_micro = draw(st.integers(0, 2**53 - 1))
    return usage_receipt_bytes(
        iss=draw(IDS), tenant=draw(IDS), subscription=draw(IDS), metric=draw(IDS), price=draw(HASHES),
        day=draw(st.none() | st.dates().map(str)), seq=seq, prev=None if seq == 1 else draw(HASHES), ts=draw(MOMENTS),
        idem=draw(IDS), units=draw(st.sampled_from(["0", "1", "12.5", "0.000001", "1" * 30])),
        credits_micro=credits_micro, overage_micro=draw(st.integers(0, credits_micro)),
        occurred_at=draw(st.none() | MOMENTS), site=draw(st.none() | IDS), alert=draw(st.none() | IDS),
        req=draw(st.none() | IDS), cid=draw(st.none() | HASHES), trace_id=None if hop is None else draw(IDS), hop=hop,
        trace_prev=None if hop in (None, 1) else draw(HASHES),
    )  # fmt: skip


@settings(max_examples=300)
@given(uses())
def test_a_step_says_what_the_receipt_says(data):
    assert read_step(data)._replace(receipt=None) == step_of(data)


def test_every_receipt_of_every_type_is_a_step():
    for bill in books():
        for data in bill.ledger.receipts:
            step = read_step(data)
            assert step._replace(receipt=None) == step_of(data)
            assert step.receipt is None or step.receipt == read_receipt(data)


DATA = next(data for data in books()[0].ledger.receipts if b'"trace_prev":"sha256' in data and b"occurred_at" in data)


@settings(max_examples=1_000)
@given(st.integers(0, len(DATA)), st.integers(0, 3), st.binary(max_size=3))
def test_bytes_cut_and_pasted_are_refused_alike(start, dropped, inserted):
    data = DATA[:start] + inserted + DATA[start + dropped :]
    try:
        expected = step_of(data)
    except InvalidReceipt:
        with pytest.raises(InvalidReceipt):
            read_step(data)
    else:
        assert read_step(data)._replace(receipt=None) == expected


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"ts":"2026-03-01T', b'"ts":"2026-02-30T'), (b'"ts":"2026-03-01T06:', b'"ts":"2026-03-01T24:'),
        (b'"ts":"2026-03-01T06:', b'"ts":"2026-03-01T2x:'), (b'"ts":"2026', b'"ts":"0000'),
        (b'"occurred_at":"2026-03-01', b'"occurred_at":"2026-13-01'), (b'"overage_micro":', b'"overage_micro":9'),
        (b'"hop":', b'"hop":0'), (b'"hop":2,', b'"hop":1,'), (b'"hop":2,', b""),
        (b'"v":1', b'"v":2'), (b'"units":"', b'"units":"-'), (b'"credits_micro":', b'"credits_micro":-'),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_the_short_way_too(old, new):
    assert old in DATA
    with pytest.raises(InvalidReceipt):
        read_step(DATA.replace(old, new, 1))
