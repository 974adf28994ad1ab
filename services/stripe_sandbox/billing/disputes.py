"""Disputes, which only the control opens: a cardholder's bank takes a charge back."""

from services.stripe_sandbox.clock import DAY
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.errors import ResourceMissing, StripeError
from services.stripe_sandbox.world import World

ANSWER_DAYS = 7
EVIDENCE = (
    "access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure",
    "cancellation_rebuttal", "customer_communication", "customer_email_address", "customer_name",
    "customer_purchase_ip", "customer_signature", "duplicate_charge_documentation", "duplicate_charge_explanation",
    "duplicate_charge_id", "product_description", "receipt", "refund_policy", "refund_policy_disclosure",
    "refund_refusal_explanation", "service_date", "service_documentation", "shipping_address", "shipping_carrier",
    "shipping_date", "shipping_documentation", "shipping_tracking_number", "uncategorized_file", "uncategorized_text",
)  # fmt: skip


def open_dispute(world: World, charge: Document, reason: str) -> Document:
    """A dispute of the whole charge. Raises StripeError where the charge failed or is disputed already."""
    if charge["status"] != "succeeded" or charge["disputed"]:
        raise StripeError("Only a charge that succeeded and is not yet disputed can be disputed.", param="charge")
    at = world.now_for(charge)
    dispute = {
        "id": world.new_id("dispute"),
        "object": "dispute",
        "amount": charge["amount"] - charge["amount_refunded"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": at,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": at + DAY * ANSWER_DAYS, "enhanced_eligibility": {}, "has_evidence": False, "past_due": False,
            "submission_count": 0, "submission_method": "not_submitted",
        },
        "intended_submission_method": None,
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": reason,
        "status": "needs_response",
        "_clock": charge["_clock"],
    }  # fmt: skip
    world.change("charge", charge, {"disputed": True}, "charge.updated")
    return world.add("dispute", dispute, "charge.dispute.created")


def close_dispute(world: World, charge: Document, outcome: str) -> Document:
    """The bank decided: `won` or `lost`."""
    if outcome not in ("won", "lost"):
        raise StripeError("Invalid close: must be one of won, lost", param="close")
    for dispute in world.store.where("dispute", charge=charge["id"]):
        if dispute["status"] not in ("won", "lost"):
            closed = world.change("dispute", dispute, {"status": outcome})
            world.emit("charge.dispute.closed", closed)
            return closed
    raise ResourceMissing("dispute", charge["id"], "charge")
