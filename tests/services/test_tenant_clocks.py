"""Time travel: a customer's own now, only ever ahead, and only where it is allowed."""

from datetime import timedelta

import pytest
from pydantic import ValidationError
from sqlmodel import Session

from models import StripeCustomer
from services.errors import Conflict, Forbidden, NotFound, Unprocessable
from services.settings import Settings, settings
from services.tenant_clocks import AHEAD_MAX, now_of, set_clock, start_clock
from tests.given import NOON, customer

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _allowed(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the database is opened, which reads the settings anew."""
    monkeypatch.setattr(settings(), "test_clocks", True)


def test_a_clock_runs_on_ahead_of_ours(session: Session) -> None:
    acme, other = customer(session), customer(session, name="Other")
    start_clock(session, tenant_id=acme.tenant_id, at=NOON)
    assert now_of(session, tenant_id=acme.tenant_id, at=NOON) == NOON
    set_clock(session, tenant_id=acme.tenant_id, to=NOON + 30 * DAY, at=NOON)
    assert now_of(session, tenant_id=acme.tenant_id, at=NOON + DAY) == NOON + 31 * DAY
    assert now_of(session, tenant_id=other.tenant_id, at=NOON) == NOON


def test_a_clock_is_never_set_back(session: Session) -> None:
    acme = customer(session)
    start_clock(session, tenant_id=acme.tenant_id, at=NOON)
    set_clock(session, tenant_id=acme.tenant_id, to=NOON + 30 * DAY, at=NOON)
    set_clock(session, tenant_id=acme.tenant_id, to=NOON + DAY, at=NOON)
    start_clock(session, tenant_id=acme.tenant_id, at=NOON + DAY)
    assert now_of(session, tenant_id=acme.tenant_id, at=NOON) == NOON + 30 * DAY


def test_a_customer_without_a_clock_or_a_time_too_far_is_refused(session: Session) -> None:
    acme = customer(session)
    with pytest.raises(NotFound, match="start one first"):
        set_clock(session, tenant_id=acme.tenant_id, to=NOON + DAY, at=NOON)
    start_clock(session, tenant_id=acme.tenant_id, at=NOON)
    with pytest.raises(Unprocessable):
        set_clock(session, tenant_id=acme.tenant_id, to=NOON + AHEAD_MAX + DAY, at=NOON)


def test_who_pays_through_the_provider_already_lives_by_its_time(session: Session) -> None:
    acme = customer(session)
    session.add(StripeCustomer(tenant_id=acme.tenant_id, account="sandbox", stripe_id="cus_1"))
    session.flush()
    with pytest.raises(Conflict):
        start_clock(session, tenant_id=acme.tenant_id, at=NOON)


def test_clocks_that_are_off_are_refused_and_have_no_say(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    acme = customer(session)
    start_clock(session, tenant_id=acme.tenant_id, at=NOON)
    set_clock(session, tenant_id=acme.tenant_id, to=NOON + DAY, at=NOON)
    monkeypatch.setattr(settings(), "test_clocks", False)
    assert now_of(session, tenant_id=acme.tenant_id, at=NOON) == NOON
    with pytest.raises(Forbidden):
        start_clock(session, tenant_id=acme.tenant_id, at=NOON)


@pytest.mark.parametrize(
    "others",
    [{"public_url": "https://billing.example"}, {"stripe_secret_key": "sk_live_1"}, {"stripe_secret_key": "rk_live_1"}],
)
def test_where_real_customers_are_test_clocks_cannot_be_turned_on(others: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="for development"):
        Settings(test_clocks=True, **others)  # type: ignore[arg-type]
