"""A calculation says all it was worked out from: reading it back and working it out again gives the same."""

from decimal import Decimal

import pytest
from sqlmodel import Session

from models import MeasurementSource
from services.gain_share.calculations import calculate_run
from services.gain_share.kpi_counts import Counts
from services.gain_share.kpi_measurements import Reading, record_measurements
from services.gain_share.sensitivity import comparison_of, sensitivity_of
from services.rules.gain_share import DOWNTIME_COST, KPI_DELTA
from services.rules.sensitivity import SHARE
from tests.gain_share_given import BEFORE, JULY, RATES, THEIRS, YEAR, accepted_baseline, agree, measure, plant
from tests.given import own_plan

D = Decimal
PRICES = RATES | {
    "availability_cost": D(100), "failure_cost": D(2000), "repair_cost": D(30), "carrying_rate_pct": D(20),
    "overtime_rate": D(60),
}  # fmt: skip
OWN = {
    "min_pct": D(5), "max_pct": D(30),
    "kpis": [{"code": "energy", "name": "Energy used", "unit": "kWh", "better": "lower"}],
}  # fmt: skip
MEASURED = {
    "availability_pct": "93", "mtbf_hours": "196", "mttr_hours": "4", "inventory_value": "450000",
    "overtime_hours": "900", "energy": "80000",
}  # fmt: skip


@pytest.mark.parametrize("method", [DOWNTIME_COST, KPI_DELTA])
def test_working_a_calculation_out_again_gives_its_savings_and_its_fee(session: Session, method: str) -> None:
    code = own_plan(session, overage={"model": "per_unit", "unit_price": D(1)}, gain_share=OWN)
    tenant_id = plant(session, plan=code).tenant_id
    before = {"availability_pct": "91", "mtbf_hours": "92", "mttr_hours": "8", "inventory_value": "500000"}
    for kpi, value in (before | {"overtime_hours": "1000", "energy": "90000"}).items():
        rates = PRICES | ({"value_rate": D("0.5")} if kpi == "energy" else {})
        accepted_baseline(session, tenant_id, kpi, value, at=JULY, rates=rates, **BEFORE)
    measure(session, tenant_id, MEASURED)
    found = calculate_run(
        session, tenant_id=tenant_id, period_start=YEAR[0], period_end=YEAR[1], share_pct=D(15), method=method, at=JULY
    )
    assert comparison_of(found.document) == found.comparison
    assert comparison_of(found.document).result() == (found.savings.total, found.fee)
    assert SHARE in {effect.name for effect in sensitivity_of(found.document)}


def test_a_calculation_of_a_year_without_failures_is_read_back_too(session: Session) -> None:
    tenant_id = plant(session).tenant_id
    agree(session, tenant_id)
    readings = [
        Reading("mtbf_hours", *YEAR, counts=Counts(up_hours=D(8000), failures=0)),
        Reading("mttr_hours", *YEAR, counts=Counts(repair_hours=D(0), failures=0)),
    ]
    record_measurements(
        session, tenant_id=tenant_id, readings=readings, source=MeasurementSource.API, signer=THEIRS, at=JULY
    )
    found = calculate_run(
        session, tenant_id=tenant_id, period_start=YEAR[0], period_end=YEAR[1], share_pct=D(15), at=JULY
    )
    assert comparison_of(found.document) == found.comparison
    assert {effect.name for effect in sensitivity_of(found.document)} >= {"baseline mtbf_hours", "downtime_rate", SHARE}
