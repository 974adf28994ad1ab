"""A run's report: the same bytes for the same run, in both languages, with a code that leads back to its receipt."""

import io
from datetime import timedelta
from decimal import Decimal

import pytest
from pypdf import PdfReader
from sqlmodel import Session

from models import GainShareRun
from services.demo.customers import register_demo_seller
from services.errors import NotFound
from services.gain_share.decisions import add_run_evidence, approve_run, comment_on_run, dispute_run
from services.gain_share.report.charts import ROOM, kpi_dots, placed_bars
from services.gain_share.report.layout import lay_out
from services.gain_share.report.rendering import render_report
from services.gain_share.report.report import RunReport, read_report
from services.gain_share.report.words import ENGLISH, FRENCH
from services.gain_share.working import Bar
from services.identity import create_tenant
from services.invoices.document_check_views import check_document
from services.invoices.document_verification import find_document
from services.parties.seller_profiles import read_seller
from tests.gain_share_given import (
    BEFORE,
    BETTER,
    JULY,
    RATES,
    THEIRS,
    accepted_baseline,
    agree,
    document,
    measure,
    plant,
    submit,
    submitted,
)
from tests.given import own_plan


@pytest.fixture
def run(session: Session) -> GainShareRun:
    return submitted(session, plant(session).tenant_id)


def report_of(session: Session, run: GainShareRun, language: str | None = None) -> RunReport:
    return read_report(session, tenant_id=run.tenant_id, run_id=run.id, language=language)


def test_the_same_run_gives_the_same_bytes_until_something_more_is_signed(session: Session, run: GainShareRun) -> None:
    first = render_report(report_of(session, run))
    assert first.startswith(b"%PDF-1.7")
    comment_on_run(session, tenant_id=run.tenant_id, run_id=run.id, text="Hm.", signer=THEIRS, at=JULY)
    assert render_report(report_of(session, run)) == first, "what is only said is not in it"
    approve_run(session, tenant_id=run.tenant_id, run_id=run.id, signer=THEIRS, at=JULY + timedelta(days=1))
    approved = render_report(report_of(session, run))
    assert approved != first
    assert render_report(report_of(session, run)) == approved


def test_a_report_names_the_seller_as_its_invoices_do(session: Session, run: GainShareRun) -> None:
    register_demo_seller(session, at=JULY)
    assert report_of(session, run).seller == read_seller(session).legal_name == "Tallystick Systems Inc."


def test_a_report_tells_how_the_fee_arose(session: Session, run: GainShareRun) -> None:
    sheet = lay_out(report_of(session, run))
    assert (sheet["headline"], sheet["headline_note"]) == (
        "$372,600.00",
        "15% of documented savings of $2,484,000.00",
    )
    assert sheet["compared"][0][:3] == ["Mean time between failures", "92 hours", "196 hours"]
    assert [(bar["name"], bar["amount"]) for bar in sheet["bars"]] == [
        ("Fewer failures", "1,668,000.00"),
        ("Shorter repairs", "816,000.00"),
        ("Savings", "2,484,000.00"),
        ("The customer keeps", "2,111,400.00"),
        ("Fee", "372,600.00"),
    ]
    assert sheet["steps"][-1]["terms"] == "2,484,000.00 × 15%"
    assert [chart["name"] for chart in sheet["charts"]] == ["Mean time between failures", "Mean time to repair"]
    assert [step["title"] for step in sheet["history"]] == ["Submitted"]


def test_a_french_report_is_french_throughout(session: Session, run: GainShareRun) -> None:
    dispute_run(
        session,
        tenant_id=run.tenant_id,
        run_id=run.id,
        parts=["shorter_repairs"],
        reason="Trop court.",
        signer=THEIRS,
        at=JULY,
    )
    shown = document(session, run.tenant_id, at=JULY, name="Bons de travail.pdf")
    add_run_evidence(session, tenant_id=run.tenant_id, run_id=run.id, file_id=shown, signer=THEIRS, at=JULY)
    sheet = lay_out(report_of(session, run, "fr"))
    assert sheet["headline"] == "372\N{NO-BREAK SPACE}600,00\N{NO-BREAK SPACE}$"
    assert sheet["compared"][1][:3] == ["Temps moyen de réparation", "8 heures", "4 heures"]
    assert sheet["steps"][-1]["name"] == "Honoraires, la part des économies"
    disputed, file = sheet["history"][1:]
    assert disputed["details"] == ["Contesté : Réparations plus courtes", "Trop court."]
    assert file["details"][0].startswith("Fichier Bons de travail.pdf, SHA-256 ")
    assert render_report(report_of(session, run, "fr")).startswith(b"%PDF-1.7")


def test_both_languages_have_a_word_for_everything() -> None:
    for part in (
        "labels",
        "kpis",
        "rates",
        "parts",
        "steps",
        "bars",
        "methods",
        "statuses",
        "kinds",
        "parties",
        "units",
    ):
        assert set(getattr(ENGLISH, part)) == set(getattr(FRENCH, part)), part


def test_letters_no_font_has_and_words_without_end_do_not_stop_a_report(session: Session, run: GainShareRun) -> None:
    text = "𒀀 " + "x" * 3_000
    approve_run(session, tenant_id=run.tenant_id, run_id=run.id, signer=THEIRS, at=JULY, text=text)
    assert render_report(report_of(session, run)).startswith(b"%PDF-1.7")


def test_a_loss_has_a_report_without_a_fee(session: Session) -> None:
    tenant_id = plant(session).tenant_id
    agree(session, tenant_id)
    measure(session, tenant_id, {"mtbf_hours": "60", "mttr_hours": "9"})
    report = report_of(session, submit(session, tenant_id))
    sheet = lay_out(report)
    assert sheet["headline_note"] == "Nothing was saved, so there is no fee"
    assert [bar["kind"] for bar in sheet["bars"]] == ["loss", "loss", "savings", "fee"]
    assert sheet["effects"]["rows"] == [], "no tenth makes a fee of it"
    assert sheet["effects"]["none"].startswith("None does")
    assert render_report(report).startswith(b"%PDF-1.7")


@pytest.mark.parametrize(("language", "gained", "worth"), [
    ("en", "Energy used gained", "Energy used, what a unit is worth"),
    ("fr", "Energy used, gain", "Energy used, valeur d’une unité"),
])  # fmt: skip
def test_a_kpi_of_the_plans_own_is_called_what_the_plan_calls_it(
    session: Session, language: str, gained: str, worth: str
) -> None:
    kpi = {"code": "energy", "name": "Energy used", "unit": "kWh", "better": "lower"}
    bounds = {"min_pct": Decimal(10), "max_pct": Decimal(20), "kpis": [kpi]}
    plan = own_plan(session, overage={"model": "per_unit", "unit_price": Decimal(1)}, gain_share=bounds)
    tenant_id = plant(session, plan=plan).tenant_id
    agree(session, tenant_id)
    rates = RATES | {"value_rate": Decimal("0.5")}
    accepted_baseline(session, tenant_id, "energy", "90000", at=JULY, rates=rates, **BEFORE)
    measure(session, tenant_id, BETTER | {"energy": "80000"})
    run = submit(session, tenant_id)
    dispute_run(session, tenant_id=tenant_id, run_id=run.id, parts=["kpi.energy"], reason="No.", signer=THEIRS, at=JULY)
    report = report_of(session, run, language)
    sheet = lay_out(report)
    before, after = sheet["compared"][-1][1:3]
    assert sheet["compared"][-1][0] == "Energy used"
    assert all(value.endswith(" kWh") for value in (before, after))
    assert "Energy used" in [bar["name"] for bar in sheet["bars"]]
    assert gained in [step["name"] for step in sheet["steps"]]
    assert sheet["rates"][-1][0] == worth
    assert sheet["charts"][-1]["name"] == "Energy used"
    assert {row["name"] for row in sheet["effects"]["rows"]} >= {worth}
    assert sheet["history"][-1]["details"][0].endswith("Energy used")
    assert render_report(report).startswith(b"%PDF-1.7")


def test_a_signed_step_stays_on_one_page_unless_no_page_is_long_enough(session: Session, run: GainShareRun) -> None:
    for text in ("Look.", "Line.\n" * 200):
        shown = document(session, run.tenant_id, at=JULY, name=f"{len(text)}.pdf")
        add_run_evidence(
            session, tenant_id=run.tenant_id, run_id=run.id, file_id=shown, text=text, signer=THEIRS, at=JULY
        )
    report = report_of(session, run)
    sheet = lay_out(report)
    assert [step["is_long"] for step in sheet["history"]] == [False, False, True]
    pages = PdfReader(io.BytesIO(render_report(report)), strict=True).pages
    assert sum(page.extract_text().count("Line.") for page in pages) == 200, "nothing runs off a page"


def test_the_code_leads_back_to_the_run(session: Session, run: GainShareRun) -> None:
    before = report_of(session, run).receipt.code
    found = find_document(session, tenant_id=run.tenant_id, code=before)
    assert (found.kind, found.id, found.invoice_id, found.receipt_seq) == (
        "gain_share_run", run.id, None, run.receipt_seq,
    )  # fmt: skip
    approve_run(session, tenant_id=run.tenant_id, run_id=run.id, signer=THEIRS, at=JULY)
    after = report_of(session, run).receipt.code
    assert after != before
    for code in (before, after):
        checked = check_document(session, tenant_id=run.tenant_id, code=code, number=run.id)
        assert (checked.title, checked.run_id) == (f"The report of run {run.id} is ours", run.id)
        assert checked.facts[0].value == "$372,600.00 CAD"
    stranger = create_tenant(session, name="Other", currency="CAD", timezone="UTC", at=JULY).id
    with pytest.raises(NotFound):
        read_report(session, tenant_id=stranger, run_id=run.id)


def test_dots_and_bars_stay_within_their_room(session: Session, run: GainShareRun) -> None:
    for series in report_of(session, run).series:
        for dot in kpi_dots(series)["dots"]:
            assert all(0 <= dot[axis] <= ROOM for axis in ("x", "y", "base"))
    placed = placed_bars([Bar("a", 0, 500), Bar("b", 500, -200), Bar("savings", 0, -200)])
    assert placed == [(2857, 7142), (0, 10_000), (0, 2857)]
