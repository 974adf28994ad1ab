"""Which events are taken: a known meter and site, a live subscription, a time it may have happened in."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from sqlmodel import Session, col, select

from models import BillingPeriod, Site, Subscription, SubscriptionStatus
from services.closing.period_ends import awaits_last_close
from services.errors import (
    EventBeforeSubscription,
    EventInFuture,
    EventTooOld,
    InvalidUnits,
    SubscriptionConflict,
    UnknownEventType,
    UnknownSite,
)
from services.price_books.books import plan_version
from services.price_books.plans import Plan
from services.rules.periods import Period, business_date, day_bounds, period_at
from services.rules.violations import RuleViolation
from services.subscriptions.finding import read_subscription
from services.subscriptions.scheduled_changes import stops_at, terms_from
from services.subscriptions.starting import open_period
from services.usage.lanes import Lane

if TYPE_CHECKING:
    from services.metering import UsageInput

MINUTES_AHEAD_MAX, DAYS_BACK_MAX = 5, 35
AHEAD_MAX = timedelta(minutes=MINUTES_AHEAD_MAX)
BACK_MAX = timedelta(days=DAYS_BACK_MAX)
METERED = (SubscriptionStatus.TRIALING, SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE)


class Admitted(NamedTuple):
    """An event that passed every check: the lane it goes in, the credits it burns, when it happened."""

    event: UsageInput
    lane: Lane
    credits_micro: int
    occurred_at: datetime


class Admission:
    """The checks for events of a tenant, run after run; what they share is read once."""

    def __init__(self, *, tenant_id: str, timezone: str) -> None:
        self._tenant_id = tenant_id
        self._timezone = timezone
        self._sites: frozenset[str] | None = None
        self._calendars: dict[str, _Calendar] = {}
        self._by_site: dict[str | None, _Calendar] = {}
        self.lanes_opened = 0
        self.periods_opened = 0

    def begin(self, session: Session, at: datetime) -> None:
        """Admit from here on in this transaction, at this moment."""
        self._session = session
        self._at = at
        self._latest = at + AHEAD_MAX
        self._earliest = at - BACK_MAX

    def admit(self, event: UsageInput) -> Admitted:
        """Check one event. Raises the Refusal that names the field and what to do."""
        occurred_at = event.occurred_at or self._at
        if not self._earliest <= occurred_at <= self._latest:
            self._refuse_time(occurred_at)
        calendar = self._calendar_of(event.subscription_id, event.site)
        lane = calendar.find_lane(event.event_type, occurred_at)
        if lane is None:
            lane = self._open_lane(calendar, event.event_type, occurred_at)
        if event.site is not None and (self._sites is None or event.site not in self._sites):
            self._check_site(event.site)
        try:
            credits_micro = lane.credits(event.units_micro)
        except RuleViolation as violation:
            raise InvalidUnits(violation.message, field="units") from violation
        return Admitted(event, lane, credits_micro, occurred_at)

    def _refuse_time(self, occurred_at: datetime) -> None:
        if occurred_at > self._latest:
            raise EventInFuture(
                f"occurred_at is more than {MINUTES_AHEAD_MAX} minutes ahead of our clock; send when it happened.",
                field="occurred_at",
            )
        raise EventTooOld(
            f"occurred_at is more than {DAYS_BACK_MAX} days ago; agree a correction with us instead.",
            field="occurred_at",
        )

    def _check_site(self, site: str) -> None:
        if self._sites is None:
            statement = select(Site.code).where(Site.tenant_id == self._tenant_id)
            self._sites = frozenset(self._session.exec(statement))
        if site not in self._sites:
            known = ", ".join(sorted(self._sites)) or "none is registered yet"
            raise UnknownSite(f"There is no such site; known: {known}. Add a site before metering it.", field="site")

    def _calendar_of(self, subscription_id: str | None, site: str | None) -> _Calendar:
        """The calendar of the subscription that is named, else of the one that use of the site is for."""
        if subscription_id is None:
            if site not in self._by_site:
                if site is not None:
                    self._check_site(site)
                self._by_site[site] = self._calendar(None, site)
            return self._by_site[site]
        calendar = self._calendars.get(subscription_id) or self._calendar(subscription_id, site)
        if calendar.site is not None and site is not None and site != calendar.site:
            raise SubscriptionConflict(
                f"Subscription {subscription_id} is for site {calendar.site}; meter {site} for another.", field="site"
            )
        return calendar

    def _calendar(self, subscription_id: str | None, site: str | None) -> _Calendar:
        subscription = read_subscription(
            self._session, tenant_id=self._tenant_id, subscription_id=subscription_id, site=site
        )
        if subscription.status not in METERED and not awaits_last_close(self._session, subscription):
            if subscription.canceled_at is not None:
                raise SubscriptionConflict(_over(subscription), field="subscription_id")
            raise SubscriptionConflict(
                f"The subscription is {subscription.status}; usage is metered again once it is active.",
                field="subscription_id",
            )
        if subscription.id not in self._calendars:
            self._calendars[subscription.id] = _Calendar(
                self._session, subscription=subscription, timezone=self._timezone, at=self._at
            )
        return self._calendars[subscription.id]

    def _open_lane(self, calendar: _Calendar, event_type: str, occurred_at: datetime) -> Lane:
        period, plan = calendar.find_period(occurred_at) or self._open_period(calendar, occurred_at)
        if event_type not in plan.meters:
            known = ", ".join(plan.meters)
            raise UnknownEventType(f"{plan.name} does not meter this; event types: {known}.", field="event_type")
        self.lanes_opened += 1
        return calendar.open_lane(plan, event_type, period, business_date(occurred_at, self._timezone))

    def _open_period(self, calendar: _Calendar, occurred_at: datetime) -> tuple[Period, Plan]:
        self.periods_opened += 1
        return calendar.open_period(self._session, occurred_at, self._at)


class _Calendar:
    """The periods of one subscription that events may still fall in, and the lanes of each event type in them.

    A period that has begun is opened on first use.
    """

    def __init__(self, session: Session, *, subscription: Subscription, timezone: str, at: datetime) -> None:
        self._subscription = subscription
        self.site = subscription.site
        self._timezone = timezone
        self._lanes: dict[str, list[Lane]] = {}
        self._stops_at = stops_at(session, subscription=subscription)
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

    def find_lane(self, event_type: str, occurred_at: datetime) -> Lane | None:
        for lane in self._lanes.get(event_type, ()):
            if lane.starts_at <= occurred_at < lane.ends_at:
                return lane
        return None

    def open_lane(self, plan: Plan, event_type: str, period: Period, day: date) -> Lane:
        """The lane of one business day, as far as it falls in the period."""
        starts_at, ends_at = day_bounds(day, self._timezone)
        lane = Lane(
            subscription=self._subscription,
            plan=plan,
            meter=plan.meters[event_type],
            period=(period.starts_at, period.ends_at),
            day=day,
            bounds=(max(starts_at, period.starts_at), min(ends_at, period.ends_at)),
        )
        self._lanes.setdefault(event_type, []).insert(0, lane)
        return lane

    def find_period(self, occurred_at: datetime) -> tuple[Period, Plan] | None:
        """The period of a moment and the plan version it is rated with; None where it is not open yet.

        Raises EventBeforeSubscription, and SubscriptionConflict from the end of the subscription on.
        """
        for period, plan in self._periods:
            if occurred_at in period:
                return period, plan
        if occurred_at < self._subscription.started_at:
            raise EventBeforeSubscription(
                f"occurred_at is before the subscription began, {self._subscription.started_at:%Y-%m-%dT%H:%M:%SZ}.",
                field="occurred_at",
            )
        ended_at = self._subscription.canceled_at
        if ended_at is not None and occurred_at >= ended_at:
            raise SubscriptionConflict(_over(self._subscription), field="occurred_at")
        if self._stops_at is not None and occurred_at >= self._stops_at:
            raise SubscriptionConflict(
                f"The subscription ends or pauses at {self._stops_at:%Y-%m-%dT%H:%M:%SZ}, as it was asked to; use from "
                "then on is not metered.",
                field="occurred_at",
            )
        return None

    def open_period(self, session: Session, occurred_at: datetime, at: datetime) -> tuple[Period, Plan]:
        """Open the period a moment falls in, with its allowances."""
        period = period_at(self._subscription.anchor_at, self._timezone, occurred_at)
        if self._subscription.canceled_at is not None:
            period = Period(period.index, period.starts_at, min(period.ends_at, self._subscription.canceled_at))
        plan = terms_from(session, subscription=self._subscription, starts_at=period.starts_at).plan
        open_period(session, subscription=self._subscription, plan=plan, period=period, at=at)
        self._periods.insert(0, (period, plan))
        return period, plan


def _over(subscription: Subscription) -> str:
    return f"The subscription ended at {subscription.canceled_at:%Y-%m-%dT%H:%M:%SZ}; use after that is not metered."
