"""Receipts: how one is built, written, hashed, read back and linked to the one before it.

A receipt is RFC 8785 bytes, kept and served as they are. SHA-256(0x00 ‖ bytes) is its id, the link the next one
carries, and its leaf in the log's Merkle tree. `receipt_fields` says what each type holds.
"""

import hashlib
from datetime import UTC, datetime
from typing import Any, NamedTuple

from services.rules.canonical import canonical_bytes, parse_canonical
from services.rules.merkle import HASH_BYTES, leaf_hash
from services.rules.receipt_fields import FIELDS, VERSION, check_fields, is_hash
from services.rules.usage_receipts import read_usage_receipt, usage_receipt_bytes
from services.rules.violations import BrokenChain, InvalidReceipt, NotCanonical

__all__ = [
    "RECEIPT_BYTES_MAX", "SALT_BYTES", "Receipt", "build_receipt", "check_hop", "check_link", "commitment", "read_hash",
    "read_receipt", "receipt_bytes", "receipt_hash", "usage_receipt_bytes", "written", "written_time",
]  # fmt: skip

RECEIPT_BYTES_MAX = 2 * 1024 * 1024
SALT_BYTES = 16
"""Of a commitment: fixed, so that salt and payload cannot be cut in another place."""


class Receipt(NamedTuple):
    """A receipt that was read: its bytes as they are kept, their hash, and what they say."""

    data: bytes
    hash: bytes
    document: dict[str, Any]

    @property
    def typ(self) -> str:
        return str(self.document["typ"])

    @property
    def seq(self) -> int:
        return int(self.document["seq"])


def build_receipt(*, typ: str, **fields: Any) -> dict[str, Any]:
    """The document of a receipt. Fields given as None are left out, except where null says "the first".

    `prev` is None for the first receipt of a log, `trace_prev` at the first hop of a trace. Hashes and times come
    written (`written`, `written_time`), amounts and units as plain decimal text. Raises InvalidReceipt naming a field.
    """
    unknown = fields.keys() - FIELDS.keys() | fields.keys() & {"v"}
    if unknown:
        raise InvalidReceipt(f"A receipt has no field {', '.join(sorted(unknown))}.")
    document = {name: value for name, value in fields.items() if value is not None}
    document |= {"v": VERSION, "typ": typ, "prev": fields.get("prev")}
    if "trace_id" in document:
        document["trace_prev"] = fields.get("trace_prev")
    check_fields(document)
    return document


def receipt_bytes(document: dict[str, Any]) -> bytes:
    """The RFC 8785 bytes of a document. Raises NotCanonical where it has none."""
    return canonical_bytes(document)


def receipt_hash(data: bytes) -> bytes:
    """SHA-256(0x00 ‖ data): the receipt's id, the next one's link, the leaf of the tree."""
    return leaf_hash(data)


def written(hashed: bytes) -> str:
    """A hash as receipts write it, "sha256:<64 hex digits>". Raises InvalidReceipt unless it is 32 bytes."""
    if len(hashed) != HASH_BYTES:
        raise InvalidReceipt(f"A hash is {HASH_BYTES} bytes.")
    return f"sha256:{hashed.hex()}"


def read_hash(text: str) -> bytes:
    """The inverse of `written`. Raises InvalidReceipt for any other spelling."""
    if not is_hash(text):
        raise InvalidReceipt("A hash is written sha256: and 64 small hexadecimal digits.")
    return bytes.fromhex(text.removeprefix("sha256:"))


def written_time(at: datetime) -> str:
    """An aware moment as receipts write it: UTC, six decimals, Z. Raises InvalidReceipt without a zone."""
    if at.tzinfo is None:
        raise InvalidReceipt("A receipt's time needs a zone.")
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def commitment(salt: bytes, payload: bytes) -> str:
    """What `cid` holds: SHA-256(salt ‖ payload), written. Once the salt is destroyed it says nothing any more.

    `payload` are canonical bytes. Raises InvalidReceipt unless the salt has SALT_BYTES bytes.
    """
    if len(salt) != SALT_BYTES:
        raise InvalidReceipt(f"A salt is {SALT_BYTES} bytes.")
    return written(hashlib.sha256(salt + payload).digest())


def read_receipt(data: bytes) -> Receipt:
    """Read a receipt from bytes that anyone may have made. Raises InvalidReceipt with the reason, and nothing else."""
    if len(data) > RECEIPT_BYTES_MAX:
        raise InvalidReceipt(f"A receipt has at most {RECEIPT_BYTES_MAX:,} bytes.")
    document = read_usage_receipt(data)
    if document is None:
        document = _parse(data)
        check_fields(document)
    return Receipt(data, leaf_hash(data), document)


def check_link(previous: Receipt | None, receipt: Receipt) -> None:
    """Check that a receipt follows `previous` in its tenant's log; None is before the first. Raises BrokenChain."""
    document, seq = receipt.document, receipt.seq
    if previous is None:
        if seq != 1:
            raise BrokenChain(f"The log must begin with receipt 1; it begins with {seq}.")
        return
    if document["tenant"] != previous.document["tenant"]:
        raise BrokenChain(f"Receipt {seq} belongs to another log than the one before it.")
    if seq != previous.seq + 1:
        raise BrokenChain(f"Receipt {previous.seq + 1} must come next; {seq} does.")
    if document["prev"] != written(previous.hash):
        raise BrokenChain(f"Receipt {seq} does not carry the hash of the one before it.")


def check_hop(previous: Receipt | None, receipt: Receipt) -> None:
    """Check that a receipt is the next hop of its trace; None is before the first. Raises BrokenChain.

    Traces are scoped to a tenant: the same trace id in another log is another trace.
    """
    document, seq = receipt.document, receipt.seq
    if "trace_id" not in document:
        raise BrokenChain(f"Receipt {seq} belongs to no trace.")
    if previous is None:
        if document["hop"] != 1:
            raise BrokenChain(f"The trace must begin with hop 1; receipt {seq} is hop {document['hop']}.")
        return
    before = previous.document
    if (document["tenant"], document["trace_id"]) != (before["tenant"], before.get("trace_id")):
        raise BrokenChain(f"Receipt {seq} belongs to another trace than the hop before it.")
    if document["hop"] != before["hop"] + 1 or seq <= previous.seq:
        raise BrokenChain(f"Hop {before['hop'] + 1} must come next; receipt {seq} is hop {document['hop']}.")
    if document["trace_prev"] != written(previous.hash):
        raise BrokenChain(f"Receipt {seq} does not carry the hash of the hop before it.")


def _parse(data: bytes) -> dict[str, Any]:
    try:
        document = parse_canonical(data)
    except NotCanonical as error:
        raise InvalidReceipt(error.message) from error
    if type(document) is not dict:
        raise InvalidReceipt("A receipt is a JSON object.")
    return document
