"""What the gateway makes and reads at the sandbox: customers, their cards, checkout, portal and subscriptions."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.errors import ProviderRefused
from services.gateways.stripe import checkout, customers, portal, subscriptions
from services.gateways.stripe.client import Stripe, open_stripe
from services.gateways.stripe.connection import Connection
from services.gateways.stripe.facts import CustomerFacts, SubscriptionFacts
from services.rules.utc_cycles import UtcCycle

TENANT = {"tallystick_tenant": "tenant-1"}
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
DAY = 86_400


@pytest.fixture
def stripe(sandbox: Any) -> Stripe:
    return open_stripe(Connection("sandbox", sandbox.secret_key, sandbox.address))


@pytest.fixture
def customer(stripe: Stripe) -> CustomerFacts:
    return customers.create_customer(
        stripe, key="customer:1", name="Acme", email="billing@acme.example", metadata=TENANT
    )


@pytest.fixture
def price(stripe: Stripe) -> str:
    product = stripe.call(stripe.v1.products.create, {"name": "Pro"})
    made = {"product": product["id"], "currency": "cad", "unit_amount": 900_000, "recurring": {"interval": "month"}}
    return str(stripe.call(stripe.v1.prices.create, made)["id"])


def give_card(stripe: Stripe, customer_id: str, *, as_default: bool = True) -> str:
    card = stripe.call(stripe.v1.payment_methods.attach, "pm_card_visa", {"customer": customer_id})["id"]
    if as_default:
        chosen = {"invoice_settings": {"default_payment_method": card}}
        stripe.call(stripe.v1.customers.update, customer_id, chosen)
    return str(card)


def subscribe(
    stripe: Stripe, customer_id: str, price: str, at: datetime, key: str = "sub:1", *, is_trial: bool = False
) -> SubscriptionFacts:
    cycle = UtcCycle(None, at.day, at.hour, at.minute, at.second)
    return subscriptions.create_subscription(
        stripe,
        key=key,
        customer_id=customer_id,
        price={"price": price},
        first_charge=at if is_trial else cycle,
        metadata=TENANT,
    )


def clock(sandbox: Any) -> datetime:
    return datetime.fromtimestamp(sandbox.control("clock")["now"], UTC)


def test_a_customer_is_made_once_under_its_key_and_found_by_its_metadata(
    stripe: Stripe, customer: CustomerFacts
) -> None:
    again = customers.create_customer(
        stripe, key="customer:1", name="Acme", email="billing@acme.example", metadata=TENANT
    )
    assert again == customer
    assert (customer.name, customer.email, customer.card) == ("Acme", "billing@acme.example", None)
    named = {"metadata_name": "tallystick_tenant", "created_from": LONG_AGO}
    assert customers.find_customer(stripe, metadata_value="tenant-1", **named) == customer
    assert customers.find_customer(stripe, metadata_value="tenant-2", **named) is None


def test_the_same_key_for_another_customer_is_refused(stripe: Stripe, customer: CustomerFacts) -> None:
    with pytest.raises(ProviderRefused) as refused:
        customers.create_customer(stripe, key="customer:1", name="Other", email=None, metadata=TENANT)
    assert refused.value.provider_code == "idempotency_error"


def test_a_first_charge_further_off_than_an_interval_ends_a_trial(
    stripe: Stripe, customer: CustomerFacts, price: str, sandbox: Any
) -> None:
    give_card(stripe, customer.id)
    at = (clock(sandbox) + timedelta(days=100)).replace(microsecond=0)
    made = subscribe(stripe, customer.id, price, at, is_trial=True)
    assert (made.status, made.trial_ends_at, made.current_period_end) == ("trialing", at, at)


def test_a_card_is_worded(stripe: Stripe, customer: CustomerFacts) -> None:
    give_card(stripe, customer.id)
    card = customers.read_customer(stripe, customer_id=customer.id).card
    assert card is not None
    assert card.startswith("Visa ending 4242, expires ")


def test_a_deleted_customer_is_told_of_and_a_missing_one_is_refused(stripe: Stripe, customer: CustomerFacts) -> None:
    stripe.call(stripe.v1.customers.delete, customer.id)
    assert customers.read_customer(stripe, customer_id=customer.id).is_deleted
    with pytest.raises(ProviderRefused) as refused:
        customers.read_customer(stripe, customer_id="cus_nobody")
    assert refused.value.is_missing


def test_checkout_is_opened_for_one_price_and_says_whose_it_is(
    stripe: Stripe, customer: CustomerFacts, price: str, sandbox: Any
) -> None:
    until = (clock(sandbox) + timedelta(hours=2)).replace(microsecond=0)
    opened = checkout.open_checkout(
        stripe,
        key="checkout:1",
        customer_id=customer.id,
        price_id=price,
        trial_days=14,
        success_url="https://portal.example.com/done",
        cancel_url="https://portal.example.com/plans",
        metadata=TENANT,
        expires_at=until,
    )
    assert (opened.status, opened.payment_status) == ("open", "unpaid")
    assert opened.url is not None
    assert (opened.customer_id, opened.subscription_id) == (customer.id, None)
    assert (opened.metadata, opened.expires_at) == (TENANT, until)
    assert checkout.read_checkout(stripe, checkout_id=opened.id) == opened
    session = stripe.call(stripe.v1.checkout.sessions.retrieve, opened.id)
    assert (session["mode"], session["client_reference_id"]) == ("subscription", "tenant-1")
    assert (session["allow_promotion_codes"], session["payment_method_collection"]) == (True, "always")
    assert session["tax_id_collection"]["enabled"]


def test_checkout_can_be_closed_once(stripe: Stripe, customer: CustomerFacts, price: str) -> None:
    opened = checkout.open_checkout(
        stripe,
        key="checkout:1",
        customer_id=customer.id,
        price_id=price,
        trial_days=None,
        success_url="https://portal.example.com/done",
        cancel_url="https://portal.example.com/plans",
        metadata=TENANT,
    )
    assert checkout.expire_checkout(stripe, checkout_id=opened.id).status == "expired"
    with pytest.raises(ProviderRefused):
        checkout.expire_checkout(stripe, checkout_id=opened.id)


def test_the_portal_opens_with_the_accounts_configuration_or_a_given_one(
    stripe: Stripe, customer: CustomerFacts
) -> None:
    features = {"features": {"invoice_history": {"enabled": True}}}
    configuration = stripe.call(stripe.v1.billing_portal.configurations.create, features)["id"]
    opened = portal.open_portal(
        stripe, customer_id=customer.id, return_url="https://portal.example.com", configuration_id=configuration
    )
    assert opened.startswith("http")
    with pytest.raises(ProviderRefused):
        portal.open_portal(
            stripe, customer_id=customer.id, return_url="https://portal.example.com", configuration_id="bpc_nothing"
        )


def test_a_subscription_charges_nothing_before_its_anchor_and_the_base_fee_then(
    stripe: Stripe, customer: CustomerFacts, price: str, sandbox: Any
) -> None:
    give_card(stripe, customer.id)
    anchor = (clock(sandbox) + timedelta(days=10)).replace(microsecond=0)
    made = subscribe(stripe, customer.id, price, anchor)
    assert (made.status, made.price_id, made.customer_id) == ("active", price, customer.id)
    assert (made.current_period_end, made.cancel_at_period_end, made.has_pause) == (anchor, False, False)
    assert (made.metadata, made.discounts, made.trial_ends_at) == (TENANT, (), None)
    assert subscriptions.read_subscription(stripe, subscription_id=made.id) == made
    sandbox.advance(11 * DAY)
    renewed = subscriptions.read_subscription(stripe, subscription_id=made.id)
    assert renewed.current_period_start == anchor
    assert renewed.latest_invoice_id is not None


def test_a_subscription_is_found_by_its_metadata_the_living_one_first(
    stripe: Stripe, customer: CustomerFacts, price: str, sandbox: Any
) -> None:
    give_card(stripe, customer.id)
    anchor = clock(sandbox) + timedelta(days=10)
    named = {"customer_id": customer.id, "metadata_name": "tallystick_tenant", "metadata_value": "tenant-1"}
    assert subscriptions.find_subscription(stripe, **named) is None
    living = subscribe(stripe, customer.id, price, anchor)
    sandbox.advance(60)
    ended = subscribe(stripe, customer.id, price, anchor, key="sub:2")
    subscriptions.cancel_subscription(stripe, key="cancel:2", subscription_id=ended.id)
    assert subscriptions.find_subscription(stripe, **named) == living
    gone = subscriptions.cancel_subscription(stripe, key="cancel:1", subscription_id=living.id)
    assert gone.status == "canceled"
    assert gone.ended_at is not None
    found = subscriptions.find_subscription(stripe, **named)
    assert found is not None
    assert found.id == ended.id
    with pytest.raises(ProviderRefused):
        subscriptions.cancel_subscription(stripe, key="cancel:1b", subscription_id=living.id)


def test_a_discount_says_what_was_typed_and_what_it_takes_off(
    stripe: Stripe, customer: CustomerFacts, price: str, sandbox: Any
) -> None:
    coupon = {"percent_off": "12.5", "duration": "repeating", "duration_in_months": 3, "name": "Spring"}
    made = stripe.call(stripe.v1.coupons.create, coupon)["id"]
    promotion = {"promotion": {"type": "coupon", "coupon": made}, "code": "SPRING"}
    code = stripe.call(stripe.v1.promotion_codes.create, promotion)["id"]
    give_card(stripe, customer.id)
    subscription = subscribe(stripe, customer.id, price, clock(sandbox) + timedelta(days=10))
    for discount, said in (({"promotion_code": code}, "SPRING"), ({"coupon": made}, "Spring")):
        stripe.call(stripe.v1.subscriptions.update, subscription.id, {"discounts": [discount]})
        (found,) = subscriptions.read_subscription(stripe, subscription_id=subscription.id).discounts
        assert (found.code, found.percent_off, found.off_minor) == (said, Decimal("12.5"), None)
        assert found.ends_at is not None
        assert found.ends_at > found.starts_at


def test_the_card_of_a_subscription_pays_the_customers_other_invoices_unless_they_chose_one(
    stripe: Stripe, customer: CustomerFacts, price: str, sandbox: Any
) -> None:
    card = give_card(stripe, customer.id, as_default=False)
    subscription = subscribe(stripe, customer.id, price, clock(sandbox) + timedelta(days=10))
    stripe.call(stripe.v1.subscriptions.update, subscription.id, {"default_payment_method": card})
    adopted = customers.charge_by_itself(stripe, key="card:1", customer_id=customer.id, subscription_id=subscription.id)
    assert adopted.card is not None
    assert default_card(stripe, customer.id) == card
    chosen = give_card(stripe, customer.id)
    customers.charge_by_itself(stripe, key="card:2", customer_id=customer.id, subscription_id=subscription.id)
    assert default_card(stripe, customer.id) == chosen


def default_card(stripe: Stripe, customer_id: str) -> str:
    found = stripe.call(stripe.v1.customers.retrieve, customer_id)
    return str(found["invoice_settings"]["default_payment_method"])
