"""A fee that is approved while its subscription rests waits, and is billed once, as it runs again or ends."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session, select

from models import InvoiceLine, LineKind, PendingLine, SubscriptionStatus
from services.closing.close import close_if_due
from services.gain_share.decisions import approve_run
from services.subscriptions.change_preview import When
from services.subscriptions.lifecycle import cancel_subscription, pause_subscription, resume_subscription
from services.subscriptions.standing import set_status
from tests.gain_share_given import JULY, THEIRS, plant, submitted
from tests.given import Customer, assert_books_agree

LATER = JULY + timedelta(days=1)
MONTHS = [datetime(2026, month, 1, 7, tzinfo=UTC) for month in (8, 9, 10, 11, 12)]
REST = ("paused", "suspended")


def rest(session: Session, one: Customer, how: str, at: datetime) -> None:
    named = {"tenant_id": one.tenant_id, "subscription_id": one.subscription_id, "at": at}
    if how == "paused":
        pause_subscription(session, **named, when=When.NOW, by="usr_1")
    else:
        set_status(session, **named, status=SubscriptionStatus.SUSPENDED)


def close_all(session: Session, one: Customer, until: datetime) -> None:
    for at in MONTHS:
        while at <= until and close_if_due(
            session, tenant_id=one.tenant_id, subscription_id=one.subscription_id, at=at
        ):
            pass


def billed(session: Session) -> list[int]:
    lines = select(InvoiceLine.amount_minor).where(InvoiceLine.kind == LineKind.GAIN_SHARE)
    return list(session.exec(lines))


DEEP_IN_REST = datetime(2026, 9, 12, 9, tzinfo=UTC)


def resting(session: Session, how: str) -> tuple[Customer, int]:
    """A customer whose subscription has rested for two months when it approves a run; and the fee."""
    one = plant(session)
    run = submitted(session, one.tenant_id)
    rest(session, one, how, LATER)
    close_all(session, one, MONTHS[1])
    approve_run(session, tenant_id=one.tenant_id, run_id=run.id, signer=THEIRS, at=DEEP_IN_REST)
    return one, run.fee_minor


@pytest.mark.parametrize("how", REST)
def test_no_invoice_is_made_while_it_rests_and_the_line_waits(session: Session, how: str) -> None:
    one, fee_minor = resting(session, how)
    assert billed(session) == []
    close_all(session, one, MONTHS[3])
    assert billed(session) == []
    (waiting,) = session.exec(select(PendingLine)).all()
    assert (waiting.amount_minor, waiting.invoice_id) == (fee_minor, None)


@pytest.mark.parametrize("how", REST)
def test_who_ends_while_resting_has_it_on_the_last_bill(session: Session, how: str) -> None:
    one, fee_minor = resting(session, how)
    ended = DEEP_IN_REST + timedelta(days=1)
    named = {"tenant_id": one.tenant_id, "subscription_id": one.subscription_id}
    cancel_subscription(session, **named, when=When.NOW, by="usr_1", at=ended)
    close_all(session, one, MONTHS[4])
    assert billed(session) == [fee_minor]
    assert_books_agree(session, one.tenant_id)


def test_who_resumes_has_it_on_the_next_bill(session: Session) -> None:
    one, fee_minor = resting(session, "paused")
    named = {"tenant_id": one.tenant_id, "subscription_id": one.subscription_id}
    resume_subscription(session, **named, at=DEEP_IN_REST + timedelta(days=1))
    close_all(session, one, MONTHS[4])
    assert billed(session) == [fee_minor]
    assert_books_agree(session, one.tenant_id)
