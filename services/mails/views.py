"""Letters for people of our own: which wait and why, which failed, and what each says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, literal, tuple_
from sqlmodel import Session, col, func, or_, select

from models import MailMessage, MailStatus, Notice, Tenant
from models.base import UtcDateTime
from services import wording
from services.errors import NotFound
from services.mails.kinds import TERMS
from services.mails.layouts import as_html, as_text
from services.mails.route_views import ALL_WELL, RouteView, read_route
from services.mails.sending import RETRIED
from services.mails.writing import content_of, frame_of
from services.payments.inbox_views import CLOCK, COUNTED_MAX, StatusCount, age, printable, shown_of

MAILS_SHOWN = 25
STATUS_WORDS = {
    MailStatus.FAILED: "Failed",
    MailStatus.WAITING: "Waiting",
    MailStatus.SENDING: "Being sent",
    MailStatus.SENT: "Sent",
    MailStatus.GIVEN_UP: "Given up",
}
STATUS_TONES = {
    MailStatus.FAILED: "failed",
    MailStatus.WAITING: "pending",
    MailStatus.SENDING: "pending",
    MailStatus.SENT: "settled",
    MailStatus.GIVEN_UP: "ignored",
}
_SERVED_NEXT = (MailStatus.WAITING, MailStatus.SENDING)


@dataclass(frozen=True)
class MailRow:
    """One letter. `note` says what it waits for or what is wrong."""

    tenant_id: str
    id: str
    subject: str
    kind: str
    address: str
    customer: str
    status: str
    status_word: str
    attempts: str
    since: str
    note: str
    can_retry: bool


@dataclass(frozen=True)
class MailsView:
    """A page of letters. `last` is what `after` is for the next page, "" where there is none."""

    rows: tuple[MailRow, ...] = ()
    counts: tuple[StatusCount, ...] = ()
    failed: int = 0
    route: RouteView = ALL_WELL
    shown: str = ""
    last: str = ""


@dataclass(frozen=True)
class MailView:
    """One letter opened: both its pages as they are sent, and the names it goes under."""

    tenant_id: str = ""
    id: str = ""
    subject: str = ""
    address: str = ""
    customer: str = ""
    kind: str = ""
    language: str = ""
    status: str = ""
    status_word: str = ""
    note: str = ""
    message_id: str = ""
    notice: str = ""
    written: str = ""
    sent: str = ""
    html: str = ""
    text: str = ""
    can_retry: bool = False


EMPTY_MAILS = MailsView()
NO_MAIL = MailView()


def list_mails(
    session: Session, *, at: datetime, status: str = "", text: str = "", after: str = "", seen: int = 0
) -> MailsView:
    """Letters of one status (failed, where none is named): those due first, where they wait; else the newest first.

    `text` is the beginning of an address or of an id, or a part of a customer's name.
    """
    chosen = MailStatus(status) if status in set(MailStatus) else MailStatus.FAILED
    conditions = [col(MailMessage.status) == chosen, *_of_text(text)]
    is_waiting = chosen in _SERVED_NEXT
    order: list[Any] = [
        col(MailMessage.next_attempt_at) if is_waiting else col(MailMessage.created_at),
        col(MailMessage.tenant_id),
        col(MailMessage.id),
    ]
    statement = select(MailMessage).where(*conditions)
    if after:
        moment, tenant_id, mail_id = after.split(" ", 2)
        position = tuple_(order[0], *order[1:])
        boundary = tuple_(literal(datetime.fromisoformat(moment), UtcDateTime()), tenant_id, mail_id)
        statement = statement.where(position > boundary if is_waiting else position < boundary)
    sorted_by = order if is_waiting else [each.desc() for each in order]
    found = session.exec(statement.order_by(*sorted_by).limit(MAILS_SHOWN + 1)).all()
    page = found[:MAILS_SHOWN]
    counts = _counts(session)
    names = _names(session, page)
    return MailsView(
        rows=tuple(_row(mail, names.get(mail.tenant_id, ""), at) for mail in page),
        counts=tuple(StatusCount(each.value, word, f"{counts.get(each, 0):,}") for each, word in STATUS_WORDS.items()),
        failed=counts.get(MailStatus.FAILED, 0),
        route=read_route(session, at=at),
        shown=shown_of(seen, len(page), _count(session, conditions)),
        last=_cursor(page[-1], is_waiting=is_waiting) if len(found) > MAILS_SHOWN else "",
    )


def read_mail(session: Session, *, tenant_id: str, mail_id: str, at: datetime) -> MailView:
    """One letter, as it goes out. Raises NotFound."""
    mail = session.get(MailMessage, (tenant_id, mail_id))
    if mail is None:
        raise NotFound("There is no such letter.", field="mail_id")
    notice = session.get_one(Notice, (tenant_id, mail.notice_seq))
    content, frame = content_of(mail), frame_of(session, mail)
    row = _row(mail, frame.customer, at)
    return MailView(
        tenant_id=tenant_id,
        id=mail.id,
        subject=content.subject,
        address=mail.address,
        customer=frame.customer,
        kind=row.kind,
        language={"en": "English", "fr": "French"}[mail.language],
        status=row.status,
        status_word=row.status_word,
        note=row.note,
        message_id=mail.message_id,
        notice=f"{notice.type} ({notice.id})",
        written=wording.moment(mail.created_at, CLOCK),
        sent="" if mail.sent_at is None else wording.moment(mail.sent_at, CLOCK),
        html=as_html(content, frame),
        text=as_text(content, frame),
        can_retry=row.can_retry,
    )


def _of_text(text: str) -> list[ColumnElement[bool]]:
    wanted = printable(text)
    if not wanted:
        return []
    tenants = select(Tenant.id).where(col(Tenant.name).icontains(wanted, autoescape=True))
    begins = [
        each.startswith(wanted.lower(), autoescape=True) for each in (col(MailMessage.address), col(MailMessage.id))
    ]
    return [or_(*begins, col(MailMessage.tenant_id).in_(tenants))]


def _counts(session: Session) -> dict[MailStatus, int]:
    statement = select(MailMessage.status, func.count()).group_by(col(MailMessage.status))
    return {MailStatus(status): count for status, count in session.exec(statement)}


def _count(session: Session, conditions: Sequence[ColumnElement[bool]]) -> int:
    some = select(MailMessage.id).where(*conditions).limit(COUNTED_MAX + 1).subquery()
    return session.exec(select(func.count()).select_from(some)).one()


def _names(session: Session, mails: Sequence[MailMessage]) -> dict[str, str]:
    statement = select(Tenant.id, Tenant.name).where(col(Tenant.id).in_({mail.tenant_id for mail in mails}))
    return dict(session.exec(statement).all())


def _cursor(mail: MailMessage, *, is_waiting: bool) -> str:
    moment = mail.next_attempt_at if is_waiting else mail.created_at
    return f"{moment.isoformat()} {mail.tenant_id} {mail.id}"


def _row(mail: MailMessage, customer: str, at: datetime) -> MailRow:
    return MailRow(
        tenant_id=mail.tenant_id,
        id=mail.id,
        subject=content_of(mail).subject,
        kind=TERMS[mail.kind].title,
        address=mail.address,
        customer=customer,
        status=STATUS_TONES[mail.status],
        status_word=STATUS_WORDS[mail.status],
        attempts=f"{mail.attempts:,}",
        since=wording.moment(mail.sent_at or mail.created_at, CLOCK),
        note=_note(mail, at),
        can_retry=mail.status in RETRIED,
    )


def _note(mail: MailMessage, at: datetime) -> str:
    error = mail.error or ""
    if mail.status != MailStatus.WAITING:
        return error
    soon = "Due now" if mail.next_attempt_at <= at else f"Next try in {age(mail.next_attempt_at - at)}"
    return f"{error} {soon}" if error else soon
