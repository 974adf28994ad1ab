"""What is sold and to whom: products, prices, coupons, tax rates, tax ids, cards."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import LocalSandbox

DAY = 86_400


def test_the_account_is_the_sandboxs(local: "LocalSandbox") -> None:
    assert local.get("account")["charges_enabled"] is True


def test_a_product_is_made_changed_and_deleted(local: "LocalSandbox") -> None:
    product = local.post("products", id="growth", name="Growth", marketing_features=[{"name": "Fast"}])
    assert local.refused("POST", "products", 400, id="growth", name="x")["code"] == "resource_already_exists"
    local.advance(hours=1)
    changed = local.post("products/growth", description="For teams", metadata={"plan": "growth"})
    assert changed["updated"] == product["updated"] + 3_600
    assert local.events("product.updated")[0]["data"]["previous_attributes"] == {
        "description": None, "metadata": {"plan": None}, "updated": product["updated"],
    }  # fmt: skip
    price = local.price(product="growth")
    assert local.post("products/growth", default_price=price["id"])["default_price"] == price["id"]
    assert local.get("products/growth", expand=["default_price.product"])["default_price"]["product"]["id"] == "growth"
    assert local.refused("DELETE", "products/growth", 400)
    local.post("products", name="Other", active=False)
    assert [one["name"] for one in local.get("products", active=False)["data"]] == ["Other"]
    assert [one["id"] for one in local.get("products", ids=["growth"])["data"]] == ["growth"]
    other = local.get("products", active=False)["data"][0]["id"]
    assert local.delete(f"products/{other}")["deleted"] is True
    local.refused("GET", f"products/{other}", 404)


def test_prices_are_exact_decimals(local: "LocalSandbox") -> None:
    product = local.post("products", name="Calls")["id"]
    price = local.post("prices", product=product, currency="USD", unit_amount_decimal="0.50", nickname="half a cent")
    assert (price["unit_amount"], price["unit_amount_decimal"], price["currency"]) == (None, "0.5", "usd")
    assert (price["type"], price["recurring"]) == ("one_time", None)
    for wrong in (
        {},
        {"unit_amount": 1, "unit_amount_decimal": "1"},
        {"unit_amount": -1},
        {"unit_amount_decimal": "x"},
    ):
        local.refused("POST", "prices", 400, product=product, currency="usd", **wrong)
    assert (
        local.refused("POST", "prices", 404, product="prod_none", currency="usd", unit_amount=1)["param"] == "product"
    )


@pytest.mark.parametrize(("mode", "amount"), [("graduated", 10 * 100 + 2 * 50 + 5), ("volume", 12 * 50 + 5)])
def test_tiers_are_shown_when_expanded_and_charged(local: "LocalSandbox", mode: str, amount: int) -> None:
    product = local.post("products", name="Seats")["id"]
    tiers = [{"up_to": 10, "unit_amount": 100}, {"up_to": "inf", "unit_amount_decimal": "50", "flat_amount": 5}]
    price = local.post(
        "prices", product=product, currency="usd", billing_scheme="tiered", tiers_mode=mode, tiers=tiers,
        recurring={"interval": "month"},
    )  # fmt: skip
    assert "tiers" not in price
    shown = local.get(f"prices/{price['id']}", expand=["tiers"])["tiers"]
    assert [(tier["up_to"], tier["unit_amount_decimal"], tier["flat_amount"]) for tier in shown] == [
        (10, "100", None), (None, "50", 5),
    ]  # fmt: skip
    subscription = local.subscription(items=[{"price": price["id"], "quantity": 12}])
    assert subscription["latest_invoice"]["total"] == amount
    down = [{"up_to": 10, "unit_amount": 1}, {"up_to": 5, "unit_amount": 1}, {"up_to": "inf", "unit_amount": 1}]
    error = local.refused(
        "POST", "prices", 400,
        product=product, currency="usd", billing_scheme="tiered", tiers_mode=mode, tiers=down,
    )  # fmt: skip
    assert error["param"] == "tiers[1][up_to]"


def test_packages_are_rounded_as_the_price_says(local: "LocalSandbox") -> None:
    price = local.price(500, transform_quantity={"divide_by": 100, "round": "up"})
    subscription = local.subscription(items=[{"price": price["id"], "quantity": 101}])
    assert subscription["latest_invoice"]["total"] == 1_000


def test_a_lookup_key_has_one_holder(local: "LocalSandbox") -> None:
    first = local.price(lookup_key="growth_monthly")
    product = first["product"]
    error = local.refused(
        "POST", "prices", 400, product=product, currency="usd", unit_amount=1, lookup_key="growth_monthly"
    )
    assert error["param"] == "lookup_key"
    second = local.price(3_000, lookup_key="growth_monthly", transfer_lookup_key=True, product=product)
    assert local.get(f"prices/{first['id']}")["lookup_key"] is None
    found = local.get("prices", lookup_keys=["growth_monthly", "other"], active=True, type="recurring")["data"]
    assert [price["id"] for price in found] == [second["id"]]
    assert local.get("prices", lookup_keys=["other"])["data"] == []
    archived = local.post(f"prices/{second['id']}", active=False, metadata={"a": "b"}, nickname="old")
    assert (archived["active"], archived["nickname"]) == (False, "old")
    recurring = {"interval": "month"}
    assert len(local.get("prices", product=product, recurring=recurring, currency="usd")["data"]) == 2
    error = local.refused(
        "POST", "subscriptions", 400, customer=local.customer()["id"], items=[{"price": second["id"]}]
    )
    assert error["param"] == "items[0][price]"


@pytest.mark.parametrize(
    "wrong",
    [
        {}, {"percent_off": 10, "amount_off": 1, "currency": "usd"}, {"amount_off": 1}, {"percent_off": 101},
        {"percent_off": 10, "duration": "repeating"}, {"percent_off": 10, "duration_in_months": 3},
    ],
)  # fmt: skip
def test_a_coupon_that_makes_no_sense_is_refused(local: "LocalSandbox", wrong: dict[str, Any]) -> None:
    local.refused("POST", "coupons", 400, **wrong)


def test_a_coupon_is_used_up_and_expires(local: "LocalSandbox") -> None:
    customer = local.customer()
    once = local.post("coupons", id="ONCE", percent_off=10, max_redemptions=1)
    timed = local.post("coupons", percent_off=10, redeem_by=local.now() + DAY, name="Soon over")
    local.post("invoices", customer=customer["id"], discounts=[{"coupon": once["id"]}])
    assert local.get("coupons/ONCE")["valid"] is False
    error = local.refused("POST", "invoices", 400, customer=customer["id"], discounts=[{"coupon": once["id"]}])
    assert error["code"] == "coupon_expired"
    local.advance(days=1)
    local.refused("POST", "invoices", 400, customer=customer["id"], discounts=[{"coupon": timed["id"]}])
    assert local.refused("POST", "invoices", 404, customer=customer["id"], discounts=[{"coupon": "none"}])
    assert local.post("coupons/ONCE", name="New", metadata={"a": "b"})["name"] == "New"
    assert len(local.get("coupons")["data"]) == 2
    assert local.delete("coupons/ONCE")["deleted"] is True
    local.refused("GET", "coupons/ONCE", 404)


def test_a_coupon_applies_to_its_products_only(local: "LocalSandbox") -> None:
    plan, other = local.price(), local.price(1_000)
    coupon = local.post("coupons", percent_off=50, applies_to={"products": [plan["product"]]}, expand=["applies_to"])
    assert coupon["applies_to"] == {"products": [plan["product"]]}
    items = [{"price": plan["id"]}, {"price": other["id"]}]
    subscription = local.subscription(items=items, discounts=[{"coupon": coupon["id"]}])
    assert subscription["latest_invoice"]["total"] == 2_000


def test_promotion_codes_are_found_and_switched_off(local: "LocalSandbox") -> None:
    coupon = local.post("coupons", percent_off=10)["id"]
    promotion = {"type": "coupon", "coupon": coupon}
    code = local.post("promotion_codes", promotion=promotion, code="SPRING", max_redemptions=5, metadata={"a": "b"})
    assert local.refused("POST", "promotion_codes", 400, promotion=promotion, code="SPRING")["param"] == "code"
    found = local.get("promotion_codes", code="SPRING", active=True, expand=["data.promotion.coupon"])["data"]
    assert found[0]["promotion"]["coupon"]["percent_off"] == 10
    assert local.post(f"promotion_codes/{code['id']}", active=False)["active"] is False
    assert local.get("promotion_codes", coupon=coupon, active=True)["data"] == []
    discounts = [{"promotion_code": code["id"]}]
    error = local.refused("POST", "invoices", 400, customer=local.customer()["id"], discounts=discounts)
    assert error["param"] == "discounts[0][promotion_code]"


def test_a_discount_is_taken_off_a_subscription(local: "LocalSandbox") -> None:
    coupon = local.post("coupons", percent_off=10, duration="forever")
    subscription = local.subscription(discounts=[{"coupon": coupon["id"]}])
    taken = local.delete(f"subscriptions/{subscription['id']}/discount")
    assert (taken["deleted"], taken["source"]["coupon"]) == (True, coupon["id"])
    assert local.reread(subscription)["discounts"] == []
    local.refused("DELETE", f"subscriptions/{subscription['id']}/discount", 404)


def test_tax_rates_are_listed_and_retired(local: "LocalSandbox") -> None:
    rate = local.post("tax_rates", display_name="VAT", inclusive=True, percentage=19, country="DE")
    assert local.get(f"tax_rates/{rate['id']}")["percentage"] == 19
    local.post(f"tax_rates/{rate['id']}", active=False, metadata={"a": "b"})
    assert local.get("tax_rates", active=True)["data"] == []
    assert len(local.get("tax_rates", inclusive=True)["data"]) == 1
    assert local.refused("POST", "tax_rates", 400, display_name="x", inclusive=True, percentage=101)


def test_a_customer_has_tax_ids(local: "LocalSandbox") -> None:
    customer = local.post("customers", tax_id_data=[{"type": "eu_vat", "value": "DE123456789"}])
    path = f"customers/{customer['id']}/tax_ids"
    added = local.post(path, type="us_ein", value="12-3456789")
    assert local.get(f"{path}/{added['id']}")["value"] == "12-3456789"
    assert [one["type"] for one in local.get(path)["data"]] == ["us_ein", "eu_vat"]
    assert local.delete(f"{path}/{added['id']}")["deleted"] is True
    local.refused("GET", f"customers/{local.post('customers')['id']}/tax_ids/{added['id']}", 404)
    invoice = local.invoice(customer)
    assert invoice["customer_tax_ids"] == [{"type": "eu_vat", "value": "DE123456789"}]


def test_cards_are_attached_and_detached(local: "LocalSandbox") -> None:
    customer = local.customer(None)
    card = {"number": "4242424242424242", "exp_month": 4, "exp_year": 2030, "cvc": "123"}
    method = local.post(
        "payment_methods", type="card", card=card, billing_details={"name": "Ann", "address": {"city": "X"}}
    )
    assert (method["card"]["brand"], method["card"]["last4"], method["customer"]) == ("visa", "4242", None)
    attached = local.post(f"payment_methods/{method['id']}/attach", customer=customer["id"])
    assert attached["customer"] == customer["id"]
    path = f"customers/{customer['id']}"
    local.post(path, invoice_settings={"default_payment_method": method["id"]})
    assert [one["id"] for one in local.get("payment_methods", customer=customer["id"], type="card")["data"]] == [
        method["id"]
    ]
    assert [one["id"] for one in local.get(f"{path}/payment_methods")["data"]] == [method["id"]]
    assert local.get(f"{path}/payment_methods/{method['id']}")["id"] == method["id"]
    changed = local.post(f"payment_methods/{method['id']}", card={"exp_year": 2031}, metadata={"a": "b"})
    assert changed["card"]["exp_year"] == 2031
    other = local.customer(None)
    error = local.refused("POST", f"payment_methods/{method['id']}/attach", 400, customer=other["id"])
    assert error["code"] == "payment_method_unexpected_state"
    assert local.post(f"payment_methods/{method['id']}/detach")["customer"] is None
    assert local.get(path)["invoice_settings"]["default_payment_method"] is None
    local.refused("POST", f"payment_methods/{method['id']}/attach", 400, customer=other["id"])
    local.refused("POST", f"payment_methods/{method['id']}/detach", 400)


@pytest.mark.parametrize(
    ("card", "status", "code"),
    [
        ({"number": "4242424242424241", "exp_month": 1, "exp_year": 2030}, 402, "incorrect_number"),
        ({"number": "4242424242424242", "exp_month": 13, "exp_year": 2030}, 402, "invalid_expiry_month"),
        ({"number": "4242424242424242", "exp_month": 1, "exp_year": 2020}, 402, "invalid_expiry_year"),
        ({"number": "4242424242424242", "exp_month": 1}, 400, "parameter_missing"),
        ({"token": "tok_none"}, 404, "resource_missing"),
    ],
)
def test_a_wrong_card_is_refused(local: "LocalSandbox", card: dict[str, Any], status: int, code: str) -> None:
    assert local.refused("POST", "payment_methods", status, type="card", card=card)["code"] == code


@pytest.mark.parametrize(
    ("number", "attaches", "pays"),
    [
        ("4242424242424242", True, None),
        ("4000000000000002", False, None),
        ("4000000000000341", True, "card_declined"),
        ("4000002500003155", True, "invoice_payment_intent_requires_action"),
        ("tok_visa", True, None),
        ("tok_chargeCustomerFail", True, "card_declined"),
    ],
)
def test_each_test_card_behaves_as_stripe_says(
    local: "LocalSandbox", number: str, attaches: bool, pays: str | None
) -> None:
    customer = local.customer(None)
    card = {"token": number} if number.startswith("tok") else {"number": number, "exp_month": 1, "exp_year": 2030}
    method = local.post("payment_methods", type="card", card=card)["id"]
    if not attaches:
        error = local.refused("POST", f"payment_methods/{method}/attach", 402, customer=customer["id"])
        assert error["code"] == "card_declined"
        return
    local.post(f"payment_methods/{method}/attach", customer=customer["id"])
    invoice = local.post(f"invoices/{local.invoice(customer)['id']}/finalize")["id"]
    if pays is None:
        assert local.post(f"invoices/{invoice}/pay", payment_method=method)["status"] == "paid"
    else:
        assert local.refused("POST", f"invoices/{invoice}/pay", 402, payment_method=method)["code"] == pays
        assert local.get(f"invoices/{invoice}")["status"] == "open"
