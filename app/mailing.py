"""Writing letters from notices, and handing them over: each claimed in one transaction, sent without one, noted."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from models import MailMessage
from services.database import reading, transaction
from services.errors import Conflict
from services.gateways.mail import Mailer, MailRefused, MailServer, MailUnavailable
from services.gateways.mail_route import mail_server
from services.mails import preparing, sending
from services.mails.letters import read_sender
from services.mails.writing import read_draft, write_letter
from services.settings import settings

ROUNDS_MAX: Final = 200
"""Pages of a customer's notices in one go."""

LETTERS_AT_ONCE: Final = 500

_log = structlog.get_logger("tallystick.mail")


def prepare_due_mails(*, at: datetime) -> dict[str, int]:
    """Write the letters about all notices nobody has looked at yet: {notices, mails, failed}, the last one customers.

    A customer whose letters cannot be written is logged, keeps no other waiting, and is tried again next time.
    """
    counts = {"notices": 0, "mails": 0, "failed": 0}
    with reading() as session:
        due = preparing.customers_with_news(session)
    for tenant_id in due:
        try:
            for _ in range(ROUNDS_MAX):
                with transaction() as session:
                    notices, mails = preparing.prepare_mails(session, tenant_id=tenant_id, at=at)
                counts["notices"] += notices
                counts["mails"] += mails
                if notices < preparing.NOTICES_AT_ONCE:
                    break
        except Exception:
            _log.exception("mails_not_prepared", tenant_id=tenant_id)
            counts["failed"] += 1
    return counts


def send_due_mails(*, at: datetime, clock: Callable[[], datetime] | None = None) -> dict[str, int]:
    """Hand over the letters that are due: {sent, postponed, refused, lost}. Where no mail server is set, they wait.

    A server that cannot be reached ends the run: the others would fare alike. `clock` is asked for the time of what
    happens during the run; without it everything happens `at`.
    """
    counts = {"sent": 0, "postponed": 0, "refused": 0, "lost": 0}
    server = mail_server()
    if server is None:
        return counts
    with Mailer(server) as mailer:
        for _ in range(LETTERS_AT_ONCE):
            with transaction() as session:
                mail = sending.claim_mail(session, at=at)
            if mail is None:
                break
            became, goes_on = _send(mailer, mail, clock or (lambda: at))
            counts[became] += 1
            if not goes_on:
                break
    return counts


def check_mail_settings() -> MailServer | None:
    """The server letters go to, None for none. Raises InvalidMailAddress, and Unprocessable for the sender."""
    read_sender(settings().mail_from, settings().mail_reply_to)
    return mail_server()


def _send(mailer: Mailer, mail: MailMessage, clock: Callable[[], datetime]) -> tuple[str, bool]:
    """Hand one letter over: what became of it, and whether to go on with others."""

    handed_over: list[bool] = []

    def hand_over() -> None:
        with transaction() as session:
            sending.note_handing_over(session, mail, at=clock())
        handed_over.append(True)

    try:
        with reading() as session:
            draft = read_draft(session, mail)
        letter = write_letter(draft)
        sender = read_sender(settings().mail_from, settings().mail_reply_to)
        mailer.send(letter, sender=sender.address, recipient=mail.address, before_handing_over=hand_over)
    except MailRefused as refused:
        with transaction() as session:
            sending.note_refused(session, mail, error=refused.detail)
        _log.warning("mail_refused", mail_id=mail.id, tenant_id=mail.tenant_id)
        return "refused", True
    except MailUnavailable as unavailable:
        _postpone(mail, unavailable.detail, clock())
        return "postponed", not unavailable.is_about_server
    except Conflict:  # it took so long that the claim ran out; the letter is another worker's
        return "lost", True
    except Exception as error:
        _log.exception("mail_not_sent", mail_id=mail.id, tenant_id=mail.tenant_id)
        if handed_over:  # nobody can know; once the claim has run out it is left to a person
            return "lost", False
        _postpone(mail, f"It could not be put together: {type(error).__name__}", clock())
        return "postponed", True
    with transaction() as session:
        sending.note_sent(session, mail, at=clock())
    return "sent", True


def _postpone(mail: MailMessage, error: str, at: datetime) -> None:
    with transaction() as session:
        sending.postpone_mail(session, mail, error=error, at=at)
