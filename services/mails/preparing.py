"""Notices become letters: one row for each person who is to be told, written once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import func
from sqlmodel import Session, col, select

from models import MailCursor, MailMessage, MailStatus, Notice, Tenant, TenantHead, table_of
from services.database import insert_missing
from services.mails.content import word_content
from services.mails.facts import Told, facts_of
from services.mails.kinds import kind_of, template_of
from services.mails.letters import Sender, read_sender
from services.mails.recipients import Recipient, recipients_of
from services.notices import read_notices
from services.settings import settings
from services.tenants import read_tenant

TOLD_WITHIN: Final = timedelta(days=7)
"""Nobody is written to about what is older: it was brought in from elsewhere, or tells a demonstration's past."""

CUSTOMERS_AT_ONCE: Final = 500
NOTICES_AT_ONCE: Final = 50

_cursors = table_of(MailCursor)
_messages = table_of(MailMessage)


def customers_with_news(session: Session, *, limit: int = CUSTOMERS_AT_ONCE) -> list[str]:
    """Customers that have notices nobody has looked at for letters yet."""
    statement = (
        select(TenantHead.tenant_id)
        .outerjoin(MailCursor, col(MailCursor.tenant_id) == TenantHead.tenant_id)
        .where(col(TenantHead.last_notice_seq) > func.coalesce(col(MailCursor.notice_seq), 0))
        .order_by(TenantHead.tenant_id)
        .limit(limit)
    )
    return list(session.exec(statement))


def prepare_mails(session: Session, *, tenant_id: str, at: datetime) -> tuple[int, int]:
    """Write the letters about a customer's next notices; answers how many notices, and how many letters.

    Two at once take turns, and the unique key of a letter lets none be written twice.
    """
    insert_missing(session, _cursors, [{"tenant_id": tenant_id, "notice_seq": 0}])
    locked = select(MailCursor).where(MailCursor.tenant_id == tenant_id).with_for_update()
    cursor = session.exec(locked.execution_options(populate_existing=True)).one()
    notices = read_notices(session, tenant_id=tenant_id, after_seq=cursor.notice_seq, limit=NOTICES_AT_ONCE)
    tenant = read_tenant(session, tenant_id=tenant_id)
    sender = read_sender(settings().mail_from, settings().mail_reply_to)
    rows = [row for notice in notices for row in _rows(session, notice, tenant, sender, at=at)]
    insert_missing(session, _messages, rows)
    if notices:
        cursor.notice_seq = notices[-1].seq
        session.add(cursor)
        session.flush()
    return len(notices), len(rows)


def _rows(session: Session, notice: Notice, tenant: Tenant, sender: Sender, *, at: datetime) -> list[dict[str, Any]]:
    kind = kind_of(notice.type, notice.data)
    if kind is None or notice.announced_at < at - TOLD_WITHIN:
        return []
    recipients = recipients_of(session, tenant_id=tenant.id, kind=kind)
    told = facts_of(session, notice=notice, tenant=tenant, kind=kind) if recipients else None
    if told is None:
        return []
    by_language = _worded(template_of(notice.type, kind), told, tenant, recipients)
    shared = {
        "tenant_id": notice.tenant_id,
        "notice_seq": notice.seq,
        "kind": kind,
        "action_url": _address(told.goal),
        "status": MailStatus.WAITING,
        "attempts": 0,
        "created_at": at,
        "next_attempt_at": at,
    }
    return [shared | _own(notice, each, by_language[each.language], sender) for each in recipients]


def _worded(template: str, told: Told, tenant: Tenant, recipients: Sequence[Recipient]) -> dict[str, dict[str, Any]]:
    return {
        language: word_content(template, told.facts, language=language, timezone=tenant.timezone).as_json()
        for language in sorted({each.language for each in recipients})
    }


def _own(notice: Notice, to: Recipient, content: dict[str, Any], sender: Sender) -> dict[str, Any]:
    """What is a letter's own. Its names follow from the notice and the address."""
    named = sha256(f"{notice.tenant_id}\0{notice.id}\0{to.address}".encode()).hexdigest()[:32]
    return {
        "id": f"mail_{named}",
        "address": to.address,
        "user_id": to.user_id,
        "language": to.language,
        "content": content,
        "message_id": f"<{named}@{sender.domain}>",
    }


def _address(goal: str) -> str:
    """Where a button leads: a page of the portal, or an address of the payment provider's."""
    if urlsplit(goal).scheme in {"https", "http"}:
        return goal
    return f"{settings().portal_address}{goal}"
