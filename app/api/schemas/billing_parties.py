"""Bodies and answers about who is billed, who bills, and which taxes are in force."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints

from app.api.schemas.values import Body, Id, Shown
from models import BillingProfile, SellerProfile
from models.billing_profile import PAYMENT_DAYS_MAX
from services.parties.billing_profiles import BillingDetails, SellersTerms
from services.parties.seller_profiles import SellerDetails
from services.rules.decimals import text_of
from services.taxes.rates import TaxRate

Text = Annotated[str, StringConstraints(max_length=300)]
Texts = Annotated[list[Text], Field(max_length=50)]
Percentage = Annotated[str, StringConstraints(max_length=20, pattern=r"^[0-9]{1,2}(\.[0-9]{1,10})?$")]


class TaxIdBody(Body):
    """`kind` is ca_gst_hst, ca_qst, ca_pst_bc, ca_pst_sk, ca_rst_mb, eu_vat, us_ein or other."""

    kind: Text = Field(examples=["ca_gst_hst"])
    value: Text = Field(examples=["123456782RT0001"])


class LabelledBody(Body):
    label: Text = Field(examples=["IBAN"])
    value: Text


class AddressBody(Body):
    legal_name: Text = Field(examples=["Acme Industries Ltd."])
    address_lines: Texts = Field(examples=[["77 Front Street West"]])
    city: Text = Field(examples=["Toronto"])
    region: Text = Field(default="", examples=["ON"], description="The part of the ISO 3166-2 code after the hyphen.")
    postal_code: Text = Field(default="", examples=["M5J 1E6"])
    country: Text = Field(examples=["CA"])


class TermsBody(Body):
    """What only we grant."""

    is_tax_exempt: bool = False
    exemption_reason: Text = ""
    exemption_certificate: Text = ""
    payment_days: Annotated[int, Field(ge=0, le=PAYMENT_DAYS_MAX)] | None = None


class BillingProfileBody(AddressBody):
    """The details to put in force. `terms` may be given by an operator only; left out, they stay."""

    tenant_id: Id | None = Field(default=None, description="The key says it already; if sent, it must match.")
    emails: Texts = []
    tax_ids: Annotated[list[TaxIdBody], Field(max_length=50)] = []
    purchase_order: Text = ""
    language: Text = Field(default="en", examples=["en", "fr"])
    terms: TermsBody | None = None

    def details(self) -> BillingDetails:
        said = self.model_dump(exclude={"tenant_id", "tax_ids", "terms"})
        return BillingDetails(**said, tax_ids=[(each.kind, each.value) for each in self.tax_ids])

    def granted(self) -> SellersTerms | None:
        return None if self.terms is None else SellersTerms(**self.terms.model_dump())


class TaxIdShown(Shown):
    kind: str
    value: str
    validated: bool = Field(description="Whether its form and check digits were checked; no office is asked.")


class BillingProfileShown(Shown):
    """`version` 0 where no details were given yet: invoices then name the customer and charge no tax."""

    version: int
    legal_name: str
    address_lines: list[str]
    city: str
    region: str
    postal_code: str
    country: str
    emails: list[str]
    tax_ids: list[TaxIdShown]
    is_tax_exempt: bool
    exemption_reason: str
    exemption_certificate: str
    purchase_order: str
    language: str
    payment_days: int | None
    changed_at: datetime | None

    @classmethod
    def of(cls, profile: BillingProfile | None) -> Self:
        if profile is None:
            nothing = dict.fromkeys(("legal_name", "city", "region", "postal_code", "country", "purchase_order"), "")
            return cls(
                version=0, **nothing, address_lines=[], emails=[], tax_ids=[], is_tax_exempt=False,
                exemption_reason="", exemption_certificate="", language="en", payment_days=None, changed_at=None,
            )  # fmt: skip
        return cls(**{name: getattr(profile, name) for name in cls.model_fields})


class SellerBody(AddressBody):
    """Who sends the invoices. The registrations decide which taxes are charged."""

    email: Text = ""
    registrations: Annotated[list[TaxIdBody], Field(max_length=50)] = []
    bank_details: Annotated[list[LabelledBody], Field(max_length=50)] = []

    def details(self) -> SellerDetails:
        said = self.model_dump(exclude={"registrations", "bank_details"})
        return SellerDetails(
            **said,
            registrations=[(each.kind, each.value) for each in self.registrations],
            bank_details=[(each.label, each.value) for each in self.bank_details],
        )


class LabelledShown(Shown):
    label: str
    value: str


class SellerShown(Shown):
    """`version` 0 where only the settings say who we are."""

    version: int
    legal_name: str
    address_lines: list[str]
    city: str
    region: str
    postal_code: str
    country: str
    email: str
    registrations: list[TaxIdShown]
    bank_details: list[LabelledShown]

    @classmethod
    def of(cls, seller: SellerProfile) -> Self:
        return cls(**{name: getattr(seller, name) or _nothing(name) for name in cls.model_fields})


class TaxRateBody(Body):
    """A rate from a day on; `percentage` null ends the tax that day."""

    country: Text = Field(examples=["CA"])
    region: Text = Field(default="", examples=["ON"], description="Empty for a whole country.")
    code: Text = Field(examples=["hst"])
    name: Text = Field(examples=["HST"])
    percentage: Percentage | None = Field(examples=["13"])
    since: date
    is_federal: bool = False

    def exact(self) -> Decimal | None:
        return None if self.percentage is None else Decimal(self.percentage)


class TaxRateShown(Shown):
    country: str
    region: str
    code: str
    name: str
    percentage: str | None = Field(examples=["9.975"])
    since: date
    is_federal: bool
    is_added: bool = Field(description="Whether an operator added it; the others ship with the product.")

    @classmethod
    def of(cls, rate: TaxRate, *, is_added: bool) -> Self:
        said = {name: getattr(rate, name) for name in ("country", "region", "code", "name", "since", "is_federal")}
        percentage = None if rate.percentage is None else text_of(rate.percentage)
        return cls(**said, percentage=percentage, is_added=is_added)


class TaxRatesShown(Shown):
    tax_rates: list[TaxRateShown]


def _nothing(name: str) -> Any:
    return [] if name in ("address_lines", "registrations", "bank_details") else 0 if name == "version" else ""
