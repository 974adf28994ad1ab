"""Where mail is handed over: the server in the settings, or the catcher of this process where it runs one."""

from services.gateways.mail import MailServer, read_mail_server
from services.settings import settings

_caught_on: list[int] = []


def mail_server() -> MailServer | None:
    """The server letters go to; None where there is none, and they wait. Raises InvalidMailAddress."""
    url = settings().smtp_url
    if url is not None:
        return read_mail_server(url)
    return MailServer("smtp", "127.0.0.1", _caught_on[0]) if _caught_on else None


def wants_catcher() -> bool:
    """Whether mail is to be caught here: no server is set, and nobody reaches us from outside."""
    return settings().smtp_url is None and not settings().public_url.startswith("https://")


def is_caught() -> bool:
    """Whether letters go to the catcher, and no further."""
    return settings().smtp_url is None and bool(_caught_on)


def catch_on(port: int) -> None:
    """The catcher of this process listens on this port."""
    _caught_on[:] = [port]


def stop_catching() -> None:
    _caught_on.clear()
