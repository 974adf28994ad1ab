"""Runs over the tables: what is worked out, what is kept of it, and what is refused."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from models import (
    GainShareRun,
    GainShareStatus,
    MeasurementSource,
    PendingLine,
    PlanVersion,
    Receipt,
    StepKind,
    Subscription,
)
from services.errors import Conflict, FeatureNotIncluded, Forbidden, NotFound, Unprocessable
from services.gain_share.calculations import calculate_run
from services.gain_share.follow_ups import follow_up_of
from services.gain_share.kpi_counts import Counts
from services.gain_share.kpi_measurements import Reading, record_measurements
from services.gain_share.runs import list_runs, read_run, revise_run
from services.gain_share.steps import read_thread
from services.identity import create_tenant
from services.rules.canonical import canonical_bytes, content_hash
from services.rules.gain_share import KPI_DELTA
from services.rules.money import Money
from tests.gain_share_given import (
    BEFORE,
    BETTER,
    JULY,
    OURS,
    RATES,
    THEIRS,
    YEAR,
    accepted_baseline,
    agree,
    measure,
    plant,
    submit,
    submitted,
)
from tests.given import own_plan

D = Decimal


@pytest.fixture
def tenant_id(session: Session) -> str:
    return plant(session).tenant_id


def calculate(session: Session, tenant_id: str, **given: Any) -> Any:
    wanted: dict[str, Any] = {"period_start": YEAR[0], "period_end": YEAR[1], "share_pct": D(15), "at": JULY}
    return calculate_run(session, tenant_id=tenant_id, **(wanted | given))


def test_a_run_waits_for_approval_and_its_parts_sum_to_the_savings(session: Session, tenant_id: str) -> None:
    made = submitted(session, tenant_id)
    assert (made.savings_minor, made.fee_minor) == (248_400_000, 37_260_000)
    assert made.status is GainShareStatus.PENDING_APPROVAL
    parts = {part["name"]: part["amount"] for part in made.calculation["parts"]}
    assert parts == {"fewer_failures": "1668000.00", "shorter_repairs": "816000.00"}
    assert sum(Money.parse(amount, "CAD").amount_minor for amount in parts.values()) == made.savings_minor
    assert made.deadline_on == date(2026, 7, 10) + timedelta(days=30)


def test_a_run_keeps_all_it_was_worked_out_from(session: Session, tenant_id: str) -> None:
    kept = submitted(session, tenant_id).calculation
    assert {each["kpi"]: each["value"] for each in kept["actual"]} == BETTER
    assert all(each["measurements"] for each in kept["actual"])
    assert {b["kpi"]: b["value"] for b in kept["baselines"]} == {"mtbf_hours": "92", "mttr_hours": "8"}
    assert all(b["receipt"]["hash"].startswith("sha256:") for b in kept["baselines"])
    assert kept["terms"] == {name: str(rate) for name, rate in RATES.items()}
    numbers = {number["name"]: (number["value"], number["unit"]) for number in kept["numbers"]}
    assert numbers["operating_hours"] == ("8000", "hours")
    assert numbers["baseline_failures"] == ("80", "failures")
    assert numbers["baseline_availability"] == ("0.92", "share")
    assert (kept["savings"], kept["share_pct"], kept["fee"]) == ("2484000.00", "15", "372600.00")
    assert (kept["year"], kept["bounds"]) == ({"days": 365, "of": 365}, {"min_pct": "10", "max_pct": "20"})


def test_the_same_inputs_give_the_same_bytes_and_name_neither_the_run_nor_the_time(
    session: Session, tenant_id: str
) -> None:
    run = submitted(session, tenant_id)
    again = calculate(session, tenant_id, at=JULY + timedelta(days=40))
    assert canonical_bytes(again.document) == canonical_bytes(run.calculation)
    assert again.sha256 == run.calculation_sha256 == content_hash(run.calculation).removeprefix("sha256:")
    assert run.id not in str(run.calculation)
    assert "2026-07-10" not in str(run.calculation)
    measure(session, tenant_id, {"mttr_hours": "4.1"})
    assert calculate(session, tenant_id).sha256 != run.calculation_sha256


SAME_EVERYWHERE = "sha256:63325eb7a86367f17da8f59aac875cc5882397249966bac5f39f6f869e00e6ef"


def test_a_calculation_has_the_same_bytes_in_every_process_and_on_either_database(
    session: Session, tenant_id: str
) -> None:
    """But for what names rows and the price book."""
    more = {"availability_pct": "91.5", "inventory_value": "2500000.1", "overtime_hours": "1200"}
    rates = RATES | {"carrying_rate_pct": D("18.25"), "overtime_rate": D("75.10")}
    for kpi, value in ({"mtbf_hours": "92", "mttr_hours": "8.0"} | more).items():
        accepted_baseline(session, tenant_id, kpi, value, at=JULY, rates=rates, **BEFORE)
    third = {"mtbf_hours": "196.50", "mttr_hours": "3.333333", "inventory_value": "2000000", "overtime_hours": "97.25"}
    measure(session, tenant_id, third | {"availability_pct": "97.123456"})
    document = calculate(session, tenant_id, share_pct=D("15.50")).document
    document["plan"] = ""
    for named in document["baselines"]:
        named |= {"id": "", "receipt": {}}
    for named in document["actual"]:
        named["measurements"] = []
    assert content_hash(document) == SAME_EVERYWHERE


def test_a_dry_run_stores_nothing(session: Session, tenant_id: str) -> None:
    agree(session, tenant_id)
    measure(session, tenant_id, BETTER)
    receipts = len(session.exec(select(Receipt)).all())
    worked_out = calculate(session, tenant_id)
    assert worked_out.fee.plain() == "372600.00"
    assert not session.new
    assert not session.dirty
    assert len(session.exec(select(Receipt)).all()) == receipts
    assert not session.exec(select(GainShareRun)).all()


def test_numbers_without_an_end_are_shown_to_a_millionth_with_the_exact_fraction(
    session: Session, tenant_id: str
) -> None:
    agree(session, tenant_id)
    measure(session, tenant_id, {"mtbf_hours": "7", "mttr_hours": "0.5"})
    numbers = {number["name"]: number for number in calculate(session, tenant_id).document["numbers"]}
    assert (numbers["actual_availability"]["value"], numbers["actual_availability"]["exact"]) == ("0.933333", "14/15")
    assert "exact" not in numbers["baseline_availability"]


def test_the_first_contracts_figures_come_out_of_kpi_delta(session: Session, tenant_id: str) -> None:
    rates = {"operating_hours": D(2500), "availability_cost": D(25_000)}
    accepted_baseline(session, tenant_id, "availability_pct", "86", at=JULY, rates=rates, **BEFORE)
    measure(session, tenant_id, {"availability_pct": "90"})
    made = submit(session, tenant_id, method=KPI_DELTA)
    assert (made.savings_minor, made.fee_minor) == (250_000_000, 37_500_000)


def test_savings_of_three_million_two_hundred_thousand_at_fifteen_percent_are_four_hundred_and_eighty(
    session: Session, tenant_id: str
) -> None:
    rates = {"operating_hours": D(2500), "availability_cost": D(25_000), "overtime_rate": D(70)}
    for kpi, value in (("availability_pct", "86"), ("overtime_hours", "12000")):
        accepted_baseline(session, tenant_id, kpi, value, at=JULY, rates=rates, **BEFORE)
    measure(session, tenant_id, {"availability_pct": "90", "overtime_hours": "2000"})
    made = submit(session, tenant_id, method=KPI_DELTA)
    assert (made.savings_minor, made.fee_minor) == (320_000_000, 48_000_000)
    assert [part["amount"] for part in made.calculation["parts"]] == ["2500000.00", "700000.00"]


def test_a_quarter_has_its_days_share_of_the_year(session: Session, tenant_id: str) -> None:
    agree(session, tenant_id)
    quarter = (date(2026, 4, 1), date(2026, 7, 1))
    measure(session, tenant_id, BETTER, days=quarter)
    found = calculate(session, tenant_id, period_start=quarter[0], period_end=quarter[1])
    assert found.document["year"] == {"days": 91, "of": 365}
    assert found.savings.total.plain() == "619298.63"
    assert found.document["numbers"][0]["exact"] == "145600/73"


def test_where_nothing_failed_all_the_old_cost_is_saved(session: Session, tenant_id: str) -> None:
    agree(session, tenant_id)
    readings = [
        Reading("mtbf_hours", *YEAR, counts=Counts(up_hours=D(8000), failures=0)),
        Reading("mttr_hours", *YEAR, counts=Counts(repair_hours=D(0), failures=0)),
    ]
    record_measurements(
        session, tenant_id=tenant_id, readings=readings, source=MeasurementSource.API, signer=THEIRS, at=JULY
    )
    found = calculate(session, tenant_id)
    assert found.savings.total.plain() == "3336000.00"
    assert [each["value"] for each in found.document["actual"]] == [None, None]


def test_a_worse_year_has_negative_savings_and_no_fee(session: Session, tenant_id: str) -> None:
    agree(session, tenant_id)
    measure(session, tenant_id, {"mtbf_hours": "60", "mttr_hours": "9"})
    made = submit(session, tenant_id)
    assert made.savings_minor < 0
    assert made.fee_minor == 0


def test_the_baseline_effective_last_before_the_period_counts(session: Session, tenant_id: str) -> None:
    agree(session, tenant_id)
    accepted_baseline(
        session, tenant_id, "mtbf_hours", "110", at=JULY, **(BEFORE | {"effective_from": date(2025, 6, 1)})
    )
    accepted_baseline(
        session, tenant_id, "mtbf_hours", "500", at=JULY, **(BEFORE | {"effective_from": date(2025, 7, 2)})
    )
    measure(session, tenant_id, BETTER)
    found = calculate(session, tenant_id).document["baselines"]
    assert {each["kpi"]: each["value"] for each in found} == {"mtbf_hours": "92", "mttr_hours": "8"}


def test_missing_months_baselines_and_rates_are_all_named_at_once(session: Session, tenant_id: str) -> None:
    hours = {"operating_hours": D(8000)}
    accepted_baseline(session, tenant_id, "mtbf_hours", "92", at=JULY, rates=hours, **BEFORE)
    measure(session, tenant_id, {"mtbf_hours": "196"}, days=(YEAR[0], date(2026, 6, 1)))
    with pytest.raises(Unprocessable) as refused:
        calculate(session, tenant_id)
    missing = refused.value.members["missing"]
    assert missing[:5] == ["baseline mttr_hours", "downtime_rate", "labour_rate", "parts_cost", "mtbf_hours 2026-06"]
    assert len([name for name in missing if name.startswith("mttr_hours ")]) == 12


def test_a_plans_own_kpi_is_priced_by_its_baseline(session: Session) -> None:
    gain_share = {
        "min_pct": D(5), "max_pct": D(30),
        "kpis": [{"code": "energy", "name": "Energy used", "unit": "kWh", "better": "lower"}],
    }  # fmt: skip
    code = own_plan(session, overage={"model": "per_unit", "unit_price": D(1)}, gain_share=gain_share)
    tenant_id = plant(session, plan=code).tenant_id
    agree(session, tenant_id)
    rates = RATES | {"value_rate": D("0.5")}
    accepted_baseline(session, tenant_id, "energy", "90000", at=JULY, rates=rates, **BEFORE)
    measure(session, tenant_id, BETTER | {"energy": "80000"})
    found = calculate(session, tenant_id)
    assert found.document["parts"][-1] == {"name": "kpi.energy", "amount": "5000.00", "exact": "5000"}
    assert found.document["own"]["energy"] == {
        "name": "Energy used", "unit": "kWh", "better": "lower", "value_rate": "0.5",
    }  # fmt: skip


def energy_plan(unit: str) -> dict[str, Any]:
    return {"min_pct": D(5), "max_pct": D(30), "kpis": [
        {"code": "energy", "name": "Energy used", "unit": unit, "better": "lower"},
    ]}  # fmt: skip


def test_what_was_agreed_or_measured_in_another_unit_than_the_plans_is_not_compared(session: Session) -> None:
    use = {"model": "per_unit", "unit_price": D(1)}
    tenant_id = plant(session, plan=own_plan(session, overage=use, gain_share=energy_plan("kWh"))).tenant_id
    agree(session, tenant_id)
    rates = RATES | {"value_rate": D("0.5")}
    accepted_baseline(session, tenant_id, "energy", "90000", at=JULY, rates=rates, **BEFORE)
    measure(session, tenant_id, BETTER | {"energy": "80000"})
    own_plan(session, overage=use, gain_share=energy_plan("MWh"))
    subscription = session.exec(select(Subscription).where(Subscription.tenant_id == tenant_id)).one()
    newer = select(PlanVersion).where(PlanVersion.plan_code == "OWN", PlanVersion.id != subscription.plan_version_id)
    subscription.plan_version_id = session.exec(newer).one().id
    session.flush()
    with pytest.raises(Unprocessable, match="is in kWh, and the plan measures it in MWh now"):
        calculate(session, tenant_id)
    accepted_baseline(session, tenant_id, "energy", "90", at=JULY, rates=rates, **BEFORE)
    with pytest.raises(Unprocessable, match="energy 2025-07-01 to 2026-06-30 was measured in kWh"):
        calculate(session, tenant_id)
    measure(session, tenant_id, {"energy": "80"})
    assert calculate(session, tenant_id).document["parts"][-1]["amount"] == "5.00"


def test_the_same_days_are_not_charged_twice(session: Session, tenant_id: str) -> None:
    first = submitted(session, tenant_id)
    with pytest.raises(Conflict) as refused:
        submit(session, tenant_id, period_start=date(2026, 6, 30), period_end=date(2026, 7, 2))
    assert refused.value.members["run_id"] == first.id


@pytest.mark.parametrize("share", ["9.99", "20.01", "15.00001", "NaN", "-15"])
def test_a_share_outside_the_plans_bounds_is_refused(session: Session, tenant_id: str, share: str) -> None:
    agree(session, tenant_id)
    measure(session, tenant_id, BETTER)
    with pytest.raises(Unprocessable) as refused:
        submit(session, tenant_id, share_pct=D(share))
    assert refused.value.field == "share_pct"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"period_end": YEAR[0]}, "period_end"),
        ({"period_start": date(2026, 4, 1), "period_end": date(2026, 7, 11)}, "period_end"),
        ({"period_start": date(2025, 6, 30)}, "period_end"),
        ({"period_start": date(2025, 6, 1), "period_end": date(2025, 7, 1)}, "period_start"),
        ({"period_start": date(9999, 1, 1), "period_end": date.max}, "period_start"),
        ({"period_start": date(1, 1, 1), "period_end": date(1, 2, 1)}, "period_start"),
        ({"method": "guess"}, "method"),
        ({"deadline_on": date(2026, 7, 10)}, "deadline_on"),
        ({"deadline_on": date(2027, 7, 12)}, "deadline_on"),
        ({"text": "x" * 4_001}, "text"),
        ({"text": "\x07"}, "text"),
    ],
)
def test_what_cannot_be_run_names_the_field(
    session: Session, tenant_id: str, given: dict[str, Any], field: str
) -> None:
    agree(session, tenant_id)
    measure(session, tenant_id, BETTER)
    with pytest.raises(Unprocessable) as refused:
        submit(session, tenant_id, **given)
    assert refused.value.field == field


def test_baselines_that_disagree_on_a_rate_are_refused(session: Session, tenant_id: str) -> None:
    accepted_baseline(session, tenant_id, "mtbf_hours", "92", at=JULY, **BEFORE)
    other = RATES | {"labour_rate": D(101)}
    accepted_baseline(session, tenant_id, "mttr_hours", "8", at=JULY, rates=other, **BEFORE)
    with pytest.raises(Unprocessable, match="labour_rate"):
        calculate(session, tenant_id)


def test_a_plan_without_gain_share_refuses_a_run(session: Session, tenant_id: str) -> None:
    nobody = create_tenant(session, name="Northwind Mining", currency="CAD", timezone="UTC", at=JULY)
    with pytest.raises(NotFound):
        submit(session, nobody.id)
    other = plant(session, plan="PRO", name="Other")
    with pytest.raises(FeatureNotIncluded):
        submit(session, other.tenant_id)


def test_only_our_side_submits(session: Session, tenant_id: str) -> None:
    with pytest.raises(Forbidden):
        submit(session, tenant_id, signer=THEIRS)


def test_a_revised_run_names_the_one_it_replaces(session: Session, tenant_id: str) -> None:
    first = submitted(session, tenant_id)
    measure(session, tenant_id, {"mttr_hours": "5"})
    second = revise_run(session, tenant_id=tenant_id, run_id=first.id, signer=OURS, text="As you said", at=JULY)
    assert (first.status, second.status) == (GainShareStatus.REPLACED, GainShareStatus.PENDING_APPROVAL)
    assert (second.replaces_run_id, follow_up_of(session, run=first).replaced_by) == (first.id, second.id)
    assert second.savings_minor < first.savings_minor
    assert [step.kind for step in read_thread(session, tenant_id=tenant_id, run_id=first.id)] == [
        StepKind.SUBMITTED,
        StepKind.REPLACED,
    ]
    with pytest.raises(Conflict):
        revise_run(session, tenant_id=tenant_id, run_id=first.id, signer=OURS, at=JULY)
    with pytest.raises(Forbidden):
        revise_run(session, tenant_id=tenant_id, run_id=second.id, signer=THEIRS, at=JULY)
    assert not session.exec(select(PendingLine)).all()


def test_runs_are_found_by_their_customer_alone(session: Session, tenant_id: str) -> None:
    run = submitted(session, tenant_id)
    other = plant(session, name="Other").tenant_id
    with pytest.raises(NotFound):
        read_run(session, tenant_id=other, run_id=run.id)
    assert list_runs(session, tenant_id=other, limit=10) == []
    assert list_runs(session, tenant_id=tenant_id, limit=10, status=GainShareStatus.APPROVED) == []
    assert list_runs(session, tenant_id=None, limit=10) == [run]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE gainshare_run SET fee_minor = 1",
        "UPDATE gainshare_run SET calculation = '{}'",
        "UPDATE gainshare_run SET submitted_by = 'usr_x'",
        "UPDATE gainshare_run SET status = 'approved'",
        "UPDATE gainshare_run SET status = 'rejected', decided_by = submitted_by, decided_at = submitted_at,"
        " decision_seq = receipt_seq",
        "DELETE FROM gainshare_run",
        "UPDATE gainshare_step SET text = 'something else'",
        "UPDATE gainshare_step SET kind = 'approved'",
        "UPDATE gainshare_step SET taken_by = 'usr_x'",
        "DELETE FROM gainshare_step",
    ],
)
def test_what_was_submitted_and_said_stays_in_the_tables(session: Session, tenant_id: str, statement: str) -> None:
    submitted(session, tenant_id)
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(text(statement))
