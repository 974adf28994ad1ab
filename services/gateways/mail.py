"""Mail out of the house over SMTP, one letter to one address at a time. What is refused for good is told apart.

`smtp://` goes over TLS where the server offers it, `smtp+starttls://` insists on it, `smtps://` begins with it; a
certificate is always checked. A password leaves this machine over TLS only.
"""

import contextlib
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

CONNECT_SECONDS: Final = 15.0
DATA_SECONDS: Final = 120.0
"""How long a server may take over a letter before it says that it has it."""

LETTERS_A_CONNECTION: Final = 50
ERROR_MAX: Final = 300
PORTS: Final = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class MailRefused(Exception):
    """The server will never take this letter for this address: asking again gets the same answer."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class MailUnavailable(Exception):
    """It may be taken later. `is_about_server` where no other letter would be taken now either."""

    def __init__(self, detail: str, *, is_about_server: bool) -> None:
        super().__init__(detail)
        self.detail = detail
        self.is_about_server = is_about_server


class InvalidMailAddress(ValueError):
    """TALLYSTICK_SMTP_URL cannot be used; the sentence says why."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over."""

    scheme: str
    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def is_loopback(self) -> bool:
        return self.host in LOOPBACK

    @property
    def address(self) -> str:
        """For people: without the password."""
        return f"{self.scheme}://{self.host}:{self.port}"


def read_mail_server(url: str) -> MailServer:
    """The server an address names. Raises InvalidMailAddress."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidMailAddress("TALLYSTICK_SMTP_URL is no address such as smtp://mail.example.com:587.") from error
    has_more = parts.path not in {"", "/"} or parts.query or parts.fragment
    if parts.scheme not in PORTS or not parts.hostname or has_more:
        raise InvalidMailAddress(
            "TALLYSTICK_SMTP_URL must be smtp://, smtp+starttls:// or smtps:// with a host, and end with its port."
        )
    return MailServer(parts.scheme, parts.hostname, port or PORTS[parts.scheme], _part(parts, 0), _part(parts, 1))


def _part(parts: SplitResult, index: int) -> str | None:
    value = (parts.username, parts.password)[index]
    return None if value is None else unquote(value)


class Mailer:
    """Hands letters over, several through one connection. Use it in a `with`; it is one thread's own."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._open: smtplib.SMTP | None = None
        self._letters = 0

    def __enter__(self) -> "Mailer":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def send(self, letter: bytes, *, sender: str, recipient: str, before_handing_over: Callable[[], None]) -> None:
        """Hand one letter over. `before_handing_over` is called once the address is taken, just before the letter goes.

        When this returns the server has it. Raises MailRefused and MailUnavailable; what `before_handing_over` raises
        goes through, with nothing handed over.
        """
        try:
            connection = self._connection()
            self._envelope(connection, letter, sender, recipient)
            before_handing_over()
            self._hand_over(connection, letter)
        except (smtplib.SMTPException, OSError) as error:
            self._close()
            raise self._lost(error) from error
        except BaseException:
            self._close()
            raise
        self._letters += 1
        if self._letters >= LETTERS_A_CONNECTION:
            self._close()

    def _envelope(self, connection: smtplib.SMTP, letter: bytes, sender: str, recipient: str) -> None:
        options = self._options(connection, letter, recipient)
        code, answer = connection.mail(sender, options)
        if code != 250:
            words = f"The mail server does not let {sender} send: {_worded(code, answer)}"
            raise MailUnavailable(words, is_about_server=True)
        code, answer = connection.rcpt(recipient)
        if code not in {250, 251}:
            raise self._refusal(code, f"The mail server does not take mail for {recipient}: {_worded(code, answer)}")

    def _options(self, connection: smtplib.SMTP, letter: bytes, recipient: str) -> tuple[str, ...]:
        size = (f"size={len(letter)}",) if connection.has_extn("size") else ()
        if recipient.isascii():
            return size
        if not connection.has_extn("smtputf8"):
            raise MailRefused("The mail server takes no address with letters beyond ASCII.")
        return (*size, "SMTPUTF8", "BODY=8BITMIME")

    def _hand_over(self, connection: smtplib.SMTP, letter: bytes) -> None:
        assert connection.sock is not None
        connection.sock.settimeout(DATA_SECONDS)
        code, answer = connection.data(letter)
        connection.sock.settimeout(CONNECT_SECONDS)
        if code != 250:
            raise self._refusal(code, f"The mail server does not take this letter: {_worded(code, answer)}")

    def _refusal(self, code: int, words: str) -> MailRefused | MailUnavailable:
        if 500 <= code < 600:
            return MailRefused(words)
        return MailUnavailable(words, is_about_server=code == 421)

    def _lost(self, error: Exception) -> MailRefused | MailUnavailable:
        if isinstance(error, smtplib.SMTPDataError):  # the answer to DATA, before the letter goes
            words = f"The mail server does not take this letter: {_worded(error.smtp_code, error.smtp_error)}"
            return self._refusal(error.smtp_code, words)
        if isinstance(error, smtplib.SMTPAuthenticationError):
            words = f"The mail server does not take our name and password: {_worded(error.smtp_code, error.smtp_error)}"
        elif isinstance(error, smtplib.SMTPResponseException):
            words = f"The mail server cannot be used now: {_worded(error.smtp_code, error.smtp_error)}"
        else:
            words = f"The mail server {self._server.address} cannot be reached: {type(error).__name__}: {error}"
        return MailUnavailable(words[:ERROR_MAX], is_about_server=True)

    def _connection(self) -> smtplib.SMTP:
        if self._open is None:
            self._open, self._letters = self._connect(), 0
        elif self._letters:
            code, answer = self._open.rset()
            if code != 250:
                raise MailUnavailable(f"The mail server hung up: {_worded(code, answer)}", is_about_server=True)
        return self._open

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        if server.scheme == "smtps":
            context = ssl.create_default_context()
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=CONNECT_SECONDS, context=context
            )
        else:
            connection = smtplib.SMTP(server.host, server.port, timeout=CONNECT_SECONDS)
        try:
            connection.ehlo_or_helo_if_needed()
            is_safe = server.scheme == "smtps" or self._upgrade(connection)
            if server.username is not None:
                if not is_safe and not server.is_loopback:
                    words = f"{server.address} offers no TLS, and a password is not sent without it."
                    raise MailUnavailable(words, is_about_server=True)
                connection.login(server.username, server.password or "")
        except BaseException:
            connection.close()
            raise
        return connection

    def _upgrade(self, connection: smtplib.SMTP) -> bool:
        """Go on over TLS. A relay on this very machine is taken as it is, unless TLS is insisted on."""
        insists = self._server.scheme == "smtp+starttls"
        if not insists and (self._server.is_loopback or not connection.has_extn("starttls")):
            return False
        if not connection.has_extn("starttls"):
            words = f"{self._server.address} offers no STARTTLS, which its address asks for."
            raise MailUnavailable(words, is_about_server=True)
        connection.starttls(context=ssl.create_default_context())
        connection.ehlo()
        return True

    def _close(self) -> None:
        if self._open is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                self._open.quit()
            self._open.close()
            self._open = None


def _worded(code: int, answer: bytes | str) -> str:
    said = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return " ".join(f"{code} {said}".split())[:ERROR_MAX]
