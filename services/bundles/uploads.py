"""Checking a bundle that somebody sent: of a bounded size, also once it is unzipped, with our own published keys."""

import io
import zlib
from collections.abc import Mapping

from services.bundles.verification import BundleReport, verify_bundle
from services.errors import TooLarge
from services.receipts.signature_checks import PublishedKey

UPLOAD_BYTES_MAX = 16 * 1024 * 1024
UNZIPPED_BYTES_MAX = 64 * 1024 * 1024
"""About 100,000 receipts; `tallystick verify` checks larger ones."""

_GZIP = b"\x1f\x8b"
_CHUNK_BYTES = 256 * 1024


def verify_upload(data: bytes, *, keys: Mapping[str, PublishedKey]) -> BundleReport:
    """What `verify_bundle` answers. Raises TooLarge beyond the limits, InvalidBundle and Unverifiable."""
    if len(data) > UPLOAD_BYTES_MAX or _unzipped_size(data) > UNZIPPED_BYTES_MAX:
        raise TooLarge("This bundle is too large to be checked here; check it with `tallystick verify`.")
    return verify_bundle(io.BytesIO(data), keys=keys)


def _unzipped_size(data: bytes) -> int:
    """How many bytes come out, counted until there are too many; what is damaged is left to the verifier."""
    if not data.startswith(_GZIP):
        return len(data)
    zipped, size = zlib.decompressobj(wbits=31), 0
    try:
        while not zipped.eof and size <= UNZIPPED_BYTES_MAX:
            unzipped = zipped.decompress(data, _CHUNK_BYTES)
            size += len(unzipped)
            data = zipped.unconsumed_tail
            if not (data or unzipped):
                break
    except zlib.error:
        pass
    return size
