"""Who is billed and who bills, in words for pages, and what is typed about them read back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlmodel import Session

from models import BillingProfile, SellerProfile
from services import wording
from services.errors import Unprocessable
from services.parties.addresses import COUNTRIES
from services.parties.billing_profiles import BillingDetails, SellersTerms, read_billing_profile
from services.parties.seller_profiles import SellerDetails, read_seller
from services.taxes.ids import KINDS
from services.tenants import read_tenant

TYPED_MAX: Final = 2_000
BUYER_KINDS: Final = ("ca_gst_hst", "ca_qst", "eu_vat", "us_ein", "other")
SELLER_KINDS: Final = ("ca_gst_hst", "ca_qst", "ca_pst_bc", "ca_pst_sk", "ca_rst_mb", "eu_vat")


@dataclass(frozen=True)
class PartyView:
    """One side of a bill in lines, as an address is written, with its tax ids and what else is said of it."""

    name: str = ""
    lines: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    more: tuple[str, ...] = ()


@dataclass(frozen=True)
class PartyForm:
    """What is in the fields of a form. `tax_ids` has one text a kind; `changed` says since when it holds."""

    legal_name: str = ""
    address: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""
    emails: str = ""
    tax_ids: dict[str, str] | None = None
    purchase_order: str = ""
    language: str = "en"
    bank_details: str = ""
    is_tax_exempt: bool = False
    exemption_reason: str = ""
    exemption_certificate: str = ""
    payment_days: str = ""
    terms: str = ""
    changed: str = ""
    is_given: bool = False


NO_PARTY, NO_FORM = PartyView(), PartyForm()


def party_view(said: Mapping[str, Any]) -> PartyView:
    """The bill-to or remit-to of an invoice."""
    if not said:
        return NO_PARTY
    place = " ".join(filter(None, (said["city"], said["region"], said["postal_code"])))
    country = COUNTRIES.get(said["country"], said["country"])
    ids = [f"{each['label']} {each['value']}" for each in (*said.get("tax_ids", ()), *said.get("registrations", ()))]
    more = [*said.get("emails", ()), *([said["email"]] if said.get("email") else [])]
    more += [f"{each['label']}: {each['value']}" for each in said.get("bank_details", ())]
    return PartyView(said["name"], tuple(filter(None, (*said["address"], place, country))), tuple(ids), tuple(more))


def read_billing_form(session: Session, *, tenant_id: str) -> PartyForm:
    """A customer's details as a form begins with them. Raises NotFound."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    profile = read_billing_profile(session, tenant_id=tenant_id)
    if profile is None:
        return PartyForm(legal_name=tenant.name, tax_ids=dict.fromkeys(BUYER_KINDS, ""))
    return replace(
        _address(profile),
        emails=", ".join(profile.emails),
        tax_ids=_by_kind(profile.tax_ids, BUYER_KINDS),
        purchase_order=profile.purchase_order,
        language=profile.language.value,
        is_tax_exempt=profile.is_tax_exempt,
        exemption_reason=profile.exemption_reason,
        exemption_certificate=profile.exemption_certificate,
        payment_days="" if profile.payment_days is None else str(profile.payment_days),
        terms=_terms(profile),
        changed=f"In force since {wording.moment(profile.changed_at, tenant.timezone)}",
        is_given=True,
    )


def read_seller_form(session: Session) -> PartyForm:
    """Our own details as a form begins with them."""
    seller = read_seller(session)
    return replace(
        _address(seller),
        emails=seller.email,
        tax_ids=_by_kind(seller.registrations, SELLER_KINDS),
        bank_details="\n".join(f"{each['label']}: {each['value']}" for each in seller.bank_details),
        changed=f"In force since {wording.moment(seller.changed_at, 'UTC')}" if seller.version else "",
        is_given=bool(seller.version),
    )


def typed_details(form: Mapping[str, Any]) -> BillingDetails:
    """A customer's details as they were typed. Raises Unprocessable where a field is absurdly long."""
    return BillingDetails(
        **_typed_address(form),
        emails=_listed(_typed(form, "emails")),
        tax_ids=_typed_ids(form, BUYER_KINDS),
        purchase_order=_typed(form, "purchase_order"),
        language=_typed(form, "language") or "en",
    )


def typed_terms(form: Mapping[str, Any]) -> SellersTerms:
    """What an operator typed of exemption and days to pay. Raises Unprocessable."""
    days = _typed(form, "payment_days")
    if days and not (days.isascii() and days.isdigit() and len(days) <= 3):
        raise Unprocessable("Give the days to pay as a whole number, or leave it empty.", field="payment_days")
    return SellersTerms(
        is_tax_exempt=bool(form.get("is_tax_exempt")),
        exemption_reason=_typed(form, "exemption_reason"),
        exemption_certificate=_typed(form, "exemption_certificate"),
        payment_days=int(days) if days else None,
    )


def typed_seller(form: Mapping[str, Any]) -> SellerDetails:
    """Our own details as they were typed. Raises Unprocessable for a bank detail that does not say what it is."""
    details = []
    for line in filter(None, map(str.strip, _typed(form, "bank_details").splitlines())):
        label, colon, value = line.partition(":")
        if not colon:
            raise Unprocessable("Write each bank detail on a line: what it is, a colon, and it.", field="bank_details")
        details.append((label, value))
    return SellerDetails(
        **_typed_address(form),
        email=_typed(form, "emails"),
        registrations=_typed_ids(form, SELLER_KINDS),
        bank_details=details,
    )


def _address(party: BillingProfile | SellerProfile) -> PartyForm:
    return PartyForm(
        legal_name=party.legal_name,
        address="\n".join(party.address_lines),
        city=party.city,
        region=party.region or "",
        postal_code=party.postal_code or "",
        country=party.country,
    )


def _typed_address(form: Mapping[str, Any]) -> dict[str, Any]:
    names = ("legal_name", "city", "region", "postal_code", "country")
    return {name: _typed(form, name) for name in names} | {"address_lines": _typed(form, "address").splitlines()}


def _typed(form: Mapping[str, Any], name: str) -> str:
    typed = str(form.get(name, "") or "").strip()
    if len(typed) > TYPED_MAX:
        raise Unprocessable("That is too long.", field=name)
    return typed


def _typed_ids(form: Mapping[str, Any], kinds: Iterable[str]) -> list[tuple[str, str]]:
    return [(kind, value) for kind in kinds for value in _listed(_typed(form, f"tax_{kind}"))]


def _listed(typed: str) -> list[str]:
    return [part for part in map(str.strip, typed.replace(";", ",").split(",")) if part]


def _by_kind(tax_ids: Sequence[Mapping[str, Any]], kinds: Iterable[str]) -> dict[str, str]:
    return {kind: ", ".join(each["value"] for each in tax_ids if each["kind"] == kind) for kind in kinds}


def _terms(profile: BillingProfile) -> str:
    said = []
    if profile.is_tax_exempt:
        certificate = f", certificate {profile.exemption_certificate}" if profile.exemption_certificate else ""
        said.append(f"Exempt from tax: {profile.exemption_reason}{certificate}.")
    if profile.payment_days is not None:
        said.append(f"Invoices are due {profile.payment_days} days after they are issued.")
    return " ".join(said)


def id_label(kind: str) -> str:
    """What an id of a kind is called in a form: GST/HST number."""
    return "Other tax id" if kind == "other" else f"{KINDS[kind].label} number"
