"""A bill as a UN/CEFACT Cross Industry Invoice that satisfies EN 16931."""

from typing import Final
from xml.etree.ElementTree import Element

from services.billing_documents.document import BillingDocument, DocumentKind
from services.billing_documents.layout import wording_for
from services.e_invoice.figures import Amounts
from services.e_invoice.lines import write_line, write_nothing
from services.e_invoice.parties import write_parties
from services.e_invoice.refusals import NotExpressible
from services.e_invoice.settlement import write_settlement
from services.e_invoice.vat import vat_of
from services.e_invoice.xml_tree import group, put, put_day, root, written
from services.rules.decimals import text_of

GUIDELINE: Final = "urn:cen.eu:en16931:2017"
TYPE_CODES: Final = {DocumentKind.INVOICE: "380", DocumentKind.CREDIT_NOTE: "381"}
"""BT-3, UNTDID 1001."""

GENERAL_INFORMATION, TAX_INFORMATION = "AAI", "TXD"
"""BT-21, UNTDID 4451."""


def write_cii(document: BillingDocument) -> bytes:
    """The XML of an invoice or a credit note, as it is attached to its PDF.

    Raises NotExpressible where EN 16931 has no place for it: a preview or a void invoice, a party without a country, a
    currency of three decimals, taxes of which each has a base of its own.
    """
    if document.kind not in TYPE_CODES or document.status == "void":
        raise NotExpressible("it is not to be booked")
    amounts, vat = Amounts(document), vat_of(document)
    top = root("rsm:CrossIndustryInvoice")
    context = group(group(top, "rsm:ExchangedDocumentContext"), "ram:GuidelineSpecifiedDocumentContextParameter")
    put(context, "ram:ID", GUIDELINE)
    _write_header(group(top, "rsm:ExchangedDocument"), document, amounts)
    transaction = group(top, "rsm:SupplyChainTradeTransaction")
    say = wording_for(document)
    billed = [line for line in document.lines if line.kind != "discount"]
    for line in billed:
        write_line(transaction, line, document=document, say=say, amounts=amounts, part=vat.part_of(line))
    if not billed:
        write_nothing(transaction, say["no_lines"], part=vat.taxed, amounts=amounts)
    write_parties(group(transaction, "ram:ApplicableHeaderTradeAgreement"), document)
    delivery = group(transaction, "ram:ApplicableHeaderTradeDelivery")
    event = group(delivery, "ram:ActualDeliverySupplyChainEvent")
    put_day(event, "ram:OccurrenceDateTime", document.ends_on)
    write_settlement(group(transaction, "ram:ApplicableHeaderTradeSettlement"), document, amounts, vat)
    return written(top)


def _write_header(header: Element, document: BillingDocument, amounts: Amounts) -> None:
    put(header, "ram:ID", document.number)
    put(header, "ram:TypeCode", TYPE_CODES[document.kind])
    put_day(header, "ram:IssueDateTime", document.issued_on)
    if document.reason:
        _note(header, document.reason, GENERAL_INFORMATION)
    for tax in document.taxes:
        if tax.rate:
            amount, base = amounts.text(tax.amount_minor), amounts.text(tax.base_minor)
            _note(header, f"{tax.name} {text_of(tax.rate)} %: {amount} on {base}", TAX_INFORMATION)
        elif tax.reason:
            _note(header, tax.reason, TAX_INFORMATION)
    if document.receipt is not None:
        words = f"Receipt {document.receipt.seq} {document.receipt.hash}; verification code {document.receipt.code}"
        _note(header, words, GENERAL_INFORMATION)


def _note(header: Element, words: str, subject: str) -> None:
    note = group(header, "ram:IncludedNote")
    put(note, "ram:Content", words)
    put(note, "ram:SubjectCode", subject)
