"""The taxes of an invoice: worked out from both sides of the sale, stored with it, and written in its receipt."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlmodel import Session, col, select

from models import CreditNoteTax, Invoice, InvoiceTax, TaxCategory
from services.parties.of_invoices import Parties
from services.parties.seller_profiles import registrations_of
from services.rules import taxes
from services.rules.decimals import EXACT, text_of
from services.rules.money import Money
from services.rules.periods import business_date
from services.rules.taxes import Buyer, Place, Rate, Tax
from services.taxes.ids import vat_country
from services.taxes.rates import TaxInForce, added_tax_rates, tax_rates_in

HUNDRED = Decimal(100)


def taxes_of(session: Session, *, parties: Parties, base_minor: int, at: datetime) -> list[Tax]:
    """The taxes due on a sale of so much before tax, by the rates of the customer's business day."""
    seller, buyer = parties.seller, buyer_of(parties)
    registrations = registrations_of(seller)
    if buyer.place is None or not registrations:
        return []
    found = _rates(session, buyer.place, parties, at)
    return taxes.taxes_due(
        base_minor,
        buyer=buyer,
        seller=Place(seller.country, seller.region),
        registrations=registrations,
        rates=map(_rule_of, found),
    )


def rates_due(session: Session, *, parties: Parties, at: datetime) -> list[TaxInForce]:
    """The rates that a sale to the customer is charged with; none where none is due."""
    due = {(tax.code, tax.place) for tax in taxes_of(session, parties=parties, base_minor=0, at=at) if tax.rate}
    buyer = parties.buyer
    if buyer is None or not due:
        return []
    found = _rates(session, Place(buyer.country, buyer.region), parties, at)
    return [rate for rate in found if (rate.code, Place(rate.country, rate.region)) in due]


def _rates(session: Session, place: Place, parties: Parties, at: datetime) -> tuple[TaxInForce, ...]:
    day = business_date(at, parties.tenant.timezone)
    return tax_rates_in(place.country, place.region, day=day, added=added_tax_rates(session))


def _rule_of(rate: TaxInForce) -> Rate:
    return Rate(rate.code, rate.name, Place(rate.country, rate.region), rate.percentage)


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
