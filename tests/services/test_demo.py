"""The demonstration: living data, the same each time, and books that agree."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from given import NOON, assert_books_agree
from sqlalchemy import Engine
from sqlmodel import Session, select

from models import Alert, GainShareRun, Invoice, InvoiceStatus, Tenant, UsageEvent
from services.closing import preview_invoice
from services.database import transaction
from services.demo import NEWCOMER, demo_logins, seed_demo
from services.sign_in import sign_in


class _NotKept(Exception):
    """Undoes a transaction."""


def bills(session: Session) -> list[tuple[str, int | None, int]]:
    names = {tenant.id: tenant.name for tenant in session.exec(select(Tenant))}
    return sorted((names[i.tenant_id], i.number, i.total_minor) for i in session.exec(select(Invoice)))


@pytest.mark.slow
def test_it_tells_half_a_year_that_adds_up(engine: Engine) -> None:
    with transaction(engine) as session:
        logins = seed_demo(session, at=NOON)
        assert logins == demo_logins()
        for tenant in session.exec(select(Tenant).where(Tenant.name != NEWCOMER)):
            assert_books_agree(session, tenant.id)
            assert preview_invoice(session, tenant_id=tenant.id, at=NOON).invoice.total_minor > 0
        statuses = {invoice.status for invoice in session.exec(select(Invoice))}
        assert statuses == {InvoiceStatus.PAID, InvoiceStatus.OPEN}
        assert {alert.kind for alert in session.exec(select(Alert))} == {"LOW_CREDITS", "OVERAGE"}
        assert len(session.exec(select(GainShareRun)).all()) == 2
        for login in logins:
            sign_in(session, email=login.email, password=login.password, at=NOON)


@pytest.mark.slow
def test_the_same_day_gives_the_same_bills_and_a_second_seeding_nothing(sqlite_engine: Engine) -> None:
    with suppress(_NotKept), transaction(sqlite_engine) as session:
        seed_demo(session, at=NOON)
        first = bills(session)
        events = len(session.exec(select(UsageEvent.seq)).all())
        assert seed_demo(session, at=NOON) == ()
        assert len(session.exec(select(UsageEvent.seq)).all()) == events
        raise _NotKept
    with transaction(sqlite_engine) as session:
        seed_demo(session, at=NOON)
        assert bills(session) == first


@pytest.mark.slow
@pytest.mark.parametrize("at", [datetime(2027, 3, 31, 23, 59, tzinfo=UTC), datetime(2028, 2, 29, 0, 1, tzinfo=UTC)])
def test_it_can_be_told_on_any_day(sqlite_engine: Engine, at: datetime) -> None:
    with transaction(sqlite_engine) as session:
        seed_demo(session, at=at)
        assert {alert.kind for alert in session.exec(select(Alert))} >= {"LOW_CREDITS"}
