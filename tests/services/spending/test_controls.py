"""The customer's own cap and thresholds: what they refuse, what they tell, and who changed them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session, select

from models import Alert, AlertKind, CreditEntry, PoolUsage, SpendControlChange, UsageEvent
from services.closing.close import close_period
from services.credits.check import check_credits
from services.errors import NotFound, Refusal, SpendCapReached, Unprocessable
from services.identity import create_tenant
from services.metering import Metered, record_usage
from services.rules.quantities import MICRO
from services.spending.controls import (
    list_alerts,
    list_spend_control_changes,
    read_spend_control,
    set_alert_thresholds,
    set_spend_cap,
)
from services.subscriptions.finding import plan_of, read_subscription
from tests.given import NOON, Customer, assert_books_agree, customer, event, metered, own_plan, refused

PER_CREDIT = {"model": "per_unit", "unit_price": Decimal("0.01")}


def buyer(session: Session, overage: dict[str, Any] = PER_CREDIT, **more: Any) -> Customer:
    """100 credits included, one cent for each beyond them."""
    return customer(session, plan=own_plan(session, overage=overage), **more)


def cap(session: Session, one: Customer, amount: str | None, by: str = "usr_1", at: datetime = NOON) -> None:
    set_spend_cap(session, tenant_id=one.tenant_id, cap=amount, by=by, at=at)


def alerts(session: Session, one: Customer) -> list[tuple[str, int]]:
    found = session.exec(select(Alert).where(Alert.tenant_id == one.tenant_id).order_by(Alert.kind)).all()  # type: ignore[arg-type]
    return sorted((str(alert.kind), alert.threshold_pct) for alert in found)


def everything(session: Session, one: Customer) -> list[str]:
    session.expire_all()
    return sorted(
        repr(row)
        for model in (UsageEvent, PoolUsage, CreditEntry)
        for row in session.exec(select(model).where(model.tenant_id == one.tenant_id))  # type: ignore[attr-defined]
    )


def test_an_event_that_would_pass_the_cap_is_refused_whole_and_burns_nothing(session: Session) -> None:
    one = buyer(session)
    cap(session, one, "5.00")
    metered(session, one.tenant_id, event("90", "work"))
    before = everything(session, one)
    refusal = refused(session, one.tenant_id, event("511", "work", event_id="big"))
    assert isinstance(refusal, SpendCapReached)
    assert refusal.members == {
        "error": refusal.detail, "tier": "OWN", "cap": "5.00", "current": "0.00", "raise_cap_url": "/#spending-limit",
        "alert": "CAP_REACHED",
    }  # fmt: skip
    assert "5.00 CAD" in refusal.detail
    assert everything(session, one) == before
    (answer,) = metered(session, one.tenant_id, event("510", "work", event_id="big"))
    assert (answer.overage_micro, answer.duplicate) == (500 * MICRO, False)
    assert_books_agree(session, one.tenant_id)


def test_the_event_that_takes_the_period_to_its_cap_exactly_says_so(session: Session) -> None:
    one = buyer(session)
    cap(session, one, "1.00")
    (answer,) = metered(session, one.tenant_id, event("200", "work", event_id="last"))
    assert answer.alert == "CAP_REACHED"
    assert alerts(session, one) == [("CAP_REACHED", 100), ("LOW_CREDITS", 80), ("OVERAGE", 100)]
    refusal = refused(session, one.tenant_id, event("0.01", "work"))
    assert "alert" not in refusal.members
    (again,) = metered(session, one.tenant_id, event("200", "work", event_id="last"))
    assert (again.alert, again.duplicate) == ("CAP_REACHED", True)


def test_a_batch_is_judged_event_by_event(session: Session) -> None:
    one = buyer(session)
    cap(session, one, "1.00")
    sent = [event(units, "work") for units in ("150", "60", "40", "20", "10")]
    answers = record_usage(session, tenant_id=one.tenant_id, events=sent, at=NOON)
    assert [isinstance(answer, Metered) for answer in answers] == [True, False, True, False, True]
    assert [isinstance(a, Refusal) and a.members.get("alert") for a in answers] == [0, "CAP_REACHED", 0, None, 0]
    (reached,) = session.exec(select(Alert).where(Alert.kind == AlertKind.CAP_REACHED)).all()
    assert (reached.event_id, reached.pool, reached.window_start) == ("", "", reached.period_start)


def test_a_started_package_counts_whole(session: Session) -> None:
    one = buyer(session, {"model": "package", "package_size": Decimal(1000), "package_price": Decimal(2)})
    cap(session, one, "2.00")
    (first,) = metered(session, one.tenant_id, event("100.000001", "work"))
    assert first.alert == "CAP_REACHED"
    metered(session, one.tenant_id, event("999.999999", "work"))
    assert isinstance(refused(session, one.tenant_id, event("0.000001", "work")), SpendCapReached)
    assert read_spend_control(session, tenant_id=one.tenant_id).spent.plain() == "2.00"


def test_a_minimum_is_due_with_the_first_unit_beyond(session: Session) -> None:
    one = buyer(session, PER_CREDIT | {"minimum": Decimal(3)})
    cap(session, one, "2.99")
    metered(session, one.tenant_id, event("100", "work"))
    assert isinstance(refused(session, one.tenant_id, event("1", "work")), SpendCapReached)


def test_a_cap_of_nothing_allows_not_even_what_rounds_to_nothing(session: Session) -> None:
    one = buyer(session, {"model": "per_unit", "unit_price": Decimal("0.000001")})
    cap(session, one, "0")
    metered(session, one.tenant_id, event("100", "work"))
    assert isinstance(refused(session, one.tenant_id, event("1", "work")), SpendCapReached)


def test_the_pools_of_a_plan_share_one_cap(session: Session) -> None:
    one = customer(session, plan="verified-exchange/Starter", currency="USD")
    cap(session, one, "300.00")
    pools = list(plan_of(session, read_subscription(session, tenant_id=one.tenant_id)).meters)
    metered(session, one.tenant_id, event("60000", pools[0]))  # 50,000 × 0.005 = 250.00
    metered(session, one.tenant_id, event("90000", pools[1]))  # 40,000 × 0.001 = 40.00
    refusal = refused(session, one.tenant_id, event("10001", pools[1]))
    assert refusal.members["current"] == "290.00"
    metered(session, one.tenant_id, event("10000", pools[1]))
    assert read_spend_control(session, tenant_id=one.tenant_id).spent.plain() == "300.00"


def test_lowering_below_what_is_spent_stops_what_goes_beyond_and_nothing_else(session: Session) -> None:
    one = buyer(session)
    cap(session, one, "10.00")
    metered(session, one.tenant_id, event("700", "work"))
    cap(session, one, "5.00", at=NOON + timedelta(minutes=1))
    standing = read_spend_control(session, tenant_id=one.tenant_id)
    assert standing.cap is not None
    assert (standing.spent.plain(), standing.cap.plain()) == ("6.00", "5.00")
    assert isinstance(refused(session, one.tenant_id, event("0.000001", "work")), SpendCapReached)
    cap(session, one, None, at=NOON + timedelta(minutes=2))
    metered(session, one.tenant_id, event("5000", "work"))
    at = datetime(2026, 12, 1, 6, tzinfo=UTC)
    close_period(session, tenant_id=one.tenant_id, at=at)
    cap(session, one, "5.00", at=at)
    metered(session, one.tenant_id, event("100", "work"), at=at)
    refusal = refused(session, one.tenant_id, event("501", "work"), at=at)
    assert refusal.members["current"] == "0.00", "a new period starts from nothing"


def test_a_late_event_counts_in_its_own_period_with_what_was_billed_of_it(session: Session) -> None:
    one = buyer(session)
    cap(session, one, "5.00")
    metered(session, one.tenant_id, event("500", "work", occurred_at=NOON))  # 4.00
    at = datetime(2026, 12, 1, 6, tzinfo=UTC)
    close_period(session, tenant_id=one.tenant_id, at=at)
    refusal = refused(session, one.tenant_id, event("101", "work", occurred_at=NOON), at=at)
    assert refusal.members["current"] == "4.00"
    (last,) = metered(session, one.tenant_id, event("100", "work", occurred_at=NOON), at=at)
    assert last.alert is None, "the refusal has told of November already"
    (fresh,) = metered(session, one.tenant_id, event("600", "work", occurred_at=at), at=at)
    assert fresh.alert == "CAP_REACHED"
    assert_books_agree(session, one.tenant_id)


def test_what_the_allowance_covers_is_taken_whatever_the_cap(session: Session) -> None:
    one = customer(session, plan="memory-cloud/pro", currency="USD")
    cap(session, one, "0.10")
    plan = plan_of(session, read_subscription(session, tenant_id=one.tenant_id))
    (code, meter), *_ = plan.meters.items()
    included = plan.allowances[meter.pool]
    metered(session, one.tenant_id, event(str(included + 1000), code))  # one package
    assert isinstance(refused(session, one.tenant_id, event("1", code)), SpendCapReached)
    tomorrow = NOON + timedelta(days=1)
    metered(session, one.tenant_id, event(str(included), code), at=tomorrow)
    assert isinstance(refused(session, one.tenant_id, event("1", code), at=tomorrow), SpendCapReached)
    assert_books_agree(session, one.tenant_id)


def test_own_thresholds_replace_the_usual_one_and_each_fires_once(session: Session) -> None:
    one = buyer(session)
    set_alert_thresholds(session, tenant_id=one.tenant_id, thresholds_pct=[95, 50], by="usr_1", at=NOON)
    sent = [event(units, "work") for units in ("49", "1", "35", "9", "1", "4", "1", "1")]
    assert [a.alert for a in metered(session, one.tenant_id, *sent)] == [
        None, "LOW_CREDITS", None, None, "LOW_CREDITS", None, "OVERAGE", None,
    ]  # fmt: skip
    assert alerts(session, one) == [("LOW_CREDITS", 50), ("LOW_CREDITS", 95), ("OVERAGE", 100)]


def test_a_threshold_that_is_passed_already_is_not_told_of(session: Session) -> None:
    one = buyer(session)
    metered(session, one.tenant_id, event("60", "work"))
    set_alert_thresholds(session, tenant_id=one.tenant_id, thresholds_pct=[50, 70], by="usr_1", at=NOON)
    answers = metered(session, one.tenant_id, event("5", "work"), event("5", "work"))
    assert [answer.alert for answer in answers] == [None, "LOW_CREDITS"]
    set_alert_thresholds(session, tenant_id=one.tenant_id, thresholds_pct=None, by="usr_1", at=NOON)
    assert read_spend_control(session, tenant_id=one.tenant_id).thresholds_pct == (80,)
    assert metered(session, one.tenant_id, event("10", "work"))[0].alert == "LOW_CREDITS"


@pytest.mark.parametrize("chosen", [[], [0], [100], [50, 50], list(range(1, 12)), [-1]])
def test_thresholds_nobody_could_mean_are_refused(session: Session, chosen: list[int]) -> None:
    one = buyer(session)
    with pytest.raises(Unprocessable) as refusal:
        set_alert_thresholds(session, tenant_id=one.tenant_id, thresholds_pct=chosen, by="usr_1", at=NOON)
    assert refusal.value.field == "thresholds_pct"


@pytest.mark.parametrize("amount", ["-1", "1.005", "ten", "", "1e3", "99999999999999.99"])
def test_a_cap_that_is_no_amount_is_refused(session: Session, amount: str) -> None:
    one = buyer(session)
    with pytest.raises(Unprocessable) as refusal:
        cap(session, one, amount)
    assert refusal.value.field == "cap"


def test_who_changed_what_and_when_is_kept(session: Session) -> None:
    one = buyer(session)
    cap(session, one, "5.00", by="usr_1")
    cap(session, one, "5.00", by="usr_2", at=NOON + timedelta(hours=1))
    set_alert_thresholds(
        session, tenant_id=one.tenant_id, thresholds_pct=[90, 40], by="key_1", at=NOON + timedelta(hours=2)
    )
    cap(session, one, None, by="usr_2", at=NOON + timedelta(hours=3))
    changes = list_spend_control_changes(session, tenant_id=one.tenant_id)
    assert [(c.version, c.cap_minor, c.thresholds_pct, c.changed_by) for c in changes] == [
        (3, None, [40, 90], "usr_2"),
        (2, 500, [40, 90], "key_1"),
        (1, 500, None, "usr_1"),
    ]
    standing = read_spend_control(session, tenant_id=one.tenant_id)
    assert (standing.updated_by, standing.updated_at) == ("usr_2", NOON + timedelta(hours=3))
    assert len(session.exec(select(SpendControlChange)).all()) == 3


def test_alerts_are_listed_newest_first_page_by_page(session: Session) -> None:
    one = buyer(session)
    cap(session, one, "1.00")
    for minutes, units in enumerate(("85", "20", "500")):
        at = NOON + timedelta(minutes=minutes)
        record_usage(session, tenant_id=one.tenant_id, events=[event(units, "work")], at=at)
    kinds = ["CAP_REACHED", "OVERAGE", "LOW_CREDITS"]
    listed = list_alerts(session, tenant_id=one.tenant_id)
    assert [str(alert.kind) for alert in listed] == kinds
    rest = list_alerts(session, tenant_id=one.tenant_id, limit=1, after_id=listed[0].id)
    assert [str(alert.kind) for alert in rest] == kinds[1:2]


def test_asking_first_tells_of_the_cap(session: Session) -> None:
    one = buyer(session)
    cap(session, one, "1.00")

    def reason(units: int) -> str:
        return check_credits(
            session, tenant_id=one.tenant_id, event_type="work", units_micro=units * MICRO, at=NOON
        ).reason

    assert [reason(units) for units in (100, 200, 201)] == ["included", "overage", "spend_cap_reached"]


def test_without_a_subscription_there_is_nothing_to_limit(session: Session) -> None:
    tenant = create_tenant(session, name="Bare", currency="CAD", timezone="UTC", at=NOON)
    with pytest.raises(NotFound):
        read_spend_control(session, tenant_id=tenant.id)
    with pytest.raises(NotFound):
        set_spend_cap(session, tenant_id=tenant.id, cap="1.00", by="usr_1", at=NOON)
