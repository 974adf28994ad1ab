"""What a bundle says of itself before its receipts: members, limits, and the bytes that its signature covers."""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from services.rules.canonical import canonical_bytes

FORMAT = "tallystick-bundle/1"
KINDS = ("range", "invoice", "trace")
BUNDLE_DOMAIN = b"tallystick-bundle/1\n"
RECEIPT_DOMAIN = b"tallystick-receipt/1\n"
SIGNED_TYPES = frozenset({"invoice", "credit_note", "baseline", "approval", "key"})
"""The types of receipts that carry a signature of their own."""

HEADER_BYTES_MAX = 16 * 1024 * 1024
DOCUMENT_BYTES_MAX = 64 * 1024 * 1024
"""Of a bundle in one JSON document; larger ones are written as JSON lines."""

TRAILER_BYTES_MAX = 1_024
TRACE_RECEIPTS_MAX = 10_000
PLANS_MAX = 10_000
ROTATIONS_MAX = 10_000
SIGNATURES_MAX = 100_000
RANGE_HASHES_MAX = 64
"""On either side of a range, and in a proof of consistency twice that: a log has fewer than 2^63 leaves."""


def header_line(header: Mapping[str, Any]) -> bytes:
    """The header's canonical bytes with their line feed. Raises NotCanonical where it has none."""
    return canonical_bytes(dict(header)) + b"\n"


def bundle_message(digest: bytes) -> bytes:
    """What is signed of a bundle. `digest` is the SHA-256 of its header line and receipt lines."""
    return BUNDLE_DOMAIN + digest


def receipt_message(data: bytes) -> bytes:
    """What is signed of a single receipt of SIGNED_TYPES."""
    return RECEIPT_DOMAIN + data


def signature_text(signature: bytes) -> str:
    """A signature as bundles write it: base64 with padding."""
    return base64.b64encode(signature).decode()


def origin_of(iss: str, tenant: str) -> str:
    """The name of a log in its checkpoints."""
    return f"{iss}/tallystick/{tenant}"


def statement_hash(statement: bytes) -> str:
    """What a key receipt's `cid` holds of a rotation."""
    return f"sha256:{hashlib.sha256(statement).hexdigest()}"
