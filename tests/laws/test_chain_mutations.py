"""A log with its proofs and its head, changed in more than ten thousand ways: each is found, and none crashes."""

import random
from dataclasses import dataclass, replace

import pytest

from services.rules.merkle import Frontier, inclusion_proof, verify_inclusion
from services.rules.notes import checkpoint_body, read_checkpoint
from services.rules.receipts import (
    Receipt,
    build_receipt,
    check_hop,
    check_link,
    read_receipt,
    receipt_bytes,
    receipt_hash,
    written,
)
from services.rules.violations import RuleViolation

ORIGIN = "billing.example/tnt_1"
SIZE = 16
PRICE = written(bytes(32))


@dataclass(frozen=True)
class Log:
    """What a bundle carries. The head's text is what the signature would cover."""

    receipts: tuple[bytes, ...]
    proofs: tuple[tuple[bytes, ...], ...]
    head: str


def write_log(salt, size=SIZE):
    receipts: list[bytes] = []
    hops: list[bytes] = []
    for seq in range(1, size + 1):
        fields = {
            "iss": "https://billing.example", "tenant": "tnt_1", "seq": seq, "idem": f"evt_{salt}_{seq}",
            "prev": written(receipt_hash(receipts[-1])) if receipts else None, "ts": "2026-03-31T18:15:46.000123Z",
            "metric": "LLM_token_usage", "units": f"{seq}.5", "credits_micro": seq * 500_000, "price": PRICE,
            "subscription": "sub_1", "overage_micro": seq * 100, "day": f"2026-03-{seq:02d}", "site": "plant",
        }  # fmt: skip
        if seq % 3 == 0:
            trace_prev = written(receipt_hash(hops[-1])) if hops else None
            fields |= {"trace_id": "trace", "hop": len(hops) + 1, "trace_prev": trace_prev}
        receipts.append(receipt_bytes(build_receipt(typ="usage", **fields)))
        if seq % 3 == 0:
            hops.append(receipts[-1])
    return prove(receipts)


def prove(receipts):
    leaves = [receipt_hash(data) for data in receipts]
    frontier, created = Frontier().extend(leaves)
    nodes = {(0, index): leaf for index, leaf in enumerate(leaves)}
    nodes |= {(level, index): hashed for level, index, hashed in created}
    proofs = [inclusion_proof(index, len(leaves), lambda *place: nodes[place]) for index in range(len(leaves))]
    return Log(tuple(receipts), tuple(map(tuple, proofs)), checkpoint_body(ORIGIN, len(leaves), frontier.root()))


def verify(log, signed_head):
    """Check a log against the head whose signature was checked. Raises a RuleViolation."""
    head = read_checkpoint(log.head)
    if log.head != signed_head or not len(log.receipts) == len(log.proofs) == head.size:
        raise RuleViolation("The head is another one, or receipts are missing.")
    previous: Receipt | None = None
    hop: Receipt | None = None
    for index, (data, proof) in enumerate(zip(log.receipts, log.proofs, strict=True)):
        receipt = read_receipt(data)
        check_link(previous, receipt)
        verify_inclusion(index, head.size, receipt.hash, proof, head.root)
        previous = receipt
        if "trace_id" in receipt.document:
            check_hop(hop, receipt)
            hop = receipt


def turned(data, chance):
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]


def put(items, place, item):
    return (*items[:place], item, *items[place + 1 :])


def flip_receipt(log, other, chance):
    place = chance.randrange(SIZE)
    return replace(log, receipts=put(log.receipts, place, turned(log.receipts[place], chance)))


def flip_proof(log, other, chance):
    place = chance.randrange(SIZE)
    proof = log.proofs[place]
    at = chance.randrange(len(proof))
    return replace(log, proofs=put(log.proofs, place, put(proof, at, turned(proof[at], chance))))


def flip_head(log, other, chance):
    return replace(log, head=turned(log.head.encode(), chance).decode("utf-8", "surrogateescape"))


def drop(log, other, chance):
    place = chance.randrange(SIZE)
    receipts = log.receipts[:place] + log.receipts[place + 1 :]
    proofs = log.proofs[:place] + log.proofs[place + 1 :]
    return chance.choice(
        [replace(log, receipts=receipts), replace(log, proofs=proofs), Log(receipts, proofs, log.head)]
    )


def swap(log, other, chance):
    left, right = chance.sample(range(SIZE), 2)
    receipts = put(put(log.receipts, left, log.receipts[right]), right, log.receipts[left])
    proofs = put(put(log.proofs, left, log.proofs[right]), right, log.proofs[left])
    return chance.choice(
        [replace(log, receipts=receipts), replace(log, proofs=proofs), Log(receipts, proofs, log.head)]
    )


def reorder(log, other, chance):
    order = chance.sample(range(SIZE), SIZE)
    return Log(tuple(log.receipts[at] for at in order), tuple(log.proofs[at] for at in order), log.head)


def truncate(log, other, chance):
    """The tail is cut: as it is, or with a head and proofs made anew."""
    size = chance.randrange(1, SIZE)
    return chance.choice([Log(log.receipts[:size], log.proofs[:size], log.head), prove(log.receipts[:size])])


def shorten(log, other, chance):
    place = chance.randrange(SIZE)
    data = log.receipts[place]
    return replace(log, receipts=put(log.receipts, place, data[: chance.randrange(len(data))]))


def splice(log, other, chance):
    """Part of another log of the same tenant, with its own proofs or ours."""
    start, end = sorted(chance.sample(range(SIZE + 1), 2))
    receipts = log.receipts[:start] + other.receipts[start:end] + log.receipts[end:]
    proofs = log.proofs[:start] + other.proofs[start:end] + log.proofs[end:]
    return chance.choice([replace(log, receipts=receipts), Log(receipts, proofs, log.head), prove(receipts)])


def repeat(log, other, chance):
    place = chance.randrange(SIZE)
    receipts = (*log.receipts[:place], log.receipts[place], *log.receipts[place:])
    proofs = (*log.proofs[:place], log.proofs[place], *log.proofs[place:])
    return chance.choice([Log(receipts, proofs, log.head), prove(receipts)])


def rewrite(log, other, chance):
    """One receipt says something else, in good form; sometimes all that follow are linked to it anew."""
    place = chance.randrange(SIZE)
    receipts = list(log.receipts)
    document = read_receipt(receipts[place]).document
    document[chance.choice(["units", "idem", "metric", "subscription", "site"])] = str(chance.randrange(10**6))
    receipts[place] = receipt_bytes(document)
    if chance.random() < 0.5:
        for at in range(place + 1, SIZE):
            after = read_receipt(receipts[at]).document | {"prev": written(receipt_hash(receipts[at - 1]))}
            receipts[at] = receipt_bytes(after)
    return chance.choice([replace(log, receipts=tuple(receipts)), prove(receipts)])


MUTATIONS = {
    flip_receipt: 5_000, flip_proof: 1_500, flip_head: 500, drop: 400, swap: 600, reorder: 500, truncate: 400,
    shorten: 500, splice: 800, repeat: 300, rewrite: 1_000,
}  # fmt: skip
LOG, OTHER = write_log("a"), write_log("b")


def test_the_logs_themselves_are_valid():
    for log in (LOG, OTHER):
        verify(log, log.head)
    assert sum(MUTATIONS.values()) >= 10_000


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda mutate: mutate.__name__)
def test_every_change_is_found_and_none_crashes(mutate):
    chance = random.Random(mutate.__name__)
    for _ in range(MUTATIONS[mutate]):
        changed = mutate(LOG, OTHER, chance)
        if changed != LOG:
            with pytest.raises(RuleViolation):
                verify(changed, LOG.head)


@pytest.mark.parametrize("mutate", [flip_receipt, drop, swap, reorder, repeat, splice, rewrite])
def test_the_chain_finds_what_a_forged_head_would_hide(mutate):
    """Even whoever could sign a new head over changed receipts is caught by links, unless all of them are redone."""
    chance = random.Random(mutate.__name__)
    for _ in range(100):
        receipts = mutate(LOG, OTHER, chance).receipts
        if receipts == LOG.receipts or relinked(receipts):
            continue
        forged = prove(receipts)
        with pytest.raises(RuleViolation):
            verify(forged, forged.head)


def relinked(receipts):
    """Whether a whole log was written anew, which only a head kept from before can tell."""
    try:
        links = [read_receipt(data).document["prev"] for data in receipts]
    except RuleViolation:
        return False
    return links == [None, *(written(receipt_hash(data)) for data in receipts[:-1])]
