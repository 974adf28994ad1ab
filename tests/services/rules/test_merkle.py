"""The tree by table: known hashes, the reads a proof takes, and what is refused."""

import pytest

from services.rules.merkle import (
    EMPTY_ROOT,
    SIZE_MAX,
    Frontier,
    consistency_places,
    consistency_proof,
    inclusion_places,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_from_inclusion,
    verify_consistency,
    verify_inclusion,
)
from services.rules.violations import InvalidProof

TEN_MILLION = 10_000_000
READS_MAX = 2 * TEN_MILLION.bit_length()
LEAF = leaf_hash(b"a leaf")


def equal_subtrees():
    """The complete subtrees of a tree whose leaves are all LEAF; the index makes no difference."""
    hashes = [LEAF]
    for _ in range(TEN_MILLION.bit_length()):
        hashes.append(node_hash(hashes[-1], hashes[-1]))
    return hashes


SUBTREES = equal_subtrees()


class Shelf:
    """Answers for a stored tree of ten million equal leaves, and counts how often it is asked."""

    def __init__(self, size):
        self.size = size
        self.reads = 0

    def read_node(self, level, index):
        assert (index + 1) << level <= self.size, "only complete subtrees are stored"
        self.reads += 1
        return SUBTREES[level]


def equal_frontier(size):
    return Frontier(size, tuple(SUBTREES[level] for level in reversed(range(size.bit_length())) if size >> level & 1))


def test_hashes_of_leaves_and_nodes_differ_by_their_first_byte():
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert leaf_hash(b"L123456").hex() == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    assert node_hash(b"N123", b"N456").hex() == "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"


def test_an_odd_leaf_is_carried_up_and_never_doubled():
    leaves = [leaf_hash(bytes([number])) for number in range(3)]
    frontier, nodes = Frontier().extend(leaves)
    assert frontier.root() == node_hash(node_hash(leaves[0], leaves[1]), leaves[2])
    assert frontier.root() != Frontier().extend([*leaves, leaves[2]])[0].root()
    assert nodes == [(1, 0, node_hash(leaves[0], leaves[1]))]


@pytest.mark.parametrize("index", [0, 1, 4_999_999, 8_388_607, 8_388_608, 9_999_935, 9_999_999])
def test_an_inclusion_proof_among_ten_million_takes_few_reads(index):
    shelf = Shelf(TEN_MILLION)
    proof = inclusion_proof(index, TEN_MILLION, shelf.read_node)
    verify_inclusion(index, TEN_MILLION, LEAF, proof, equal_frontier(TEN_MILLION).root())
    assert shelf.reads <= READS_MAX
    assert shelf.reads == sum(map(len, inclusion_places(index, TEN_MILLION)))


@pytest.mark.parametrize("size1", [1, 2, 3, 4_194_304, 5_000_001, 8_388_608, 9_999_999])
def test_a_consistency_proof_among_ten_million_takes_few_reads(size1):
    shelf = Shelf(TEN_MILLION)
    proof = consistency_proof(size1, TEN_MILLION, shelf.read_node)
    root1, root2 = equal_frontier(size1).root(), equal_frontier(TEN_MILLION).root()
    verify_consistency(size1, TEN_MILLION, proof, root1, root2)
    assert shelf.reads <= READS_MAX
    assert shelf.reads == sum(map(len, consistency_places(size1, TEN_MILLION)))


@pytest.mark.parametrize(
    ("index", "size"), [(0, 0), (-1, 1), (1, 1), (5, 4), (0, SIZE_MAX + 1), (0, -1), (True, 2), (0, True), ("0", 1)]
)
def test_a_leaf_that_is_not_in_the_tree_has_no_proof(index, size):
    with pytest.raises(InvalidProof):
        inclusion_proof(index, size, lambda level, place: LEAF)
    with pytest.raises(InvalidProof):
        root_from_inclusion(index, size, LEAF, [])


@pytest.mark.parametrize(("size1", "size2"), [(0, 0), (0, 1), (2, 1), (-1, 1), (1, SIZE_MAX + 1), (True, 2)])
def test_sizes_that_cannot_follow_each_other_have_no_proof(size1, size2):
    with pytest.raises(InvalidProof):
        consistency_proof(size1, size2, lambda level, place: LEAF)
    with pytest.raises(InvalidProof):
        verify_consistency(size1, size2, [], LEAF, LEAF)


@pytest.mark.parametrize("wrong", [b"", LEAF[:-1], LEAF + b"\x00", LEAF.hex(), None, bytearray(LEAF), 7])
def test_every_hash_must_be_32_bytes(wrong):
    other = leaf_hash(b"another")
    root = node_hash(LEAF, other)
    for leaf, proof, expected in ((wrong, [other], root), (LEAF, [wrong], root), (LEAF, [other], wrong)):
        with pytest.raises(InvalidProof, match="32 bytes"):
            verify_inclusion(0, 2, leaf, proof, expected)
    for proof, root1, root2 in (([wrong], LEAF, root), ([other], wrong, root), ([other], LEAF, wrong)):
        with pytest.raises(InvalidProof, match="32 bytes"):
            verify_consistency(1, 2, proof, root1, root2)
    with pytest.raises(InvalidProof, match="32 bytes"):
        Frontier().append(wrong)
    with pytest.raises(InvalidProof, match="32 bytes"):
        inclusion_proof(0, 2, lambda level, index: wrong)


def test_two_roots_for_one_size_are_told_apart_before_anything_else():
    with pytest.raises(InvalidProof, match="Two different roots"):
        verify_consistency(5, 5, [], LEAF, EMPTY_ROOT)
    with pytest.raises(InvalidProof, match="must have 0 hashes"):
        verify_consistency(5, 5, [LEAF], LEAF, LEAF)
    verify_consistency(5, 5, [], LEAF, LEAF)


@pytest.mark.parametrize("data", [b"", b"\x00" * 7, b"\x00" * 9, b"\x00" * 7 + b"\x01", b"\xff" * (8 + 64 * 32)])
def test_bytes_that_are_no_frontier_are_refused(data):
    with pytest.raises(InvalidProof):
        Frontier.from_bytes(data)


def test_a_frontier_must_have_a_hash_for_each_of_its_subtrees():
    with pytest.raises(InvalidProof, match="2 subtrees"):
        Frontier(5, (LEAF,))
    assert Frontier.from_bytes(Frontier().to_bytes()) == Frontier()
