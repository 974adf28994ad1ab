"""HTTP to addresses that customers name: public ones only, no redirects, one deadline for all of it.

A name is resolved once, every address it has is checked, and the connection goes to a checked one: a name that answers
otherwise the next time gains nothing.
"""

import ssl
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooSlow
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import httpcore

from services.errors import Unprocessable
from services.gateways.http_egress import EgressFailed
from services.gateways.public_addresses import Resolve, check_url, may_be_called, resolve

USER_AGENT: Final = "Tallystick/1 (+webhooks)"
RESOLVING_AT_ONCE: Final = 16

NOT_PUBLIC: Final = "The name leads to an address that is not public."
TOO_SLOW: Final = "No answer within {seconds:g} seconds."

_resolvers = ThreadPoolExecutor(RESOLVING_AT_ONCE, thread_name_prefix="resolve")


@dataclass(frozen=True, slots=True)
class Answered:
    """The status and the first bytes of the body. `is_whole` tells whether that is all of it."""

    status: int
    body: bytes
    is_whole: bool


def call(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes = b"",
    timeout_seconds: float,
    body_max: int,
    allows_loopback: bool,
    resolving: Resolve = resolve,
    tls: ssl.SSLContext | None = None,
) -> Answered:
    """Make one request over a connection of its own. Raises EgressFailed with a sentence a customer may read."""
    deadline = time.monotonic() + timeout_seconds
    guard = _Guard(deadline, allows_loopback=allows_loopback, resolving=resolving)
    try:
        parts = check_url(url, allows_loopback=allows_loopback)
        target = httpcore.URL(url)
        named = {"user-agent": USER_AGENT, "accept-encoding": "identity", "connection": "close"} | dict(headers)
        named |= {"host": parts.netloc} | ({"content-length": str(len(body))} if method != "GET" else {})
        with (
            httpcore.HTTPConnection(target.origin, ssl_context=tls or _tls(), network_backend=guard) as connection,
            connection.stream(method, target, headers=list(named.items()), content=body) as response,
        ):
            start, is_whole = _read_start(response.iter_stream(), body_max)
            return Answered(response.status, start, is_whole)
    except Unprocessable as refusal:
        raise EgressFailed(refusal.detail) from refusal
    except httpcore.TimeoutException as failure:
        raise EgressFailed(TOO_SLOW.format(seconds=timeout_seconds)) from failure
    except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError, OSError, ValueError) as failure:
        raise EgressFailed(_worded(failure)) from failure


def _read_start(chunks: Iterable[bytes], body_max: int) -> tuple[bytes, bool]:
    read = b""
    for chunk in chunks:
        read += chunk
        if len(read) > body_max:
            return read[:body_max], False
    return read, True


def _worded(failure: Exception) -> str:
    if isinstance(failure, httpcore.ConnectError | ssl.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(failure):
        return "The certificate of the server could not be verified."
    if isinstance(failure, httpcore.ConnectError):
        return "No connection could be made."
    if isinstance(failure, httpcore.ProtocolError):
        return "What came back is not an answer in HTTP."
    return "The connection broke."


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


class _Guard(httpcore.NetworkBackend):
    """Connects to checked addresses only, and lets nothing take longer than the deadline."""

    def __init__(self, deadline: float, *, allows_loopback: bool, resolving: Resolve) -> None:
        self._deadline = deadline
        self._allows_loopback = allows_loopback
        self._resolving = resolving
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = self._resolved(host.strip("[]"), port)
        if not all(may_be_called(each, allows_loopback=self._allows_loopback) for each in addresses):
            raise EgressFailed(NOT_PUBLIC)
        failure: httpcore.ConnectError | None = None
        for address in addresses:
            try:
                stream = self._network.connect_tcp(address, port, timeout=_left(self._deadline))
                return _Stream(stream, self._deadline)
            except httpcore.ConnectError as refused:
                failure = refused
        raise failure or EgressFailed("The name is not known.")

    def _resolved(self, host: str, port: int) -> list[str]:
        try:
            return _resolvers.submit(self._resolving, host, port).result(_left(self._deadline))
        except TooSlow as late:
            raise httpcore.ConnectTimeout from late
        except (OSError, UnicodeError) as unknown:
            raise EgressFailed("The name is not known.") from unknown


class _Stream(httpcore.NetworkStream):
    """A connection each of whose steps has what is left until the deadline, however slowly bytes come."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline)), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout
    return left
