"""Canonical bytes: RFC 8785 in the domain of receipts, and a refusal outside it."""

from decimal import Decimal
from enum import IntEnum, StrEnum

import pytest

from services.rules.canonical import DEPTH_MAX, INTEGER_MAX, canonical_bytes, content_hash
from services.rules.violations import NotCanonical


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


def nested(depth):
    document = []
    for _ in range(depth - 1):
        document = [document]
    return document


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"b": 1, "a": [True, None, "x"]}, '{"a":[true,null,"x"],"b":1}'),
        ({"a1": 1, "a": 2, "A": 3, "": 4, "_": 5}, '{"":4,"A":3,"_":5,"a":2,"a1":1}'),
        ('\x08\t\n\x0c\r"\\/\x00\x1f\x7f', '"\\b\\t\\n\\f\\r\\"\\\\/\\u0000\\u001f\x7f"'),
        ("€ 𝄞 \u2028", '"€ 𝄞 \u2028"'),
        ([INTEGER_MAX, -INTEGER_MAX, 0], "[9007199254740991,-9007199254740991,0]"),
        ({}, "{}"),
    ],
)
def test_a_document_has_one_byte_sequence(document, text):
    assert canonical_bytes(document) == text.encode()


@pytest.mark.parametrize(
    "document",
    [
        1.0,
        float("nan"),
        Decimal(1),
        (1, 2),
        {1, 2},
        b"x",
        INTEGER_MAX + 1,
        -INTEGER_MAX - 1,
        {1: "a"},
        {None: "a"},
        {"é": 1},
        {"\ud800": 1},
        ["\ud800"],
        {"a": {"b": [{"c": 0.5}]}},
        Colour.RED,
        Level.LOW,
        {Colour.RED: 1},
        object(),
    ],
)
def test_what_has_no_canonical_form_is_refused(document):
    with pytest.raises(NotCanonical):
        canonical_bytes(document)


def test_depth_is_bounded_and_a_document_inside_itself_is_refused():
    assert canonical_bytes(nested(DEPTH_MAX)) == b"[" * DEPTH_MAX + b"]" * DEPTH_MAX
    circle: list[object] = []
    circle.append(circle)
    for document in (nested(DEPTH_MAX + 1), nested(100_000), circle):
        with pytest.raises(NotCanonical, match="levels deep"):
            canonical_bytes(document)


def test_the_hash_is_that_of_the_bytes():
    # printf '{"a":1}' | sha256sum
    expected = "sha256:015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"
    assert content_hash({"a": 1}) == expected
