"""What Stripe's SDK raises, as refusals of ours. Anything may be asked again that Stripe has not decided."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import stripe as sdk

from services.errors import ProviderRefused, ProviderUnavailable

RETRY_AFTER_SECONDS_MAX: Final = 24 * 60 * 60
MESSAGE_CHARACTERS_MAX: Final = 500

_SECRET: Final = re.compile(r"\b(?:sk|rk|pk|whsec|ek)_[A-Za-z0-9_*.…-]+")
_BUSY_STATUSES: Final = frozenset({409, 429})
_BUSY_CODES: Final = frozenset({"lock_timeout", "rate_limit", "idempotency_key_in_use"})


@contextmanager
def translated() -> Iterator[None]:
    """Raise ProviderUnavailable or ProviderRefused for what the SDK raises within."""
    try:
        yield
    except sdk.StripeError as error:
        raise refusal_of(error) from None  # the original carries the request's headers
    except (AttributeError, KeyError) as error:  # what the SDK stumbles over is not what Stripe answers
        raise ProviderUnavailable(
            "The payment provider's answer cannot be read. Nothing is lost: try again."
        ) from error


def refusal_of(error: sdk.StripeError) -> ProviderRefused | ProviderUnavailable:
    """The refusal that says the same. Its sentence is Stripe's own, without any key it may repeat."""
    if is_undecided(error):
        return ProviderUnavailable(
            f"The payment provider cannot be reached or is busy ({_reason(error)}). Nothing is lost: try again.",
            retry_after_seconds=retry_after_seconds(error.headers),
        )
    said = _SECRET.sub("(a key)", (error.user_message or "it gave no reason"))[:MESSAGE_CHARACTERS_MAX]
    return ProviderRefused(
        f"The payment provider refused: {said}",
        provider_code=_code(error),
        param=_member(error, "param"),
        provider_status=error.http_status,
    )


def is_undecided(error: sdk.StripeError) -> bool:
    """Whether Stripe has said neither yes nor no: no answer, an answer nobody can read, too much, or a fault of its."""
    status = error.http_status
    if status is None or status < 400:
        return True
    return status >= 500 or status in _BUSY_STATUSES or _code(error) in _BUSY_CODES


def retry_after_seconds(headers: Mapping[str, str] | None) -> int | None:
    """How long Stripe asks to wait; None where it does not say, or says it in no whole seconds."""
    for name, value in (headers or {}).items():
        if name.lower() == "retry-after" and value.isascii() and value.isdigit():
            return min(int(value[:9]), RETRY_AFTER_SECONDS_MAX)
    return None


def _code(error: sdk.StripeError) -> str | None:
    """Its code. What Stripe tells by type alone, such as idempotency_error, is told by that."""
    return _member(error, "code") or _member(error, "type")


def _member(error: sdk.StripeError, name: str) -> str | None:
    body: Any = error.json_body
    said = body.get("error") if isinstance(body, Mapping) else None
    value = said.get(name) if isinstance(said, Mapping) else None
    return value if isinstance(value, str) else None


def _reason(error: sdk.StripeError) -> str:
    return "no answer" if error.http_status is None else f"status {error.http_status}"
