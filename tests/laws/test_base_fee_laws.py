"""Terms of the base fee follow each other without gap or overlap, wherever periods are cut and a trial ends."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session, select

from models import Interval, InvoiceLine, LineKind
from services.closing.close import close_period, preview_invoice
from services.database import transaction
from services.errors import Refusal
from services.identity import create_tenant
from services.price_books.books import load_shipped_books
from services.rules.periods import period_at, term_end
from services.subscriptions.finding import plan_of, read_subscription
from services.subscriptions.plan_changes import change_plan
from services.subscriptions.starting import create_subscription

START = datetime(2023, 12, 31, 23, 17, 5, tzinfo=UTC)
ZONES = st.sampled_from(["UTC", "America/Toronto", "Australia/Lord_Howe", "Pacific/Kiritimati"])
HOUR = timedelta(hours=1)


@settings(max_examples=12)
@given(
    zone=ZONES,
    interval=st.sampled_from(list(Interval)),
    trial_days=st.sampled_from([None, 1, 14, 30, 45]),
    forced=st.lists(st.integers(0, 26 * 30 * 24), max_size=6).map(sorted),
)
def test_every_moment_is_paid_for_once(
    sqlite_engine: Engine, zone: str, interval: Interval, trial_days: int | None, forced: list[int]
) -> None:
    end = START + timedelta(days=26 * 30)
    with transaction(sqlite_engine) as session:
        load_shipped_books(session, at=START)
        tenant = create_tenant(session, name=f"Acme {uuid4()}", currency="CAD", timezone=zone, at=START)
        trial_ends_at = None if trial_days is None else START + timedelta(days=trial_days)
        subscription = create_subscription(
            session, tenant_id=tenant.id, plan_code="PRO", interval=interval, started_at=START,
            trial_ends_at=trial_ends_at, at=START,
        )  # fmt: skip
        for moment in (*(START + timedelta(hours=hours, microseconds=7) for hours in forced), end):
            _close_until(session, tenant.id, moment)
            if moment is not end:
                _close_as_shown(session, tenant.id, at=moment, force=True)
        terms = _terms(session, tenant.id)
        ran = read_subscription(session, tenant_id=tenant.id)
        first = subscription.trial_ends_at or START
        starts, ends = [start for start, _ in terms], [end for _, end in terms]
        assert starts == [first, *(_cut(session, ends[:-1], starts[1:], interval))]
        assert ran.base_paid_until == ends[-1]
        assert ends[-1] > ran.current_period_start
        if interval == Interval.YEAR:
            assert all(timedelta(days=364) < end - start < timedelta(days=368) for start, end in terms)
            assert len(terms) == 1 + sum(end <= ran.current_period_start for end in ends)


@settings(max_examples=12)
@given(
    zone=ZONES,
    forced=st.lists(st.integers(0, 15 * 30 * 24), min_size=1, max_size=5, unique=True).map(sorted),
    acts=st.lists(
        st.tuples(st.integers(0, 15 * 30 * 24), st.sampled_from(["month", "year", "dearer", "cheaper"])), max_size=4
    ),
)
def test_a_year_is_followed_where_it_ends_whatever_is_forced_or_changed(
    sqlite_engine: Engine, zone: str, forced: list[int], acts: list[tuple[int, str]]
) -> None:
    end = START + timedelta(days=27 * 30)
    steps = sorted([*((hours, "force") for hours in forced), *acts])
    with transaction(sqlite_engine) as session:
        load_shipped_books(session, at=START)
        tenant = create_tenant(session, name=f"Acme {uuid4()}", currency="CAD", timezone=zone, at=START)
        create_subscription(
            session, tenant_id=tenant.id, plan_code="PRO", interval=Interval.YEAR, started_at=START, at=START
        )
        for hours, act in steps:
            moment = START + timedelta(hours=hours, microseconds=7)
            _close_until(session, tenant.id, moment)
            with suppress(Refusal):
                _do(session, tenant.id, act, moment)
        _close_until(session, tenant.id, end)
        terms = _terms_with_changes(session, tenant.id)
        assert terms[0][0] == START
        for before, after in pairwise(terms):
            is_year = before[1] - before[0] > timedelta(days=360)
            if is_year or after[1] - after[0] > timedelta(days=360):
                assert before[1] == after[0]
            assert after[0] <= before[1]


def _do(session: Session, tenant_id: str, act: str, at: datetime) -> None:
    if act == "force":
        _close_as_shown(session, tenant_id, at=at, force=True)
        return
    plan = {"dearer": "ENTERPRISE", "cheaper": "STARTER"}.get(act)
    subscription = read_subscription(session, tenant_id=tenant_id)
    interval = Interval(act) if plan is None else subscription.interval
    plan = plan or plan_of(session, subscription).code
    change_plan(session, tenant_id=tenant_id, plan_code=plan, interval=interval, at=at)


def _close_until(session: Session, tenant_id: str, moment: datetime) -> None:
    while read_subscription(session, tenant_id=tenant_id).current_period_end + HOUR <= moment:
        _close_as_shown(session, tenant_id, at=moment, force=False)


def _close_as_shown(session: Session, tenant_id: str, *, at: datetime, force: bool) -> None:
    """What is shown before a close is what is billed, where the period is not cut."""
    subscription = read_subscription(session, tenant_id=tenant_id)
    shown = preview_invoice(session, tenant_id=tenant_id, at=at).invoice.total_minor
    is_cut = force and at < subscription.current_period_end
    invoice = close_period(session, tenant_id=tenant_id, at=at, force=force)
    assert is_cut or invoice.total_minor == shown


def _terms(session: Session, tenant_id: str) -> list[tuple[datetime, datetime]]:
    statement = select(InvoiceLine).where(InvoiceLine.tenant_id == tenant_id, InvoiceLine.kind == LineKind.BASE)
    return sorted((line.period_start, line.period_end) for line in session.exec(statement))


def _terms_with_changes(session: Session, tenant_id: str) -> list[tuple[datetime, datetime]]:
    """Terms that were charged, also by a change within them: a year takes the place of the month that began with it."""
    statement = select(InvoiceLine).where(InvoiceLine.tenant_id == tenant_id, InvoiceLine.kind == LineKind.PRORATION)
    changed = [line.sources["term"] for line in session.exec(statement) if line.sources["part"] == "rest"]
    ends = dict(_terms(session, tenant_id))
    for term in changed:
        start, end = (datetime.fromisoformat(term[edge]) for edge in ("start", "end"))
        ends[start] = max(end, ends.get(start, end))
    return sorted(ends.items())


def _cut(session: Session, ends: list[datetime], starts: list[datetime], interval: Interval) -> list[datetime]:
    """Where each next term must start: where the one before ends, but that a month ends early where it was cut."""
    if interval == Interval.YEAR:
        return ends
    return [min(end, start) for end, start in zip(ends, starts, strict=True)]


@given(
    zone=ZONES,
    anchor=st.integers(0, 10 * 365 * 24 * 60).map(
        lambda minutes: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
    months=st.integers(0, 60),
)
def test_a_year_from_a_boundary_ends_on_the_boundary_twelve_periods_on(
    zone: str, anchor: datetime, months: int
) -> None:
    starts_at = anchor
    for _ in range(months % 7):
        starts_at = period_at(anchor, zone, starts_at).ends_at
    ends_at = term_end(anchor, zone, starts_at, 12)
    period = period_at(anchor, zone, starts_at)
    for _ in range(11):
        period = period_at(anchor, zone, period.ends_at)
    assert ends_at == period.ends_at


def test_leap_days_come_back_and_other_ends_are_clipped() -> None:
    leap = datetime(2024, 2, 29, 12, tzinfo=UTC)
    end = leap
    for _ in range(4):
        end = term_end(leap, "UTC", end, 12)
    assert end == datetime(2028, 2, 29, 12, tzinfo=UTC)
    off_grid = datetime(2024, 2, 29, 13, tzinfo=UTC)
    assert term_end(leap, "UTC", off_grid, 12) == datetime(2025, 2, 28, 13, tzinfo=UTC)
