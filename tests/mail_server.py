"""A real mail server for tests, on a port of this machine: it keeps what it takes, and refuses to order."""

import email
import email.policy
import threading
from collections import deque
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


class MailServerForTests:
    """`refuse_recipient` and `refuse_letter` hold answers for the next ones, such as "451 try later"; then all is well.

    A letter answered with DROP is not answered at all: the server hangs up.
    """

    DROP = "drop"

    def __init__(self) -> None:
        self.letters: list[tuple[str, str, bytes]] = []
        self.refuse_sender: deque[str] = deque()
        self.refuse_recipient: deque[str] = deque()
        self.refuse_letter: deque[str] = deque()
        self.connections = 0
        self.address = ""
        self._lock = threading.Lock()

    async def handle_EHLO(self, server: Any, session: Any, _envelope: Any, hostname: str, responses: list[str]) -> Any:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if self.refuse_sender:
            return self.refuse_sender.popleft()
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]) -> str:
        if self.refuse_recipient:
            return self.refuse_recipient.popleft()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:
        if self.refuse_letter:
            answer = self.refuse_letter.popleft()
            if answer == self.DROP:
                server.transport.close()
                return "250 nobody hears this"
            return answer
        with self._lock:
            self.letters += [(envelope.mail_from, each, envelope.content) for each in envelope.rcpt_tos]
        return "250 OK"

    @property
    def messages(self) -> list[EmailMessage]:
        return [read_message(data) for _, _, data in self.letters]


def read_message(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def plain_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def html_of(message: EmailMessage) -> str:
    body = message.get_body(("html",))
    assert body is not None
    return str(body.get_content())


class _Controller(Controller):
    """Port 0: the system chooses one, which is known once it listens."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def mail_server() -> Iterator[MailServerForTests]:
    handler = MailServerForTests()
    yield from _served(handler)


def _served(handler: MailServerForTests, **options: Any) -> Iterator[MailServerForTests]:
    controller = _Controller(handler, hostname="127.0.0.1", port=0, **options)
    controller.start()
    handler.address = f"smtp://127.0.0.1:{controller.port}"
    try:
        yield handler
    finally:
        controller.stop()


@pytest.fixture
def mail_server_of_ascii() -> Iterator[MailServerForTests]:
    """It knows no SMTPUTF8."""
    yield from _served(MailServerForTests(), enable_SMTPUTF8=False)


@pytest.fixture
def mail_server_with_password() -> Iterator[MailServerForTests]:
    """It takes mail from `billing` with the password `s3cret/@` only."""

    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        is_right = (given.login, given.password) == (b"billing", b"s3cret/@")
        return AuthResult(success=is_right, handled=is_right)

    yield from _served(MailServerForTests(), authenticator=authenticate, auth_required=True, auth_require_tls=False)
