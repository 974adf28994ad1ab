"""GET and PUT /v1/billing-profile, /v1/admin/seller and /v1/admin/tax-rates, and what invoices then say."""

from typing import Any

import pytest

from tests.app.api.conftest import Client, World, assert_problem

PROFILE: dict[str, Any] = {
    "legal_name": " Acme  Industries Ltd. ", "address_lines": ["77 Front Street West", ""], "city": "Toronto",
    "region": "Ontario", "postal_code": "m5j 1e6", "country": "ca", "emails": ["ap@acme.example"],
    "tax_ids": [{"kind": "ca_gst_hst", "value": "12345 6782 RT 0001"}], "purchase_order": "PO 4711", "language": "fr",
}  # fmt: skip
SELLER: dict[str, Any] = {
    "legal_name": "Tallystick Inc.", "address_lines": ["1 King Street West"], "city": "Toronto", "region": "ON",
    "postal_code": "M5H 1A1", "country": "CA", "email": "billing@tallystick.example",
    "registrations": [{"kind": "ca_gst_hst", "value": "123456782RT0001"}],
    "bank_details": [{"label": "Account", "value": "001-12345-6789012"}],
}  # fmt: skip


def put(client: Client, path: str, body: dict[str, Any], headers: dict[str, str]) -> Any:
    return client.request("PUT", path, json=body, headers=headers)


def test_billing_details_are_given_tidied_and_kept(sqlite_world: World, client: Client) -> None:
    headers = sqlite_world.acme.headers
    assert client.get("/v1/billing-profile", headers=headers).json()["version"] == 0
    shown = put(client, "/v1/billing-profile", PROFILE, headers).json()
    assert (shown["version"], shown["legal_name"], shown["region"]) == (1, "Acme Industries Ltd.", "ON")
    assert shown["address_lines"] == ["77 Front Street West"]
    assert shown["tax_ids"] == [{"kind": "ca_gst_hst", "value": "123456782RT0001", "validated": True}]
    assert put(client, "/v1/billing-profile", PROFILE, headers).json() == shown
    assert client.get("/v1/billing-profile", headers=headers).json() == shown


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"legal_name": " "}, "legal_name"), ({"address_lines": []}, "address_lines"), ({"city": ""}, "city"),
        ({"country": "XX"}, "country"), ({"region": "ZZ"}, "region"), ({"emails": ["nobody"]}, "emails"),
        ({"tax_ids": [{"kind": "ca_gst_hst", "value": "123456789RT0001"}]}, "tax_ids"),
        ({"tax_ids": [{"kind": "eu_vat", "value": "DE1"}]}, "tax_ids"), ({"language": "de"}, "language"),
        ({"tax_ids": [{"kind": "secret", "value": "1"}]}, "tax_ids"), ({"purchase_order": "x" * 65}, "purchase_order"),
        ({"legal_name": "Acme\u0000"}, "legal_name"),
    ],
)  # fmt: skip
def test_details_that_cannot_be_name_the_field_and_change_nothing(
    sqlite_world: World, client: Client, change: dict[str, Any], field: str
) -> None:
    headers = sqlite_world.acme.headers
    assert_problem(put(client, "/v1/billing-profile", PROFILE | change, headers), 422, "invalid", field)
    assert client.get("/v1/billing-profile", headers=headers).json()["version"] == 0


def test_only_we_grant_an_exemption_or_days_to_pay(sqlite_world: World, client: Client) -> None:
    terms = {"is_tax_exempt": True, "exemption_reason": "A school", "payment_days": 45}
    asked = PROFILE | {"terms": terms}
    assert_problem(put(client, "/v1/billing-profile", asked, sqlite_world.acme.headers), 403, "forbidden")
    granted = put(
        client, "/v1/billing-profile", asked | {"tenant_id": sqlite_world.acme.tenant_id}, sqlite_world.operator_headers
    ).json()
    assert (granted["is_tax_exempt"], granted["payment_days"]) == (True, 45)
    moved = put(client, "/v1/billing-profile", PROFILE | {"city": "Ottawa"}, sqlite_world.acme.headers).json()
    assert (moved["city"], moved["is_tax_exempt"], moved["payment_days"]) == ("Ottawa", True, 45)


def test_the_seller_is_known_from_the_settings_until_an_operator_says_more(sqlite_world: World, client: Client) -> None:
    assert client.get("/v1/admin/seller", headers=sqlite_world.operator_headers).json()["legal_name"] == "Tallystick"
    shown = put(client, "/v1/admin/seller", SELLER, sqlite_world.operator_headers).json()
    assert (shown["version"], shown["registrations"][0]["value"]) == (1, "123456782RT0001")
    assert client.get("/v1/admin/seller", headers=sqlite_world.operator_headers).json() == shown
    assert_problem(put(client, "/v1/admin/seller", SELLER, sqlite_world.acme.headers), 403, "missing_scope")


def test_an_invoice_says_its_taxes_and_both_sides(sqlite_world: World, client: Client) -> None:
    put(client, "/v1/admin/seller", SELLER, sqlite_world.operator_headers)
    put(client, "/v1/billing-profile", PROFILE, sqlite_world.acme.headers)
    preview = client.get("/v1/invoices/preview", headers=sqlite_world.acme.headers).json()
    (hst,) = preview["taxes"]
    assert (hst["name"], hst["region"], hst["rate"], hst["category"]) == ("HST", "CA-ON", "13", "S")
    assert hst["amount"] == preview["tax"]
    assert preview["tax"]["amount_minor"] * 100 == preview["subtotal"]["amount_minor"] * 13
    assert (preview["bill_to"]["name"], preview["purchase_order"]) == ("Acme Industries Ltd.", "PO 4711")
    assert preview["remit_to"]["registrations"][0]["label"] == "GST/HST"


GERMAN = {"country": "DE", "code": "vat", "name": "VAT", "percentage": "19", "since": "2007-01-01"}


def test_a_rate_is_added_once_from_a_day_on_and_ended(sqlite_world: World, client: Client) -> None:
    def ask(**change: Any) -> Any:
        return client.post("/v1/admin/tax-rates", json=GERMAN | change, headers=sqlite_world.operator_headers)

    added = ask()
    assert (added.status_code, added.json()["percentage"], added.json()["is_added"]) == (201, "19", True)
    assert ask().json() == added.json()
    assert_problem(ask(percentage="16"), 409, "conflict", "since")
    assert ask(percentage=None, since="2028-01-01").json()["percentage"] is None
    listed = client.get("/v1/admin/tax-rates", headers=sqlite_world.operator_headers).json()["tax_rates"]
    german = [(each["percentage"], each["since"]) for each in listed if each["country"] == "DE"]
    assert german == [("19", "2007-01-01"), (None, "2028-01-01")]
    assert any(each["region"] == "ON" and not each["is_added"] for each in listed)


@pytest.mark.parametrize(
    ("change", "field"),
    [({"percentage": "0"}, "percentage"), ({"code": "tithe"}, "code"), ({"country": "CA"}, "region"),
     ({"since": "2099-01-01"}, "since"), ({"since": "0001-01-01"}, "since"),
     ({"name": ""}, "name"), ({"percentage": "1e1"}, "percentage")],
)  # fmt: skip
def test_a_rate_that_cannot_be_names_the_field(
    sqlite_world: World, client: Client, change: dict[str, Any], field: str
) -> None:
    asked = client.post("/v1/admin/tax-rates", json=GERMAN | change, headers=sqlite_world.operator_headers)
    assert_problem(asked, 422, "invalid", field)


def test_a_rate_that_was_invoiced_is_not_changed_afterwards(sqlite_world: World, client: Client) -> None:
    put(client, "/v1/admin/seller", SELLER, sqlite_world.operator_headers)
    put(client, "/v1/billing-profile", PROFILE, sqlite_world.acme.headers)
    body = {"tenant_id": sqlite_world.acme.tenant_id, "force_period_end": True}
    made = client.post("/v1/invoices/generate", json=body, headers=sqlite_world.operator_headers)
    assert made.json()["tax"]["amount_minor"] > 0, made.text
    rate = {"country": "CA", "region": "ON", "code": "hst", "name": "HST", "percentage": "14"}
    day = made.json()["issued_at"][:10]
    refused = client.post("/v1/admin/tax-rates", json=rate | {"since": day}, headers=sqlite_world.operator_headers)
    assert_problem(refused, 409, "conflict", "since")
