"""What each kind of call says to Stripe: how it is made, and how to see whether it was made already.

Each takes what it needs from the database and answers with two functions of a `Stripe`, which touch no database.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from sqlmodel import Session

from models import StripeCall, StripeCallKind, StripeCustomer, Subscription
from services.gateways.stripe import customers, money_back
from services.gateways.stripe.client import Stripe
from services.payments import marks
from services.payments.customers import find_stripe_customer
from services.payments.links import find_link, links_of
from services.payments.reasons import Held
from services.payments.renewals import is_renewed
from services.tenant_clocks import find_clock
from services.tenants import read_tenant

CLOCKS_APART: Final = timedelta(days=1)
"""What was made here at a moment may have been made at Stripe this much before, by its clock."""

Make = Callable[[Stripe], Any]
Order = tuple[Make, Make]


def has_customer(session: Session, call: StripeCall) -> bool:
    """Whether the customer is there already, so that none has to be made."""
    return find_stripe_customer(session, tenant_id=call.tenant_id, account=call.account) is not None


def create_customer(session: Session, call: StripeCall) -> Order:
    """Where the last one was deleted there, under another key: to the same Stripe would answer with that one."""
    tenant = read_tenant(session, tenant_id=call.tenant_id)
    metadata = {marks.TENANT: tenant.id}
    deleted = session.get(StripeCustomer, (call.tenant_id, call.account))
    after = "" if deleted is None else f":after:{deleted.stripe_id}"
    key, email = f"customer:{tenant.id}{after}{again_of(call)}", call.arguments.get("email")
    since = tenant.created_at - CLOCKS_APART
    clock = find_clock(session, tenant_id=tenant.id)
    clock_id = None if clock is None else clock.stripe_clock_id
    return (
        lambda stripe: customers.create_customer(
            stripe, key=key, name=tenant.name, email=email, metadata=metadata, clock_id=clock_id
        ),
        lambda stripe: customers.find_customer(
            stripe, metadata_name=marks.TENANT, metadata_value=tenant.id, created_from=since
        ),
    )


def share_card(session: Session, call: StripeCall) -> Order:
    """The card of the subscription that was bought, also where another has taken its place since."""
    customer_id = customer_of(session, call)
    bought = links_of(session, tenant_id=call.tenant_id, subscription_id=call.arguments["subscription_id"])[0]

    def make(stripe: Stripe) -> Any:
        return customers.charge_by_itself(
            stripe, key=key_of(call), customer_id=customer_id, subscription_id=bought.stripe_id
        )

    return make, never


def is_needless(session: Session, call: StripeCall, *, at: datetime) -> bool:
    """Whether what a call was to do has been overtaken: ours has a customer, has no fee to come, or is on another
    subscription there by now.
    """
    if call.kind == StripeCallKind.CREATE_CUSTOMER:
        return has_customer(session, call)
    if call.kind == StripeCallKind.CREATE_SUBSCRIPTION:
        return not is_renewed(session, session.get_one(Subscription, (call.tenant_id, call.subject)), at=at)
    if call.kind in (StripeCallKind.CHANGE_PRICE, StripeCallKind.PLAN_END):
        link = find_link(session, account=call.account, stripe_id=call.arguments["stripe_subscription_id"])
        return link is not None and link.replaced_at is not None
    return False


def credit_note(session: Session, call: StripeCall) -> Order:
    given = call.arguments
    metadata = {marks.TENANT: call.tenant_id, marks.CREDIT_NOTE: given["credit_note_id"]}

    def look(stripe: Stripe) -> Any:
        made = money_back.list_credit_notes(stripe, invoice_id=given["stripe_invoice_id"])
        wanted = given["credit_note_id"]
        return next((facts for facts in made if facts.metadata.get(marks.CREDIT_NOTE) == wanted), None)

    return (
        lambda stripe: money_back.create_credit_note(
            stripe,
            key=key_of(call),
            invoice_id=given["stripe_invoice_id"],
            amount_minor=given["amount_minor"],
            description=given["description"],
            memo=given["memo"],
            give_back=given["give_back"],
            metadata=metadata,
        ),
        look,
    )


def refund(session: Session, call: StripeCall) -> Order:
    given = call.arguments
    metadata = {marks.TENANT: call.tenant_id, marks.REFUND: call.key}

    def look(stripe: Stripe) -> Any:
        made = money_back.list_refunds(stripe, payment_id=given["payment_id"])
        return next((facts for facts in made if facts.metadata.get(marks.REFUND) == call.key), None)

    return (
        lambda stripe: money_back.create_refund(
            stripe,
            key=key_of(call),
            payment_id=given["payment_id"],
            amount_minor=given["amount_minor"],
            metadata=metadata,
        ),
        look,
    )


def key_of(call: StripeCall) -> str:
    """The idempotency key: a person's retry has one of its own, for Stripe remembers what it answered."""
    return f"{call.key}{again_of(call)}"


def again_of(call: StripeCall) -> str:
    """What a person's retries add to a key."""
    again = call.arguments.get("again")
    return f":again:{again}" if again else ""


def never(_stripe: Stripe) -> None:
    """Doing it once more does no harm."""


def customer_of(session: Session, call: StripeCall) -> str:
    """The customer's id at Stripe. Raises Held where there is none."""
    found = find_stripe_customer(session, tenant_id=call.tenant_id, account=call.account)
    if found is None:
        raise Held("The customer is not at Stripe, or was deleted there; retry to make it anew.")
    return found.stripe_id
