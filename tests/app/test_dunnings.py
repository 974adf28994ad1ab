"""What is dunned is worked on when something of it falls due, and one that fails stops no others."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from app import payments
from models import PaymentReminder, TenantHead
from services.database import reading, transaction
from services.invoices.finding import list_invoices
from services.payments import dunning
from services.payments.dunning import SUSPENDED_AFTER, begin_dunning, dunnings_due
from tests.given import NOON, customer

DAY = timedelta(days=1)


def dunned(name: str) -> str:
    with transaction() as session:
        who = customer(session, name=name)
        (invoice,) = list_invoices(session, tenant_id=who.tenant_id)
        begin_dunning(session, invoice=invoice, failed_at=NOON)
    return who.tenant_id


def due(at: datetime) -> list[str]:
    with reading() as session:
        return [tenant_id for tenant_id, _ in dunnings_due(session, at=at)]


def version(tenant_id: str) -> int:
    with reading() as session:
        return session.get_one(TenantHead, tenant_id).version


def test_between_two_reminders_nothing_is_touched(engine: Engine) -> None:
    tenant_id = dunned("One")
    assert payments.advance_dunnings(at=NOON) == {"reminders": 1, "failed": 0}
    before = version(tenant_id)
    assert payments.advance_dunnings(at=NOON + 2 * DAY) == {"reminders": 0, "failed": 0}
    assert version(tenant_id) == before
    assert payments.advance_dunnings(at=NOON + 5 * DAY) == {"reminders": 2, "failed": 0}
    assert payments.advance_dunnings(at=NOON + 7 * DAY) == {"reminders": 1, "failed": 0}
    assert (due(NOON + SUSPENDED_AFTER - DAY), due(NOON + SUSPENDED_AFTER)) == ([], [tenant_id])
    payments.advance_dunnings(at=NOON + SUSPENDED_AFTER)
    assert due(NOON + 30 * DAY) == []


def test_one_that_cannot_be_reminded_of_stops_no_others(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, sound = dunned("One"), dunned("Two")
    announce = dunning.announce_reminder

    def sometimes(session: Session, **told: object) -> None:
        if told["dunning"].tenant_id == bad:  # type: ignore[attr-defined]
            raise RuntimeError("not now")
        announce(session, **told)  # type: ignore[arg-type]

    monkeypatch.setattr(dunning, "announce_reminder", sometimes)
    assert payments.advance_dunnings(at=NOON) == {"reminders": 1, "failed": 1}
    with reading() as session:
        assert [row.tenant_id for row in session.exec(select(PaymentReminder))] == [sound]
    monkeypatch.undo()
    assert due(NOON) == [bad]
