"""The manners of the API: keys, parameters, errors, idempotency, expansion and paging."""

import base64
from typing import TYPE_CHECKING

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Client, LocalSandbox


@pytest.mark.parametrize(
    ("authorization", "says"),
    [
        (None, "did not provide an API key"),
        ("Bearer sk_live_abc", "sandbox"),
        ("Bearer sk_test_other", "Invalid API Key"),
        ("Basic !!!", "did not provide"),
    ],
)
def test_only_the_sandboxs_own_key_is_taken(
    local: "LocalSandbox", client_of: "Callable[..., Client]", authorization: str | None, says: str
) -> None:
    client = client_of(local.inside.app, {"Authorization": authorization} if authorization else {})
    answer = client.request("GET", "/v1/customers")
    assert answer.status_code == 401
    assert says in answer.json()["error"]["message"]
    assert client.request("POST", "/_control/reset").status_code == 401


def test_the_key_is_taken_as_a_basic_user_too(local: "LocalSandbox") -> None:
    user = base64.b64encode(b"sk_test_local:").decode()
    assert local.send("GET", "account", {"Authorization": f"Basic {user}"}).status_code == 200


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"colour": "red"}, "parameter_unknown", "colour"),
        ({"address": {"planet": "X"}}, "parameter_unknown", "address[planet]"),
        ({"balance": "ten"}, "parameter_invalid_integer", "balance"),
        ({"balance": ""}, "parameter_invalid_empty", "balance"),
        ({"address": "Main Street"}, None, "address"),
        ({"tax_id_data": "x"}, None, "tax_id_data"),
        ({"tax_exempt": "maybe"}, None, "tax_exempt"),
        ({"metadata": {"k" * 41: "v"}}, None, f"metadata[{'k' * 41}]"),
        ({"metadata": {"k": "v" * 501}}, None, "metadata[k]"),
        ({"invoice_settings": {"default_payment_method": "pm_none"}}, "resource_missing",
         "invoice_settings[default_payment_method]"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_refused_by_its_name(
    local: "LocalSandbox", params: dict[str, object], code: str | None, param: str
) -> None:
    error = local.refused("POST", "customers", 400, **params)
    assert (error.get("code"), error["param"]) == (code, param)
    assert local.get("customers")["data"] == []


def test_missing_parameters_and_resources_are_named(local: "LocalSandbox") -> None:
    error = local.refused("POST", "products", 400, description="nameless")
    assert (error["code"], error["param"]) == ("parameter_missing", "name")
    error = local.refused("GET", "customers/cus_none", 404)
    assert (error["code"], error["message"]) == ("resource_missing", "No such customer: 'cus_none'")
    error = local.refused("POST", "subscriptions", 404, customer="cus_none", items=[{"price": "x"}])
    assert error["param"] == "customer"


def test_what_stripe_does_not_have_is_not_found(local: "LocalSandbox") -> None:
    for method, path in (("GET", "ghosts"), ("DELETE", "customers"), ("POST", "invoices/in_1/explode")):
        answer = local.send(method, path)
        assert answer.status_code == 404
        assert "Unrecognized request URL" in answer.json()["error"]["message"]


def test_metadata_is_merged_key_by_key(local: "LocalSandbox") -> None:
    customer = local.post("customers", metadata={"a": "1", "b": "2"})
    path = f"customers/{customer['id']}"
    assert local.post(path, metadata={"b": "", "c": "3"})["metadata"] == {"a": "1", "c": "3"}
    assert local.post(path, metadata="")["metadata"] == {}


def test_an_empty_text_clears_a_field(local: "LocalSandbox") -> None:
    customer = local.post("customers", email="a@example.com", phone="1")
    cleared = local.post(f"customers/{customer['id']}", email="", address="")
    assert (cleared["email"], cleared["phone"]) == (None, "1")


def test_every_answer_has_a_request_id_and_names_the_version(local: "LocalSandbox") -> None:
    for answer in (local.send("GET", "account"), local.send("GET", "customers/none"), local.send("GET", "nowhere")):
        assert answer.headers["request-id"].startswith("req_")
        assert answer.headers["stripe-version"] == "2026-10-28.endive"


def test_the_same_key_is_answered_the_same(local: "LocalSandbox") -> None:
    key = {"Idempotency-Key": "order-1"}
    first = local.send("POST", "customers", key, email="a@example.com")
    again = local.send("POST", "customers", key, email="a@example.com")
    assert again.json() == first.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["request-id"] == first.headers["request-id"]
    assert len(local.get("customers")["data"]) == 1


def test_a_key_used_for_something_else_is_refused(local: "LocalSandbox") -> None:
    key = {"Idempotency-Key": "order-1"}
    local.send("POST", "customers", key, email="a@example.com")
    for path, params in (("customers", {"email": "b@example.com"}), ("products", {"name": "x"})):
        answer = local.send("POST", path, key, **params)
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "idempotency_error"


def test_a_key_is_forgotten_after_a_day(local: "LocalSandbox") -> None:
    key = {"Idempotency-Key": "order-1"}
    first = local.send("POST", "customers", key, email="a@example.com").json()
    local.advance(hours=23)
    assert local.send("POST", "customers", key, email="a@example.com").json() == first
    local.advance(hours=2)
    assert local.send("POST", "customers", key, email="a@example.com").json()["id"] != first["id"]


def test_a_refusal_while_it_is_done_is_an_answer_but_a_wrong_parameter_is_none(local: "LocalSandbox") -> None:
    key = {"Idempotency-Key": "k"}
    assert local.send("POST", "customers", key, colour="red").status_code == 400
    assert local.send("POST", "customers", key, email="a@example.com").status_code == 200
    declined = {"Idempotency-Key": "pay"}
    customer = local.customer("pm_card_chargeCustomerFail")
    invoice = local.post(f"invoices/{local.invoice(customer)['id']}/finalize")
    assert local.send("POST", f"invoices/{invoice['id']}/pay", declined).status_code == 402
    replay = local.send("POST", f"invoices/{invoice['id']}/pay", declined)
    assert (replay.status_code, replay.headers["idempotent-replayed"]) == (402, "true")
    assert local.get(f"invoices/{invoice['id']}")["attempt_count"] == 1


def test_ids_are_expanded_in_objects_and_in_lists(local: "LocalSandbox") -> None:
    customer = local.customer()
    local.subscription(customer)
    listed = local.get(
        "subscriptions", expand=["data.customer.invoice_settings.default_payment_method", "data.latest_invoice"]
    )
    found = listed["data"][0]
    assert found["customer"]["invoice_settings"]["default_payment_method"]["card"]["last4"] == "4242"
    assert found["latest_invoice"]["object"] == "invoice"
    paid = local.get(f"invoices/{found['latest_invoice']['id']}", expand=["payments.data.payment.payment_intent"])
    assert paid["payments"]["data"][0]["payment"]["payment_intent"]["status"] == "succeeded"
    full = local.get(f"customers/{customer['id']}", expand=["subscriptions", "tax_ids", "sources"])
    assert [one["id"] for one in full["subscriptions"]["data"]] == [found["id"]]


@pytest.mark.parametrize("path", ["email", "colour", "metadata.a", "invoice_settings.default_payment_method.a.b.c"])
def test_what_cannot_be_expanded_is_refused(local: "LocalSandbox", path: str) -> None:
    customer = local.customer(metadata={"a": "b"})
    error = local.refused("GET", f"customers/{customer['id']}", 400, expand=[path])
    assert "expand" in error["message"]


def test_pages_go_back_in_time_and_forth(local: "LocalSandbox") -> None:
    made = [local.post("products", name=f"P{place}")["id"] for place in range(7)]
    newest = made[::-1]
    first = local.get("products", limit=3)
    assert ([one["id"] for one in first["data"]], first["has_more"]) == (newest[:3], True)
    second = local.get("products", limit=3, starting_after=newest[2])
    assert ([one["id"] for one in second["data"]], second["has_more"]) == (newest[3:6], True)
    last = local.get("products", limit=3, starting_after=newest[5])
    assert ([one["id"] for one in last["data"]], last["has_more"]) == (newest[6:], False)
    back = local.get("products", limit=3, ending_before=newest[5])
    assert ([one["id"] for one in back["data"]], back["has_more"]) == (newest[2:5], True)
    assert local.refused("GET", "products", 404, starting_after="prod_none")["param"] == "starting_after"
    for limit in (0, 101, "x"):
        assert local.refused("GET", "products", 400, limit=limit)["code"] == "parameter_invalid_integer"


def test_lists_are_filtered_by_when_things_were_made(local: "LocalSandbox") -> None:
    early = local.post("customers", email="a@example.com")
    local.advance(days=1)
    late = local.post("customers", email="b@example.com")
    assert [one["id"] for one in local.get("customers", created={"gte": late["created"]})["data"]] == [late["id"]]
    assert [one["id"] for one in local.get("customers", created={"lt": late["created"]})["data"]] == [early["id"]]
    assert [one["id"] for one in local.get("customers", created=early["created"])["data"]] == [early["id"]]
    assert [one["id"] for one in local.get("customers", email="b@example.com")["data"]] == [late["id"]]


def test_a_deleted_customer_is_a_stub_and_leaves_the_lists(local: "LocalSandbox") -> None:
    subscription = local.subscription()
    customer = subscription["customer"]
    stub = {"id": customer, "object": "customer", "deleted": True}
    assert local.delete(f"customers/{customer}") == stub
    assert local.get(f"customers/{customer}") == stub
    assert local.get("customers")["data"] == []
    assert local.reread(subscription)["status"] == "canceled"
    local.refused("POST", f"customers/{customer}", 404, email="x@example.com")


def test_it_works_below_a_path(local: "LocalSandbox", client_of: "Callable[..., Client]") -> None:
    host = Starlette(routes=[Mount("/sandbox", app=local.inside.app)])
    client = client_of(host, {"Authorization": "Bearer sk_test_local"})
    made = client.request("POST", "/sandbox/v1/customers", data={"email": "a@example.com"})
    assert made.status_code == 200
    listed = client.request("GET", "/sandbox/v1/customers?limit=1").json()
    assert (listed["url"], listed["data"][0]["id"]) == ("/v1/customers", made.json()["id"])
    assert client.request("GET", "/sandbox/_control/clock").status_code == 200


def test_a_form_that_contradicts_itself_is_refused(local: "LocalSandbox") -> None:
    for body in ("address=x&address[city]=y", "a[b][c][d][e][f][g][h][i][j][k]=1"):
        answer = local.client.request("POST", "/v1/customers", content=body)
        assert answer.status_code == 400
    assert local.client.request("POST", "/v1/customers", content="description=" + "x" * 5_001).status_code == 400
    assert local.client.request("POST", "/v1/customers", content="email=" + "x" * 1_000_001).status_code == 400
