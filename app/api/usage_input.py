"""Usage events as they arrive, read by hand: a batch holds thousands, and each number must stay what was written.

`schemas/usage.py` documents the same shape; a test holds the two together.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from app.api.json_body import ExponentNumber
from app.api.schemas.values import read_moment
from models.base import ID_MAX
from models.price_book import CODE_MAX
from models.usage import EVENT_ID_MAX, SITE_MAX, TRACE_ID_MAX
from services.errors import InvalidUnits, Refusal, Unprocessable, WrongTenant
from services.metering import UsageInput
from services.rules.quantities import parse_units
from services.rules.violations import InvalidQuantity

META_BYTES_MAX: Final = 4 * 1024
META_DEPTH_MAX: Final = 8
INTEGER_MAX: Final = 2**53 - 1
"""Of `meta`: what every JSON reader keeps exact, and the receipt can commit to."""

EVENT_FIELDS: Final = frozenset(
    {"tenant_id", "subscription_id", "event_type", "units", "event_id", "occurred_at", "site", "trace_id", "meta"}
)
DATA_FIELDS: Final = frozenset({"tenant_id", "subscription_id", "units", "site", "trace_id", "meta"})


def read_event(item: Any, *, tenant_id: str) -> UsageInput:
    """One event of the API's own shape. Raises a Refusal that names the field."""
    if type(item) is not dict:
        raise Unprocessable("An event is a JSON object.")
    read: dict[str, Any] = {}
    for name, value in item.items():
        reader = _READERS.get(name)
        if reader is None:
            raise _unknown(item, EVENT_FIELDS)
        if value is not None:
            read[name] = reader(value)
    named = read.get("tenant_id")
    if named is not None and named != tenant_id:
        raise WrongTenant("This key belongs to another customer; leave tenant_id out.", field="tenant_id")
    if "event_type" not in read:
        raise _missing("event_type")
    if "units" not in read:
        raise InvalidUnits("units is required; send a number above zero.", field="units")
    get = read.get
    return UsageInput(
        get("subscription_id"), read["event_type"], read["units"], get("event_id"), get("occurred_at"), get("site"),
        get("trace_id"), get("meta"),
    )  # fmt: skip


def read_cloud_event(item: Any, *, tenant_id: str) -> UsageInput:
    """One CloudEvent 1.0: `id`, `time` and `type` are the event's, the rest is in `data`. Raises a Refusal.

    Attributes we have no use for, `source` among them, are allowed and not kept.
    """
    if type(item) is not dict:
        raise Unprocessable("A CloudEvent is a JSON object.")
    if item.get("specversion") != "1.0":
        raise Unprocessable('specversion must be "1.0".', field="specversion")
    _required(item, "source", _SOURCE)
    data = item.get("data")
    if type(data) is not dict:
        raise Unprocessable("data must be a JSON object with units.", field="data")
    if not data.keys() <= DATA_FIELDS:
        raise _unknown(data, DATA_FIELDS)
    _required(item, "id", _text("id", EVENT_ID_MAX))
    _required(item, "type", _text("type", CODE_MAX))
    fields = {"event_id": item["id"], "event_type": item["type"], "occurred_at": item.get("time")}
    return read_event(data | fields, tenant_id=tenant_id)


def named_in(item: Any, field: str) -> str | None:
    """The text a document gives for a field, wherever an event of either shape keeps it."""
    for place in (item, item.get("data") if isinstance(item, Mapping) else None):
        if isinstance(place, Mapping):
            value = place.get(field)
            if isinstance(value, str) and 0 < len(value) <= ID_MAX and value.isprintable():
                return value
    return None


def _units(value: Any) -> int:
    if type(value) is ExponentNumber:
        raise InvalidUnits("Write units without an exponent: 1000, not 1e3.", field="units")
    try:
        return parse_units(value)
    except InvalidQuantity as error:
        raise InvalidUnits(error.message, field="units") from error


def _text(field: str, characters_max: int) -> Callable[[Any], str]:
    """A reader of texts of 1 to so many printable characters."""

    def read(value: Any) -> str:
        if type(value) is str and 0 < len(value) <= characters_max and value.isprintable():
            return value
        raise Unprocessable(f"{field} must be a text of 1 to {characters_max} printable characters.", field=field)

    return read


def _required(item: dict[str, Any], field: str, reader: Callable[[Any], str]) -> str:
    value = item.get(field)
    if value is None:
        raise _missing(field)
    return reader(value)


def _missing(field: str) -> Refusal:
    return Unprocessable(f"{field} is required; send it.", field=field)


def _moment(value: Any) -> datetime:
    try:
        return read_moment(value)
    except ValueError as error:
        raise Unprocessable(f"occurred_at: {error}.", field="occurred_at") from error


def _meta(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise Unprocessable("meta must be a JSON object.", field="meta")
    kept: dict[str, Any] = _storable(value, 0)
    if len(json.dumps(kept, ensure_ascii=False).encode()) > META_BYTES_MAX:
        raise Unprocessable(f"meta is larger than {META_BYTES_MAX:,} bytes; keep what you need.", field="meta")
    return kept


def _storable(value: Any, depth: int) -> Any:
    """A JSON value both databases can hold, with ordinary numbers. Raises Unprocessable."""
    if value is None or type(value) is bool:
        return value
    if type(value) is str:
        return _storable_text(value)
    if depth > META_DEPTH_MAX:
        raise Unprocessable(f"meta is nested more than {META_DEPTH_MAX} levels deep.", field="meta")
    if type(value) is dict:
        return {_storable_text(name): _storable(inside, depth + 1) for name, inside in value.items()}
    if type(value) is list:
        return [_storable(inside, depth + 1) for inside in value]
    return _ordinary(value)


def _storable_text(text: str) -> str:
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Unprocessable("meta holds a character that cannot be stored (NUL or half a surrogate).", field="meta")
    return text


def _ordinary(number: Decimal | int) -> float | int:
    """The number as every JSON reader will see it; meta is carried along, never computed with."""
    if isinstance(number, int):
        if abs(number) <= INTEGER_MAX:
            return number
    elif abs(as_float := float(number)) < float("inf"):
        return as_float
    raise Unprocessable("meta holds a number too large to keep; send it as a string.", field="meta")


def _unknown(item: dict[str, Any], known: frozenset[str]) -> Refusal:
    field = min(item.keys() - known)[:80].encode(errors="replace").decode()  # half a surrogate cannot be answered
    return Unprocessable(f"{field!r} is not known here; remove it. Extra data goes into meta.", field=field)


_SOURCE: Final = _text("source", 2_048)
_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "tenant_id": lambda value: value,
    "subscription_id": _text("subscription_id", ID_MAX),
    "event_type": _text("event_type", CODE_MAX),
    "units": _units,
    "event_id": _text("event_id", EVENT_ID_MAX),
    "occurred_at": _moment,
    "site": _text("site", SITE_MAX),
    "trace_id": _text("trace_id", TRACE_ID_MAX),
    "meta": _meta,
}
