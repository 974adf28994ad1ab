"""`invoices/create_preview`, as the API offers it."""

from services.stripe_sandbox.billing.discounts import DISCOUNTS
from services.stripe_sandbox.billing.invoice_items import CHARGED
from services.stripe_sandbox.billing.previews import preview_invoice
from services.stripe_sandbox.billing.subscription_items import CHANGED_ITEMS
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.operations import Call, Operation
from services.stripe_sandbox.parameters import (
    BOOLEAN,
    CURRENCY,
    DECIMAL,
    ID,
    INTEGER,
    METADATA,
    Table,
    clearable,
    list_of,
    list_of_shapes,
    one_of,
    required,
    shape,
)
from services.stripe_sandbox.resources.subscriptions import PRORATION, TRIAL_END
from services.stripe_sandbox.world import World

DETAILS: Table = {
    "billing_cycle_anchor": shape({"timestamp": INTEGER, "type": required(one_of("now", "timestamp", "unchanged"))}),
    "cancel_at": clearable(INTEGER),
    "cancel_at_period_end": BOOLEAN,
    "default_tax_rates": clearable(list_of(ID)),
    "items": CHANGED_ITEMS,
    "metadata": METADATA,
    "proration_behavior": PRORATION,
    "proration_date": INTEGER,
    "trial_end": TRIAL_END,
}
ITEM: Table = {
    **{name: parser for name, parser in CHARGED.items() if name != "pricing"},
    "currency": CURRENCY, "price": ID, "unit_amount_decimal": DECIMAL,
}  # fmt: skip
FIELDS: Table = {
    "currency": CURRENCY,
    "customer": ID,
    "discounts": DISCOUNTS,
    "invoice_items": list_of_shapes(ITEM),
    "preview_mode": one_of("next", "recurring"),
    "subscription": ID,
    "subscription_details": shape(DETAILS),
}


def create_preview(world: World, call: Call) -> Document:
    call.keep = False
    return preview_invoice(world, call.params)


OPERATIONS = [Operation("POST", "/v1/invoices/create_preview", create_preview, FIELDS)]
