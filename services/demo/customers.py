"""Who is in the demonstration: the seller, its customers with where they are billed, and who signs in for them.

The companies are made up; the tax ids have the form and the check digits of real ones and belong to nobody we know of.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session

from models import Role
from services.parties.billing_profiles import BillingDetails, change_billing_profile
from services.parties.seller_profiles import SellerDetails, change_seller

BY: Final = "the demonstration"

SELLER: Final = SellerDetails(
    legal_name="Tallystick Systems Inc.",
    address_lines=("Suite 400", "111 Peter Street"),
    city="Toronto",
    region="ON",
    postal_code="M5V 2H1",
    country="CA",
    email="billing@tallystick.example",
    registrations=(("ca_gst_hst", "123456782RT0001"), ("ca_qst", "1234567890TQ0001")),
    bank_details=(
        ("Payee", "Tallystick Systems Inc."),
        ("Institution and transit", "999-00012"),
        ("Account", "1234567"),
        ("Remittance advice", "remit@tallystick.example"),
    ),
)


@dataclass(frozen=True, slots=True)
class DemoCustomer:
    """`credits_by_month` is what each period burns, the running one last; `assets` grow by `asset_step` a week."""

    name: str
    plan: str
    timezone: str
    billed_to: BillingDetails
    credits_by_month: tuple[int, ...]
    sites: tuple[str, ...]
    assets: int
    asset_step: int
    logins: tuple[tuple[str, Role], ...]
    has_gain_share: bool = False


CUSTOMERS: Final = (
    DemoCustomer(
        name="Northwind Mining",
        plan="PRO",
        timezone="America/Toronto",
        billed_to=BillingDetails(
            legal_name="Northwind Mining Corporation",
            address_lines=("Accounts payable", "200 Brady Street"),
            city="Sudbury",
            region="ON",
            postal_code="P3E 5K3",
            country="CA",
            emails=("payables@northwind.example",),
            tax_ids=(("ca_gst_hst", "987654324RT0001"),),
            purchase_order="PO-88121",
        ),
        credits_by_month=(540_000, 615_000, 702_000, 1_184_000, 846_000, 911_000, 1_330_000),
        sites=("red-lake", "sudbury", "timmins"),
        assets=962,
        asset_step=9,
        logins=(("owner@northwind.example", Role.OWNER), ("viewer@northwind.example", Role.VIEWER)),
    ),
    DemoCustomer(
        name="Harbour Robotics",
        plan="ENTERPRISE",
        timezone="America/Halifax",
        billed_to=BillingDetails(
            legal_name="Harbour Robotics Ltd.",
            address_lines=("1505 Barrington Street",),
            city="Halifax",
            region="NS",
            postal_code="B3J 3K5",
            country="CA",
            emails=("finance@harbour.example",),
            tax_ids=(("ca_gst_hst", "876543216RT0001"),),
            purchase_order="HR-0417",
        ),
        credits_by_month=(2_310_000, 2_480_000, 2_730_000, 3_050_000, 2_960_000, 3_420_000, 3_610_000),
        sites=("dartmouth", "halifax", "moncton", "saint-john", "sydney"),
        assets=2_748,
        asset_step=14,
        logins=(("owner@harbour.example", Role.OWNER), ("finance@harbour.example", Role.BILLING_ADMIN)),
        has_gain_share=True,
    ),
    DemoCustomer(
        name="Cascade Foundry",
        plan="STARTER",
        timezone="America/Los_Angeles",
        billed_to=BillingDetails(
            legal_name="Cascade Foundry LLC",
            address_lines=("2100 NW Front Avenue",),
            city="Portland",
            region="OR",
            postal_code="97209",
            country="US",
            emails=("ap@cascade.example",),
            tax_ids=(("us_ein", "91-1144442"),),
        ),
        credits_by_month=(96_000, 118_000, 141_000, 173_000, 204_000, 231_000, 198_000),
        sites=("portland",),
        assets=171,
        asset_step=2,
        logins=(("owner@cascade.example", Role.OWNER),),
    ),
)

NEWCOMER, NEWCOMER_EMAIL, NEWCOMER_TIMEZONE = "Lighthouse Labs", "owner@lighthouse.example", "America/Toronto"
"""A customer without a plan yet: to be walked through buying one."""

NEWCOMER_BILLED_TO: Final = BillingDetails(
    legal_name="Laboratoires Lighthouse inc.",
    address_lines=("1250, boulevard René-Lévesque Ouest",),
    city="Montréal",
    region="QC",
    postal_code="H3B 4W8",
    country="CA",
    emails=("comptes@lighthouse.example",),
    tax_ids=(("ca_qst", "1098765432TQ0001"),),
)


def register_demo_seller(session: Session, *, at: datetime) -> None:
    """Say who sells and where it charges taxes, so that every invoice from then on is complete."""
    change_seller(session, details=SELLER, by=BY, at=at)


def bill_demo_customer(session: Session, *, tenant_id: str, details: BillingDetails, at: datetime) -> None:
    """Say where one of the customers is, which decides its taxes."""
    change_billing_profile(session, tenant_id=tenant_id, details=details, by=BY, at=at)
