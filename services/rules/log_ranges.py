"""A stretch of a log, proven by the complete subtrees before it and after it (RFC 9162 hashes).

The root of the whole is worked out from those and the stretch's own leaves, which come in batches: what is kept while
they do is one hash a level of the tree. Leaves count from 0.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

from services.rules.merkle import EMPTY_ROOT, HASH_BYTES, SIZE_MAX, Frontier, Place, node_hash
from services.rules.violations import InvalidProof


def before_places(first_index: int) -> list[Place]:
    """The complete subtrees that make up the leaves before `first_index`, largest first."""
    _check(0, first_index)
    places, start = [], 0
    for level in reversed(range(first_index.bit_length())):
        if first_index >> level & 1:
            places.append((level, start >> level))
            start += 1 << level
    return places


def after_places(end_index: int, size: int) -> list[Place]:
    """The complete subtrees that make up the leaves from `end_index` up to `size`, in order.

    Each is the largest that begins there, aligned at its own size, and fits.
    """
    _check(end_index, size)
    places, start = [], end_index
    while start < size:
        level = (size - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        places.append((level, start >> level))
        start += 1 << level
    return places


class RangeRoot:
    """The root over a log as its leaves go by, from leaf `first_index` on.

    `before` are the hashes at `before_places(first_index)`. Raises InvalidProof where they cannot be.
    """

    def __init__(self, first_index: int, before: Sequence[bytes]) -> None:
        edge = Frontier(first_index, tuple(before))
        self.size = edge.size
        self._edge = list(edge.hashes)

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Take the next leaf hashes. Any way of cutting them into batches leads to the same roots."""
        run = list(leaves)
        if not set(map(len, run)) <= {HASH_BYTES}:
            raise InvalidProof("Every hash must be 32 bytes.")
        grown: list[bytes] = []
        index, self.size = self.size, self.size + len(run)
        while run:
            if index & 1:
                run.insert(0, self._edge.pop())
                index -= 1
            if len(run) & 1:
                grown.append(run.pop())
            index >>= 1
            pairs = iter(run)
            run = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
        self._edge += reversed(grown)

    def root(self) -> bytes:
        """The root over all leaves so far, those before the range among them; EMPTY_ROOT for none."""
        if not self._edge:
            return EMPTY_ROOT
        folded = self._edge[-1]
        for hashed in reversed(self._edge[:-1]):
            folded = node_hash(hashed, folded)
        return folded

    def close(self, after: Sequence[bytes], size: int) -> bytes:
        """The root over `size` leaves, of which `after` are the hashes at `after_places(self.size, size)`.

        Raises InvalidProof where there are more or fewer of them than that, or one is no hash.
        """
        places = after_places(self.size, size)
        if len(places) != len(after) or not set(map(len, after)) <= {HASH_BYTES}:
            raise InvalidProof(f"{len(places)} hashes of 32 bytes must follow the range; there are {len(after)}.")
        for (level, _), hashed in zip(places, after, strict=True):
            self._append(level, hashed)
        return self.root()

    def _append(self, level: int, hashed: bytes) -> None:
        grown = self.size + (1 << level)
        while self.size >> level & 1:
            hashed = node_hash(self._edge.pop(), hashed)
            level += 1
        self._edge.append(hashed)
        self.size = grown


def _check(index: int, size: int) -> None:
    if type(index) is not int or type(size) is not int or not 0 <= index <= size <= SIZE_MAX:
        raise InvalidProof("A range lies within its log, which has at most 2^63 - 1 leaves.")
