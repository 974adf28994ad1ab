"""What lines say in either language: from what they are, not from their English description."""

from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from models import LineKind
from services.billing_documents.document import BillingDocument, DocumentLine, Prorated
from services.billing_documents.formats import locale_of
from services.billing_documents.layout import lay_out
from services.rules.money import Money
from tests import bills

CHANGED = datetime(2026, 11, 15, 14, 5, tzinfo=ZoneInfo("America/Toronto"))
PRORATED = Prorated(Money(9_000_00, "CAD"), (date(2026, 11, 1), date(2026, 11, 30)), CHANGED)
FLAT = {"model": "flat", "amount": "-4500.00"}
UNUSED = bills.line(
    "proration", "Unused part of Pro, monthly base fee", "1", "month", -4_500_00, pricing=FLAT, prorated=PRORATED
)  # fmt: skip
CARRIED = bills.line(
    "carried", "Credit carried from invoice INV-000007", "1", "credit", -5_00, pricing=FLAT, sources={"invoice": 7}
)  # fmt: skip
PACK = replace(
    bills.line(
        "top_up", "Credits bought: 100k", "2", "pack", 400_00, pricing={"model": "per_unit", "unit_price": "200"},
        sources={"pack": "100k", "pool": "credits", "credits": "200000", "purchase": "p"},
    ),
    plan=replace(bills.PLAN, packs={"100k": "100 000"}),
)  # fmt: skip
ADJUSTED = bills.line("adjustment", "Adjustment: Remise commerciale", "1", "adjustment", -10_00, pricing=FLAT)
YEARLY = replace(bills.BASE, unit="year", description="Pro, annual base fee")

FRENCH = {
    "base": (YEARLY, "Pro, frais de base annuels", "Facturé d’avance"),
    "asset_uplift": (
        replace(bills.ASSETS, sources=bills.ASSETS.sources | {"site": "mine-2"}),
        "Actifs au-delà du forfait de 1 000 (mine-2)", "Relevé : 1 200 actifs (dernier relevé), forfait : 1 000",
    ),
    "overage": (
        replace(bills.OVERAGE, plan=replace(bills.PLAN, daily_pools=frozenset({"credits"}))),
        "Crédits au-delà du forfait de 1 000 000 par jour",
        "Utilisation : 1 500 000 crédits, forfait : 1 000 000 par jour",
    ),
    "late_usage": (
        bills.LATE, "Utilisation tardive de la période du 1er novembre 2026 : Crédits",
        "Au-delà du forfait à ce jour : 3 000 crédits, déjà facturé : 4 250",
    ),
    "correction": (
        bills.TAKEN_BACK, "Correction de la période du 1er novembre 2026 : Crédits",
        "Au-delà du forfait à ce jour : 5 crédits, déjà facturé : 505",
    ),
    "discount": (bills.DISCOUNT, "Promotion LAUNCH20 : remise de 20 % sur les frais de base", ""),
    "adjustment": (ADJUSTED, "Ajustement : Remise commerciale", ""),
    "top_up": (PACK, "Crédits, achat : 100 000", "200 000 en tout"),
    "proration": (
        UNUSED, "Part inutilisée : Pro, frais de base mensuels",
        "Sur 9 000,00 pour 1–30 nov. 2026, à la seconde près à compter du 15 nov. 2026, 14 h 05",
    ),
    "carried": (CARRIED, "Crédit reporté de la facture INV-000007", ""),
    "gain_share": (
        bills.SHARED, "Partage des gains, du 1er novembre 2026 au 30 novembre 2026",
        "Sur des gains documentés de 3 200 000,00, approuvés au reçu 1 482",
    ),
}  # fmt: skip


def worded(line: DocumentLine, language: str) -> dict[str, str]:
    (row,) = lay_out(bills.invoice((line,), language=language))["lines"]
    shown = row | {"details": row["details"][1] if len(row["details"]) > 1 else ""}
    return {name: plain(value) if isinstance(value, str) else value for name, value in shown.items()}


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u202f", " ").replace("\u2009", " ")


@pytest.mark.parametrize("kind", FRENCH)
def test_each_kind_of_line_is_worded_in_french(kind: str) -> None:
    line, title, counts = FRENCH[kind]
    assert line.kind == kind
    row = worded(line, "fr")
    assert (row["title"], row["details"]) == (title, counts)


def test_every_kind_there_is_is_worded() -> None:
    assert {str(kind) for kind in LineKind} <= set(FRENCH)


@pytest.mark.parametrize("kind", FRENCH)
def test_in_english_a_line_is_called_what_its_receipt_calls_it(kind: str) -> None:
    line = FRENCH[kind][0]
    assert worded(line, "en")["title"] == line.description


def test_a_proration_names_the_fee_its_days_and_the_moment_of_change() -> None:
    row = worded(UNUSED, "en")
    assert row["details"] == "Of 9,000.00 for Nov 1–30, 2026, by the second from Nov 15, 2026, 2:05 p.m. on"
    assert (row["quantity"], row["rate"], row["amount"]) == ("", "", "−4,500.00")


def test_a_share_of_savings_names_what_it_is_a_share_of_and_who_approved_it_where() -> None:
    row = worded(bills.SHARED, "en")
    assert row["details"] == "Of documented savings of 3,200,000.00, approved in receipt 1,482"
    assert (row["quantity"], row["rate"], row["amount"]) == ("", "15%", "480,000.00")
    assert worded(bills.SHARED, "fr")["rate"] == "15 %"


def test_credit_that_is_left_goes_to_the_next_invoice() -> None:
    out = replace(CARRIED, amount_minor=5_00, description="Credit left, carried to your next invoice", sources={})
    assert worded(out, "fr")["title"] == "Crédit restant, reporté sur votre prochaine facture"


def test_a_minimum_or_maximum_that_applied_is_told() -> None:
    low = replace(bills.OVERAGE, pricing=bills.OVERAGE.pricing | {"minimum": "1500"}, amount_minor=1_500_00)
    high = replace(bills.OVERAGE, pricing=bills.OVERAGE.pricing | {"maximum": "700"}, amount_minor=700_00)
    assert [step["title"] for step in worded(low, "en")["steps"]] == ["Raised to the minimum"]
    assert [step["title"] for step in worded(high, "fr")["steps"]] == ["Ramené au maximum"]


def test_packages_are_priced_by_the_package() -> None:
    line = replace(
        bills.OVERAGE, pricing={"model": "package", "package_size": "1000", "package_price": "0.10"},
        steps=(bills.step("0", "1500", "2", "0.10", "0.2"),), quantity=bills.Decimal(1500), amount_minor=20,
    )  # fmt: skip
    (step,) = worded(line, "en")["steps"]
    assert (step["quantity"], step["rate"], step["amount"]) == ("2 packages", "0.10 / 1,000", "0.20")


def test_french_counts_in_the_singular_below_two() -> None:
    line = replace(bills.OVERAGE, quantity=bills.Decimal("1.5"))
    assert worded(line, "fr")["quantity"] == "1,5 crédit"
    assert worded(line, "en")["quantity"] == "1.5 credits"


def test_units_and_pools_of_books_of_ones_own_keep_their_names() -> None:
    line = replace(bills.OVERAGE, unit="VEx", plan=replace(bills.PLAN, pools={"credits": "Blasts"}))
    row = worded(line, "fr")
    assert (row["title"], row["quantity"]) == ("Blasts au-delà du forfait de 1 000 000", "500 000 VEx")


@pytest.mark.parametrize(
    ("language", "country", "locale"),
    [("en", "", "en_CA"), ("en", "US", "en_US"), ("en", "DE", "en_GB"), ("fr", "", "fr_CA"), ("fr", "FR", "fr_FR")],
)
def test_figures_are_written_as_where_the_buyer_is(language: str, country: str, locale: str) -> None:
    assert locale_of(language, country) == locale


@pytest.mark.parametrize(
    ("status", "more", "due"),
    [
        ("open", {}, "due December 31, 2026"),
        ("paid", {"paid_on": date(2026, 12, 1), "paid_minor": 12_759_36}, "paid on December 1, 2026"),
        ("void", {}, "void; nothing is owed"),
        ("uncollectible", {}, "given up as uncollectible"),
    ],
)
def test_where_a_bill_stands_is_said_beside_its_amount(status: str, more: dict[str, object], due: str) -> None:
    document: BillingDocument = bills.invoice(status=status, **more)
    assert lay_out(document)["due"] == due


def test_how_to_pay_is_told_while_something_is_owed_only() -> None:
    assert lay_out(bills.invoice())["payment"]["rows"][-1] == ["Reference", "INV-000042"]
    for closed in (bills.invoice(status="void"), bills.credit_note(), bills.invoice(paid_minor=12_759_36)):
        assert lay_out(closed)["payment"] is None
