"""The catcher of mail in the portal's own process, where no mail server is set and nobody reaches us from outside."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import structlog

from app.sandbox import DATA_FOLDER
from services.database import engine
from services.gateways.mail_catcher import CaughtMail, catching_mail
from services.gateways.mail_route import catch_on, stop_catching, wants_catcher

FOLDER: Final = "caught_mail"

_log = structlog.get_logger("tallystick.mail")


@asynccontextmanager
async def running_catcher(*_: Any) -> AsyncIterator[None]:
    """Take the letters of this process over SMTP while the application runs, and keep the last of them in a folder."""
    if not wants_catcher():
        yield
        return
    async with catching_mail(caught_folder()) as port:
        catch_on(port)
        _log.info("mail_is_caught", port=port, folder=str(caught_folder()))
        try:
            yield
        finally:
            stop_catching()


def caught_folder() -> Path:
    """Beside the SQLite database; with any other, in the project's data folder."""
    url = engine().url
    is_file = url.get_backend_name() == "sqlite" and url.database not in {None, "", ":memory:"}
    return (Path(str(url.database)).resolve().parent if is_file else DATA_FOLDER) / FOLDER


def caught_letters(message_id: str) -> list[str]:
    """What arrived at the catcher under a Message-ID, as it arrived."""
    return [data.decode("utf-8", "replace") for data in CaughtMail(caught_folder()).find(message_id)]
