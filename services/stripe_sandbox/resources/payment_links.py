"""Payment links: an address that sells the same thing to whoever opens it."""

from collections.abc import Mapping
from typing import Any, Final

from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.operations import PAGING, Call, Operation, list_table, page
from services.stripe_sandbox.parameters import (
    BOOLEAN,
    COUNT,
    CURRENCY,
    ID,
    METADATA,
    STRING,
    Table,
    clearable,
    list_of_shapes,
    merged_metadata,
    one_of,
    required,
    shape,
)
from services.stripe_sandbox.resources.checkout_lines import LINE_FIELDS, add_up, page_of_lines, read_lines
from services.stripe_sandbox.resources.checkout_sessions import open_session
from services.stripe_sandbox.world import World

LINK: Final = "payment_link"

TRIAL_SETTINGS: Final = shape(
    {"end_behavior": required(shape({"missing_payment_method": required(one_of("cancel", "create_invoice", "pause"))}))}
)
CREATE_FIELDS: Final[Table] = {
    "after_completion": shape(
        {
            "type": required(one_of("hosted_confirmation", "redirect")),
            "hosted_confirmation": shape({"custom_message": STRING}),
            "redirect": shape({"url": required(ID)}),
        }
    ),
    "allow_promotion_codes": BOOLEAN,
    "billing_address_collection": one_of("auto", "required"),
    "currency": CURRENCY,
    "customer_creation": one_of("always", "if_required"),
    "inactive_message": STRING,
    "line_items": required(list_of_shapes(LINE_FIELDS)),
    "metadata": METADATA,
    "payment_method_collection": one_of("always", "if_required"),
    "phone_number_collection": shape({"enabled": required(BOOLEAN)}),
    "restrictions": clearable(shape({"completed_sessions": required(shape({"limit": required(COUNT)}))})),
    "submit_type": one_of("auto", "book", "donate", "pay", "subscribe"),
    "subscription_data": shape(
        {"description": STRING, "metadata": METADATA, "trial_period_days": COUNT, "trial_settings": TRIAL_SETTINGS}
    ),
    "tax_id_collection": shape({"enabled": required(BOOLEAN), "required": one_of("if_supported", "never")}),
}
UPDATE_FIELDS: Final[Table] = {
    **{name: CREATE_FIELDS[name] for name in CREATE_FIELDS if name not in {"currency", "line_items"}},
    "active": BOOLEAN,
}
PLAIN: Final = (
    *("active", "allow_promotion_codes", "billing_address_collection", "customer_creation", "inactive_message"),
    *("payment_method_collection", "phone_number_collection", "submit_type"),
)


def create_link(world: World, call: Call) -> Document:
    """A link for these lines: a subscription where one of them recurs, a payment otherwise."""
    given = call.params["line_items"]
    prices = [world.store.find("price", line.get("price", "")) or line.get("price_data", {}) for line in given]
    mode = "subscription" if any(price.get("recurring") for price in prices) else "payment"
    lines = read_lines(world, given, mode)
    if mode == "payment" and "subscription_data" in call.params:
        raise StripeError("`subscription_data` needs a recurring price.", param="subscription_data")
    identifier = world.new_id(LINK)
    link: Document = {
        **_BLANK,
        "id": identifier,
        "currency": lines[0]["currency"],
        "customer_creation": "always" if mode == "subscription" else "if_required",
        "payment_method_collection": "always" if mode == "subscription" else "if_required",
        "submit_type": "subscribe" if mode == "subscription" else "auto",
        "url": f"{world.public_url}/buy/{identifier}",
        "_mode": mode,
        "_lines": list(add_up(world, lines, None).lines),
    }
    link["invoice_creation"] = None if mode == "subscription" else link["invoice_creation"]
    return world.add(LINK, _changed(link, call.params), "payment_link.created")


def update_link(world: World, call: Call) -> Document:
    """What is not given stays; its lines do."""
    link = read_link(world, call)
    return world.change(LINK, link, _changed(link, call.params), "payment_link.updated")


def _changed(link: Document, given: Mapping[str, Any]) -> Document:
    changed = {**link, **{name: given[name] for name in PLAIN if name in given}}
    if "metadata" in given:
        changed["metadata"] = merged_metadata(link["metadata"], given["metadata"])
    if "tax_id_collection" in given:
        changed["tax_id_collection"] = {**link["tax_id_collection"], **given["tax_id_collection"]}
    if "after_completion" in given:
        changed["after_completion"] = _after_completion(given["after_completion"])
    if "restrictions" in given:
        count = ((link["restrictions"] or {}).get("completed_sessions") or {}).get("count", 0)
        limit = given["restrictions"] and given["restrictions"]["completed_sessions"]["limit"]
        changed["restrictions"] = {"completed_sessions": {"count": count, "limit": limit}} if limit else None
    if "subscription_data" in given:
        changed["subscription_data"] = _subscription_data(link["subscription_data"], given["subscription_data"])
    return changed


def _after_completion(given: Mapping[str, Any]) -> Document:
    if given["type"] == "redirect":
        address = given.get("redirect", {}).get("url", "")
        if not address.startswith(("http://", "https://")):
            raise StripeError("Not a valid URL", code="url_invalid", param="after_completion[redirect][url]")
        return {"redirect": {"url": address}, "type": "redirect"}
    message = given.get("hosted_confirmation", {}).get("custom_message")
    return {"hosted_confirmation": {"custom_message": message}, "type": "hosted_confirmation"}


def _subscription_data(old: Document | None, given: Mapping[str, Any]) -> Document:
    blank: Document = {
        "description": None,
        "invoice_settings": {
            "account_tax_ids": None,
            "custom_fields": None,
            "description": None,
            "footer": None,
            "issuer": {"type": "self"},
        },
        "metadata": {},
        "trial_period_days": None,
        "trial_settings": None,
    }
    kept = {**blank, **(old or {})}
    return {**kept, **given, "metadata": merged_metadata(kept["metadata"], given.get("metadata"))}


def read_link(world: World, call: Call) -> Document:
    """One link."""
    return world.get(LINK, call.ids[0], noun="payment_link", param="payment_link")


def list_links(world: World, call: Call) -> Document:
    """Newest first."""
    active = call.params.get("active")
    return page(world, call, LINK, keep=lambda link: active is None or link["active"] == active)


def list_line_items(world: World, call: Call) -> Document:
    """The link's lines, in their order."""
    return page_of_lines(read_link(world, call)["_lines"], call.params, call.path)


def open_from_link(world: World, link: Document, *, reference: str | None = None) -> Document:
    """A session for one more visitor of the link; `reference` becomes its client_reference_id."""
    after = link["after_completion"]
    given = link["subscription_data"] or {}
    wanted = {name: given[name] for name in ("description", "trial_period_days", "trial_settings") if given.get(name)}
    params: Document = {
        "mode": link["_mode"],
        "allow_promotion_codes": link["allow_promotion_codes"],
        "billing_address_collection": link["billing_address_collection"],
        "payment_method_collection": link["payment_method_collection"],
        "phone_number_collection": link["phone_number_collection"],
        "submit_type": link["submit_type"],
        "tax_id_collection": link["tax_id_collection"],
        "metadata": link["metadata"],
    }
    if reference is not None:
        params["client_reference_id"] = reference
    if after["type"] == "redirect":
        params["success_url"] = after["redirect"]["url"]
    if link["_mode"] == "subscription":
        params["subscription_data"] = {**wanted, "metadata": given.get("metadata") or {}}
    else:
        params["customer_creation"] = link["customer_creation"]
    return open_session(world, params, lines=link["_lines"], payment_link=link["id"])


def note_completion(world: World, identifier: str) -> None:
    """One more sale of the link; it turns itself off at its limit."""
    link = world.get(LINK, identifier)
    if link["restrictions"] is None:
        return
    sold = link["restrictions"]["completed_sessions"]
    count = sold["count"] + 1
    changes = {"restrictions": {"completed_sessions": {**sold, "count": count}}, "active": count < sold["limit"]}
    world.change(LINK, link, changes, "payment_link.updated")


_BLANK: Final[Document] = {
    "object": LINK,
    "active": True,
    "after_completion": {"hosted_confirmation": {"custom_message": None}, "type": "hosted_confirmation"},
    "allow_promotion_codes": False,
    "application": None,
    "application_fee_amount": None,
    "application_fee_percent": None,
    "automatic_tax": {"enabled": False, "liability": None},
    "billing_address_collection": "auto",
    "consent_collection": None,
    "custom_fields": [],
    "custom_text": {
        "after_submit": None,
        "shipping_address": None,
        "submit": None,
        "terms_of_service_acceptance": None,
    },
    "inactive_message": None,
    "invoice_creation": {"enabled": False, "invoice_data": None},
    "livemode": False,
    "managed_payments": None,
    "metadata": {},
    "on_behalf_of": None,
    "optional_items": None,
    "payment_intent_data": None,
    "payment_method_options": None,
    "payment_method_types": None,
    "phone_number_collection": {"enabled": False},
    "restrictions": None,
    "shipping_address_collection": None,
    "shipping_options": [],
    "subscription_data": None,
    "tax_id_collection": {"enabled": False, "required": "never"},
    "transfer_data": None,
}


def _include_lines(world: World, link: Document) -> Document:
    return page_of_lines(world.get(LINK, link["id"])["_lines"], {}, f"/v1/payment_links/{link['id']}/line_items")


INCLUDABLE = {(LINK, "line_items"): _include_lines}
OPERATIONS = [
    Operation("POST", "/v1/payment_links", create_link, CREATE_FIELDS),
    Operation("GET", "/v1/payment_links", list_links, list_table(active=BOOLEAN)),
    Operation("GET", "/v1/payment_links/{link}", read_link),
    Operation("POST", "/v1/payment_links/{link}", update_link, UPDATE_FIELDS),
    Operation("GET", "/v1/payment_links/{link}/line_items", list_line_items, PAGING),
]
