"""The customer portal: cards, billing details, subscriptions and invoices, as far as its configuration allows."""

from dataclasses import dataclass
from typing import Any, Final

from services.stripe_sandbox import wording
from services.stripe_sandbox.billing.cards import attach, new_card
from services.stripe_sandbox.clock import HOUR
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.errors import CardDeclined
from services.stripe_sandbox.inner_calls import call
from services.stripe_sandbox.invoice_view import status_of
from services.stripe_sandbox.pages.cards import TEST_CARDS, Form, fill_in, form_of, read_card
from services.stripe_sandbox.pages.choices import COUNTRIES, TAX_ID_TYPES, is_known_tax_id_type
from services.stripe_sandbox.pages.visit import Answer, Message, Notice, Page, Stop, Visit, newest
from services.stripe_sandbox.resources.billing_portal import CONFIGURATION, SESSION
from services.stripe_sandbox.world import World

PATH: Final = "/p/session/{secret}"
LIFE_SECONDS: Final = 24 * HOUR
INVOICES_MAX: Final = 200
ADDRESS: Final = ("line1", "line2", "city", "state", "postal_code", "country")
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


@dataclass(frozen=True, slots=True)
class Portal:
    """Who is here, and what they may do."""

    session: Document
    configuration: Document
    customer: Document

    def allows(self, feature: str) -> bool:
        """Whether the configuration turns this feature on."""
        return bool(self.configuration["features"][feature]["enabled"])

    @property
    def updates(self) -> list[str]:
        """What of their details the customer may change."""
        feature = self.configuration["features"]["customer_update"]
        return list(feature["allowed_updates"]) if feature["enabled"] else []


def show(visit: Visit) -> Answer:
    """Everything at a glance."""
    portal = _portal(visit)
    customer, world = portal.customer, visit.world
    cards = _cards(world, customer) if portal.allows("payment_method_update") else None
    invoices = _invoices(world, customer) if portal.allows("invoice_history") else None
    details = _details(world, portal) if portal.updates else None
    plans = _plans(world, portal)
    return visit.page(
        "portal.html",
        goes_to=_ways_out(portal),
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
    portal, action = _portal(visit), visit.given.get("action", "")
    if action in {"make_default", "remove"}:
        _require(portal.allows("payment_method_update"))
        method = _own(visit, "payment_method", portal)
        if action == "remove":
            call(visit.world, "POST", f"/v1/payment_methods/{method['id']}/detach")
            return visit.go(f"{visit.path}?said=removed")
        _make_default(visit.world, portal.customer, method["id"])
        return visit.go(f"{visit.path}?said=default")
    _require(action in {"cancel", "keep"} and portal.allows("subscription_cancel"))
    subscription = _own(visit, "subscription", portal)
    address = f"/v1/subscriptions/{subscription['id']}"
    if action == "keep":
        call(visit.world, "POST", address, {"cancel_at_period_end": False})
        return visit.go(f"{visit.path}?said=kept")
    feature = portal.configuration["features"]["subscription_cancel"]
    if feature["mode"] == "immediately":
        call(visit.world, "DELETE", address, {"prorate": feature["proration_behavior"] != "none"})
        return _done(visit, portal, "subscription_cancel", "ended")
    call(visit.world, "POST", address, {"cancel_at_period_end": True})
    return _done(visit, portal, "subscription_cancel", "cancelled")


def show_card(visit: Visit) -> Answer:
    """The form for one more card."""
    portal = _portal(visit)
    _require(portal.allows("payment_method_update"))
    return _card_form(visit, portal, Form())


def add_card(visit: Visit) -> Answer:
    """Save the card that was typed."""
    portal, form = _portal(visit), form_of(visit.given)
    _require(portal.allows("payment_method_update"))
    form.values.setdefault("default", "")
    action = visit.given.get("action", "")
    if action.startswith("fill:"):
        fill_in(form, action.removeprefix("fill:"), now=visit.world.now())
        return _card_form(visit, portal, form)
    card = read_card(form, now=visit.world.now())
    if card is None:
        return _card_form(visit, portal, form, 422)
    try:
        details = {"name": card.name, "email": portal.customer["email"]}
        method = new_card(visit.world, card.number, card.expires_month, card.expires_year, billing_details=details)
        method = attach(visit.world, method["id"], portal.customer)
    except CardDeclined as refusal:
        visit.world.store.rollback()
        form.declined = f"{refusal.message} Try another card."
        form.forget_card()
        return _card_form(visit, portal, form, 402)
    if form.text("default") == "yes":
        _make_default(visit.world, portal.customer, method["id"])
    return _done(visit, portal, "payment_method_update", "added")


def show_details(visit: Visit) -> Answer:
    """The form for name, e-mail, address and tax ids."""
    portal = _portal(visit)
    _require(bool(portal.updates))
    customer = portal.customer
    address = customer["address"] or {}
    values = {name: str(customer[name] or "") for name in ("name", "email", "phone")}
    return _details_form(visit, portal, Form(values | {name: str(address.get(name) or "") for name in ADDRESS}))


def act_on_details(visit: Visit) -> Answer:
    """Save the details, or add or remove a tax id."""
    portal, form, action = _portal(visit), form_of(visit.given), visit.given.get("action", "")
    _require(bool(portal.updates))
    address = f"/v1/customers/{portal.customer['id']}"
    if action == "remove_tax_id":
        _require("tax_id" in portal.updates)
        tax_id = _own(visit, "tax_id", portal, field="tax_id_id")
        call(visit.world, "DELETE", f"{address}/tax_ids/{tax_id['id']}")
        return visit.go(visit.path)
    if action == "add_tax_id":
        _require("tax_id" in portal.updates)
        kind, value = form.text("tax_id_type"), form.text("tax_id")
        if not value or not is_known_tax_id_type(kind):
            form.errors["tax_id"] = "Enter the tax ID, and choose its kind."
            return _details_form(visit, portal, _with_known(portal, form), 422)
        call(visit.world, "POST", f"{address}/tax_ids", {"type": kind, "value": value})
        return visit.go(visit.path)
    changes: Document = {name: form.text(name) for name in ("name", "email", "phone") if name in portal.updates}
    if "email" in changes and "@" not in changes["email"]:
        form.errors["email"] = "Enter an e-mail address, such as ada@example.com."
        return _details_form(visit, portal, form, 422)
    if "address" in portal.updates:
        changes["address"] = {name: form.text(name) for name in ADDRESS}
    call(visit.world, "POST", address, changes)
    return _done(visit, portal, "customer_update", "saved")


def _portal(visit: Visit) -> Portal:
    world = visit.world
    found = world.store.where(SESSION, _secret=visit.ids["secret"])
    if not found:
        raise Stop(Message("There is no such page", "Its address is wrong, or the sandbox was emptied since.", "?"))
    session = found[0]
    customer = world.get("customer", session["customer"])
    if session["created"] + LIFE_SECONDS <= world.now() or customer.get("deleted"):
        back = session["return_url"] or ""
        text = "Open it again from where you came."
        raise Stop(Message("This page has expired", text, "!", "warn", link=back, link_label="Go back"), 410)
    return Portal(session, world.get(CONFIGURATION, session["configuration"]), customer)


def _require(allowed: bool) -> None:
    if not allowed:
        raise Stop(Message("That is not offered here", "Nothing was changed.", "!", "warn"), 403)


def _own(visit: Visit, kind: str, portal: Portal, *, field: str | None = None) -> Document:
    """What the form names, if it is this customer's."""
    found = visit.world.store.find(kind, visit.given.get(field or kind, ""))
    if found is None or found["customer"] != portal.customer["id"]:
        raise Stop(Message("That is no longer there", "It was removed in the meantime.", "?"))
    return found


def _done(visit: Visit, portal: Portal, flow: str, said: str) -> Answer:
    """Back to the portal's page, or where a session that was opened for just this leads."""
    wanted = portal.session["flow"]
    if wanted and wanted["type"] == flow and wanted["after_completion"]["type"] == "redirect":
        return visit.go(wanted["after_completion"]["redirect"]["return_url"])
    return visit.go(f"{_home(visit)}?said={said}")


def _home(visit: Visit) -> str:
    return f"/p/session/{visit.ids['secret']}"


def _make_default(world: World, customer: Document, method: str) -> None:
    """Pay with it from now on, the subscriptions that had another card too."""
    settings = {"invoice_settings": {"default_payment_method": method}}
    call(world, "POST", f"/v1/customers/{customer['id']}", settings)
    for subscription in world.store.where("subscription", customer=customer["id"]):
        if subscription["ended_at"] is None and subscription["default_payment_method"] not in {None, method}:
            address = f"/v1/subscriptions/{subscription['id']}"
            call(world, "POST", address, {"default_payment_method": method})


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
        ("Tax IDs", ", ".join(tax["value"] for tax in _tax_ids(world, customer)), "tax_id"),
    ]
    return [(name, value) for name, value, feature in rows if feature in allowed]


def _tax_ids(world: World, customer: Document) -> list[Document]:
    found = world.store.where("tax_id", customer=customer["id"])
    return [{"id": tax["id"], "kind": wording.tax_id_kind(tax["type"]), "value": tax["value"]} for tax in found]


def _with_known(portal: Portal, form: Form) -> Form:
    """A form of tax ids has the other fields of the page as they are."""
    customer = portal.customer
    for name in ("name", "email", "phone"):
        form.values.setdefault(name, customer[name] or "")
    for name in ADDRESS:
        form.values.setdefault(name, (customer["address"] or {}).get(name) or "")
    return form


def _ways_out(portal: Portal) -> tuple[str | None, ...]:
    """The shop's addresses that the portal's forms may lead to."""
    flow = portal.session["flow"] or {}
    redirect = (flow.get("after_completion") or {}).get("redirect") or {}
    return portal.session["return_url"], redirect.get("return_url")


def _card_form(visit: Visit, portal: Portal, form: Form, status: int = 200) -> Answer:
    return visit.page(
        "portal_card.html",
        status=status,
        goes_to=_ways_out(portal),
        form=form,
        test_cards=TEST_CARDS,
        portal=visit.root + _home(visit),
    )


def _details_form(visit: Visit, portal: Portal, form: Form, status: int = 200) -> Answer:
    shown: dict[str, Any] = {"countries": (("", "Choose …"), *COUNTRIES), "tax_id_types": TAX_ID_TYPES}
    return visit.page(
        "portal_details.html",
        status=status,
        goes_to=_ways_out(portal),
        form=form,
        allowed=portal.updates,
        tax_ids=_tax_ids(visit.world, portal.customer),
        portal=visit.root + _home(visit),
        **shown,
    )


PAGES: Final[tuple[Page, ...]] = (
    (PATH, show, act),
    (f"{PATH}/card", show_card, add_card),
    (f"{PATH}/details", show_details, act_on_details),
)
