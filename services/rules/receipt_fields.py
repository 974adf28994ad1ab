"""What each type of receipt holds: the fields it must have, those it may have, and what each of them looks like."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from services.rules.canonical import INTEGER_MAX
from services.rules.violations import InvalidReceipt

VERSION = 1
ID_MAX = 128
TEXT_MAX = 300
LINES_MAX = 2_000
"""Lines of an invoice, taxes of a total, invariants of an exchange."""

_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,39})(?:\.[0-9]{1,12})?")
_ZERO = re.compile(r"-0(?:\.0+)?")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_CURRENCY = re.compile(r"[A-Z]{3}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Field(NamedTuple):
    """A test of a value, and the words for what passes it."""

    holds: Callable[[Any], bool]
    what: str


class Shape(NamedTuple):
    """The fields an object must have and those it may have; no others."""

    required: Mapping[str, Field]
    optional: Mapping[str, Field]


@lru_cache(maxsize=4096)
def is_moment(text: str) -> bool:
    """Whether `text` is a moment there is, written 2026-03-31T18:15:46.000000Z."""
    if _MOMENT.fullmatch(text) is None:
        return False
    try:
        datetime.fromisoformat(text[:-1])
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def is_day(text: str) -> bool:
    """Whether `text` is a day there is, written 2026-03-31."""
    if _DAY.fullmatch(text) is None:
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_hash(value: Any) -> bool:
    """Whether `value` is a hash written sha256: and 64 small hexadecimal digits."""
    return type(value) is str and _HASH.fullmatch(value) is not None


def _is_decimal(value: Any) -> bool:
    return type(value) is str and _DECIMAL.fullmatch(value) is not None and _ZERO.fullmatch(value) is None


def _is_count(value: Any) -> bool:
    return type(value) is int and 1 <= value <= INTEGER_MAX


def _is_text(value: Any) -> bool:
    return type(value) is str and 0 < len(value) <= TEXT_MAX


def _is_period(value: Any) -> bool:
    return (
        _has_shape(value, Shape({"start": _MOMENT_FIELD, "end": _MOMENT_FIELD}, {})) and value["start"] < value["end"]
    )


def _is_range(value: Any) -> bool:
    if not _has_shape(value, _RANGE):
        return False
    return bool(value["count"] <= value["last_seq"] - value["first_seq"] + 1)


def _has_shape(value: Any, shape: Shape) -> bool:
    return type(value) is dict and _wrong_field(value, shape) is None


def _wrong_field(value: Mapping[str, Any], shape: Shape) -> str | None:
    """What is wrong with an object, in a sentence; None where nothing is."""
    for name, field in shape.required.items():
        if name not in value:
            return f"“{name}” is missing; it must be {field.what}."
    for name, inner in value.items():
        known = shape.required.get(name) or shape.optional.get(name)
        if known is None:
            return f"“{name[:ID_MAX]}” does not belong here."
        if not known.holds(inner):
            return f"“{name}” must be {known.what}."
    return None


def _list_of(field: Field) -> Field:
    return Field(
        lambda value: type(value) is list and len(value) <= LINES_MAX and all(map(field.holds, value)),
        f"a list of at most {LINES_MAX:,}, each {field.what}",
    )


def _object(what: str, required: Mapping[str, Field], optional: Mapping[str, Field] | None = None) -> Field:
    shape = Shape(required, optional or {})
    return Field(lambda value: _has_shape(value, shape), what)


_ID = Field(lambda value: type(value) is str and 0 < len(value) <= ID_MAX, f"text of 1 to {ID_MAX} characters")
_TEXT = Field(_is_text, f"text of 1 to {TEXT_MAX} characters")
_COUNT = Field(_is_count, "a whole number from 1 to 2^53 - 1")
_WHOLE = Field(lambda value: type(value) is int and abs(value) <= INTEGER_MAX, "a whole number within 2^53 - 1")
_NATURAL = Field(lambda value: type(value) is int and 0 <= value <= INTEGER_MAX, "a whole number, zero or more")
_FLAG = Field(lambda value: type(value) is bool, "true or false")
_AMOUNT = Field(_is_decimal, 'a plain decimal in quotes, such as "12.50"')
_HASHED = Field(is_hash, "a hash, sha256: and 64 small hexadecimal digits")
_LINK = Field(lambda value: value is None or is_hash(value), "a hash, or null for the first")
_MONEY_UNIT = Field(
    lambda value: type(value) is str and _CURRENCY.fullmatch(value) is not None, "three capital letters"
)
_MOMENT_FIELD = Field(
    lambda value: type(value) is str and is_moment(value), "a UTC time such as 2026-03-31T18:15:46.000000Z"
)
_DAY_FIELD = Field(lambda value: type(value) is str and is_day(value), "a day such as 2026-03-31")
_DOCUMENT = Field(lambda value: type(value) is dict, "an object")
_DOCUMENTS = Field(lambda value: type(value) is list, "a list")
_PERIOD = Field(_is_period, "an object of start and a later end")
_RANGE = Shape({"first_seq": _COUNT, "last_seq": _COUNT, "count": _COUNT, "root": _HASHED}, {})
_USAGE = Field(_is_range, "an object of first_seq, last_seq, count and root")
_PART = _object(
    "an object of start, end, price and, where it is so, arrears",
    {"start": _MOMENT_FIELD, "end": _MOMENT_FIELD, "price": _HASHED},
    {"arrears": _FLAG},
)
_LINE = _object(
    "an object of kind, unit, quantity and amount",
    {"kind": _ID, "unit": _ID, "quantity": _AMOUNT, "amount": _AMOUNT},
    {
        "description": _TEXT, "period": _PERIOD, "price": _HASHED, "usage": _USAGE,
        "pricing": _DOCUMENT, "sources": _DOCUMENT, "steps": _DOCUMENTS,
    },
)  # fmt: skip
_TOTALS = _object("an object of subtotal, tax and total", {"subtotal": _AMOUNT, "tax": _AMOUNT, "total": _AMOUNT})
_TAX = _object(
    "an object of name, rate and amount",
    {"name": _ID, "rate": _AMOUNT, "amount": _AMOUNT},
    {"region": _ID, "base": _AMOUNT, "code": _ID, "category": _ID, "reason": _TEXT},
)

FIELDS = {
    "v": Field(lambda value: type(value) is int and value == VERSION, f"{VERSION}"),
    "typ": _ID, "iss": _TEXT, "tenant": _ID, "seq": _COUNT, "prev": _LINK, "ts": _MOMENT_FIELD,
    "trace_id": _ID, "hop": _COUNT, "trace_prev": _LINK,
    "idem": _ID, "req": _ID, "cid": _HASHED, "map": _ID, "policy": _ID,
    "metric": _ID, "units": _AMOUNT, "credits_micro": _WHOLE, "fu_tokens": _NATURAL, "fallback": _FLAG,
    "invariants": _list_of(_ID), "amount": _AMOUNT, "currency": _MONEY_UNIT, "price": _HASHED,
    "number": _COUNT, "period": _PERIOD, "lines": _list_of(_LINE), "totals": _TOTALS, "tax": _list_of(_TAX),
    "usage": _USAGE, "subscription": _ID, "overage_micro": _WHOLE, "occurred_at": _MOMENT_FIELD, "day": _DAY_FIELD,
    "site": _ID, "alert": _ID, "parts": _list_of(_PART), "calculation": _HASHED,
}  # fmt: skip

_ALWAYS = "v typ iss tenant seq prev ts"
_TRACE = "trace_id hop trace_prev"
_KINDS = {
    "usage": (
        "idem metric units credits_micro price subscription",
        "overage_micro occurred_at day site alert req cid policy amount currency",
    ),
    "correction": (
        "idem req metric units credits_micro price subscription",
        "overage_micro occurred_at day site alert cid policy amount currency",
    ),
    "exchange": (
        "idem cid",
        "req map policy metric units credits_micro fu_tokens fallback invariants amount currency price",
    ),
    "invoice": ("number subscription period lines totals tax amount currency", "idem req cid price usage parts"),
    "credit_note": ("number subscription req lines totals tax amount currency", "idem cid period price usage"),
    "payment": ("idem req amount currency", "cid number"),
    "baseline": ("idem cid metric units", "req policy period amount currency"),
    "approval": ("idem req cid", "metric policy number period amount currency calculation"),
    "key": ("idem cid", "req policy"),
}
SHAPES = {
    typ: Shape(
        {name: FIELDS[name] for name in f"{_ALWAYS} {required}".split()},
        {name: FIELDS[name] for name in f"{optional} {_TRACE}".split()},
    )
    for typ, (required, optional) in _KINDS.items()
}
_ANSWERING = frozenset({"correction", "credit_note", "payment"})
_NEVER_NEGATIVE = frozenset({"usage", "exchange"})


def check_fields(document: Mapping[str, Any]) -> None:
    """Check that a document has the fields of its `typ`, each as it should be. Raises InvalidReceipt naming one."""
    typ = document.get("typ")
    shape = SHAPES.get(typ) if type(typ) is str else None
    if shape is None:
        raise InvalidReceipt(f"“typ” must be one of: {', '.join(SHAPES)}.")
    wrong = _wrong_field(document, shape) or contradiction(document)
    if wrong is not None:
        raise InvalidReceipt(wrong)


def contradiction(document: Mapping[str, Any]) -> str | None:
    """How fields that each look right contradict each other, in a sentence; None where they do not."""
    return _broken_place(document) or _broken_meaning(document)


def _broken_place(document: Mapping[str, Any]) -> str | None:
    if (document["prev"] is None) != (document["seq"] == 1):
        return "“prev” is null in the first receipt of a log and only there."
    if not ("trace_id" in document) == ("hop" in document) == ("trace_prev" in document):
        return "“trace_id”, “hop” and “trace_prev” come together."
    if "hop" in document and (document["trace_prev"] is None) != (document["hop"] == 1):
        return "“trace_prev” is null at the first hop of a trace and only there."
    return None


def _broken_meaning(document: Mapping[str, Any]) -> str | None:
    if ("amount" in document) != ("currency" in document):
        return "“amount” and “currency” come together."
    if document["typ"] in _ANSWERING and not is_hash(document["req"]):
        return "“req” must be the hash of the receipt this one answers."
    if document["typ"] in _NEVER_NEGATIVE and (
        document.get("units", "0").startswith("-")
        or document.get("credits_micro", 0) < 0
        or not 0 <= document.get("overage_micro", 0) <= document.get("credits_micro", 0)
    ):
        return "Use is never below zero, nor is what is beyond the allowance more than the use; corrections take back."
    return None
