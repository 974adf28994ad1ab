"""Laws of a stretch of a log: the subtrees around it and its own leaves give the root of the whole."""

import random
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.rules.log_ranges import RangeRoot, after_places, before_places
from services.rules.merkle import EMPTY_ROOT, SIZE_MAX, Frontier
from services.rules.violations import InvalidProof

SIZES = 70
LEAVES = [sha256(bytes([number])).digest() for number in range(SIZES)]


def root_of(hashes):
    """The root by its definition (RFC 9162, 2.1.1)."""
    if len(hashes) < 2:
        return hashes[0] if hashes else EMPTY_ROOT
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\x01" + root_of(hashes[:split]) + root_of(hashes[split:])).digest()


ROOTS = [root_of(LEAVES[:size]) for size in range(SIZES + 1)]


def subtree(place):
    level, index = place
    return root_of(LEAVES[index << level : (index + 1) << level])


@pytest.mark.parametrize("size", range(1, SIZES + 1))
def test_every_range_of_every_size_leads_to_the_root(size):
    for first in range(size):
        before = [subtree(place) for place in before_places(first)]
        for end in range(first + 1, size + 1):
            stretch = RangeRoot(first, before)
            stretch.extend(LEAVES[first:end])
            assert stretch.root() == ROOTS[end]
            assert stretch.close([subtree(place) for place in after_places(end, size)], size) == ROOTS[size]


@given(st.integers(0, SIZES), st.lists(st.integers(0, 9), max_size=20))
def test_any_cut_into_batches_gives_the_same_roots(first, batches):
    stretch = RangeRoot(first, [subtree(place) for place in before_places(first)])
    size = first
    for batch in batches:
        taken = LEAVES[size : size + batch]
        stretch.extend(taken)
        size += len(taken)
        assert (stretch.size, stretch.root()) == (size, ROOTS[size])


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_places_are_whole_subtrees_that_tile_what_they_stand_for(one, other):
    first, size = sorted((one, other))
    reached = 0
    for level, index in before_places(first):
        assert index << level == reached
        reached += 1 << level
    assert reached == first
    levels = [level for level, _ in before_places(first)]
    assert levels == sorted(set(levels), reverse=True)
    for level, index in after_places(first, size):
        assert index << level == reached
        assert reached == 0 or reached % (1 << level + 1) or reached + (1 << level + 1) > size
        reached += 1 << level
    assert reached == size
    assert len(after_places(first, size)) <= 2 * size.bit_length()


def test_large_logs_agree_with_the_frontier():
    chance = random.Random("large")
    for _ in range(20):
        size = chance.randrange(1_000, 5_000)
        hashes = [chance.randbytes(32) for _ in range(size)]
        first = chance.randrange(size)
        stretch = RangeRoot(first, Frontier().extend(hashes[:first])[0].hashes)
        end = chance.randrange(first, size + 1)
        stretch.extend(hashes[first:end])
        nodes = {(0, place): hashed for place, hashed in enumerate(hashes)}
        whole, created = Frontier().extend(hashes)
        nodes |= {(level, index): hashed for level, index, hashed in created}
        assert stretch.close([nodes[place] for place in after_places(end, size)], size) == whole.root()


def test_the_largest_log_is_described_at_once():
    assert len(before_places(SIZE_MAX)) == 63
    assert after_places(1, SIZE_MAX)[0] == (0, 1)


@pytest.mark.parametrize(("first", "end", "size"), [(0, 3, 8), (5, 6, 13), (8, 9, 9), (3, 7, 31)])
def test_hashes_too_few_too_many_or_swapped_are_refused(first, end, size):
    before = [subtree(place) for place in before_places(first)]
    after = [subtree(place) for place in after_places(end, size)]
    for wrong in (before[:-1] if before else [LEAVES[0]], [*before, LEAVES[0]], [hashed[:-1] for hashed in before]):
        if wrong != before:
            with pytest.raises(InvalidProof):
                RangeRoot(first, wrong)
    for wrong in (after[:-1] if after else [LEAVES[0]], [*after, LEAVES[0]], [hashed[1:] for hashed in after]):
        if wrong != after:
            stretch = RangeRoot(first, before)
            stretch.extend(LEAVES[first:end])
            with pytest.raises(InvalidProof):
                stretch.close(wrong, size)
    if len(after) > 1:
        stretch = RangeRoot(first, before)
        stretch.extend(LEAVES[first:end])
        assert stretch.close(after[::-1], size) != ROOTS[size]


def test_what_cannot_be_a_range_is_refused():
    for wrong in ((-1, 3), (4, 3), (0, SIZE_MAX + 1), (True, 3)):
        with pytest.raises(InvalidProof):
            after_places(*wrong)
    with pytest.raises(InvalidProof):
        before_places(-1)
    with pytest.raises(InvalidProof):
        RangeRoot(0, ()).extend([b"short"])
    assert RangeRoot(0, ()).root() == EMPTY_ROOT
