"""One letter at a time: claimed, handed over, and what became of it. What is done once is done under its row.

A try is told from others by its number. Until `handed_over_at` nothing has left the house, so a try that was lost is
made again. From there on to the record of the server's answer, some milliseconds, nobody can know: a try lost in
between is left to a person. A server that hung up without an answer has not taken the letter (RFC 5321, 4.2.5) and is
asked again, under the same Message-ID.
"""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import Update, update
from sqlmodel import Session, col, select

from models import MailMessage, MailStatus, Notice, table_of
from models.mail import MAIL_ERROR_MAX
from services.errors import Conflict, NotFound
from services.mails.facts import is_settled

CLAIMED_FOR: Final = timedelta(minutes=10)
"""Longer than one letter can take with all its timeouts."""

RETRY_FIRST, RETRY_MAX = timedelta(minutes=1), timedelta(hours=4)
KEPT_FOR: Final = timedelta(days=14)
LOST: Final = (
    "The process ended while the letter was being handed over. It may have arrived; "
    "look in the mail server's log for its Message-ID before you send it again."
)
TOO_LATE: Final = f"It waited for {KEPT_FOR.days} days and would come too late."
SETTLED: Final = "It was settled before the letter could be sent."

RETRIED: Final = (MailStatus.FAILED, MailStatus.GIVEN_UP)
"""What a person may put back in line."""

_mails = table_of(MailMessage)


def claim_mail(session: Session, *, at: datetime) -> MailMessage | None:
    """The letter that is due longest, for this worker alone until CLAIMED_FOR has passed; None where none is due.

    Letters that have become pointless on the way are given up.
    """
    _settle_lost(session, at)
    due = (
        select(MailMessage)
        .where(MailMessage.status == MailStatus.WAITING, col(MailMessage.next_attempt_at) <= at)
        .order_by(col(MailMessage.next_attempt_at), col(MailMessage.notice_seq), col(MailMessage.id))
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    while (mail := session.exec(due.execution_options(populate_existing=True)).first()) is not None:
        pointless = _pointless(session, mail, at)
        if pointless is None:
            mail.status, mail.claimed_until, mail.error = MailStatus.SENDING, at + CLAIMED_FOR, None
            mail.attempts += 1
        else:
            mail.status, mail.error = MailStatus.GIVEN_UP, pointless
        session.add(mail)
        session.flush()
        if pointless is None:
            return mail
    return None


def note_handing_over(session: Session, mail: MailMessage, *, at: datetime) -> None:
    """Note that the letter itself goes to the server now. Raises Conflict where the claim is another's by now."""
    mine = _mine(mail).where(_mails.c.handed_over_at.is_(None)).values(handed_over_at=at)
    _one(session, mine)


def note_sent(session: Session, mail: MailMessage, *, at: datetime) -> None:
    """Note that the server has it."""
    _one(session, _mine(mail).values(status=MailStatus.SENT, sent_at=at, claimed_until=None, error=None))


def note_refused(session: Session, mail: MailMessage, *, error: str) -> None:
    """Note that the server will never take it."""
    values = {"status": MailStatus.FAILED, "error": error[:MAIL_ERROR_MAX], "claimed_until": None}
    _one(session, _mine(mail).values(values))


def postpone_mail(session: Session, mail: MailMessage, *, error: str, at: datetime) -> None:
    """Try it again later: a minute on, twice as long each time, four hours at most."""
    values = {
        "status": MailStatus.WAITING,
        "error": error[:MAIL_ERROR_MAX],
        "claimed_until": None,
        "handed_over_at": None,
        "next_attempt_at": at + retry_after(mail.id, mail.attempts),
    }
    _one(session, _mine(mail).values(values))


def find_mail(session: Session, *, mail_id: str) -> MailMessage:
    """A letter by its id alone, for an operator. Raises NotFound."""
    mail = session.exec(select(MailMessage).where(MailMessage.id == mail_id)).first() if mail_id.isprintable() else None
    if mail is None:
        raise NotFound("There is no such letter; `tallystick mail status` lists those that failed.", field="mail_id")
    return mail


def retry_mail(session: Session, *, tenant_id: str, mail_id: str, at: datetime) -> MailMessage:
    """Put a letter that failed or was given up back in line. Raises NotFound; one that is not so stays as it is."""
    mail = session.get(MailMessage, (tenant_id, mail_id), with_for_update=True, populate_existing=True)
    if mail is None:
        raise NotFound("There is no such letter.", field="mail_id")
    if mail.status in RETRIED:
        mail.status, mail.handed_over_at, mail.claimed_until = MailStatus.WAITING, None, None
        mail.created_at = mail.created_at if mail.created_at > at - KEPT_FOR else at
        mail.error, mail.next_attempt_at = None, at
        session.add(mail)
        session.flush()
    return mail


def retry_after(mail_id: str, attempts: int) -> timedelta:
    """How long to wait after so many tries; up to a quarter more, so that those postponed together do not come so."""
    wait = min(RETRY_FIRST * (1 << min(max(attempts - 1, 0), 16)), RETRY_MAX)
    spread = int.from_bytes(sha256(f"{mail_id}{attempts}".encode()).digest()[:2], "big")
    return wait + wait * spread / (4 * 65_536)


def _settle_lost(session: Session, at: datetime) -> None:
    """What becomes of tries whose worker is gone."""
    lost = update(_mails).where(_mails.c.status == MailStatus.SENDING, _mails.c.claimed_until < at)
    unsent = {"status": MailStatus.WAITING, "claimed_until": None, "next_attempt_at": at}
    session.execute(lost.where(_mails.c.handed_over_at.is_(None)).values(unsent))
    unknown = {"status": MailStatus.FAILED, "claimed_until": None, "error": LOST}
    session.execute(lost.where(_mails.c.handed_over_at.is_not(None)).values(unknown))


def _pointless(session: Session, mail: MailMessage, at: datetime) -> str | None:
    if mail.created_at < at - KEPT_FOR:
        return TOO_LATE
    notice = session.get_one(Notice, (mail.tenant_id, mail.notice_seq))
    return SETTLED if is_settled(session, notice=notice) else None


def _mine(mail: MailMessage) -> Update:
    """The letter's row while it is in this very try."""
    return update(_mails).where(
        _mails.c.tenant_id == mail.tenant_id,
        _mails.c.id == mail.id,
        _mails.c.status == MailStatus.SENDING,
        _mails.c.attempts == mail.attempts,
    )


def _one(session: Session, statement: Update) -> None:
    if session.execute(statement.returning(_mails.c.id)).first() is None:
        raise Conflict("Another worker has taken this letter over.")
