"""A mail server of our own for development: real SMTP on this machine, whatever it takes it keeps and sends nowhere."""

import asyncio
import email
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import Message
from pathlib import Path
from typing import Any, Final

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session

CAUGHT_MAX: Final = 200
LETTER_BYTES_MAX: Final = 10 * 1024 * 1024

_log = structlog.get_logger("tallystick.mail")


class CaughtMail:
    """The letters in a folder, one a file, the last CAUGHT_MAX of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, letter: bytes) -> None:
        """Keep one more, and let the oldest go."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{time.time_ns():020d}-{_digest(message_id_of(letter))}.eml"
        path.write_bytes(letter)
        for old in sorted(self._folder.glob("*.eml"))[:-CAUGHT_MAX]:
            old.unlink(missing_ok=True)

    def find(self, message_id: str) -> list[bytes]:
        """The letters that arrived under a Message-ID, the first one first: more than one was sent twice."""
        return [path.read_bytes() for path in sorted(self._folder.glob(f"*-{_digest(message_id)}.eml"))]

    def count(self) -> int:
        return sum(1 for _ in self._folder.glob("*.eml"))


@asynccontextmanager
async def catching_mail(folder: Path) -> AsyncIterator[int]:
    """Take mail on a free port of this machine while the block runs; yields the port."""
    caught = CaughtMail(folder)

    def serve_one() -> SMTP:
        return SMTP(_Keeper(caught), hostname="localhost", enable_SMTPUTF8=True, data_size_limit=LETTER_BYTES_MAX)

    server = await asyncio.get_running_loop().create_server(serve_one, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


def message_id_of(letter: bytes) -> str:
    """The Message-ID of a letter, "" where it has none."""
    parsed: Message = email.message_from_bytes(letter)
    return str(parsed.get("Message-ID", "")).strip()


def _digest(message_id: str) -> str:
    return hashlib.sha256(message_id.encode()).hexdigest()[:32]


class _Keeper:
    """What happens with a letter that has come in whole."""

    def __init__(self, caught: CaughtMail) -> None:
        self._caught = caught

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content: Any = envelope.content
        try:
            await asyncio.to_thread(self._caught.keep, content.encode() if isinstance(content, str) else content)
        except OSError as error:
            _log.warning("mail_not_caught", reason=str(error))
            return "451 The letter could not be kept"
        return "250 Kept; it goes nowhere from here"
