"""Gain-share over the tables: sealed baselines, runs that add up, and what is refused."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session

from models import GainShareStatus
from services.baselines import baselines_in_force
from services.errors import Conflict, FeatureNotIncluded, NotFound, Unprocessable
from services.gain_share import record_run
from services.gain_share_views import read_gain_share
from services.identity import create_tenant
from services.price_books import load_shipped_books
from services.rules.gain_share import KPI_DELTA
from services.rules.money import Money
from services.subscriptions import create_subscription
from tests.gain_share_given import RATES, accepted_baseline

AT = datetime(2026, 7, 10, 12, tzinfo=UTC)
D = Decimal
QUARTER = {"period_start": date(2026, 4, 1), "period_end": date(2026, 7, 1)}
BETTER = {"mtbf_hours": D(196), "mttr_hours": D(4)}


@pytest.fixture
def tenant_id(session: Session) -> str:
    load_shipped_books(session, at=AT)
    tenant = create_tenant(session, name="Harbour Robotics", currency="CAD", timezone="America/Halifax", at=AT)
    create_subscription(session, tenant_id=tenant.id, plan_code="ENTERPRISE", start_date=date(2026, 1, 1), at=AT)
    return tenant.id


def add_baseline(session: Session, tenant_id: str, kpi: str, value: str, **given: Any) -> Any:
    return accepted_baseline(session, tenant_id, kpi, value, at=AT, **given)


def add_baselines(session: Session, tenant_id: str) -> None:
    add_baseline(session, tenant_id, "mtbf_hours", "92")
    add_baseline(session, tenant_id, "mttr_hours", "8")


def run(session: Session, tenant_id: str, **given: Any) -> Any:
    wanted = {"actual": BETTER, "share_pct": D(15), "at": AT} | QUARTER | given
    return record_run(session, tenant_id=tenant_id, **wanted)


def test_a_run_waits_for_approval_and_its_parts_sum_to_the_savings(session: Session, tenant_id: str) -> None:
    add_baselines(session, tenant_id)
    made = run(session, tenant_id)
    assert (made.savings_minor, made.fee_minor) == (248_400_000, 37_260_000)
    assert made.status is GainShareStatus.PENDING_APPROVAL
    parts = {part["name"]: part["amount"] for part in made.breakdown["parts"]}
    assert parts == {"fewer_failures": "1668000.00", "shorter_repairs": "816000.00"}
    assert sum(Money.parse(amount, "CAD").amount_minor for amount in parts.values()) == made.savings_minor


def test_a_run_keeps_all_it_was_worked_out_from(session: Session, tenant_id: str) -> None:
    add_baselines(session, tenant_id)
    kept = run(session, tenant_id).breakdown
    assert kept["actual"] == {"mtbf_hours": "196", "mttr_hours": "4"}
    assert {b["kpi"]: b["value"] for b in kept["baselines"]} == {"mtbf_hours": "92", "mttr_hours": "8"}
    assert kept["terms"] == {name: str(rate) for name, rate in RATES.items()}
    numbers = {number["name"]: (number["value"], number["unit"]) for number in kept["numbers"]}
    assert numbers["baseline_failures"] == ("80", "failures")
    assert numbers["baseline_availability"] == ("0.92", "share")


def test_numbers_without_an_end_are_kept_to_a_millionth(session: Session, tenant_id: str) -> None:
    add_baselines(session, tenant_id)
    made = run(session, tenant_id, actual={"mtbf_hours": D(7), "mttr_hours": D("0.5")})
    numbers = {number["name"]: number["value"] for number in made.breakdown["numbers"]}
    assert numbers["actual_availability"] == "0.933333"


def test_the_first_contracts_figures_come_out_of_kpi_delta(session: Session, tenant_id: str) -> None:
    rates = {"operating_hours": D(2500), "availability_cost": D(25_000)}
    add_baseline(session, tenant_id, "availability_pct", "86", rates=rates)
    made = run(session, tenant_id, actual={"availability_pct": D(90)}, method=KPI_DELTA)
    assert (made.savings_minor, made.fee_minor) == (250_000_000, 37_500_000)


def test_a_worse_quarter_has_negative_savings_and_no_fee(session: Session, tenant_id: str) -> None:
    add_baselines(session, tenant_id)
    made = run(session, tenant_id, actual={"mtbf_hours": D(60), "mttr_hours": D(9)})
    assert made.savings_minor < 0
    assert made.fee_minor == 0


def test_the_baseline_effective_last_before_the_period_counts(session: Session, tenant_id: str) -> None:
    add_baselines(session, tenant_id)
    add_baseline(session, tenant_id, "mtbf_hours", "110", effective_from=date(2026, 3, 1))
    add_baseline(session, tenant_id, "mtbf_hours", "500", effective_from=date(2026, 4, 2))
    found = baselines_in_force(session, tenant_id=tenant_id, on=date(2026, 4, 1))
    assert {baseline.kpi: baseline.value for baseline in found} == {"mtbf_hours": D(110), "mttr_hours": D(8)}


def test_missing_numbers_are_all_named(session: Session, tenant_id: str) -> None:
    add_baseline(session, tenant_id, "mtbf_hours", "92", rates={"operating_hours": D(8000)})
    with pytest.raises(Unprocessable) as refused:
        run(session, tenant_id, actual={"mtbf_hours": D(196)})
    missing = refused.value.members["missing"]
    assert {"baseline mttr_hours", "actual mttr_hours", "downtime_rate", "labour_rate", "parts_cost"} == set(missing)


def test_the_same_days_are_not_charged_twice(session: Session, tenant_id: str) -> None:
    add_baselines(session, tenant_id)
    first = run(session, tenant_id)
    with pytest.raises(Conflict):
        run(session, tenant_id, period_start=date(2026, 6, 30), period_end=date(2026, 7, 2))
    first.status = GainShareStatus.REJECTED
    session.flush()
    assert run(session, tenant_id).id != first.id


@pytest.mark.parametrize("share", ["9.99", "20.01"])
def test_a_share_outside_the_plans_bounds_is_refused(session: Session, tenant_id: str, share: str) -> None:
    add_baselines(session, tenant_id)
    with pytest.raises(Unprocessable) as refused:
        run(session, tenant_id, share_pct=D(share))
    assert refused.value.field == "share_pct"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"period_end": date(2026, 4, 1)}, "period_end"),
        ({"period_end": date(2026, 7, 11)}, "period_end"),
        ({"period_start": date(2025, 6, 1)}, "period_end"),
        ({"period_start": date(2025, 12, 1)}, "period_start"),
        ({"method": "guess"}, "method"),
        ({"actual": {"uptime": D(1)}}, "actual"),
        ({"actual": {"mtbf_hours": D(-1)}}, "actual"),
        ({"actual": {"mtbf_hours": D("NaN")}}, "actual"),
    ],
)
def test_what_cannot_be_run_names_the_field(
    session: Session, tenant_id: str, given: dict[str, Any], field: str
) -> None:
    add_baselines(session, tenant_id)
    with pytest.raises(Unprocessable) as refused:
        run(session, tenant_id, **given)
    assert refused.value.field == field


def test_baselines_that_disagree_on_a_rate_are_refused(session: Session, tenant_id: str) -> None:
    add_baseline(session, tenant_id, "mtbf_hours", "92")
    add_baseline(session, tenant_id, "mttr_hours", "8", rates=RATES | {"labour_rate": D(101)})
    with pytest.raises(Unprocessable, match="labour_rate"):
        run(session, tenant_id)


def test_a_plan_without_gain_share_refuses_a_run(session: Session, tenant_id: str) -> None:
    other = create_tenant(session, name="Northwind Mining", currency="CAD", timezone="UTC", at=AT)
    with pytest.raises(NotFound):
        run(session, other.id)
    create_subscription(session, tenant_id=other.id, plan_code="PRO", start_date=date(2026, 1, 1), at=AT)
    add_baselines(session, other.id)
    with pytest.raises(FeatureNotIncluded):
        run(session, other.id)


def worded_amount(text: str) -> Decimal:
    sign = -1 if text.startswith("-") else 1
    return sign * Decimal(text.removeprefix("-").removeprefix("$").replace(",", ""))


def test_the_page_shows_a_run_from_measurements_to_fee(session: Session, tenant_id: str) -> None:
    add_baselines(session, tenant_id)
    run(session, tenant_id)
    (shown,) = read_gain_share(session, tenant_id=tenant_id, at=AT).runs
    assert (shown.period, shown.method, shown.status_word) == (
        "1 Apr 2026 – 30 Jun 2026",
        "Downtime cost",
        "Waiting for approval",
    )
    assert [(part.name, part.amount, part.bar_width) for part in shown.parts] == [
        ("Fewer failures", "$1,668,000.00", "100%"),
        ("Shorter repairs", "$816,000.00", "48%"),
    ]
    assert sum(worded_amount(part.amount) for part in shown.parts) == worded_amount(shown.savings)
    assert shown.fee_working == "$2,484,000.00 × 15 % = $372,600.00"
    assert [(each.name, each.baseline, each.actual) for each in shown.compared] == [
        ("Mean time between failures", "92 hours", "196 hours"),
        ("Mean time to repair", "8 hours", "4 hours"),
    ]
    assert [(each.name, each.value) for each in shown.rates] == [
        ("Operating hours of a run", "8,000 hours"),
        ("Downtime, an hour", "$5,000.00"),
        ("Labour, an hour of repair", "$100.00"),
        ("Parts, a failure", "$900.00"),
    ]
    numbers = {each.name: each.value for each in shown.numbers}
    assert numbers["Baseline availability"] == "92 %"
    assert numbers["Actual failures"] == "40 failures"
    assert numbers["Baseline cost"] == "$3,336,000.00"


def test_the_page_counts_runs_that_were_not_rejected(session: Session, tenant_id: str) -> None:
    add_baselines(session, tenant_id)
    run(session, tenant_id).status = GainShareStatus.REJECTED
    run(session, tenant_id).status = GainShareStatus.APPROVED
    session.flush()
    run(session, tenant_id, period_start=date(2026, 1, 1), period_end=date(2026, 4, 1))
    view = read_gain_share(session, tenant_id=tenant_id, at=AT)
    assert (view.savings, view.fees, view.runs_hint) == ("$4,968,000.00", "$745,200.00", "over 2 runs")
    assert (view.waiting, view.waiting_hint) == ("$372,600.00", "1 run to be approved")
    assert len(view.runs) == 3


def test_a_loss_is_shown_as_one_and_costs_no_fee(session: Session, tenant_id: str) -> None:
    add_baselines(session, tenant_id)
    run(session, tenant_id, actual={"mtbf_hours": D(60), "mttr_hours": D(9)})
    (shown,) = read_gain_share(session, tenant_id=tenant_id, at=AT).runs
    assert all(part.is_loss for part in shown.parts)
    assert sum(worded_amount(part.amount) for part in shown.parts) == worded_amount(shown.savings)
    assert (shown.fee, shown.fee_working) == ("$0.00", "Nothing was saved, so there is no fee.")


def test_baselines_say_which_is_in_force_and_what_shows_it(session: Session, tenant_id: str) -> None:
    add_baselines(session, tenant_id)
    add_baseline(session, tenant_id, "mtbf_hours", "110", effective_from=date(2026, 3, 1))
    add_baseline(session, tenant_id, "availability_pct", "91.5", effective_from=date(2027, 1, 1))
    shown = read_gain_share(session, tenant_id=tenant_id, at=AT).baselines
    assert [(each.name, each.value, each.effective_from, each.is_in_force) for each in shown] == [
        ("Availability", "91.5 %", "1 Jan 2027", False),
        ("Mean time between failures", "110 hours", "1 Mar 2026", True),
        ("Mean time between failures", "92 hours", "1 Jan 2026", False),
        ("Mean time to repair", "8 hours", "1 Jan 2026", True),
    ]
    assert {each.document for each in shown} == {"Reliability review 2025.pdf"}
    assert {len(each.sha256) for each in shown} == {64}


def test_overlapping_kpis_are_marked_and_stock_is_money(session: Session, tenant_id: str) -> None:
    rates = RATES | {"availability_cost": D(100), "failure_cost": D(2000), "carrying_rate_pct": D(20)}
    for kpi, value in (("availability_pct", "86"), ("mtbf_hours", "92"), ("inventory_value", "500000")):
        add_baseline(session, tenant_id, kpi, value, rates=rates)
    actual = {"availability_pct": D(90), "mtbf_hours": D(100), "inventory_value": D(450_000)}
    run(session, tenant_id, actual=actual, method=KPI_DELTA)
    (shown,) = read_gain_share(session, tenant_id=tenant_id, at=AT).runs
    assert shown.overlapping
    assert ("Spare parts in stock", "$500,000.00", "$450,000.00") in [
        (each.name, each.baseline, each.actual) for each in shown.compared
    ]
    assert sum(worded_amount(part.amount) for part in shown.parts) == worded_amount(shown.savings)


def test_pages_of_customers_with_nothing_say_what_is_missing(session: Session, tenant_id: str) -> None:
    nobody = create_tenant(session, name="Nobody yet", currency="CAD", timezone="UTC", at=AT)
    empty = read_gain_share(session, tenant_id=nobody.id, at=AT)
    assert (empty.has_subscription, empty.terms, empty.runs, empty.baselines) == (False, "", (), ())
    view = read_gain_share(session, tenant_id=tenant_id, at=AT)
    assert view.terms == "10 % to 20 % of documented savings"
    assert (view.runs_hint, view.waiting_hint, view.savings) == ("No run yet", "No run is waiting", "$0.00")


def test_another_customers_runs_are_not_shown(session: Session, tenant_id: str) -> None:
    add_baselines(session, tenant_id)
    run(session, tenant_id)
    other = create_tenant(session, name="Other", currency="CAD", timezone="UTC", at=AT)
    view = read_gain_share(session, tenant_id=other.id, at=AT)
    assert (view.runs, view.baselines, view.savings) == ((), (), "$0.00")
