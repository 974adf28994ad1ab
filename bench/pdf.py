"""Milliseconds to set an invoice as PDF: of one page, three and ten, and of 1,000 lines.

Each is rendered again and again under another number, so that nothing that was kept is answered with: the words, the
XML, the pages and the metadata are made anew. "first" is the first of a new process, which finds its fonts. "CPU" is
what the process worked for one, on all its threads, which other programs change little.
"""

import argparse
import io
import multiprocessing
import time
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from pypdf import PdfReader

from bench.figures import milliseconds, percentile, print_machine, print_table
from services.billing_documents.document import (
    Attestation,
    BillingDocument,
    DocumentKind,
    DocumentLine,
    DocumentTax,
    Party,
    PlanFacts,
    Registration,
)
from services.billing_documents.rendering import render_pdf
from services.rules.verification_codes import verification_code

LINES = (8, 34, 124, 1_000)
RENDERINGS = 30
HASH = bytes(range(32))
HEADERS = ("lines", "pages", "KB", "first ms", "p50 ms", "p95 ms", "ms a page", "CPU ms", "CPU a page")
PLAN = PlanFacts("Pro", {"credits": "Credits"}, frozenset(), {"credits": Decimal(1_000_000)})
TIERS = tuple(
    {"from": str(n * 50_000), "to": str((n + 1) * 50_000), "quantity": "50000", "unit_price": "0.005", "flat_fee": "0",
     "amount": "250"}
    for n in range(3)
)  # fmt: skip


def main() -> None:
    """Render each size, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--lines", type=int, nargs="*", default=LINES, help="of the invoices, one row each")
    parser.add_argument("--renderings", type=int, default=RENDERINGS, help="of each")
    asked = parser.parse_args()
    print_machine("Invoices as PDF/A-3 with EN 16931 data inside")
    print_table(HEADERS, [measure(lines, asked.renderings) for lines in asked.lines])


def measure(lines: int, renderings: int) -> list[str]:
    """One row of the table."""
    bill = invoice(lines)
    with multiprocessing.get_context("spawn").Pool(1) as fresh:
        first = fresh.apply(rendering_time, (bill,))
    pdf = render_pdf(bill)
    began = time.process_time()
    took = [rendering_time(replace(bill, number=f"INV-{number:06d}")) for number in range(renderings)]
    worked = (time.process_time() - began) / renderings
    pages = len(PdfReader(io.BytesIO(pdf)).pages)
    p50, p95 = percentile(took, 0.5), percentile(took, 0.95)
    figures = [milliseconds(seconds) for seconds in (first, p50, p95, p50 / pages, worked, worked / pages)]
    return [f"{lines:,}", f"{pages:,}", f"{len(pdf) / 1_000:,.0f}", *figures]


def rendering_time(bill: BillingDocument) -> float:
    """Seconds from a document to its bytes."""
    begun = time.perf_counter()
    render_pdf(bill)
    return time.perf_counter() - begun


def invoice(lines: int) -> BillingDocument:
    """A bill of so many lines; every fourth has three tiers under it."""
    charged = tuple(line(place) for place in range(1, lines + 1))
    subtotal_minor = sum(each.amount_minor for each in charged)
    tax_minor = round(subtotal_minor * Decimal("0.13"))
    party = Party(
        "Northwind Mining Ltd.", ("100 King Street West",), "Toronto", "ON", "M5X 1C7", "CA", "ap@northwind.example",
        (Registration("ca_gst_hst", "123456782RT0001"),), "tnt_1",
    )  # fmt: skip
    return BillingDocument(
        kind=DocumentKind.INVOICE, id="inv_1", number="INV-000042", language="en", currency="CAD", status="open",
        issued_at=datetime(2026, 12, 1, 6, tzinfo=UTC), issued_on=date(2026, 12, 1), due_on=date(2026, 12, 31),
        starts_on=date(2026, 11, 1), ends_on=date(2026, 11, 30), seller=party, buyer=party, lines=charged,
        taxes=(DocumentTax("S", "hst", "HST", "ON", Decimal(13), subtotal_minor, tax_minor),),
        subtotal_minor=subtotal_minor, tax_minor=tax_minor, total_minor=subtotal_minor + tax_minor,
        verification_url="https://bill.example/verification/?code=1",
        receipt=Attestation(42, f"sha256:{HASH.hex()}", verification_code(42, HASH)),
    )  # fmt: skip


def line(position: int) -> DocumentLine:
    """Use beyond the allowance, priced by the credit or by tiers."""
    has_tiers = position % 4 == 0
    tiers = [{"up_to": None, "unit_price": "0.005"}]
    return DocumentLine(
        position=position, kind="overage", description=f"Credits beyond the 1,000,000 included, site {position}",
        quantity=Decimal(150_000), unit="credit", amount_minor=750_00, starts_on=date(2026, 11, 1),
        ends_on=date(2026, 11, 30), records=12_412, plan=PLAN, steps=TIERS if has_tiers else (),
        pricing={"model": "graduated", "tiers": tiers} if has_tiers else {"model": "per_unit", "unit_price": "0.005"},
        sources={"pool": "credits", "used_credits": "1150000", "event_types": {}},
    )  # fmt: skip


if __name__ == "__main__":
    main()
