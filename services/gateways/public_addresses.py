"""Which addresses a request of a customer's may go to: public ones, so that nobody reaches into our own network."""

import ipaddress
import socket
from collections.abc import Callable
from typing import Final
from urllib.parse import SplitResult, urlsplit

from services.errors import Unprocessable

URL_MAX: Final = 500

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]

_CARRIERS: Final = tuple(
    ipaddress.ip_network(text)
    for text in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "192.88.99.0/24")
)
"""Addresses that carry another one inside, by which a translator or tunnel would reach it."""


def check_url(text: str, *, allows_loopback: bool) -> SplitResult:
    """An address a customer may have us call. Names are resolved, and checked again, when it is called.

    Raises Unprocessable for anything but https to a host that is no private address. With `allows_loopback`, this
    machine itself may be called, without TLS too.
    """
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise _refused("It is not a web address.") from error
    if (
        not host
        or len(text) > URL_MAX
        or not text.isascii()
        or not text.isprintable()
        or set(text) & set(' "<>\\^`{|}')
    ):
        raise _refused(f"Give a web address of at most {URL_MAX} plain characters.")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise _refused("Leave user names, passwords and #fragments out of the address.")
    literal = _literal(host)
    is_here = host == "localhost" or (literal is not None and literal.is_loopback)
    if is_here and allows_loopback and parts.scheme in ("http", "https"):
        return parts
    if parts.scheme != "https":
        raise _refused("Give an address that begins with https://.")
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        raise _refused("The address is not a public one.")
    if literal is not None and not is_public(literal):
        raise _refused("The address is not a public one.")
    if literal is None and _looks_numeric(host):
        raise _refused("The address is not a public one.")
    return parts


def is_public(address: Address) -> bool:
    """Whether an address is reached over the public internet, and holds no other inside that might not be."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.is_site_local:
            return False
    if any(address.version == each.version and address in each for each in _CARRIERS):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, in the order to try them. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def may_be_called(address: str, *, allows_loopback: bool) -> bool:
    """Whether a resolved address may be connected to."""
    parsed = _literal(address)
    if parsed is None:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return is_public(parsed) or (allows_loopback and (mapped or parsed).is_loopback)


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _looks_numeric(host: str) -> bool:
    """127.1, 2130706433 and 0x7f.1 are addresses to a resolver, though not to us."""
    last = host.rstrip(".").rpartition(".")[2]
    return last.isdigit() or last.startswith("0x")


def _refused(why: str) -> Unprocessable:
    return Unprocessable(f"{why} We call https addresses on the public internet only.", field="url")
