"""Bills to set and to write as data, made by hand: every kind of line, parties with addresses, taxes, notes."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from services.billing_documents.document import (
    Attestation,
    BillingDocument,
    DocumentKind,
    DocumentLine,
    DocumentTax,
    Party,
    PaymentDetail,
    PlanFacts,
    Registration,
)
from services.rules.verification_codes import verification_code

HASH = bytes.fromhex("8f3a" * 16)
RECEIPT = Attestation(482, f"sha256:{HASH.hex()}", verification_code(482, HASH))
SELLER = Party(
    name="Tallystick Metering Inc.",
    address_lines=("100 King Street West", "Suite 5700"),
    city="Toronto",
    region="ON",
    postal_code="M5X 1C7",
    country="CA",
    email="billing@tallystick.example",
    registrations=(Registration("ca_gst_hst", "123456782RT0001"),),
    identifier="bill.example",
)
BUYER = Party(
    name="Northwind Mining Ltd.",
    address_lines=("2200 rue Sherbrooke Ouest",),
    city="Montréal",
    region="QC",
    postal_code="H3A 1E7",
    country="CA",
    email="ap@northwind.example",
    registrations=(Registration("ca_qst", "1234567890TQ0001"),),
    identifier="tnt_01hzx8qk3v",
)
EU_SELLER = replace(SELLER, country="IE", region="", registrations=(Registration("eu_vat", "IE6388047V"),))
EU_BUYER = Party(
    name="Škoda Über Ægir GmbH & Co <KG>",
    address_lines=("Straße 1", "Hof 2", "Tür 3", "Klingel 4"),
    city="Berlin",
    postal_code="10115",
    country="DE",
    email="konto@skoda.example",
    registrations=(Registration("eu_vat", "DE 136695976"),),
    identifier="tnt_2",
)
PLAN = PlanFacts("Pro", {"credits": "Credits"}, frozenset(), {"credits": Decimal(1_000_000)})
GRADUATED = {
    "model": "graduated",
    "tiers": [
        {"up_to": "50000", "unit_price": "0.005"},
        {"up_to": "250000", "unit_price": "0.008", "flat_fee": "10"},
        {"up_to": None, "unit_price": "0.0064"},
    ],
}


def line(kind: str, description: str, quantity: str, unit: str, amount_minor: int, **more: Any) -> DocumentLine:
    facts: dict[str, Any] = {"pricing": {"model": "flat", "amount": "1"}, "steps": (), "sources": {}} | more
    return DocumentLine(
        position=1, kind=kind, description=description, quantity=Decimal(quantity), unit=unit,
        amount_minor=amount_minor, starts_on=date(2026, 11, 1), ends_on=date(2026, 11, 30), plan=PLAN, **facts,
    )  # fmt: skip


def step(first: str, last: str, quantity: str, price: str, amount: str, fee: str = "0") -> dict[str, str]:
    return {
        "from": first, "to": last, "quantity": quantity, "unit_price": price, "flat_fee": fee, "amount": amount,
    }  # fmt: skip


BASE = line(
    "base", "Pro, monthly base fee", "1", "month", 9_000_00, pricing={"model": "flat", "amount": "9000.00"}
)  # fmt: skip
DISCOUNT = line(
    "discount", "Promotion LAUNCH20: 20 % off the base fee", "1", "discount", -1_800_00,
    pricing={"model": "percent_off", "percent": "20"}, sources={"of": "9000.00", "code": "LAUNCH20"},
)  # fmt: skip
ASSETS = line(
    "asset_uplift", "Assets beyond the 1,000 included (1,200 counted, latest)", "200", "asset", 600_00,
    pricing={"model": "per_unit", "unit_price": "3", "included": "1000"}, steps=(step("0", "200", "200", "3", "600"),),
    sources={"basis": "latest", "counted": "1200", "snapshot_ids": ["snap_1"]},
)  # fmt: skip
OVERAGE = line(
    "overage", "Credits beyond the 1,000,000 included", "500000", "credit", 1_000_00,
    pricing={"model": "per_unit", "unit_price": "0.002"}, steps=(step("0", "500000", "500000", "0.002", "1000"),),
    sources={"pool": "credits", "used_credits": "1500000", "event_types": {}}, records=12_412,
)  # fmt: skip
TIERED = line(
    "overage", "Credits beyond the 1,000,000 included", "325000.5", "credit", 2_300_00, pricing=GRADUATED,
    steps=(
        step("0", "50000", "50000", "0.005", "250"),
        step("50000", "250000", "200000", "0.008", "1610", fee="10"),
        step("250000", "325000.5", "75000.5", "0.0064", "440.0032"),
    ),
    sources={"pool": "credits", "used_credits": "1325000.5", "event_types": {}}, records=9_001,
)  # fmt: skip
LATE = line(
    "late_usage", "Late usage from the period of 2026-10-01: Credits", "-1250", "credit", -2_50,
    pricing={"model": "per_unit", "unit_price": "0.002"},
    sources={"pool": "credits", "overage": "3000", "billed_before": "4250"}, records=77,
)  # fmt: skip
TAKEN_BACK = line(
    "correction", "Correction of the period of 2026-10-01: Credits", "-500", "credit", -100_00, pricing=GRADUATED,
    sources={"pool": "credits", "overage": "5", "billed_before": "505"},
)  # fmt: skip
SHARED = line(
    "gain_share", "Gain-share, 2026-07-01 to 2026-09-30: 15 % of documented savings", "1", "run", 480_000_00,
    pricing={"model": "share", "percent": "15", "of": "3200000.00"},
    sources={"run": "run_1", "savings": "3200000.00", "share_pct": "15", "approval": {"seq": 1482, "hash": ""}},
)  # fmt: skip
EVERY_KIND = (BASE, DISCOUNT, ASSETS, OVERAGE, TIERED, LATE)


def many(count: int) -> tuple[DocumentLine, ...]:
    """So many lines, of every kind in turn."""
    return tuple(replace(EVERY_KIND[place % len(EVERY_KIND)], position=place + 1) for place in range(count))


def no_tax(lines: tuple[DocumentLine, ...], category: str, reason: str = "") -> dict[str, Any]:
    """What a bill without tax has: one row that says why."""
    base_minor = sum(each.amount_minor for each in lines)
    return {
        "taxes": (DocumentTax(category, "none", "No tax", "", Decimal(0), base_minor, 0, reason),), "tax_minor": 0,
        "total_minor": base_minor,
    }  # fmt: skip


def invoice(lines: tuple[DocumentLine, ...] = EVERY_KIND, **more: Any) -> BillingDocument:
    """An open invoice with GST and QST on all its lines."""
    numbered = tuple(replace(each, position=place) for place, each in enumerate(lines, start=1))
    subtotal_minor = sum(each.amount_minor for each in numbered)
    taxes = (
        DocumentTax("S", "gst", "GST", "QC", Decimal(5), subtotal_minor, round(subtotal_minor * Decimal("0.05"))),
        DocumentTax(
            "S", "qst", "QST", "QC", Decimal("9.975"), subtotal_minor, round(subtotal_minor * Decimal("0.09975"))
        ),
    )
    tax_minor = sum(tax.amount_minor for tax in taxes)
    facts: dict[str, Any] = {
        "kind": DocumentKind.INVOICE, "id": "inv_1", "number": "INV-000042", "language": "en", "currency": "CAD",
        "status": "open", "issued_at": datetime(2026, 12, 1, 6, tzinfo=UTC), "issued_on": date(2026, 12, 1),
        "due_on": date(2026, 12, 31), "starts_on": date(2026, 11, 1), "ends_on": date(2026, 11, 30), "seller": SELLER,
        "buyer": BUYER, "lines": numbered, "taxes": taxes, "subtotal_minor": subtotal_minor, "tax_minor": tax_minor,
        "total_minor": subtotal_minor + tax_minor, "purchase_order": "PO-77-4411",
        "payment_details": (PaymentDetail("Bank", "Royal Bank"), PaymentDetail("Account", "00002-003 / 1234567")),
        "payment_url": "https://pay.example/i/acct_1", "receipt": RECEIPT,
        "verification_url": f"https://bill.example/verification/?code={RECEIPT.code}",
    }  # fmt: skip
    return BillingDocument(**facts | more)


def credit_note(lines: tuple[DocumentLine, ...] = (TAKEN_BACK,), **more: Any) -> BillingDocument:
    """A credit note on that invoice."""
    facts: dict[str, Any] = {
        "kind": DocumentKind.CREDIT_NOTE, "id": "cn_1", "number": "CN-000003", "status": "", "due_on": None,
        "corrects_number": "INV-000042", "corrects_issued_on": date(2026, 12, 1), "reason": "Counted twice.",
        "payment_details": (), "payment_url": "",
    }  # fmt: skip
    return invoice(lines, **facts | more)
