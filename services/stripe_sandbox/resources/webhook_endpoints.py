"""Webhook endpoints: who is told of events. The signing secret is shown once, when the endpoint is made."""

from urllib.parse import urlsplit

from services.stripe_sandbox.documents import Document, random_text
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.operations import Call, Operation, list_table, page
from services.stripe_sandbox.parameters import BOOLEAN, ID, METADATA, STRING, Table, list_of, merged_metadata, required
from services.stripe_sandbox.world import World

CREATE_FIELDS: Table = {
    "api_version": ID, "connect": BOOLEAN, "description": STRING, "enabled_events": required(list_of(ID)),
    "metadata": METADATA, "url": required(ID),
}  # fmt: skip
UPDATE_FIELDS: Table = {
    "description": STRING, "disabled": BOOLEAN, "enabled_events": list_of(ID), "metadata": METADATA, "url": ID,
}  # fmt: skip
SECRET_LENGTH = 32
ENDPOINTS_MAX = 16


def create_webhook_endpoint(world: World, call: Call) -> Document:
    params = call.params
    _check(params.get("url"), params["enabled_events"])
    if len(world.store.tables["webhook_endpoint"].order) >= ENDPOINTS_MAX:
        raise StripeError(f"You have reached the maximum of {ENDPOINTS_MAX} test webhook endpoints.")
    endpoint = {
        "id": world.new_id("webhook_endpoint"),
        "object": "webhook_endpoint",
        "api_version": params.get("api_version"),
        "application": None,
        "created": world.now(),
        "description": params.get("description"),
        "enabled_events": params["enabled_events"],
        "livemode": False,
        "metadata": merged_metadata({}, params.get("metadata")),
        "status": "enabled",
        "url": params["url"],
        "_secret": f"whsec_sandbox_{random_text(SECRET_LENGTH)}",
    }
    world.add("webhook_endpoint", endpoint)
    return {**endpoint, "secret": endpoint["_secret"]}


def _check(url: str | None, enabled_events: list[str] | None) -> None:
    if url is not None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise StripeError(
                "Invalid URL: an explicit scheme (such as https) must be provided.", code="url_invalid", param="url"
            )
    if enabled_events is not None and not enabled_events:
        raise StripeError("enabled_events cannot be empty.", code="parameter_invalid_empty", param="enabled_events")


def read_webhook_endpoint(world: World, call: Call) -> Document:
    return world.get("webhook_endpoint", call.id)


def update_webhook_endpoint(world: World, call: Call) -> Document:
    endpoint, params = world.get("webhook_endpoint", call.id), call.params
    _check(params.get("url"), params.get("enabled_events"))
    changes = call.given("description", "enabled_events", "url")
    if "disabled" in params:
        changes["status"] = "disabled" if params["disabled"] else "enabled"
    changes["metadata"] = merged_metadata(endpoint["metadata"], params.get("metadata"))
    return world.change("webhook_endpoint", endpoint, changes)


def delete_webhook_endpoint(world: World, call: Call) -> Document:
    return world.remove("webhook_endpoint", world.get("webhook_endpoint", call.id))


def list_webhook_endpoints(world: World, call: Call) -> Document:
    return page(world, call, "webhook_endpoint")


OPERATIONS = [
    Operation("POST", "/v1/webhook_endpoints", create_webhook_endpoint, CREATE_FIELDS),
    Operation("GET", "/v1/webhook_endpoints", list_webhook_endpoints, list_table()),
    Operation("GET", "/v1/webhook_endpoints/{id}", read_webhook_endpoint),
    Operation("POST", "/v1/webhook_endpoints/{id}", update_webhook_endpoint, UPDATE_FIELDS),
    Operation("DELETE", "/v1/webhook_endpoints/{id}", delete_webhook_endpoint),
]
