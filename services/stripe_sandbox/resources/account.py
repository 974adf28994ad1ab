"""The seller's own account."""

from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.operations import Call, Operation
from services.stripe_sandbox.world import World

ACCOUNT_ID = "acct_1Sandbox0Sandbox"
ACCOUNT_NAME = "Tallystick Sandbox"
ACCOUNT_COUNTRY = "US"


def read_account(world: World, call: Call) -> Document:
    return {
        "id": ACCOUNT_ID,
        "object": "account",
        "business_profile": None,
        "business_type": "company",
        "charges_enabled": True,
        "country": ACCOUNT_COUNTRY,
        "default_currency": "usd",
        "details_submitted": True,
        "email": "sandbox@example.com",
        "metadata": {},
        "payouts_enabled": True,
        "type": "standard",
    }


OPERATIONS = [Operation("GET", "/v1/account", read_account)]
