"""Bank debits: one test account in each currency that has them. It pays, or does not, when the bank answers."""

from typing import Any, Final

from services.stripe_sandbox.billing.cards import NO_BILLING_DETAILS, SUCCEEDS
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.world import World

OF_CURRENCY: Final = {"usd": "us_bank_account", "cad": "acss_debit", "eur": "sepa_debit"}
"""The type of payment method by currency."""

BANK_NAME: Final = "Sandbox Bank"
LAST4: Final = "6789"
ACCOUNTS: Final[dict[str, Document]] = {
    "us_bank_account": {
        "account_holder_type": "company",
        "account_type": "checking",
        "bank_name": BANK_NAME,
        "fingerprint": None,
        "last4": LAST4,
        "routing_number": "110000000",
    },
    "acss_debit": {
        "bank_name": BANK_NAME,
        "fingerprint": None,
        "institution_number": "000",
        "last4": LAST4,
        "transit_number": "11000",
    },
    "sepa_debit": {
        "bank_code": "37040044",
        "branch_code": None,
        "country": "DE",
        "fingerprint": None,
        "last4": LAST4,
    },
}
ONLY_ON_THE_METHOD: Final[dict[str, Document]] = {
    "us_bank_account": {
        "financial_connections_account": None,
        "networks": {"preferred": "ach", "supported": ["ach"]},
        "status_details": None,
    },
    "sepa_debit": {"generated_from": {"charge": None, "setup_attempt": None}},
}
ONLY_ON_THE_CHARGE: Final[dict[str, Document]] = {
    "us_bank_account": {"payment_reference": None},
    "sepa_debit": {"mandate": None},
}


def new_bank_account(world: World, currency: str, *, holder: str, email: str | None) -> Document:
    """A payment method of the currency's test account, not yet attached."""
    kind = OF_CURRENCY[currency]
    method: dict[str, Any] = {
        "id": world.new_id("payment_method"),
        "object": "payment_method",
        "allow_redisplay": "limited",
        "billing_details": {**NO_BILLING_DETAILS, "email": email, "name": holder},
        "created": world.now(),
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": kind,
        kind: {**ACCOUNTS[kind], **ONLY_ON_THE_METHOD.get(kind, {})},
        "_behaviour": SUCCEEDS,
    }
    return world.add("payment_method", method)


def debit_details(method: Document) -> Document:
    """What a charge says of the account it was taken from, as `payment_method_details`."""
    kind = method["type"]
    return {kind: {**ACCOUNTS[kind], **ONLY_ON_THE_CHARGE.get(kind, {})}, "type": kind}
