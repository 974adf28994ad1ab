"""Which events are taken: a known meter and site, a live subscription, a time it may have happened in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from models import BillingPeriod, Site, Subscription, SubscriptionStatus, Tenant
from services.errors import (
    EventBeforeSubscription,
    EventInFuture,
    EventTooOld,
    InvalidUnits,
    SubscriptionConflict,
    UnknownEventType,
    UnknownSite,
)
from services.plans import Meter, Plan
from services.price_books import plan_version
from services.rules.periods import Period, business_date, day_bounds, period_at
from services.rules.quantities import credits_for
from services.rules.violations import RuleViolation
from services.subscriptions import open_period, plan_of, read_subscription

if TYPE_CHECKING:
    from services.metering import UsageInput

MINUTES_AHEAD_MAX, DAYS_BACK_MAX = 5, 35
AHEAD_MAX = timedelta(minutes=MINUTES_AHEAD_MAX)
BACK_MAX = timedelta(days=DAYS_BACK_MAX)
METERED = (SubscriptionStatus.TRIALING, SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE)


@dataclass(frozen=True, slots=True)
class Admitted:
    """An event that passed every check, with all that booking it takes. The window is half-open UTC."""

    event: UsageInput
    subscription: Subscription
    plan: Plan
    meter: Meter
    credits_micro: int
    occurred_at: datetime
    day: date
    period_start: datetime
    window: tuple[datetime, datetime]


class Admission:
    """The checks for one run of events of a tenant; what they share is read once."""

    def __init__(self, session: Session, *, tenant: Tenant, at: datetime) -> None:
        self._session = session
        self._tenant = tenant
        self._at = at
        self._sites: frozenset[str] | None = None
        self._calendars: dict[str | None, _Calendar] = {}

    def admit(self, event: UsageInput) -> Admitted:
        """Check one event. Raises the Refusal that names the field and what to do."""
        occurred_at = event.occurred_at or self._at
        self._check_time(occurred_at)
        calendar = self._calendar(event.subscription_id)
        period, plan = calendar.find(occurred_at)
        meter = plan.meters.get(event.event_type)
        if meter is None:
            known = ", ".join(plan.meters)
            raise UnknownEventType(f"{plan.name} does not meter this; event types: {known}.", field="event_type")
        self._check_site(event.site)
        day = business_date(occurred_at, self._tenant.timezone)
        return Admitted(
            event=event,
            subscription=calendar.subscription,
            plan=plan,
            meter=meter,
            credits_micro=_credits(event.units_micro, meter),
            occurred_at=occurred_at,
            day=day,
            period_start=period.starts_at,
            window=self._window(plan, meter, day, period),
        )

    def _check_time(self, occurred_at: datetime) -> None:
        if occurred_at > self._at + AHEAD_MAX:
            raise EventInFuture(
                f"occurred_at is more than {MINUTES_AHEAD_MAX} minutes ahead of our clock; send when it happened.",
                field="occurred_at",
            )
        if occurred_at < self._at - BACK_MAX:
            raise EventTooOld(
                f"occurred_at is more than {DAYS_BACK_MAX} days ago; agree a correction with us instead.",
                field="occurred_at",
            )

    def _check_site(self, site: str | None) -> None:
        if site is None:
            return
        if self._sites is None:
            statement = select(Site.code).where(Site.tenant_id == self._tenant.id)
            self._sites = frozenset(self._session.exec(statement))
        if site not in self._sites:
            known = ", ".join(sorted(self._sites)) or "none is registered yet"
            raise UnknownSite(f"There is no such site; known: {known}. Add a site before metering it.", field="site")

    def _calendar(self, subscription_id: str | None) -> _Calendar:
        if subscription_id not in self._calendars:
            subscription = read_subscription(self._session, tenant_id=self._tenant.id, subscription_id=subscription_id)
            if subscription.status not in METERED:
                raise SubscriptionConflict(
                    f"The subscription is {subscription.status}; usage is metered again once it is active.",
                    field="subscription_id",
                )
            self._calendars[subscription_id] = _Calendar(
                self._session, subscription=subscription, timezone=self._tenant.timezone, at=self._at
            )
        return self._calendars[subscription_id]

    def _window(self, plan: Plan, meter: Meter, day: date, period: Period) -> tuple[datetime, datetime]:
        """What one allowance of the event's pool lasts: the period, or the part of the business day inside it."""
        if not plan.pools[meter.pool].resets_daily:
            return period.starts_at, period.ends_at
        starts_at, ends_at = day_bounds(day, self._tenant.timezone)
        return max(starts_at, period.starts_at), min(ends_at, period.ends_at)


class _Calendar:
    """The periods of one subscription that events may still fall in; one that has begun is opened on first use."""

    def __init__(self, session: Session, *, subscription: Subscription, timezone: str, at: datetime) -> None:
        self.subscription = subscription
        self._session = session
        self._timezone = timezone
        self._at = at
        reachable = (
            select(BillingPeriod)
            .where(
                BillingPeriod.tenant_id == subscription.tenant_id,
                BillingPeriod.subscription_id == subscription.id,
                col(BillingPeriod.ends_at) > at - BACK_MAX,
            )
            .order_by(col(BillingPeriod.starts_at).desc())
        )
        self._periods = [
            (Period(0, row.starts_at, row.ends_at), plan_version(session, version_id=row.plan_version_id))
            for row in session.exec(reachable)
        ]

    def find(self, occurred_at: datetime) -> tuple[Period, Plan]:
        """The period of a moment and the plan version it is rated with. Raises EventBeforeSubscription."""
        for period, plan in self._periods:
            if occurred_at in period:
                return period, plan
        if occurred_at < self.subscription.started_at:
            raise EventBeforeSubscription(
                f"occurred_at is before the subscription began, {self.subscription.started_at:%Y-%m-%dT%H:%M:%SZ}.",
                field="occurred_at",
            )
        return self._open(occurred_at)

    def _open(self, occurred_at: datetime) -> tuple[Period, Plan]:
        period = period_at(self.subscription.anchor_at, self._timezone, occurred_at)
        plan = plan_of(self._session, self.subscription)
        open_period(self._session, subscription=self.subscription, plan=plan, period=period, at=self._at)
        self._periods.insert(0, (period, plan))
        return period, plan


def _credits(units_micro: int, meter: Meter) -> int:
    try:
        return credits_for(units_micro, meter.credits_per_unit)
    except RuleViolation as violation:
        raise InvalidUnits(violation.message, field="units") from violation
