"""Opening hosted pages: what is bought is written down first, then the provider is asked, then its answer is kept."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from app import payment_calls, unit_of_work
from models import Checkout, CheckoutStatus, StripeCallKind
from services.database import reading, transaction
from services.errors import Conflict, ProviderUnavailable
from services.gateways.stripe import checkout as hosted
from services.gateways.stripe import portal
from services.gateways.stripe.client import Stripe, stripe
from services.payments import checkouts, marks, outbox
from services.payments.checkout_taxes import stripe_tax_rates
from services.payments.customers import find_stripe_customer
from services.payments.outbox import Owed
from services.payments.stripe_catalog import find_price, portal_configuration
from services.price_books.books import plan_version
from services.settings import settings
from services.tenant_clocks import now_of

OPENED_AT_ONCE: Final = 8
_openers = ThreadPoolExecutor(OPENED_AT_ONCE, thread_name_prefix="checkout")


async def open_checkout(*, tenant_id: str, checkout_id: str, email: str | None = None) -> Checkout:
    """The visit with the address of its hosted page; asking again gives the same address.

    Raises NotFound, Conflict where it is over, ProviderUnavailable and ProviderRefused.
    """
    return await asyncio.get_running_loop().run_in_executor(_openers, _open_checkout, tenant_id, checkout_id, email)


async def open_portal(*, tenant_id: str) -> str:
    """The address of the provider's page for cards, invoices and billing details; it is good for a few minutes.

    Raises Conflict where the customer has not paid through the provider yet, ProviderUnavailable and ProviderRefused.
    """
    return await asyncio.get_running_loop().run_in_executor(_openers, _open_portal, tenant_id)


def return_address(checkout_id: str) -> str:
    """Where the hosted page leads when all is done: it shows what we know, whatever the address says."""
    return f"{settings().portal_address}/checkout/{checkout_id}/"


def _open_checkout(tenant_id: str, checkout_id: str, email: str | None) -> Checkout:
    connected = stripe()
    with reading() as session:
        asked = checkouts.read_checkout(session, tenant_id=tenant_id, checkout_id=checkout_id)
        plan = plan_version(session, version_id=asked.plan_version_id)
        price_id = find_price(session, account=connected.account, plan=plan, interval=asked.interval)
        at = now_of(session, tenant_id=tenant_id, at=unit_of_work.now())
        taxes = stripe_tax_rates(session, tenant_id=tenant_id, account=connected.account, at=at)
    if asked.status not in (CheckoutStatus.ASKED, CheckoutStatus.OPEN) or asked.account != connected.account:
        raise Conflict("This checkout is over; begin another.")
    if asked.url is not None:
        return asked
    if price_id is None:
        raise Conflict("The price has changed since; begin another checkout.")
    customer_id = _customer(connected, tenant_id, checkout_id, email)
    facts = hosted.open_checkout(
        connected,
        key=":".join(["checkout", checkout_id, *taxes]),
        customer_id=customer_id,
        price_id=price_id,
        trial_days=asked.trial_days or None,
        success_url=return_address(checkout_id),
        cancel_url=f"{settings().portal_address}/plans/",
        tax_rate_ids=taxes,
        metadata={marks.TENANT: tenant_id, marks.CHECKOUT: checkout_id},
    )
    with transaction() as session:
        return checkouts.keep_opened(session, tenant_id=tenant_id, checkout_id=checkout_id, facts=facts)


def _customer(connected: Stripe, tenant_id: str, checkout_id: str, email: str | None) -> str:
    """The customer at the provider, made now where there is none."""
    call = Owed(StripeCallKind.CREATE_CUSTOMER, f"checkout:{checkout_id}:customer", {"email": email})
    with transaction() as session:
        known = find_stripe_customer(session, tenant_id=tenant_id, account=connected.account)
        if known is not None:
            return known.stripe_id
        outbox.owe_calls(
            session,
            tenant_id=tenant_id,
            account=connected.account,
            subject=f"{checkout_id}:customer",
            calls=[call],
            at=unit_of_work.now(),
        )
    subject = f"{checkout_id}:customer"
    payment_calls.make_calls_of(connected, tenant_id=tenant_id, subject=subject, clock=unit_of_work.now)
    with reading() as session:
        made = find_stripe_customer(session, tenant_id=tenant_id, account=connected.account)
    if made is None:
        raise ProviderUnavailable("The payment provider cannot be reached just now. Nothing was bought; try again.")
    return made.stripe_id


def _open_portal(tenant_id: str) -> str:
    connected = stripe()
    with reading() as session:
        known = find_stripe_customer(session, tenant_id=tenant_id, account=connected.account)
        configuration_id = portal_configuration(session, account=connected.account)
    if known is None:
        raise Conflict("There is no card yet: it is asked for when you start a plan.")
    return portal.open_portal(
        connected,
        customer_id=known.stripe_id,
        return_url=f"{settings().portal_address}/invoices/",
        configuration_id=configuration_id,
    )
