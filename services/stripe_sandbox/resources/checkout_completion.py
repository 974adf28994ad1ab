"""Completing a checkout session: the customer, the payment method, and what is bought; and how a bank debit settles."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.stripe_sandbox.billing import standing
from services.stripe_sandbox.billing.bank_debits import new_bank_account
from services.stripe_sandbox.billing.cards import (
    FAILS_ON_CHARGE,
    SUCCEEDS,
    attach,
    new_card,
)
from services.stripe_sandbox.billing.payments import attempt
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.inner_calls import call
from services.stripe_sandbox.parameters import address_of
from services.stripe_sandbox.resources.checkout_payments import pay_once, save_card, subscribe
from services.stripe_sandbox.resources.checkout_sessions import SESSION
from services.stripe_sandbox.resources.payment_links import note_completion
from services.stripe_sandbox.world import World


@dataclass(frozen=True, slots=True)
class Buyer:
    """What a person said of themselves on the page."""

    email: str
    name: str | None = None
    business_name: str | None = None
    address: Mapping[str, str] | None = None
    tax_id: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class PaidByCard:
    """A card of the page. `is_authenticated`: the bank has asked and was satisfied."""

    number: str = field(repr=False)
    expires_month: int
    expires_year: int
    is_authenticated: bool = False


@dataclass(frozen=True, slots=True)
class PaidByBank:
    """A bank debit, which settles or fails later."""

    holder: str


Paying = PaidByCard | PaidByBank | None


def complete(world: World, session: Document, buyer: Buyer, paying: Paying) -> Document:
    """The session, complete. Raises CardDeclined where the card is refused; the caller takes back what was begun."""
    customer = _customer(world, session, buyer)
    method = _method(world, session, customer, paying, buyer)
    if session["mode"] == "subscription":
        changes: Document = subscribe(world, session, customer, method, by_bank=isinstance(paying, PaidByBank))
    elif session["mode"] == "payment":
        changes = pay_once(world, session, customer, method, by_bank=isinstance(paying, PaidByBank))
    else:
        changes = save_card(world, session, customer, method)
    if isinstance(paying, PaidByCard) and method is not None:
        _settle_in(world, method)
    session = world.schedule(SESSION, session, expire_checkout=None)
    session = world.change(
        SESSION,
        session,
        {
            **changes,
            "customer": customer["id"],
            "customer_details": _details(world, session, buyer, customer),
            "collected_information": {
                "business_name": buyer.business_name,
                "individual_name": None,
                "shipping_details": None,
            },
            "status": "complete",
            "url": None,
        },
    )
    world.emit("checkout.session.completed", session)
    if session["payment_link"]:
        note_completion(world, session["payment_link"])
    return session


def settle(world: World, session: Document, *, succeeded: bool) -> Document:
    """The bank answers about a session that is complete and unpaid."""
    assert is_waiting(session), "no bank has yet to answer"
    method = world.get("payment_method", session["_bank_method"])
    method = world.change("payment_method", method, {"_behaviour": SUCCEEDS if succeeded else FAILS_ON_CHARGE})
    invoice = world.get("invoice", session["_waits_for"])
    session = world.change(SESSION, session, {"_waits_for": None})
    if invoice["status"] == "open":
        invoice, refusal = attempt(world, invoice, method)
        succeeded = refusal is None
        if refusal is not None:
            standing.after_failure(world, invoice, last=False)
    if succeeded:
        session = world.change(SESSION, session, {"payment_status": "paid"})
    outcome = "succeeded" if succeeded else "failed"
    world.emit(f"checkout.session.async_payment_{outcome}", session)
    return session


def is_waiting(session: Mapping[str, Any]) -> bool:
    """Whether a bank has yet to answer."""
    return session["status"] == "complete" and bool(session.get("_waits_for"))


def _customer(world: World, session: Document, buyer: Buyer) -> Document:
    """The session's customer with what was said now, or a new one."""
    given = session["_given"]
    if session["customer"] is None:
        params = {"email": buyer.email, "name": buyer.business_name or buyer.name, "address": buyer.address}
        return _with_tax_id(world, call(world, "POST", "/v1/customers", params), buyer)
    customer = world.get("customer", session["customer"])
    updates, changes = given.get("customer_update", {}), {}
    if updates.get("name") == "auto" and (buyer.business_name or buyer.name):
        changes["name"] = buyer.business_name or (customer["name"] or buyer.name)
    if updates.get("address") == "auto" and buyer.address:
        changes["address"] = buyer.address
    if not customer["email"]:
        changes["email"] = buyer.email
    if changes:
        customer = call(world, "POST", f"/v1/customers/{customer['id']}", changes)
    return _with_tax_id(world, customer, buyer)


def _with_tax_id(world: World, customer: Document, buyer: Buyer) -> Document:
    if buyer.tax_id is not None:
        kind, value = buyer.tax_id
        known = [(tax["type"], tax["value"]) for tax in world.store.where("tax_id", customer=customer["id"])]
        if (kind, value) not in known:
            call(world, "POST", f"/v1/customers/{customer['id']}/tax_ids", {"type": kind, "value": value})
    return world.get("customer", customer["id"])


def _method(world: World, session: Document, customer: Document, paying: Paying, buyer: Buyer) -> Document | None:
    details = {"email": buyer.email, "name": buyer.name}
    match paying:
        case PaidByCard():
            method = new_card(world, paying.number, paying.expires_month, paying.expires_year, billing_details=details)
            method = attach(world, method["id"], customer)
            if paying.is_authenticated or method["_behaviour"] == FAILS_ON_CHARGE:
                later = SUCCEEDS if paying.is_authenticated else FAILS_ON_CHARGE
                method = world.change("payment_method", method, {"_behaviour": SUCCEEDS, "_later": later})
            return method
        case PaidByBank():
            return attach(
                world,
                new_bank_account(world, session["currency"], holder=paying.holder, email=buyer.email)["id"],
                customer,
            )
        case None:
            return None


def _settle_in(world: World, method: Document) -> None:
    """From now on the card behaves as its number says: the one that fails at renewals has paid once."""
    found = world.get("payment_method", method["id"])
    world.change("payment_method", found, {"_behaviour": found.get("_later", found["_behaviour"]), "_later": None})


def _details(world: World, session: Document, buyer: Buyer, customer: Document) -> Document:
    customer = world.get("customer", customer["id"])
    taxes = world.store.where("tax_id", customer=customer["id"])
    address = customer["address"] or buyer.address
    return {
        "address": address_of(address),
        "business_name": buyer.business_name,
        "email": customer["email"] or buyer.email,
        "individual_name": None,
        "name": buyer.business_name or buyer.name or customer["name"],
        "phone": customer["phone"],
        "tax_exempt": customer["tax_exempt"],
        "tax_ids": [{"type": tax["type"], "value": tax["value"]} for tax in taxes],
    }
