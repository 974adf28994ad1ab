"""Checkout sessions, payment links and the portal's configuration, as Stripe's own SDK meets them."""

from typing import Any

import pytest
import stripe

from tests.sandbox_server import SandboxServer

SHOP = {"success_url": "https://shop.example/done?s={CHECKOUT_SESSION_ID}", "cancel_url": "https://shop.example/plans"}


@pytest.fixture
def client(sandbox: SandboxServer) -> stripe.StripeClient:
    places = dict.fromkeys(("api", "files", "connect", "meter_events"), sandbox.address)
    return stripe.StripeClient(sandbox.secret_key, base_addresses=places)


def new_price(client: stripe.StripeClient, amount: int = 2900, currency: str = "usd", **more: Any) -> str:
    """A price of a product of its own; monthly unless said otherwise."""
    recurring = more.pop("recurring", {"interval": "month"})
    repeats = {"recurring": recurring} if recurring else {}
    product = {"name": more.pop("name", "Pro")}
    params = {"currency": currency, "unit_amount": amount, "product_data": product, **repeats, **more}
    return client.v1.prices.create(params).id


def new_session(client: stripe.StripeClient, **more: Any) -> stripe.checkout.Session:
    params = {"mode": "subscription", **SHOP, **more}
    if "line_items" not in more and params["mode"] != "setup":
        params["line_items"] = [{"price": new_price(client), "quantity": 1}]
    return client.v1.checkout.sessions.create(params)


def refusal(client: stripe.StripeClient, **more: Any) -> stripe.InvalidRequestError:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        new_session(client, **more)
    return refused.value


def test_a_subscription_session_says_what_it_sells_and_where_its_page_is(
    client: stripe.StripeClient, sandbox: SandboxServer
) -> None:
    price = new_price(client)
    session = new_session(
        client, line_items=[{"price": price, "quantity": 3}], client_reference_id="tenant-7",
        metadata={"tallystick_tenant": "tn_1"},
    )  # fmt: skip
    assert session.id.startswith("cs_test_")
    assert session.url == f"{sandbox.address}/c/pay/{session.id}"
    assert (session.status, session.payment_status, session.mode) == ("open", "unpaid", "subscription")
    assert (session.amount_subtotal, session.amount_total, session.currency) == (8700, 8700, "usd")
    assert (session.customer, session.subscription, session.client_reference_id) == (None, None, "tenant-7")
    assert session.expires_at - session.created == 86_400
    lines = client.v1.checkout.sessions.line_items.list(session.id)
    assert [(line.price.id, line.quantity, line.amount_total, line.description) for line in lines.data] == [
        (price, 3, 8700, "Pro")
    ]
    read = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["line_items"]})
    assert read.line_items.data[0].id == lines.data[0].id


def test_a_trial_costs_nothing_today(client: stripe.StripeClient) -> None:
    session = new_session(client, subscription_data={"trial_period_days": 14, "metadata": {"tenant": "tn_1"}})
    assert session.amount_total == 0


def test_a_coupon_is_taken_off_in_advance(client: stripe.StripeClient) -> None:
    coupon = client.v1.coupons.create({"percent_off": 15.5, "duration": "once"}).id
    session = new_session(client, discounts=[{"coupon": coupon}])
    assert (session.amount_subtotal, session.total_details.amount_discount, session.amount_total) == (2900, 450, 2450)
    assert session.discounts[0].coupon == coupon


def test_tax_is_added_on_top_or_found_inside(client: stripe.StripeClient) -> None:
    rate = {"display_name": "HST", "percentage": 13, "country": "CA"}
    outside = client.v1.tax_rates.create({**rate, "inclusive": False}).id
    inside = client.v1.tax_rates.create({**rate, "inclusive": True}).id
    price = new_price(client, 10_000)
    added = new_session(client, line_items=[{"price": price, "quantity": 1, "tax_rates": [outside]}])
    found = new_session(client, line_items=[{"price": price, "quantity": 1, "tax_rates": [inside]}])
    assert (added.amount_total, added.total_details.amount_tax) == (11_300, 1_300)
    assert (found.amount_total, found.total_details.amount_tax) == (10_000, 1_150)


def test_tiered_and_metered_prices_add_up(client: stripe.StripeClient) -> None:
    tiers = [{"up_to": 10, "unit_amount": 100, "flat_amount": 500}, {"up_to": "inf", "unit_amount_decimal": "2.5"}]
    product = client.v1.products.create({"name": "Calls"}).id
    graduated = client.v1.prices.create({
        "currency": "usd", "product": product, "recurring": {"interval": "month"}, "billing_scheme": "tiered",
        "tiers_mode": "graduated", "tiers": tiers,
    }).id  # fmt: skip
    session = new_session(client, line_items=[{"price": graduated, "quantity": 25}])
    assert session.amount_total == 10 * 100 + 500 + 38  # 15 × 2.5 = 37.5, rounded once


def test_a_price_can_be_made_on_the_spot(client: stripe.StripeClient) -> None:
    data = {
        "currency": "cad", "unit_amount": 5000, "product_data": {"name": "Site"}, "recurring": {"interval": "year"},
    }  # fmt: skip
    session = new_session(client, line_items=[{"price_data": data, "quantity": 2}])
    assert (session.amount_total, session.currency) == (10_000, "cad")
    assert session.payment_method_types == ["card", "acss_debit"]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"success_url": "ftp://shop.example"}, "Not a valid URL"),
        ({"customer": "cus_missing"}, "No such customer"),
        ({"customer_email": "a@b.example", "customer": "cus_1"}, "only specify one of"),
        ({"allow_promotion_codes": True, "discounts": [{"coupon": "x"}]}, "only specify one of"),
        ({"customer_update": {"name": "auto"}}, "can only be used with"),
        ({"expires_at": 4_000_000_000}, "between 30 minutes and 24 hours"),
        ({"subscription_data": {"trial_period_days": 0}}, "trial period days"),
        ({"line_items": []}, "line_items"),
        ({"ui_mode": "embedded_page"}, "hosted"),
        ({"colour": "red"}, "unknown parameter"),
        ({"client_reference_id": "two words"}, "client_reference_id"),
        ({"mode": "setup", "line_items": [{"price": "x"}]}, "setup"),
    ],
)
def test_what_does_not_fit_together_is_refused(client: stripe.StripeClient, params: dict[str, Any], words: str) -> None:
    assert words in str(refusal(client, **params))


def test_the_mode_must_fit_the_prices(client: stripe.StripeClient) -> None:
    once, monthly = new_price(client, recurring=None), new_price(client)
    assert "at least one recurring" in str(refusal(client, line_items=[{"price": once, "quantity": 1}]))
    wrong = refusal(client, mode="payment", line_items=[{"price": monthly, "quantity": 1}])
    assert "passed a recurring price" in str(wrong)
    euros = new_price(client, currency="eur")
    mixed = [{"price": monthly, "quantity": 1}, {"price": euros, "quantity": 1}]
    assert "same currency" in str(refusal(client, line_items=mixed))
    yearly = new_price(client, recurring={"interval": "year"})
    uneven = [{"price": monthly, "quantity": 1}, {"price": yearly, "quantity": 1}]
    assert "same billing interval" in str(refusal(client, line_items=uneven))


def test_an_archived_price_sells_nothing(client: stripe.StripeClient) -> None:
    price = new_price(client)
    client.v1.prices.update(price, {"active": False})
    assert "inactive" in str(refusal(client, line_items=[{"price": price, "quantity": 1}]))


def test_tax_ids_of_a_known_customer_need_leave_to_change_its_name(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"email": "ada@example.com"}).id
    assert "customer_update[name]" in str(refusal(client, customer=customer, tax_id_collection={"enabled": True}))
    session = new_session(
        client, customer=customer, tax_id_collection={"enabled": True}, customer_update={"name": "auto"}
    )
    assert session.customer == customer
    assert session.customer_details.email == "ada@example.com"


def test_an_open_session_can_be_closed_once(client: stripe.StripeClient) -> None:
    session = new_session(client)
    closed = client.v1.checkout.sessions.expire(session.id)
    assert (closed.status, closed.url) == ("expired", None)
    with pytest.raises(stripe.InvalidRequestError, match="status of `expired`"):
        client.v1.checkout.sessions.expire(session.id)
    assert [event.type for event in client.v1.events.list({"type": "checkout.session.expired"}).data] == [
        "checkout.session.expired"
    ]


def test_a_session_expires_by_itself_after_a_day(client: stripe.StripeClient, sandbox: SandboxServer) -> None:
    session = new_session(client)
    sandbox.advance(86_399 - 5)
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    sandbox.advance(30)
    assert client.v1.checkout.sessions.retrieve(session.id).status == "expired"


def test_sessions_are_listed_newest_first_and_by_customer(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"email": "ada@example.com"}).id
    line = [{"price": new_price(client), "quantity": 1}]
    first, second = new_session(client, line_items=line), new_session(client, line_items=line, customer=customer)
    assert [found.id for found in client.v1.checkout.sessions.list().data] == [second.id, first.id]
    assert [found.id for found in client.v1.checkout.sessions.list({"customer": customer}).data] == [second.id]
    email = {"customer_details": {"email": "ada@example.com"}}
    assert [found.id for found in client.v1.checkout.sessions.list(email).data] == [second.id]
    client.v1.checkout.sessions.expire(first.id)
    assert [found.id for found in client.v1.checkout.sessions.list({"status": "expired"}).data] == [first.id]


def test_a_sessions_metadata_can_be_changed(client: stripe.StripeClient) -> None:
    session = new_session(client, metadata={"a": "1", "b": "2"})
    changed = client.v1.checkout.sessions.update(session.id, {"metadata": {"a": "", "c": "3"}})
    assert changed.metadata.to_dict() == {"b": "2", "c": "3"}


def test_a_line_of_many_is_paged(client: stripe.StripeClient) -> None:
    price = new_price(client, recurring=None)
    session = new_session(client, mode="payment", line_items=[{"price": price, "quantity": 1}] * 25)
    page = client.v1.checkout.sessions.line_items.list(session.id, {"limit": 20})
    assert (len(page.data), page.has_more) == (20, True)
    rest = client.v1.checkout.sessions.line_items.list(session.id, {"limit": 20, "starting_after": page.data[-1].id})
    assert (len(rest.data), rest.has_more) == (5, False)


def test_a_payment_link_sells_until_it_is_turned_off(client: stripe.StripeClient, sandbox: SandboxServer) -> None:
    link = client.v1.payment_links.create({
        "line_items": [{"price": new_price(client), "quantity": 1}], "allow_promotion_codes": True,
        "subscription_data": {"trial_period_days": 7}, "metadata": {"campaign": "spring"},
    })  # fmt: skip
    assert link.url == f"{sandbox.address}/buy/{link.id}"
    assert link.active
    assert client.v1.payment_links.line_items.list(link.id).data[0].amount_total == 2900
    changed = client.v1.payment_links.update(link.id, {"active": False, "inactive_message": "Sold out"})
    assert not changed.active
    assert client.v1.payment_links.retrieve(link.id).inactive_message == "Sold out"
    assert [found.id for found in client.v1.payment_links.list({"active": False}).data] == [link.id]
    assert client.v1.payment_links.list({"active": True}).data == []


def test_the_first_portal_configuration_is_the_default(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({}).id
    with pytest.raises(stripe.InvalidRequestError, match="portal settings"):
        client.v1.billing_portal.sessions.create({"customer": customer})
    features = {
        "customer_update": {"enabled": True, "allowed_updates": ["email", "address", "tax_id"]},
        "invoice_history": {"enabled": True},
        "payment_method_update": {"enabled": True},
        "subscription_cancel": {"enabled": True, "mode": "at_period_end"},
    }
    made = client.v1.billing_portal.configurations.create({
        "features": features, "business_profile": {"headline": "Northwind bills"},
        "default_return_url": "https://shop.example/billing",
    })  # fmt: skip
    other = client.v1.billing_portal.configurations.create({"features": {"invoice_history": {"enabled": True}}})
    assert (made.is_default, other.is_default) == (True, False)
    session = client.v1.billing_portal.sessions.create({"customer": customer})
    assert (session.configuration, session.return_url) == (made.id, "https://shop.example/billing")
    changed = client.v1.billing_portal.configurations.update(
        made.id, {"features": {"subscription_cancel": {"enabled": False}}}
    )
    assert not changed.features.subscription_cancel.enabled
    assert changed.features.customer_update.allowed_updates == ["email", "address", "tax_id"]
    assert client.v1.billing_portal.configurations.retrieve(made.id).business_profile.headline == "Northwind bills"
    assert [found.id for found in client.v1.billing_portal.configurations.list({"is_default": True}).data] == [made.id]
    with pytest.raises(stripe.InvalidRequestError, match="default configuration"):
        client.v1.billing_portal.configurations.update(made.id, {"active": False})


def test_a_portal_may_not_promise_updates_it_does_not_name(client: stripe.StripeClient) -> None:
    features = {"customer_update": {"enabled": True, "allowed_updates": []}}
    with pytest.raises(stripe.InvalidRequestError, match="at least one update"):
        client.v1.billing_portal.configurations.create({"features": features})
