"""Two years of maintenance logs lead to a fee: the year before is agreed on, the year after measured, signed, billed.

The figures are worked out a second time here, from what happened, in a few lines that share no code.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from sqlmodel import Session, select

from models import InvoiceLine, LineKind
from services.closing.close import close_period
from services.errors import Forbidden, Unprocessable
from services.gain_share.baseline_terms import BaselineTerms
from services.gain_share.baselines import accept_baseline, propose_baseline
from services.gain_share.calculations import calculate_run
from services.gain_share.decisions import approve_run
from services.gain_share.evidence import store_evidence
from services.gain_share.kpi_figures import measured
from services.gain_share.runs import submit_run
from services.maintenance.columns import FailureColumns, LogMapping, MachineColumns, RepairColumns
from services.maintenance.imports import LogRequest, import_maintenance_log
from tests.gain_share_given import OURS, THEIRS
from tests.given import customer
from tests.maintenance_logs import PlantYear

AT = datetime(2026, 1, 20, 12, tzinfo=UTC)
MAPPING = LogMapping(
    FailureColumns("machineID", "datetime", "failure"),
    RepairColumns("machineID", "datetime", "comp"),
    MachineColumns("machineID", "plant"),
)
RATES = {"operating_hours": 876_000, "downtime_rate": 85, "labour_rate": 60, "parts_cost": 420}
"""A hundred machines round the clock."""


def days(year: int) -> dict[str, Any]:
    return {"period_start": date(year, 1, 1), "period_end": date(year + 1, 1, 1)}


def import_year(session: Session, tenant_id: str, plant: PlantYear) -> str:
    """The id of the file of failures."""
    ids = [
        store_evidence(session, tenant_id=tenant_id, name=name, content=text.encode(), signer=THEIRS, at=AT).id
        for name, text in (
            (f"failures-{plant.year}.csv", plant.failures_csv),
            (f"maint-{plant.year}.csv", plant.maintenance_csv),
            ("machines.csv", plant.machines_csv),
        )
    ]
    request = LogRequest(ids[0], MAPPING, **days(plant.year), repairs_file_id=ids[1], machines_file_id=ids[2])
    done = import_maintenance_log(session, tenant_id=tenant_id, request=request, signer=THEIRS, at=AT)
    assert done.kept is not None
    assert (done.kept.failure_count, done.kept.rows_refused) == (len(plant.stoppages), 0)
    return ids[0]


def happened(plant: PlantYear) -> tuple[Fraction, Fraction, Fraction]:
    """Availability, MTBF and MTTR of a year in hours, rounded to a millionth as they are agreed on."""
    end = datetime(plant.year + 1, 1, 1, tzinfo=UTC)
    hours = Fraction(plant.machine_count * (366 if plant.year % 4 == 0 else 365) * 24)
    down = sum(Fraction(int((min(r, end) - f).total_seconds()), 3600) for _, f, r, _ in plant.stoppages)
    repair = sum(Fraction(int((r - f).total_seconds()), 3600) for _, f, r, _ in plant.stoppages)
    count = len(plant.stoppages)
    return tuple(millionth(value) for value in (100 * (hours - down) / hours, (hours - down) / count, repair / count))  # type: ignore[return-value]


def millionth(value: Fraction) -> Fraction:
    return Fraction(int(value * 10**6 + Fraction(1, 2)), 10**6)


def cents(value: Fraction) -> int:
    """Rounded half away from zero."""
    size = int(abs(value) * 100 + Fraction(1, 2))
    return size if value >= 0 else -size


def expected_savings_minor(before: PlantYear, after: PlantYear) -> int:
    (a0, m0, r0), (a1, m1, r1) = happened(before), happened(after)
    n0, n1 = 876_000 * a0 / 100 / m0, 876_000 * a1 / 100 / m1
    c0, c1 = r0 * 145 + 420, r1 * 145 + 420
    return cents((n0 - n1) * c0) + cents(n1 * (c0 - c1))


def test_two_years_of_logs_become_one_line_that_the_customer_approved(session: Session) -> None:
    tenant_id = customer(session, plan="ENTERPRISE", timezone="UTC", start=date(2026, 1, 1), at=AT).tenant_id
    before, after = PlantYear(2024, seed=1, gap_hours=1_300), PlantYear(2025, seed=2, gap_hours=2_600)
    source = import_year(session, tenant_id, before)
    figures = measured(session, tenant_id=tenant_id, starts=date(2024, 1, 1), ends=date(2025, 1, 1)).figures
    for kpi in ("availability_pct", "mtbf_hours", "mttr_hours"):
        value = figures[kpi].value
        assert value is not None
        terms = BaselineTerms(
            kpi, value, "CAD", {name: Decimal(rate) for name, rate in RATES.items()}, **days(2024), file_id=source,
            effective_from=date(2025, 1, 1),
        )  # fmt: skip
        proposed = propose_baseline(session, tenant_id=tenant_id, terms=terms, signer=OURS, at=AT)
        accept_baseline(session, tenant_id=tenant_id, baseline_id=proposed.id, signer=THEIRS, at=AT)
    wanted: dict[str, Any] = {"tenant_id": tenant_id, **days(2025), "share_pct": Decimal(15), "at": AT}
    with pytest.raises(Unprocessable) as unmeasured:
        calculate_run(session, **wanted)
    assert "mtbf_hours 2025-03" in unmeasured.value.members["missing"]
    import_year(session, tenant_id, after)
    run = submit_run(session, **wanted, signer=OURS)
    assert run.savings_minor == expected_savings_minor(before, after) > 0
    assert run.fee_minor == cents(Fraction(run.savings_minor, 100) * 15 / 100)
    with pytest.raises(Forbidden):
        approve_run(session, tenant_id=tenant_id, run_id=run.id, signer=OURS, at=AT)
    approve_run(session, tenant_id=tenant_id, run_id=run.id, signer=THEIRS, at=AT)
    invoice = close_period(session, tenant_id=tenant_id, at=datetime(2026, 2, 1, 6, tzinfo=UTC))
    lines = session.exec(select(InvoiceLine).where(InvoiceLine.invoice_id == invoice.id)).all()
    assert [line.amount_minor for line in lines if line.kind is LineKind.GAIN_SHARE] == [run.fee_minor]
