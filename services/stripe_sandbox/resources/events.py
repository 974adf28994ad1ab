"""Events: what happened, each with the object as it was then. Stripe keeps them thirty days, the sandbox for good."""

from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.operations import CREATED, Call, Operation, list_table, page
from services.stripe_sandbox.parameters import BOOLEAN, ID, Table, list_of
from services.stripe_sandbox.world import World


def read_event(world: World, call: Call) -> Document:
    return world.get("event", call.id)


def list_events(world: World, call: Call) -> Document:
    params = call.params
    asked, types = params.get("type"), params.get("types")
    prefix = asked[:-1] if asked and asked.endswith("*") else None

    def keep(event: Document) -> bool:
        if prefix is not None and not event["type"].startswith(prefix):
            return False
        if "delivery_success" in params and (event["pending_webhooks"] == 0) != params["delivery_success"]:
            return False
        return types is None or event["type"] in types

    return page(world, call, "event", where={"type": None if prefix is not None else asked}, keep=keep)


FILTERS: Table = {**CREATED, "delivery_success": BOOLEAN, "type": ID, "types": list_of(ID)}
OPERATIONS = [
    Operation("GET", "/v1/events", list_events, list_table(**FILTERS)),
    Operation("GET", "/v1/events/{id}", read_event),
]
