"""Letters over real SMTP: what is taken, what is refused for good, what may be tried again."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.gateways.mail import (
    InvalidMailAddress,
    Mailer,
    MailRefused,
    MailUnavailable,
    read_mail_server,
)
from services.gateways.mail_catcher import CAUGHT_MAX, CaughtMail, catching_mail
from tests.mail_server import MailServerForTests

LETTER = b"Message-ID: <a@b.example>\r\nSubject: Hello\r\n\r\n.leading dot\r\nbye\r\n"


def send(url: str, recipient: str = "owner@northwind.example", before: Callable[[], None] = lambda: None) -> None:
    with Mailer(read_mail_server(url)) as mailer:
        mailer.send(LETTER, sender="billing@tallystick.example", recipient=recipient, before_handing_over=before)


def test_a_letter_arrives_as_it_was_written(mail_server: Any) -> None:
    send(mail_server.address)
    assert mail_server.letters == [("billing@tallystick.example", "owner@northwind.example", LETTER)]


def test_letters_go_through_one_connection(mail_server: Any) -> None:
    with Mailer(read_mail_server(mail_server.address)) as mailer:
        for number in range(3):
            mailer.send(LETTER, sender="a@b.example", recipient=f"{number}@c.example", before_handing_over=lambda: None)
    assert [recipient for _, recipient, _ in mail_server.letters] == ["0@c.example", "1@c.example", "2@c.example"]
    assert mail_server.connections == 1


def test_after_a_refusal_the_next_letter_goes_through(mail_server: Any) -> None:
    mail_server.refuse_recipient.append("550 5.1.1 no such user")
    with Mailer(read_mail_server(mail_server.address)) as mailer:
        with pytest.raises(MailRefused):
            mailer.send(LETTER, sender="a@b.example", recipient="gone@c.example", before_handing_over=lambda: None)
        mailer.send(LETTER, sender="a@b.example", recipient="there@c.example", before_handing_over=lambda: None)
    assert [recipient for _, recipient, _ in mail_server.letters] == ["there@c.example"]


@pytest.mark.parametrize("stage", ["refuse_recipient", "refuse_letter"])
def test_a_five_hundred_is_for_good_and_says_what_the_server_said(mail_server: Any, stage: str) -> None:
    getattr(mail_server, stage).append("550 5.1.1 no such user here")
    with pytest.raises(MailRefused, match=r"550 5.1.1 no such user here"):
        send(mail_server.address)


@pytest.mark.parametrize("stage", ["refuse_recipient", "refuse_letter"])
def test_a_four_hundred_may_be_tried_again_and_is_about_this_letter(mail_server: Any, stage: str) -> None:
    getattr(mail_server, stage).append("451 4.7.1 greylisted")
    with pytest.raises(MailUnavailable, match="greylisted") as found:
        send(mail_server.address)
    assert not found.value.is_about_server


def test_a_sender_that_may_not_send_is_a_matter_of_settings_and_not_of_the_letter(mail_server: Any) -> None:
    mail_server.refuse_sender.append("553 5.7.1 not your domain")
    with pytest.raises(MailUnavailable, match=r"does not let billing@tallystick.example send") as found:
        send(mail_server.address)
    assert found.value.is_about_server


def test_a_server_that_hangs_up_over_a_letter_has_not_taken_it(mail_server: Any) -> None:
    mail_server.refuse_letter.append(MailServerForTests.DROP)
    with pytest.raises(MailUnavailable):
        send(mail_server.address)


def test_nobody_listening_is_a_matter_of_the_server(unused_port: int) -> None:
    with pytest.raises(MailUnavailable, match="cannot be reached") as found:
        send(f"smtp://127.0.0.1:{unused_port}")
    assert found.value.is_about_server


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_letter_goes_only_once_that_was_noted(mail_server: Any) -> None:
    def refuse() -> None:
        raise KeyError("not ours any more")

    with pytest.raises(KeyError):
        send(mail_server.address, before=refuse)
    assert mail_server.letters == []


def test_it_is_not_noted_where_the_address_is_refused(mail_server: Any) -> None:
    mail_server.refuse_recipient.append("550 no")
    noted: list[int] = []
    with pytest.raises(MailRefused):
        send(mail_server.address, before=lambda: noted.append(1))
    assert noted == []


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_a_name_and_password_in_the_address_are_given(mail_server_with_password: Any) -> None:
    address = mail_server_with_password.address
    send(address.replace("smtp://", "smtp://billing:s3cret%2F%40@"))
    assert len(mail_server_with_password.letters) == 1
    with pytest.raises(MailUnavailable, match="does not take our name and password") as found:
        send(address.replace("smtp://", "smtp://billing:wrong@"))
    assert found.value.is_about_server
    assert "wrong" not in found.value.detail


def test_tls_that_is_insisted_on_is_not_done_without(mail_server: Any) -> None:
    with pytest.raises(MailUnavailable, match="offers no STARTTLS"):
        send(mail_server.address.replace("smtp://", "smtp+starttls://"))


def test_an_address_beyond_ascii_is_refused_where_the_server_cannot_write_it(
    mail_server: Any, mail_server_of_ascii: Any
) -> None:
    with pytest.raises(MailRefused, match="beyond ASCII"):
        send(mail_server_of_ascii.address, recipient="zoë@northwind.example")
    send(mail_server.address, recipient="zoë@northwind.example")
    assert [recipient for _, recipient, _ in mail_server.letters] == ["zoë@northwind.example"]


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("smtp://mail.example.com", "mail.example.com", 25),
        ("smtp+starttls://u:p@mail.example.com", "mail.example.com", 587),
        ("smtps://mail.example.com/", "mail.example.com", 465),
        ("smtp://[::1]:2525", "::1", 2525),
    ],
)
def test_addresses_of_servers_are_read(url: str, host: str, port: int) -> None:
    server = read_mail_server(url)
    assert (server.host, server.port) == (host, port)


@pytest.mark.parametrize(
    "url",
    ["", "mail.example.com:25", "http://mail.example.com", "smtp://", "smtp://h:99999", "smtp://h/path", "smtp://[x"],
)
def test_what_is_no_address_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(InvalidMailAddress, match="TALLYSTICK_SMTP_URL"):
        read_mail_server(url)


def test_a_password_is_in_no_text_about_the_server() -> None:
    server = read_mail_server("smtps://billing:s3cret@mail.example.com")
    assert "s3cret" not in f"{server!r} {server.address}"


def test_the_catcher_takes_mail_over_smtp_and_keeps_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with catching_mail(tmp_path / "caught") as port:
            await asyncio.to_thread(send, f"smtp://127.0.0.1:{port}")
            await asyncio.to_thread(send, f"smtp://127.0.0.1:{port}", "zoë@northwind.example")

    asyncio.run(run())
    caught = CaughtMail(tmp_path / "caught")
    assert caught.find("<a@b.example>") == [LETTER, LETTER]
    assert caught.find("<other@b.example>") == []


def test_the_catcher_keeps_the_last_letters_only(tmp_path: Path) -> None:
    caught = CaughtMail(tmp_path)
    for number in range(CAUGHT_MAX + 3):
        caught.keep(f"Message-ID: <{number}@b.example>\r\n\r\n".encode())
    assert caught.count() == CAUGHT_MAX
    assert caught.find("<2@b.example>") == []
    assert len(caught.find("<3@b.example>")) == 1
