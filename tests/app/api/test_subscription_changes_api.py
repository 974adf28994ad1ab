"""Changing, cancelling, pausing and resuming over HTTP, and adjustments by our own side."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from models import Collection
from services.database import transaction
from services.invoices.finding import list_invoices
from services.payments.dunning import SUSPENDED_AFTER, advance_dunning, begin_dunning
from services.price_books.books import load_book
from services.price_books.entries import BookEntry
from services.price_books.files import read_book
from services.settings import CATALOGS
from services.subscriptions.finding import read_subscription
from services.subscriptions.starting import create_subscription
from tests.app.api.conftest import Client, World, assert_problem


def path(world: World, action: str) -> str:
    return f"/v1/subscriptions/{world.acme.subscription_id}/{action}"


def test_a_change_comes_to_what_its_preview_said(client: Client, world: World) -> None:
    headers = world.acme.headers
    asked = {"plan_code": "ENTERPRISE"}
    shown = client.post(path(world, "change"), json=asked | {"preview": True}, headers=headers).json()
    assert (shown["is_preview"], shown["when"], len(shown["lines"])) == (True, "now", 2)
    before = client.get(f"/v1/subscriptions/{world.acme.subscription_id}", headers=headers).json()
    assert before["plan_code"] == "PRO"
    body = asked | {"since": shown["effective_at"]}
    keyed = headers | {"Idempotency-Key": "up"}
    done = client.post(path(world, "change"), json=body, headers=keyed)
    assert done.status_code == 200, done.text
    assert client.post(path(world, "change"), json=body, headers=keyed).text == done.text
    assert done.json()["lines"] == shown["lines"]
    assert done.json()["subscription"]["plan_code"] == "ENTERPRISE"
    running = client.get("/v1/invoices/preview", headers=headers).json()
    assert [line["total"] for line in running["lines"] if line["kind"] == "proration"] == [
        line["total"] for line in shown["lines"]
    ]


def test_what_is_paid_by_card_moves_to_a_year_as_its_preview_said(client: Client, sqlite_world: World) -> None:
    world, headers = sqlite_world, sqlite_world.acme.headers
    with transaction() as session:
        read_subscription(session, tenant_id=world.acme.tenant_id).collection = Collection.AUTOMATIC
    asked = {"plan_code": "PRO", "interval": "year"}
    shown = client.post(path(world, "change"), json=asked | {"preview": True}, headers=headers).json()
    assert (shown["when"], len(shown["lines"])) == ("now", 2)
    done = client.post(path(world, "change"), json=asked | {"since": shown["effective_at"]}, headers=headers).json()
    assert done["lines"] == shown["lines"]
    assert done["subscription"]["interval"] == "year"
    back = client.post(path(world, "change"), json=asked | {"interval": "month"}, headers=headers).json()
    assert (back["when"], back["lines"]) == ("period_end", [])


def test_a_cheaper_plan_is_scheduled_shown_and_withdrawn(client: Client, sqlite_world: World) -> None:
    world, headers = sqlite_world, sqlite_world.acme.headers
    done = client.post(path(world, "change"), json={"plan_code": "STARTER"}, headers=headers).json()
    assert (done["when"], done["lines"]) == ("period_end", [])
    waiting = done["subscription"]["scheduled_change"]
    assert (waiting["kind"], waiting["plan_code"], waiting["status"]) == ("plan", "reliability/STARTER", "scheduled")
    back = client.post(path(world, "scheduled-change/withdraw"), headers=headers).json()
    assert back["scheduled_change"] is None
    listed = client.get(path(world, "scheduled-changes"), headers=headers).json()["changes"]
    assert [change["status"] for change in listed] == ["withdrawn"]
    assert_problem(client.post(path(world, "scheduled-change/withdraw"), headers=headers), 404, "not_found")


def test_what_cannot_be_is_refused(client: Client, sqlite_world: World) -> None:
    world, headers = sqlite_world, sqlite_world.acme.headers
    for body, status, code, field in (
        ({"plan_code": "PRO"}, 422, "invalid", "plan_code"),
        ({"plan_code": "NOPE"}, 422, "unknown_plan", "plan_code"),
        ({"plan_code": "STARTER", "when": "now"}, 422, "invalid", "when"),
        ({"plan_code": "ENTERPRISE", "since": "2020-01-01T00:00:00Z"}, 422, "invalid", "since"),
    ):
        assert_problem(client.post(path(world, "change"), json=body, headers=headers), status, code, field)
    assert_problem(client.post(path(world, "resume"), headers=headers), 409, "subscription_conflict")


def test_cancel_reactivate_pause_and_resume(client: Client, sqlite_world: World) -> None:
    world, headers = sqlite_world, sqlite_world.acme.headers
    assert client.post(path(world, "cancel"), headers=headers).json()["scheduled_change"]["kind"] == "cancel"
    assert client.post(path(world, "reactivate"), headers=headers).json()["scheduled_change"] is None
    assert client.post(path(world, "pause"), json={"when": "now"}, headers=headers).json()["status"] == "paused"
    assert client.post(path(world, "resume"), headers=headers).json()["status"] == "active"
    assert client.post(path(world, "cancel"), json={"when": "now"}, headers=headers).json()["status"] == "canceled"


def test_our_own_side_adjusts_and_pays_back(client: Client, sqlite_world: World) -> None:
    world = sqlite_world
    url = f"/v1/admin/subscriptions/{world.acme.subscription_id}/adjustments"
    body = {"amount": "-12000.00", "reason": "Outage on 3 March"}
    assert_problem(client.post(url, json=body, headers=world.acme.headers), 403, "missing_scope")
    made = client.post(url, json=body, headers=world.operator_headers)
    assert made.status_code == 201, made.text
    assert made.json()["total"] == "-12000.00"
    finer = client.post(url, json=body | {"amount": "1.001"}, headers=world.operator_headers)
    assert_problem(finer, 422, "invalid", "amount")
    closing = {"subscription_id": world.acme.subscription_id, "force_period_end": True}
    invoice = client.post("/v1/invoices/generate", json=closing, headers=world.operator_headers).json()
    assert invoice["total"] == "0.00"
    assert client.get("/v1/account-credit", headers=world.acme.headers).json()["total"] == "3000.00"
    paid = client.post("/v1/admin/account-credit/pay-back", json={"tenant_id": world.acme.tenant_id},
                       headers=world.operator_headers)  # fmt: skip
    assert paid.json()["total"] == "3000.00"
    assert client.get("/v1/account-credit", headers=world.acme.headers).json()["total"] == "0.00"


def test_the_own_plan_keeps_its_terms_unless_todays_are_asked_for(client: Client, sqlite_world: World) -> None:
    world, headers = sqlite_world, sqlite_world.acme.headers
    book = read_book(CATALOGS / "reliability.toml")
    plans = [
        plan.model_copy(update={"base_price": Decimal("20000")}) if plan.code == "PRO" else plan for plan in book.plans
    ]
    with transaction() as session:
        load_book(session, book=book.model_copy(update={"plans": plans}), at=datetime.now(UTC))
    own = client.get(f"/v1/subscriptions/{world.acme.subscription_id}", headers=headers).json()["plan_version"]
    again = client.post(path(world, "change"), json={"plan_code": "PRO"}, headers=headers)
    assert_problem(again, 422, "invalid", "plan_code")
    yearly = {"plan_code": "PRO", "interval": "year", "preview": True}
    shown = client.post(path(world, "change"), json=yearly, headers=headers).json()
    assert 0 < shown["lines"][-1]["amount"]["amount_minor"] <= 86_400_00  # today's would be 192,000.00
    todays = {"plan_code": "PRO", "terms": "today"}
    done = client.post(path(world, "change"), json=todays, headers=headers)
    assert done.status_code == 200, done.text
    assert done.json()["subscription"]["plan_version"] != own
    assert_problem(client.post(path(world, "change"), json=todays, headers=headers), 422, "invalid", "plan_code")
    wrong = {"plan_code": "PRO", "terms": "best"}
    assert_problem(client.post(path(world, "change"), json=wrong, headers=headers), 422, "invalid", "terms")


def test_what_was_moved_for_an_unpaid_invoice_says_what_brings_it_back(client: Client, sqlite_world: World) -> None:
    world, headers = sqlite_world, sqlite_world.acme.headers
    written = read_book(CATALOGS / "assistant.toml").model_dump(exclude_unset=True)
    plans = [dict(plan) for plan in written["plans"]]
    plans[1]["after_dunning"] = "free"
    at = datetime.now(UTC)
    with transaction() as session:
        book = BookEntry.model_validate(written | {"code": "kept", "currency": "CAD", "plans": plans})
        load_book(session, book=book, at=at)
        team = create_subscription(
            session, tenant_id=world.acme.tenant_id, plan_code="kept/pro", name="Team", started_at=at, at=at
        )
        bill = list_invoices(session, tenant_id=world.acme.tenant_id, subscription_id=team.id)[0]
        begin_dunning(session, invoice=bill, failed_at=at - SUSPENDED_AFTER)
        advance_dunning(session, tenant_id=world.acme.tenant_id, invoice_id=bill.id, at=at + timedelta(seconds=1))
    own = f"/v1/subscriptions/{team.id}"
    now = client.get(own, headers=headers).json()
    assert (now["plan_code"], now["restores_plan_code"], now["status"]) == ("free", "pro", "past_due")
    for action, body in (("change", {"plan_code": "kept/team"}), ("pause", {})):
        refused = client.post(f"{own}/{action}", json=body, headers=headers)
        assert_problem(refused, 409, "subscription_conflict")
        assert "moved to Free because" in refused.json()["detail"]
    main = client.get(f"/v1/subscriptions/{world.acme.subscription_id}", headers=headers).json()
    assert main["restores_plan_code"] is None
