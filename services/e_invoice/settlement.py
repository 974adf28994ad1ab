"""What is to be paid: means, taxes, allowances, terms and totals (BG-16 to BG-23), and which invoice a note credits."""

from datetime import date
from typing import Final
from xml.etree.ElementTree import Element

from services.billing_documents.document import BillingDocument, DocumentKind, DocumentLine
from services.billing_documents.layout import wording_for
from services.e_invoice.figures import Amounts
from services.e_invoice.lines import VAT, write_category
from services.e_invoice.vat import Vat, VatPart
from services.e_invoice.xml_tree import group, put, put_day
from services.rules.decimals import text_of

CREDIT_TRANSFER, ONLINE, NOT_DEFINED = "30", "68", "1"
"""BT-81, UNTDID 4461."""

DISCOUNT: Final = "95"
"""BT-98, UNTDID 5189."""


def write_settlement(settlement: Element, document: BillingDocument, amounts: Amounts, vat: Vat) -> None:
    """Everything after the parties, in the order the syntax has it."""
    put(settlement, "ram:PaymentReference", document.number)
    put(settlement, "ram:InvoiceCurrencyCode", document.currency)
    _write_means(settlement, document)
    for part in vat.parts:
        _write_tax(settlement, part, amounts)
    period = group(settlement, "ram:BillingSpecifiedPeriod")
    put_day(period, "ram:StartDateTime", document.starts_on)
    put_day(period, "ram:EndDateTime", document.ends_on)
    discounts = [line for line in document.lines if line.kind == "discount"]
    for line in discounts:
        _write_allowance(settlement, line, document, amounts, vat)
    if document.due_on is not None:
        put_day(group(settlement, "ram:SpecifiedTradePaymentTerms"), "ram:DueDateDateTime", document.due_on)
    _write_totals(settlement, document, amounts, discounts)
    if document.kind == DocumentKind.CREDIT_NOTE:
        _write_preceding(settlement, document.corrects_number, document.corrects_issued_on)


def _write_means(settlement: Element, document: BillingDocument) -> None:
    """How to pay: by transfer where there is an IBAN, else online, else as agreed."""
    iban = next((each.value for each in document.payment_details if each.label.upper() == "IBAN"), "")
    if iban:
        means = group(settlement, "ram:SpecifiedTradeSettlementPaymentMeans")
        put(means, "ram:TypeCode", CREDIT_TRANSFER)
        account = group(means, "ram:PayeePartyCreditorFinancialAccount")
        put(account, "ram:IBANID", "".join(iban.split()))
    elif document.payment_url or document.payment_details:
        means = group(settlement, "ram:SpecifiedTradeSettlementPaymentMeans")
        put(means, "ram:TypeCode", ONLINE if document.payment_url else NOT_DEFINED)
        words = [f"{each.label}: {each.value}" for each in document.payment_details]
        put(means, "ram:Information", "; ".join([*words, *([document.payment_url] if document.payment_url else [])]))


def _write_tax(settlement: Element, part: VatPart, amounts: Amounts) -> None:
    tax = group(settlement, "ram:ApplicableTradeTax")
    put(tax, "ram:CalculatedAmount", amounts.text(part.tax_minor))
    put(tax, "ram:TypeCode", VAT)
    put(tax, "ram:ExemptionReason", part.reason)
    put(tax, "ram:BasisAmount", amounts.text(part.base_minor))
    put(tax, "ram:CategoryCode", part.category)
    put(tax, "ram:ExemptionReasonCode", part.reason_code)
    put(tax, "ram:RateApplicablePercent", "" if part.rate is None else text_of(part.rate))


def _write_allowance(
    settlement: Element, line: DocumentLine, document: BillingDocument, amounts: Amounts, vat: Vat
) -> None:
    """BG-20: what a promotion takes off the whole."""
    allowance = group(settlement, "ram:SpecifiedTradeAllowanceCharge")
    put(group(allowance, "ram:ChargeIndicator"), "udt:Indicator", "false")
    put(allowance, "ram:ActualAmount", amounts.text(-line.amount_minor))
    put(allowance, "ram:ReasonCode", DISCOUNT)
    put(allowance, "ram:Reason", wording_for(document).title(line, document))
    write_category(group(allowance, "ram:CategoryTradeTax"), vat.part_of(line))


def _write_totals(
    settlement: Element, document: BillingDocument, amounts: Amounts, discounts: list[DocumentLine]
) -> None:
    """BG-22. What was paid is prepaid (BT-113). A credit note is a document of its own and changes nothing here."""
    allowed_minor = -sum(line.amount_minor for line in discounts)
    summation = group(settlement, "ram:SpecifiedTradeSettlementHeaderMonetarySummation")
    put(summation, "ram:LineTotalAmount", amounts.text(document.subtotal_minor + allowed_minor))
    put(summation, "ram:AllowanceTotalAmount", amounts.text(allowed_minor) if discounts else "")
    put(summation, "ram:TaxBasisTotalAmount", amounts.text(document.subtotal_minor))
    put(summation, "ram:TaxTotalAmount", amounts.text(document.tax_minor), currencyID=document.currency)
    put(summation, "ram:GrandTotalAmount", amounts.text(document.total_minor))
    put(summation, "ram:TotalPrepaidAmount", amounts.text(document.paid_minor) if document.paid_minor else "")
    put(summation, "ram:DuePayableAmount", amounts.text(document.total_minor - document.paid_minor))


def _write_preceding(settlement: Element, number: str, issued_on: date | None) -> None:
    preceding = group(settlement, "ram:InvoiceReferencedDocument")
    put(preceding, "ram:IssuerAssignedID", number)
    put_day(preceding, "ram:FormattedIssueDateTime", issued_on, kind="qdt")
