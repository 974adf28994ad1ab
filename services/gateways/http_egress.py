"""Plain HTTP out of the house: one POST, answered with its status. Redirects are not followed."""

from collections.abc import Mapping
from functools import lru_cache

import httpx

CONNECTIONS_MAX = 16


class EgressFailed(Exception):
    """The address could not be reached, or did not answer in time."""


def post(url: str, body: bytes, headers: Mapping[str, str], timeout_seconds: float) -> int:
    """The status of the answer; its body is not read. Raises EgressFailed."""
    try:
        with _client().stream("POST", url, content=body, headers=dict(headers), timeout=timeout_seconds) as response:
            return response.status_code
    except (httpx.HTTPError, httpx.InvalidURL) as failure:
        raise EgressFailed(f"{type(failure).__name__}: {failure}") from failure


@lru_cache(maxsize=1)
def _client() -> httpx.Client:
    limits = httpx.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX)
    return httpx.Client(limits=limits, follow_redirects=False)
