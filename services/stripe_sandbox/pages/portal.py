"""The customer portal: cards, billing details, subscriptions and invoices, as far as its configuration allows."""

from typing import Final

from services.stripe_sandbox import wording
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.inner_calls import call
from services.stripe_sandbox.invoice_view import status_of
from services.stripe_sandbox.pages.portal_access import PATH, Portal, done, open_portal, own, require, ways_out
from services.stripe_sandbox.pages.portal_forms import make_default, tax_ids_of
from services.stripe_sandbox.pages.visit import Answer, Notice, Page, Visit, newest
from services.stripe_sandbox.world import World

INVOICES_MAX: Final = 200
SAID: Final = {
    "added": Notice("The card is added."),
    "default": Notice("The next invoice is paid with this card."),
    "removed": Notice("The card is removed."),
    "saved": Notice("Your billing details are saved."),
    "cancelled": Notice("The subscription ends with the period that is paid.", "warn"),
    "ended": Notice("The subscription has ended.", "warn"),
    "kept": Notice("The subscription goes on."),
}
PLAN_STATUS: Final = {
    "active": ("Active", "good"),
    "trialing": ("Trial", "note"),
    "past_due": ("Past due", "warn"),
    "unpaid": ("Unpaid", "bad"),
    "canceled": ("Ended", "plain"),
    "incomplete": ("Waiting for payment", "warn"),
    "incomplete_expired": ("Never started", "plain"),
    "paused": ("Paused", "plain"),
}


def show(visit: Visit) -> Answer:
    """Everything at a glance."""
    portal = open_portal(visit)
    customer, world = portal.customer, visit.world
    cards = _cards(world, customer) if portal.allows("payment_method_update") else None
    invoices = _invoices(world, customer) if portal.allows("invoice_history") else None
    details = _details(world, portal) if portal.updates else None
    plans = _plans(world, portal)
    return visit.page(
        "portal.html",
        goes_to=ways_out(portal),
        return_url=portal.session["return_url"] or "",
        headline=portal.configuration["business_profile"]["headline"] or customer["name"] or customer["email"] or "",
        said=SAID.get(visit.query.get("said", "")),
        any_feature=any(part is not None for part in (cards, invoices, details)) or bool(plans),
        subscriptions=plans,
        cards=cards,
        details=details,
        invoices=invoices,
    )


def act(visit: Visit) -> Answer:
    """A button of the page: a card's, or a subscription's."""
    portal, action = open_portal(visit), visit.given.get("action", "")
    if action in {"make_default", "remove"}:
        require(portal.allows("payment_method_update"))
        method = own(visit, "payment_method", portal)
        if action == "remove":
            call(visit.world, "POST", f"/v1/payment_methods/{method['id']}/detach")
            return visit.go(f"{visit.path}?said=removed")
        make_default(visit.world, portal.customer, method["id"])
        return visit.go(f"{visit.path}?said=default")
    require(action in {"cancel", "keep"} and portal.allows("subscription_cancel"))
    subscription = own(visit, "subscription", portal)
    address = f"/v1/subscriptions/{subscription['id']}"
    if action == "keep":
        call(visit.world, "POST", address, {"cancel_at_period_end": False})
        return visit.go(f"{visit.path}?said=kept")
    feature = portal.configuration["features"]["subscription_cancel"]
    if feature["mode"] == "immediately":
        call(visit.world, "DELETE", address, {"prorate": feature["proration_behavior"] != "none"})
        return done(visit, portal, "subscription_cancel", "ended")
    call(visit.world, "POST", address, {"cancel_at_period_end": True})
    return done(visit, portal, "subscription_cancel", "cancelled")


def _cards(world: World, customer: Document) -> list[Document]:
    default = customer["invoice_settings"]["default_payment_method"]
    cards = []
    for method in reversed(world.store.where("payment_method", customer=customer["id"])):
        card = method.get("card")
        account = method.get(method["type"]) or {}
        name = wording.card_name(card) if card else f"Bank account ending in {account.get('last4')}"
        says = f"Expires {card['exp_month']:02d} / {card['exp_year']}" if card else str(account.get("bank_name") or "")
        cards.append({"id": method["id"], "name": name, "says": says, "is_default": method["id"] == default})
    return cards


def _invoices(world: World, customer: Document) -> list[Document]:
    invoices = []
    for invoice in newest(world, "invoice", INVOICES_MAX, customer=customer["id"]):
        if invoice["status"] == "draft":
            continue
        status, tone = status_of(invoice, now=world.now())
        invoices.append(
            {
                "date": wording.day(invoice["status_transitions"]["finalized_at"] or invoice["created"]),
                "number": invoice["number"] or invoice["id"],
                "amount": wording.money(invoice["total"], invoice["currency"]),
                "status": status,
                "tone": tone,
                "payable": invoice["status"] == "open" and invoice["amount_remaining"] > 0,
                "hosted_url": invoice["hosted_invoice_url"],
                "pdf_url": invoice["invoice_pdf"],
            }
        )
    return invoices


def _plans(world: World, portal: Portal) -> list[Document]:
    plans = []
    can_cancel = portal.allows("subscription_cancel")
    for subscription in newest(world, "subscription", INVOICES_MAX, customer=portal.customer["id"]):
        items = world.store.where("subscription_item", subscription=subscription["id"])
        if subscription["status"] in {"canceled", "incomplete_expired"} or not items:
            continue
        status, tone = PLAN_STATUS[subscription["status"]]
        ends_at = subscription["cancel_at"]
        until = wording.day(ends_at or items[0]["current_period_end"])
        names = [_product_name(world, item) for item in items]
        plans.append(
            {
                "id": subscription["id"],
                "name": ", ".join(names),
                "says": f"Ends on {until}" if ends_at else f"Renews on {until}",
                "status": status,
                "tone": tone,
                "can_cancel": can_cancel and not ends_at,
                "can_keep": can_cancel and bool(subscription["cancel_at_period_end"]),
            }
        )
    return plans


def _product_name(world: World, item: Document) -> str:
    product = world.store.find("product", item["price"]["product"])
    return str(product["name"]) if product else "Subscription"


def _details(world: World, portal: Portal) -> list[tuple[str, str]]:
    customer, allowed = portal.customer, portal.updates
    rows = [
        ("Name", customer["name"] or "", "name"),
        ("E-mail", customer["email"] or "", "email"),
        ("Telephone", customer["phone"] or "", "phone"),
        ("Address", ", ".join(wording.address_lines(customer["address"])), "address"),
        ("Tax IDs", ", ".join(tax["value"] for tax in tax_ids_of(world, customer)), "tax_id"),
    ]
    return [(name, value) for name, value, feature in rows if feature in allowed]


PAGES: Final[tuple[Page, ...]] = ((PATH, show, act),)
