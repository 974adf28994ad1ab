"""How a field of Stripe's is read: moments, ids that may be expanded, text that may be missing."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from services.errors import ProviderRefused


def moment(seconds: int) -> datetime:
    """Whole seconds since 1970 as aware UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def moment_or_none(seconds: int | None) -> datetime | None:
    return None if seconds is None else moment(seconds)


def seconds_of(at: datetime) -> int:
    """Stripe's whole seconds of a moment. Raises ValueError for one without a zone."""
    if at.tzinfo is None:
        raise ValueError("a moment has a zone")
    return int(at.timestamp())


def id_or_none(reference: Any) -> str | None:
    """The id of what is named, whether Stripe gave the id or the object; None for nothing, never ""."""
    found = reference.get("id") if isinstance(reference, Mapping) else reference
    return found if isinstance(found, str) and found else None


def id_of(reference: Any, *, what: str) -> str:
    """The same where there must be one. Raises ProviderRefused where Stripe names none."""
    found = id_or_none(reference)
    if found is None:
        raise ProviderRefused(f"The payment provider names no {what} where there has to be one.")
    return found


def metadata_of(thing: Mapping[str, Any]) -> Mapping[str, str]:
    return dict(thing.get("metadata") or {})
