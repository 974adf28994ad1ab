"""Control of the sandbox, outside Stripe's own paths: its clock, its failures, its deliveries, its counters.

Every call is `GET` or `POST /_control/{name}` with a JSON object and the API's key. Errors have Stripe's shape.
"""

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from services.stripe_sandbox.billing import disputes
from services.stripe_sandbox.deliveries import MODES
from services.stripe_sandbox.dispatch import check_key
from services.stripe_sandbox.documents import Document, random_text, shown
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.faults import ANSWERS, DELAY_SECONDS, FailingAnswer, FailingPayment
from services.stripe_sandbox.resources import checkout_completion
from services.stripe_sandbox.world import World

if TYPE_CHECKING:
    from services.stripe_sandbox.app import Sandbox

Given = dict[str, Any]
Action = Callable[["Sandbox", Given], Awaitable[Document]]

ADVANCE_MAX_SECONDS = 20 * 366 * 86_400


async def reset(sandbox: "Sandbox", given: Given) -> Document:
    """Forget everything: documents, clock offset, planned failures, counters."""
    world = sandbox.world
    with world.lock:
        world.store.clear()
        world.agenda.rebuild()
        world.faults.clear()
        world.calls.clear()
        world.clock.offset_seconds = 0
        sandbox.deliveries.forget()
    return {"reset": True}


async def read_clock(sandbox: "Sandbox", given: Given) -> Document:
    with sandbox.world.lock:
        return {"now": sandbox.world.clock.now(), "offset_seconds": sandbox.world.clock.offset_seconds}


async def advance(sandbox: "Sandbox", given: Given) -> Document:
    """Move the clock forward by `seconds` or up to the time `to`, doing what becomes due in order, each at its time.

    With `deliver` set, the webhooks of each piece of work are sent before the next one is done.
    """
    world = sandbox.world
    with world.lock:
        target = int(given["to"]) if "to" in given else world.clock.now() + int(given.get("seconds", 0))
        if not 0 <= target - world.clock.now() <= ADVANCE_MAX_SECONDS:
            raise StripeError("The clock only moves forward, and by at most twenty years at once.", param="to")
    done = 0
    while await run_in_threadpool(_do_next, sandbox.world, target):
        done += 1
        if given.get("deliver"):
            await sandbox.deliveries.deliver_pending()
    with world.lock:
        _move_clock(world, target)
    return {"now": target, "done": done}


def _do_next(world: World, target: int) -> bool:
    """Do the next work up to `target`. The clock stays where it was due, for whoever calls in before the next one."""
    with world.lock:
        entry = world.agenda.next_due()
        if entry is None or entry.due_at > target:
            return False
        _move_clock(world, entry.due_at)
        return world.do_next_due(target)


def _move_clock(world: World, to: int) -> None:
    world.clock.set_forward(max(0, to - world.clock.now()))
    world.store.set_setting("clock_offset_seconds", world.clock.offset_seconds)


async def fail_next_payment(sandbox: "Sandbox", given: Given) -> Document:
    """The next `count` payments, of `customer` if named, are declined, or need a person where `action_required`."""
    code = str(given.get("decline_code", "generic_decline"))
    failing = FailingPayment(
        given.get("customer"), int(given.get("count", 1)), code, bool(given.get("action_required"))
    )
    with sandbox.world.lock:
        sandbox.world.faults.payments.append(failing)
    return vars(failing)


async def set_deliveries(sandbox: "Sandbox", given: Given) -> Document:
    """Set how events travel from now on; `release` lets go those that were held."""
    deliveries = sandbox.deliveries
    with sandbox.world.lock:
        mode = given.get("mode", deliveries.mode)
        if mode not in MODES:
            raise StripeError(f"Invalid mode: must be one of {', '.join(MODES)}", param="mode")
        deliveries.mode = mode
        released = deliveries.release() if given.get("release") else 0
        return {"mode": mode, "released": released, "pending": len(sandbox.world.store.tables["_delivery"].order)}


async def resend(sandbox: "Sandbox", given: Given) -> Document:
    with sandbox.world.lock:
        event = sandbox.world.get("event", str(given.get("event", "")), param="event")
        count = sandbox.deliveries.resend(event)
        sandbox.world.store.commit()
    return {"event": event["id"], "deliveries": count}


async def answer_next(sandbox: "Sandbox", given: Given) -> Document:
    """The next `count` calls below `path_prefix` fail: 409, 429, 500, 503, `timeout` (not done) or `drop_after` (done).

    The last two answer after `delay_seconds`, with a bare 504 or 502 that is not Stripe's.
    """
    answer = str(given.get("status", ""))
    if answer not in ANSWERS:
        raise StripeError(f"Invalid status: must be one of {', '.join(ANSWERS)}", param="status")
    delay = float(given.get("delay_seconds", DELAY_SECONDS))
    failing = FailingAnswer(answer, int(given.get("count", 1)), str(given.get("path_prefix", "")), delay)
    with sandbox.world.lock:
        sandbox.world.faults.answers.append(failing)
    return vars(failing)


async def fail_rate(sandbox: "Sandbox", given: Given) -> Document:
    """Let this percentage of calls fail at random with 429, 500, a time-out or a lost answer; a seed repeats them."""
    percent, seed = float(given.get("percent", 0)), int(given.get("seed", 0))
    with sandbox.world.lock:
        sandbox.world.faults.set_rate(percent, seed, float(given.get("delay_seconds", DELAY_SECONDS)))
    return {"percent": percent, "seed": seed}


async def dispute(sandbox: "Sandbox", given: Given) -> Document:
    """Open a dispute on `charge`, or close its open one as `won` or `lost` where `close` says so."""
    world = sandbox.world
    with world.lock:
        charge = world.get("charge", str(given.get("charge", "")), param="charge")
        if "close" in given:
            answered = disputes.close_dispute(world, charge, str(given["close"]))
        else:
            answered = disputes.open_dispute(world, charge, str(given.get("reason", "fraudulent")))
        world.store.commit()
    return shown(answered)


async def bank_answer(sandbox: "Sandbox", given: Given) -> Document:
    """The bank answers the debit of a checkout `session` that waits for it: it pays, unless `paid` is false."""
    world = sandbox.world
    with world.lock:
        session = world.get("checkout.session", str(given.get("session", "")), param="session")
        if not checkout_completion.is_waiting(session):
            raise StripeError("No bank has to answer this session.", param="session")
        answered = checkout_completion.settle(world, session, succeeded=bool(given.get("paid", True)))
        world.store.commit()
    return shown(answered)


async def counters(sandbox: "Sandbox", given: Given) -> Document:
    """Calls by method and path since the start or the last reset, and how many objects there are of each kind."""
    world = sandbox.world
    with world.lock:
        objects = {kind: len(table.order) for kind, table in world.store.tables.items() if table.order}
        return {"calls": dict(sorted(world.calls.items())), "objects": objects}


GETS: dict[str, Action] = {"clock": read_clock, "counters": counters}
POSTS: dict[str, Action] = {
    "reset": reset, "advance": advance, "fail_next_payment": fail_next_payment, "deliveries": set_deliveries,
    "resend": resend, "answer_next": answer_next, "fail_rate": fail_rate, "dispute": dispute,
    "bank_answer": bank_answer,
}  # fmt: skip


def routes(sandbox: "Sandbox") -> list[BaseRoute]:
    def route(method: str, name: str, action: Action) -> Route:
        async def answer(request: Request) -> JSONResponse:
            try:
                check_key(sandbox.world.secret_key, request.headers.get("authorization", ""))
                return JSONResponse(await action(sandbox, _object(await request.body())))
            except (TypeError, ValueError, OverflowError):
                refusal = StripeError("A value in the body is not of its type.")
                return JSONResponse(refusal.body(f"req_{random_text(14)}"), refusal.status)
            except StripeError as refusal:
                return JSONResponse(refusal.body(f"req_{random_text(14)}"), refusal.status)

        return Route(f"/_control/{name}", answer, methods=[method])

    gets = [route("GET", name, action) for name, action in GETS.items()]
    return [*gets, *(route("POST", name, action) for name, action in POSTS.items())]


def _object(body: bytes) -> Given:
    try:
        given = json.loads(body or b"{}")
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise StripeError("The body must be a JSON object.")
    return given
