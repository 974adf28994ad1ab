"""What people of ours may see of a message from outside: amounts and ids, but nobody's name, card or secret."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

HIDDEN: Final = "(hidden)"
DEPTH_MAX: Final = 24
TEXT_MAX: Final = 2_000

PRIVATE: Final = frozenset(
    {
        *("name", "email", "phone", "phone_number", "address", "shipping", "billing_details", "owner", "tax_ids"),
        *("line1", "line2", "city", "state", "postal_code", "ip_address", "user_agent"),
        *("last4", "dynamic_last4", "fingerprint", "exp_month", "exp_year", "iin", "cvc", "account_number"),
        *("routing_number", "sort_code", "bic", "swift_code", "iban", "mandate", "network_transaction_id"),
        *("client_secret", "secret", "password", "token", "access_token", "refresh_token", "ephemeral_key"),
    }
)
"""What a member of this name holds is hidden whole, whatever it is."""

PRIVATE_ENDINGS: Final = ("_name", "_email", "_phone", "_address", "_shipping", "_tax_ids", "_secret", "_last4")
OPEN_WHEN_TEXT: Final = frozenset({"state"})
"""A province among the parts of an address, but a plain word of an object's life elsewhere."""

_SECRET: Final = re.compile(r"\b(?:(?:sk|rk|ek|pk)_(?:live|test|sandbox)|whsec)_[A-Za-z0-9_]+|\b\w+_secret_\w+")
_EMAIL: Final = re.compile(r"[^\s<>\"',;:@]+@[^\s<>\"',;:@]+\.[^\s<>\"',;:@]+")
_DIGITS: Final = re.compile(r"(?<![\w.])(?:\d[ -]?){12,18}\d(?![\w.])")
_ADDRESS: Final = re.compile(r"https?://[^\s\"'<>]+")
_PARTS_OF_ADDRESS: Final = frozenset({"line1", "line2", "city", "postal_code", "country"})


def redact(value: Any, *, depth: int = 0) -> Any:
    """The same value with what is private replaced by HIDDEN; what is nested too deep is hidden as well.

    Names, e-mail and postal addresses, telephone numbers, what is on a card, tax numbers and secrets are hidden. Of
    web addresses only the host stays: who knows the rest of a hosted page's address can open the page.
    """
    if depth > DEPTH_MAX:
        return HIDDEN
    if isinstance(value, Mapping):
        return {str(name): _member(str(name), each, value, depth) for name, each in value.items()}
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [redact(each, depth=depth + 1) for each in value]
    return HIDDEN if isinstance(value, bytes | bytearray) else value


def redact_text(text: str) -> str:
    """A text without secrets, e-mail addresses, card numbers and all of a web address but its host."""
    shown = text if len(text) <= TEXT_MAX else f"{text[: TEXT_MAX - 2]} …"
    for pattern, replace in ((_ADDRESS, _host_alone), (_SECRET, _hidden), (_EMAIL, _hidden), (_DIGITS, _card_hidden)):
        shown = pattern.sub(replace, shown)
    return shown


def _member(name: str, value: Any, beside: Mapping[Any, Any], depth: int) -> Any:
    if value is None or value == "" or isinstance(value, bool):
        return value
    wanted = name.lower()
    if wanted in OPEN_WHEN_TEXT:
        return HIDDEN if _PARTS_OF_ADDRESS & {str(each) for each in beside} else redact(value, depth=depth + 1)
    if wanted in PRIVATE or wanted.endswith(PRIVATE_ENDINGS):
        return HIDDEN
    if wanted == "value" and "tax_id" in str(beside.get("object", "")):
        return HIDDEN
    return redact(value, depth=depth + 1)


def _hidden(_found: re.Match[str]) -> str:
    return HIDDEN


def _host_alone(found: re.Match[str]) -> str:
    try:
        parts = urlsplit(found.group())
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return HIDDEN
    return f"{parts.scheme}://{host}/{HIDDEN}" if parts.path.strip("/") or parts.query else f"{parts.scheme}://{host}"


def _card_hidden(found: re.Match[str]) -> str:
    """Long numbers stay unless their check digit is a card's."""
    digits = [int(each) for each in found.group() if each.isdigit()]
    summed = sum(
        digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(reversed(digits))
    )
    return found.group() if summed % 10 else HIDDEN
