"""Where a test clock stands, in words, and where a step leads."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session

from services.clock_views import NO_CLOCK, read_clock_view, step_forward
from services.settings import settings
from services.tenant_clocks import set_clock, start_clock
from tests.given import NOON, customer

END_OF_JANUARY = datetime(2027, 1, 31, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _allowed(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the database is opened, which reads the settings anew."""
    monkeypatch.setattr(settings(), "test_clocks", True)


@pytest.mark.parametrize(
    ("step", "leads_to"),
    [
        ("day", datetime(2027, 2, 1, 12, tzinfo=UTC)),
        ("week", datetime(2027, 2, 7, 12, tzinfo=UTC)),
        ("month", datetime(2027, 2, 28, 12, tzinfo=UTC)),
        ("year", datetime(2028, 1, 31, 12, tzinfo=UTC)),
        ("", END_OF_JANUARY),
    ],
)
def test_a_step_leads_as_far_as_the_calendar_says(session: Session, step: str, leads_to: datetime) -> None:
    acme = customer(session, timezone="UTC")
    assert step_forward(session, tenant_id=acme.tenant_id, step=step, at=END_OF_JANUARY) == leads_to


def test_the_step_to_what_is_due_leads_to_the_end_of_the_period(session: Session) -> None:
    acme = customer(session, timezone="UTC")
    assert step_forward(session, tenant_id=acme.tenant_id, step="due", at=NOON) == datetime(2026, 12, 1, tzinfo=UTC)


def test_the_view_says_how_far_ahead_it_is_and_what_happened_last_first(session: Session) -> None:
    acme = customer(session, timezone="UTC")
    before = read_clock_view(session, tenant_id=acme.tenant_id, at=NOON)
    assert (before.has_clock, before.is_allowed, NO_CLOCK.is_allowed) == (False, True, False)
    start_clock(session, tenant_id=acme.tenant_id, at=NOON)
    set_clock(session, tenant_id=acme.tenant_id, to=NOON + timedelta(days=3), at=NOON)
    view = read_clock_view(session, tenant_id=acme.tenant_id, at=NOON + timedelta(days=3))
    assert (view.ahead, view.now) == ("3 days ahead", "23 Nov 2026, 12:00")
    assert [each.what for each in view.happened] == ["Invoice finalized", "Subscription started"]
    assert (view.happened[0].of, view.happened[0].amount) == ("INV-000001", "$9,000.00")
