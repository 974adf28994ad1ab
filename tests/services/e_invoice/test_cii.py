"""The data inside an invoice: valid by the schema and every rule of EN 16931, and equal to what the pages say."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from lxml import etree

from services.billing_documents.document import BillingDocument, DocumentKind, DocumentTax, Party, PaymentDetail
from services.e_invoice.cii import write_cii
from services.e_invoice.refusals import NotExpressible
from services.e_invoice.xml_tree import NAMESPACES
from tests import bills
from tests.en16931 import assert_valid, failures

EU = {"seller": bills.EU_SELLER, "buyer": bills.EU_BUYER}
IBAN = (PaymentDetail("IBAN", "IE29 AIBK 9311 5212 3456 78"), PaymentDetail("BIC", "AIBKIE2D"))


def stated(document: BillingDocument, path: str) -> list[str]:
    """The texts at a path of the data."""
    found = etree.fromstring(write_cii(document)).xpath(path, namespaces=NAMESPACES)
    return [str(getattr(each, "text", each)) for each in found]


def without_tax(category: str, reason: str = "", **more: Any) -> BillingDocument:
    return bills.invoice(**EU | bills.no_tax(bills.EVERY_KIND, category, reason) | more)


def two_taxes_in_yen() -> BillingDocument:
    """Both round a half up: a yen more than 12 % of the whole."""
    line = replace(bills.BASE, amount_minor=4_263_650)
    taxes = tuple(
        DocumentTax("S", "t", f"T{rate}", "", Decimal(rate), 4_263_650, amount_minor)
        for rate, amount_minor in ((5, 213_183), (7, 298_456))
    )
    return bills.invoice((line,), currency="JPY", taxes=taxes, tax_minor=511_639, total_minor=4_775_289)


CASES = {
    "taxed twice on the same base": bills.invoice(),
    "in French": bills.invoice(language="fr"),
    "reverse charge": without_tax("AE", "Reverse charge"),
    "export from the EU": without_tax("G", "Export"),
    "export without a VAT number": without_tax("G", "Zero-rated supply to a non-resident", seller=bills.SELLER),
    "out of scope": without_tax("O", "Not subject to VAT"),
    "exempt": without_tax("E", "Indian status card 123"),
    "a rate of nothing": without_tax("S"),
    "nothing said of tax": bills.invoice(taxes=(), tax_minor=0, total_minor=11_097_50),
    "by transfer": bills.invoice(payment_details=IBAN, payment_url=""),
    "paid": bills.invoice(status="paid", paid_on=date(2026, 12, 2), paid_minor=12_759_36, payment_details=()),
    "yen": bills.invoice((bills.OVERAGE,), currency="JPY", **bills.no_tax((bills.OVERAGE,), "O")),
    "euro": bills.invoice(currency="EUR"),
    "no line": bills.invoice(()),
    "all taken off": bills.invoice((bills.BASE, replace(bills.DISCOUNT, amount_minor=-9_000_00))),
    "of nothing used": bills.invoice((replace(bills.TIERED, quantity=Decimal(0), amount_minor=25_00),)),
    "a share of savings": bills.invoice((bills.BASE, bills.SHARED)),
    "credit note": bills.credit_note(),
    "credit note without tax": bills.credit_note(**EU | bills.no_tax((bills.TAKEN_BACK,), "AE", "Reverse charge")),
    "a line that is not taxed": bills.invoice(
        (bills.BASE, replace(bills.ASSETS, is_taxed=False)),
        taxes=(DocumentTax("S", "hst", "HST", "ON", Decimal(13), 9_000_00, 1_170_00),),
        tax_minor=1_170_00, total_minor=10_770_00,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_it_is_valid_by_the_schema_and_every_rule(name: str) -> None:
    assert_valid(write_cii(CASES[name]))


def test_200_lines_are_valid() -> None:
    assert_valid(write_cii(bills.invoice(bills.many(200))))


def test_the_oracle_finds_a_wrong_total() -> None:
    wrong = write_cii(bills.invoice()).replace(b">12759.36<", b">12759.46<")
    assert any("BR-CO-15" in words for words in failures(wrong))


def test_totals_are_those_of_the_pages() -> None:
    document = CASES["paid"]
    totals = "//ram:SpecifiedTradeSettlementHeaderMonetarySummation/*"
    assert stated(document, totals) == [
        "12897.50", "1800.00", "11097.50", "1661.86", "12759.36", "12759.36", "0.00"
    ]  # fmt: skip
    assert stated(bills.invoice(), "//ram:DuePayableAmount") == ["12759.36"]


def test_sales_taxes_on_one_base_are_one_breakdown_and_named_in_notes() -> None:
    document = bills.invoice()
    assert stated(document, "//ram:ApplicableHeaderTradeSettlement/ram:ApplicableTradeTax/*") == [
        "1661.86", "VAT", "11097.50", "S", "14.975"
    ]  # fmt: skip
    notes = stated(document, "//ram:IncludedNote/ram:Content")
    assert notes[:2] == ["GST 5 %: 554.88 on 11097.50", "QST 9.975 %: 1106.98 on 11097.50"]
    assert bills.RECEIPT.code in notes[2]


def test_a_price_for_all_stays_one_and_tiers_are_the_price_of_the_whole() -> None:
    document = bills.invoice((bills.OVERAGE, bills.TIERED, bills.LATE))
    assert stated(document, "//ram:ChargeAmount") == ["0.002", "2300.00", "0.002"]
    assert stated(document, "//ram:BasisQuantity") == ["1", "325000.5", "1"]
    assert stated(document, "//ram:BilledQuantity") == ["500000", "325000.5", "-1250"]
    assert stated(document, "//ram:LineTotalAmount")[:3] == ["1000.00", "2300.00", "-2.50"]


def test_a_promotion_is_an_allowance_of_the_whole() -> None:
    allowance = stated(bills.invoice(), "//ram:SpecifiedTradeAllowanceCharge//*[not(*)]")
    assert allowance == [
        "false", "1800.00", "95", "Promotion LAUNCH20: 20 % off the base fee", "VAT", "S", "14.975"
    ]  # fmt: skip


def test_why_no_tax_is_due_has_its_code() -> None:
    tax = "//ram:ApplicableHeaderTradeSettlement/ram:ApplicableTradeTax"
    codes = {name: stated(CASES[name], f"{tax}/ram:ExemptionReasonCode") for name in CASES}
    assert (codes["reverse charge"], codes["out of scope"]) == (["VATEX-EU-AE"], ["VATEX-EU-O"])
    assert codes["export from the EU"] == ["VATEX-EU-G"]
    assert stated(CASES["exempt"], f"{tax}/ram:ExemptionReason") == ["Indian status card 123"]
    zero = CASES["export without a VAT number"]
    assert stated(zero, f"{tax}/ram:CategoryCode") == ["Z"]
    assert "Zero-rated supply to a non-resident" in stated(zero, "//ram:IncludedNote/ram:Content")


def test_a_credit_note_names_its_invoice_and_has_amounts_above_zero() -> None:
    note = bills.credit_note()
    assert stated(note, "//rsm:ExchangedDocument/ram:TypeCode") == ["381"]
    assert stated(note, "//ram:InvoiceReferencedDocument/ram:IssuerAssignedID") == ["INV-000042"]
    assert stated(note, "//ram:GrandTotalAmount") == ["114.98"]
    assert stated(note, "//ram:BilledQuantity") == ["500"]


def test_who_buys_and_sells_is_written_out() -> None:
    document = CASES["reverse charge"]
    assert stated(document, "//ram:BuyerTradeParty/ram:Name") == ["Škoda Über Ægir GmbH & Co <KG>"]
    assert stated(document, "//ram:BuyerTradeParty//ram:LineThree") == ["Tür 3, Klingel 4"]
    assert stated(document, "//ram:SpecifiedTaxRegistration/ram:ID") == ["IE6388047V", "DE136695976"]
    assert stated(document, "//ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID") == ["PO-77-4411"]
    assert stated(CASES["by transfer"], "//ram:IBANID") == ["IE29AIBK93115212345678"]


def test_letters_that_xml_cannot_hold_are_left_out() -> None:
    document = bills.invoice(buyer=replace(bills.BUYER, name="North\x0bwind \ufffe東京"))
    assert stated(document, "//ram:BuyerTradeParty/ram:Name") == ["Northwind 東京"]


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (bills.invoice(currency="KWD", **bills.no_tax(bills.EVERY_KIND, "O")), "3 decimals"),
        (bills.invoice(buyer=Party("Northwind")), "buyer has no country"),
        (bills.invoice(seller=replace(bills.SELLER, identifier="")), "identifies the seller"),
        (bills.invoice(kind=DocumentKind.PREVIEW), "not to be booked"),
        (bills.invoice(status="void"), "not to be booked"),
        (bills.invoice(taxes=()), "not broken down"),
        (two_taxes_in_yen(), "BR-S-9"),
    ],
)
def test_what_the_standard_has_no_place_for_is_refused(document: BillingDocument, why: str) -> None:
    with pytest.raises(NotExpressible, match=why):
        write_cii(document)


def test_the_same_bill_gives_the_same_bytes() -> None:
    assert write_cii(bills.invoice()) == write_cii(bills.invoice())
