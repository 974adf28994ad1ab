"""What was measured: kept, replaced only for exactly the same days, and taken together or refused by month."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from models import KpiMeasurement, MeasurementSource
from services.errors import Conflict, NotFound, Unprocessable
from services.gain_share.kpi_counts import Counts
from services.gain_share.kpi_figures import measured
from services.gain_share.kpi_measurement_lists import list_measurements
from services.gain_share.kpi_measurements import Reading, record_measurement, record_measurements
from tests.gain_share_given import THEIRS, document
from tests.given import Customer, customer

AT = datetime(2026, 7, 10, 12, tzinfo=UTC)
D = Decimal
MONTHS = [date(2026, month, 1) for month in range(1, 8)]


@pytest.fixture
def acme(session: Session) -> Customer:
    return customer(session, plan="ENTERPRISE", start=date(2026, 1, 1), at=AT)


def reading(kpi: str, month: int, value: str | None = None, **given: Any) -> Reading:
    days = {"period_start": MONTHS[month - 1], "period_end": MONTHS[month]}
    return Reading(kpi=kpi, **(days | {"value": None if value is None else D(value)} | given))


def record(session: Session, acme: Customer, *readings: Reading) -> list[KpiMeasurement]:
    source = MeasurementSource.ENTERED
    return [
        record_measurement(session, tenant_id=acme.tenant_id, reading=each, source=source, signer=THEIRS, at=AT)
        for each in readings
    ]


def figures(session: Session, acme: Customer, starts: int = 1, ends: int = 7, **given: Any) -> dict[str, D | None]:
    taken = measured(session, tenant_id=acme.tenant_id, starts=MONTHS[starts - 1], ends=MONTHS[ends - 1], **given)
    return {kpi: figure.value for kpi, figure in taken.figures.items()}


def test_months_become_one_figure_each_in_its_own_way(session: Session, acme: Customer) -> None:
    made = record(
        session, acme,
        reading("availability_pct", 1, "90"), reading("availability_pct", 2, "93"),
        reading("mtbf_hours", 1, "100"), reading("mtbf_hours", 2, "50"),
        reading("mttr_hours", 1, "4"), reading("mttr_hours", 2, "6"),
        reading("inventory_value", 1, "1000"), reading("inventory_value", 2, "2000"),
        reading("overtime_hours", 1, "10.5"), reading("overtime_hours", 2, "20"),
    )  # fmt: skip
    assert figures(session, acme, 1, 3) == {
        "availability_pct": D("91.423729"),  # (31·90 + 28·93) / 59
        "mtbf_hours": D("67.816092"),  # 59 / (31/100 + 28/50)
        "mttr_hours": D("5.287356"),  # (0.31·4 + 0.56·6) / 0.87
        "inventory_value": D("1474.576271"),
        "overtime_hours": D("30.5"),
    }
    taken = measured(session, tenant_id=acme.tenant_id, starts=MONTHS[0], ends=MONTHS[2], kpis=["mtbf_hours"])
    assert taken.measurement_ids == tuple(each.id for each in made if each.kpi == "mtbf_hours")


def test_what_was_counted_is_divided_once(session: Session, acme: Customer) -> None:
    counted = record(
        session, acme,
        reading("mtbf_hours", 1, counts=Counts(up_hours=D("738.5"), failures=0)),
        reading("mtbf_hours", 2, counts=Counts(up_hours=D("661.5"), failures=7)),
        reading("mttr_hours", 1, counts=Counts(repair_hours=D(0), failures=0)),
        reading("mttr_hours", 2, counts=Counts(repair_hours=D("10.5"), failures=7)),
        reading("availability_pct", 1, counts=Counts(up_hours=D("738.5"), hours=D(744))),
        reading("availability_pct", 2, counts=Counts(up_hours=D("661.5"), hours=D(672))),
    )  # fmt: skip
    assert [each.value for each in counted] == [None, D("94.5"), None, D("1.5"), D("99.260753"), D("98.4375")]
    taken = measured(session, tenant_id=acme.tenant_id, starts=MONTHS[0], ends=MONTHS[2])
    assert {kpi: each.value for kpi, each in taken.figures.items()} == {
        "availability_pct": D("98.870056"),  # 1400 / 1416
        "mtbf_hours": D(200),
        "mttr_hours": D("1.5"),
    }
    assert taken.figures["mtbf_hours"].failures == 7


def test_a_period_in_which_nothing_failed_has_no_time_between_failures(session: Session, acme: Customer) -> None:
    record(session, acme, reading("mtbf_hours", 1, counts=Counts(up_hours=D(744), failures=0)))
    assert figures(session, acme, 1, 2) == {"mtbf_hours": None}


def test_every_missing_month_of_every_kpi_is_named(session: Session, acme: Customer) -> None:
    record(
        session, acme,
        reading("mtbf_hours", 1, "100"), reading("mtbf_hours", 4, "100"), reading("mttr_hours", 2, "3"),
        Reading("mttr_hours", date(2026, 6, 15), date(2026, 7, 10), D(3)),
        Reading("mttr_hours", date(2026, 3, 1), date(2026, 3, 20), D(3)),
    )  # fmt: skip
    with pytest.raises(Unprocessable) as refused:
        figures(session, acme, 1, 7, kpis=["mtbf_hours", "mttr_hours", "overtime_hours"])
    assert refused.value.members["missing"] == [
        *(f"mtbf_hours 2026-0{month}" for month in (2, 3, 5, 6)),
        "mttr_hours 2026-01", "mttr_hours 2026-03-20 to 2026-03-31", "mttr_hours 2026-04", "mttr_hours 2026-05",
        "mttr_hours 2026-06 (measured only as part of 2026-06-15 to 2026-07-09)",
        *(f"overtime_hours 2026-0{month}" for month in range(1, 7)),
    ]  # fmt: skip
    assert "mttr_hours 2026-04" in refused.value.detail


def test_one_for_the_same_days_takes_the_place_and_keeps_the_old_one(session: Session, acme: Customer) -> None:
    first, second = record(session, acme, reading("mtbf_hours", 1, "100"), reading("mtbf_hours", 1, "120"))
    assert (first.replaced_at, second.replaced_at) == (AT, None)
    assert figures(session, acme, 1, 2) == {"mtbf_hours": D(120)}
    assert list_measurements(session, tenant_id=acme.tenant_id, limit=9) == [second]
    assert list_measurements(session, tenant_id=acme.tenant_id, limit=9, with_replaced=True) == [second, first]


def test_one_for_some_of_the_days_is_a_conflict_that_names_the_other(session: Session, acme: Customer) -> None:
    (first,) = record(session, acme, reading("mtbf_hours", 1, "100"))
    with pytest.raises(Conflict, match="mtbf_hours of 2026-01 is measured already") as refused:
        record(session, acme, Reading("mtbf_hours", date(2026, 1, 31), date(2026, 2, 3), D(1)))
    assert refused.value.members["measurement_id"] == first.id
    assert len(record(session, acme, reading("mttr_hours", 1, "3"), reading("mtbf_hours", 1, "9", site="halifax"))) == 2


def test_sites_are_kept_and_only_the_whole_is_taken_together(session: Session, acme: Customer) -> None:
    record(session, acme, reading("mtbf_hours", 1, "9", site="halifax"))
    with pytest.raises(Unprocessable, match="mtbf_hours 2026-01"):
        figures(session, acme, 1, 2, kpis=["mtbf_hours"])
    assert len(list_measurements(session, tenant_id=acme.tenant_id, limit=9, site="halifax")) == 1
    assert list_measurements(session, tenant_id=acme.tenant_id, limit=9, site="") == []


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        (reading("uptime", 1, "1"), "kpi"),
        (reading("mtbf_hours", 1), "value"),
        (reading("mtbf_hours", 1, "-1"), "value"),
        (reading("mtbf_hours", 1, "0"), "value"),
        (reading("availability_pct", 1, "101"), "value"),
        (reading("mtbf_hours", 1, "1", unit="days"), "unit"),
        (reading("mtbf_hours", 1, "1", period_end=date(2026, 1, 1)), "period_end"),
        (reading("mtbf_hours", 1, "1", period_end=date(2026, 7, 11)), "period_end"),
        (reading("mtbf_hours", 1, "1", period_start=date(2024, 1, 1)), "period_end"),
        (reading("mtbf_hours", 1, "1", period_start=date(9999, 6, 1), period_end=date.max), "period_end"),
        (reading("mtbf_hours", 1, "1", site="x" * 65), "site"),
        (reading("mtbf_hours", 1, "1", counts=Counts(up_hours=D(1), failures=1)), "value"),
        (reading("mtbf_hours", 1, counts=Counts(up_hours=D(1))), "up_hours"),
        (reading("mtbf_hours", 1, counts=Counts(up_hours=D(1), failures=-1)), "failures"),
        (reading("availability_pct", 1, counts=Counts(up_hours=D(2), hours=D(1))), "up_hours"),
        (reading("mttr_hours", 1, counts=Counts(repair_hours=D(2), failures=0)), "repair_hours"),
        (reading("overtime_hours", 1, counts=Counts(hours=D(2))), "hours"),
    ],
)
def test_what_cannot_be_measured_names_the_field(session: Session, acme: Customer, sent: Reading, field: str) -> None:
    with pytest.raises(Unprocessable) as refused:
        record(session, acme, sent)
    assert refused.value.field == field
    assert list_measurements(session, tenant_id=acme.tenant_id, limit=9) == []


def test_a_month_in_which_nothing_ran_counts_as_failures_without_hours(session: Session, acme: Customer) -> None:
    record(
        session, acme,
        reading("mtbf_hours", 1, counts=Counts(up_hours=D(0), failures=3)),
        reading("mtbf_hours", 2, counts=Counts(up_hours=D(700), failures=1)),
        reading("mtbf_hours", 3, counts=Counts(up_hours=D(0), failures=0)),
    )  # fmt: skip
    assert figures(session, acme, 1, 4) == {"mtbf_hours": D(175)}
    assert figures(session, acme, 2, 4) == {"mtbf_hours": D(700)}


def test_it_is_not_weighed_against_plain_values_of_other_months(session: Session, acme: Customer) -> None:
    record(
        session, acme,
        reading("mtbf_hours", 1, counts=Counts(up_hours=D(0), failures=3)),
        reading("mtbf_hours", 2, "500"),
        reading("mtbf_hours", 3, counts=Counts(up_hours=D(0), failures=0)),
        reading("mtbf_hours", 4, "250"),
    )  # fmt: skip
    for ends in (2, 3):
        with pytest.raises(Unprocessable, match="mtbf_hours 2026-01: Machines did not run") as refused:
            figures(session, acme, 1, ends)
        assert refused.value.field == "period_start"
    with pytest.raises(Unprocessable, match="2026-03: Machines did not run"):
        figures(session, acme, 3, 4)
    assert figures(session, acme, 2, 4) == {"mtbf_hours": D(500)}
    assert figures(session, acme, 2, 5) == {"mtbf_hours": D("329.545455")}  # (28 + 30) / (28/500 + 30/250)


def test_several_are_recorded_together_or_not_at_all(session: Session, acme: Customer) -> None:
    twice = [reading("mtbf_hours", 1, "1"), reading("mtbf_hours", 1, "2")]
    with pytest.raises(Unprocessable, match="sent twice"):
        record_measurements(
            session, tenant_id=acme.tenant_id, readings=twice, source=MeasurementSource.API, signer=THEIRS, at=AT
        )
    assert list_measurements(session, tenant_id=acme.tenant_id, limit=9) == []


def test_its_file_is_one_of_the_same_customer(session: Session, acme: Customer) -> None:
    other = customer(session, plan="ENTERPRISE", name="Other", start=date(2026, 1, 1), at=AT)
    with pytest.raises(NotFound):
        record(session, acme, reading("mtbf_hours", 1, "1", file_id=document(session, other.tenant_id, at=AT)))
    with_own = reading("mtbf_hours", 1, "1", file_id=document(session, acme.tenant_id, at=AT))
    assert record(session, acme, with_own)[0].file_id == with_own.file_id


@pytest.mark.parametrize("change", ["value = '1'", "period_end = '2027-01-01'", "weight = '1', total = '1'"])
def test_the_database_keeps_what_was_measured(session: Session, acme: Customer, change: str) -> None:
    record(session, acme, reading("mtbf_hours", 1, "100"))
    for statement in (f"UPDATE kpi_measurement SET {change}", "DELETE FROM kpi_measurement"):
        with pytest.raises(IntegrityError), session.begin_nested():
            session.execute(text(statement))
