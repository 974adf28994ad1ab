"""Laws of the tree: what the definitions of RFC 9162 give, for every leaf and every pair of sizes up to 130."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.rules.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_places,
    consistency_proof,
    inclusion_places,
    inclusion_proof,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)
from services.rules.violations import InvalidProof

SIZE = 130
LEAVES = [leaf_hash(number.to_bytes(2, "big")) for number in range(SIZE + 1)]


@cache
def tree_hash(start, end):
    """MTH of RFC 9162, 2.1.1, over leaves [start, end)."""
    if end - start <= 1:
        return LEAVES[start] if end > start else EMPTY_ROOT
    middle = start + split(end - start)
    return node_hash(tree_hash(start, middle), tree_hash(middle, end))


def split(count):
    """The largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def path(index, start, end):
    """PATH of RFC 9162, 2.1.3.1."""
    if end - start == 1:
        return []
    middle = start + split(end - start)
    if index < middle:
        return [*path(index, start, middle), tree_hash(middle, end)]
    return [*path(index, middle, end), tree_hash(start, middle)]


def subproof(size, start, end, whole):
    """SUBPROOF of RFC 9162, 2.1.4.1; `size` counts from `start`."""
    if size == end - start:
        return [] if whole else [tree_hash(start, end)]
    half = split(end - start)
    if size <= half:
        return [*subproof(size, start, start + half, whole), tree_hash(start + half, end)]
    return [*subproof(size - half, start + half, end, False), tree_hash(start, start + half)]


NODES = {(0, index): leaf for index, leaf in enumerate(LEAVES)}
NODES |= {(level, index): hashed for level, index, hashed in Frontier().extend(LEAVES)[1]}


def stored(size):
    """The complete subtrees of a tree of `size` leaves; asking for any other is a failure."""

    def read_node(level, index):
        assert (index + 1) << level <= size
        return NODES[level, index]

    return read_node


def test_roots_are_those_of_the_definition():
    for size in range(SIZE + 1):
        assert Frontier().extend(LEAVES[:size])[0].root() == tree_hash(0, size)


def test_every_inclusion_proof_is_that_of_the_definition_and_verifies():
    for size in range(1, SIZE + 1):
        for index in range(size):
            proof = inclusion_proof(index, size, stored(size))
            assert proof == path(index, 0, size)
            assert sum(map(len, inclusion_places(index, size))) <= 2 * (size - 1).bit_length()
            verify_inclusion(index, size, LEAVES[index], proof, tree_hash(0, size))


def test_every_consistency_proof_is_that_of_the_definition_and_verifies():
    for size2 in range(1, SIZE + 1):
        for size1 in range(1, size2 + 1):
            proof = consistency_proof(size1, size2, stored(size2))
            assert proof == subproof(size1, 0, size2, True)
            assert sum(map(len, consistency_places(size1, size2))) <= 2 * (size2 - 1).bit_length()
            verify_consistency(size1, size2, proof, tree_hash(0, size1), tree_hash(0, size2))


def refused(verify, *arguments):
    with pytest.raises(InvalidProof):
        verify(*arguments)


@given(st.data())
def test_an_inclusion_proof_holds_for_nothing_else(data):
    size = data.draw(st.integers(1, SIZE))
    index = data.draw(st.integers(0, size - 1))
    proof, leaf, root = path(index, 0, size), LEAVES[index], tree_hash(0, size)
    for other in set(range(SIZE)) - {index}:
        refused(verify_inclusion, index, size, LEAVES[other], proof, root)
        refused(verify_inclusion, other, size, leaf, proof, root)
    for other in set(range(SIZE + 1)) - {size}:
        refused(verify_inclusion, index, other, leaf, proof, tree_hash(0, other))
        refused(verify_inclusion, index, size, leaf, proof, tree_hash(0, other))
    for changed in changes(data, proof):
        refused(verify_inclusion, index, size, leaf, changed, root)


@given(st.data())
def test_a_consistency_proof_holds_for_nothing_else(data):
    size2 = data.draw(st.integers(2, SIZE))
    size1 = data.draw(st.integers(1, size2 - 1))
    proof, root1, root2 = subproof(size1, 0, size2, True), tree_hash(0, size1), tree_hash(0, size2)
    for other in set(range(SIZE + 1)) - {size1}:
        refused(verify_consistency, size1, size2, proof, tree_hash(0, other), root2)
        refused(verify_consistency, other, size2, proof, tree_hash(0, other), root2)
    for other in set(range(SIZE + 1)) - {size2}:
        refused(verify_consistency, size1, size2, proof, root1, tree_hash(0, other))
        refused(verify_consistency, size1, other, proof, root1, tree_hash(0, other))
    for changed in changes(data, proof):
        refused(verify_consistency, size1, size2, changed, root1, root2)


def changes(data, proof):
    """The proof with one hash more, less, or with a single bit turned."""
    yield [*proof, LEAVES[0]]
    yield [LEAVES[0], *proof]
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        bit = data.draw(st.integers(0, 255))
        turned = (int.from_bytes(proof[place], "big") ^ (1 << bit)).to_bytes(32, "big")
        yield proof[:place] + proof[place + 1 :]
        yield [*proof[:place], turned, *proof[place + 1 :]]


@given(st.lists(st.integers(0, 40), max_size=12))
def test_any_cut_into_batches_gives_the_same_nodes_and_the_same_root(batches):
    leaves = [leaf_hash(number.to_bytes(2, "big")) for number in range(sum(batches))]
    frontier, nodes = Frontier(), []
    for count in batches:
        frontier, created = frontier.extend(leaves[frontier.size : frontier.size + count])
        nodes += created
    whole, expected = Frontier().extend(leaves)
    assert frontier == whole
    assert sorted(nodes) == sorted(expected)
    assert len({(level, index) for level, index, _ in nodes}) == len(nodes)


@given(st.integers(0, SIZE))
def test_a_frontier_survives_the_way_through_bytes_and_grows_on(size):
    frontier = Frontier().extend(LEAVES[:size])[0]
    read = Frontier.from_bytes(frontier.to_bytes())
    assert read == frontier
    assert read.append(LEAVES[size])[0].root() == tree_hash(0, size + 1)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frontier_or_refused(data):
    try:
        frontier = Frontier.from_bytes(data)
    except InvalidProof:
        return
    assert frontier.to_bytes() == data
