"""Checkout sessions: create, change, list, expire. How one is completed is in `checkout_completion.py`."""

from collections.abc import Mapping
from typing import Any, Final

from services.stripe_sandbox.billing.bank_debits import OF_CURRENCY
from services.stripe_sandbox.clock import DAY, HOUR, MINUTE
from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.errors import StripeError
from services.stripe_sandbox.operations import CREATED, PAGING, Call, Operation, list_table, page
from services.stripe_sandbox.parameters import ID, METADATA, merged_metadata, one_of, required, shape
from services.stripe_sandbox.resources.checkout_checks import check_session
from services.stripe_sandbox.resources.checkout_fields import AS_GIVEN, BLANK, FIELDS, FOR_LATER
from services.stripe_sandbox.resources.checkout_lines import add_up, page_of_lines, read_lines
from services.stripe_sandbox.resources.customers import live_customer
from services.stripe_sandbox.resources.promotions import coupon_of, redeemable_coupon
from services.stripe_sandbox.world import World

SESSION: Final = "checkout.session"
LIFE_SECONDS: Final = DAY
LIFE_SECONDS_MIN: Final = 30 * MINUTE
CLOCK_SLACK_SECONDS: Final = MINUTE


def create_session(world: World, call: Call) -> Document:
    """A page on which one customer pays, or saves a card."""
    return open_session(world, call.params)


def open_session(
    world: World, params: Mapping[str, Any], *, lines: list[Document] | None = None, payment_link: str | None = None
) -> Document:
    """A session from the parameters of `checkout.sessions.create`; a payment link brings its own `lines`."""
    mode = params.get("mode", "payment")
    check_session(world, params, mode)
    if payment_link is None and "success_url" not in params:
        raise StripeError("Missing required param: success_url.", code="parameter_missing", param="success_url")
    if lines is None:
        lines = read_lines(world, params.get("line_items") or [], mode) if mode != "setup" else []
    if mode == "setup" and params.get("line_items"):
        raise StripeError("You can not pass `line_items` in `setup` mode.", param="line_items")
    currency = lines[0]["currency"] if lines else params.get("currency", "usd")
    discounts = [redeemable_coupon(world, given, currency) for given in params.get("discounts") or []]
    identifier, now = world.new_id(SESSION), world.now()
    session: Document = {
        **BLANK,
        **{name: params[name] for name in AS_GIVEN if name in params},
        "id": identifier,
        "created": now,
        "currency": currency,
        "custom_text": {**BLANK["custom_text"], **params.get("custom_text", {})},
        "customer_creation": _customer_creation(params, mode),
        "customer_details": _details(world, params),
        "discounts": discounts,
        "expires_at": _expires_at(params, now),
        "invoice_creation": _invoice_creation(params) if mode == "payment" else None,
        "metadata": merged_metadata({}, params.get("metadata")),
        "mode": mode,
        "payment_link": payment_link,
        "payment_method_collection": _collection(params, mode),
        "payment_method_types": _method_types(params, currency),
        "payment_status": "no_payment_required" if mode == "setup" else "unpaid",
        "tax_id_collection": {"enabled": False, "required": "never", **params.get("tax_id_collection", {})},
        "url": f"{world.public_url}/c/pay/{identifier}",
        "_lines": lines,
        "_given": {name: params[name] for name in FOR_LATER if name in params},
    }
    session |= amounts(world, session)
    world.add(SESSION, session)
    return world.schedule(SESSION, session, expire_checkout=session["expires_at"])


def amounts(world: World, session: Document) -> Document:
    """The fields that follow from the lines, the trial and the discount."""
    if session["mode"] == "setup":
        return {"amount_subtotal": None, "amount_total": None, "total_details": None}
    chosen = session["discounts"][0] if session["discounts"] else None
    totals = add_up(world, session["_lines"], coupon_of(world, chosen), free=has_trial(session))
    return {
        "amount_subtotal": totals.subtotal,
        "amount_total": totals.total,
        "total_details": {"amount_discount": totals.discount, "amount_shipping": 0, "amount_tax": totals.tax},
        "_lines": list(totals.lines),
    }


def has_trial(session: Mapping[str, Any]) -> bool:
    """Whether what recurs is free at first."""
    given = session["_given"].get("subscription_data", {})
    return bool(given.get("trial_period_days") or given.get("trial_end"))


def _customer_creation(params: Mapping[str, Any], mode: str) -> str | None:
    if params.get("customer"):
        return None
    return "always" if mode == "subscription" else str(params.get("customer_creation", "if_required"))


def _details(world: World, params: Mapping[str, Any]) -> Document | None:
    customer = live_customer(world, params["customer"]) if params.get("customer") else {}
    email = customer.get("email") or params.get("customer_email")
    if email is None:
        return None
    return {
        "address": None,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": None,
        "phone": None,
        "tax_exempt": customer.get("tax_exempt", "none"),
        "tax_ids": None,
    }


def _expires_at(params: Mapping[str, Any], now: int) -> int:
    expires_at = int(params.get("expires_at", now + LIFE_SECONDS))
    earliest, latest = now + LIFE_SECONDS_MIN - CLOCK_SLACK_SECONDS, now + LIFE_SECONDS + CLOCK_SLACK_SECONDS
    if not earliest <= expires_at <= latest:
        raise StripeError(
            f"The `expires_at` timestamp must be between {LIFE_SECONDS_MIN // MINUTE} minutes and "
            f"{LIFE_SECONDS // HOUR} hours from now.",
            param="expires_at",
        )
    return expires_at


def _collection(params: Mapping[str, Any], mode: str) -> str:
    default = "if_required" if mode == "payment" else "always"
    return str(params.get("payment_method_collection", default))


def _method_types(params: Mapping[str, Any], currency: str) -> list[str]:
    allowed, excluded = params.get("allowed_payment_method_types"), params.get("excluded_payment_method_types", [])
    known = ["card", *([OF_CURRENCY[currency]] if currency in OF_CURRENCY else [])]
    types = [name for name in known if (allowed is None or name in allowed) and name not in excluded]
    if not types:
        raise StripeError("No payment method is left for this session.", param="allowed_payment_method_types")
    return types


def _invoice_creation(params: Mapping[str, Any]) -> Document:
    given = params.get("invoice_creation", {"enabled": False})
    blank = {"account_tax_ids": None, "custom_fields": None, "description": None, "footer": None, "issuer": None}
    data = {**blank, "metadata": {}, "rendering_options": None, **given.get("invoice_data", {})}
    return {"enabled": given["enabled"], "invoice_data": data}


def read_session(world: World, call: Call) -> Document:
    """One session."""
    return world.get(SESSION, call.id, noun="checkout.session", param="session")


def update_session(world: World, call: Call) -> Document:
    """Its metadata; nothing else can be changed here."""
    session = read_session(world, call)
    changes = {"metadata": merged_metadata(session["metadata"], call.params.get("metadata"))}
    return world.change(SESSION, session, changes)


def list_sessions(world: World, call: Call) -> Document:
    """Newest first."""
    params = call.params
    email = params.get("customer_details", {}).get("email")
    wanted = call.given("status", "payment_intent")
    return page(
        world, call, SESSION,
        where={name: params.get(name) for name in ("customer", "subscription", "payment_link")},
        keep=lambda found: all(found[name] == value for name, value in wanted.items())
        and (email is None or (found["customer_details"] or {}).get("email") == email),
    )  # fmt: skip


def list_line_items(world: World, call: Call) -> Document:
    """The session's lines, in their order."""
    session = world.get(SESSION, call.ids[0], noun="checkout.session", param="session")
    return page_of_lines(session["_lines"], call.params, call.path)


def expire_session(world: World, call: Call) -> Document:
    """Close an open session. Raises StripeError where it is complete or expired."""
    session = world.get(SESSION, call.ids[0], noun="checkout.session", param="session")
    if session["status"] != "open":
        raise StripeError(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of '
            f"`{session['status']}`.",
            param="session",
        )
    return close_session(world, session)


def close_session(world: World, session: Document) -> Document:
    """The session has run out, or was closed."""
    session = world.schedule(SESSION, session, expire_checkout=None)
    session = world.change(SESSION, session, {"status": "expired", "url": None})
    world.emit("checkout.session.expired", session)
    return session


def expire_due(world: World, session: Document) -> None:
    """Close a session whose time has come, unless it was completed."""
    if session["status"] == "open":
        close_session(world, session)


def _include_lines(world: World, session: Document) -> Document:
    lines = world.get(SESSION, session["id"])["_lines"]
    return page_of_lines(lines, {}, f"/v1/checkout/sessions/{session['id']}/line_items")


WORKS = {"expire_checkout": expire_due}
INCLUDABLE = {(SESSION, "line_items"): _include_lines}
OPERATIONS = [
    Operation("POST", "/v1/checkout/sessions", create_session, FIELDS),
    Operation(
        "GET",
        "/v1/checkout/sessions",
        list_sessions,
        list_table(
            **CREATED,
            customer=ID,
            customer_details=shape({"email": required(ID)}),
            payment_intent=ID,
            payment_link=ID,
            status=one_of("complete", "expired", "open"),
            subscription=ID,
        ),
    ),
    Operation("GET", "/v1/checkout/sessions/{session}", read_session),
    Operation("POST", "/v1/checkout/sessions/{session}", update_session, {"metadata": METADATA}),
    Operation("GET", "/v1/checkout/sessions/{session}/line_items", list_line_items, PAGING),
    Operation("POST", "/v1/checkout/sessions/{session}/expire", expire_session),
]
