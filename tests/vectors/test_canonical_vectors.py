"""Canonical bytes against RFC 8785's own files and numbers, and against an independent implementation of it.

Outside our domain (fractions, keys beyond ASCII) our own function refuses; there `rfc8785` is the judge, since it
canonicalises what customers send.
"""

import json
import math
import random
import struct

import pytest
import rfc8785

from services.rules.canonical import INTEGER_MAX, canonical_bytes
from services.rules.violations import NotCanonical

IN_OUR_DOMAIN = {"arrays", "unicode"}
DOCUMENTS = 100_000
ALPHABET = [*map(chr, range(0x80)), *"é€ß\u00a0\u2028\u2029\ufeff\uffff\ufb33𝄞😂\U0010ffff"]
KEYS = [*map(chr, range(0x80)), "", "typ", "seq", "prev", "a b", "A", "a1", "a10", "a2"]


def test_every_file_of_the_rfc_has_its_bytes(shared_folder):
    folder = shared_folder / "vectors" / "rfc8785" / "testdata"
    ours = set()
    for path in sorted((folder / "input").glob("*.json")):
        document = json.loads(path.read_bytes())
        expected = (folder / "output" / path.name).read_bytes()
        assert bytes.fromhex((folder / "outhex" / f"{path.stem}.txt").read_text()) == expected
        assert rfc8785.dumps(document) == expected
        try:
            assert canonical_bytes(document) == expected
        except NotCanonical:
            continue
        ours.add(path.stem)
    assert ours == IN_OUR_DOMAIN
    assert len(list((folder / "input").glob("*.json"))) == 6


def test_every_number_of_the_rfc_has_its_text(shared_folder):
    lines = (shared_folder / "vectors" / "rfc8785" / "es6_numbers_10000.txt").read_text().split()
    integers = 0
    for line in lines:
        pattern, expected = line.split(",")
        (number,) = struct.unpack(">d", bytes.fromhex(pattern.rjust(16, "0")))
        assert math.isfinite(number)
        assert rfc8785.dumps(number) == expected.encode()
        with pytest.raises(NotCanonical):
            canonical_bytes(number)
        if number.is_integer() and abs(number) <= INTEGER_MAX:
            assert canonical_bytes(int(number)) == expected.encode()
            integers += 1
    assert len(lines) == 10_000
    assert integers > 1


def document_of(chance, depth=0):
    kind = chance.randrange(8 if depth < 4 else 5)
    if kind == 0:
        return chance.choice([None, True, False])
    if kind == 1:
        return chance.randint(-INTEGER_MAX, INTEGER_MAX) >> chance.randrange(54)
    if kind == 2:
        return chance.choice([0, -1, INTEGER_MAX, -INTEGER_MAX])
    if kind in (3, 4):
        return "".join(chance.choices(ALPHABET, k=chance.randrange(12)))
    if kind == 5:
        return [document_of(chance, depth + 1) for _ in range(chance.randrange(5))]
    return {chance.choice(KEYS): document_of(chance, depth + 1) for _ in range(chance.randrange(8))}


@pytest.mark.slow
def test_a_hundred_thousand_documents_have_the_bytes_of_an_independent_implementation():
    chance = random.Random("RFC 8785")
    kinds = set()
    for _ in range(DOCUMENTS):
        document = {"body": document_of(chance), chance.choice(KEYS): document_of(chance)}
        assert canonical_bytes(document) == rfc8785.dumps(document)
        kinds.add(type(document["body"]))
    assert kinds == {type(None), bool, int, str, list, dict}
