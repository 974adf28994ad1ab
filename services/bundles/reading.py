"""Opening a bundle that anyone may have made, and streaming its receipts: JSON lines, gzipped or not, or one document.

What is held at a time is bounded by names here and in `bundle_headers`, whatever the file says of itself.
"""

import re
import shutil
import zlib
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, NamedTuple

from services.bundles.fields import Signature, read_signature
from services.bundles.headers import DOCUMENT_BYTES_MAX, HEADER_BYTES_MAX, TRAILER_BYTES_MAX, header_line
from services.bundles.members import Header, read_header
from services.errors import InvalidBundle, Unverifiable
from services.rules.canonical import parse_canonical, parse_strict
from services.rules.receipts import RECEIPT_BYTES_MAX
from services.rules.violations import NotCanonical

CHUNK_BYTES = 256 * 1024
SPOOLED_BYTES = 16 * 1024 * 1024
"""Of what comes through a pipe; more is kept on disk, since a bundle is read twice."""

START_BYTES = 4_096
"""Of a file, which tell how it is spelled."""

_GZIP = b"\x1f\x8b"
_DOCUMENT = re.compile(rb'\s*\{\s*"(?:bundle|receipts|signature)"')
_CUT_OFF = "Every line ends with a line feed; the last one does not: the file was cut off."


class Seal(NamedTuple):
    """The bundle's own signature, and the SHA-256 of the lines it covers."""

    signature: Signature
    digest: bytes


class Bundle:
    """A bundle that was opened. Its receipts can be streamed more than once; `seal` is known
    after that. Use it in a `with`, which closes what was opened for it.
    """

    def __init__(
        self, header: Header, file: BinaryIO | None, read_lines: Callable[["Bundle", bool], Iterator[list[bytes]]]
    ) -> None:
        self.header = header
        self.seal: Seal | None = None
        self._file = file
        self._read_lines = read_lines

    def __enter__(self) -> "Bundle":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def receipts(self, *, sealed: bool = True) -> Iterator[list[bytes]]:
        """Each receipt's bytes, in batches, exactly as many as the header counts. `sealed` works out the seal, too.

        Raises InvalidBundle where there are fewer or more, where something follows them but a signature, and where
        something follows that.
        """
        return self._read_lines(self, sealed)


def open_bundle(source: str | Path | BinaryIO) -> Bundle:
    """Open a bundle in a file, or in a stream, which is read to its end. Raises InvalidBundle and Unverifiable."""
    file = _seekable(source)
    owned = None if file is source else file
    try:
        start = b"".join(_head(_chunks(file), START_BYTES))
        if not start:
            raise InvalidBundle("The file is empty.")
        return _open_document(file, owned) if _DOCUMENT.match(start) else _open_lines(file, owned)
    except BaseException:
        if owned is not None:
            owned.close()
        raise


def _seekable(source: str | Path | BinaryIO) -> BinaryIO:
    """Something that can be read twice."""
    try:
        if isinstance(source, str | Path):
            return open(source, "rb")
        if source.seekable():
            return source
        spool = SpooledTemporaryFile(max_size=SPOOLED_BYTES)  # noqa: SIM115
        shutil.copyfileobj(source, spool, CHUNK_BYTES)
    except OSError as error:
        raise Unverifiable(f"The bundle cannot be read: {error.strerror or error}.") from error
    return spool  # type: ignore[return-value]


def _head(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk[:size]
        size -= len(chunk)
        if size <= 0:
            return


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    """The bundle's bytes from the start, unzipped where they are zipped."""
    file.seek(0)
    first = file.read(CHUNK_BYTES)
    if first.startswith(_GZIP):
        yield from _unzipped(first, file)
        return
    while first:
        yield first
        first = file.read(CHUNK_BYTES)


def _unzipped(data: bytes, file: BinaryIO) -> Iterator[bytes]:
    zipped = zlib.decompressobj(wbits=31)
    try:
        while not zipped.eof:
            unzipped = zipped.decompress(data, CHUNK_BYTES)
            yield unzipped
            data = zipped.unconsumed_tail or file.read(CHUNK_BYTES)
            if not (data or unzipped):
                break
    except zlib.error as error:
        raise InvalidBundle("The file is damaged: it is no whole gzip file.") from error
    if not zipped.eof:
        raise InvalidBundle("The file is no whole gzip file: it was cut off.")
    if zipped.unused_data or data:
        raise InvalidBundle("Something follows the end of the gzip file.")


def _open_lines(file: BinaryIO, owned: BinaryIO | None) -> Bundle:
    line = next(_Lines(file).take(1, HEADER_BYTES_MAX, "The header"), [b""])[0]
    try:
        document = parse_canonical(line)
    except NotCanonical as error:
        raise InvalidBundle(f"The first line is not a bundle's header in canonical form: {error.message}") from error
    return Bundle(read_header(document), owned, lambda bundle, sealed: _stream_lines(bundle, file, sealed=sealed))


def _stream_lines(bundle: Bundle, file: BinaryIO, *, sealed: bool) -> Iterator[list[bytes]]:
    header, lines = bundle.header, _Lines(file)
    digest = sha256()
    for batch in lines.take(1, HEADER_BYTES_MAX, "The header"):
        digest.update(batch[0] + b"\n")
    seen = 0
    try:
        for batch in lines.take(header.count, RECEIPT_BYTES_MAX, "A receipt"):
            if sealed:
                digest.update(b"\n".join(batch) + b"\n")
            yield batch
            seen += len(batch)
    except InvalidBundle as error:
        raise InvalidBundle(error.detail, seq=header.expected_seq(seen)) from error
    signature = _read_trailer(lines, header.count)
    if sealed:
        bundle.seal = Seal(signature, digest.digest())


def _read_trailer(lines: "_Lines", count: int) -> Signature:
    line = next(lines.take(1, TRAILER_BYTES_MAX, "The signature line"), [b""])[0]
    try:
        document = parse_canonical(line)
    except NotCanonical as error:
        raise InvalidBundle(
            f"After the {count} receipts that the header counts comes the signature line; this is none: {error.message}"
        ) from error
    signature = read_signature(document, f"The line after the {count} receipts that the header counts, the signature,")
    if lines.rest():
        raise InvalidBundle("Something follows the bundle's signature.")
    return signature


class _Lines:
    """The lines of a file, without their line feeds."""

    def __init__(self, file: BinaryIO) -> None:
        self._chunks = _chunks(file)
        self._lines: list[bytes] = []
        self._partial: list[bytes] = []
        self._partial_bytes = 0

    def take(self, count: int, bytes_max: int, what: str) -> Iterator[list[bytes]]:
        """The next `count` lines, in batches. Raises InvalidBundle where one is longer, or there are fewer."""
        while count:
            while not self._lines:
                self._read(bytes_max, what)
            batch, self._lines = self._lines[:count], self._lines[count:]
            if len(max(batch, key=len)) > bytes_max:
                raise InvalidBundle(f"{what} is longer than {bytes_max:,} bytes.")
            count -= len(batch)
            yield batch

    def rest(self) -> bool:
        """Whether anything at all is left."""
        return bool(self._lines or any(self._partial) or any(self._chunks))

    def _read(self, bytes_max: int, what: str) -> None:
        chunk = next(self._chunks, None)
        if chunk is None:
            raise InvalidBundle(_CUT_OFF if self._partial_bytes else f"{what} is missing: the file was cut off.")
        first, *others = chunk.split(b"\n")
        self._partial.append(first)
        self._partial_bytes += len(first)
        if self._partial_bytes > bytes_max:
            raise InvalidBundle(f"{what} is longer than {bytes_max:,} bytes.")
        if others:
            self._lines = [b"".join(self._partial), *others[:-1]]
            self._partial, self._partial_bytes = [others[-1]], len(others[-1])


def _open_document(file: BinaryIO, owned: BinaryIO | None) -> Bundle:
    data = b"".join(_head(_chunks(file), DOCUMENT_BYTES_MAX + 1))
    if len(data) > DOCUMENT_BYTES_MAX:
        raise InvalidBundle(f"A bundle in one JSON document has at most {DOCUMENT_BYTES_MAX:,} bytes.")
    try:
        document = parse_strict(data)
    except NotCanonical as error:
        raise InvalidBundle(f"This is no bundle: {error.message}") from error
    if type(document) is not dict or document.keys() != {"bundle", "receipts", "signature"}:
        raise InvalidBundle("A bundle in one JSON document has the members bundle, receipts and signature.")
    header = read_header(document["bundle"])
    try:
        line = header_line(document["bundle"])
    except NotCanonical as error:
        raise InvalidBundle(f"The header has no canonical form: {error.message}") from error
    receipts = _receipts(document["receipts"], header)
    digest = sha256(line)
    for receipt in receipts:
        digest.update(receipt + b"\n")
    seal = Seal(read_signature(document["signature"], "The bundle's signature"), digest.digest())
    bundle = Bundle(header, owned, lambda _bundle, _sealed: iter([receipts]))
    bundle.seal = seal
    return bundle


def _receipts(texts: Any, header: Header) -> list[bytes]:
    if type(texts) is not list or not all(type(text) is str for text in texts):
        raise InvalidBundle("The receipts are a list, each receipt a string that holds its bytes.")
    if len(texts) != header.count:
        raise InvalidBundle(f"The header's count is {header.count}; there are {len(texts)} receipts.")
    return [text.encode(errors="surrogatepass") for text in texts]
