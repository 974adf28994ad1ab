"""Receipts as following a log sees them: where each stands, and what of them is usage. Made for reading millions."""

import re
from typing import Any, NamedTuple

from services.rules.receipt_fields import is_day
from services.rules.receipts import Receipt, read_receipt

_TEXT = r'"[ !#-\[\]-~]{1,128}"'
_NAME = r'"([ !#-\[\]-~]{1,128})"'
_HASH = r'"(sha256:[0-9a-f]{64})"'
_LINK = rf"(?:null|{_HASH})"
_MOMENT = r'"([0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z)"'
_COUNT = r"([1-9][0-9]{0,14})"
_DECIMAL = r'"((?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,12})?)"'
_USUAL = re.compile(
    rf'\{{(?:"alert":{_TEXT},)?(?:"cid":"sha256:[0-9a-f]{{64}}",)?"credits_micro":(0|[1-9][0-9]{{0,14}}),'
    rf'(?:"day":"([0-9-]{{10}})",)?(?:"hop":{_COUNT},)?"idem":{_TEXT},"iss":{_TEXT},"metric":{_NAME},'
    rf'(?:"occurred_at":{_MOMENT},)?(?:"overage_micro":{_COUNT},)?"prev":{_LINK},"price":{_HASH},(?:"req":{_TEXT},)?'
    rf'"seq":{_COUNT},(?:"site":{_TEXT},)?"subscription":{_NAME},"tenant":{_NAME},'
    rf'(?:"trace_id":{_NAME},"trace_prev":{_LINK},)?"ts":{_MOMENT},"typ":"usage","units":{_DECIMAL},"v":1\}}'
)
_USED = frozenset({"usage", "correction"})


class Use(NamedTuple):
    """A usage receipt or a correction as a bill sees it. Moments and days are as written, so they sort as text."""

    subscription: str
    price: str
    metric: str
    units: str
    credits_micro: int
    overage_micro: int
    happened: str
    day: str | None


class Step(NamedTuple):
    """Where a receipt stands in its log and its trace; hashes are as written.

    `use` is there for usage and corrections, `receipt` for everything but the usual usage receipt.
    """

    tenant: str
    seq: int
    prev: str | None
    ts: str
    trace_id: str | None
    hop: int
    trace_prev: str | None
    use: Use | None
    receipt: Receipt | None


def read_step(data: bytes) -> Step:
    """Read a receipt from bytes that anyone may have made, as `read_receipt` does. Raises InvalidReceipt."""
    match = _USUAL.fullmatch(data.decode("ascii", "replace"))
    if match is None:
        return _step_of(read_receipt(data))
    (
        credits_micro, day, hop, metric, occurred_at, overage, prev, price, seq, subscription, tenant, trace_id,
        trace_prev, ts, units,
    ) = match.groups()  # fmt: skip
    burned, beyond = int(credits_micro), int(overage) if overage else 0
    is_usual = (
        beyond <= burned
        and (prev is None) == (seq == "1")
        and (hop is None) == (trace_id is None)
        and (trace_id is None or (trace_prev is None) == (hop == "1"))
        and is_day(ts[:10])
        and (occurred_at is None or is_day(occurred_at[:10]))
        and (day is None or is_day(day))
    )
    if not is_usual:
        return _step_of(read_receipt(data))
    use = Use(subscription, price, metric, units, burned, beyond, occurred_at or ts, day)
    return Step(tenant, int(seq), prev, ts, trace_id, int(hop) if hop else 0, trace_prev, use, None)


def _step_of(receipt: Receipt) -> Step:
    document = receipt.document
    return Step(
        document["tenant"],
        receipt.seq,
        document["prev"],
        document["ts"],
        document.get("trace_id"),
        document.get("hop", 0),
        document.get("trace_prev"),
        _use_of(document) if receipt.typ in _USED else None,
        receipt,
    )


def _use_of(document: dict[str, Any]) -> Use:
    return Use(
        document["subscription"],
        document["price"],
        document["metric"],
        document["units"],
        document["credits_micro"],
        document.get("overage_micro", 0),
        document.get("occurred_at", document["ts"]),
        document.get("day"),
    )
