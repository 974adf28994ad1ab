"""The portal's forms: one more card; name, e-mail, address and tax ids."""

from typing import Any, Final

from services.stripe_sandbox import wording
from services.stripe_sandbox.billing.cards import attach, new_card
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.errors import CardDeclined
from services.stripe_sandbox.inner_calls import call
from services.stripe_sandbox.pages.cards import TEST_CARDS, Form, fill_in, form_of, read_card
from services.stripe_sandbox.pages.choices import COUNTRIES, TAX_ID_TYPES, is_known_tax_id_type
from services.stripe_sandbox.pages.portal_access import PATH, Portal, done, home_of, open_portal, own, require, ways_out
from services.stripe_sandbox.pages.visit import Answer, Page, Visit
from services.stripe_sandbox.world import World

ADDRESS: Final = ("line1", "line2", "city", "state", "postal_code", "country")


def show_card(visit: Visit) -> Answer:
    """The form for one more card."""
    portal = open_portal(visit)
    require(portal.allows("payment_method_update"))
    return _card_form(visit, portal, Form())


def add_card(visit: Visit) -> Answer:
    """Save the card that was typed."""
    portal, form = open_portal(visit), form_of(visit.given)
    require(portal.allows("payment_method_update"))
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
        make_default(visit.world, portal.customer, method["id"])
    return done(visit, portal, "payment_method_update", "added")


def show_details(visit: Visit) -> Answer:
    """The form for name, e-mail, address and tax ids."""
    portal = open_portal(visit)
    require(bool(portal.updates))
    customer = portal.customer
    address = customer["address"] or {}
    values = {name: str(customer[name] or "") for name in ("name", "email", "phone")}
    return _details_form(visit, portal, Form(values | {name: str(address.get(name) or "") for name in ADDRESS}))


def act_on_details(visit: Visit) -> Answer:
    """Save the details, or add or remove a tax id."""
    portal, form, action = open_portal(visit), form_of(visit.given), visit.given.get("action", "")
    require(bool(portal.updates))
    address = f"/v1/customers/{portal.customer['id']}"
    if action == "remove_tax_id":
        require("tax_id" in portal.updates)
        tax_id = own(visit, "tax_id", portal, field="tax_id_id")
        call(visit.world, "DELETE", f"{address}/tax_ids/{tax_id['id']}")
        return visit.go(visit.path)
    if action == "add_tax_id":
        require("tax_id" in portal.updates)
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
    return done(visit, portal, "customer_update", "saved")


def make_default(world: World, customer: Document, method: str) -> None:
    """Pay with it from now on, the subscriptions that had another card too."""
    settings = {"invoice_settings": {"default_payment_method": method}}
    call(world, "POST", f"/v1/customers/{customer['id']}", settings)
    for subscription in world.store.where("subscription", customer=customer["id"]):
        if subscription["ended_at"] is None and subscription["default_payment_method"] not in {None, method}:
            address = f"/v1/subscriptions/{subscription['id']}"
            call(world, "POST", address, {"default_payment_method": method})


def tax_ids_of(world: World, customer: Document) -> list[Document]:
    """The customer's tax ids, each with its id, kind and value."""
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


def _card_form(visit: Visit, portal: Portal, form: Form, status: int = 200) -> Answer:
    return visit.page(
        "portal_card.html",
        status=status,
        goes_to=ways_out(portal),
        form=form,
        test_cards=TEST_CARDS,
        portal=visit.root + home_of(visit),
    )


def _details_form(visit: Visit, portal: Portal, form: Form, status: int = 200) -> Answer:
    shown: dict[str, Any] = {"countries": (("", "Choose …"), *COUNTRIES), "tax_id_types": TAX_ID_TYPES}
    return visit.page(
        "portal_details.html",
        status=status,
        goes_to=ways_out(portal),
        form=form,
        allowed=portal.updates,
        tax_ids=tax_ids_of(visit.world, portal.customer),
        portal=visit.root + home_of(visit),
        **shown,
    )


PAGES: Final[tuple[Page, ...]] = (
    (f"{PATH}/card", show_card, add_card),
    (f"{PATH}/details", show_details, act_on_details),
)
