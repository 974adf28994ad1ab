"""Bundles changed in more than ten thousand ways: each change is found, and none crashes.

The first family changes what it likes and has no key of ours; it may sign with one of its own. The second is the
seller: all hashes and signatures are made anew, so that only the meaning can tell.
"""

import gzip
import io
import json
import random
import zlib
from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest

from services.bundles.verification import verify_bundle
from services.bundles.writing import signed_receipt
from services.errors import BundleRefused
from services.gateways.signing import public_jwk
from services.receipts.signature_checks import read_jwks
from services.rules.canonical import canonical_bytes
from services.rules.receipts import read_receipt, receipt_bytes, receipt_hash, written
from services.rules.violations import InvalidReceipt
from tests.corpus.good_bundles import Cut, cut_invoice, cut_range, cut_trace
from tests.corpus.ledgers import APRIL, MARCH, SIGNERS, Ledger

STRANGER = SIGNERS[3]


@cache
def log_of(salt):
    """A small log with an invoice, hops and a key that follows another."""
    ledger = Ledger()
    price = ledger.plan("reliability", "PRO")
    for number in range(4):
        trace = {"trace_id": "t"} if number else {}
        ledger.use(price, "optimizer_job", f"{900 + number}.5", idem=f"{salt}_{number}", site="plant", **trace)
    ledger.rotate()
    ledger.clock = APRIL[0]
    base = ledger.base_line(price)
    lines = [
        base,
        ledger.discount_line(base, "9000.00", "-2999.97", model="percent_off", percent="33.333"),
        ledger.discount_line(base, "6000.03", "-50.00", model="amount_off", amount="50.00"),
        ledger.asset_line(price, "1204.5"),
        ledger.overage_line(price, "credits"),
    ]
    ledger.bill(lines, tax="0.13")
    ledger.use(price, "LLM_token_usage", "3", at=MARCH[1] + timedelta(minutes=1), idem=f"{salt}_late", trace_id="t")
    return ledger


LOG, OTHER = log_of("a"), log_of("b")
KEYS = read_jwks(LOG.jwks())
INVOICE = 6


def cuts(ledger):
    consistency = ledger.consistency(2, ledger.size)
    return [
        cut_invoice(ledger, INVOICE),
        cut_range(ledger, 2, ledger.size, consistency=consistency),
        cut_trace(ledger, "t"),
    ]


CUTS, OTHERS = cuts(LOG), cuts(OTHER)
LINES = [cut.lines() for cut in CUTS]


def refusal(data):
    """How a bundle is refused; None where it passes."""
    try:
        verify_bundle(io.BytesIO(data), keys=KEYS)
    except BundleRefused as refused:
        return refused
    return None


def turned(data, chance):
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]


def flip_bit(which, chance):
    return turned(LINES[which], chance)


def flip_bit_of_document(which, chance):
    return turned(CUTS[which].document(), chance)


def flip_bit_of_zip(which, chance):
    """A bit of the compressed bytes; those of gzip's own header say nothing about the bundle."""
    data = CUTS[which].zipped()
    changed = data[:10] + turned(data[10:], chance)
    return LINES[which] if unzipped(changed) == LINES[which] else changed


def unzipped(data):
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return None


def change_character(which, chance):
    data = LINES[which]
    place = chance.randrange(len(data))
    return data[:place] + bytes([chance.choice(b'0123456789abcdef"{}[],:\\ \n')]) + data[place + 1 :]


def cut_and_paste(which, chance):
    data = LINES[which]
    start, end, at = (chance.randrange(len(data)) for _ in range(3))
    return data[:at] + data[min(start, end) : max(start, end)] + data[at:]


def truncate(which, chance):
    data = chance.choice([LINES[which], CUTS[which].document(), CUTS[which].zipped()])
    return data[: chance.randrange(len(data))]


def drop_line(which, chance):
    lines = LINES[which].splitlines(keepends=True)
    del lines[chance.randrange(len(lines))]
    return b"".join(lines)


def repeat_line(which, chance):
    lines = LINES[which].splitlines(keepends=True)
    lines.insert(chance.randrange(len(lines) + 1), chance.choice(lines))
    return b"".join(lines)


def reorder_lines(which, chance):
    lines = LINES[which].splitlines(keepends=True)
    left, right = chance.sample(range(len(lines)), 2)
    lines[left], lines[right] = lines[right], lines[left]
    return b"".join(lines)


def splice(which, chance):
    """Lines of another log of the same customer, the signature line among them."""
    lines, others = LINES[which].splitlines(keepends=True), OTHERS[which].lines().splitlines(keepends=True)
    start, end = sorted(chance.sample(range(len(lines) + 1), 2))
    return b"".join(lines[:start] + others[start:end] + lines[end:])


def leaves(document, path=()):
    """The paths of all values in a document that hold nothing further."""
    inner = document.items() if isinstance(document, dict) else enumerate(document)
    for name, value in inner:
        if isinstance(value, dict | list) and value:
            yield from leaves(value, (*path, name))
        else:
            yield (*path, name)


def other_value(value, chance):
    if isinstance(value, str) and value.replace(".", "").isdigit():
        return (
            str(int(value.replace(".", "")) + chance.choice([1, 10, 1_000])) if chance.random() < 0.5 else f"{value}1"
        )
    if isinstance(value, str) and value:
        place = chance.randrange(len(value))
        return value[:place] + chance.choice("0123456789abcdefXYZ") + value[place + 1 :]
    if isinstance(value, bool) or value is None or not isinstance(value, int):
        return 7
    return value + chance.choice([-1, 1, 1_000])


def changed_at(document, path, change):
    """A copy of a document with one value changed, or taken out where `change` answers with None."""
    copy = json.loads(json.dumps(document))
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    value = change(inner[path[-1]])
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return copy


def changed_header(cut, chance):
    path = chance.choice(list(leaves(cut.header)))
    drop = chance.random() < 0.2
    return changed_at(cut.header, path, lambda value: None if drop else other_value(value, chance))


def change_header(which, chance):
    """One value of the header, its receipts and its signature left as they are."""
    lines = LINES[which].splitlines(keepends=True)
    return b"".join([canonical_bytes(changed_header(CUTS[which], chance)), b"\n", *lines[1:]])


def sign_a_changed_header(which, chance):
    """The same, signed by a stranger, who may list himself among the keys."""
    header = changed_header(CUTS[which], chance)
    if chance.random() < 0.5 and isinstance(header.get("keys"), dict):
        header["keys"] = {"keys": [*CUTS[which].header["keys"]["keys"], public_jwk(STRANGER.public_key)]}
    receipts = CUTS[which].receipts
    return Cut(header | {"count": len(receipts)}, receipts, STRANGER).lines()


def change_receipt(which, chance):
    """One value of one receipt, in good form; the rest as it was."""
    lines = LINES[which].splitlines(keepends=True)
    place = chance.randrange(1, len(lines) - 1)
    document = json.loads(lines[place])
    path = chance.choice(list(leaves(document)))
    lines[place] = canonical_bytes(changed_at(document, path, lambda value: other_value(value, chance))) + b"\n"
    return b"".join(lines)


def forge(which, chance):
    """An amount is changed and every hash, proof and signature made anew, by somebody without our key."""
    cut = cuts(lied(chance.choice([0, 1, 2, 3, INVOICE - 1]), chance, STRANGER))[which]
    if chance.random() < 0.5:
        cut = cut.saying(checkpoint=CUTS[which].header["checkpoint"])
    return replace(cut, signer=STRANGER).lines()


def strip(which, chance):
    """Signatures, keys or proofs are left out, and a stranger signs what is left."""
    cut = CUTS[which]
    without = chance.choice(["signatures", "keys", "rotations", "plans", "checkpoint", "range", "proofs", "trace_id"])
    empty = {"keys": {"keys": []}, "rotations": [], "signatures": {}, "plans": {}}.get(without)
    stripped = cut.saying(**{without: empty})
    return replace(stripped, signer=chance.choice([STRANGER, SIGNERS[0]])).lines()


def swap_key(which, chance):
    lines = LINES[which].splitlines(keepends=True)
    trailer = json.loads(lines[-1])
    trailer["kid"] = chance.choice([signer.kid for signer in SIGNERS if signer.kid != trailer["kid"]])
    return b"".join([*lines[:-1], canonical_bytes(trailer), b"\n"])


def rewritten(index, told, signer):
    """The log with one receipt saying what it is told, and all from there on linked and signed anew."""
    forged = replace(
        LOG, signers=[*LOG.signers[:-1], signer], receipts=LOG.receipts[:index], hashes=LOG.hashes[:index],
        signatures=dict(LOG.signatures),
    )  # fmt: skip
    for place in range(index, LOG.size):
        document = told if place == index else read_receipt(LOG.receipts[place]).document
        data = canonical_bytes(document | {"prev": written(forged.hashes[-1]) if place else None})
        forged.receipts.append(read_receipt(data).data)
        forged.hashes.append(receipt_hash(data))
        if str(place + 1) in forged.signatures:
            forged.signatures[str(place + 1)] = signed_receipt(data, signer)
    return relinked(forged, index + 1)


def relinked(forged, first):
    """The later steps of the trace, carrying the hashes that the earlier ones have now."""
    for seq in range(first + 1, forged.size + 1):
        document = read_receipt(forged.receipts[seq - 1]).document
        document["prev"] = written(forged.hashes[seq - 2])
        if document.get("hop", 1) > 1:
            document["trace_prev"] = written(forged.hashes[forged.hops["t"][document["hop"] - 2] - 1])
        data = receipt_bytes(document)
        forged.receipts[seq - 1], forged.hashes[seq - 1] = data, receipt_hash(data)
        if str(seq) in forged.signatures:
            forged.signatures[str(seq)] = signed_receipt(data, forged.signer)
    return forged


def is_counted(path):
    """Whether a value of a receipt is a number, a price or a hash that others have to agree with."""
    told = {
        "basis",
        "code",
        "description",
        "unit",
        "name",
        "rate",
        "base",
        "region",
        "start",
        "end",
        "number",
        "snapshot_ids",
    }
    of_place = {"v", "typ", "iss", "tenant", "seq", "prev", "ts", "hop", "trace_id", "trace_prev", "req", "cid"}
    names = {name for name in path if isinstance(name, str)}
    return not names & (told | of_place | {"idem", "site", "kind", "subscription", "currency", "occurred_at"})


def lied(index, chance, signer):
    """The log with one number of one receipt changed, and everything made to fit."""
    document = read_receipt(LOG.receipts[index]).document
    paths = [path for path in leaves(document) if is_counted(path)]
    while True:
        told = changed_at(document, chance.choice(paths), lambda value: other_value(value, chance))
        if told == document:
            continue
        try:
            return rewritten(index, told, signer)
        except InvalidReceipt:
            continue


MUTATIONS = {
    flip_bit: 2_500, flip_bit_of_document: 700, flip_bit_of_zip: 900, change_character: 2_000, cut_and_paste: 500,
    truncate: 700, drop_line: 100, repeat_line: 200, reorder_lines: 200, splice: 300, change_header: 1_000,
    sign_a_changed_header: 500, change_receipt: 1_000, strip: 100, swap_key: 30,
    forge: 400,
}  # fmt: skip


def test_the_bundles_themselves_are_valid():
    for cut in (*CUTS, *OTHERS):
        for data in (cut.lines(), cut.document(), cut.zipped()):
            assert refusal(data) is None
    assert sum(MUTATIONS.values()) >= 10_000


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda mutate: mutate.__name__)
def test_every_change_is_found_and_none_crashes(mutate):
    chance = random.Random(mutate.__name__)
    for number in range(MUTATIONS[mutate]):
        which = number % len(CUTS)
        changed = mutate(which, chance)
        if changed not in (LINES[which], OTHERS[which].lines()):
            assert refusal(changed) is not None, changed


def test_a_seller_who_signs_everything_anew_cannot_change_one_number():
    chance = random.Random("seller")
    for number in range(900):
        index = [0, 1, 2, 3, INVOICE - 1, INVOICE - 1][number % 6]
        told = lied(index, chance, LOG.signer)
        refused = refusal(cut_range(told, 1, told.size).lines())
        assert refused is not None, (index, told.receipts[index])
        assert refused.seq is not None, refused.detail


def test_what_is_told_anew_as_it_was_passes():
    same = rewritten(0, read_receipt(LOG.receipts[0]).document, LOG.signer)
    assert same.receipts == LOG.receipts
    assert refusal(cut_range(same, 1, same.size).lines()) is None
