"""Requests to addresses that customers name: public ones only, however the address is dressed up."""

import ipaddress
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import Unprocessable
from services.gateways.guarded_egress import NOT_PUBLIC, call
from services.gateways.http_egress import EgressFailed
from services.gateways.public_addresses import check_url, is_public, may_be_called
from tests.receivers import Receiver, receiver

LIMITS = {"timeout_seconds": 5.0, "body_max": 2_048}


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as one:
        yield one


PRIVATE = (
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::a00:1", "2002:a00:1::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "fec0::1", "2001:db8::1",
)  # fmt: skip
PUBLIC = ("8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8")


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public_are_refused_as_written_and_as_resolved(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(Unprocessable):
        check_url(f"https://{host}/hook", allows_loopback=False)
    assert not may_be_called(address, allows_loopback=False)
    with pytest.raises(EgressFailed, match="not public"):
        call(
            "POST", "https://hooks.example.com/", headers={}, allows_loopback=False, resolving=lambda *_: [address],
            **LIMITS,
        )  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_called(address: str) -> None:
    assert may_be_called(address, allows_loopback=False)


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_no_more_public_than_itself(inner: ipaddress.IPv4Address) -> None:
    assert is_public(ipaddress.IPv6Address(f"::ffff:{inner}")) == is_public(inner)
    for outer in ("::", "64:ff9b::"):
        assert not is_public(ipaddress.IPv6Address(int(ipaddress.IPv6Address(outer)) + int(inner)))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "ftp://example.com/", "https://", "https:///x", "example.com", "javascript:alert(1)",
        "https://user:secret@example.com/", "https://user@example.com/", "https://example.com/#x", "https://localhost/",
        "https://db.localhost/", "https://printer.local/", "https://metadata.google.internal/", "https://127.1/",
        "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://example.com:99999/",
        "https://exa mple.com/", "https://ex\u0430mple.com/", "https://example.com/\r\nhost: x", "https://[::1/",
        "https://example.com/" + "a" * 500, "file:///etc/passwd",
    ],
)  # fmt: skip
def test_what_is_no_public_https_address_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        check_url(url, allows_loopback=False)
    assert refusal.value.field == "url"


def test_loopback_is_called_where_it_is_allowed_and_nothing_else_without_tls(server: Receiver) -> None:
    assert call("POST", server.url, headers={}, body=b"{}", allows_loopback=True, **LIMITS).status == 200
    assert server.received[0].headers["host"].startswith("127.0.0.1:")
    for url in (server.url, server.url.replace("127.0.0.1", "localhost")):
        with pytest.raises(EgressFailed):
            call("POST", url, headers={}, allows_loopback=False, **LIMITS)
    with pytest.raises(Unprocessable):
        check_url("http://192.168.0.1/", allows_loopback=True)


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(EgressFailed, match=NOT_PUBLIC):
        call(
            "POST", "https://hooks.example.com/", headers={}, allows_loopback=False,
            resolving=lambda *_: ["93.184.216.34", "10.0.0.1"], **LIMITS,
        )  # fmt: skip


def test_a_name_is_resolved_once_and_the_checked_address_is_the_one_called(server: Receiver) -> None:
    asked = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    url = server.url.replace("127.0.0.1", "localhost")
    assert call("POST", url, headers={}, allows_loopback=True, resolving=rebinding, **LIMITS).status == 200
    assert len(asked) == 1


def test_a_redirect_is_answered_as_it_is(server: Receiver) -> None:
    server.answers = [(302, b"http://169.254.169.254/latest/meta-data")]
    assert call("GET", server.url, headers={}, allows_loopback=True, **LIMITS).status == 302
    assert len(server.received) == 1


def test_of_a_long_body_the_start_is_read(server: Receiver) -> None:
    server.answers = [(200, b"x" * 10_000), (200, b"x" * 2_048)]
    first = call("GET", server.url, headers={}, allows_loopback=True, **LIMITS)
    assert (len(first.body), first.is_whole) == (2_048, False)
    assert call("GET", server.url, headers={}, allows_loopback=True, **LIMITS).is_whole


def test_one_deadline_holds_for_all_of_it_however_slowly_bytes_come() -> None:
    listening = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        taken, _ = listening.accept()
        with taken:
            for _ in range(100):
                try:
                    taken.sendall(b"H")
                except OSError:
                    return
                time.sleep(0.05)

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    began = time.monotonic()
    with pytest.raises(EgressFailed, match="No answer within"):
        call(
            "GET", f"http://127.0.0.1:{listening.getsockname()[1]}/", headers={}, allows_loopback=True,
            timeout_seconds=0.4, body_max=10,
        )  # fmt: skip
    assert time.monotonic() - began < 2
    listening.close()


def test_what_cannot_be_reached_or_is_no_http_is_said_in_a_sentence() -> None:
    free = socket.create_server(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    with pytest.raises(EgressFailed, match="No connection"):
        call("GET", f"http://127.0.0.1:{port}/", headers={}, allows_loopback=True, **LIMITS)

    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror

    with pytest.raises(EgressFailed, match="not known"):
        call("GET", "https://nowhere.example.com/", headers={}, allows_loopback=False, resolving=unknown, **LIMITS)
