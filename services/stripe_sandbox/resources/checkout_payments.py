"""What a completed checkout leaves behind: a subscription, a payment or a saved card.

Each function gives what changes on the session.
"""

from services.stripe_sandbox.billing import standing
from services.stripe_sandbox.billing.cards import SUCCEEDS, declined
from services.stripe_sandbox.billing.intents import intent_for_invoice, new_charge, new_intent
from services.stripe_sandbox.documents import Document, random_text
from services.stripe_sandbox.inner_calls import call
from services.stripe_sandbox.world import World


def subscribe(
    world: World, session: Document, customer: Document, method: Document | None, *, by_bank: bool
) -> Document:
    given = session["_given"].get("subscription_data", {})
    lines = session["_lines"]
    recurring = [line for line in lines if line["price"]["type"] == "recurring"]
    once = [line for line in lines if line["price"]["type"] != "recurring"]
    for line in once:  # pending items go on the subscription's first invoice
        _add_invoice_item(world, customer, line)
    subscription = call(
        world,
        "POST",
        "/v1/subscriptions",
        {
            "customer": customer["id"],
            "items": [_item(line) for line in recurring],
            "default_payment_method": method["id"] if method else None,
            "description": given.get("description"),
            "default_tax_rates": given.get("default_tax_rates"),
            "discounts": _discounts(session) or None,
            "metadata": given.get("metadata"),
            "billing_cycle_anchor": given.get("billing_cycle_anchor"),
            "proration_behavior": given.get("proration_behavior"),
            "trial_period_days": given.get("trial_period_days"),
            "trial_end": given.get("trial_end"),
            "trial_settings": given.get("trial_settings"),
            "payment_behavior": "default_incomplete" if by_bank else "error_if_incomplete",
        },
    )
    invoice = world.get("invoice", subscription["latest_invoice"])
    waits = by_bank and invoice["status"] == "open"
    if waits and method is not None:
        _wait_for_bank(world, invoice, method)
    return {
        "subscription": subscription["id"],
        "invoice": invoice["id"],
        "payment_status": "unpaid" if waits else "paid" if invoice["total"] > 0 else "no_payment_required",
        "_waits_for": invoice["id"] if waits else None,
        "_bank_method": method["id"] if waits and method else None,
    }


def _wait_for_bank(world: World, invoice: Document, method: Document) -> None:
    """The debit is on its way: the payment is processing, and what was bought begins already."""
    on_its_way = {"payment_method": method["id"], "payment_method_types": [method["type"]], "status": "processing"}
    intent = world.change("payment_intent", intent_for_invoice(world, invoice), on_its_way)
    world.emit("payment_intent.processing", intent)
    standing.after_payment(world, invoice)


def pay_once(
    world: World, session: Document, customer: Document, method: Document | None, *, by_bank: bool
) -> Document:
    """One payment, with an invoice where the session asks for one. A bank debit always has one, to wait with."""
    if not session["amount_total"]:
        return {"payment_status": "no_payment_required"}
    assert method is not None
    given = session["_given"].get("payment_intent_data", {})
    if session["invoice_creation"]["enabled"] or by_bank:
        return _pay_by_invoice(world, session, customer, method, by_bank=by_bank)
    intent = new_intent(
        world,
        {
            "id": None,
            "amount_remaining": session["amount_total"],
            "currency": session["currency"],
            "customer": customer["id"],
            "description": given.get("description"),
            "test_clock": customer["test_clock"],
        },
    )
    told = {name: given[name] for name in ("description", "metadata") if name in given}
    intent = world.change("payment_intent", intent, {**told, "payment_method": method["id"]})
    planned = world.faults.next_payment(customer["id"])
    if planned is not None or method["_behaviour"] != SUCCEEDS:
        raise declined(planned.decline_code if planned else "generic_decline")
    charge = new_charge(world, intent, method, None)
    paid = {"amount_received": intent["amount"], "latest_charge": charge["id"], "status": "succeeded"}
    intent = world.change("payment_intent", intent, paid)
    world.emit("payment_intent.succeeded", intent)
    return {"payment_intent": intent["id"], "payment_status": "paid"}


def _pay_by_invoice(
    world: World, session: Document, customer: Document, method: Document, *, by_bank: bool
) -> Document:
    wanted = session["invoice_creation"]["invoice_data"]
    params = {name: wanted[name] for name in ("description", "footer", "metadata") if wanted[name]}
    invoice = call(
        world,
        "POST",
        "/v1/invoices",
        {
            "customer": customer["id"],
            "currency": session["currency"],
            "auto_advance": False,
            "discounts": _discounts(session) or None,
            "pending_invoice_items_behavior": "exclude",
            **params,
        },
    )
    for line in session["_lines"]:
        _add_invoice_item(world, customer, line, invoice=invoice["id"])
    call(world, "POST", f"/v1/invoices/{invoice['id']}/finalize", {"auto_advance": False})
    invoice = world.get("invoice", invoice["id"])
    intent = intent_for_invoice(world, invoice)
    if by_bank:
        _wait_for_bank(world, invoice, method)
    else:
        call(world, "POST", f"/v1/invoices/{invoice['id']}/pay", {"payment_method": method["id"]})
    return {
        "invoice": invoice["id"],
        "payment_intent": intent["id"],
        "payment_status": "unpaid" if by_bank else "paid",
        "_waits_for": invoice["id"] if by_bank else None,
        "_bank_method": method["id"] if by_bank else None,
    }


def save_card(world: World, session: Document, customer: Document, method: Document | None) -> Document:
    assert method is not None
    given = session["_given"].get("setup_intent_data", {})
    identifier = world.new_id("setup_intent")
    intent = world.add(
        "setup_intent",
        {
            "id": identifier,
            "object": "setup_intent",
            "allowed_payment_method_types": None,
            "application": None,
            "automatic_payment_methods": None,
            "cancellation_reason": None,
            "client_secret": f"{identifier}_secret_{random_text(24)}",
            "created": world.now(),
            "customer": customer["id"],
            "customer_account": None,
            "description": given.get("description"),
            "excluded_payment_method_types": None,
            "flow_directions": None,
            "last_setup_error": None,
            "latest_attempt": None,
            "livemode": False,
            "mandate": None,
            "metadata": given.get("metadata", {}),
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": method["id"],
            "payment_method_configuration_details": None,
            "payment_method_options": None,
            "payment_method_types": ["card"],
            "single_use_mandate": None,
            "status": "succeeded",
            "usage": "off_session",
        },
        "setup_intent.created",
    )
    world.emit("setup_intent.succeeded", intent)
    return {"setup_intent": intent["id"], "payment_status": "no_payment_required"}


def _add_invoice_item(world: World, customer: Document, line: Document, *, invoice: str | None = None) -> None:
    item = {"customer": customer["id"], "invoice": invoice, "pricing": {"price": line["price"]["id"]}}
    rates = line["_tax_rates"] or None
    call(world, "POST", "/v1/invoiceitems", {**item, "quantity": line["quantity"], "tax_rates": rates})


def _item(line: Document) -> Document:
    item: Document = {"price": line["price"]["id"], "quantity": line["quantity"]}
    return {**item, "tax_rates": line["_tax_rates"]} if line["_tax_rates"] else item


def _discounts(session: Document) -> list[Document]:
    """A promotion code brings its coupon with it."""
    return [
        {"promotion_code": chosen["promotion_code"]} if chosen["promotion_code"] else {"coupon": chosen["coupon"]}
        for chosen in session["discounts"]
    ]
