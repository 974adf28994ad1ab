"""One byte sequence for one document: RFC 8785 in the domain receipts are written in.

Inside that domain (ASCII keys, no fractions) sorting by code point is sorting by UTF-16 unit, and the
escapes of the standard library's JSON are those of RFC 8785, so nothing here has to be clever.
"""

import hashlib
import json
import re
from typing import Any

from services.rules.violations import NotCanonical

INTEGER_MAX = 2**53 - 1
"""Either side of zero; the integers every JSON reader keeps exact (RFC 7493)."""

DEPTH_MAX = 64

_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, sort_keys=True, separators=(",", ":")
)


def canonical_bytes(document: object) -> bytes:
    """The RFC 8785 bytes of strings, safe integers, booleans, None, lists and objects with ASCII keys.

    Raises NotCanonical for anything else: a float, a Decimal, a tuple, an integer beyond INTEGER_MAX, a
    lone surrogate, a key that is not ASCII text, or more than DEPTH_MAX levels.
    """
    _check(document)
    try:
        return _ENCODER.encode(document).encode("utf-8")
    except UnicodeEncodeError as error:
        raise NotCanonical("Text holds half of a surrogate pair, which has no UTF-8 form.") from error


def content_hash(document: object) -> str:
    """SHA-256 of the canonical bytes, written "sha256:<64 hex digits>"."""
    return f"sha256:{hashlib.sha256(canonical_bytes(document)).hexdigest()}"


def parse_canonical(data: bytes) -> Any:
    """The document of bytes that anyone may have made. Raises NotCanonical unless they are its canonical bytes."""
    document = parse_strict(data)
    if canonical_bytes(document) != data:
        raise NotCanonical("The bytes are not the canonical ones, those RFC 8785 gives this document.")
    return document


def parse_strict(data: bytes) -> Any:
    """One JSON document in UTF-8, spaced as it likes, with nothing in it that has a second reading.

    Raises NotCanonical for a key that stands twice in an object, a number that is no integer or is beyond
    INTEGER_MAX's digits, nesting beyond what can be parsed, and for what is no JSON at all.
    """
    try:
        return _DECODER.decode(data.decode("utf-8"))
    except NotCanonical:
        raise
    except (ValueError, RecursionError) as error:
        raise NotCanonical("It is not one JSON document in UTF-8, of ordinary depth.") from error


def _check(value: object, depth: int = 1) -> None:
    if type(value) is not dict and type(value) is not list:
        _check_scalar(value)
        return
    if depth > DEPTH_MAX:
        raise NotCanonical(f"The document is nested more than {DEPTH_MAX} levels deep.")
    if type(value) is dict:
        _check_keys(value)
        value = list(value.values())
    for inner in value:
        _check(inner, depth + 1)


def _check_keys(document: dict[object, object]) -> None:
    for key in document:
        if type(key) is not str or not key.isascii():
            raise NotCanonical("Every key must be ASCII text.")


def _check_scalar(value: object) -> None:
    # Exact types only: a subclass of str or int may be written differently from what it compares equal to.
    if value is None or type(value) is str or type(value) is bool:
        return
    if type(value) is not int:
        raise NotCanonical(f"A {type(value).__name__} has no canonical form; write it as a string.")
    if abs(value) > INTEGER_MAX:
        raise NotCanonical("Integers beyond 2^53 - 1 must be written as strings.")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise NotCanonical("The same key stands twice in one object.")
    return document


def _integer(text: str) -> int:
    if _INTEGER.fullmatch(text) is None:
        raise NotCanonical("Integers beyond 2^53 - 1 must be written as strings.")
    return int(text)


def _refuse_number(_text: str) -> Any:
    raise NotCanonical("Numbers other than integers must be written as strings.")


_INTEGER = re.compile(r"-?[0-9]{1,16}")
_DECODER = json.JSONDecoder(
    object_pairs_hook=_without_duplicates,
    parse_int=_integer,
    parse_float=_refuse_number,
    parse_constant=_refuse_number,
)
