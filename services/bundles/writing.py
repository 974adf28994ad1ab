"""Writing a bundle: a header and receipts go in, signed JSON lines or one signed JSON document come out.

Nothing is looked up and nothing is checked but the count: who exports says what is true, and `tallystick verify` finds
out.
"""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

from services.bundles.headers import (
    DOCUMENT_BYTES_MAX,
    HEADER_BYTES_MAX,
    bundle_message,
    header_line,
    receipt_message,
    signature_text,
)
from services.errors import TooLarge
from services.gateways.signing import Signer
from services.rules.canonical import canonical_bytes

CHUNK_BYTES = 256 * 1024


def signed_receipt(data: bytes, signer: Signer) -> dict[str, str]:
    """A receipt's own signature, as the header's `signatures` hold it under the receipt's number."""
    return _signature(signer, receipt_message(data))


def bundle_lines(header: Mapping[str, Any], receipts: Iterable[bytes], signer: Signer) -> Iterator[bytes]:
    """A bundle as JSON lines, in chunks of about CHUNK_BYTES: header, receipts as they come, signature.

    Only one chunk is held at a time. Raises ValueError where the receipts are not as many as the header's `count`, and
    TooLarge for a header beyond HEADER_BYTES_MAX.
    """
    chunk, digest, count = [_checked_header_line(header)], sha256(), 0
    size = len(chunk[0])
    for data in receipts:
        chunk += (data, b"\n")
        size += len(data) + 1
        count += 1
        if size >= CHUNK_BYTES:
            yield _hashed(chunk, digest)
            chunk, size = [], 0
    _check_count(header, count)
    yield _hashed(chunk, digest)
    yield canonical_bytes(_signature(signer, bundle_message(digest.digest()))) + b"\n"


def bundle_document(header: Mapping[str, Any], receipts: Iterable[bytes], signer: Signer) -> bytes:
    """A bundle as one JSON document, for those of a few thousand receipts.

    Raises ValueError as `bundle_lines` does, and TooLarge beyond DOCUMENT_BYTES_MAX: write those as JSON lines.
    """
    lines = list(receipts)
    _check_count(header, len(lines))
    digest = sha256(_checked_header_line(header))
    for data in lines:
        digest.update(data + b"\n")
    document = canonical_bytes(
        {
            "bundle": dict(header),
            "receipts": [data.decode() for data in lines],
            "signature": _signature(signer, bundle_message(digest.digest())),
        }
    )
    if len(document) > DOCUMENT_BYTES_MAX:
        raise TooLarge("This bundle is too large for one JSON document; ask for it as JSON lines.")
    return document


def _checked_header_line(header: Mapping[str, Any]) -> bytes:
    line = header_line(header)
    if len(line) > HEADER_BYTES_MAX:
        raise TooLarge("This bundle's header is too large; ask for fewer receipts at once.")
    return line


def _check_count(header: Mapping[str, Any], count: int) -> None:
    if header["count"] != count or count < 1:
        raise ValueError(f"the header counts {header['count']} receipts; there are {count}")


def _hashed(chunk: list[bytes], digest: Any) -> bytes:
    data = b"".join(chunk)
    digest.update(data)
    return data


def _signature(signer: Signer, message: bytes) -> dict[str, str]:
    return {"kid": signer.kid, "signature": signature_text(signer.sign(message))}
