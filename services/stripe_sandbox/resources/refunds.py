"""Refunds, as the API offers them."""

from services.stripe_sandbox.billing.refunds import refund_charge
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.operations import Call, Operation
from services.stripe_sandbox.parameters import ID, INTEGER, METADATA, Table, merged_metadata, one_of
from services.stripe_sandbox.resources.payments import reading
from services.stripe_sandbox.world import World

CREATE_FIELDS: Table = {
    "amount": INTEGER, "charge": ID, "metadata": METADATA, "payment_intent": ID,
    "reason": one_of("duplicate", "fraudulent", "requested_by_customer"),
}  # fmt: skip


def create_refund(world: World, call: Call) -> Document:
    params = call.params
    if ("charge" in params) == ("payment_intent" in params):
        message = "One of the following params should be provided for this request: payment_intent or charge."
        raise StripeError(message, code="parameter_missing", param="charge")
    if "charge" in params:
        return refund_charge(world, world.get("charge", params["charge"], param="charge"), params)
    intent = world.get("payment_intent", params["payment_intent"], param="payment_intent")
    if intent["status"] != "succeeded":
        message = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
        raise StripeError(message, code="payment_intent_unexpected_state", param="payment_intent")
    return refund_charge(world, world.get("charge", intent["latest_charge"]), params)


def update_refund(world: World, call: Call) -> Document:
    refund = world.get("refund", call.id)
    metadata = merged_metadata(refund["metadata"], call.params.get("metadata"))
    return world.change("refund", refund, {"metadata": metadata}, "refund.updated")


OPERATIONS = [
    Operation("POST", "/v1/refunds", create_refund, CREATE_FIELDS),
    *reading("refund", "refunds", "refund", charge=ID, payment_intent=ID),
    Operation("POST", "/v1/refunds/{id}", update_refund, {"metadata": METADATA}),
]
