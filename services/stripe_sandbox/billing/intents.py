"""PaymentIntents, charges and invoice payments: the objects a payment leaves behind."""

from services.stripe_sandbox.billing.bank_debits import debit_details
from services.stripe_sandbox.billing.cards import NO_BILLING_DETAILS
from services.stripe_sandbox.documents import Document, list_of, random_text, shown
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.world import World

SECRET_LENGTH = 24


def intent_for_invoice(world: World, invoice: Document) -> Document:
    """The invoice's PaymentIntent, made when first asked for, together with its invoice payment."""
    for payment in world.store.where("invoice_payment", invoice=invoice["id"]):
        if payment["status"] == "open" and payment["payment"]["type"] == "payment_intent":
            intent = world.get("payment_intent", payment["payment"]["payment_intent"])
            if intent["amount"] != invoice["amount_remaining"]:
                world.change("invoice_payment", payment, {"amount_requested": invoice["amount_remaining"]})
                intent = world.change("payment_intent", intent, {"amount": invoice["amount_remaining"]})
            return intent
    intent = new_intent(world, invoice)
    world.add("invoice_payment", new_invoice_payment(world, invoice, intent))
    return intent


def new_intent(world: World, invoice: Document) -> Document:
    identifier = world.new_id("payment_intent")
    intent = {
        "id": identifier,
        "object": "payment_intent",
        "allowed_payment_method_types": None,
        "amount": invoice["amount_remaining"],
        "amount_capturable": 0,
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic",
        "client_secret": f"{identifier}_secret_{random_text(SECRET_LENGTH)}",
        "confirmation_method": "automatic",
        "created": world.now_for(invoice),
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_account": None,
        "description": invoice["description"] or "Invoice payment",
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "managed_payments": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "payment_record": None,
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_group": None,
        "_invoice": invoice["id"],
        "_clock": invoice["test_clock"],
    }
    return world.add("payment_intent", intent, "payment_intent.created")


def new_invoice_payment(world: World, invoice: Document, intent: Document) -> Document:
    return {
        "id": world.new_id("invoice_payment"),
        "object": "invoice_payment",
        "amount_paid": None,
        "amount_requested": invoice["amount_remaining"],
        "created": world.now_for(invoice),
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }


def new_charge(world: World, intent: Document, method: Document, refusal: StripeError | None) -> Document:
    """The charge of an attempt, succeeded or failed, and its event."""
    customer = world.get("customer", intent["customer"])
    declined = refusal is not None
    charge = {
        "id": world.new_id("charge"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": 0 if declined else intent["amount"],
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method.get("billing_details", NO_BILLING_DETAILS),
        "calculated_statement_descriptor": "TALLYSTICK SANDBOX",
        "captured": not declined,
        "created": world.now_for(intent),
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": refusal.code if refusal else None,
        "failure_message": refusal.message if refusal else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": {},
        "on_behalf_of": None,
        "outcome": _outcome(refusal),
        "paid": not declined,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _method_details(method),
        "receipt_email": customer.get("email"),
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "failed" if declined else "succeeded",
        "transfer_data": None,
        "transfer_group": None,
        "_clock": intent["_clock"],
    }
    return world.add("charge", charge, "charge.failed" if declined else "charge.succeeded")


def _outcome(refusal: StripeError | None) -> Document:
    if refusal is None:
        return {
            "advice_code": None, "network_advice_code": None, "network_decline_code": None,
            "network_status": "approved_by_network", "reason": None, "risk_level": "normal", "risk_score": 12,
            "seller_message": "Payment complete.", "type": "authorized",
        }  # fmt: skip
    return {
        "advice_code": "try_again_later", "network_advice_code": None, "network_decline_code": None,
        "network_status": "declined_by_network", "reason": refusal.more.get("decline_code"), "risk_level": "normal",
        "risk_score": 12, "seller_message": "The bank did not return any further details with this decline.",
        "type": "issuer_declined",
    }  # fmt: skip


def _method_details(method: Document) -> Document:
    return {"card": _card_details(method), "type": "card"} if method["type"] == "card" else debit_details(method)


def _card_details(method: Document) -> Document:
    card = method["card"]
    checks = {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": None}
    kept = (
        "brand",
        "country",
        "exp_month",
        "exp_year",
        "fingerprint",
        "funding",
        "last4",
        "regulated_status",
        "wallet",
    )
    return {
        **{name: card[name] for name in kept},
        "amount_authorized": None,
        "authorization_code": None,
        "checks": checks,
        "electronic_commerce_indicator": None,
        "installments": None,
        "mandate": None,
        "network": card["brand"],
        "network_token": {"used": False},
        "network_transaction_id": None,
        "three_d_secure": None,
        "transaction_link_id": None,
    }


def refunds_of(world: World, charge: Document) -> Document:
    found = world.store.where("refund", charge=charge["id"])[::-1]
    return list_of([shown(refund) for refund in found[:10]], f"/v1/charges/{charge['id']}/refunds")


def payments_of(world: World, invoice: Document) -> Document:
    found = world.store.where("invoice_payment", invoice=invoice["id"])
    return list_of([shown(payment) for payment in found], "/v1/invoice_payments")


def confirmation_secret(world: World, invoice: Document) -> Document | None:
    for payment in world.store.where("invoice_payment", invoice=invoice["id"]):
        if payment["status"] == "open":
            intent = world.get("payment_intent", payment["payment"]["payment_intent"])
            return {"client_secret": intent["client_secret"], "type": "payment_intent"}
    return None


INCLUDABLE = {
    ("invoice", "payments"): payments_of,
    ("invoice", "confirmation_secret"): confirmation_secret,
    ("charge", "refunds"): refunds_of,
}
