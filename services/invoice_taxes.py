"""The taxes of an invoice: worked out from both sides of the sale, stored with it, and written in its receipt."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlmodel import Session, col, select

from models import CreditNoteTax, Invoice, InvoiceTax, TaxCategory
from services import tax_rates
from services.parties import Parties
from services.rules import taxes
from services.rules.decimals import EXACT, text_of
from services.rules.money import Money
from services.rules.periods import business_date
from services.rules.taxes import Buyer, Place, Rate, Tax
from services.seller_profiles import registrations_of
from services.tax_ids import vat_country

HUNDRED = Decimal(100)


def taxes_of(session: Session, *, parties: Parties, base_minor: int, at: datetime) -> list[Tax]:
    """The taxes due on a sale of so much before tax, by the rates of the customer's business day."""
    seller, buyer = parties.seller, buyer_of(parties)
    registrations = registrations_of(seller)
    if buyer.place is None or not registrations:
        return []
    day = business_date(at, parties.tenant.timezone)
    found = tax_rates.tax_rates_in(
        buyer.place.country, buyer.place.region, day=day, added=tax_rates.added_tax_rates(session)
    )
    rates = [Rate(rate.code, rate.name, Place(rate.country, rate.region), rate.percentage) for rate in found]
    return taxes.taxes_due(
        base_minor,
        buyer=buyer,
        seller=Place(seller.country, seller.region),
        registrations=registrations,
        rates=rates,
    )


def buyer_of(parties: Parties) -> Buyer:
    """What decides a customer's taxes. Without billing details its place is not known."""
    profile = parties.buyer
    if profile is None:
        return Buyer(place=None)
    certificate = f" (certificate {profile.exemption_certificate})" if profile.exemption_certificate else ""
    return Buyer(
        place=Place(profile.country, profile.region),
        exempt_because=f"{profile.exemption_reason}{certificate}" if profile.is_tax_exempt else "",
        vat_country=vat_country(profile.tax_ids),
    )


def stored_taxes(invoice: Invoice, due: Sequence[Tax]) -> tuple[InvoiceTax, ...]:
    """The rows of an invoice's taxes, in their order."""
    return tuple(
        InvoiceTax(
            tenant_id=invoice.tenant_id,
            invoice_id=invoice.id,
            position=position,
            code=tax.code,
            name=tax.name,
            country=tax.place.country,
            region=tax.place.region,
            rate=tax.rate,
            base_minor=tax.base_minor,
            amount_minor=tax.amount_minor,
            category=TaxCategory(tax.category),
            reason=tax.reason,
        )
        for position, tax in enumerate(due, start=1)
    )


def read_taxes(session: Session, *, tenant_id: str, invoice_id: str) -> tuple[InvoiceTax, ...]:
    """An invoice's taxes in their order."""
    statement = (
        select(InvoiceTax)
        .where(InvoiceTax.tenant_id == tenant_id, InvoiceTax.invoice_id == invoice_id)
        .order_by(col(InvoiceTax.position))
    )
    return tuple(session.exec(statement))


def tax_document(tax: InvoiceTax | CreditNoteTax, currency: str) -> dict[str, str]:
    """A tax as a receipt holds it: its rate is a fraction of the base, 0.13 for 13 %."""
    document = {
        "code": tax.code,
        "name": tax.name,
        "region": "-".join(filter(None, (tax.country, tax.region))),
        "category": str(tax.category),
        "rate": text_of(EXACT.divide(tax.rate, HUNDRED)),
        "base": Money(tax.base_minor, currency).plain(),
        "amount": Money(tax.amount_minor, currency).plain(),
    }
    return document | ({"reason": tax.reason} if tax.reason else {})
