"""Events and their webhooks: what is told, how it is signed, and what happens when nobody listens."""

import json
from typing import TYPE_CHECKING

import pytest
import stripe

from services.stripe_sandbox import deliveries

if TYPE_CHECKING:
    from conftest import LocalSandbox

URL = "http://127.0.0.1:9/webhooks"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries do not wait."""
    monkeypatch.setattr(deliveries, "BACKOFF_SECONDS", (0,))


def listen(local: "LocalSandbox", *events: str) -> str:
    return str(local.post("webhook_endpoints", url=URL, enabled_events=list(events or ("*",)))["secret"])


def test_an_event_is_signed_so_that_stripes_own_library_accepts_it(local: "LocalSandbox") -> None:
    secret = listen(local)
    assert secret.startswith("whsec_sandbox_")
    local.post("customers", email="a@example.com")
    local.settle()
    url, body, headers = local.receiver.received[0]
    assert url == URL
    event = stripe.Webhook.construct_event(body, headers["Stripe-Signature"], secret)
    assert event.type == "customer.created"
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, headers["Stripe-Signature"], "whsec_other")


def test_an_event_names_the_request_that_caused_it(local: "LocalSandbox") -> None:
    answer = local.send("POST", "customers", {"Idempotency-Key": "k1"}, email="a@example.com")
    event = local.get("events", type="customer.created")["data"][0]
    assert event["request"] == {"id": answer.headers["request-id"], "idempotency_key": "k1"}
    local.subscription()
    local.advance(days=30)
    renewal = local.events("invoice.created")[-1]
    assert renewal["request"] == {"id": None, "idempotency_key": None}


def test_an_update_tells_what_was_there_before(local: "LocalSandbox") -> None:
    customer = local.post("customers", email="a@example.com", address={"city": "Ulm"})
    path = f"customers/{customer['id']}"
    local.post(path, email="b@example.com", address={"city": "Bonn"}, metadata={"a": "b"})
    local.post(path, email="b@example.com")
    (event,) = local.events("customer.updated")
    assert event["data"]["previous_attributes"] == {
        "email": "a@example.com", "address": {"city": "Ulm"}, "metadata": {"a": None},
    }  # fmt: skip
    assert event["data"]["object"]["email"] == "b@example.com"


def test_only_what_an_endpoint_asks_for_is_sent_to_it(local: "LocalSandbox") -> None:
    listen(local, "invoice.paid", "customer.subscription.created")
    local.subscription()
    local.settle()
    assert sorted(local.receiver.types()) == ["customer.subscription.created", "invoice.paid"]
    told = local.events("invoice.paid")[0]
    assert told["pending_webhooks"] == 0
    assert local.events("invoice.created")[0]["pending_webhooks"] == 0


def test_endpoints_are_changed_disabled_and_deleted(local: "LocalSandbox") -> None:
    endpoint = local.post("webhook_endpoints", url=URL, enabled_events=["*"], metadata={"a": "b"}, description="d")
    path = f"webhook_endpoints/{endpoint['id']}"
    assert "secret" not in local.get(path)
    assert local.post(path, disabled=True)["status"] == "disabled"
    local.post("customers")
    local.settle()
    assert local.receiver.received == []
    changed = local.post(path, disabled=False, enabled_events=["customer.deleted"], url=f"{URL}/2")
    assert (changed["status"], changed["url"]) == ("enabled", f"{URL}/2")
    assert len(local.get("webhook_endpoints")["data"]) == 1
    assert local.delete(path)["deleted"] is True
    assert local.refused("POST", "webhook_endpoints", 400, url="nowhere", enabled_events=["*"])["code"] == "url_invalid"


def test_a_refused_delivery_is_tried_ten_times(local: "LocalSandbox") -> None:
    listen(local)
    local.receiver.status = 500
    local.post("customers")
    local.settle()
    assert len(local.receiver.received) == 10
    assert local.get("events", delivery_success=False)["data"][0]["type"] == "customer.created"
    assert local.control("counters")["objects"].get("_delivery") is None


def test_a_receiver_that_is_down_gets_it_later(local: "LocalSandbox") -> None:
    listen(local)
    local.receiver.status = None
    local.post("customers")
    local.client.run(local.inside.deliveries.deliver_pending())
    local.receiver.status = 204
    local.settle()
    assert len(local.receiver.received) == 2
    assert len({body for _, body, _ in local.receiver.received}) == 1
    assert local.get("events", delivery_success=True)["data"]


def test_deliveries_are_dropped_doubled_turned_round_or_held(local: "LocalSandbox") -> None:
    listen(local)

    def told(mode: str) -> list[str]:
        local.receiver.received.clear()
        local.control("deliveries", mode=mode)
        for email in ("a@example.com", "b@example.com"):
            local.post("customers", email=email)
        local.settle()
        return [json.loads(body)["data"]["object"]["email"] for _, body, _ in local.receiver.received]

    assert sorted(told("normal")) == ["a@example.com", "b@example.com"]
    assert told("drop") == []
    assert sorted(told("duplicate")) == ["a@example.com"] * 2 + ["b@example.com"] * 2
    assert told("reorder") == ["b@example.com", "a@example.com"]
    assert told("hold") == []
    assert local.control("deliveries", mode="normal", release=True)["released"] == 2
    local.settle()
    assert len(local.receiver.received) == 2
    assert local.client.request("POST", "/_control/deliveries", json={"mode": "lost"}).status_code == 400


def test_an_event_that_was_lost_is_sent_again(local: "LocalSandbox") -> None:
    listen(local)
    local.control("deliveries", mode="drop")
    local.post("customers")
    local.control("deliveries", mode="normal")
    event = local.get("events", types=["customer.created"])["data"][0]
    assert local.control("resend", event=event["id"])["deliveries"] == 1
    local.settle()
    assert json.loads(local.receiver.received[0][1])["id"] == event["id"]
    assert local.get(f"events/{event['id']}")["pending_webhooks"] == 0


def test_a_failed_call_tells_nothing(local: "LocalSandbox") -> None:
    listen(local)
    local.refused("POST", "customers", 404, email="a@example.com", payment_method="pm_none")
    local.settle()
    assert local.receiver.received == []
    assert local.get("customers")["data"] == []


def test_events_are_found_by_type(local: "LocalSandbox") -> None:
    local.subscription()
    assert {event["type"] for event in local.get("events", type="invoice.*")["data"]} >= {
        "invoice.created",
        "invoice.paid",
    }
    assert local.get("events", type="customer.deleted")["data"] == []
