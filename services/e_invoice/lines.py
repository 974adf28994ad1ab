"""BG-25: each charge as a line. Promotions are not among them; they are allowances of the whole document."""

from decimal import Decimal
from typing import Final
from xml.etree.ElementTree import Element

from services.billing_documents.document import BillingDocument, DocumentLine
from services.billing_documents.wording import Wording
from services.e_invoice.figures import EACH, Amounts, Priced
from services.e_invoice.vat import VatPart
from services.e_invoice.xml_tree import group, put, put_day
from services.rules.decimals import text_of

VAT: Final = "VAT"


def write_line(
    parent: Element, line: DocumentLine, *, document: BillingDocument, say: Wording, amounts: Amounts, part: VatPart
) -> None:
    """A charge. One that takes something back has a quantity below zero: prices never are (BR-27)."""
    item = group(parent, "ram:IncludedSupplyChainTradeLineItem")
    put(group(item, "ram:AssociatedDocumentLineDocument"), "ram:LineID", str(line.position))
    product = group(item, "ram:SpecifiedTradeProduct")
    put(product, "ram:Name", say.title(line, document))
    counted = say.counted(line.quantity, line.unit) if line.has_quantity else ""
    put(product, "ram:Description", "; ".join(words for words in (counted, say.counts(line)) if words))
    _write_price(item, amounts.priced(line))
    settlement = group(item, "ram:SpecifiedLineTradeSettlement")
    write_category(group(settlement, "ram:ApplicableTradeTax"), part)
    period = group(settlement, "ram:BillingSpecifiedPeriod")
    put_day(period, "ram:StartDateTime", line.starts_on)
    put_day(period, "ram:EndDateTime", line.ends_on)
    _write_total(settlement, amounts.text(line.amount_minor))


def write_nothing(parent: Element, words: str, *, part: VatPart, amounts: Amounts) -> None:
    """The one line of a bill that has none: the standard asks for at least one (BR-16)."""
    item = group(parent, "ram:IncludedSupplyChainTradeLineItem")
    put(group(item, "ram:AssociatedDocumentLineDocument"), "ram:LineID", "1")
    put(group(item, "ram:SpecifiedTradeProduct"), "ram:Name", words)
    _write_price(item, Priced(Decimal(1), EACH, amounts.text(0), Decimal(1)))
    settlement = group(item, "ram:SpecifiedLineTradeSettlement")
    write_category(group(settlement, "ram:ApplicableTradeTax"), part)
    _write_total(settlement, amounts.text(0))


def write_category(tax: Element, part: VatPart) -> None:
    """BT-151 and 152, or BT-95 and 96: out of scope of VAT there is no rate (BR-O-5)."""
    put(tax, "ram:TypeCode", VAT)
    put(tax, "ram:CategoryCode", part.category)
    put(tax, "ram:RateApplicablePercent", "" if part.rate is None else text_of(part.rate))


def _write_price(item: Element, priced: Priced) -> None:
    price = group(group(item, "ram:SpecifiedLineTradeAgreement"), "ram:NetPriceProductTradePrice")
    put(price, "ram:ChargeAmount", priced.price)
    put(price, "ram:BasisQuantity", text_of(priced.per_quantity), unitCode=priced.unit_code)
    delivery = group(item, "ram:SpecifiedLineTradeDelivery")
    put(delivery, "ram:BilledQuantity", text_of(priced.quantity), unitCode=priced.unit_code)


def _write_total(settlement: Element, amount: str) -> None:
    put(group(settlement, "ram:SpecifiedTradeSettlementLineMonetarySummation"), "ram:LineTotalAmount", amount)
