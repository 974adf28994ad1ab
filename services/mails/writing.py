"""A letter's row as the bytes that go over SMTP, and as a person sees it beforehand."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from sqlmodel import Session

from models import MailMessage, Notice, NoticeType
from services.billing_documents.document import BillingDocument
from services.billing_documents.reading import read_credit_note_document, read_invoice_document
from services.billing_documents.rendering import render_pdf
from services.errors import TooLarge
from services.gateways.mail_tokens import Subscriber, sign_subscriber
from services.gateways.master_key import read_master_key
from services.mails.content import Content
from services.mails.kinds import TERMS
from services.mails.layouts import Frame
from services.mails.letters import Attachment, Letter, compose, read_sender
from services.settings import settings
from services.tenants import read_tenant

SETTINGS_PATH: Final = "/notifications/"
DESK_SETTINGS_PATH: Final = "/admin/notifications/"
"""Where our own people choose."""

UNSUBSCRIBE_PATH: Final = "/unsubscribe/"
PDF_TYPE: Final = "application/pdf"
_WITH_DOCUMENT: Final = (NoticeType.INVOICE_FINALIZED, NoticeType.CREDIT_NOTE_ISSUED)


@dataclass(frozen=True, slots=True)
class Draft:
    """A letter as it was read, and the document that is set and put with it."""

    letter: Letter
    document: BillingDocument | None


def read_draft(session: Session, mail: MailMessage) -> Draft:
    """All that a letter takes from the books. Raises KeysUnavailable where its link cannot be signed."""
    letter = Letter(
        message_id=mail.message_id,
        written_at=mail.created_at,
        sender=read_sender(settings().mail_from, settings().mail_reply_to),
        recipient=mail.address,
        content=content_of(mail),
        frame=frame_of(session, mail),
    )
    return Draft(letter, _document_of(session, mail))


def write_letter(draft: Draft) -> bytes:
    """The letter in the Internet Message Format, the document with it; one too large to be set stays in the portal."""
    if draft.document is None:
        return compose(draft.letter)
    try:
        data = render_pdf(draft.document)
    except TooLarge:
        return compose(draft.letter)
    file = Attachment(f"{draft.document.number}.pdf", PDF_TYPE, data)
    return compose(replace(draft.letter, attachments=(file,)))


def content_of(mail: MailMessage) -> Content:
    return Content.from_json(mail.content)


def frame_of(session: Session, mail: MailMessage) -> Frame:
    """What stands around a letter's words."""
    portal = settings().portal_address
    chosen_at = DESK_SETTINGS_PATH if TERMS[mail.kind].is_for_operators else SETTINGS_PATH
    return Frame(
        brand=settings().seller_name,
        language=mail.language,
        customer=read_tenant(session, tenant_id=mail.tenant_id).name,
        action_url=mail.action_url,
        settings_url="" if mail.user_id is None else f"{portal}{chosen_at}",
        unsubscribe_url=_unsubscribe_url(session, mail, portal),
    )


def _unsubscribe_url(session: Session, mail: MailMessage, portal: str) -> str:
    if mail.user_id is None or not TERMS[mail.kind].has_unsubscribe:
        return ""
    master_key = read_master_key(session.get_bind().engine.url)
    token = sign_subscriber(Subscriber(mail.tenant_id, mail.user_id, mail.kind.value), master_key=master_key)
    return f"{portal}{UNSUBSCRIBE_PATH}{token}"


def _document_of(session: Session, mail: MailMessage) -> BillingDocument | None:
    notice = session.get_one(Notice, (mail.tenant_id, mail.notice_seq))
    if notice.type not in _WITH_DOCUMENT:
        return None
    named: Mapping[str, str] = {"tenant_id": mail.tenant_id, "language": mail.language}
    if notice.type == NoticeType.INVOICE_FINALIZED:
        return read_invoice_document(session, invoice_id=notice.subject_id, **named)
    return read_credit_note_document(session, credit_note_id=notice.subject_id, **named)
