"""Time travel: a customer's own now, so that a year of billing can be walked in a test or a demonstration.

Only where the settings allow it, which they never do where real customers are. A clock runs on as ours does, ahead by
what it was set forward; so whatever is due by our time is due by the customer's too, and no job can come too early.
What falls due as it is set forward is done on the way, at its own moment: `app/time_travel.py`.
"""

from datetime import datetime, timedelta

from sqlmodel import Session, select

from models import StripeCustomer, TenantClock
from services.errors import Conflict, Forbidden, NotFound, Unprocessable
from services.settings import settings
from services.tenants import lock_head, read_tenant

AHEAD_MAX = timedelta(days=10 * 366)
_MICROSECOND = timedelta(microseconds=1)


def clocks_are_allowed() -> bool:
    """Whether customers may have a time of their own here."""
    return settings().test_clocks


def start_clock(session: Session, *, tenant_id: str, at: datetime) -> TenantClock:
    """Give a customer a time of its own, which is ours until it is set forward. Starting it again changes nothing.

    Raises Forbidden where test clocks are off, NotFound, and Conflict for a customer whom the payment provider knows
    already: it lives by the provider's time.
    """
    _check_allowed()
    read_tenant(session, tenant_id=tenant_id)
    lock_head(session, tenant_id=tenant_id)
    clock = find_clock(session, tenant_id=tenant_id)
    if clock is not None:
        return clock
    known = session.exec(select(StripeCustomer.stripe_id).where(StripeCustomer.tenant_id == tenant_id)).first()
    if known is not None:
        raise Conflict(
            "This customer pays through the payment provider already and lives by its time. Start the clock of a "
            "customer before the first payment."
        )
    clock = TenantClock(tenant_id=tenant_id, started_at=at)
    session.add(clock)
    session.flush()
    return clock


def set_clock(session: Session, *, tenant_id: str, to: datetime, at: datetime) -> TenantClock:
    """Let it be `to` for a customer, while it is `at` for us. A clock is never set back: an earlier time does nothing.

    Raises Forbidden where test clocks are off, NotFound where the customer has none, and Unprocessable for a time more
    than AHEAD_MAX ahead.
    """
    lock_head(session, tenant_id=tenant_id)
    clock = read_clock(session, tenant_id=tenant_id)
    if to - at > AHEAD_MAX:
        raise Unprocessable("A test clock goes ten years ahead at most.", field="to")
    clock.ahead_us = max(clock.ahead_us, (to - at) // _MICROSECOND)
    clock.moved_at = at
    session.add(clock)
    session.flush()
    return clock


def link_clock(session: Session, *, tenant_id: str, stripe_clock_id: str) -> None:
    """Note which test clock the customer lives by at the payment provider."""
    clock = read_clock(session, tenant_id=tenant_id)
    clock.stripe_clock_id = stripe_clock_id
    session.add(clock)
    session.flush()


def read_clock(session: Session, *, tenant_id: str) -> TenantClock:
    """The customer's clock. Raises Forbidden where test clocks are off, and NotFound where the customer has none."""
    _check_allowed()
    clock = find_clock(session, tenant_id=tenant_id)
    if clock is None:
        raise NotFound("This customer has no test clock; start one first.", field="tenant_id")
    return clock


def find_clock(session: Session, *, tenant_id: str) -> TenantClock | None:
    """The customer's clock as it stands; None where it has none."""
    return session.get(TenantClock, tenant_id, populate_existing=True)


def now_of(session: Session, *, tenant_id: str, at: datetime) -> datetime:
    """What time it is for a customer while it is `at` for us."""
    if not clocks_are_allowed():
        return at
    ahead_us = session.exec(select(TenantClock.ahead_us).where(TenantClock.tenant_id == tenant_id)).first()
    return at + timedelta(microseconds=ahead_us or 0)


def _check_allowed() -> None:
    if not clocks_are_allowed():
        raise Forbidden("Test clocks are off here. They are for development: set TALLYSTICK_TEST_CLOCKS=true.")
