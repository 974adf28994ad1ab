"""The checkout page: paying, being declined, confirming with the bank, codes, bank debits; and what it refuses."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import stripe

from tests.hosted_pages import ASKS_BANK, CARD, DECLINED, FAILS_LATER, Visitor
from tests.sandbox_server import SandboxServer

SUCCESS, CANCEL = "https://shop.example/done?s={CHECKOUT_SESSION_ID}", "https://shop.example/plans"
BUYER = {"email": "ada@example.com"}


@pytest.fixture
def client(sandbox: SandboxServer) -> stripe.StripeClient:
    places = dict.fromkeys(("api", "files", "connect", "meter_events"), sandbox.address)
    return stripe.StripeClient(sandbox.secret_key, base_addresses=places)


@pytest.fixture
def person() -> Iterator[Visitor]:
    visitor = Visitor()
    yield visitor
    visitor.close()


def new_price(client: stripe.StripeClient, amount: int = 2900, currency: str = "usd", **more: Any) -> str:
    recurring = more.pop("recurring", {"interval": "month"})
    repeats = {"recurring": recurring} if recurring else {}
    product = {"name": more.pop("name", "Pro")}
    return client.v1.prices.create({"currency": currency, "unit_amount": amount, "product_data": product, **repeats}).id


def new_session(client: stripe.StripeClient, **more: Any) -> stripe.checkout.Session:
    params = {"mode": "subscription", "success_url": SUCCESS, "cancel_url": CANCEL, **more}
    if "line_items" not in more and params["mode"] != "setup":
        params["line_items"] = [{"price": new_price(client), "quantity": 1}]
    return client.v1.checkout.sessions.create(params)


def event_types(client: stripe.StripeClient) -> list[str]:
    """Every event so far, the oldest first."""
    return [event.type for event in client.v1.events.list({"limit": 100}).data][::-1]


def test_a_card_starts_a_subscription(client: stripe.StripeClient, person: Visitor) -> None:
    session = new_session(client, metadata={"tenant": "tn_1"}, subscription_data={"metadata": {"tenant": "tn_1"}})
    person.open(session.url)
    assert "Subscribe to Pro" in person.text
    assert "US$29.00 per month" in person.text
    person.press("pay", **BUYER, **CARD)
    assert person.sent_to == SUCCESS.replace("{CHECKOUT_SESSION_ID}", session.id)

    done = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription", "customer", "invoice"]})
    assert (done.status, done.payment_status, done.url) == ("complete", "paid", None)
    assert (done.subscription.status, done.subscription.metadata["tenant"]) == ("active", "tn_1")
    assert (done.invoice.status, done.invoice.total) == ("paid", 2900)
    assert (done.customer.email, done.customer.name) == ("ada@example.com", "Ada")
    assert done.customer_details.email == "ada@example.com"
    method = client.v1.payment_methods.retrieve(done.subscription.default_payment_method)
    assert (method.card.last4, method.customer) == ("4242", done.customer.id)
    told = event_types(client)
    assert told.index("customer.created") < told.index("invoice.paid") < told.index("checkout.session.completed")
    assert told[-1] == "checkout.session.completed"
    assert "You're all done here" in person.open(session.url).text


def test_a_declined_card_leaves_nothing_behind_and_may_be_replaced(
    client: stripe.StripeClient, person: Visitor
) -> None:
    session = new_session(client)
    person.open(session.url).press("pay", **BUYER, **DECLINED)
    assert person.status == 402
    assert "The payment did not go through" in person.text
    assert "Your card was declined." in person.text
    assert "4000 0000 0000 0002" not in str(person.page and person.page.text.split("Test cards")[0])
    assert client.v1.customers.list().data == []
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"

    person.press("pay", **BUYER, **CARD)
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"
    assert len(client.v1.subscriptions.list().data) == 1


def test_a_planned_failure_declines_the_best_card(
    client: stripe.StripeClient, person: Visitor, sandbox: SandboxServer
) -> None:
    sandbox.control("fail_next_payment", decline_code="insufficient_funds")
    session = new_session(client)
    person.open(session.url).press("pay", **BUYER, **CARD)
    assert "insufficient funds" in person.text
    person.press("pay", **BUYER, **CARD)
    assert client.v1.checkout.sessions.retrieve(session.id).status == "complete"


def test_a_card_that_fails_later_pays_now_and_not_at_the_renewal(
    client: stripe.StripeClient, person: Visitor, sandbox: SandboxServer
) -> None:
    session = new_session(client)
    person.open(session.url).press("pay", **BUYER, **FAILS_LATER)
    done = client.v1.checkout.sessions.retrieve(session.id)
    assert done.payment_status == "paid"
    sandbox.advance(32 * 86_400)
    assert client.v1.subscriptions.retrieve(done.subscription).status == "past_due"


def test_a_card_may_ask_to_confirm_with_the_bank(client: stripe.StripeClient, person: Visitor) -> None:
    session = new_session(client)
    person.open(session.url).press("pay", **BUYER, **ASKS_BANK)
    assert "Confirm with your bank" in person.text
    assert client.v1.customers.list().data == []
    person.press("fail_authentication")
    assert "could not confirm that it was you" in person.text
    person.press("pay", **BUYER, **ASKS_BANK)
    person.press("authenticate")
    assert person.sent_to.endswith(session.id)
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_a_trial_asks_for_a_card_and_takes_nothing(
    client: stripe.StripeClient, person: Visitor, sandbox: SandboxServer
) -> None:
    session = new_session(client, subscription_data={"trial_period_days": 14})
    person.open(session.url)
    assert "14 days free" in person.text
    assert "Then US$29.00 per month, unless cancelled before." in person.text
    person.press("pay", **BUYER, **CARD)
    done = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription"]})
    assert (done.payment_status, done.subscription.status) == ("no_payment_required", "trialing")
    sandbox.advance(14 * 86_400 + 2 * 3600)
    renewed = client.v1.subscriptions.retrieve(done.subscription.id, {"expand": ["latest_invoice"]})
    assert (renewed.status, renewed.latest_invoice.amount_paid) == ("active", 2900)


def test_a_code_is_applied_removed_and_kept_to_its_rules(client: stripe.StripeClient, person: Visitor) -> None:
    coupon = client.v1.coupons.create({"percent_off": 20, "duration": "repeating", "duration_in_months": 3}).id
    client.v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon}, "code": "SPRING20"})
    rules = {"minimum_amount": 5000, "minimum_amount_currency": "usd"}
    promotion = {"type": "coupon", "coupon": coupon}
    client.v1.promotion_codes.create({"promotion": promotion, "code": "BIG", "restrictions": rules})
    session = new_session(client, allow_promotion_codes=True)
    person.open(session.url).press("apply_code", code="nonsense")
    assert (person.status, "This code is not valid." in person.text) == (422, True)
    person.press("apply_code", code="big")
    assert "needs a purchase of at least US$50.00" in person.text
    person.press("apply_code", code="spring20")
    assert "20% off for 3 months" in person.text
    assert "US$23.20" in person.text
    person.press("remove_code")
    assert "US$23.20" not in person.text
    person.press("apply_code", code=" Spring20 ")
    person.press("pay", **BUYER, **CARD)
    done = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["invoice"]})
    assert (done.amount_total, done.total_details.amount_discount, done.invoice.total) == (2320, 580, 2320)
    assert client.v1.promotion_codes.list({"code": "SPRING20"}).data[0].times_redeemed == 1


def test_a_known_customer_is_kept_with_its_tax_id(client: stripe.StripeClient, person: Visitor) -> None:
    customer = client.v1.customers.create({"email": "ada@northwind.example", "name": "Northwind"}).id
    session = new_session(
        client, customer=customer, tax_id_collection={"enabled": True},
        customer_update={"name": "auto", "address": "auto"}, billing_address_collection="required",
    )  # fmt: skip
    person.open(session.url)
    assert "ada@northwind.example" in str(person.page and person.page.text)
    wanted = {"business_name": "Northwind Ltd", "tax_id_type": "ca_gst_hst", "tax_id": "123456789RT0001"}
    person.press("pay", **CARD, **wanted, email="other@example.com")
    assert "Enter the city." in person.text
    place = {"country": "CA", "line1": "1 King St", "city": "Toronto", "postal_code": "M5H 1A1", "state": "ON"}
    person.press("pay", **CARD, **wanted, **place, email="other@example.com")
    done = client.v1.checkout.sessions.retrieve(session.id)
    assert (done.customer, done.customer_details.email) == (customer, "ada@northwind.example")
    assert done.customer_details.tax_ids[0].value == "123456789RT0001"
    known = client.v1.customers.retrieve(customer)
    assert (known.name, known.address.city) == ("Northwind Ltd", "Toronto")
    assert [tax.value for tax in client.v1.customers.tax_ids.list(customer).data] == ["123456789RT0001"]


@pytest.mark.parametrize("pays", [True, False])
def test_a_bank_debit_is_complete_and_unpaid_until_the_bank_answers(
    client: stripe.StripeClient, person: Visitor, sandbox: SandboxServer, pays: bool
) -> None:
    session = new_session(client)
    person.open(session.url)
    assert "Bank debit" in person.text
    person.press("pay", **BUYER, method="bank", account_name="Ada Lovelace")
    waiting = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription", "invoice"]})
    assert (waiting.status, waiting.payment_status) == ("complete", "unpaid")
    assert (waiting.subscription.status, waiting.invoice.status) == ("active", "open")

    home = Visitor().open(sandbox.address)
    assert "Bank debits that wait for an answer" in home.text
    home.press(f"{'settle' if pays else 'bounce'}:{session.id}")
    settled = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription", "invoice"]})
    told = event_types(client)
    if pays:
        assert (settled.payment_status, settled.invoice.status) == ("paid", "paid")
        assert told[-1] == "checkout.session.async_payment_succeeded"
    else:
        assert (settled.payment_status, settled.subscription.status) == ("unpaid", "past_due")
        assert told[-1] == "checkout.session.async_payment_failed"
        assert "invoice.payment_failed" in told


def test_one_payment_leaves_a_payment_intent_and_where_asked_an_invoice(
    client: stripe.StripeClient, person: Visitor
) -> None:
    line = [{"price": new_price(client, 12_345, recurring=None, name="Audit"), "quantity": 1}]
    plain = new_session(client, mode="payment", line_items=line, payment_intent_data={"metadata": {"order": "9"}})
    person.open(plain.url)
    assert "Pay US$123.45" in person.text
    person.press("pay", **BUYER, **CARD)
    done = client.v1.checkout.sessions.retrieve(plain.id, {"expand": ["payment_intent"]})
    assert (done.payment_status, done.payment_intent.status, done.invoice) == ("paid", "succeeded", None)
    assert (done.payment_intent.amount, done.payment_intent.metadata["order"]) == (12_345, "9")
    with_invoice = new_session(client, mode="payment", line_items=line, invoice_creation={"enabled": True})
    person.open(with_invoice.url).press("pay", **BUYER, **CARD)
    done = client.v1.checkout.sessions.retrieve(with_invoice.id, {"expand": ["invoice"]})
    assert (done.invoice.status, done.invoice.total) == ("paid", 12_345)


def test_a_setup_session_only_saves_the_card(client: stripe.StripeClient, person: Visitor) -> None:
    customer = client.v1.customers.create({"email": "ada@example.com"}).id
    session = new_session(client, mode="setup", customer=customer)
    person.open(session.url)
    assert "Save a payment method" in person.text
    person.press("pay", **CARD)
    done = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["setup_intent"]})
    assert (done.payment_status, done.setup_intent.status) == ("no_payment_required", "succeeded")
    assert [card.card.last4 for card in client.v1.customers.payment_methods.list(customer).data] == ["4242"]


def test_what_is_sold_once_goes_on_the_first_invoice(client: stripe.StripeClient, person: Visitor) -> None:
    once = new_price(client, 10_000, recurring=None, name="Setting up")
    lines = [{"price": new_price(client), "quantity": 2}, {"price": once, "quantity": 1}]
    session = new_session(client, line_items=lines)
    person.open(session.url)
    assert "US$158.00" in person.text
    assert "Then US$58.00 per month." in person.text
    person.press("pay", **BUYER, **CARD)
    done = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["invoice"]})
    assert (done.amount_total, done.invoice.total) == (15_800, 15_800)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("card_number", "", "Enter the card number."),
        ("card_number", "4242 4242 4242 4241", "not a card number"),
        ("card_number", "4111 1111 1111 1111", "takes its test cards only"),
        ("card_number", "42424242", "12 to 19 digits"),
        ("card_expiry", "13 / 30", "month and year"),
        ("card_expiry", "01 / 20", "has expired"),
        ("card_expiry", "01 / 2199", "too far ahead"),
        ("card_cvc", "12", "3 digits"),
        ("email", "nobody", "Enter an e-mail address"),
    ],
)
def test_a_wrong_field_is_named_and_what_was_typed_stays(
    client: stripe.StripeClient, person: Visitor, field: str, value: str, words: str
) -> None:
    session = new_session(client)
    person.open(session.url).press("pay", **{**BUYER, **CARD, field: value})
    assert (person.status, words in person.text) == (422, True)
    page = str(person.page and person.page.text)
    assert f'href="#{field}"' in page
    assert 'aria-invalid="true"' in page
    assert ('value="Ada"' in page) or field == "card_name"
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"


def test_a_test_card_can_be_filled_in_without_losing_what_was_typed(
    client: stripe.StripeClient, person: Visitor
) -> None:
    session = new_session(client)
    person.open(session.url).press("fill:4000000000000002", email="ada@example.com", card_name="Ada")
    page = str(person.page and person.page.text)
    assert 'value="4000 0000 0000 0002"' in page
    assert 'value="ada@example.com"' in page
    assert person.status == 200


def test_a_session_is_paid_once_though_the_button_is_pressed_twice(
    client: stripe.StripeClient, person: Visitor
) -> None:
    session = new_session(client)
    person.open(session.url)
    other = Visitor().open(session.url)
    person.press("pay", **BUYER, **CARD)
    other.press("pay", **BUYER, **CARD)
    assert "You're all done here" in other.text
    assert len(client.v1.subscriptions.list().data) == 1


def test_an_expired_page_an_unknown_one_and_a_dead_link_say_so(
    client: stripe.StripeClient, person: Visitor, sandbox: SandboxServer
) -> None:
    session = new_session(client)
    client.v1.checkout.sessions.expire(session.id)
    assert (person.open(session.url or f"{sandbox.address}/c/pay/{session.id}").status) == 410
    assert "This page has expired" in person.text
    assert person.open(f"{sandbox.address}/c/pay/cs_test_nothing").status == 404
    assert "There is no such checkout page" in person.text
    assert person.open(f"{sandbox.address}/nothing/here").status == 404
    assert "There is no such page" in person.text


def test_a_payment_link_opens_a_session_for_each_visitor(client: stripe.StripeClient, person: Visitor) -> None:
    link = client.v1.payment_links.create({
        "line_items": [{"price": new_price(client), "quantity": 1}], "metadata": {"campaign": "spring"},
        "restrictions": {"completed_sessions": {"limit": 1}},
        "after_completion": {"type": "hosted_confirmation", "hosted_confirmation": {"custom_message": "Welcome!"}},
    })  # fmt: skip
    person.open(link.url).press("pay", **BUYER, **CARD)
    assert "Welcome!" in person.text
    sold = client.v1.checkout.sessions.list({"payment_link": link.id}).data[0]
    assert (sold.status, sold.metadata["campaign"]) == ("complete", "spring")
    assert person.open(link.url).status == 410
    assert client.v1.payment_links.retrieve(link.id).restrictions.completed_sessions.count == 1


def test_pages_are_closed_to_scripts_caches_and_other_sites(client: stripe.StripeClient) -> None:
    session = new_session(client)
    page = httpx.get(session.url)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "form-action 'self' https://shop.example" in policy
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-robots-tag"] == "noindex, nofollow"
    assert "<script" not in page.text
    form = {**BUYER, **CARD, "action": "pay"}
    assert httpx.post(session.url, data=form).status_code == 403
    assert httpx.post(session.url, data={**form, "token": "0" * 64}).status_code == 403
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"


def test_markup_in_names_is_shown_as_text(client: stripe.StripeClient, person: Visitor) -> None:
    hostile = '<img src=x onerror=alert(1)> & "Co"'
    session = new_session(client, line_items=[{"price": new_price(client, name=hostile), "quantity": 1}])
    page = httpx.get(session.url).text
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


@pytest.mark.parametrize(("paid", "told"), [(True, "async_payment_succeeded"), (False, "async_payment_failed")])
def test_the_banks_answer_can_be_ordered_by_a_program(
    client: stripe.StripeClient, person: Visitor, sandbox: SandboxServer, paid: bool, told: str
) -> None:
    session = new_session(client, line_items=[{"price": new_price(client, currency="cad"), "quantity": 1}])
    person.open(session.url).press("pay", **BUYER, method="bank", account_name="Ada Lovelace")
    answered = sandbox.control("bank_answer", session=session.id, paid=paid)
    assert answered["payment_status"] == ("paid" if paid else "unpaid")
    assert event_types(client)[-1] == f"checkout.session.{told}"
    headers = {"Authorization": f"Bearer {sandbox.secret_key}"}
    again = httpx.post(f"{sandbox.address}/_control/bank_answer", json={"session": session.id}, headers=headers)
    assert again.status_code == 400
