"""BG-4 and BG-7: who sells and who buys."""

from typing import Final
from xml.etree.ElementTree import Element

from services.billing_documents.document import BillingDocument, Party
from services.e_invoice.refusals import NotExpressible
from services.e_invoice.vat import OUT_OF_SCOPE, vat_number, vat_of
from services.e_invoice.xml_tree import group, put

VAT_NUMBER, TAX_NUMBER, E_MAIL = "VA", "FC", "EM"
LINES: Final = ("ram:LineOne", "ram:LineTwo", "ram:LineThree")


def write_parties(agreement: Element, document: BillingDocument) -> None:
    """Both parties and the purchase order. Raises NotExpressible where one has no country (BR-9, BR-11)."""
    is_out_of_scope = vat_of(document).taxed.category == OUT_OF_SCOPE
    seller = group(agreement, "ram:SellerTradeParty")
    _write_party(seller, document.seller, is_seller=True, is_out_of_scope=is_out_of_scope)
    buyer = group(agreement, "ram:BuyerTradeParty")
    _write_party(buyer, document.buyer, is_seller=False, is_out_of_scope=is_out_of_scope)
    if document.purchase_order:
        put(group(agreement, "ram:BuyerOrderReferencedDocument"), "ram:IssuerAssignedID", document.purchase_order)


def _write_party(element: Element, party: Party, *, is_seller: bool, is_out_of_scope: bool) -> None:
    if not party.country:
        raise NotExpressible(f"the {'seller' if is_seller else 'buyer'} has no country")
    numbers = _numbers(party, is_seller=is_seller, is_out_of_scope=is_out_of_scope)
    if is_seller and not party.identifier and VAT_NUMBER not in dict(numbers):
        raise NotExpressible("nothing identifies the seller (BR-CO-26)")
    put(element, "ram:ID", party.identifier)
    put(element, "ram:Name", party.name)
    address = group(element, "ram:PostalTradeAddress")
    put(address, "ram:PostcodeCode", party.postal_code)
    shown = [*party.address_lines[:2], ", ".join(party.address_lines[2:])]
    for name, line in zip(LINES, shown, strict=False):
        put(address, name, line)
    put(address, "ram:CityName", party.city)
    put(address, "ram:CountryID", party.country)
    put(address, "ram:CountrySubDivisionName", party.region)
    if party.email:
        put(group(element, "ram:URIUniversalCommunication"), "ram:URIID", party.email, schemeID=E_MAIL)
    for scheme, number in numbers:
        put(group(element, "ram:SpecifiedTaxRegistration"), "ram:ID", number, schemeID=scheme)


def _numbers(party: Party, *, is_seller: bool, is_out_of_scope: bool) -> list[tuple[str, str]]:
    """One number of each scheme at most (BT-31, 32, 48). Out of scope of VAT none may be a VAT number (BR-O-2)."""
    found: dict[str, str] = {}
    for registration in party.registrations:
        number = vat_number(registration)
        if number and not is_out_of_scope:
            found.setdefault(VAT_NUMBER, number)
        elif is_seller:
            found.setdefault(TAX_NUMBER, registration.value)
    return sorted(found.items(), reverse=True)
