"""`tallystick stripe replay|sweep|calls|retry` and `tallystick reconcile`: what they print, and their exit codes."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import text
from typer.testing import CliRunner

from app.cli.commands import cli
from models import Collection, StripeEvent, StripeInvoice
from services.payments import outbox
from services.settings import settings
from services.subscriptions.starting import create_subscription
from tests.payments_world import PaymentsWorld

Run = Callable[..., Result]


@pytest.fixture
def run(payments_world: PaymentsWorld) -> Run:
    runner = CliRunner()

    def invoke(*arguments: str, code: int = 0) -> Result:
        result = runner.invoke(cli, list(arguments))
        assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
        return result

    return invoke


def in_json(result: Result) -> Any:
    return json.loads(result.stdout)


# -- reconcile


def test_where_everything_agrees_it_says_so_and_ends_with_0(payments_world: PaymentsWorld, run: Run) -> None:
    payments_world.buy("PRO")
    assert "Everything agrees." in run("reconcile").stdout
    assert "1 invoices compared, 0 differ." in run("reconcile").stdout
    assert in_json(run("reconcile", "--json")) == {"invoices": 1, "differing": 0, "differences": []}
    assert in_json(run("reconcile", "--offline", "--json"))["differing"] == 0


def test_a_difference_is_listed_and_it_ends_with_1(payments_world: PaymentsWorld, run: Run) -> None:
    world = payments_world
    world.buy("PRO")
    (invoice,) = world.invoices()
    world.transact(lambda session: session.execute(text("UPDATE stripe_invoice SET total_minor = total_minor - 1")))
    table = run("reconcile", "--offline", code=1).stdout
    for words in ("stripe_total_differs", invoice.id, world.tenant_id, "$8,999.99 found", "1 differ"):
        assert words in table
    said = in_json(run("reconcile", "--offline", "--json", code=1))
    assert (said["invoices"], said["differing"]) == (1, 1)
    assert [(each["invoice_id"], each["code"]) for each in said["differences"]] == [
        (invoice.id, "stripe_total_differs")
    ]
    assert in_json(run("reconcile", "--json"))["differences"] == [], "asking Stripe mends what was read wrong"


def test_what_stripe_has_and_nobody_here_knows_is_listed(payments_world: PaymentsWorld, run: Run) -> None:
    world = payments_world
    world.buy("PRO")
    customer = world.at_stripe("customer")[0]["id"]
    draft = world.ask("POST", "/v1/invoices", {"customer": customer, "auto_advance": "false"})["id"]
    world.ask(
        "POST", f"/v1/invoices/{draft}/add_lines", {"lines[0][amount]": 99_00, "lines[0][description]": "By hand"}
    )
    world.work()
    world.pass_time(hours=3)
    said = in_json(run("reconcile", "--json", code=1))
    assert [(each["code"], each["invoice_id"]) for each in said["differences"]] == [("unknown_at_stripe", draft)]
    assert said["differing"] == 0


def test_one_customer_is_compared_by_name_or_id(payments_world: PaymentsWorld, run: Run) -> None:
    payments_world.buy("PRO")
    other = payments_world.add_customer("Borealis")
    assert in_json(run("reconcile", "--tenant", "Acme", "--json"))["invoices"] == 1
    assert in_json(run("reconcile", "--tenant", other, "--json"))["invoices"] == 0
    assert "no customer" in run("reconcile", "--tenant", "Nobody", code=1).stderr


def test_without_a_stripe_it_says_what_can_be_done(
    payments_world: PaymentsWorld, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TALLYSTICK_STRIPE_SECRET_KEY")
    monkeypatch.setenv("TALLYSTICK_PUBLIC_URL", "https://portal.example")
    settings.cache_clear()
    assert "With --offline only our own side is compared." in run("reconcile", code=1).stderr
    assert in_json(run("reconcile", "--offline", "--json"))["invoices"] == 0


# -- replay and sweep


def test_a_failed_event_is_replayed_and_what_became_of_it_shown(payments_world: PaymentsWorld, run: Run) -> None:
    world = payments_world
    world.pay(world.open_checkout("PRO"))
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr("services.payments.inbox.ATTEMPTS_MAX", 1)
        broken.setattr("services.payments.paid_checkouts.link_subscription", _break)
        world.work()
    failed = [row.id for row in world.rows(StripeEvent) if row.status == "failed"]
    assert len(failed) >= 3
    for event_id in failed:
        said = in_json(run("stripe", "replay", event_id, "--json"))
        assert (said["event_id"], said["status"], said["error"]) == (event_id, "handled", None)
    assert [each.total_minor for each in world.invoices()] == [900_000]
    again = in_json(run("stripe", "replay", failed[0], "--json"))
    assert again["status"] == "handled"
    assert len(world.invoices()) == 1


def _break(*_given: Any, **_named: Any) -> Any:
    raise RuntimeError("it broke")


def test_an_event_that_fails_again_ends_with_1(payments_world: PaymentsWorld, run: Run) -> None:
    world = payments_world
    customer = world.ask("POST", "/v1/customers", {"name": "Gone soon"})["id"]
    draft = world.ask("POST", "/v1/invoices", {"customer": customer})["id"]
    world.sandbox.call("DELETE", f"/v1/invoices/{draft}")
    world.work()
    (event_id,) = [row.id for row in world.rows(StripeEvent) if row.type == "invoice.created"]
    shown = run("stripe", "replay", event_id, code=1).stdout
    assert "failed" in shown
    assert "No such invoice" in shown


def test_an_event_that_is_not_here_cannot_be_replayed(run: Run) -> None:
    assert "no such event" in run("stripe", "replay", "evt_none", code=1).stderr.lower()


def test_the_sweep_fetches_what_never_arrived_and_handles_it(payments_world: PaymentsWorld, run: Run) -> None:
    world = payments_world
    world.pay(world.open_checkout("PRO"))
    said = in_json(run("stripe", "sweep", "--json"))
    assert said["found"] > said["handled"] > 3
    assert said["failed"] == 0
    assert [each.status for each in world.invoices()] == ["paid"]
    run("stripe", "sweep", "--json")
    assert in_json(run("stripe", "sweep", "--json"))["found"] == 0


# -- calls and retry


def hold_a_call(world: PaymentsWorld) -> str:
    from app import payments

    world.transact(
        create_subscription, tenant_id=world.tenant_id, plan_code="PRO", collection=Collection.AUTOMATIC, at=world.now()
    )
    payments.owe_what_is_missing(world.stripe, at=world.now())
    subject = world.subscription().id
    call = world.transact(outbox.next_call, tenant_id=world.tenant_id, subject=subject, at=world.now())
    world.transact(outbox.hold_call, call=call, error="No such customer.")
    return str(call.key)


def test_held_calls_are_listed_with_their_reason(payments_world: PaymentsWorld, run: Run) -> None:
    assert "No call is held." in run("stripe", "calls").stdout
    assert in_json(run("stripe", "calls", "--json")) == []
    key = hold_a_call(payments_world)
    (said,) = in_json(run("stripe", "calls", "--json"))
    assert (said["key"], said["tenant_id"], said["error"]) == (key, payments_world.tenant_id, "No such customer.")
    assert "No such customer." in run("stripe", "calls").stdout


def test_a_retried_call_is_made_with_those_that_waited_behind_it(payments_world: PaymentsWorld, run: Run) -> None:
    world = payments_world
    key = hold_a_call(world)
    world.pass_time(minutes=10)
    said = in_json(run("stripe", "retry", key, "--json"))
    assert (said["key"], said["status"], said["error"]) == (key, "done", None)
    assert len(world.at_stripe("subscription")) == len(world.at_stripe("customer")) == 1
    assert in_json(run("stripe", "calls", "--json")) == []
    world.work()
    assert len(world.at_stripe("invoice")) == 1


def test_a_call_that_is_refused_again_ends_with_1(payments_world: PaymentsWorld, run: Run) -> None:
    world = payments_world
    world.buy("PRO")
    world.use("1500000")
    end = world.subscription().current_period_end
    world.pass_until(end + timedelta(minutes=5))
    world.work()
    draft = world.row(StripeInvoice, billing_reason="subscription_cycle").stripe_id
    world.ask("POST", f"/v1/invoices/{draft}/add_lines", {"lines[0][amount]": 5_00, "lines[0][description]": "Theirs"})
    world.pass_until(end + timedelta(hours=1, minutes=5))
    world.tick()
    (held,) = in_json(run("stripe", "calls", "--json"))
    assert held["key"].endswith(":whole:finalize")
    shown = run("stripe", "retry", held["key"], code=1).stdout
    assert "it stays a draft until they agree" in shown


def test_a_call_that_is_not_here_cannot_be_retried(run: Run) -> None:
    assert "no such call" in run("stripe", "retry", "none", code=1).stderr.lower()
