"""The steps between measurements and fee: whoever works them out again comes to the same numbers."""

import itertools
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from sqlmodel import Session

from models import MeasurementSource, Party
from services.gain_share.effect_views import effect_views
from services.gain_share.kpi_counts import Counts
from services.gain_share.kpi_measurements import Reading, record_measurements
from services.gain_share.run_views import working_view
from services.gain_share.series import read_series
from services.gain_share.working import PERCENT, Figure, WorkStep, waterfall, work_steps
from services.rules.gain_share import DOWNTIME_COST, KPI_DELTA
from tests.gain_share_given import BEFORE, JULY, RATES, THEIRS, YEAR, accepted_baseline, measure, plant, submit

D = Decimal
QUARTER = (date(2026, 4, 1), date(2026, 7, 1))
PRICED = RATES | {
    "availability_cost": D(100),
    "failure_cost": D(2000),
    "repair_cost": D(300),
    "carrying_rate_pct": D(20),
    "overtime_rate": D("61.5"),
}
BASELINES = {
    "availability_pct": "91.3",
    "mtbf_hours": "97.7",
    "mttr_hours": "6.3",
    "inventory_value": "500000",
    "overtime_hours": "1200",
}
ACTUAL = {
    "availability_pct": "93.1",
    "mtbf_hours": "121.9",
    "mttr_hours": "5.7",
    "inventory_value": "512000",
    "overtime_hours": "211",
}


@pytest.fixture
def tenant_id(session: Session) -> str:
    return plant(session).tenant_id


def calculation(session: Session, tenant_id: str, *, days: tuple[date, date], method: str) -> dict[str, Any]:
    for kpi, value in BASELINES.items():
        accepted_baseline(session, tenant_id, kpi, value, at=JULY, rates=PRICED, **BEFORE)
    measure(session, tenant_id, ACTUAL, days=days)
    return submit(session, tenant_id, period_start=days[0], period_end=days[1], method=method).calculation


def worked_out(step: WorkStep) -> Fraction:
    """What the shown figures and signs come to."""
    values: dict[str, Fraction] = {}
    written = []
    for term in step.terms:
        if isinstance(term, Figure):
            name = f"v{len(values)}"
            values[name] = Fraction(term.value) / (100 if term.unit == PERCENT else 1)
            written.append(name)
        else:
            written.append({"×": "*", "÷": "/"}.get(term, term))
    return Fraction(eval(" ".join(written), {}, values))


@pytest.mark.parametrize("days", [YEAR, QUARTER])
@pytest.mark.parametrize("method", [DOWNTIME_COST, KPI_DELTA])
def test_every_step_follows_from_the_figures_it_shows(
    session: Session, tenant_id: str, days: tuple[date, date], method: str
) -> None:
    worked = work_steps(calculation(session, tenant_id, days=days, method=method))
    assert len(worked) > 8
    for step in worked:
        result = Fraction(step.result.value) / (100 if step.result.unit == PERCENT else 1)
        assert abs(worked_out(step) - result) < Fraction(1, 10), step.name
    savings, fee = worked[-2:]
    assert (savings.name, fee.name) == ("savings", "fee")
    assert worked_out(savings) == Fraction(savings.result.value)


def test_the_waterfall_walks_from_zero_to_the_savings_and_back_to_the_fee(session: Session, tenant_id: str) -> None:
    document = calculation(session, tenant_id, days=YEAR, method=DOWNTIME_COST)
    *parts, savings, kept, fee = waterfall(document)
    assert [bar.from_minor for bar in parts] == [0, *(bar.to_minor for bar in parts[:-1])]
    assert savings.to_minor == parts[-1].to_minor == kept.from_minor
    assert kept.to_minor == fee.to_minor == int(D(document["fee"]) * 100)
    assert sum(bar.amount_minor for bar in parts) == savings.amount_minor
    assert any(bar.amount_minor < 0 for bar in parts), "stock rose"
    shown = working_view(document, "", reader=Party.CUSTOMER).bars
    assert {bar.kind for bar in shown} == {"gain", "loss", "savings", "kept", "fee"}
    for bar in shown:
        assert 0 <= D(bar.left[:-1]) <= D(bar.left[:-1]) + D(bar.width[:-1]) <= 100


def test_where_nothing_failed_there_is_nothing_to_divide(session: Session, tenant_id: str) -> None:
    for kpi in ("mtbf_hours", "mttr_hours"):
        accepted_baseline(session, tenant_id, kpi, BASELINES[kpi], at=JULY, **BEFORE)
    none = Counts(up_hours=D(8000), failures=0)
    readings = [
        Reading("mtbf_hours", *YEAR, counts=none),
        Reading("mttr_hours", *YEAR, counts=Counts(repair_hours=D(0), failures=0)),
    ]
    record_measurements(
        session, tenant_id=tenant_id, readings=readings, source=MeasurementSource.ENTERED, signer=THEIRS, at=JULY
    )
    document = submit(session, tenant_id).calculation
    shown = working_view(document, "", reader=Party.CUSTOMER)
    assert [(each.name, each.actual) for each in shown.compared] == [
        ("Mean time between failures", "Nothing failed"),
        ("Mean time to repair", "Nothing failed"),
    ]
    assert ("Failures by what was measured", "", "0 failures") in [(s.name, s.terms, s.result) for s in shown.steps]
    (mtbf, _) = read_series(session, tenant_id=tenant_id, calculation=document)
    assert [point.value for point in mtbf.points] == [None]


def test_series_hold_what_the_run_used_and_the_months_before(session: Session, tenant_id: str) -> None:
    earlier = (date(2026, 1, 1), date(2026, 4, 1))
    for kpi in ("mtbf_hours", "mttr_hours"):
        accepted_baseline(session, tenant_id, kpi, BASELINES[kpi], at=JULY, **BEFORE)
    for days in (earlier, QUARTER):
        measure(session, tenant_id, {"mtbf_hours": "120", "mttr_hours": "5"}, days=days)
    run = submit(session, tenant_id, period_start=QUARTER[0], period_end=QUARTER[1])
    measure(session, tenant_id, {"mtbf_hours": "50", "mttr_hours": "5"}, days=QUARTER)
    mtbf, mttr = read_series(session, tenant_id=tenant_id, calculation=run.calculation)
    assert [(point.starts, point.value, point.is_in_run) for point in mtbf.points] == [
        (earlier[0], D(120), False),
        (QUARTER[0], D(120), True),
    ]
    assert {point.baseline for point in mttr.points} == {D("6.3")}


def test_effects_are_drawn_in_one_room_the_largest_first(session: Session, tenant_id: str) -> None:
    document = calculation(session, tenant_id, days=YEAR, method=DOWNTIME_COST)
    shown = effect_views(document)
    assert "Share of the savings" in {effect.name for effect in shown}
    assert "Downtime, an hour" in {effect.name for effect in shown}
    widths = [
        max(D(side.left[:-1]) + D(side.width[:-1]) for side in (effect.first, effect.second))
        - min(D(side.left[:-1]) for side in (effect.first, effect.second))
        for effect in shown
    ]
    assert all(first >= second - D("0.03") for first, second in itertools.pairwise(widths))
    assert all(0 <= D(side.left[:-1]) <= 100 for effect in shown for side in (effect.first, effect.second))
