"""Test clocks: customers made on one live in its time, which stands until it is advanced."""

from services.stripe_sandbox.clock import DAY
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.operations import Call, Operation, list_table, page
from services.stripe_sandbox.parameters import INTEGER, STRING, required
from services.stripe_sandbox.world import World

KIND = "test_helpers.test_clock"
KEPT_DAYS = 30
ADVANCE_MAX_DAYS = 2 * 366


def create_test_clock(world: World, call: Call) -> Document:
    now = world.now()
    clock = {
        "id": world.new_id(KIND),
        "object": KIND,
        "created": now,
        "deletes_after": now + KEPT_DAYS * DAY,
        "frozen_time": call.params["frozen_time"],
        "livemode": False,
        "name": call.params.get("name"),
        "status": "ready",
        "status_details": {},
        "_now": call.params["frozen_time"],
    }
    return world.add(KIND, clock, "test_helpers.test_clock.created")


def read_test_clock(world: World, call: Call) -> Document:
    return world.get(KIND, call.id, noun="test clock")


def advance_test_clock(world: World, call: Call) -> Document:
    """Do what becomes due on this clock up to the new time. The answer says `advancing`; the next read says `ready`."""
    clock = world.get(KIND, call.id, noun="test clock")
    target = call.params["frozen_time"]
    if not clock["frozen_time"] < target <= clock["frozen_time"] + ADVANCE_MAX_DAYS * DAY:
        raise StripeError("A test clock advances forward, by at most two years at a time.", param="frozen_time")
    details = {"advancing": {"target_frozen_time": target}}
    advancing = {**clock, "status": "advancing", "status_details": details}
    world.emit("test_helpers.test_clock.advancing", advancing)
    while world.do_next_due(target, test_clock=clock["id"]):
        pass
    clock = world.change(KIND, world.get(KIND, clock["id"]), {"frozen_time": target, "_now": target})
    world.emit("test_helpers.test_clock.ready", clock)
    return advancing


def delete_test_clock(world: World, call: Call) -> Document:
    """The clock goes with its customers and their subscriptions."""
    clock = world.get(KIND, call.id, noun="test clock")
    for customer in world.store.where("customer", test_clock=clock["id"]):
        for subscription in world.store.where("subscription", customer=customer["id"]):
            world.store.remove("subscription", subscription["id"])
        world.store.remove("customer", customer["id"])
    world.emit("test_helpers.test_clock.deleted", clock)
    return world.remove(KIND, clock)


def list_test_clocks(world: World, call: Call) -> Document:
    return page(world, call, KIND)


OPERATIONS = [
    Operation(
        "POST", "/v1/test_helpers/test_clocks", create_test_clock, {"frozen_time": required(INTEGER), "name": STRING}
    ),
    Operation("GET", "/v1/test_helpers/test_clocks", list_test_clocks, list_table()),
    Operation("GET", "/v1/test_helpers/test_clocks/{id}", read_test_clock),
    Operation(
        "POST", "/v1/test_helpers/test_clocks/{id}/advance", advance_test_clock, {"frozen_time": required(INTEGER)}
    ),
    Operation("DELETE", "/v1/test_helpers/test_clocks/{id}", delete_test_clock),
]
