"""What is not kept for ever: what was sent to customers' systems, and the words of letters, once both are long over.

Nothing that is waiting or left to a person, and no notice, receipt or invoice. That something was sent is forgotten
with a delivery; of a letter it stays, with its subject, so that none is written twice.
"""

from datetime import datetime
from typing import Final

from sqlmodel import Session, col, delete, select

from models import DeliveryStatus, MailMessage, MailStatus, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from services.mails.content import Content
from services.mails.writing import content_of

FORGOTTEN_AT_ONCE: Final = 1_000
LETTERS_OVER: Final = (MailStatus.SENT, MailStatus.GIVEN_UP)


def customers_with_endpoints(session: Session) -> list[str]:
    """Whose systems something may have been sent to."""
    return list(session.exec(select(WebhookEndpoint.tenant_id).distinct().order_by(WebhookEndpoint.tenant_id)))


def forget_deliveries(session: Session, *, tenant_id: str, before: datetime, limit: int = FORGOTTEN_AT_ONCE) -> int:
    """Delete deliveries of one customer that were settled before then, with their attempts; how many.

    Those that wait stay, and so do the notices they were about: an endpoint never gets one again by itself.
    """
    statement = (
        select(WebhookDelivery.id)
        .where(
            WebhookDelivery.tenant_id == tenant_id,
            col(WebhookDelivery.created_at) < before,
            col(WebhookDelivery.settled_at) < before,
            WebhookDelivery.status != DeliveryStatus.WAITING,
        )
        .order_by(col(WebhookDelivery.created_at), WebhookDelivery.id)
        .limit(limit)
    )
    old = list(session.exec(statement))
    for table, key in ((WebhookAttempt, WebhookAttempt.delivery_id), (WebhookDelivery, WebhookDelivery.id)):
        session.execute(delete(table).where(col(table.tenant_id) == tenant_id, col(key).in_(old)))
    return len(old)


def forget_letters(session: Session, *, before: datetime, at: datetime, limit: int = FORGOTTEN_AT_ONCE) -> int:
    """Delete the words of letters that were written before then and are sent or given up, but the subject; how many."""
    statement = (
        select(MailMessage)
        .where(
            col(MailMessage.forgotten_at).is_(None),
            col(MailMessage.created_at) < before,
            col(MailMessage.status).in_(LETTERS_OVER),
        )
        .order_by(col(MailMessage.created_at), MailMessage.tenant_id, MailMessage.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    old = session.exec(statement).all()
    for mail in old:
        mail.content = _without_words(content_of(mail).subject, at).as_json()
        mail.forgotten_at = at
        session.add(mail)
    session.flush()
    return len(old)


def _without_words(subject: str, at: datetime) -> Content:
    return Content(
        subject=subject,
        preview="",
        heading=subject,
        paragraphs=(f"[The words of this letter were deleted on {at:%Y-%m-%d}. They are not kept for longer.]",),
        facts=(),
        action="",
        tone="plain",
    )
