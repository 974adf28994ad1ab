"""A letter as it goes over SMTP: headers, both pages, attachments. The same row always gives the same bytes."""

import email.policy
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from hashlib import sha256
from typing import Final

from services.errors import Unprocessable
from services.mails.content import Content
from services.mails.layouts import Frame, as_html, as_text
from services.mails.phrases import one_line

POLICY: Final = email.policy.SMTP.clone(max_line_length=78)
URL_MAX: Final = 900
"""A line of a header has at most 998 characters."""

ONE_CLICK: Final = "List-Unsubscribe=One-Click"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who letters are from. `reply_to` is "" where answers go to the same address."""

    name: str
    address: str
    reply_to: str = ""

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a letter, such as application/pdf."""

    filename: str
    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Letter:
    """All that a letter is made of. `message_id` and `written_at` are its row's, so a second copy is known as one."""

    message_id: str
    written_at: datetime
    sender: Sender
    recipient: str
    content: Content
    frame: Frame
    attachments: Sequence[Attachment] = ()


def read_sender(mail_from: str, reply_to: str | None) -> Sender:
    """The sender in the settings: `Name <address>`. Raises Unprocessable."""
    name, address = parseaddr(mail_from)
    answers = parseaddr(reply_to)[1] if reply_to else ""
    for setting, each in (("TALLYSTICK_MAIL_FROM", address), ("TALLYSTICK_MAIL_REPLY_TO", answers or address)):
        local, at, domain = each.rpartition("@")
        if not (local and at and domain) or not each.isascii() or one_line(each) != each or " " in each:
            raise Unprocessable(f"{setting} must be written as Name <billing@example.com>.", field=setting)
    return Sender(one_line(name) or address.rpartition("@")[2], address, answers)


def compose(letter: Letter) -> bytes:
    """The letter in the Internet Message Format (RFC 5322), ready to be handed over."""
    message = EmailMessage(policy=POLICY)
    message["From"] = _mailbox(letter.sender.name, letter.sender.address)
    message["To"] = letter.recipient
    if letter.sender.reply_to:
        message["Reply-To"] = letter.sender.reply_to
    message["Subject"] = letter.content.subject
    message["Date"] = format_datetime(letter.written_at)
    message["Message-ID"] = letter.message_id
    message["Auto-Submitted"] = "auto-generated"
    if letter.frame.unsubscribe_url:
        message["List-Unsubscribe-Post"] = ONE_CLICK
    message.set_content(as_text(letter.content, letter.frame), cte="quoted-printable")
    message.add_alternative(as_html(letter.content, letter.frame), subtype="html", cte="quoted-printable")
    for each in letter.attachments:
        main, _, sub = each.media_type.partition("/")
        message.add_attachment(each.data, maintype=main, subtype=sub, filename=each.filename)
    message["Content-Language"] = letter.frame.language  # last: those above move such headers into their parts
    _fix_boundaries(message, letter.message_id)
    return _unsubscribe_line(letter.frame.unsubscribe_url) + message.as_bytes()


def _unsubscribe_line(url: str) -> bytes:
    """The header that mail programs read, in one line: set as others are, a long address becomes encoded words."""
    if not url:
        return b""
    if not url.isascii() or one_line(url) != url or len(url) > URL_MAX or set(url) & set(" <>"):
        raise ValueError("the address to unsubscribe at cannot stand in a header")
    return f"List-Unsubscribe: <{url}>\r\n".encode()


def _mailbox(name: str, address: str) -> Address:
    local, _, domain = address.rpartition("@")
    return Address(name, local, domain)


def _fix_boundaries(message: EmailMessage, message_id: str) -> None:
    """Boundaries are random otherwise, and a second copy of a letter would not be the same bytes."""
    multiparts = (part for part in message.walk() if part.is_multipart())
    for depth, part in enumerate(multiparts):
        part.set_boundary(f"=_{sha256(f'{message_id}{depth}'.encode()).hexdigest()[:32]}")
