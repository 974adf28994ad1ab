"""/metrics: how payments keep moving, for operators, in the format that Prometheus reads."""

import re
from datetime import timedelta

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

from app import payments
from models import Collection, InvoiceCheck
from services.api_keys import create_api_key
from services.database import transaction
from services.payments import outbox
from services.settings import settings
from services.subscriptions.starting import create_subscription
from tests.app.api.conftest import Client, World, assert_problem
from tests.given import NOON, OPERATOR
from tests.payments_world import PaymentsWorld


def read(client: Client, key: str) -> httpx.Response:
    return client.get("/metrics", headers={"Authorization": f"Bearer {key}"})


def gauges(client: Client, key: str) -> dict[str, float]:
    answer = read(client, key)
    assert answer.status_code == 200, answer.text
    return {
        sample.name.removeprefix("tallystick_payment_"): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name.startswith("tallystick_payment_")
    }


@pytest.fixture
def operator_key(payments_world: PaymentsWorld) -> str:
    made = payments_world.transact(
        create_api_key, scopes=["operator"], is_operator=True, maker=OPERATOR, at=payments_world.now()
    )
    return str(made.key)


def test_metrics_are_for_operators(sqlite_world: World, client: Client) -> None:
    assert client.get("/metrics").status_code == 401
    assert_problem(client.get("/metrics", headers=sqlite_world.acme.headers), 403, "missing_scope")
    answer = client.get("/metrics", headers=sqlite_world.operator_headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")


def test_every_gauge_says_what_it_means(sqlite_world: World, client: Client) -> None:
    text = client.get("/metrics", headers=sqlite_world.operator_headers).text
    named = set(re.findall(r"^(tallystick_payment_\w+) ", text, re.MULTILINE))
    assert len(named) >= 8
    for name in named:
        assert re.search(rf"^# HELP {name} \S", text, re.MULTILINE)
        assert re.search(rf"^# TYPE {name} gauge$", text, re.MULTILINE)


def test_where_no_stripe_is_to_be_had_nothing_waits(
    sqlite_engine: Engine, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLYSTICK_PUBLIC_URL", "https://portal.example")
    settings.cache_clear()
    with transaction() as session:
        key = create_api_key(session, scopes=["operator"], is_operator=True, maker=OPERATOR, at=NOON).key
    assert set(gauges(client, key).values()) == {0.0}


def test_what_waits_and_since_when_is_counted(payments_world: PaymentsWorld, client: Client, operator_key: str) -> None:
    world = payments_world
    assert set(gauges(client, operator_key).values()) == {0.0}
    world.transact(
        create_subscription, tenant_id=world.tenant_id, plan_code="PRO", collection=Collection.AUTOMATIC, at=world.now()
    )
    payments.owe_what_is_missing(world.stripe, at=world.now())
    world.ask("POST", "/v1/customers", {"name": "Somebody"})
    kept = world.deliver(world.undelivered())
    world.pass_time(minutes=10)
    waiting = gauges(client, operator_key)
    assert 0 < waiting["events_waiting"] <= kept
    assert waiting["calls_waiting"] > 0
    for age in ("oldest_event_age_seconds", "oldest_call_age_seconds"):
        assert 600 <= waiting[age] <= 660
    world.work()
    assert set(gauges(client, operator_key).values()) == {0.0}


def test_what_waits_for_a_person_is_counted(payments_world: PaymentsWorld, client: Client, operator_key: str) -> None:
    world = payments_world
    customer = world.ask("POST", "/v1/customers", {"name": "Gone soon"})["id"]
    draft = world.ask("POST", "/v1/invoices", {"customer": customer})["id"]
    world.sandbox.call("DELETE", f"/v1/invoices/{draft}")
    world.transact(
        create_subscription, tenant_id=world.tenant_id, plan_code="PRO", collection=Collection.AUTOMATIC, at=world.now()
    )
    payments.owe_what_is_missing(world.stripe, at=world.now())
    ((tenant_id, subject), *_) = world.transact(outbox.claim_subjects, account=world.stripe.account, at=world.now())
    call = world.transact(outbox.next_call, tenant_id=tenant_id, subject=subject, at=world.now())
    world.transact(outbox.hold_call, call=call, error="No.")
    world.work()
    world.transact(_note_difference, invoice_id=world.invoices()[0].id, tenant_id=world.tenant_id, at=world.now())
    found = gauges(client, operator_key)
    assert (found["events_failed"], found["calls_held"], found["invoices_differing"]) == (2, 1, 1)


def _note_difference(session: object, *, invoice_id: str, tenant_id: str, at: object) -> None:
    difference = [{"code": "disputed", "detail": "The payment is disputed."}]
    session.add(  # type: ignore[attr-defined]
        InvoiceCheck(
            tenant_id=tenant_id, invoice_id=invoice_id, checked_at=at, difference_count=1, differences=difference
        )
    )


def test_failed_payments_are_counted_until_they_are_settled(
    payments_world: PaymentsWorld, client: Client, operator_key: str
) -> None:
    world = payments_world
    world.buy("STARTER")
    end = world.subscription().current_period_end
    world.sandbox.control("fail_next_payment", count=1)
    world.pass_until(end + timedelta(minutes=1))
    world.live(until=end + timedelta(hours=4), step=timedelta(minutes=45))
    assert gauges(client, operator_key)["dunnings_running"] == 1
    theirs = world.at_stripe("invoice")[-1]
    world.ask("POST", f"/v1/invoices/{theirs['id']}/pay")
    world.work()
    assert gauges(client, operator_key)["dunnings_running"] == 0
