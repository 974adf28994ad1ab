"""The Merkle tree of RFC 9162 (section 2.1; RFC 6962 before it) with SHA-256: roots, proofs and their verification.

A node (level, index) is the root of the complete subtree over leaves [index << level, (index + 1) << level); level 0
is the leaves. Complete subtrees never change, so a store keeps them; the ragged right edge is worked out from them.
Leaves count from 0. Verification raises InvalidProof with the reason, and never answers with a falsy value.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from services.rules.violations import InvalidProof

HASH_BYTES = 32
SIZE_MAX = 2**63 - 1
SIZE_BYTES = 8
EMPTY_ROOT = sha256(b"").digest()

Node = tuple[int, int, bytes]
"""A complete subtree: (level, index, hash)."""

Place = tuple[int, int]
"""Where a complete subtree is: (level, index)."""

ReadNode = Callable[[int, int], bytes]


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 ‖ data)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree of `size` leaves as its complete subtrees, largest first: all it takes to know the root and to grow.

    Growing answers with a new frontier and the complete subtrees that came to be. Raises InvalidProof for a size and
    hashes that do not belong together.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        _check_size(self.size, size_min=0)
        if len(self.hashes) != self.size.bit_count():
            raise InvalidProof(f"A tree of {self.size} leaves has {self.size.bit_count()} subtrees on its edge.")
        _check_hashes(self.hashes)

    def append(self, leaf: bytes) -> tuple["Frontier", list[Node]]:
        """The tree with one more leaf hash. The nodes created are those above level 0, lowest first."""
        return self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> tuple["Frontier", list[Node]]:
        """The tree with more leaf hashes, and the nodes this completes above level 0, level by level.

        Any way of cutting the leaves into batches gives the same nodes and the same frontier.
        """
        run = list(leaves)
        _check_hashes(run)
        size = self.size + len(run)
        edge = list(self.hashes)
        grown: list[bytes] = []
        nodes: list[Node] = []
        level, index = 0, self.size
        while run:
            if index & 1:
                run.insert(0, edge.pop())
                index -= 1
            if len(run) & 1:
                grown.append(run.pop())
            level, index = level + 1, index >> 1
            pairs = iter(run)
            run = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
            nodes += [(level, place, hashed) for place, hashed in enumerate(run, index)]
        return Frontier(size, (*edge, *reversed(grown))), nodes

    def root(self) -> bytes:
        """The root hash; EMPTY_ROOT for no leaves."""
        return _fold(self.hashes) if self.hashes else EMPTY_ROOT

    def to_bytes(self) -> bytes:
        """The size in 8 bytes, big-endian, then the hashes."""
        return self.size.to_bytes(SIZE_BYTES, "big") + b"".join(self.hashes)

    @staticmethod
    def from_bytes(data: bytes) -> "Frontier":
        """The inverse of `to_bytes`. Raises InvalidProof for bytes it cannot have written."""
        if len(data) < SIZE_BYTES or (len(data) - SIZE_BYTES) % HASH_BYTES:
            raise InvalidProof("A frontier is 8 bytes of size and a whole number of 32-byte hashes.")
        starts = range(SIZE_BYTES, len(data), HASH_BYTES)
        hashes = tuple(data[start : start + HASH_BYTES] for start in starts)
        return Frontier(int.from_bytes(data[:SIZE_BYTES], "big"), hashes)


def inclusion_places(index: int, size: int) -> list[list[Place]]:
    """What each hash of an inclusion proof is folded from, so that a store can read it all at once."""
    _check_size(size)
    _check_index(index, size)
    return _path(0, index, size)


def consistency_places(size1: int, size2: int) -> list[list[Place]]:
    """What each hash of a consistency proof is folded from. Raises InvalidProof unless 1 <= size1 <= size2."""
    _check_size(size1)
    _check_size(size2)
    if size1 > size2:
        raise InvalidProof(f"A tree of {size1} leaves cannot have grown into one of {size2}.")
    if size1 == size2:
        return []
    level = _trailing_zeros(size1)
    index = (size1 - 1) >> level
    path = _path(level, index, size2)
    return [[(level, index)], *path] if index else path


def inclusion_proof(index: int, size: int, read_node: ReadNode) -> list[bytes]:
    """The proof that a leaf is in the tree of `size` leaves (RFC 9162, 2.1.3), in at most 2·log2(size) reads.

    `read_node(level, index)` answers a complete subtree's hash, a leaf's at level 0.
    """
    return _read(inclusion_places(index, size), read_node)


def consistency_proof(size1: int, size2: int, read_node: ReadNode) -> list[bytes]:
    """The proof that the first `size1` leaves are as they were (RFC 9162, 2.1.4), in at most 2·log2(size2) reads."""
    return _read(consistency_places(size1, size2), read_node)


def root_from_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """The root this proof leads to. Raises InvalidProof for a wrong index, size or length."""
    _check_size(size)
    _check_index(index, size)
    _check_hashes((leaf, *proof))
    inner = (index ^ (size - 1)).bit_length()
    _check_length(proof, inner + (index >> inner).bit_count())
    return _climb_edge(_climb(leaf, proof[:inner], index), proof[inner:])


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that `leaf` is number `index` of the `size` leaves under `root`. Raises InvalidProof."""
    _check_hashes((root,))
    if root_from_inclusion(index, size, leaf, proof) != root:
        raise InvalidProof(f"The proof for leaf {index} of {size} does not lead to the root.")


def verify_consistency(size1: int, size2: int, proof: Sequence[bytes], root1: bytes, root2: bytes) -> None:
    """Check that the tree under `root2` begins with the tree under `root1`. Raises InvalidProof."""
    _check_size(size1)
    _check_size(size2)
    if size1 > size2:
        raise InvalidProof(f"A tree of {size1} leaves cannot have grown into one of {size2}.")
    if size1 == size2:
        # Before any length is looked at: an empty proof would otherwise pass for two different roots.
        if root1 != root2:
            raise InvalidProof(f"Two different roots are given for the same {size1} leaves.")
        _check_length(proof, 0)
        return
    _check_hashes((root1, root2, *proof))
    level = _trailing_zeros(size1)
    index = (size1 - 1) >> level
    start = [root1] if index == 0 else []
    steps = [*start, *proof]
    inner = (index ^ ((size2 - 1) >> level)).bit_length()
    _check_length(proof, 1 - len(start) + inner + (index >> inner).bit_count())
    seed, path, edge = steps[0], steps[1 : inner + 1], steps[inner + 1 :]
    lefts = [hashed for height, hashed in enumerate(path) if index >> height & 1]
    if _climb_edge(seed, [*lefts, *edge]) != root1:
        raise InvalidProof(f"The proof does not lead to the root of the first {size1} leaves.")
    if _climb_edge(_climb(seed, path, index), edge) != root2:
        raise InvalidProof(f"The proof does not lead to the root of all {size2} leaves.")


def _path(level: int, index: int, size: int) -> list[list[Place]]:
    """The siblings on the way from a complete subtree to the root of `size` leaves, lowest first."""
    inner = (index ^ ((size - 1) >> level)).bit_length()
    siblings = [_subtree(level + height, (index >> height) ^ 1, size) for height in range(inner)]
    edge = range(inner, index.bit_length())
    return siblings + [[(level + height, (index >> height) - 1)] for height in edge if index >> height & 1]


def _subtree(level: int, index: int, size: int) -> list[Place]:
    """Complete subtrees, largest first, that make up the leaves of a node which may be cut off by the tree's end."""
    start, end = index << level, (index + 1) << level
    if end <= size:
        return [(level, index)]
    places = []
    for height in reversed(range((size - start).bit_length())):
        if (size - start) >> height & 1:
            places.append((height, start >> height))
            start += 1 << height
    return places


def _read(groups: list[list[Place]], read_node: ReadNode) -> list[bytes]:
    proof = []
    for places in groups:
        hashes = [read_node(level, index) for level, index in places]
        _check_hashes(hashes)
        proof.append(_fold(hashes))
    return proof


def _fold(hashes: Sequence[bytes]) -> bytes:
    """The root over complete subtrees given largest first."""
    folded = hashes[-1]
    for hashed in reversed(hashes[:-1]):
        folded = node_hash(hashed, folded)
    return folded


def _climb(hashed: bytes, siblings: Sequence[bytes], index: int) -> bytes:
    for height, sibling in enumerate(siblings):
        hashed = node_hash(sibling, hashed) if index >> height & 1 else node_hash(hashed, sibling)
    return hashed


def _climb_edge(hashed: bytes, siblings: Sequence[bytes]) -> bytes:
    for sibling in siblings:
        hashed = node_hash(sibling, hashed)
    return hashed


def _trailing_zeros(size: int) -> int:
    return (size & -size).bit_length() - 1


def _check_size(size: int, size_min: int = 1) -> None:
    if type(size) is not int or not size_min <= size <= SIZE_MAX:
        raise InvalidProof(f"A tree has between {size_min} and 2^63 - 1 leaves.")


def _check_index(index: int, size: int) -> None:
    if type(index) is not int or not 0 <= index < size:
        raise InvalidProof(f"A tree of {size} leaves has no such leaf; they count from 0 to {size - 1}.")


def _check_length(proof: Sequence[bytes], length: int) -> None:
    if len(proof) != length:
        raise InvalidProof(f"The proof must have {length} hashes; it has {len(proof)}.")


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if not (set(map(type, hashes)) <= {bytes} and set(map(len, hashes)) <= {HASH_BYTES}):
        raise InvalidProof("Every hash must be 32 bytes.")
