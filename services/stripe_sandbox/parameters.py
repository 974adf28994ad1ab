# ruff: noqa: N802 - the types are written like constants, so that the tables read as tables
"""What an operation takes, said as a table of name and type; everything else is refused the way Stripe refuses it.

    FIELDS = {"customer": required(ID), "metadata": METADATA, "items": list_of_shapes({"price": ID, "quantity": COUNT})}

A type is a function of the raw value and the parameter's full name. An empty string clears a text (it becomes None);
anything else must be wrapped in `clearable` to allow that.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.forms import Raw

Parser = Callable[[Raw, str], Any]
Table = Mapping[str, "Parser | Required"]

TEXT_MAX = 5_000
METADATA_KEYS_MAX = 50
METADATA_KEY_MAX = 40
METADATA_VALUE_MAX = 500
LIST_MAX = 250
INTEGER_MAX = 999_999_999_999
INTEGER_PATTERN = re.compile(r"-?\d{1,20}")
DECIMAL_PATTERN = re.compile(r"-?\d{1,20}(\.\d{1,12})?")


class Required:
    """A parameter that must be given."""

    def __init__(self, parser: Parser) -> None:
        self.parser = parser


def required(parser: Parser) -> Required:
    return Required(parser)


def parse(raw: Mapping[str, Raw], table: Table, prefix: str = "") -> dict[str, Any]:
    """The given parameters with their types. Raises StripeError: unknown, missing or invalid."""
    values: dict[str, Any] = {}
    for name, value in raw.items():
        full = f"{prefix}[{name}]" if prefix else name
        entry = table.get(name)
        if entry is None:
            raise StripeError(f"Received unknown parameter: {full}", code="parameter_unknown", param=full)
        values[name] = entry.parser(value, full) if isinstance(entry, Required) else entry(value, full)
    for name, entry in table.items():
        if isinstance(entry, Required) and values.get(name) is None:
            full = f"{prefix}[{name}]" if prefix else name
            raise StripeError(f"Missing required param: {full}.", code="parameter_missing", param=full)
    return values


def _text(value: Raw, name: str) -> str:
    if isinstance(value, dict):
        raise StripeError(f"Invalid string: {name} must be a string", param=name)
    if len(value) > TEXT_MAX:
        message = f"Invalid string: {name} must be at most {TEXT_MAX} characters"
        raise StripeError(message, code="parameter_invalid_string", param=name)
    return value


def _given(value: Raw, name: str) -> str:
    text = _text(value, name)
    if not text:
        message = (
            f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a field; however "
            f"'{name}' cannot be unset. You should remove '{name}' from your request or supply a non-empty value."
        )
        raise StripeError(message, code="parameter_invalid_empty", param=name)
    return text


def STRING(value: Raw, name: str) -> str | None:
    return _text(value, name) or None


def ID(value: Raw, name: str) -> str:
    return _given(value, name)


def INTEGER(value: Raw, name: str) -> int:
    text = _given(value, name)
    if not INTEGER_PATTERN.fullmatch(text) or abs(int(text)) > INTEGER_MAX:
        raise StripeError(f"Invalid integer: {text}", code="parameter_invalid_integer", param=name)
    return int(text)


def COUNT(value: Raw, name: str) -> int:
    """An integer of zero or more."""
    number = INTEGER(value, name)
    if number < 0:
        message = "This value must be greater than or equal to 0."
        raise StripeError(message, code="parameter_invalid_integer", param=name)
    return number


def within_range(first: int, last: int) -> Parser:
    """An integer from `first` to `last`."""

    def parse_within(value: Raw, name: str) -> int:
        number = INTEGER(value, name)
        if not first <= number <= last:
            message = f"This value must be between {first} and {last}."
            raise StripeError(message, code="parameter_invalid_integer", param=name)
        return number

    return parse_within


def DECIMAL(value: Raw, name: str) -> str:
    """A decimal in plain form, kept as text without trailing zeros. The exponent form is refused."""
    text = _given(value, name)
    if not DECIMAL_PATTERN.fullmatch(text):
        raise StripeError(f"Invalid decimal: {text}", code="parameter_invalid_decimal", param=name)
    return plain(Decimal(text))


def NUMBER(value: Raw, name: str) -> float:
    text = DECIMAL(value, name)
    return float(text)


def BOOLEAN(value: Raw, name: str) -> bool:
    text = _given(value, name)
    if text not in ("true", "false"):
        raise StripeError(f"Invalid boolean: {text}", param=name)
    return text == "true"


def METADATA(value: Raw, name: str) -> dict[str, str]:
    """Text by key; an empty text deletes its key, and an empty value in place of the object deletes all (key '')."""
    if value == "":
        return {"": ""}
    if not isinstance(value, dict):
        raise StripeError("Invalid object", param=name)
    if len(value) > METADATA_KEYS_MAX:
        raise StripeError(f"Metadata can have at most {METADATA_KEYS_MAX} keys.", param=name)
    for key, text in value.items():
        if not key or len(key) > METADATA_KEY_MAX:
            raise StripeError(f"Metadata keys must be 1 to {METADATA_KEY_MAX} characters long.", param=f"{name}[{key}]")
        if len(_text(text, f"{name}[{key}]")) > METADATA_VALUE_MAX:
            message = f"Metadata values can have up to {METADATA_VALUE_MAX} characters."
            raise StripeError(message, param=f"{name}[{key}]")
    return {key: str(text) for key, text in value.items()}


def merged_metadata(old: Mapping[str, str] | None, given: Mapping[str, str] | None) -> dict[str, str]:
    """Keys given empty are deleted, others replaced; the rest stays."""
    if given is not None and "" in given:
        return {}
    merged = {**(old or {}), **(given or {})}
    return {key: text for key, text in merged.items() if text}


def clearable(parser: Parser) -> Parser:
    """The same type, or an empty string, which unsets the field."""
    return lambda value, name: None if value == "" else parser(value, name)


def one_of(*options: str) -> Parser:
    def parse_option(value: Raw, name: str) -> str:
        text = _given(value, name)
        if text not in options:
            raise StripeError(f"Invalid {name}: must be one of {', '.join(options)}", param=name)
        return text

    return parse_option


def either(first: Parser, second: Parser) -> Parser:
    """The first type that takes the value; the second one's refusal where neither does."""

    def parse_either(value: Raw, name: str) -> Any:
        try:
            return first(value, name)
        except StripeError:
            return second(value, name)

    return parse_either


def shape(table: Table) -> Parser:
    def parse_shape(value: Raw, name: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise StripeError("Invalid object", param=name)
        return parse(value, table, name)

    return parse_shape


def list_of(parser: Parser) -> Parser:
    def parse_list(value: Raw, name: str) -> list[Any]:
        if value == "":
            return []
        if not isinstance(value, dict) or not all(key.isascii() and key.isdigit() for key in value):
            raise StripeError("Invalid array", param=name)
        if len(value) > LIST_MAX:
            raise StripeError(f"Array too long: at most {LIST_MAX} elements are allowed.", param=name)
        return [parser(value[key], f"{name}[{key}]") for key in sorted(value, key=int)]

    return parse_list


def map_of(parser: Parser) -> Parser:
    def parse_map(value: Raw, name: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise StripeError("Invalid object", param=name)
        return {key: parser(inner, f"{name}[{key}]") for key, inner in value.items()}

    return parse_map


def list_of_shapes(table: Table) -> Parser:
    return list_of(shape(table))


def plain(number: Decimal) -> str:
    """A decimal without exponent or trailing zeros, as Stripe prints it: 0.5, 12, 0.0001."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


RANGE = either(INTEGER, shape({"gt": INTEGER, "gte": INTEGER, "lt": INTEGER, "lte": INTEGER}))
ADDRESS_FIELDS = ("city", "country", "line1", "line2", "postal_code", "state")
ADDRESS = shape(dict.fromkeys(ADDRESS_FIELDS, STRING))


def CURRENCY(value: Raw, name: str) -> str:
    """A currency code, in lower case."""
    return ID(value, name).lower()


def address_of(given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """An address with every field, null where nothing was given."""
    return None if given is None else {field: given.get(field) for field in ADDRESS_FIELDS}
