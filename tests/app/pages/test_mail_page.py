"""Letters in the portal, for our own side."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from app.pages.mail import MailPage
from models import MailMessage, MailStatus, Role
from services.database import reading, transaction
from services.identity import create_user
from services.mails import sending
from services.mails.preparing import prepare_mails
from services.settings import settings
from services.tenant_clocks import set_clock, start_clock
from tests.app.pages.test_payment_pages import OPERATOR, call, on_a_plan, page, signed_in, tenant_id

AT = datetime.now(UTC).replace(microsecond=0)

__all__ = ["tenant_id"]


def test_a_letter_is_put_back_in_line_for_now_whatever_its_customers_clock_says(
    tenant_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settings(), "test_clocks", True)
    on_a_plan(tenant_id)
    with transaction() as session:
        create_user(session, email="owner@acme.example", tenant_id=tenant_id, role=Role.OWNER, at=AT)
        prepare_mails(session, tenant_id=tenant_id, at=AT)
        mail = sending.claim_mail(session, at=AT)
        assert mail is not None
        sending.note_refused(session, mail, error="550 no such user")
        start_clock(session, tenant_id=tenant_id, at=AT)
        set_clock(session, tenant_id=tenant_id, to=AT + timedelta(days=90), at=AT)
    root = signed_in(tenant_id, OPERATOR)
    call(root, MailPage, "load")
    call(root, MailPage, "open_mail", tenant_id, page(root, MailPage).view.rows[0].id)
    call(root, MailPage, "retry")
    with reading() as session:
        again = session.exec(select(MailMessage)).one()
        assert again.status is MailStatus.WAITING
        assert again.next_attempt_at - AT < timedelta(hours=1)
