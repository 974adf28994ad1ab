"""However often a subscription rests: a month in which it ran is charged once, and one that it spent at rest never."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session, select

from models import BillingPeriod, InvoiceLine, LineKind, PeriodStatus, SubscriptionStatus
from services.closing.close import close_if_due
from services.database import transaction
from services.identity import create_tenant
from services.price_books.books import load_shipped_books
from services.subscriptions.ends import end_subscription
from services.subscriptions.standing import set_status
from services.subscriptions.starting import create_subscription

START = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LAST = START + timedelta(days=250)
RESTS = (SubscriptionStatus.PAUSED, SubscriptionStatus.SUSPENDED)


@settings(max_examples=30)
@given(
    turns=st.lists(st.integers(1, 240 * 24), max_size=6, unique=True).map(sorted),
    rest=st.sampled_from(RESTS),
    ends=st.booleans(),
)
def test_a_month_is_charged_once_if_it_ran_and_never_if_it_did_not(
    sqlite_engine: Engine, turns: list[int], rest: SubscriptionStatus, ends: bool
) -> None:
    moments = [START + timedelta(hours=hours, seconds=7) for hours in turns]
    with transaction(sqlite_engine) as session:
        load_shipped_books(session, at=START)
        tenant = create_tenant(session, name=f"Acme {uuid4()}", currency="CAD", timezone="UTC", at=START)
        made = create_subscription(session, tenant_id=tenant.id, plan_code="PRO", started_at=START, at=START)
        for number, moment in enumerate(moments):
            _close_until(session, tenant.id, made.id, moment)
            status = SubscriptionStatus.ACTIVE if number % 2 else rest
            set_status(session, tenant_id=tenant.id, subscription_id=made.id, status=status, at=moment)
        _close_until(session, tenant.id, made.id, LAST)
        if ends:
            end_subscription(session, tenant_id=tenant.id, subscription_id=made.id, ended_at=LAST, at=LAST)
        else:
            set_status(session, tenant_id=tenant.id, subscription_id=made.id, status=SubscriptionStatus.ACTIVE, at=LAST)
        _close_until(session, tenant.id, made.id, LAST + 2 * HOUR)
        if ends:
            assert session.exec(_periods(tenant.id).where(BillingPeriod.status == PeriodStatus.OPEN)).all() == []
        charged = _charged(session, tenant.id)
        assert len(charged) == len(set(charged))
        stops = [*moments, LAST]
        resting = list(zip(stops[::2], stops[1::2], strict=False))
        for row in session.exec(_periods(tenant.id)).all():
            if row.starts_at == START or row.ends_at >= LAST:
                continue
            ran = _ran(row.starts_at + HOUR, row.ends_at, resting)
            if ran:
                assert row.starts_at in charged
            elif not _ran(row.starts_at, row.ends_at, resting):
                assert row.starts_at not in charged


def _close_until(session: Session, tenant_id: str, subscription_id: str, at: datetime) -> None:
    while close_if_due(session, tenant_id=tenant_id, subscription_id=subscription_id, at=at):
        pass


def _periods(tenant_id: str):  # type: ignore[no-untyped-def]
    return select(BillingPeriod).where(BillingPeriod.tenant_id == tenant_id)


def _charged(session: Session, tenant_id: str) -> list[datetime]:
    statement = select(InvoiceLine.period_start).where(
        InvoiceLine.tenant_id == tenant_id, InvoiceLine.kind == LineKind.BASE
    )
    return list(session.exec(statement))


def _ran(starts_at: datetime, ends_at: datetime, resting: list[tuple[datetime, datetime]]) -> bool:
    """Whether a subscription ran at some moment of a stretch."""
    inside = sorted((max(a, starts_at), min(b, ends_at)) for a, b in resting if a < ends_at and b > starts_at)
    edges = [(starts_at, starts_at), *inside, (ends_at, ends_at)]
    return any(before[1] < after[0] for before, after in pairwise(edges))
