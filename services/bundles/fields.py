"""Single values in a bundle that anyone may have written: signatures, text, whole numbers."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, NamedTuple

from services.errors import InvalidBundle
from services.gateways.signing import SIGNATURE_BYTES
from services.rules.canonical import INTEGER_MAX
from services.rules.receipt_fields import ID_MAX, TEXT_MAX


class Signature(NamedTuple):
    """64 bytes, and the key that is said to have made them."""

    kid: str
    signature: bytes


def read_signature(document: Any, what: str) -> Signature:
    """A `{"kid", "signature"}`. Raises InvalidBundle, saying `what` it is, for any other spelling."""
    if type(document) is not dict or document.keys() != {"kid", "signature"}:
        raise InvalidBundle(f"{what} is an object of kid and signature, and nothing else.")
    kid = document["kid"]
    if type(kid) is not str or not 0 < len(kid) <= ID_MAX:
        raise InvalidBundle(f"{what} must name the key that made it.")
    return Signature(kid, read_base64(document["signature"], what))


def read_base64(text: Any, what: str) -> bytes:
    """64 bytes in the one base64 form they have. Raises InvalidBundle, saying `what` they are."""
    try:
        data = base64.b64decode(text, validate=True) if type(text) is str and text.isascii() else b""
    except binascii.Error:
        data = b""
    if len(data) != SIGNATURE_BYTES or base64.b64encode(data).decode() != text:
        raise InvalidBundle(f"{what} must be {SIGNATURE_BYTES} bytes in base64.")
    return data


def read_text(document: Mapping[str, Any], name: str, most: int = TEXT_MAX) -> str:
    value = document[name]
    if type(value) is not str or not 0 < len(value) <= most:
        raise InvalidBundle(f"The header's {name} is text of 1 to {most} characters.")
    return value


def read_count(document: Mapping[str, Any], name: str, within: str = "") -> int:
    value = document[name]
    if type(value) is not int or not 1 <= value <= INTEGER_MAX:
        raise InvalidBundle(f"The header's {within} {name} is not a whole number from 1.".replace("  ", " "))
    return value
