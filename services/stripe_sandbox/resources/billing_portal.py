"""The customer portal: configurations, which say what a customer may do there, and sessions, which open it."""

from collections.abc import Mapping
from typing import Any, Final

from services.stripe_sandbox.documents import Document, random_text
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.operations import Call, Operation, list_table, page
from services.stripe_sandbox.parameters import (
    BOOLEAN,
    Table,
    merged_metadata,
    required,
    shape,
)
from services.stripe_sandbox.resources.portal_fields import (
    CONFIGURATION_FIELDS,
    DEFAULT_FEATURES,
    FEATURES,
    FLOW_PARTS,
    PAGE_OF_FLOW,
    SESSION_FIELDS,
)
from services.stripe_sandbox.world import World

CONFIGURATION: Final = "billing_portal.configuration"
SESSION: Final = "billing_portal.session"
SECRET_LENGTH: Final = 40


def create_configuration(world: World, call: Call) -> Document:
    """A further configuration. The first that is made is the account's default."""
    now = world.now()
    is_first = next(world.store.all(CONFIGURATION), None) is None
    document: Document = {
        "id": world.new_id(CONFIGURATION),
        "object": CONFIGURATION,
        "active": True,
        "application": None,
        "business_profile": {"headline": None, "privacy_policy_url": None, "terms_of_service_url": None},
        "created": now,
        "default_return_url": None,
        "features": DEFAULT_FEATURES,
        "is_default": is_first,
        "livemode": False,
        "login_page": {"enabled": False, "url": None},
        "metadata": {},
        "name": None,
        "updated": now,
    }
    return world.add(CONFIGURATION, _configured(world, document, call.params), "billing_portal.configuration.created")


def update_configuration(world: World, call: Call) -> Document:
    """What is not given stays. The account's default cannot be turned off."""
    document = world.get(CONFIGURATION, call.id, param="configuration", noun="configuration")
    changed = _configured(world, document, call.params)
    if "active" in call.params:
        if document["is_default"] and not call.params["active"]:
            raise StripeError("You cannot deactivate the default configuration.", param="active")
        changed["active"] = call.params["active"]
    if changed == document:
        return document
    event = "billing_portal.configuration.updated"
    return world.change(CONFIGURATION, document, {**changed, "updated": world.now()}, event)


def _configured(world: World, document: Document, given: Mapping[str, Any]) -> Document:
    changed = {**document, **{name: given[name] for name in ("default_return_url", "name") if name in given}}
    if "business_profile" in given:
        changed["business_profile"] = {**document["business_profile"], **given["business_profile"]}
    if "login_page" in given:
        is_on = given["login_page"]["enabled"]
        address = f"{world.public_url}/p/login/{document['id']}" if is_on else None
        changed["login_page"] = {"enabled": is_on, "url": address}
    if "metadata" in given:
        changed["metadata"] = merged_metadata(document["metadata"], given["metadata"])
    if "features" in given:
        features = dict(document["features"])
        for name, feature in given["features"].items():
            features[name] = _merged_feature(features[name], feature)
        changed["features"] = features
    _check_features(world, changed["features"])
    return changed


def _merged_feature(old: Document, given: Mapping[str, Any]) -> Document:
    merged = {**old, **given}
    if "cancellation_reason" in given:
        merged["cancellation_reason"] = {**old["cancellation_reason"], **given["cancellation_reason"]}
    if given.get("products"):
        unadjustable = {"enabled": False, "maximum": None, "minimum": 1}
        merged["products"] = [
            {**product, "adjustable_quantity": {**unadjustable, **product.get("adjustable_quantity", {})}}
            for product in given["products"]
        ]
    return merged


def _check_features(world: World, features: Document) -> None:
    update = features["customer_update"]
    if update["enabled"] and not update["allowed_updates"]:
        name = "features[customer_update][allowed_updates]"
        raise StripeError("You must allow at least one update where customer_update is enabled.", param=name)
    for place, product in enumerate(features["subscription_update"]["products"] or []):
        name = f"features[subscription_update][products][{place}]"
        world.get("product", product["product"], param=f"{name}[product]")
        for number, price in enumerate(product["prices"]):
            found = world.get("price", price, param=f"{name}[prices][{number}]")
            if found["product"] != product["product"]:
                raise StripeError(f"The price {price} is not of the product {product['product']}.", param=name)


def retrieve_configuration(world: World, call: Call) -> Document:
    """One configuration."""
    return world.get(CONFIGURATION, call.id, param="configuration", noun="configuration")


def list_configurations(world: World, call: Call) -> Document:
    """Newest first."""
    wanted = call.given("active", "is_default")
    return page(
        world, call, CONFIGURATION, keep=lambda found: all(found[name] == value for name, value in wanted.items())
    )


def create_session(world: World, call: Call) -> Document:
    """A page for one customer. Raises StripeError where no configuration is given and the account has none."""
    params = call.params
    customer = world.get("customer", params["customer"], param="customer")
    if customer.get("deleted"):
        raise StripeError(f"No such customer: '{params['customer']}'", code="resource_missing", param="customer")
    configuration = _configuration_for(world, params.get("configuration"))
    secret, flow = random_text(SECRET_LENGTH), _flow(world, params.get("flow_data"))
    page_of_flow = PAGE_OF_FLOW.get(flow["type"], "") if flow else ""
    return world.add(
        SESSION,
        {
            "id": world.new_id(SESSION),
            "object": SESSION,
            "configuration": configuration["id"],
            "created": world.now(),
            "customer": customer["id"],
            "customer_account": None,
            "flow": flow,
            "livemode": False,
            "locale": params.get("locale"),
            "on_behalf_of": None,
            "return_url": params.get("return_url") or configuration["default_return_url"],
            "url": f"{world.public_url}/p/session/{secret}{page_of_flow}",
            "_secret": secret,
        },
        "billing_portal.session.created",
    )


def _configuration_for(world: World, identifier: str | None) -> Document:
    if identifier is not None:
        found = world.get(CONFIGURATION, identifier, param="configuration", noun="configuration")
        if not found["active"]:
            raise StripeError("The configuration is not active.", param="configuration")
        return found
    for configuration in world.store.all(CONFIGURATION):
        if configuration["is_default"]:
            return configuration
    raise StripeError(
        "You can't create a portal session in test mode until you save your customer portal settings in test mode, or "
        "create a configuration through the API.",
        param="configuration",
    )


def _flow(world: World, given: Mapping[str, Any] | None) -> Document | None:
    if given is None:
        return None
    flow: Document = dict.fromkeys(FLOW_PARTS)
    after = given.get("after_completion", {"type": "portal_homepage"})
    kept = {"hosted_confirmation": None, "redirect": None, **after}
    if given["type"] == "subscription_cancel":
        wanted = given.get("subscription_cancel")
        if wanted is None:
            raise StripeError("Missing required param: flow_data[subscription_cancel].", param="flow_data")
        world.get("subscription", wanted["subscription"], param="flow_data[subscription_cancel][subscription]")
        flow["subscription_cancel"] = {"retention": None, "subscription": wanted["subscription"]}
    elif given["type"] not in {"payment_method_update", "customer_update"}:
        raise StripeError(f"The sandbox has no portal flow {given['type']}.", param="flow_data[type]")
    return {**flow, "after_completion": kept, "type": given["type"]}


CREATE_FIELDS: Final[Table] = {**CONFIGURATION_FIELDS, "features": required(shape(FEATURES))}
OPERATIONS = [
    Operation("POST", "/v1/billing_portal/configurations", create_configuration, CREATE_FIELDS),
    Operation(
        "GET",
        "/v1/billing_portal/configurations",
        list_configurations,
        list_table(active=BOOLEAN, is_default=BOOLEAN),
    ),
    Operation("GET", "/v1/billing_portal/configurations/{id}", retrieve_configuration),
    Operation(
        "POST",
        "/v1/billing_portal/configurations/{id}",
        update_configuration,
        {**CONFIGURATION_FIELDS, "active": BOOLEAN},
    ),
    Operation("POST", "/v1/billing_portal/sessions", create_session, SESSION_FIELDS),
]
