"""The PDF: one of PDF/A-3b and Factur-X, the same bytes for the same bill, whole lines on each page, no lost letter."""

import io
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import facturx
import pytest
from pypdf import PdfReader

from services.billing_documents import rendering, typesetting
from services.billing_documents.document import BillingDocument, DocumentKind, Party
from services.billing_documents.factur_x import UnknownPdf, mark_factur_x
from services.billing_documents.rendering import LINES_MAX, invoice_data, render_pdf
from services.errors import TooLarge
from tests import bills
from tests.en16931 import assert_valid


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "_rendered", rendering._Rendered(rendering.CACHED_BYTES_MAX))


def opened(document: BillingDocument) -> PdfReader:
    return PdfReader(io.BytesIO(render_pdf(document)), strict=True)


def pages(document: BillingDocument) -> list[str]:
    """The text of each page, as a reader of any kind takes it out."""
    return [page.extract_text() for page in opened(document).pages]


def test_it_says_that_it_is_pdf_a_3b_and_factur_x() -> None:
    reader = opened(bills.invoice())
    said = reader.trailer["/Root"]["/Metadata"].get_data().decode()
    assert "<pdfaid:part>3</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>" in said
    assert "<fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>" in said
    assert "<fx:DocumentFileName>factur-x.xml</fx:DocumentFileName>" in said
    assert said.count("urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#") == 2
    intents = reader.trailer["/Root"]["/OutputIntents"]
    assert intents[0].get_object()["/S"] == "/GTS_PDFA1"
    (attached,) = reader.trailer["/Root"]["/AF"]
    assert attached.get_object()["/AFRelationship"] == "/Alternative"
    assert "/Encrypt" not in reader.trailer
    assert reader.metadata is not None
    assert reader.metadata.title == "Invoice INV-000042"


def test_its_data_is_read_back_out_by_others_and_is_valid() -> None:
    document = bills.invoice()
    name, xml = facturx.get_xml_from_pdf(render_pdf(document), check_xsd=True)
    assert (name, xml) == ("factur-x.xml", invoice_data(document))
    assert_valid(xml)
    assert opened(document).attachments["factur-x.xml"] == [xml]


@pytest.mark.parametrize(
    "document", [bills.invoice(), bills.credit_note(), bills.invoice(bills.many(60), language="fr")]
)
def test_the_same_bill_gives_the_same_bytes(document: BillingDocument, monkeypatch: pytest.MonkeyPatch) -> None:
    first = render_pdf(document)
    monkeypatch.setattr(rendering, "_rendered", rendering._Rendered(rendering.CACHED_BYTES_MAX))
    typesetting._fonts.cache_clear()
    assert render_pdf(document) == first
    assert render_pdf(replace(document, purchase_order="PO-2")) != first


def test_every_object_is_where_the_table_says() -> None:
    pdf = render_pdf(bills.invoice(bills.many(20)))
    table = pdf[int(re.findall(rb"startxref\n(\d+)", pdf)[-1]) :]
    places = [int(entry) for entry in re.findall(rb"(\d{10}) 00000 n", table)]
    assert len(places) > 20
    assert all(pdf[at:].startswith(b"%d 0 obj" % number) for number, at in enumerate(places, start=1))


def test_a_file_of_another_shape_is_not_marked() -> None:
    with pytest.raises(UnknownPdf):
        mark_factur_x(b"%PDF-2.0\n%%EOF")


def test_what_finance_asks_for_stands_on_it() -> None:
    (text,) = pages(bills.invoice())
    for words in (
        "Invoice", "INV-000042", "Tallystick Metering Inc.", "100 King Street West", "Northwind Mining Ltd.",
        "Montréal", "PO-77-4411", "December 1, 2026", "December 31, 2026", "GST/HST no. 123456782RT0001",
        "First 50,000 credits", "0.008 + 10.00 fee", "2,300.0032", "GST 5% of 11,097.50", "554.88", "12,759.36",
        "Royal Bank", "Pay online", "Page 1 of 1", bills.RECEIPT.code, bills.RECEIPT.hash,
        "1,200 assets counted (latest count), 1,000 included", "12,412 records of use",
    ):  # fmt: skip
        assert words in text, words


def test_200_lines_break_between_lines_and_each_page_has_the_header() -> None:
    document = bills.invoice(bills.many(200))
    found = pages(document)
    assert len(found) > 5
    for number, text in enumerate(found, start=1):
        assert "Amount (CAD)" in text
        assert f"Page {number} of {len(found)}" in text
        assert bills.RECEIPT.code in text
        assert text.count("First 50,000 credits") == text.count("Exactly, before the one rounding of the line")
        assert text.count("First 50,000 credits") == text.count("1,325,000.5 credits used")
    assert sum(text.count("Pro, monthly base fee") for text in found) == 34
    assert "Total (CAD)" in found[-1]
    assert "Nov 1–30, 2026" in found[-1].split("Total (CAD)")[0], "a line stands above the totals"


@pytest.mark.parametrize("count", range(9, 16))
def test_totals_are_never_alone_on_a_page(count: int) -> None:
    last = pages(bills.invoice(bills.many(count)))[-1]
    assert "Nov 1–30, 2026" in last.replace("Period\nNov 1–30, 2026", "")
    assert "Total (CAD)" in last


def test_a_line_of_many_tiers_may_be_broken() -> None:
    tiers = tuple(bills.step(str(n), str(n + 1), "1", "0.5", "0.5") for n in range(120))
    text = pages(bills.invoice((replace(bills.TIERED, steps=tiers, amount_minor=60_00),)))
    assert len(text) > 1
    assert sum(page.count("credit") for page in text) > 120


@pytest.mark.slow
def test_as_many_lines_as_a_receipt_holds_are_set() -> None:
    assert "Total (CAD)" in pages(bills.invoice(bills.many(LINES_MAX)))[-1]


def test_more_lines_than_that_are_refused() -> None:
    with pytest.raises(TooLarge, match="2,000"):
        render_pdf(bills.invoice(bills.many(LINES_MAX + 1)))


@pytest.mark.parametrize(
    "name",
    [
        "Zażółć Gęślą Jaźń Łtd",
        "Ŵŷț Ğıştő Ñandú",
        "ООО «Северная руда»",
        "Ελληνική Ενέργεια Α.Ε.",
        "Đặng Thị Hồng",
        "שלום",
    ],
)
def test_names_in_other_letters_are_set_as_they_are(name: str) -> None:
    document = bills.invoice(buyer=replace(bills.BUYER, name=name))
    (text,) = pages(document)
    assert name in text or name[::-1] in text
    assert "shown as" not in text


def test_letters_no_font_has_are_shown_as_a_mark_and_kept_in_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typesetting, "_has", lambda letter, *, system: letter not in "東京")
    document = bills.invoice(buyer=replace(bills.BUYER, name="東京 Energy"))
    (text,) = pages(document)
    assert "?? Energy" in text
    assert "Letters that the fonts at hand do not have are shown as “?”" in text
    assert "東京 Energy".encode() in invoice_data(document)


def test_which_letters_there_are_is_asked_of_the_typesetter() -> None:
    assert typesetting._has("ж", system=False)
    assert not typesetting._has("東", system=False)


def test_nothing_of_a_bill_is_read_as_markup() -> None:
    hostile = '#panic("x") $x^2$ *bold* _it_ <label> @ref \\ `raw` [b] {c} #read("/etc/passwd") // no'
    document = bills.invoice(
        (replace(bills.BASE, description=hostile),),
        buyer=replace(bills.BUYER, name=hostile),
        purchase_order=hostile[:64],
    )
    text = " ".join(" ".join(pages(document)).split())
    assert '#panic("x") $x^2$ *bold* _it_ <label>' in text


def test_words_without_end_stay_on_the_page() -> None:
    name = "W" * 120
    page = opened(bills.invoice(buyer=replace(bills.BUYER, name=name))).pages[0]
    furthest = 0.0

    def visit(text: str, _cm: list[float], tm: list[float], *_: object) -> None:
        nonlocal furthest
        furthest = max(furthest, tm[4]) if text.strip() else furthest

    assert "".join(page.extract_text(visitor_text=visit).split()).count("W" * 120) == 1
    assert furthest < float(page.mediabox.width) - 50


@pytest.mark.parametrize(
    ("currency", "language", "amounts"),
    [
        ("CAD", "en", ("$11,097.50", "9,000.00")),
        ("USD", "en", ("US$11,097.50",)),
        ("EUR", "fr", ("11 097,50 €",)),
        ("JPY", "en", ("JP¥1,109,750", "900,000")),
        ("KWD", "fr", ("1 109,750 KWD", "900,000")),
    ],
)
def test_amounts_are_written_as_currency_and_language_have_it(
    currency: str, language: str, amounts: tuple[str, ...]
) -> None:
    lines = [
        replace(each, sources=each.sources | ({"of": "9000"} if "of" in each.sources else {}))
        for each in bills.EVERY_KIND
    ]
    document = bills.invoice(
        tuple(lines), currency=currency, language=language, **bills.no_tax(bills.EVERY_KIND, "O", "Not subject to VAT")
    )
    text = " ".join(pages(document)).replace("\u202f", " ").replace("\u00a0", " ")
    for words in amounts:
        assert words in text


def test_a_preview_and_a_void_invoice_say_so_across_each_page_and_carry_no_data() -> None:
    preview = bills.invoice(bills.many(40), kind=DocumentKind.PREVIEW, number="", receipt=None, verification_url="")
    void = bills.invoice(status="void")
    assert all("Preview · not an invoice" in text for text in pages(preview))
    assert all("Void" in text for text in pages(void))
    assert (opened(preview).attachments, opened(void).attachments) == ({}, {})


def test_a_buyer_who_gave_no_address_gets_the_pages_without_the_data() -> None:
    document = bills.invoice(buyer=Party("Northwind"))
    assert opened(document).attachments == {}
    assert "Northwind" in pages(document)[0]


def test_paper_is_that_of_the_buyers_country() -> None:
    sizes = [
        tuple(map(round, opened(bills.invoice(buyer=buyer)).pages[0].mediabox[2:]))
        for buyer in (bills.BUYER, bills.EU_BUYER)
    ]
    assert sizes == [(612, 792), (595, 842)]


def test_what_was_rendered_is_kept_within_its_limit() -> None:
    kept = rendering._Rendered(10)
    kept.put(b"a", b"12345")
    kept.put(b"b", b"12345")
    assert kept.get(b"a") == b"12345"
    kept.put(b"c", b"123")
    kept.put(b"d", b"too large to keep")
    assert [kept.get(key) for key in (b"a", b"b", b"c", b"d")] == [b"12345", None, b"123", None]


def test_a_bill_of_nothing_has_its_totals() -> None:
    (text,) = pages(bills.invoice((), taxes=(), tax_minor=0, total_minor=0, status="paid"))
    assert "There is nothing to charge." in text
    assert "Total (CAD)" in text


def test_the_template_ships_with_the_code() -> None:
    assert Path(rendering.__file__).with_name("document.typ").is_file()
    assert Decimal(LINES_MAX) == 2_000
