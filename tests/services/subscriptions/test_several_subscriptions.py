"""A customer with several subscriptions: which one use, assets, limits and bills are of."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from models import Interval, Subscription, SubscriptionStatus, UsageEvent
from services import errors
from services.assets.snapshots import add_site, read_site_room, record_snapshot
from services.closing.close import close_period, preview_invoice
from services.closing.due_periods import due_subscriptions
from services.credits.check import check_credits
from services.credits.reservations import reserve_credits
from services.invoices.finding import list_invoices
from services.limits import read_limits
from services.rules.quantities import MICRO
from services.spending.controls import read_spend_control, set_spend_cap
from services.standing import read_standing
from services.subscriptions.ends import end_subscription
from services.subscriptions.finding import list_subscriptions, live_subscription, read_subscription
from services.subscriptions.starting import create_subscription
from tests.given import FIRST_OF_NOVEMBER, NOON, assert_books_agree, customer, event, metered, refused

DECEMBER = datetime(2026, 12, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Several:
    """A main subscription on PRO, a team's on STARTER, and one on STARTER for the site `plant-2`."""

    tenant_id: str
    main: str
    team: str
    plant: str


@pytest.fixture
def several(session: Session) -> Several:
    one = customer(session)
    team, plant = (
        create_subscription(
            session,
            tenant_id=one.tenant_id,
            plan_code="STARTER",
            start_date=FIRST_OF_NOVEMBER,
            name=name,
            site=site,
            at=NOON,
        )
        for name, site in (("Team A", None), ("Plant 2", "plant-2"))
    )
    return Several(one.tenant_id, one.subscription_id, team.id, plant.id)


def subscriptions_used(session: Session, tenant_id: str) -> list[str]:
    statement = select(UsageEvent.subscription_id).where(UsageEvent.tenant_id == tenant_id).order_by(UsageEvent.seq)
    return list(session.exec(statement))


def test_use_goes_to_the_one_named_else_its_sites_else_the_main_one(session: Session, several: Several) -> None:
    add_site(session, tenant_id=several.tenant_id, code="plant-1", at=NOON)
    sent = [
        event("1"),
        event("1", site="plant-2"),
        event("1", site="plant-1"),
        event("1")._replace(subscription_id=several.team),
        event("1", site="plant-2")._replace(subscription_id=several.main),
    ]
    for each in sent:
        metered(session, several.tenant_id, each)
    metered(session, several.tenant_id, *sent)
    expected = [several.main, several.plant, several.main, several.team, several.main]
    assert subscriptions_used(session, several.tenant_id) == expected * 2
    assert_books_agree(session, several.tenant_id)


def test_a_sites_subscription_takes_no_other_sites_use(session: Session, several: Several) -> None:
    add_site(session, tenant_id=several.tenant_id, code="plant-1", at=NOON)
    wrong = event("1", site="plant-1")._replace(subscription_id=several.plant)
    refusal = refused(session, several.tenant_id, wrong)
    assert (type(refusal), refusal.field) == (errors.SubscriptionConflict, "site")


def test_without_a_main_one_use_says_which_it_is_of(session: Session, several: Several) -> None:
    end_subscription(session, tenant_id=several.tenant_id, subscription_id=several.main, ended_at=NOON, at=NOON)
    refusal = refused(session, several.tenant_id, event("1"))
    assert isinstance(refusal, errors.SubscriptionUnclear)
    assert set(refusal.members["subscription_ids"]) == {several.team, several.plant}
    assert several.team in refusal.detail
    metered(session, several.tenant_id, event("1", site="plant-2"))
    with pytest.raises(errors.SubscriptionUnclear):
        reserve_credits(session, tenant_id=several.tenant_id, event_type="LLM_token_usage", units_micro=MICRO, at=NOON)
    end_subscription(session, tenant_id=several.tenant_id, subscription_id=several.team, ended_at=NOON, at=NOON)
    metered(session, several.tenant_id, event("1"))
    assert subscriptions_used(session, several.tenant_id) == [several.plant, several.plant]


def test_holds_and_questions_find_the_sites_subscription_too(session: Session, several: Several) -> None:
    asked = {"tenant_id": several.tenant_id, "event_type": "LLM_token_usage", "units_micro": MICRO, "at": NOON}
    held = reserve_credits(session, **asked, site="plant-2")
    assert held.subscription_id == several.plant
    assert reserve_credits(session, **asked).subscription_id == several.main
    assert check_credits(session, **asked, site="plant-2").remaining_micro == 249_999 * MICRO
    assert check_credits(session, **asked).remaining_micro == 999_999 * MICRO


@pytest.mark.parametrize(
    ("name", "site", "refusal", "field"),
    [
        ("", None, errors.SubscriptionConflict, None),
        ("Team A", None, errors.SubscriptionConflict, None),
        ("Another", "plant-2", errors.SubscriptionConflict, None),
        ("", "plant-3", errors.Unprocessable, "name"),
        (" padded", None, errors.Unprocessable, "name"),
        ("x" * 61, None, errors.Unprocessable, "name"),
        ("line\nbreak", None, errors.Unprocessable, "name"),
        ("Fine", "\u0000", errors.Unprocessable, "site"),
    ],
)
def test_a_name_or_site_that_is_taken_or_is_none_is_refused(
    session: Session, several: Several, name: str, site: str | None, refusal: type[errors.Refusal], field: str | None
) -> None:
    with pytest.raises(refusal) as found:
        create_subscription(session, tenant_id=several.tenant_id, plan_code="STARTER", name=name, site=site, at=NOON)
    assert found.value.field == field
    assert len(list_subscriptions(session, tenant_id=several.tenant_id)) == 3


def test_the_table_holds_no_two_live_ones_of_a_name(session: Session, several: Several) -> None:
    of_team = update(Subscription).where(col(Subscription.id) == several.team)
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(of_team.values(name=""))


def test_a_name_is_free_again_once_its_subscription_has_ended(session: Session, several: Several) -> None:
    end_subscription(session, tenant_id=several.tenant_id, subscription_id=several.plant, ended_at=NOON, at=NOON)
    again = create_subscription(
        session, tenant_id=several.tenant_id, plan_code="PRO", name="Plant 2", site="plant-2", at=NOON
    )
    found = live_subscription(session, tenant_id=several.tenant_id, name="Plant 2")
    assert found is not None
    assert found.id == again.id
    listed = [each.id for each in list_subscriptions(session, tenant_id=several.tenant_id)]
    assert listed == [several.main, again.id, several.team, several.plant]


def test_each_is_billed_by_itself(session: Session, several: Several) -> None:
    metered(session, several.tenant_id, event("300000", site="plant-2"), event("10"))
    due = {subscription_id for _, subscription_id in due_subscriptions(session, at=DECEMBER)}
    assert due == {several.main, several.team, several.plant}
    totals = {}
    for subscription_id in due:
        asked = {"tenant_id": several.tenant_id, "subscription_id": subscription_id, "at": DECEMBER}
        previewed = preview_invoice(session, **asked).invoice.total_minor
        totals[subscription_id] = close_period(session, **asked).total_minor
        assert totals[subscription_id] == previewed
    assert totals == {several.main: 900_000, several.team: 400_000, several.plant: 410_000}
    plants = list_invoices(session, tenant_id=several.tenant_id, subscription_id=several.plant)
    assert [each.total_minor for each in plants] == [410_000, 400_000]
    numbers = [each.number for each in list_invoices(session, tenant_id=several.tenant_id)]
    assert numbers == [6, 5, 4, 3, 2, 1]


def test_assets_are_billed_once_each(session: Session, several: Several) -> None:
    record_snapshot(
        session,
        tenant_id=several.tenant_id,
        asset_count=1_550,
        site_breakdown={"plant-1": 1_250, "plant-2": 300},
        at=NOON,
    )
    counted = {
        each: read_standing(session, tenant_id=several.tenant_id, subscription_id=each, at=NOON)
        for each in (several.main, several.team, several.plant)
    }
    assert {
        name: None if facts is None or facts.assets is None else facts.assets.counted for name, facts in counted.items()
    } == {several.main: 1_250, several.team: None, several.plant: 300}
    plant = preview_invoice(session, tenant_id=several.tenant_id, subscription_id=several.plant, at=NOON)
    (assets,) = [line for line in plant.lines if line.kind == "asset_uplift"]
    assert (assets.quantity, assets.amount_minor, assets.sources["site"]) == (100, 30_000, "plant-2")


def test_a_site_with_its_own_subscription_takes_no_room_of_the_main_plan(session: Session, several: Several) -> None:
    room = read_site_room(session, tenant_id=several.tenant_id)
    assert (room.used, room.included) == (0, 4)  # three of PRO and one of the team's STARTER
    for number in range(4):
        add_site(session, tenant_id=several.tenant_id, code=f"more-{number}", at=NOON)
    with pytest.raises(errors.SiteLimitReached):
        add_site(session, tenant_id=several.tenant_id, code="one-too-many", at=NOON)


def test_each_has_limits_of_its_own(session: Session, several: Several) -> None:
    team, main = ({"tenant_id": several.tenant_id, "subscription_id": each} for each in (several.team, several.main))
    set_spend_cap(session, **team, cap="1.00", by="usr_1", at=NOON)
    assert read_spend_control(session, **main).cap is None
    over = event("251000")._replace(subscription_id=several.team)
    assert isinstance(refused(session, several.tenant_id, over), errors.SpendCapReached)
    metered(session, several.tenant_id, event("251000"))


def test_the_widest_call_limits_and_the_features_of_all_that_run_count(session: Session) -> None:
    one = customer(session, plan="memory-cloud/free", currency="USD")
    narrow = read_limits(session, tenant_id=one.tenant_id)
    team = create_subscription(session, tenant_id=one.tenant_id, plan_code="memory-cloud/pro", name="Team", at=NOON)
    wide = read_limits(session, tenant_id=one.tenant_id)
    assert (wide.tier, wide.calls.per_minute, wide.calls.day_refuses) == ("free", 100, False)
    assert wide.entitlements > narrow.entitlements
    team.status, team.rests_since = SubscriptionStatus.PAUSED, NOON
    session.flush()
    assert read_limits(session, tenant_id=one.tenant_id) == narrow


def test_a_yearly_team_beside_a_monthly_main_one(session: Session) -> None:
    one = customer(session)
    team = create_subscription(
        session,
        tenant_id=one.tenant_id,
        plan_code="STARTER",
        start_date=FIRST_OF_NOVEMBER,
        interval=Interval.YEAR,
        name="Team",
        at=NOON,
    )
    closed = close_period(session, tenant_id=one.tenant_id, subscription_id=team.id, at=DECEMBER + timedelta(days=1))
    assert closed.total_minor == 0
    assert read_subscription(session, tenant_id=one.tenant_id).id == one.subscription_id
