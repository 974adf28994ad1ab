"""Demonstration data: half a year of a seller and its customers, written through the services all else uses.

Everything follows from the date it is seeded on and one seed, so two runs on a day give the same bills.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import partial

from sqlmodel import Session, select

from models import Role, Tenant
from services.assets.snapshots import record_snapshot
from services.closing.close import close_if_due
from services.demo.customers import (
    CUSTOMERS,
    NEWCOMER,
    NEWCOMER_BILLED_TO,
    NEWCOMER_EMAIL,
    NEWCOMER_TIMEZONE,
    DemoCustomer,
    bill_demo_customer,
    register_demo_seller,
)
from services.demo.gain_share import DemoGainShare
from services.identity import create_tenant, create_user
from services.invoices.finding import list_invoices, mark_invoice_paid
from services.metering import UsageInput, record_usage
from services.price_books.books import load_shipped_books
from services.rules.periods import check_timezone, period_at
from services.rules.quantities import MICRO
from services.subscriptions.starting import create_subscription

SEED = 20_261_120
MONTHS_BACK = 6
DAYS_INTO_PERIOD = 20
"""How far into the running period the demonstration begins: late enough for an alert."""

PASSWORD = "tally-demo-2026"  # noqa: S105 — printed on the screen and in the README
PAID_AFTER = timedelta(days=26)
WEEKEND_PCT = 45
HOURS = (7, 9, 10, 11, 13, 14, 15, 16, 18, 21)


@dataclass(frozen=True, slots=True)
class DemoLogin:
    """Who can sign in to the demonstration, and what they see."""

    email: str
    password: str
    who: str


OPERATOR = "operator@tallystick.example"


@dataclass(frozen=True, slots=True)
class _Work:
    """One kind of work: how much of the credits goes to it (percent), in how many events a day, at what rate."""

    event_type: str
    share_pct: int
    events_a_day: int
    credits_per_unit: int
    unit_micro: int
    """The smallest step of units, in millionths: tokens come in ones of a thousand, jobs are whole."""


WORK = (
    _Work("LLM_token_usage", 41, 14, 1, MICRO // 1_000),
    _Work("vision_frame_batch", 24, 8, 5, MICRO // 100),
    _Work("optimizer_job", 20, 4, 500, MICRO),
    _Work("simulator_run", 15, 3, 1_000, MICRO),
)


def demo_logins() -> tuple[DemoLogin, ...]:
    """The logins, for whoever prints them."""
    people = [
        DemoLogin(email, PASSWORD, f"{customer.name}, {role.value.replace('_', ' ')}")
        for customer in CUSTOMERS
        for email, role in customer.logins
    ]
    newcomer = DemoLogin(NEWCOMER_EMAIL, PASSWORD, f"{NEWCOMER}, owner: no plan yet")
    return (*people, newcomer, DemoLogin(OPERATOR, PASSWORD, "operator: every customer"))


def is_seeded(session: Session) -> bool:
    """Whether there is any customer already; the demonstration is only put into an empty database."""
    return session.exec(select(Tenant.id).limit(1)).first() is not None


def seed_demo(session: Session, *, at: datetime) -> tuple[DemoLogin, ...]:
    """Write the demonstration as it would have happened up to `at`; nothing where there are customers already."""
    if is_seeded(session):
        return ()
    load_shipped_books(session, at=at)
    ours = create_user(session, email=OPERATOR, password=PASSWORD, is_operator=True, at=at)
    register_demo_seller(session, at=_told_from(at))
    newcomer = create_tenant(session, name=NEWCOMER, currency="CAD", timezone=NEWCOMER_TIMEZONE, at=at)
    bill_demo_customer(session, tenant_id=newcomer.id, details=NEWCOMER_BILLED_TO, at=at)
    create_user(session, email=NEWCOMER_EMAIL, password=PASSWORD, tenant_id=newcomer.id, role=Role.OWNER, at=at)
    for number, customer in enumerate(CUSTOMERS):
        chance = random.Random(SEED + number)  # noqa: S311 — made up, not secret
        _Story(session, customer, chance, at, operator_id=ours.id).tell()
    return demo_logins()


class _Story:
    """One customer's half year, a day at a time."""

    def __init__(
        self, session: Session, customer: DemoCustomer, chance: random.Random, at: datetime, *, operator_id: str
    ) -> None:
        self._session = session
        self._customer = customer
        self._chance = chance
        self._until = at
        self._operator_id = operator_id
        self._zone = check_timezone(customer.timezone)
        self._started = _first_day(at, self._zone)

    def tell(self) -> None:
        begun = self._at(self._started, 6)
        tenant = create_tenant(
            self._session, name=self._customer.name, currency="CAD", timezone=self._customer.timezone, at=begun
        )
        self._tenant_id = tenant.id
        bill_demo_customer(self._session, tenant_id=tenant.id, details=self._customer.billed_to, at=begun)
        people = [
            create_user(self._session, email=email, password=PASSWORD, tenant_id=tenant.id, role=role, at=begun)
            for email, role in self._customer.logins
        ]
        subscription = create_subscription(
            self._session, tenant_id=tenant.id, plan_code=self._customer.plan, start_date=self._started, at=begun
        )
        self._subscription_id, self._anchor = subscription.id, subscription.anchor_at
        gain_share = self._gain_share([user.id for user in people])
        for number, day in enumerate(self._days()):
            night = min(self._at(day, 3), self._until)
            self._close_and_collect(night)
            if gain_share is not None:
                gain_share.tell_of_day(self._session, day, at=night)
            if number % 7 == 0:
                self._count_assets(number // 7, night)
            self._work_through(day)
        self._close_and_collect(self._until)
        if gain_share is not None:
            gain_share.tell_rest(self._session, at=self._until)

    def _gain_share(self, people: list[str]) -> DemoGainShare | None:
        if not self._customer.has_gain_share:
            return None
        owner, finance = people
        until = self._until.astimezone(self._zone).date()
        return DemoGainShare.of(self._tenant_id, our_user=self._operator_id, owner=owner, finance=finance, until=until)

    def _days(self) -> Iterator[date]:
        last = self._until.astimezone(self._zone).date()
        for offset in range((last - self._started).days + 1):
            yield self._started + timedelta(days=offset)

    def _at(self, day: date, hour: int, minute: int = 0) -> datetime:
        return datetime.combine(day, time(hour, minute), self._zone).astimezone(UTC)

    def _close_and_collect(self, at: datetime) -> None:
        close_if_due(self._session, tenant_id=self._tenant_id, subscription_id=self._subscription_id, at=at)
        for invoice in list_invoices(self._session, tenant_id=self._tenant_id):
            if invoice.paid_at is None and invoice.issued_at + PAID_AFTER <= at:
                reference = f"EFT {invoice.issued_at:%y%m}-{invoice.number:04d}"
                mark_invoice_paid(
                    self._session, tenant_id=self._tenant_id, invoice_id=invoice.id, reference=reference, at=at
                )

    def _count_assets(self, week: int, at: datetime) -> None:
        total = self._customer.assets + week * self._customer.asset_step + self._chance.randrange(-3, 4)
        sites = self._customer.sites
        share = total // len(sites)
        breakdown = dict.fromkeys(sites, share) | {sites[0]: total - share * (len(sites) - 1)}
        record_snapshot(
            self._session, tenant_id=self._tenant_id, asset_count=total, site_breakdown=breakdown, captured_at=at, at=at
        )

    def _work_through(self, day: date) -> None:
        credits_today = self._credits_on(day)
        events = [event for work in WORK for event in self._events(work, day, credits_today * work.share_pct // 100)]
        past = [event for event in events if event.occurred_at is not None and event.occurred_at <= self._until]
        past.sort(key=lambda event: event.occurred_at or self._until)
        evening = min(self._at(day, 23, 59), self._until)
        record_usage(self._session, tenant_id=self._tenant_id, events=past, at=evening)

    def _credits_on(self, day: date) -> int:
        """A day's part of its month's credits: less at weekends, and never quite the same."""
        period = period_at(self._anchor, self._customer.timezone, self._at(day, 12))
        month = self._customer.credits_by_month[min(period.index, MONTHS_BACK)]
        even = month // (period.ends_at - period.starts_at).days
        weekday = WEEKEND_PCT if day.weekday() >= 5 else 122
        return even * weekday * self._chance.randrange(88, 113) // 10_000

    def _events(self, work: _Work, day: date, credits: int) -> Iterator[UsageInput]:
        shares = [self._chance.randrange(40, 161) for _ in range(work.events_a_day)]
        make = partial(UsageInput, self._subscription_id, work.event_type)
        for number, share in enumerate(shares):
            units_micro = credits * MICRO * share // (sum(shares) * work.credits_per_unit)
            units_micro -= units_micro % work.unit_micro
            moment = self._at(day, self._chance.choice(HOURS), self._chance.randrange(60))
            site = self._chance.choice(self._customer.sites)
            if units_micro:
                event_id = f"demo-{day:%Y%m%d}-{work.event_type}-{number}"
                yield make(units_micro, event_id=event_id, occurred_at=moment, site=site)


def _told_from(at: datetime) -> datetime:
    """Before any customer's first day, wherever it is."""
    return datetime.combine(_first_day(at, UTC) - timedelta(days=2), time(), UTC)


def _first_day(at: datetime, zone: tzinfo) -> date:
    return _months_before(at.astimezone(zone).date() - timedelta(days=DAYS_INTO_PERIOD), MONTHS_BACK)


def _months_before(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 - months, 12)
    return date(day.year + years, month + 1, min(day.day, 28))
