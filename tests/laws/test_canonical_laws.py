"""Laws of canonical bytes: the same as an independent RFC 8785, whatever order keys came in."""

import json

import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from services.rules.canonical import INTEGER_MAX, canonical_bytes, content_hash

KEYS = st.text(st.characters(max_codepoint=127), max_size=8)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-INTEGER_MAX, INTEGER_MAX), TEXT)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=25,
)


@settings(max_examples=1000)
@given(DOCUMENTS)
def test_the_bytes_are_those_of_an_independent_rfc_8785(document):
    assert canonical_bytes(document) == rfc8785.dumps(document)


@given(TEXT)
def test_every_character_is_escaped_as_rfc_8785_says(text):
    assert canonical_bytes(text) == rfc8785.dumps(text)


@given(DOCUMENTS)
def test_the_bytes_read_back_as_the_document_and_are_their_own_canonical_form(document):
    read = json.loads(canonical_bytes(document))
    assert read == document
    assert canonical_bytes(read) == canonical_bytes(document)


@given(st.dictionaries(KEYS, SCALARS, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_change_the_hash(document, random):
    items = list(document.items())
    random.shuffle(items)
    assert content_hash(dict(items)) == content_hash(document)
