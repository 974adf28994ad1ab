"""The sandbox's home: who and what is in it, and the controls of a person who tries things.

It needs no key: whoever reaches the sandbox may use it. That is why it only runs on a machine of one's own.
"""

from typing import Any, Final

from services.stripe_sandbox import wording
from services.stripe_sandbox.clock import DAY, HOUR
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.faults import FailingPayment
from services.stripe_sandbox.inner_calls import call
from services.stripe_sandbox.invoice_view import status_of
from services.stripe_sandbox.pages.portal import PLAN_STATUS
from services.stripe_sandbox.pages.visit import Answer, Message, Notice, Page, Stop, Visit, newest
from services.stripe_sandbox.resources import checkout_completion
from services.stripe_sandbox.resources.checkout_sessions import SESSION
from services.stripe_sandbox.world import World, listens

SHOWN_MAX: Final = 50
WAITING_MAX: Final = 500
STEPS: Final = {"hour": HOUR, "day": DAY, "month": 31 * DAY}
FAILING: Final = "generic_decline"


def show(visit: Visit) -> Answer:
    """Everything in the sandbox, newest first."""
    world = visit.world
    return visit.page(
        "home.html",
        said=_said(visit),
        now=wording.moment(world.now()),
        is_ahead=world.clock.offset_seconds > 0,
        failing=sum(planned.count for planned in world.faults.payments),
        waiting=[_waiting(session) for session in newest(world, SESSION, WAITING_MAX) if _is_waiting(session)],
        checkouts=[_checkout(session) for session in newest(world, SESSION, SHOWN_MAX) if session["status"] == "open"],
        customers=[_customer(world, customer) for customer in newest(world, "customer", SHOWN_MAX)],
        invoices=[_invoice(world, invoice) for invoice in newest(world, "invoice", SHOWN_MAX)],
        events=[_event(world, event) for event in newest(world, "event", SHOWN_MAX)],
        endpoints=[endpoint["url"] for endpoint in world.store.all("webhook_endpoint")],
        counts={kind: len(world.store.tables[kind].order) for kind in ("customer", "invoice", "event")},
        shown_max=SHOWN_MAX,
    )


def act(visit: Visit) -> Answer:
    """A control was pressed."""
    world, action = visit.world, visit.given.get("action", "")
    what, _, which = action.partition(":")
    match what:
        case "advance" if which in STEPS:
            advance(world, STEPS[which])
            return visit.go(f"/?said=advanced-{which}")
        case "fail_next":
            world.faults.payments.append(FailingPayment(None, 1, FAILING, action_required=False))
            return visit.go("/?said=failing")
        case "fail_none":
            world.faults.payments.clear()
            return visit.go("/?said=not-failing")
        case "resend":
            _resend(world, which)
            return visit.go("/?said=resent")
        case "settle" | "bounce":
            session = world.store.find(SESSION, which)
            if session is None or not _is_waiting(session):
                raise Stop(Message("No bank has to answer this any more", "Nothing was done.", "!", "warn"), 409)
            checkout_completion.settle(world, session, succeeded=what == "settle")
            return visit.go(f"/?said={what}d")
        case "portal":
            return visit.go(_portal_address(world, which))
        case _:
            raise Stop(Message("There is no such control", "Nothing was done.", "?"))


def advance(world: World, seconds: int) -> None:
    """Move the clock forward, doing what becomes due in order, each at its time."""
    target = world.clock.now() + seconds
    while world.do_next_due(target):
        pass
    world.clock.set_forward(max(0, target - world.clock.now()))
    world.store.set_setting("clock_offset_seconds", world.clock.offset_seconds)


def _said(visit: Visit) -> Notice | None:
    texts = {
        "advanced-hour": "An hour has passed.",
        "advanced-day": "A day has passed.",
        "advanced-month": "31 days have passed.",
        "failing": "The next payment will be declined.",
        "not-failing": "Payments go through again.",
        "resent": "The event is sent again.",
        "settled": "The bank has paid.",
        "bounced": "The bank has refused the debit.",
    }
    text = texts.get(visit.query.get("said", ""))
    return Notice(text) if text else None


def _resend(world: World, identifier: str) -> None:
    event = world.store.find("event", identifier)
    if event is None:
        raise Stop(Message("There is no such event", "The sandbox was emptied since.", "?"))
    world.on_emit(event, [we for we in world.store.all("webhook_endpoint") if listens(we, event["type"])])


def _portal_address(world: World, customer: str) -> str:
    """The path of a portal session, as the shop would open it."""
    try:
        session = call(world, "POST", "/v1/billing_portal/sessions", {"customer": customer})
    except StripeError as refusal:
        raise Stop(Message("The portal cannot be opened", refusal.message, "!", "warn"), refusal.status) from None
    return str(session["url"]).removeprefix(world.public_url)


def _is_waiting(session: Document) -> bool:
    return checkout_completion.is_waiting(session)


def _waiting(session: Document) -> Document:
    return {
        "id": session["id"],
        "email": (session["customer_details"] or {}).get("email", ""),
        "amount": wording.money(session["amount_total"] or 0, session["currency"]),
    }


def _checkout(session: Document) -> Document:
    amount = wording.money(session["amount_total"] or 0, session["currency"])
    what = session["_lines"][0]["description"] if session["_lines"] else "Save a payment method"
    until = wording.moment(session["expires_at"])
    return {"url": session["url"], "what": what, "amount": amount, "until": until}


def _customer(world: World, customer: Document) -> Document:
    if customer.get("deleted"):
        return {"id": customer["id"], "name": "Deleted customer", "email": "", "plans": [], "is_gone": True}
    plans = [PLAN_STATUS[found["status"]] for found in world.store.where("subscription", customer=customer["id"])]
    name = customer["name"] or customer["email"] or "No name"
    return {
        "id": customer["id"],
        "name": name,
        "email": customer["email"] if customer["name"] else "",
        "plans": plans[-5:],
        "is_gone": False,
    }


def _invoice(world: World, invoice: Document) -> Document:
    status, tone = status_of(invoice, now=world.now())
    customer = world.store.find("customer", invoice["customer"]) or {}
    return {
        "number": invoice["number"] or invoice["id"],
        "url": invoice["hosted_invoice_url"] or f"{world.public_url}/pay/{invoice['_secret']}",
        "customer": customer.get("name") or customer.get("email") or invoice["customer"],
        "amount": wording.money(invoice["total"], invoice["currency"]),
        "date": wording.moment(invoice["created"]),
        "status": status,
        "tone": tone,
    }


def _event(world: World, event: Document) -> Document:
    owed = world.store.where("_delivery", event=event["id"])
    about: Any = event["data"]["object"].get("id", "")
    if owed:
        tries = max(record["tries"] for record in owed)
        says, tone = (f"Tried {tries}×, not taken yet", "warn") if tries else ("Waiting", "note")
    elif event["pending_webhooks"]:
        says, tone = "Not taken", "bad"
    else:
        says, tone = "Sent", "good"
    at = wording.moment(event["created"])
    return {"id": event["id"], "type": event["type"], "about": about, "at": at, "says": says, "tone": tone}


PAGES: Final[tuple[Page, ...]] = (("/", show, act),)
