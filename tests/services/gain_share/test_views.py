"""Gain-share in words: baselines, runs from measurements to fee, and what is missing."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlmodel import Session

from models import GainShareRun, Party
from services.gain_share.decisions import approve_run, reject_run
from services.gain_share.effect_views import effect_views
from services.gain_share.run_views import WorkingView, working_view
from services.gain_share.runs import list_runs, revise_run
from services.gain_share.views import RUNS_SHOWN, read_gain_share
from services.identity import create_tenant
from services.rules.gain_share import KPI_DELTA
from tests.gain_share_given import (
    BEFORE,
    BETTER,
    JULY,
    OURS,
    RATES,
    THEIRS,
    accepted_baseline,
    agree,
    measure,
    plant,
    submit,
    submitted,
)

D = Decimal


@pytest.fixture
def tenant_id(session: Session) -> str:
    return plant(session).tenant_id


def worded(run: GainShareRun) -> WorkingView:
    return working_view(run.calculation, run.calculation_sha256, reader=Party.CUSTOMER)


def worded_amount(text: str) -> Decimal:
    sign = -1 if text.startswith("-") else 1
    return sign * Decimal(text.removeprefix("-").removeprefix("$").replace(",", ""))


def test_the_page_lists_runs_with_what_they_wait_for(session: Session, tenant_id: str) -> None:
    run = submitted(session, tenant_id)
    (shown,) = read_gain_share(session, tenant_id=tenant_id, at=JULY).runs
    assert (shown.id, shown.period, shown.method) == (run.id, "1 Jul 2025 – 30 Jun 2026", "Downtime cost")
    assert (shown.savings, shown.share, shown.fee) == ("$2,484,000.00", "15 %", "$372,600.00")
    assert (shown.status_word, shown.deadline, shown.waits) == ("Waiting for approval", "9 Aug 2026", True)
    assert not shown.is_late
    (late,) = read_gain_share(session, tenant_id=tenant_id, at=JULY + timedelta(days=40)).runs
    assert late.is_late


def test_a_run_is_worded_from_measurements_to_fee(session: Session, tenant_id: str) -> None:
    shown = worded(submitted(session, tenant_id))
    assert [(part.code, part.name, part.amount) for part in shown.parts] == [
        ("fewer_failures", "Fewer failures", "$1,668,000.00"),
        ("shorter_repairs", "Shorter repairs", "$816,000.00"),
    ]
    assert sum(worded_amount(part.amount) for part in shown.parts) == worded_amount(shown.savings)
    assert shown.fee_working == "$2,484,000.00 × 15 % = $372,600.00"
    assert [(each.name, each.baseline, each.actual) for each in shown.compared] == [
        ("Mean time between failures", "92 hours", "196 hours"),
        ("Mean time to repair", "8 hours", "4 hours"),
    ]
    assert [(each.name, each.value) for each in shown.rates] == [
        ("Operating hours of a year", "8,000 hours"),
        ("Downtime, an hour", "$5,000.00"),
        ("Labour, an hour of repair", "$100.00"),
        ("Parts, a failure", "$900.00"),
    ]
    assert [(step.name, step.terms, step.result) for step in shown.steps] == [
        ("Operating hours of the period", "8,000 hours", "8,000 hours"),
        ("Availability by the baseline", "92 hours ÷ (92 hours + 8 hours)", "92 %"),
        ("Failures there would have been", "8,000 hours × 92 % ÷ 92 hours", "80 failures"),
        ("What one failure cost before", "8 hours × ($5,000.00 + $100.00) + $900.00", "$41,700.00"),
        ("What failures would have cost", "80 failures × $41,700.00", "$3,336,000.00"),
        ("Availability by what was measured", "196 hours ÷ (196 hours + 4 hours)", "98 %"),
        ("Failures by what was measured", "8,000 hours × 98 % ÷ 196 hours", "40 failures"),
        ("What one failure costs now", "4 hours × ($5,000.00 + $100.00) + $900.00", "$21,300.00"),
        ("What failures cost now", "40 failures × $21,300.00", "$852,000.00"),
        ("Saved: Fewer failures", "(80 failures − 40 failures) × $41,700.00", "$1,668,000.00"),
        ("Saved: Shorter repairs", "40 failures × ($41,700.00 − $21,300.00)", "$816,000.00"),
        ("Savings, the sum of the parts", "$1,668,000.00 + $816,000.00", "$2,484,000.00"),
        ("Fee, the share of the savings", "$2,484,000.00 × 15 %", "$372,600.00"),
    ]
    assert [(bar.name, bar.kind, bar.left, bar.width) for bar in shown.bars] == [
        ("Fewer failures", "gain", "0%", "67.14%"),
        ("Shorter repairs", "gain", "67.14%", "32.85%"),
        ("Savings", "savings", "0%", "100%"),
        ("You keep", "kept", "15%", "85%"),
        ("Fee", "fee", "0%", "15%"),
    ]


def test_what_is_left_of_the_savings_is_the_readers_own_only_to_the_customer(session: Session, tenant_id: str) -> None:
    run = submitted(session, tenant_id)
    for reader, kept in ((Party.CUSTOMER, "You keep"), (Party.SELLER, "The customer keeps")):
        shown = working_view(run.calculation, run.calculation_sha256, reader=reader)
        assert [bar.name for bar in shown.bars if bar.kind == "kept"] == [kept]


def test_the_totals_are_those_of_approved_runs(session: Session, tenant_id: str) -> None:
    refused = submitted(session, tenant_id)
    reject_run(session, tenant_id=tenant_id, run_id=refused.id, reason="No", signer=THEIRS, at=JULY)
    replaced = submit(session, tenant_id)
    kept = revise_run(session, tenant_id=tenant_id, run_id=replaced.id, signer=OURS, at=JULY)
    approve_run(session, tenant_id=tenant_id, run_id=kept.id, signer=THEIRS, at=JULY)
    agree(session, tenant_id, effective_from=date(2024, 7, 1))
    year = (date(2024, 7, 1), date(2025, 7, 1))
    measure(session, tenant_id, BETTER, days=year)
    submit(session, tenant_id, period_start=year[0], period_end=year[1])
    view = read_gain_share(session, tenant_id=tenant_id, at=JULY)
    assert (view.savings, view.fees, view.runs_hint) == ("$2,484,000.00", "$372,600.00", "over 1 run both sides signed")
    assert (view.waiting, view.waiting_hint) == ("$372,600.00", "1 run to be approved")
    assert len(view.runs) == 4


def test_older_runs_are_listed_when_they_are_asked_for(session: Session, tenant_id: str) -> None:
    run = submitted(session, tenant_id)
    for _ in range(RUNS_SHOWN):
        run = revise_run(session, tenant_id=tenant_id, run_id=run.id, signer=OURS, at=JULY)
    first = read_gain_share(session, tenant_id=tenant_id, at=JULY)
    assert (len(first.runs), first.has_more_runs) == (RUNS_SHOWN, True)
    assert first.older_runs.startswith("1 run earlier")
    for wanted in (2 * RUNS_SHOWN, 10**9):
        whole = read_gain_share(session, tenant_id=tenant_id, at=JULY, runs_max=wanted)
        assert (len(whole.runs), whole.has_more_runs, whole.older_runs) == (RUNS_SHOWN + 1, False, "")
    assert first.decides.startswith("Decided on by an owner or a billing admin")


def test_a_loss_is_shown_as_one_and_costs_no_fee(session: Session, tenant_id: str) -> None:
    agree(session, tenant_id)
    measure(session, tenant_id, {"mtbf_hours": "60", "mttr_hours": "9"})
    submit(session, tenant_id)
    shown = worded(list_runs(session, tenant_id=tenant_id, limit=1)[0])
    assert all(part.is_loss for part in shown.parts)
    assert sum(worded_amount(part.amount) for part in shown.parts) == worded_amount(shown.savings)
    assert (shown.fee, shown.fee_working) == ("$0.00", "Nothing was saved, so there is no fee.")
    assert [bar.kind for bar in shown.bars] == ["loss", "loss", "savings", "fee"], "of a loss nobody keeps anything"
    (run,) = list_runs(session, tenant_id=tenant_id, limit=1)
    assert effect_views(run.calculation) == (), "no tenth of one input makes a fee of it"


def test_baselines_say_which_is_in_force_and_what_shows_it(session: Session, tenant_id: str) -> None:
    agree(session, tenant_id, effective_from=date(2026, 1, 1))
    for kpi, value, day in (
        ("mtbf_hours", "110", date(2026, 3, 1)),
        ("availability_pct", "91.5", date(2027, 1, 1)),
    ):
        accepted_baseline(session, tenant_id, kpi, value, at=JULY, **(BEFORE | {"effective_from": day}))
    shown = read_gain_share(session, tenant_id=tenant_id, at=JULY).baselines
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
        accepted_baseline(session, tenant_id, kpi, value, at=JULY, rates=rates, **BEFORE)
    measure(session, tenant_id, {"availability_pct": "90", "mtbf_hours": "100", "inventory_value": "450000"})
    submit(session, tenant_id, method=KPI_DELTA)
    shown = worded(list_runs(session, tenant_id=tenant_id, limit=1)[0])
    assert shown.overlapping
    assert ("Spare parts in stock", "$500,000.00", "$450,000.00") in [
        (each.name, each.baseline, each.actual) for each in shown.compared
    ]
    assert sum(worded_amount(part.amount) for part in shown.parts) == worded_amount(shown.savings)


def test_pages_of_customers_with_nothing_say_what_is_missing(session: Session, tenant_id: str) -> None:
    nobody = create_tenant(session, name="Nobody yet", currency="CAD", timezone="UTC", at=JULY)
    empty = read_gain_share(session, tenant_id=nobody.id, at=JULY)
    assert (empty.has_subscription, empty.terms, empty.runs, empty.baselines) == (False, "", (), ())
    view = read_gain_share(session, tenant_id=tenant_id, at=JULY)
    assert view.terms == "10 % to 20 % of documented savings"
    assert (view.runs_hint, view.waiting_hint, view.savings) == ("No run is approved yet", "No run is waiting", "$0.00")


def test_another_customers_runs_are_not_shown(session: Session, tenant_id: str) -> None:
    submitted(session, tenant_id)
    other = create_tenant(session, name="Other", currency="CAD", timezone="UTC", at=JULY)
    view = read_gain_share(session, tenant_id=other.id, at=JULY)
    assert (view.runs, view.baselines, view.savings) == ((), (), "$0.00")
