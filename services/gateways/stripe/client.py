"""The SDK's client for our connection: where it calls, how long it waits, how often it tries, and plain data out."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import stripe as sdk

from services.errors import ProviderRefused
from services.gateways.stripe.connection import Account, Connection, connection
from services.gateways.stripe.refusals import refusal_of, retry_after_seconds, translated

API_VERSION: Final = sdk.api_version
CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 30.0
NETWORK_RETRIES: Final = 2
"""Done by the SDK, after no answer, a conflict or a fault of Stripe's."""

BUSY_RETRIES: Final = 3
"""Done here, after "too many requests", which the SDK gives up on."""

BACKOFF_SECONDS: Final = 0.5
WAIT_SECONDS_MAX: Final = 4.0
"""Where Stripe asks for a longer wait, the caller is told to come back: somebody may be looking at a page."""

PAGE_SIZE: Final = 100
LISTED_MAX: Final = 10_000

sdk.enable_telemetry = False


@dataclass(frozen=True, slots=True)
class Stripe:
    """Stripe, or the sandbox, ready to be called. `v1` is the SDK's; its answers leave through `call` and `listed`."""

    account: Account
    address: str
    v1: Any = field(repr=False)

    def call(self, ask: Callable[..., Any], *args: Any, key: str | None = None) -> dict[str, Any]:
        """One call with ids and parameters in `args`, under the idempotency key `key`.

        Raises ProviderUnavailable where the same call may be made again, and ProviderRefused where that is useless.
        """
        options = {} if key is None else {"idempotency_key": given(key)}
        with translated():
            return _plain(_when_not_busy(lambda: ask(*args, options=options)))

    def listed(
        self, ask: Callable[..., Any], *args: str, listed_max: int = LISTED_MAX, **params: Any
    ) -> Iterator[dict[str, Any]]:
        """Everything a list has, page after page. Raises ProviderRefused beyond `listed_max` things."""
        seen = 0
        last: str | None = None
        while True:
            page = self.call(ask, *args, without_none(limit=PAGE_SIZE, starting_after=last, **params))
            for thing in page["data"]:
                seen += 1
                if seen > listed_max:
                    raise ProviderRefused(f"The payment provider lists more than {listed_max:,} of these.")
                yield thing
            if not page["has_more"] or not page["data"]:
                return
            last = given(page["data"][-1]["id"])


def stripe() -> Stripe:
    """Stripe as the settings say. Raises PaymentsUnavailable where they name none."""
    return open_stripe(connection())


@lru_cache(maxsize=8)
def open_stripe(connected: Connection) -> Stripe:
    """The client of a connection, one a process: it keeps its connections open and may be used by several threads."""
    client = sdk.StripeClient(
        connected.secret_key,
        base_addresses={
            "api": connected.address,
            "files": connected.address,
            "connect": connected.address,
            "meter_events": connected.address,
        },
        max_network_retries=NETWORK_RETRIES,
        http_client=sdk.RequestsClient(timeout=(CONNECT_SECONDS, READ_SECONDS)),
    )
    return Stripe(connected.account, connected.address, client.v1)


def given(id_or_key: str) -> str:
    """The same, refused where it is empty: `customers/` with an empty id would list the customers."""
    if not id_or_key or id_or_key.isspace():
        raise ValueError("Stripe's ids and idempotency keys are never empty")
    return id_or_key


def without_none(**params: Any) -> dict[str, Any]:
    """Parameters without those that are None: Stripe takes an empty one as "make it empty"."""
    return {name: value for name, value in params.items() if value is not None}


def _when_not_busy(ask: Callable[[], Any]) -> Any:
    for attempt in range(BUSY_RETRIES):
        try:
            return ask()
        except sdk.RateLimitError as busy:
            wait = retry_after_seconds(busy.headers)
            if wait is not None and wait > WAIT_SECONDS_MAX:
                raise refusal_of(busy) from None
            backoff = min(BACKOFF_SECONDS * 2**attempt, WAIT_SECONDS_MAX)
            time.sleep(max(wait or 0, backoff * random.uniform(0.5, 1)))  # noqa: S311 — spreads callers, hides nothing
    return ask()


def _plain(answer: Any) -> dict[str, Any]:
    """The one place where an object of the SDK becomes plain data; decimals become text."""
    plain = answer.to_dict(for_json=True)
    assert isinstance(plain, Mapping)
    return dict(plain)
