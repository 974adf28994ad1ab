"""Bills with both sides' details and their taxes: what the pages say, and data that is valid, from the books on."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlmodel import Session

from services.billing_documents.document import BillingDocument
from services.billing_documents.layout import lay_out
from services.billing_documents.reading import read_credit_note_document, read_invoice_document
from services.billing_documents.rendering import invoice_data, render_pdf
from services.closing.close import close_period
from services.invoices.credit_note_issuing import issue_credit_note
from services.parties.billing_profiles import BillingDetails, SellersTerms, change_billing_profile
from services.parties.seller_profiles import SellerDetails, change_seller
from services.subscriptions.plan_changes import change_plan
from tests.en16931 import assert_valid
from tests.given import NOON, Customer, customer, event, metered

DECEMBER = datetime(2026, 12, 1, 12, tzinfo=UTC)
SELLER = SellerDetails(
    legal_name="Tallystick Metering Inc.",
    address_lines=["100 King Street West"],
    city="Toronto",
    region="ON",
    postal_code="M5X 1C7",
    country="CA",
    email="billing@tallystick.example",
    registrations=[("ca_gst_hst", "123456782RT0001"), ("ca_qst", "1234567890TQ0001")],
    bank_details=[("Bank", "Royal Bank of Canada"), ("Account", "00002-003 1234567")],
)
IRISH = replace(
    SELLER, city="Dublin", region="", postal_code="D02 X285", country="IE", registrations=[("eu_vat", "IE6433435F")],
    bank_details=[("IBAN", "IE29 AIBK 9311 5212 3456 78")],
)  # fmt: skip
BUYER = BillingDetails(
    legal_name="Mines Boréales Ltée",
    address_lines=["2200, rue Sherbrooke Ouest"],
    city="Montréal",
    region="QC",
    postal_code="H3A 1E7",
    country="CA",
    emails=["comptes@boreales.example", "second@boreales.example"],
    purchase_order="BC-4411",
    language="fr",
)
GERMAN = BillingDetails(
    legal_name="Škoda GmbH", address_lines=["Straße 1"], city="Berlin", region="", postal_code="10115", country="DE",
    emails=["konto@skoda.example"], tax_ids=[("eu_vat", "DE136695976")],
)  # fmt: skip
AMERICAN = replace(
    BUYER, legal_name="Quarry Inc.", city="Reno", region="NV", postal_code="89501", country="US", language="en"
)  # fmt: skip


def bill(
    session: Session, seller: SellerDetails, buyer: BillingDetails, terms: SellersTerms | None = None
) -> tuple[Customer, BillingDocument]:
    """The invoice that closed November, with 200,000 credits of overage."""
    change_seller(session, details=seller, by="operator", at=NOON)
    one = customer(session)
    change_billing_profile(session, tenant_id=one.tenant_id, details=buyer, by="owner", terms=terms, at=NOON)
    metered(session, one.tenant_id, event("1200000", event_id="much"))
    invoice = close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    return one, read_invoice_document(session, tenant_id=one.tenant_id, invoice_id=invoice.id)


def test_a_bill_to_quebec_is_french_and_names_both_taxes(session: Session) -> None:
    _, document = bill(session, SELLER, BUYER)
    sheet = lay_out(document)
    assert (document.language, sheet["title"]) == ("fr", "Facture INV-000002")
    assert sheet["buyer"]["lines"] == [
        "2200, rue Sherbrooke Ouest", "Montréal QC H3A 1E7", "Canada", "comptes@boreales.example",
    ]  # fmt: skip
    assert sheet["seller"]["ids"] == [["Nᵒ TPS/TVH", "123456782RT0001"], ["Nᵒ TVQ", "1234567890TQ0001"]]
    assert ["Bon de commande", "BC-4411"] in sheet["facts"]
    labels = [row["label"].replace("\u00a0", " ") for row in sheet["totals"]]
    assert labels[1:3] == ["TPS 5 % sur 9 400,00", "TVQ 9,975 % sur 9 400,00"]
    assert sheet["payment"]["rows"][0] == ["Bank", "Royal Bank of Canada"]
    assert [line["title"].replace("\u00a0", " ") for line in sheet["lines"]] == [
        "Pro, frais de base mensuels", "Crédits au-delà du forfait de 1 000 000",
    ]  # fmt: skip
    assert_valid(invoice_data(document))
    assert render_pdf(document).startswith(b"%PDF-1.7")


@pytest.mark.parametrize(
    ("seller", "buyer", "terms", "categories", "words"),
    [
        (IRISH, GERMAN, None, {"AE"}, "Reverse charge: VAT to be accounted for by the recipient"),
        (SELLER, AMERICAN, None, {"G"}, "Zero-rated supply to a non-resident"),
        (IRISH, AMERICAN, None, {"O"}, "not subject to VAT"),
        (
            SELLER, replace(BUYER, language="en"),
            SellersTerms(is_tax_exempt=True, exemption_reason="First Nation", exemption_certificate="12-34"),
            {"E"}, "Tax exempt: First Nation (certificate 12-34)",
        ),
    ],
    ids=["reverse charge", "Canadian export", "out of scope", "exempt"],
)  # fmt: skip
def test_why_no_tax_is_charged_stands_on_the_bill_and_in_valid_data(
    session: Session,
    seller: SellerDetails,
    buyer: BillingDetails,
    terms: SellersTerms | None,
    categories: set[str],
    words: str,
) -> None:
    _, document = bill(session, seller, buyer, terms)
    assert {tax.category for tax in document.taxes} == categories
    (notes,) = [section["words"] for section in lay_out(document)["sections"]]
    assert words in notes[0]
    assert_valid(invoice_data(document))


def test_a_credit_note_is_addressed_as_its_invoice_and_valid(session: Session) -> None:
    one, document = bill(session, SELLER, BUYER)
    change_billing_profile(session, tenant_id=one.tenant_id, details=AMERICAN, by="owner", at=DECEMBER)
    made = issue_credit_note(
        session, tenant_id=one.tenant_id, invoice_id=document.id, amount_minor=100_00, reason="Panne", at=DECEMBER
    )
    note = read_credit_note_document(session, tenant_id=one.tenant_id, credit_note_id=made.note.id)
    assert (note.buyer, note.language, note.purchase_order) == (document.buyer, "fr", "BC-4411")
    assert sum(tax.amount_minor for tax in note.taxes) == note.tax_minor
    assert_valid(invoice_data(note))


def test_a_customer_who_gave_no_details_is_named(session: Session) -> None:
    one = customer(session)
    invoice = close_period(session, tenant_id=one.tenant_id, at=DECEMBER)
    document = read_invoice_document(session, tenant_id=one.tenant_id, invoice_id=invoice.id)
    assert lay_out(document)["buyer"] == {"name": "Acme", "lines": [], "ids": []}
    assert invoice_data(document) == b""


def test_a_change_of_plan_is_told_with_its_fee_its_days_and_its_moment(session: Session) -> None:
    one, _ = bill(session, SELLER, BUYER)
    changed_at = datetime(2026, 12, 16, 17, tzinfo=UTC)
    change_plan(session, tenant_id=one.tenant_id, plan_code="ENTERPRISE", at=changed_at)
    invoice = close_period(session, tenant_id=one.tenant_id, at=datetime(2027, 1, 1, 12, tzinfo=UTC))
    document = read_invoice_document(session, tenant_id=one.tenant_id, invoice_id=invoice.id)
    rows = {line["title"]: line for line in lay_out(document)["lines"]}
    unused = rows["Part inutilisée : Pro, frais de base mensuels"]
    assert unused["details"][1].replace("\u00a0", " ") == (
        "Sur 9 000,00 pour 1–31 déc. 2026, à la seconde près à compter du 16 déc. 2026, 12 h 00"
    )
    assert (unused["quantity"], unused["amount"][0]) == ("", "−")
    assert "Reste de la période : Enterprise, frais de base mensuels" in rows
    assert_valid(invoice_data(document))
