"""A letter's row as the bytes that go over SMTP, and as a person sees it beforehand. Each time the same."""

from sqlmodel import Session

from models import MailMessage
from services.gateways.mail_tokens import Subscriber, sign_subscriber
from services.gateways.master_key import read_master_key
from services.mails.content import Content
from services.mails.kinds import TERMS
from services.mails.layouts import Frame
from services.mails.letters import Letter, compose, read_sender
from services.settings import settings
from services.tenants import read_tenant

SETTINGS_PATH = "/notifications/"
UNSUBSCRIBE_PATH = "/unsubscribe/"


def write_letter(session: Session, mail: MailMessage) -> bytes:
    """The letter in the Internet Message Format. Raises KeysUnavailable where its link cannot be signed."""
    sender = read_sender(settings().mail_from, settings().mail_reply_to)
    letter = Letter(
        message_id=mail.message_id,
        written_at=mail.created_at,
        sender=sender,
        recipient=mail.address,
        content=content_of(mail),
        frame=frame_of(session, mail),
    )
    return compose(letter)


def content_of(mail: MailMessage) -> Content:
    return Content.from_json(mail.content)


def frame_of(session: Session, mail: MailMessage) -> Frame:
    """What stands around a letter's words."""
    portal = settings().portal_address
    return Frame(
        brand=read_sender(settings().mail_from, None).name,
        language=mail.language,
        customer=read_tenant(session, tenant_id=mail.tenant_id).name,
        action_url=mail.action_url,
        settings_url="" if mail.user_id is None else f"{portal}{SETTINGS_PATH}",
        unsubscribe_url=_unsubscribe_url(session, mail, portal),
    )


def _unsubscribe_url(session: Session, mail: MailMessage, portal: str) -> str:
    if mail.user_id is None or not TERMS[mail.kind].has_unsubscribe:
        return ""
    master_key = read_master_key(session.get_bind().engine.url)
    token = sign_subscriber(Subscriber(mail.tenant_id, mail.user_id, mail.kind.value), master_key=master_key)
    return f"{portal}{UNSUBSCRIBE_PATH}{token}"
