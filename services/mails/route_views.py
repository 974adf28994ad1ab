"""Where letters go at all, in words, and how many customers wait for theirs to be written."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from models import MailCursor, Notice, TenantHead
from services.gateways.mail import InvalidMailAddress
from services.gateways.mail_route import is_caught, mail_server, wants_catcher

HELD_UP_AFTER = timedelta(minutes=10)


@dataclass(frozen=True)
class RouteView:
    """Where letters go. `tone` is of a notice, "" where all is well; `held_up` customers still wait for theirs."""

    tone: str = ""
    title: str = ""
    detail: str = ""
    held_up: int = 0


ALL_WELL = RouteView()


def read_route(session: Session, *, at: datetime) -> RouteView:
    """Where letters go, in words, and for how many customers none could be written of late."""
    held_up = _held_up(session, at)
    try:
        server = mail_server()
    except InvalidMailAddress as error:
        return RouteView("bad", "The mail server's address cannot be used: letters wait", str(error), held_up)
    if is_caught():
        detail = "They go over SMTP to a catcher on this machine, and no further. Set TALLYSTICK_SMTP_URL to send them."
        return RouteView("note", "Letters are caught here", detail, held_up)
    if server is not None:
        return RouteView("", "", f"Letters are handed to {server.address}.", held_up)
    if wants_catcher():
        detail = "The portal catches them while it runs. Set TALLYSTICK_SMTP_URL to send them."
        return RouteView("note", "No mail server is set", detail, held_up)
    detail = "Nothing is lost: they go out once TALLYSTICK_SMTP_URL is set, those younger than 14 days."
    return RouteView("warn", "No mail server is set: letters wait", detail, held_up)


def _held_up(session: Session, at: datetime) -> int:
    statement = (
        select(func.count())
        .select_from(TenantHead)
        .outerjoin(MailCursor, col(MailCursor.tenant_id) == TenantHead.tenant_id)
        .join(
            Notice,
            (col(Notice.tenant_id) == TenantHead.tenant_id)
            & (col(Notice.seq) == func.coalesce(col(MailCursor.notice_seq), 0) + 1),
        )
        .where(col(Notice.announced_at) < at - HELD_UP_AFTER)
    )
    return session.exec(statement).one()
