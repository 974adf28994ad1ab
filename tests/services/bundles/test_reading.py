"""Files that mean no good: too long, too deep, cut off, blown up. Each is refused, and none fills the memory."""

import gzip
import io
import random
import tracemalloc
import zlib
from pathlib import Path

import pytest

from services.bundles import reading
from services.bundles.headers import HEADER_BYTES_MAX, TRAILER_BYTES_MAX
from services.bundles.reading import open_bundle
from services.bundles.verification import verify_bundle
from services.errors import BundleRefused, InvalidBundle, TooLarge, Unverifiable
from services.rules.receipts import RECEIPT_BYTES_MAX
from tests.corpus.good_bundles import books, cut_range

PART = cut_range(books()[0].ledger, 3, 9)
LINES = PART.lines()


class Pipe(io.RawIOBase):
    """A stream that cannot go back, and gives a little at a time."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, 1_000) if size > 0 else size)


@pytest.mark.parametrize("data", [LINES, PART.document(), PART.zipped()])
def test_a_bundle_comes_from_a_path_a_file_or_a_pipe(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bundle"
    path.write_bytes(data)
    for source in (path, str(path), io.BytesIO(data), Pipe(data)):
        assert verify_bundle(source).count == 7  # type: ignore[arg-type]


@pytest.mark.parametrize("chunk", [2, 3, 100, 4_097])
def test_where_the_chunks_end_makes_no_difference(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "CHUNK_BYTES", chunk)
    for data in (LINES, PART.zipped(), PART.document()):
        assert verify_bundle(io.BytesIO(data)).count == 7
        with pytest.raises(InvalidBundle):
            verify_bundle(io.BytesIO(data + b"\n{"))


def test_the_receipts_are_streamed_as_they_were_written() -> None:
    with open_bundle(io.BytesIO(LINES)) as bundle:
        assert bundle.seal is None
        for _ in range(2):
            assert [data for batch in bundle.receipts() for data in batch] == PART.receipts
            assert bundle.seal is not None


def test_a_missing_file_cannot_be_verified(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(Unverifiable, match="cannot be read"):
            verify_bundle(path)


@pytest.mark.parametrize(
    "data",
    [
        b"{" * 100_000, b"[" * 100_000, b'{"checkpoint":' * 50_000 + b"\n", b'{"bundle":' * 50_000, b"\x00" * 1_000,
        b"\n" * 1_000, b"\x1f\x8b", b"\x1f\x8b\x08" + bytes(100), b'{"bundle":{},"receipts":[],"signature":{}}',
        b'{"bundle":null,"receipts":null,"signature":null}', b"{}\n", b"null\n", b'"\\ud800"\n', b"1e999\n", b"NaN\n",
        b'{"format":"tallystick-bundle/1"}\n', b'{"format":"tallystick-bundle/1","kind":["range"]}\n',
        b'{"bundle":{"format":"tallystick-bundle/1","kind":"range","range":1},"receipts":[],"signature":{}}',
    ],
    ids=range(18),
)  # fmt: skip
def test_what_is_no_bundle_is_refused(data: bytes) -> None:
    with pytest.raises(BundleRefused) as refusal:
        verify_bundle(io.BytesIO(data))
    assert refusal.value.detail


def test_no_line_is_longer_than_it_may_be() -> None:
    header, *receipts = LINES.splitlines(keepends=True)
    long = b"x" * (RECEIPT_BYTES_MAX + 1)
    for data, seq in (
        (b'{"' + b"x" * (HEADER_BYTES_MAX + 1), None),
        (header + long, 3),
        (header + receipts[0] + long + b"\n", 4),
        (b"".join([header, *receipts[:-1], b"x" * (TRAILER_BYTES_MAX + 1), b"\n"]), None),
    ):
        with pytest.raises(InvalidBundle, match="longer than") as refusal:
            verify_bundle(io.BytesIO(data))
        assert refusal.value.seq == seq


def test_a_small_zip_of_a_huge_line_stays_small() -> None:
    packer = zlib.compressobj(9, wbits=31)
    header = LINES.splitlines(keepends=True)[0]
    bomb = packer.compress(header) + b"".join(packer.compress(bytes(1 << 20)) for _ in range(256)) + packer.flush()
    assert len(bomb) < 1 << 20
    tracemalloc.start()
    with pytest.raises(InvalidBundle, match="longer than"):
        verify_bundle(io.BytesIO(bomb))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 24 * 1024 * 1024


def test_a_document_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "DOCUMENT_BYTES_MAX", 1_000)
    with pytest.raises(InvalidBundle, match="at most 1,000 bytes"):
        verify_bundle(io.BytesIO(PART.document()))
    assert verify_bundle(io.BytesIO(LINES)).count == 7


def test_random_bytes_crash_nothing() -> None:
    chance = random.Random("bytes")
    for _ in range(300):
        data = chance.randbytes(chance.randrange(400))
        for hostile in (data, b"\x1f\x8b" + data, gzip.compress(data), b'{"bundle":' + data, LINES[:2_000] + data):
            with pytest.raises(BundleRefused):
                verify_bundle(io.BytesIO(hostile))


def test_too_large_a_document_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.bundles.writing.DOCUMENT_BYTES_MAX", 1_000)
    with pytest.raises(TooLarge, match="JSON lines"):
        PART.document()
    monkeypatch.setattr("services.bundles.writing.HEADER_BYTES_MAX", 1_000)
    with pytest.raises(TooLarge, match="header"):
        PART.lines()


def test_a_count_that_is_not_the_receipts_is_not_written() -> None:
    for write in (PART.saying(count=6).lines, PART.saying(count=8).document):
        with pytest.raises(ValueError, match="the header counts"):
            write()
