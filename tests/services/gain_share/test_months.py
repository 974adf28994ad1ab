"""Months with their gaps, and what a person types read exactly or refused in words."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session

from models import MeasurementSource
from services.errors import Unprocessable
from services.gain_share.kpi_counts import Counts
from services.gain_share.kpi_measurements import Reading, record_measurements
from services.gain_share.months import read_months
from services.gain_share.typed import typed_days, typed_month, typed_number, typed_readings
from tests.gain_share_given import JULY, OURS, agree, plant


def record(session: Session, tenant_id: str, *readings: Reading) -> None:
    record_measurements(
        session, tenant_id=tenant_id, readings=readings, source=MeasurementSource.ENTERED, signer=OURS, at=JULY
    )


def test_whole_months_parts_and_gaps_are_told_apart(session: Session) -> None:
    tenant_id = plant(session).tenant_id
    agree(session, tenant_id)
    record(
        session,
        tenant_id,
        Reading("mtbf_hours", date(2026, 6, 1), date(2026, 7, 1), Decimal("196.25")),
        Reading("mtbf_hours", date(2026, 5, 1), date(2026, 5, 11), Decimal(196)),
        Reading("mttr_hours", date(2026, 5, 1), date(2026, 5, 11), Decimal(4)),
        Reading("mttr_hours", date(2026, 5, 11), date(2026, 6, 1), Decimal(4)),
        Reading("mttr_hours", date(2026, 2, 1), date(2026, 4, 1), Decimal(5)),
        Reading("mtbf_hours", date(2026, 6, 1), date(2026, 7, 1), Decimal(100), site="halifax"),
    )
    view = read_months(session, tenant_id=tenant_id, at=JULY)
    cells = {row.month: [(cell.value, cell.state) for cell in row.cells] for row in view.rows}
    assert view.names == ("Mean time between failures", "Mean time to repair")
    assert cells["2026-07"] == [("", "running"), ("", "running")]
    assert cells["2026-06"] == [("196.25 hours", "measured"), ("", "missing")]
    assert cells["2026-05"] == [("196 hours", "partly"), ("2 parts", "measured")]
    assert cells["2026-03"] == [("", "missing"), ("5 hours", "measured")]
    assert [row.is_over for row in view.rows[:2]] == [False, True]
    assert view.gaps.startswith("17 figures are missing")
    assert view.sites == (("", "All sites together"), ("halifax", "halifax"))
    of_site = read_months(session, tenant_id=tenant_id, at=JULY, site="halifax")
    assert of_site.rows[1].cells[0].value == "100 hours"


def test_a_month_in_which_nothing_ran_says_so_and_not_that_nothing_failed(session: Session) -> None:
    tenant_id = plant(session).tenant_id
    april, may, june = date(2026, 4, 1), date(2026, 5, 1), date(2026, 6, 1)
    record(
        session,
        tenant_id,
        Reading("mtbf_hours", april, may, counts=Counts(up_hours=Decimal(0), failures=0)),
        Reading("mtbf_hours", may, june, counts=Counts(up_hours=Decimal(9), failures=0)),
    )
    rows = read_months(session, tenant_id=tenant_id, at=JULY).rows
    cells = {row.month: cell.value for row in rows for cell in row.cells if cell.value}
    assert (cells["2026-04"], cells["2026-05"]) == ("Nothing ran", "Nothing failed")


def test_years_before_are_reached_and_an_empty_plant_says_nothing_is_missing(session: Session) -> None:
    tenant_id = plant(session).tenant_id
    view = read_months(session, tenant_id=tenant_id, at=JULY)
    assert (view.title, view.gaps, view.has_later) == ("Aug 2025 – Jul 2026", "", False)
    assert view.names == ("Availability", "Mean time between failures", "Mean time to repair")
    before = read_months(session, tenant_id=tenant_id, at=JULY, years_back=2)
    assert (before.title, before.has_later, before.has_earlier) == ("Aug 2023 – Jul 2024", True, True)
    last = read_months(session, tenant_id=tenant_id, at=JULY, years_back=10**6)
    assert (last.years_back, last.has_earlier) == (30, False)


@pytest.mark.parametrize(
    ("wrote", "number"), [("1,250.50", "1250.50"), (" 1 250 ", "1250"), ("12.5%", "12.5"), ("-3", "-3")]
)
def test_numbers_are_read_as_people_write_them(wrote: str, number: str) -> None:
    assert typed_number({"value": wrote}, "value") == Decimal(number)


@pytest.mark.parametrize("wrote", ["", "much", "1e9", "NaN", "Infinity", "1.2.3", "--1", "²", "0x10"])
def test_what_is_no_number_is_refused_by_its_field(wrote: str) -> None:
    with pytest.raises(Unprocessable, match="write one such as") as refused:
        typed_number({"value": wrote}, "value")
    assert refused.value.field == "value"


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"a": "", "b": "2026-01-31"}, "a"),
        ({"a": "2026-01-01", "b": "31.1.2026"}, "b"),
        ({"a": "2026-02-01", "b": "2026-01-31"}, "b"),
        ({"a": "2026-02-01", "b": "9999-12-31"}, "b"),
    ],
)
def test_days_that_are_none_are_refused_by_their_field(typed: dict[str, Any], field: str) -> None:
    with pytest.raises(Unprocessable) as refused:
        typed_days(typed, "a", "b")
    assert refused.value.field == field


def test_a_month_is_its_days_and_empty_values_are_not_measured() -> None:
    assert typed_month({"month": "2026-12"}, "month") == (date(2026, 12, 1), date(2027, 1, 1))
    assert typed_days({"a": "2026-02-01", "b": "2026-02-28"}, "a", "b") == (date(2026, 2, 1), date(2026, 3, 1))
    typed = {"month": "2026-02", "value_mtbf_hours": "196", "value_mttr_hours": " "}
    (reading,) = typed_readings(typed, kpis=("mtbf_hours", "mttr_hours"), site="halifax")
    assert (reading.kpi, reading.period_end, reading.site) == ("mtbf_hours", date(2026, 3, 1), "halifax")


@pytest.mark.parametrize("wrote", ["", "2026", "2026-00", "March", "9999-12"])
def test_what_is_no_month_is_refused(wrote: str) -> None:
    with pytest.raises(Unprocessable, match="Choose a month"):
        typed_month({"month": wrote}, "month")
