"""The taxes of a bill as EN 16931 has them: one VAT category and rate for each part of it.

The standard knows one tax, VAT, with one rate a line. Sales taxes that stand beside each other on the same base, as GST
and QST do, become one breakdown of their summed rate and amount, category S; the document's notes name each of them.
Category G asks for the seller's VAT number (BR-G-2); the export of a seller who has none is zero-rated, Z, and says why
in a note.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from services.billing_documents.document import BillingDocument, DocumentLine, DocumentTax, Registration
from services.e_invoice.refusals import NotExpressible
from services.rules.money import minor_digits

STANDARD, ZERO_RATED, EXEMPT, REVERSE_CHARGE, EXPORT, OUT_OF_SCOPE = "S", "Z", "E", "AE", "G", "O"
CATEGORIES: Final = frozenset({STANDARD, ZERO_RATED, EXEMPT, REVERSE_CHARGE, EXPORT, OUT_OF_SCOPE})
REASON_CODES: Final = {REVERSE_CHARGE: "VATEX-EU-AE", EXPORT: "VATEX-EU-G", OUT_OF_SCOPE: "VATEX-EU-O"}
"""From the code list VATEX; an exemption (E) has many possible grounds, so it is told in words alone."""

REASONS: Final = {
    REVERSE_CHARGE: "Reverse charge",
    EXPORT: "Export outside the EU",
    OUT_OF_SCOPE: "Not subject to VAT",
    EXEMPT: "Exempt from tax",
}

TOLERANCE_MAJOR: Final = 1
"""BR-S-9: a tax is less than one major unit off the rate of its base; two that are each rounded to a yen may not be."""

_VAT_NUMBER: Final = re.compile(r"[A-Z]{2}[0-9A-Z+*]{2,13}")


@dataclass(frozen=True, slots=True)
class VatPart:
    """BG-23: what is charged in one category at one rate. `rate` is None where the category has none (O)."""

    category: str
    rate: Decimal | None
    base_minor: int
    tax_minor: int
    reason: str = ""

    @property
    def reason_code(self) -> str:
        return REASON_CODES.get(self.category, "")


@dataclass(frozen=True, slots=True)
class Vat:
    """The breakdown, and which part each line belongs to."""

    parts: Sequence[VatPart]
    taxed: VatPart
    untaxed: VatPart | None = None

    def part_of(self, line: DocumentLine) -> VatPart:
        return self.taxed if line.is_taxed or self.untaxed is None else self.untaxed


def vat_number(registration: Registration) -> str:
    """A VAT number as data has it, the country first (BR-CO-9); "" where it is another kind of number."""
    plain = re.sub(r"[\s.-]", "", registration.value).upper()
    return plain if "vat" in registration.kind.lower() and _VAT_NUMBER.fullmatch(plain) else ""


def vat_of(document: BillingDocument) -> Vat:
    """The document's taxes by category and rate. Raises NotExpressible where the standard has no place for them."""
    taxed_minor = sum(line.amount_minor for line in document.lines if line.is_taxed)
    untaxed_minor = document.subtotal_minor - taxed_minor
    rows = document.taxes
    if not rows and document.tax_minor:
        raise NotExpressible("its tax is not broken down by rate")
    taxed = _part(
        rows,
        taxed_minor if any(row.rate for row in rows) else document.subtotal_minor,
        currency=document.currency,
        seller_has_vat_number=any(vat_number(each) for each in document.seller.registrations),
    )
    if taxed.category not in CATEGORIES or sum(row.amount_minor for row in rows) != document.tax_minor:
        raise NotExpressible("its tax is not broken down by rate")
    if taxed.base_minor == document.subtotal_minor and not untaxed_minor:
        return Vat((taxed,), taxed)
    if taxed.category == OUT_OF_SCOPE or taxed.base_minor == document.subtotal_minor:
        return Vat((taxed,), taxed, taxed)
    untaxed = VatPart(EXEMPT, Decimal(0), untaxed_minor, 0, REASONS[EXEMPT])
    return Vat((taxed, untaxed), taxed, untaxed)


def _part(rows: Sequence[DocumentTax], base_minor: int, *, currency: str, seller_has_vat_number: bool) -> VatPart:
    charged = [row for row in rows if row.rate]
    if charged:
        if any(row.base_minor != base_minor for row in charged):
            raise NotExpressible("its taxes are on different parts of it")
        rate = sum((row.rate for row in charged), Decimal(0))
        tax_minor = sum(row.amount_minor for row in charged)
        exact_minor = Fraction(base_minor) * Fraction(rate) / 100
        if abs(tax_minor - exact_minor) >= TOLERANCE_MAJOR * 10 ** minor_digits(currency):
            raise NotExpressible("its taxes, each rounded, differ from their summed rate by more than BR-S-9 takes")
        return VatPart(STANDARD, rate, base_minor, tax_minor)
    category = rows[0].category if rows else OUT_OF_SCOPE
    if category == STANDARD or (category == EXPORT and not seller_has_vat_number):
        category = ZERO_RATED
    reason = (rows[0].reason if rows else "") or REASONS.get(category, "")
    return VatPart(
        category, None if category == OUT_OF_SCOPE else Decimal(0), base_minor, 0,
        "" if category == ZERO_RATED else reason,
    )  # fmt: skip
