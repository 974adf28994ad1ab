"""The control: clock, failures on demand, disputes, counters, and a sandbox that is started again."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import LocalSandbox

DAY = 86_400


def test_the_clock_moves_forward_only(local: "LocalSandbox") -> None:
    now = local.now()
    assert local.control("advance", seconds=90)["now"] == now + 90
    assert local.control("clock") == {"now": now + 90, "offset_seconds": 90}
    for given in ({"to": now}, {"seconds": -1}, {"seconds": 10**12}):
        assert local.client.request("POST", "/_control/advance", json=given).status_code == 400


def test_time_that_passes_by_itself_does_what_is_due_at_its_own_time(local: "LocalSandbox") -> None:
    subscription = local.subscription()
    end = subscription["items"]["data"][0]["current_period_end"]
    local.clock.moment += timedelta(days=40)
    renewed = local.reread(subscription)["latest_invoice"]
    assert (renewed["created"], renewed["status"]) == (end, "paid")


def test_webhooks_are_sent_between_one_work_and_the_next(local: "LocalSandbox") -> None:
    local.subscription()
    local.post("webhook_endpoints", url="http://127.0.0.1:9/", enabled_events=["invoice.created", "invoice.paid"])
    clock, seen = local.inside.world.clock, []

    def post(url: str, body: bytes, headers: object, timeout_seconds: float) -> int:
        seen.append((json.loads(body)["type"], clock.now() - json.loads(body)["created"]))
        return 200

    local.inside.deliveries.post = post
    local.control("advance", seconds=60 * DAY, deliver=True)
    assert seen == [("invoice.created", 0), ("invoice.paid", 0)] * 2


@pytest.mark.parametrize(
    ("status", "kind"),
    [("409", "idempotency_error"), ("429", "rate_limit_error"), ("500", "api_error"), ("503", "api_error")],
)
def test_the_next_answers_are_what_was_ordered(local: "LocalSandbox", status: str, kind: str) -> None:
    local.control("answer_next", status=status, count=2, path_prefix="/v1/customers")
    key = {"Idempotency-Key": "k"}
    assert local.send("GET", "account").status_code == 200
    for _ in range(2):
        answer = local.send("POST", "customers", key, email="a@example.com")
        assert (answer.status_code, answer.json()["error"]["type"]) == (int(status), kind)
    granted = local.send("POST", "customers", key, email="a@example.com")
    assert (granted.status_code, "idempotent-replayed" in granted.headers) == (200, False)


def test_a_time_out_does_nothing_but_a_lost_answer_was_done(local: "LocalSandbox") -> None:
    local.control("answer_next", status="timeout", delay_seconds=0)
    assert local.client.request("POST", "/v1/customers").status_code == 504
    assert local.get("customers")["data"] == []
    local.control("answer_next", status="drop_after", delay_seconds=0)
    key = {"Idempotency-Key": "k"}
    assert local.client.request("POST", "/v1/customers", headers=key).status_code == 502
    again = local.send("POST", "customers", key)
    assert again.headers["idempotent-replayed"] == "true"
    assert len(local.get("customers")["data"]) == 1


def test_random_failures_repeat_with_their_seed(local: "LocalSandbox") -> None:
    def statuses() -> list[int]:
        local.control("fail_rate", percent=50, seed=7, delay_seconds=0)
        return [local.client.request("GET", "/v1/account").status_code for _ in range(40)]

    first = statuses()
    assert first == statuses()
    assert {200, 429, 500, 502, 504} == set(first)
    local.control("fail_rate", percent=0)
    assert local.send("GET", "account").status_code == 200


def test_a_planned_failure_meets_the_customer_it_names(local: "LocalSandbox") -> None:
    lucky, unlucky = local.customer(), local.customer()
    local.control("fail_next_payment", customer=unlucky["id"], decline_code="insufficient_funds")
    local.control("fail_next_payment", customer=unlucky["id"], action_required=True)
    invoice = local.post(f"invoices/{local.invoice(lucky)['id']}/finalize")
    assert local.post(f"invoices/{invoice['id']}/pay")["status"] == "paid"
    other = local.post(f"invoices/{local.invoice(unlucky)['id']}/finalize")
    assert local.refused("POST", f"invoices/{other['id']}/pay", 402)["decline_code"] == "insufficient_funds"
    asked = local.refused("POST", f"invoices/{other['id']}/pay", 402)
    assert asked["code"] == "invoice_payment_intent_requires_action"
    assert asked["payment_intent"]["status"] == "requires_action"
    assert local.post(f"invoices/{other['id']}/pay")["status"] == "paid"


def test_a_dispute_is_opened_and_closed(local: "LocalSandbox") -> None:
    local.subscription()
    charge = local.get("charges")["data"][0]
    dispute = local.control("dispute", charge=charge["id"])
    local.conformance.check_object(dispute)
    assert local.get(f"charges/{charge['id']}")["disputed"] is True
    assert local.get(f"disputes/{dispute['id']}")["status"] == "needs_response"
    assert [one["id"] for one in local.get("disputes", charge=charge["id"])["data"]] == [dispute["id"]]
    assert local.control("dispute", charge=charge["id"], close="won")["status"] == "won"
    assert local.event_types()[-3:] == ["charge.updated", "charge.dispute.created", "charge.dispute.closed"]
    for given in ({"close": "lost"}, {"close": "maybe"}, {}):
        answer = local.client.request("POST", "/_control/dispute", json={"charge": charge["id"], **given})
        assert answer.status_code in (400, 404)


def test_calls_and_objects_are_counted_until_a_reset(local: "LocalSandbox") -> None:
    local.customer()
    counted = local.control("counters")
    assert counted["calls"]["POST /v1/customers"] == 1
    assert counted["objects"]["customer"] == 1
    local.advance(days=1)
    local.control("reset")
    assert local.control("counters") == {"calls": {}, "objects": {}}
    assert local.control("clock")["offset_seconds"] == 0
    for body in ("[1]", "{"):
        assert local.client.request("POST", "/_control/reset", content=body).status_code == 400


def test_a_restart_keeps_everything(open_local: Callable[..., "LocalSandbox"], tmp_path: Path) -> None:
    state = tmp_path / "folder" / "sandbox.db"
    before = open_local(state)
    subscription = before.subscription()
    before.post("webhook_endpoints", url="http://127.0.0.1:9/", enabled_events=["invoice.paid"])
    gone = before.post("products", name="Gone")
    before.delete(f"products/{gone['id']}")
    before.advance(days=3)
    before.send("POST", "customers", {"Idempotency-Key": "k"}, email="a@example.com")
    invoices, events, now = before.get("invoices"), before.event_types(), before.now()
    before.inside.close()
    after = open_local(state)
    assert (after.get("invoices"), after.event_types(), after.now()) == (invoices, events, now)
    again = after.send("POST", "customers", {"Idempotency-Key": "k"}, email="a@example.com")
    assert again.headers["idempotent-replayed"] == "true"
    after.refused("GET", f"products/{gone['id']}", 404)
    after.advance(days=30)
    assert after.reread(subscription)["latest_invoice"]["billing_reason"] == "subscription_cycle"
    after.settle()
    assert after.receiver.types() == ["invoice.paid"]


def test_a_webhook_owed_at_the_end_is_sent_after_the_restart(
    open_local: Callable[..., "LocalSandbox"], tmp_path: Path
) -> None:
    before = open_local(tmp_path / "sandbox.db")
    before.post("webhook_endpoints", url="http://127.0.0.1:9/", enabled_events=["*"])
    before.post("customers")
    before.inside.close()
    after = open_local(tmp_path / "sandbox.db")
    after.settle()
    assert after.receiver.types() == ["customer.created"]
