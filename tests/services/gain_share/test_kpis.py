"""The KPIs a plan adds beside the built-in ones: in the price book, in contracts, measured and agreed on."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError
from sqlmodel import Session

from app.api.schemas.plans import GainShareTermsShown
from models import MeasurementSource
from services.contracts.agreements import work_out_contract
from services.contracts.terms import read_terms
from services.errors import Unprocessable
from services.gain_share.baseline_lists import baselines_in_force
from services.gain_share.baselines import propose_baseline
from services.gain_share.kpi_figures import measured
from services.gain_share.kpi_measurements import Reading, record_measurement
from services.gain_share.kpis import check_unit, find_kpi, kpis_of
from services.price_books.entries import GainShareEntry
from services.price_books.plans import GainShareKpi, GainShareTerms
from tests.gain_share_given import OURS, THEIRS, accepted_baseline, terms_of
from tests.given import customer, own_plan

AT = datetime(2026, 7, 10, 12, tzinfo=UTC)
SCRAP = {"code": "scrap_kg", "name": "Scrap", "unit": "kg", "better": "lower"}
SHARE = {"min_pct": Decimal(10), "max_pct": Decimal(20), "kpis": [SCRAP]}
FREE = {"model": "flat", "amount": "0"}


@pytest.fixture
def tenant_id(session: Session) -> str:
    """A customer whose plan adds a KPI."""
    code = own_plan(session, overage=FREE, gain_share=SHARE)
    return customer(session, plan=code, start=date(2026, 1, 1), at=AT).tenant_id


def test_a_plan_adds_kpis_behind_the_built_in_ones(session: Session, tenant_id: str) -> None:
    found = kpis_of(session, tenant_id=tenant_id)
    assert list(found)[-2:] == ["overtime_hours", "scrap_kg"]
    assert (found["scrap_kg"].name, found["scrap_kg"].unit, found["scrap_kg"].better) == ("Scrap", "kg", "lower")
    assert check_unit(found["mtbf_hours"], "h") == "hours"
    with pytest.raises(Unprocessable, match="measured in kg"):
        check_unit(found["scrap_kg"], "t")
    with pytest.raises(Unprocessable, match="scrap_kg"):
        find_kpi(found, "scrap_t")


def test_one_of_the_plan_is_agreed_on_at_what_a_unit_is_worth(session: Session, tenant_id: str) -> None:
    rates = {"operating_hours": Decimal(8000)}
    with pytest.raises(Unprocessable, match="value_rate"):
        propose_baseline(
            session,
            tenant_id=tenant_id,
            terms=terms_of(session, tenant_id, "scrap_kg", "1200", at=AT, rates=rates),
            signer=OURS,
            at=AT,
        )
    accepted = accepted_baseline(
        session, tenant_id, "scrap_kg", "1200", at=AT, rates=rates | {"value_rate": Decimal("3.5")}
    )
    mtbf = accepted_baseline(session, tenant_id, "mtbf_hours", "92", at=AT)
    assert (accepted.unit, accepted.rates["value_rate"]) == ("kg", "3.5")
    assert baselines_in_force(session, tenant_id=tenant_id, on=date(2026, 7, 1)) == [mtbf, accepted]


def test_one_of_the_plan_is_measured_by_hand_and_weighed_by_days(session: Session, tenant_id: str) -> None:
    for month, value in ((1, 100), (2, 41)):
        reading = Reading("scrap_kg", date(2026, month, 1), date(2026, month + 1, 1), Decimal(value))
        record_measurement(
            session, tenant_id=tenant_id, reading=reading, source=MeasurementSource.ENTERED, signer=THEIRS, at=AT
        )
    taken = measured(session, tenant_id=tenant_id, starts=date(2026, 1, 1), ends=date(2026, 3, 1))
    assert taken.figures["scrap_kg"].value == Decimal(72)  # (31·100 + 28·41) / 59
    assert taken.figures["scrap_kg"].unit == "kg"


@pytest.mark.parametrize(
    "kpis",
    [
        [SCRAP, SCRAP],
        [SCRAP | {"code": "mtbf_hours"}],
        [SCRAP | {"code": "Scrap kg"}],
        [SCRAP | {"better": "other"}],
        [SCRAP | {"unit": ""}],
        [SCRAP | {"rate": 1}],
        [SCRAP | {"code": f"scrap_{number}"} for number in range(21)],
    ],
)
def test_a_price_book_with_kpis_that_cannot_be_is_refused(kpis: list[dict[str, Any]]) -> None:
    with pytest.raises(ValidationError):
        GainShareEntry.model_validate(SHARE | {"kpis": kpis})


def test_a_contract_on_another_share_keeps_the_kpis_unless_it_says_so(session: Session, tenant_id: str) -> None:
    def kpis(**share: Any) -> tuple[GainShareKpi, ...]:
        terms = read_terms({"gain_share": {"min_pct": 5, "max_pct": 12} | share})
        plan = work_out_contract(session, tenant_id=tenant_id, plan_code="own/OWN", terms=terms).plan
        assert plan.gain_share is not None
        assert plan.gain_share.max_pct == 12
        return plan.gain_share.kpis

    assert kpis() == (GainShareKpi(**SCRAP),)
    assert kpis(kpis=[]) == ()


def test_the_api_shows_the_kpis_of_a_plan() -> None:
    terms = GainShareTerms(Decimal(10), Decimal(20), (GainShareKpi(**SCRAP),))
    assert GainShareTermsShown.of(terms).model_dump()["kpis"] == [SCRAP]
