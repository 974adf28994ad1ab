"""The invoice in words and as a PDF: sums that add up, pages that break, and data that is never read as markup."""

import re
import zlib
from typing import Any

import pytest

from services.stripe_sandbox import wording
from services.stripe_sandbox.invoice_pdf import invoice_pdf
from services.stripe_sandbox.invoice_view import InvoiceView, view_invoice

NOV_1, DEC_1 = 1_793_491_200, 1_796_083_200
HOSTILE = (
    '#panic("x") $1/0$ *bold* _it_ <label> @ref \\u{41} // /* `raw` "quoted" [ { ( = - + ~ \' \\ \x07 \u202e ✓ 発票'
)

VOIDED = {"status": "void", "status_transitions": {"voided_at": DEC_1}}


def an_invoice(lines: int = 3, **more: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    parts = [
        {
            "amount": 1000 + number,
            "currency": "usd",
            "description": f"Calls of week {number}",
            "period": {"start": NOV_1, "end": DEC_1},
            "pricing": {"unit_amount_decimal": "0.5"},
            "quantity": 2000,
            "quantity_decimal": "2000",
        }
        for number in range(lines)
    ]
    total = sum(part["amount"] for part in parts)
    invoice = {
        "id": "in_1", "number": "ABCD-0001", "account_name": "Tallystick Ltd", "status": "open", "currency": "usd",
        "created": NOV_1, "due_date": DEC_1, "status_transitions": {"finalized_at": NOV_1}, "attempt_count": 0,
        "customer_name": "Northwind", "customer_email": "ada@example.com", "customer_tax_ids": [],
        "customer_address": {"line1": "1 King St", "city": "Toronto", "state": "ON", "country": "CA"},
        "subtotal": total, "total": total, "amount_due": total, "amount_paid": 0, "amount_remaining": total,
    }  # fmt: skip
    return {**invoice, **more}, parts


def worded(lines: int = 3, **more: Any) -> InvoiceView:
    return view_invoice(*an_invoice(lines, **more), seller="Seller", now=NOV_1)


def pages_in(document: bytes) -> int:
    """How many pages a PDF has: its page objects, in the open or in compressed object streams."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", document, re.DOTALL)
    texts = [document]
    for stream in streams:
        try:
            texts.append(zlib.decompress(stream))
        except zlib.error:
            continue
    return sum(len(re.findall(rb"/Type\s*/Page\b(?!s)", text)) for text in texts)


def test_the_invoice_says_who_owes_what_until_when() -> None:
    view = worded()
    assert (view.headline, view.due, view.status) == ("US$30.03", "Due 1 December 2026", "Open")
    assert view.bill_to == ("Northwind", "ada@example.com", "1 King St", "Toronto ON", "Canada")
    assert view.lines[0].period == "1 Nov 2026 – 1 Dec 2026"
    assert (view.lines[0].quantity, view.lines[0].unit_price, view.lines[0].amount) == ("2,000", "US$0.005", "US$10.00")
    assert [(total.label, total.amount) for total in view.totals] == [
        ("Subtotal", "US$30.03"), ("Total", "US$30.03"), ("Amount due", "US$30.03"),
    ]  # fmt: skip
    assert view.payable


def test_discount_tax_credit_and_balance_are_rows_of_their_own() -> None:
    view = worded(
        total_discount_amounts=[{"amount": 300}], total_taxes=[{"amount": 355, "tax_behavior": "exclusive"}],
        total=3058, pre_payment_credit_notes_amount=58, amount_due=2500, amount_paid=1000, amount_remaining=1500,
    )  # fmt: skip
    assert [(total.label, total.amount) for total in view.totals] == [
        ("Subtotal", "US$30.03"), ("Discount", "-US$3.00"), ("Tax", "US$3.55"), ("Total", "US$30.58"),
        ("Credited", "-US$0.58"), ("Customer balance", "-US$5.00"), ("Paid", "-US$10.00"), ("Amount due", "US$15.00"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "status", "due"),
    [
        ({"attempt_count": 1, "due_date": None}, "Past due", "Due now"),
        ({"due_date": NOV_1 - 1}, "Past due", "Due 31 October 2026"),
        ({"status": "paid", "status_transitions": {"paid_at": DEC_1}}, "Paid", "Paid on 1 December 2026"),
        (VOIDED, "Void", "Voided on 1 December 2026; nothing is owed"),
        ({"status": "uncollectible"}, "Uncollectible", "Written off by the seller"),
        ({"status": "draft", "number": None}, "Draft", "Not final yet; nothing is owed"),
    ],
)  # fmt: skip
def test_each_status_has_its_words(more: dict[str, Any], status: str, due: str) -> None:
    view = worded(**more)
    assert (view.status, view.due) == (status, due)
    assert view.payable is (status == "Past due")


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (123_456, "usd", "US$1,234.56"), (-500, "cad", "-$5.00"), (500, "jpy", "JP¥500"), (1_234, "kwd", "KWD1.234"),
        (0, "eur", "€0.00"),
    ],
)  # fmt: skip
def test_money_has_its_currencys_decimals(amount: int, currency: str, shown: str) -> None:
    assert wording.money(amount, currency).replace("\xa0", "") == shown


def test_intervals_are_worded() -> None:
    assert wording.interval({"interval": "month", "interval_count": 1}) == "per month"
    assert wording.interval({"interval": "month", "interval_count": 3}) == "every 3 months"
    assert wording.interval(None) == ""


def test_the_same_invoice_gives_the_same_document() -> None:
    view = worded()
    assert invoice_pdf(view, created_at=NOV_1) == invoice_pdf(view, created_at=NOV_1)
    assert pages_in(invoice_pdf(view, created_at=NOV_1)) == 1


def test_an_empty_invoice_and_one_of_two_hundred_lines_are_set() -> None:
    assert pages_in(invoice_pdf(worded(0), created_at=NOV_1)) == 1
    assert 5 <= pages_in(invoice_pdf(worded(200), created_at=NOV_1)) <= 12


def test_letters_within_north_america_are_on_its_paper() -> None:
    view = worded()
    assert b"[0 0 612 792]" in invoice_pdf(view, created_at=NOV_1, country="CA")
    assert b"[0 0 595" in invoice_pdf(view, created_at=NOV_1, country="DE")


def test_nothing_in_the_data_is_read_as_markup() -> None:
    hostile = {
        "number": HOSTILE, "account_name": HOSTILE, "customer_name": HOSTILE, "customer_email": HOSTILE,
        "description": HOSTILE, "footer": HOSTILE, "custom_fields": [{"name": HOSTILE, "value": HOSTILE}],
        "customer_address": {"line1": HOSTILE, "country": "CA"},
        "customer_tax_ids": [{"type": "eu_vat", "value": HOSTILE}],
    }  # fmt: skip
    invoice, lines = an_invoice(1, **hostile)
    lines[0]["description"] = HOSTILE
    view = view_invoice(invoice, lines, seller=HOSTILE, now=NOV_1)
    assert invoice_pdf(view, created_at=NOV_1).startswith(b"%PDF-")


def test_a_word_without_end_stays_on_the_page() -> None:
    view = worded(1, description="x" * 4_000, customer_name="y" * 400, number="Z" * 60)
    assert invoice_pdf(view, created_at=NOV_1).startswith(b"%PDF-")
