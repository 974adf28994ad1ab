"""Whose deadline is over: by each customer's own time, in its own time zone, and for all customers in one question."""

from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement
from sqlmodel import Session, and_, col, false, or_, select

from models import GainShareRun, Tenant, TenantClock
from services.rules.periods import business_date
from services.tenant_clocks import clocks_are_allowed


class OwnDays:
    """Which day it is for each customer while it is `at` for us: some have a clock of their own."""

    def __init__(self, session: Session, *, at: datetime) -> None:
        self._at = at
        clocks = session.exec(select(TenantClock.tenant_id, TenantClock.ahead_us)) if clocks_are_allowed() else ()
        self._ahead = {tenant_id: timedelta(microseconds=ahead_us) for tenant_id, ahead_us in clocks}
        self._by_our_time: dict[date, list[str]] = {}
        for zone in session.exec(select(Tenant.timezone).distinct()):
            self._by_our_time.setdefault(business_date(at, zone), []).append(zone)
        self._by_their_own: dict[date, list[str]] = {}
        for tenant in session.exec(select(Tenant).where(col(Tenant.id).in_(self._ahead))):
            self._by_their_own.setdefault(self.day_of(tenant), []).append(tenant.id)

    def day_of(self, tenant: Tenant) -> date:
        """The customer's today."""
        return business_date(self._at + self._ahead.get(tenant.id, timedelta()), tenant.timezone)

    def is_past(self) -> ColumnElement[bool]:
        """Whether a run's deadline is before its customer's today; asked of runs joined with their customers."""
        deadline = col(GainShareRun.deadline_on)
        ours = [
            and_(col(Tenant.timezone).in_(zones), col(Tenant.id).not_in(self._ahead), deadline < day)
            for day, zones in self._by_our_time.items()
        ]
        own = [and_(col(Tenant.id).in_(ids), deadline < day) for day, ids in self._by_their_own.items()]
        return or_(false(), *ours, *own)
