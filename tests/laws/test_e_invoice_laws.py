"""Whatever is billed: its data is valid EN 16931 by the schematron, adds up, and has a place for every line."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from services.billing_documents.document import BillingDocument, DocumentLine, DocumentTax
from services.e_invoice.cii import write_cii
from services.e_invoice.refusals import NotExpressible
from services.e_invoice.xml_tree import NAMESPACES
from services.rules.money import Money, round_half_away
from tests import bills
from tests.en16931 import assert_valid

CURRENCIES = ("CAD", "EUR", "USD", "JPY")
RATES = st.lists(st.sampled_from(["5", "7", "9.975", "13", "15", "20"]), max_size=2, unique=True)
KINDS = (bills.BASE, bills.ASSETS, bills.OVERAGE, bills.TIERED, bills.LATE)


@st.composite
def charges(draw: st.DrawFn) -> DocumentLine:
    """A line of any kind, quantity and amount."""
    kind = draw(st.sampled_from(KINDS))
    quantity = Decimal(draw(st.integers(-(10**12), 10**12))).scaleb(-draw(st.integers(0, 6)))
    return replace(kind, quantity=quantity, amount_minor=draw(st.integers(-(10**8), 10**9)))


@st.composite
def documents(draw: st.DrawFn) -> BillingDocument:
    """An invoice, or a credit note, that comes to no less than nothing."""
    lines = draw(st.lists(charges(), min_size=1, max_size=6))
    net_minor = sum(line.amount_minor for line in lines)
    if net_minor < 0:
        lines.append(replace(bills.BASE, amount_minor=-net_minor + draw(st.integers(0, 10**6))))
        net_minor = sum(line.amount_minor for line in lines)
    if net_minor and draw(st.booleans()):
        off_minor = draw(st.integers(1, net_minor))
        lines.append(replace(bills.DISCOUNT, amount_minor=-off_minor))
        net_minor -= off_minor
    is_note = draw(st.booleans())
    if is_note:
        lines = [replace(line, amount_minor=-line.amount_minor) for line in lines if line.kind != "discount"]
        net_minor = sum(line.amount_minor for line in lines)
    taxes = [_tax(rate, net_minor) for rate in draw(RATES)]
    tax_minor = sum(tax.amount_minor for tax in taxes)
    total_minor = net_minor + tax_minor
    more = {
        "currency": draw(st.sampled_from(CURRENCIES)), "language": draw(st.sampled_from(["en", "fr"])),
        "taxes": tuple(taxes), "subtotal_minor": net_minor, "tax_minor": tax_minor, "total_minor": total_minor,
    }  # fmt: skip
    if more["currency"] == "JPY":
        lines = [replace(line, sources=line.sources | {"of": "9000"}) for line in lines]
    if is_note:
        return bills.credit_note(tuple(lines), **more)
    return bills.invoice(tuple(lines), **more, paid_minor=draw(st.integers(0, total_minor)))


def _tax(rate: str, base_minor: int) -> DocumentTax:
    amount_minor = round_half_away(Fraction(base_minor) * Fraction(rate) / 100)
    return DocumentTax("S", "t", f"T{rate}", "", Decimal(rate), base_minor, amount_minor)


def holds(document: BillingDocument) -> None:
    try:
        xml = write_cii(document)
    except NotExpressible:
        assert document.currency == "JPY", "two taxes rounded to a yen each, a yen from their summed rate"
        assert len(document.taxes) > 1
        return
    assert_valid(xml)
    tree = etree.fromstring(xml)
    sign = -1 if document.kind == "credit_note" else 1
    totals = tree.xpath("//ram:LineTotalAmount/text()", namespaces=NAMESPACES)
    allowed = sum(-line.amount_minor for line in document.lines if line.kind == "discount")
    assert totals[-1] == Money(sign * (document.subtotal_minor + allowed), document.currency).plain()
    quantities = tree.xpath("//ram:BilledQuantity/text()", namespaces=NAMESPACES)
    prices = tree.xpath("//ram:ChargeAmount/text()", namespaces=NAMESPACES)
    per = tree.xpath("//ram:BasisQuantity/text()", namespaces=NAMESPACES)
    for quantity, price, each, total in zip(quantities, prices, per, totals, strict=False):
        exact = Fraction(quantity) * Fraction(price) / Fraction(each)
        assert abs(exact - Fraction(total)) <= Fraction(1, 2), "price times quantity is the line, to its rounding"
        assert Fraction(price) >= 0


@settings(max_examples=15)
@given(documents())
def test_its_data_is_valid_and_adds_up(document: BillingDocument) -> None:
    holds(document)


@pytest.mark.slow
@settings(max_examples=400)
@given(documents())
def test_its_data_is_valid_and_adds_up_for_many(document: BillingDocument) -> None:
    holds(document)
