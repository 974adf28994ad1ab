"""The life of a subscription: first payment, renewal, trial, dunning, change and end."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import LocalSandbox

DAY = 86_400
HOUR = 3_600


def period(subscription: dict[str, Any]) -> tuple[int, int]:
    item = subscription["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]


def day(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).date().isoformat()


def test_a_subscription_begins_paid(local: "LocalSandbox") -> None:
    subscription = local.subscription(metadata={"tenant": "t1"})
    invoice = subscription["latest_invoice"]
    assert subscription["status"] == "active"
    assert (invoice["status"], invoice["billing_reason"], invoice["total"]) == ("paid", "subscription_create", 2_000)
    assert invoice["parent"]["subscription_details"]["subscription"] == subscription["id"]
    assert invoice["parent"]["subscription_details"]["metadata"] == {"tenant": "t1"}
    line = invoice["lines"]["data"][0]
    assert line["pricing"]["price_details"]["price"] == subscription["items"]["data"][0]["price"]["id"]
    assert (line["period"]["start"], line["period"]["end"]) == period(subscription)
    assert [day(moment) for moment in period(subscription)] == ["2026-01-31", "2026-02-28"]
    assert invoice["hosted_invoice_url"].startswith("http://localhost:3000/sandbox/pay/")
    assert invoice["invoice_pdf"] == f"{invoice['hosted_invoice_url']}/pdf"
    types = local.event_types()
    assert "customer.subscription.updated" not in types
    assert types.index("invoice.created") < types.index("invoice.finalized") < types.index("invoice.paid")
    for kind in ("payment_intent.succeeded", "charge.succeeded", "invoice.payment_succeeded"):
        assert types.count(kind) == 1


def test_a_renewal_is_a_draft_for_an_hour(local: "LocalSandbox") -> None:
    subscription = local.subscription()
    end = period(subscription)[1]
    local.control("advance", to=end)
    renewed = local.reread(subscription)
    draft = renewed["latest_invoice"]
    assert (draft["status"], draft["billing_reason"]) == ("draft", "subscription_cycle")
    assert (draft["auto_advance"], draft["created"], draft["automatically_finalizes_at"]) == (True, end, end + HOUR)
    assert (draft["period_start"], draft["period_end"]) == period(subscription)
    assert [day(moment) for moment in period(renewed)] == ["2026-02-28", "2026-03-31"]
    previous = local.events("customer.subscription.updated")[-1]["data"]["previous_attributes"]
    assert previous["latest_invoice"] == subscription["latest_invoice"]["id"]
    local.post(
        "invoiceitems", customer=subscription["customer"], invoice=draft["id"], amount=123, currency="usd",
        description="Usage", discountable=False,
    )  # fmt: skip
    local.control("advance", to=end + HOUR - 1)
    assert local.reread(subscription)["latest_invoice"]["status"] == "draft"
    local.control("advance", to=end + HOUR)
    paid = local.reread(subscription)["latest_invoice"]
    assert (paid["status"], paid["total"]) == ("paid", 2_123)
    assert paid["status_transitions"]["finalized_at"] == end + HOUR


def test_a_renewals_draft_can_be_sent_instead(local: "LocalSandbox") -> None:
    subscription = local.subscription()
    local.advance(days=28)
    draft = local.reread(subscription)["latest_invoice"]
    assert draft["next_payment_attempt"] == draft["automatically_finalizes_at"]
    terms = {"collection_method": "send_invoice", "days_until_due": 14}
    changed = local.post(f"invoices/{draft['id']}", **terms, custom_fields=[{"name": "Ours", "value": "T-1"}])
    assert changed["next_payment_attempt"] is None
    opened = local.post(f"invoices/{draft['id']}/finalize", auto_advance=True)
    assert (opened["status"], opened["due_date"]) == ("open", local.now() + 14 * DAY)
    local.advance(days=1)
    assert local.get(f"invoices/{draft['id']}")["status"] == "open"
    assert local.event_types().count("charge.succeeded") == 1


def test_a_draft_that_does_not_advance_waits(local: "LocalSandbox") -> None:
    subscription = local.subscription()
    local.advance(days=28)
    draft = local.reread(subscription)["latest_invoice"]
    stopped = local.post(f"invoices/{draft['id']}", auto_advance=False)
    assert (stopped["auto_advance"], stopped["automatically_finalizes_at"]) == (False, None)
    local.advance(days=2)
    assert local.get(f"invoices/{draft['id']}")["status"] == "draft"
    local.post(f"invoices/{draft['id']}", auto_advance=True)
    local.advance(hours=1)
    assert local.get(f"invoices/{draft['id']}")["status"] == "paid"


def test_a_year_in_one_step_is_a_year_month_by_month(local: "LocalSandbox") -> None:
    subscription = local.subscription()
    local.advance(days=365)
    invoices = local.get("invoices", subscription=subscription["id"], limit=100)["data"]
    starts = [day(invoice["lines"]["data"][0]["period"]["start"]) for invoice in reversed(invoices)]
    assert starts == [
        "2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30", "2026-07-31",
        "2026-08-31", "2026-09-30", "2026-10-31", "2026-11-30", "2026-12-31", "2027-01-31",
    ]  # fmt: skip
    created = [event["created"] for event in local.inside.world.store.all("event")]
    assert created == sorted(created)


def test_a_failed_renewal_is_tried_three_more_times_and_then_unpaid(local: "LocalSandbox") -> None:
    subscription = local.subscription()
    local.control("fail_next_payment", customer=subscription["customer"], count=4)
    local.control("advance", to=period(subscription)[1] + HOUR)
    late = local.reread(subscription)
    assert late["status"] == "past_due"
    for attempt, days in ((1, 3), (2, 5), (3, 7)):
        invoice = local.reread(subscription)["latest_invoice"]
        assert (invoice["status"], invoice["attempt_count"]) == ("open", attempt)
        assert invoice["next_payment_attempt"] == local.now() + days * DAY
        local.advance(days=days)
    unpaid = local.reread(subscription)
    assert (unpaid["status"], unpaid["latest_invoice"]["next_payment_attempt"]) == ("unpaid", None)
    assert local.event_types().count("invoice.payment_failed") == 4
    assert local.event_types().count("charge.failed") == 4
    paid = local.post(f"invoices/{unpaid['latest_invoice']['id']}/pay")
    assert (paid["status"], paid["amount_remaining"]) == ("paid", 0)
    assert local.reread(subscription)["status"] == "active"


def test_an_unpaid_subscription_renews_with_drafts_that_wait(local: "LocalSandbox") -> None:
    subscription = local.subscription()
    local.control("fail_next_payment", count=4)
    local.advance(days=28 + 31 + 1)
    unpaid = local.reread(subscription)
    assert unpaid["status"] == "unpaid"
    assert (unpaid["latest_invoice"]["status"], unpaid["latest_invoice"]["auto_advance"]) == ("draft", False)


@pytest.mark.parametrize("card", ["pm_card_chargeCustomerFail", "pm_card_authenticationRequired"])
def test_a_first_payment_that_fails_leaves_it_incomplete_for_23_hours(local: "LocalSandbox", card: str) -> None:
    subscription = local.subscription(local.customer(card))
    assert (subscription["status"], subscription["latest_invoice"]["status"]) == ("incomplete", "open")
    asked = "invoice.payment_action_required" in local.event_types()
    assert asked == (card == "pm_card_authenticationRequired")
    local.advance(hours=24)
    expired = local.reread(subscription)
    assert (expired["status"], expired["latest_invoice"]["status"]) == ("incomplete_expired", "void")


def test_an_incomplete_subscription_begins_when_its_invoice_is_paid(local: "LocalSandbox") -> None:
    subscription = local.subscription(payment_behavior="default_incomplete")
    invoice = subscription["latest_invoice"]
    assert (subscription["status"], invoice["attempt_count"]) == ("incomplete", 0)
    secret = local.get(f"invoices/{invoice['id']}", expand=["confirmation_secret"])["confirmation_secret"]
    assert "_secret_" in secret["client_secret"]
    local.post(f"invoices/{invoice['id']}/pay")
    assert local.reread(subscription)["status"] == "active"
    local.advance(days=2)
    assert local.reread(subscription)["status"] == "active"
    local.advance(days=27)
    assert local.reread(subscription)["latest_invoice"]["billing_reason"] == "subscription_cycle"


def test_error_if_incomplete_keeps_nothing(local: "LocalSandbox") -> None:
    customer, price = local.customer("pm_card_chargeCustomerFail"), local.price()
    before = local.event_types()
    error = local.refused(
        "POST", "subscriptions", 402,
        customer=customer["id"], items=[{"price": price["id"]}], payment_behavior="error_if_incomplete",
    )  # fmt: skip
    assert (error["type"], error["code"], error["decline_code"]) == ("card_error", "card_declined", "generic_decline")
    assert local.get("subscriptions", status="all")["data"] == []
    assert local.get("invoices")["data"] == []
    assert local.event_types() == before


def test_without_a_payment_method_it_cannot_begin(local: "LocalSandbox") -> None:
    customer, price = local.customer(None), local.price()
    error = local.refused("POST", "subscriptions", 400, customer=customer["id"], items=[{"price": price["id"]}])
    assert error["code"] == "resource_missing"


def test_a_trial_costs_nothing_and_is_announced_before_it_ends(local: "LocalSandbox") -> None:
    subscription = local.subscription(trial_period_days=14)
    invoice = subscription["latest_invoice"]
    assert (subscription["status"], invoice["status"], invoice["total"]) == ("trialing", "paid", 0)
    assert local.get("payment_intents")["data"] == []
    assert subscription["trial_end"] == period(subscription)[1]
    local.advance(days=11)
    assert local.event_types().count("customer.subscription.trial_will_end") == 1
    local.advance(days=3)
    active = local.reread(subscription)
    assert (active["status"], active["latest_invoice"]["status"]) == ("active", "draft")
    assert active["latest_invoice"]["billing_reason"] == "subscription_cycle"
    local.advance(hours=1)
    assert local.reread(subscription)["latest_invoice"]["amount_paid"] == 2_000


@pytest.mark.parametrize(
    ("missing", "status"), [("create_invoice", "past_due"), ("pause", "paused"), ("cancel", "canceled")]
)
def test_a_trial_without_payment_method_ends_as_its_settings_say(
    local: "LocalSandbox", missing: str, status: str
) -> None:
    settings = {"end_behavior": {"missing_payment_method": missing}}
    subscription = local.subscription(local.customer(None), trial_period_days=2, trial_settings=settings)
    local.advance(days=2, hours=1)
    assert local.reread(subscription)["status"] == status
    assert ("customer.subscription.paused" in local.event_types()) == (missing == "pause")


def test_a_trial_can_be_ended_now_or_moved(local: "LocalSandbox") -> None:
    subscription = local.subscription(trial_period_days=14)
    path = f"subscriptions/{subscription['id']}"
    moved = local.post(path, trial_end=subscription["trial_end"] + 5 * DAY)
    assert period(moved)[1] == moved["trial_end"] == subscription["trial_end"] + 5 * DAY
    ended = local.post(path, trial_end="now", expand=["latest_invoice"])
    assert (ended["status"], ended["latest_invoice"]["total"]) == ("active", 2_000)
    assert ended["billing_cycle_anchor"] == local.now()
    assert local.refused("POST", path, 400, trial_end=local.now() - 1)["param"] == "trial_end"


def test_an_anchor_in_the_future_without_proration_bills_nothing_until_then(local: "LocalSandbox") -> None:
    anchor = local.now() + 10 * DAY
    subscription = local.subscription(billing_cycle_anchor=anchor, proration_behavior="none")
    assert (subscription["status"], subscription["latest_invoice"]) == ("active", None)
    assert period(subscription)[1] == anchor
    local.control("advance", to=anchor + HOUR)
    first = local.reread(subscription)
    assert first["latest_invoice"]["amount_paid"] == 2_000
    assert day(period(first)[1]) == "2026-03-10"


def test_an_anchor_in_the_future_prorates_by_default(local: "LocalSandbox") -> None:
    anchor = local.now() + 10 * DAY
    subscription = local.subscription(billing_cycle_anchor=anchor)
    share = 2_000 * 10 / 31
    assert subscription["latest_invoice"]["total"] == round(share)
    far = local.now() + 40 * DAY
    price = local.price()
    error = local.refused(
        "POST", "subscriptions", 400,
        customer=subscription["customer"], items=[{"price": price["id"]}], billing_cycle_anchor=far,
    )  # fmt: skip
    assert error["param"] == "billing_cycle_anchor"


def test_a_price_changes_without_proration_from_the_next_period_on(local: "LocalSandbox") -> None:
    subscription = local.subscription()
    item = subscription["items"]["data"][0]["id"]
    dearer = local.price(5_000)
    changed = local.post(
        f"subscriptions/{subscription['id']}", items=[{"id": item, "price": dearer["id"]}], proration_behavior="none"
    )
    assert changed["items"]["data"][0]["plan"]["amount"] == 5_000
    assert changed["latest_invoice"] == subscription["latest_invoice"]["id"]
    local.advance(days=29)
    assert local.reread(subscription)["latest_invoice"]["total"] == 5_000


def test_prorations_wait_for_the_next_invoice_or_are_billed_at_once(local: "LocalSandbox") -> None:
    subscription = local.subscription()
    path, item = f"subscriptions/{subscription['id']}", subscription["items"]["data"][0]["id"]
    local.advance(days=14)
    local.post(path, items=[{"id": item, "quantity": 2}])
    pending = local.get("invoiceitems", customer=subscription["customer"], pending=True)["data"]
    assert sorted(one["amount"] for one in pending) == [-1_000, 2_000]
    assert all(one["proration"] for one in pending)
    changed = local.post(
        path, items=[{"id": item, "quantity": 1}], proration_behavior="always_invoice", expand=["latest_invoice"]
    )
    assert changed["latest_invoice"]["billing_reason"] == "subscription_update"
    assert changed["latest_invoice"]["total"] == 0
    assert local.get("invoiceitems", pending=True)["data"] == []


def test_another_interval_begins_a_new_cycle(local: "LocalSandbox") -> None:
    subscription = local.subscription()
    yearly = local.price(20_000, "year")
    item = {"id": subscription["items"]["data"][0]["id"], "price": yearly["id"]}
    changed = local.post(
        f"subscriptions/{subscription['id']}", items=[item], proration_behavior="none", expand=["latest_invoice"]
    )
    assert changed["latest_invoice"]["amount_paid"] == 20_000
    assert day(period(changed)[1]) == "2027-01-31"


def test_items_come_and_go(local: "LocalSandbox") -> None:
    subscription, extra = local.subscription(), local.price(700)
    added = local.post(
        "subscription_items", subscription=subscription["id"], price=extra["id"], quantity=3, proration_behavior="none"
    )
    assert added["quantity"] == 3
    assert len(local.get("subscription_items", subscription=subscription["id"])["data"]) == 2
    changed = local.post(
        f"subscription_items/{added['id']}", quantity=4, metadata={"a": "b"}, proration_behavior="none"
    )
    assert (changed["quantity"], local.get(f"subscription_items/{added['id']}")["metadata"]) == (4, {"a": "b"})
    assert local.delete(f"subscription_items/{added['id']}", proration_behavior="none")["deleted"] is True
    assert len(local.reread(subscription)["items"]["data"]) == 1
    twice = [{"price": extra["id"]}, {"price": extra["id"]}]
    assert local.refused("POST", "subscriptions", 400, customer=subscription["customer"], items=twice)
    mixed = [{"price": extra["id"]}, {"price": local.price(1, "year")["id"]}]
    assert local.refused("POST", "subscriptions", 400, customer=subscription["customer"], items=mixed)


def test_it_ends_at_the_end_of_its_period_on_a_date_or_at_once(local: "LocalSandbox") -> None:
    at_end, on_date, at_once = (local.subscription() for _ in range(3))
    scheduled = local.post(f"subscriptions/{at_end['id']}", cancel_at_period_end=True)
    assert (scheduled["cancel_at"], scheduled["canceled_at"]) == (period(at_end)[1], local.now())
    local.post(f"subscriptions/{on_date['id']}", cancel_at=local.now() + 5 * DAY)
    details = {"feedback": "too_expensive", "comment": "bye"}
    ended = local.delete(f"subscriptions/{at_once['id']}", cancellation_details=details)
    assert (ended["status"], ended["cancellation_details"]["feedback"]) == ("canceled", "too_expensive")
    local.advance(days=6)
    assert local.reread(on_date)["status"] == "canceled"
    local.advance(days=24)
    over = local.reread(at_end)
    assert (over["status"], over["ended_at"]) == ("canceled", period(at_end)[1])
    assert local.event_types().count("customer.subscription.deleted") == 3
    assert local.get("subscriptions")["data"] == []
    assert len(local.get("subscriptions", status="canceled")["data"]) == 3
    error = local.refused("POST", f"subscriptions/{at_end['id']}", 400, cancel_at_period_end=False)
    assert "canceled subscription" in error["message"]


def test_a_scheduled_end_can_be_taken_back(local: "LocalSandbox") -> None:
    subscription = local.subscription(cancel_at_period_end=True)
    kept = local.post(f"subscriptions/{subscription['id']}", cancel_at_period_end=False)
    assert (kept["cancel_at"], kept["canceled_at"]) == (None, None)
    local.advance(days=30)
    assert local.reread(subscription)["status"] == "active"


@pytest.mark.parametrize(
    ("behavior", "status"), [("void", "void"), ("mark_uncollectible", "uncollectible"), ("keep_as_draft", "draft")]
)
def test_collection_can_be_paused(local: "LocalSandbox", behavior: str, status: str) -> None:
    subscription = local.subscription()
    path = f"subscriptions/{subscription['id']}"
    local.post(path, pause_collection={"behavior": behavior, "resumes_at": local.now() + 40 * DAY})
    local.advance(days=30)
    paused = local.reread(subscription)
    assert (paused["status"], paused["latest_invoice"]["status"]) == ("active", status)
    local.advance(days=15)
    assert local.reread(subscription)["pause_collection"] is None
    assert local.post(path, pause_collection="")["pause_collection"] is None


def test_a_paused_subscription_is_resumed_with_a_new_period(local: "LocalSandbox") -> None:
    subscription = local.subscription()
    path = f"subscriptions/{subscription['id']}"
    paused = local.post(f"{path}/pause", type="subscription")
    assert (paused["status"], paused["status_details"]["paused"]["subscription"]["type"]) == (
        "paused",
        "pause_requested",
    )
    local.advance(days=60)
    resumed = local.post(f"{path}/resume", expand=["latest_invoice"])
    assert (resumed["status"], period(resumed)[0]) == ("active", local.now())
    assert resumed["latest_invoice"]["amount_paid"] == 2_000
    assert local.event_types()[-1] == "customer.subscription.resumed"
    assert local.refused("POST", f"{path}/resume", 400)


def test_sent_invoices_are_open_until_due_and_then_late(local: "LocalSandbox") -> None:
    subscription = local.subscription(local.customer(None), collection_method="send_invoice", days_until_due=14)
    assert (subscription["status"], subscription["latest_invoice"]["status"]) == ("active", "draft")
    local.advance(hours=1)
    sent = local.reread(subscription)["latest_invoice"]
    assert (sent["status"], sent["due_date"]) == ("open", sent["status_transitions"]["finalized_at"] + 14 * DAY)
    local.advance(days=14)
    assert local.reread(subscription)["status"] == "past_due"
    assert "invoice.overdue" in local.event_types()
    local.post(f"invoices/{sent['id']}/pay", paid_out_of_band=True)
    assert local.reread(subscription)["status"] == "active"
    assert local.refused("POST", f"subscriptions/{subscription['id']}", 400, cancel_at=1)


def test_subscriptions_are_found_by_customer_price_and_status(local: "LocalSandbox") -> None:
    one, other = local.subscription(), local.subscription()
    found = local.get("subscriptions", customer=one["customer"])["data"]
    assert [subscription["id"] for subscription in found] == [one["id"]]
    price = other["items"]["data"][0]["price"]["id"]
    assert [found["id"] for found in local.get("subscriptions", price=price)["data"]] == [other["id"]]
    assert len(local.get("subscriptions", status="active", current_period_end={"gt": local.now()})["data"]) == 2
    assert local.get("subscriptions", status="ended")["data"] == []


def test_a_test_clock_keeps_its_own_time(local: "LocalSandbox") -> None:
    frozen = local.now() + 100 * DAY
    clock = local.post("test_helpers/test_clocks", frozen_time=frozen, name="far")
    customer = local.customer(test_clock=clock["id"])
    subscription = local.subscription(customer)
    assert subscription["created"] == frozen
    advancing = local.post(f"test_helpers/test_clocks/{clock['id']}/advance", frozen_time=frozen + 32 * DAY)
    assert advancing["status"] == "advancing"
    assert local.get(f"test_helpers/test_clocks/{clock['id']}")["status"] == "ready"
    renewed = local.reread(subscription)["latest_invoice"]
    assert (renewed["status"], renewed["test_clock"]) == ("paid", clock["id"])
    assert renewed["created"] == period(subscription)[1]
    assert local.refused("POST", f"test_helpers/test_clocks/{clock['id']}/advance", 400, frozen_time=frozen)
    assert len(local.get("test_helpers/test_clocks")["data"]) == 1
    assert local.delete(f"test_helpers/test_clocks/{clock['id']}")["deleted"] is True
    local.refused("GET", f"customers/{customer['id']}", 404)


def test_the_card_that_paid_becomes_the_default_where_that_is_asked(local: "LocalSandbox") -> None:
    customer = local.customer(None)
    settings = {"save_default_payment_method": "on_subscription"}
    subscription = local.subscription(customer, payment_behavior="default_incomplete", payment_settings=settings)
    method = local.post("payment_methods/pm_card_visa/attach", customer=customer["id"])["id"]
    local.post(f"invoices/{subscription['latest_invoice']['id']}/pay", payment_method=method)
    assert local.reread(subscription)["default_payment_method"] == method


def test_a_subscription_is_described_collected_and_taxed_anew(local: "LocalSandbox") -> None:
    subscription = local.subscription()
    rate = local.post("tax_rates", display_name="VAT", inclusive=False, percentage=10)
    method = local.post("payment_methods/pm_card_amex/attach", customer=subscription["customer"])["id"]
    changed = local.post(
        f"subscriptions/{subscription['id']}",
        description="Team plan",
        default_tax_rates=[rate["id"]],
        default_payment_method=method,
        metadata={"a": "b"},
    )
    assert (changed["description"], changed["default_payment_method"]) == ("Team plan", method)
    local.advance(days=29)
    renewed = local.reread(subscription)["latest_invoice"]
    assert (renewed["total"], renewed["description"]) == (2_200, "Team plan")
    other = local.customer()["invoice_settings"]["default_payment_method"]
    error = local.refused("POST", f"subscriptions/{subscription['id']}", 400, default_payment_method=other)
    assert error["param"] == "default_payment_method"


def test_a_cycle_can_begin_now(local: "LocalSandbox") -> None:
    subscription = local.subscription()
    local.advance(days=10)
    changed = local.post(
        f"subscriptions/{subscription['id']}",
        billing_cycle_anchor={"type": "now"},
        proration_behavior="none",
        expand=["latest_invoice"],
    )
    assert (changed["billing_cycle_anchor"], period(changed)[0]) == (local.now(), local.now())
    assert changed["latest_invoice"]["amount_paid"] == 2_000


def test_what_is_pending_is_billed_on_cancellation_when_asked(local: "LocalSandbox") -> None:
    subscription = local.subscription()
    local.post("invoiceitems", customer=subscription["customer"], amount=900, currency="usd")
    ended = local.delete(f"subscriptions/{subscription['id']}", invoice_now=True, expand=["latest_invoice"])
    assert (ended["status"], ended["latest_invoice"]["total"]) == ("canceled", 900)
