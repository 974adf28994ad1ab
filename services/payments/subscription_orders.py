"""What the calls about a subscription say to Stripe, and how to see whether they were made already."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session

from models import Interval, StripeCall, Subscription
from services.errors import ProviderRefused
from services.gateways.stripe import subscriptions
from services.gateways.stripe.client import Stripe
from services.gateways.stripe.facts import SubscriptionFacts
from services.payments import marks
from services.payments.orders import Order, customer_of, key_of
from services.payments.reasons import Held
from services.payments.renewals import RENEWAL_TOLERANCE, renews_at
from services.payments.stripe_catalog import base_of, find_price, find_product
from services.price_books.books import plan_version
from services.price_books.plans import MONTHS_IN_YEAR, Plan
from services.rules.periods import term_end
from services.rules.utc_cycles import UtcCycle, nearest_cycle
from services.subscriptions.finding import plan_of
from services.tenant_clocks import now_of
from services.tenants import read_tenant

TURNS_COMPARED: Final = 13
"""How many of our renewals Stripe's cycle is laid by: all months of a year, or of years some with 29 February."""


def create_subscription(session: Session, call: StripeCall) -> Order:
    ours = session.get_one(Subscription, (call.tenant_id, call.subject))
    plan, customer_id = plan_of(session, ours), customer_of(session, call)
    price = _price_at_stripe(session, call.account, plan, ours.interval)
    timezone = read_tenant(session, tenant_id=call.tenant_id).timezone
    owed_at = now_of(session, tenant_id=call.tenant_id, at=call.created_at)
    first_charge = _first_charge(ours, timezone, owed_at=owed_at)
    metadata = {marks.TENANT: call.tenant_id, marks.SUBSCRIPTION: ours.id, marks.CALL: call.key}
    return (
        lambda stripe: subscriptions.create_subscription(
            stripe,
            key=key_of(call),
            customer_id=customer_id,
            price=price,
            first_charge=first_charge,
            metadata=metadata,
        ),
        lambda stripe: subscriptions.find_subscription(
            stripe, customer_id=customer_id, metadata_name=marks.CALL, metadata_value=call.key
        ),
    )


def _first_charge(ours: Subscription, timezone: str, *, owed_at: datetime) -> UtcCycle | datetime:
    """The cycle that Stripe is to charge by, which is the nearest to ours that it has.

    Where that comes around once more before our fee falls due, the moment it does: what is paid is not charged again.
    Where the cycle is a day before ours and has come around this time already, the fee that falls due is collected by
    itself, and the one at Stripe brings those after it.
    """
    due_at, is_yearly = renews_at(ours), ours.interval == Interval.YEAR
    anchor, months = min(ours.anchor_at, due_at), MONTHS_IN_YEAR if is_yearly else 1
    dues = [term_end(anchor, timezone, due_at, months * turn) for turn in range(TURNS_COMPARED)]
    cycle = nearest_cycle(dues, is_yearly=is_yearly)
    return due_at if cycle.first_after(owed_at) < due_at - RENEWAL_TOLERANCE else cycle


def cancel_subscription(session: Session, call: StripeCall) -> Order:
    stripe_id = call.arguments["stripe_subscription_id"]

    def look(stripe: Stripe) -> Any:
        found = subscriptions.read_subscription(stripe, subscription_id=stripe_id)
        return found if found.status == "canceled" else None

    def make(stripe: Stripe) -> Any:
        """Stripe keeps no key for this: where an answer was lost, it refuses to cancel what it has cancelled."""
        try:
            return subscriptions.cancel_subscription(stripe, key=key_of(call), subscription_id=stripe_id)
        except ProviderRefused:
            found = look(stripe)
            if found is None:
                raise
            return found

    return make, look


def change_price(session: Session, call: StripeCall) -> Order:
    asked = call.arguments
    plan, interval = plan_version(session, version_id=asked["version_id"]), Interval(asked["interval"])
    base, stripe_id = base_of(plan, interval), asked["stripe_subscription_id"]
    price = _price_at_stripe(session, call.account, plan, interval)

    def holds(facts: SubscriptionFacts) -> bool:
        is_charged = (facts.price_minor, facts.price_interval) == (base.amount_minor, interval.value)
        return is_charged or facts.status in subscriptions.OVER

    def make(stripe: Stripe) -> Any:
        found = subscriptions.read_subscription(stripe, subscription_id=stripe_id)
        if holds(found):
            return found
        return subscriptions.change_price(
            stripe, key=key_of(call), subscription_id=stripe_id, item_id=found.item_id, price=price
        )

    return make, lambda stripe: _subscription_when(stripe, stripe_id, holds)


def _price_at_stripe(session: Session, account: str, plan: Plan, interval: Interval) -> dict[str, Any]:
    """The price set-up made for the terms, or one for a subscription alone where the book has moved on. Raises Held."""
    price_id = find_price(session, account=account, plan=plan, interval=interval)
    product_id = find_product(session, account=account, plan=plan)
    if price_id is not None:
        return {"price": price_id}
    if product_id is None:
        raise Held(f"{plan.name} is not at Stripe; run `tallystick stripe setup`, then retry.")
    base = base_of(plan, interval)
    return subscriptions.price_of_amount(
        product_id=product_id, amount_minor=base.amount_minor, currency=base.currency, interval=interval.value
    )


def plan_end(session: Session, call: StripeCall) -> Order:
    """Tell of a scheduled end, or that it was withdrawn."""
    stripe_id, change_id = call.arguments["stripe_subscription_id"], call.arguments["change_id"]

    def holds(facts: SubscriptionFacts) -> bool:
        is_told = facts.metadata.get(marks.ENDS, "") == change_id and facts.cancel_at_period_end == bool(change_id)
        return is_told or facts.status in subscriptions.OVER

    def make(stripe: Stripe) -> Any:
        found = _subscription_when(stripe, stripe_id, holds)
        return found or subscriptions.plan_end(
            stripe,
            key=key_of(call),
            subscription_id=stripe_id,
            at_period_end=bool(change_id),
            metadata={marks.ENDS: change_id},
        )

    return make, lambda stripe: _subscription_when(stripe, stripe_id, holds)


def _subscription_when(
    stripe: Stripe, stripe_id: str, holds: Callable[[SubscriptionFacts], bool]
) -> SubscriptionFacts | None:
    facts = subscriptions.read_subscription(stripe, subscription_id=stripe_id)
    return facts if holds(facts) else None
