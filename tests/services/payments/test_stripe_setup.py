"""Set-up against a sandbox: everything once, nothing twice, and on from where it was interrupted."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from models import CatalogKind, Interval
from services.database import reading, transaction
from services.errors import KeysUnavailable, ProviderUnavailable, UnknownPriceBook
from services.gateways.stripe import catalog
from services.gateways.stripe.client import Stripe, open_stripe
from services.gateways.stripe.connection import Connection
from services.gateways.stripe.wares import HANDLED_EVENTS
from services.payments.stripe_catalog import (
    find_price,
    noted_things,
    payment_links,
    portal_configuration,
    price_key,
    webhook_secrets,
)
from services.payments.stripe_setup import SetupReport, set_up
from services.payments.stripe_wanted import wanted_endpoint
from services.price_books.books import load_book, load_shipped_books, plan_in_force
from services.price_books.entries import BookEntry
from services.price_books.plans import Plan
from services.settings import settings
from tests.given import NOON

BOOKS = 4
OURS: dict[str, Any] = {
    "code": "ours",
    "name": "Ours",
    "currency": "CAD",
    "annual_discount_pct": 20,
    "pools": {"jobs": {"name": "Jobs", "unit": "job"}},
    "meters": {"job": {"name": "Jobs", "unit": "job", "pool": "jobs", "credits_per_unit": Decimal(1)}},
}
GRADUATED = {
    "model": "graduated",
    "tiers": [{"up_to": 50, "unit_price": Decimal("0.005")}, {"unit_price": Decimal("0.008")}],
}


@pytest.fixture
def stripe(sandbox: Any, sqlite_engine: Engine) -> Stripe:
    return open_stripe(Connection("sandbox", sandbox.secret_key, sandbox.address))


@pytest.fixture
def changes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What was asked of Stripe other than to tell us something."""
    made: list[str] = []
    called = Stripe.call

    def counting(self: Stripe, ask: Callable[..., Any], *args: Any, key: str | None = None) -> dict[str, Any]:
        if ask.__name__ != "list":
            made.append(f"{type(ask.__self__).__name__}.{ask.__name__}")  # type: ignore[attr-defined]
        return called(self, ask, *args, key=key)

    monkeypatch.setattr(Stripe, "call", counting)
    return made


def own_book(*, price: str = "10", overage: dict[str, Any] | None = None, **plan: Any) -> Plan:
    """A book of one plan, put in force."""
    terms = {"allowances": {"jobs": Decimal(100)}, "overage": {"jobs": overage}} if overage else {}
    entry = {"code": "PLAN", "name": "Plan", "tagline": "One", "base_price": Decimal(price), **terms, **plan}
    with transaction() as session:
        load_book(session, book=BookEntry.model_validate({**OURS, "plans": [entry]}), at=NOON)
        return plan_in_force(session, plan_code="ours/PLAN")


def actions(report: SetupReport) -> Counter[str]:
    return Counter(step.action for step in report.steps)


def done(report: SetupReport) -> dict[str, str]:
    return {step.key: step.action for step in report.steps if step.action != "unchanged"}


def standing(stripe: Stripe, service: Any, **params: Any) -> list[dict[str, Any]]:
    return list(stripe.listed(service.list, **params))


def price_of(plan: Plan, interval: Interval = Interval.MONTH, account: str = "sandbox") -> str | None:
    with reading() as session:
        return find_price(session, account=account, plan=plan, interval=interval)


def secrets() -> list[str]:
    with reading() as session:
        return webhook_secrets(session, account="sandbox")


def test_every_shipped_book_is_set_up_once_and_a_second_run_changes_nothing(stripe: Stripe, changes: list[str]) -> None:
    with transaction() as session:
        assert len(load_shipped_books(session, at=NOON)) == BOOKS
    first = set_up(stripe, at=NOON)
    assert set(actions(first)) == {"created"}
    assert first.has_changed_stripe
    assert len(changes) == len(first.steps)
    changes.clear()
    second = set_up(stripe, at=NOON)
    assert actions(second) == {"unchanged": len(first.steps)}
    assert (changes, second.has_changed_stripe) == ([], False)
    assert [step.stripe_id for step in second.steps] == [step.stripe_id for step in first.steps]


def test_a_price_is_the_plans_base_and_found_by_its_amount(stripe: Stripe) -> None:
    plan = own_book(price="9000")
    set_up(stripe, at=NOON, book_code="ours")
    monthly, yearly = price_of(plan), price_of(plan, Interval.YEAR)
    by_id = {price["id"]: price for price in standing(stripe, stripe.v1.prices)}
    assert (by_id[monthly]["unit_amount"], by_id[monthly]["recurring"]["interval"]) == (900_000, "month")
    assert (by_id[yearly]["unit_amount"], by_id[yearly]["recurring"]["interval"]) == (8_640_000, "year")
    assert {price["currency"] for price in by_id.values()} == {"cad"}
    assert by_id[monthly]["lookup_key"] == "tallystick:ours:PLAN:month" == price_key(plan, Interval.MONTH)
    assert price_of(replace(plan, base_price=Decimal(9001))) is None
    assert price_of(replace(plan, currency="USD")) is None
    assert price_of(plan, account="live") is None


def test_a_plan_without_a_base_price_has_a_product_alone(stripe: Stripe) -> None:
    plan = own_book(price="0")
    report = set_up(stripe, at=NOON, book_code="ours")
    assert [step.key for step in report.steps if "ours" in step.key] == ["tallystick:ours:PLAN"]
    assert price_of(plan) is None


def test_use_sold_in_tiers_is_quoted_with_the_included_units_first_and_free(stripe: Stripe) -> None:
    own_book(overage=GRADUATED)
    set_up(stripe, at=NOON, book_code="ours")
    (price,) = standing(
        stripe, stripe.v1.prices, lookup_keys=["tallystick:ours:PLAN:overage:jobs"], expand=["data.tiers"]
    )
    tiers = [(tier["up_to"], Decimal(tier["unit_amount_decimal"])) for tier in price["tiers"]]
    assert tiers == [(100, Decimal(0)), (150, Decimal("0.5")), (None, Decimal("0.8"))]
    assert (price["billing_scheme"], price["tiers_mode"]) == ("tiered", "graduated")


@pytest.mark.parametrize(
    "overage",
    [
        {"model": "per_unit", "unit_price": Decimal(1)},
        {**GRADUATED, "minimum": Decimal(5)},
        {**GRADUATED, "included": Decimal("0.5")},
    ],
)
def test_what_graduated_prices_cannot_say_is_not_quoted(stripe: Stripe, overage: dict[str, Any]) -> None:
    own_book(overage=overage)
    assert not [step for step in set_up(stripe, at=NOON, book_code="ours").steps if "overage" in step.key]


def test_a_changed_amount_is_a_new_price_that_takes_the_name_and_ends_the_old_one(stripe: Stripe) -> None:
    old_plan = own_book(price="10")
    set_up(stripe, at=NOON, book_code="ours")
    old = price_of(old_plan)
    new_plan = own_book(price="12")
    report = set_up(stripe, at=NOON, book_code="ours")
    assert done(report) == {
        f"tallystick:ours:PLAN:{interval}{what}": "replaced" for interval in ("month", "year") for what in ("", ":link")
    }
    prices = {price["id"]: price for price in standing(stripe, stripe.v1.prices)}
    assert not prices[old]["active"]
    assert prices[old]["lookup_key"] is None
    assert prices[price_of(new_plan)]["unit_amount"] == 1200
    assert price_of(old_plan) is None
    links = standing(stripe, stripe.v1.payment_links)
    assert sorted(link["active"] for link in links) == [False, False, True, True]


def test_an_amount_that_comes_back_is_sold_again(stripe: Stripe) -> None:
    plan = own_book(price="10")
    for price in ("10", "12", "10"):
        own_book(price=price)
        set_up(stripe, at=NOON, book_code="ours")
    (found,) = standing(stripe, stripe.v1.prices, lookup_keys=[price_key(plan, Interval.MONTH)])
    assert (found["id"], found["unit_amount"], found["active"]) == (price_of(plan), 1000, True)


def test_a_renamed_plan_keeps_its_product(stripe: Stripe) -> None:
    own_book()
    set_up(stripe, at=NOON, book_code="ours")
    own_book(name="Plan for two", tagline="Two")
    assert done(set_up(stripe, at=NOON, book_code="ours")) == {"tallystick:ours:PLAN": "changed"}
    (product,) = standing(stripe, stripe.v1.products)
    assert (product["name"], product["description"]) == ("Ours Plan for two", "Two")


def test_an_installation_that_remembers_nothing_finds_what_is_there(stripe: Stripe, changes: list[str]) -> None:
    plan = own_book()
    first = set_up(stripe, at=NOON, book_code="ours")
    price = price_of(plan)
    forget_everything()
    changes.clear()
    second = set_up(stripe, at=NOON, book_code="ours")
    assert actions(second) == {"found": len(first.steps) - 1, "replaced": 1}  # an endpoint's secret is told once
    assert changes == ["WebhookEndpointService.create", "WebhookEndpointService.delete"]
    assert price_of(plan) == price


def test_an_endpoint_whose_secret_is_in_the_settings_is_kept(
    stripe: Stripe, changes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own_book()
    set_up(stripe, at=NOON, book_code="ours")
    forget_everything()
    monkeypatch.setenv("TALLYSTICK_STRIPE_WEBHOOK_SECRET", "whsec_sandbox_known")
    settings.cache_clear()
    changes.clear()
    assert set(actions(set_up(stripe, at=NOON, book_code="ours"))) == {"found"}
    assert changes == []
    assert secrets() == ["whsec_sandbox_known"]


@pytest.mark.parametrize("fail_at", [1, 3, 5])
def test_a_set_up_that_was_interrupted_goes_on_where_it_ended(
    stripe: Stripe, changes: list[str], monkeypatch: pytest.MonkeyPatch, fail_at: int
) -> None:
    own_book()
    made = catalog.make_thing

    def failing(*args: Any, **named: Any) -> Any:
        thing = made(*args, **named)
        if len(changes) == fail_at:
            raise ProviderUnavailable("the answer was lost")
        return thing

    monkeypatch.setattr(catalog, "make_thing", failing)
    with pytest.raises(ProviderUnavailable):
        set_up(stripe, at=NOON, book_code="ours")
    monkeypatch.setattr(catalog, "make_thing", made)
    report = set_up(stripe, at=NOON, book_code="ours")
    assert (actions(report)["found"], actions(report)["unchanged"]) == (1, fail_at - 1)
    assert len(changes) == len(report.steps)
    assert set(actions(set_up(stripe, at=NOON, book_code="ours"))) == {"unchanged"}


def test_a_dry_run_says_what_would_be_done_and_does_nothing(stripe: Stripe, changes: list[str]) -> None:
    own_book()
    report = set_up(stripe, at=NOON, book_code="ours", dry_run=True)
    assert set(actions(report)) == {"created"}
    assert (changes, report.has_changed_stripe, noted()) == ([], False, {})
    set_up(stripe, at=NOON, book_code="ours")
    changes.clear()
    own_book(price="12", name="Dearer")
    assert Counter(done(set_up(stripe, at=NOON, book_code="ours", dry_run=True)).values()) == {
        "changed": 1,
        "replaced": 4,
    }
    assert changes == []


def test_what_was_taken_off_sale_by_hand_is_sold_again(stripe: Stripe) -> None:
    plan = own_book()
    set_up(stripe, at=NOON, book_code="ours")
    stripe.call(stripe.v1.prices.update, price_of(plan), {"active": False})
    assert done(set_up(stripe, at=NOON, book_code="ours")) == {"tallystick:ours:PLAN:month": "changed"}
    (price,) = standing(stripe, stripe.v1.prices, lookup_keys=[price_key(plan, Interval.MONTH)])
    assert price["active"]


def test_a_portal_that_lets_customers_cancel_is_put_right(stripe: Stripe) -> None:
    own_book()
    set_up(stripe, at=NOON, book_code="ours")
    with reading() as session:
        configuration = portal_configuration(session, account="sandbox")
        assert portal_configuration(session, account="live") is None
    service = stripe.v1.billing_portal.configurations
    stripe.call(service.update, configuration, {"features": {"subscription_cancel": {"enabled": True}}})
    assert done(set_up(stripe, at=NOON, book_code="ours")) == {"tallystick:portal": "changed"}
    (found,) = [one for one in standing(stripe, service) if one["id"] == configuration]
    features = found["features"]
    assert not features["subscription_cancel"]["enabled"]
    assert not features["subscription_update"]["enabled"]
    assert features["invoice_history"]["enabled"]
    assert "tax_id" in features["customer_update"]["allowed_updates"]


def test_an_endpoint_takes_exactly_the_events_we_handle_in_the_version_the_sdk_reads(stripe: Stripe) -> None:
    own_book()
    report = set_up(stripe, at=NOON, book_code="ours")
    (endpoint,) = standing(stripe, stripe.v1.webhook_endpoints)
    assert endpoint["url"] == "http://127.0.0.1:3000/v1/stripe/webhook"
    assert endpoint["api_version"] == "2026-10-28.endive"
    assert sorted(endpoint["enabled_events"]) == sorted(HANDLED_EVENTS)
    assert secrets() == [report.webhook_secret]
    assert str(report.webhook_secret) not in repr(report)


def test_an_endpoint_with_other_events_is_made_anew(stripe: Stripe) -> None:
    own_book()
    first = set_up(stripe, at=NOON, book_code="ours")
    (endpoint,) = standing(stripe, stripe.v1.webhook_endpoints)
    stripe.call(stripe.v1.webhook_endpoints.update, endpoint["id"], {"enabled_events": ["invoice.paid"]})
    second = set_up(stripe, at=NOON, book_code="ours")
    assert list(done(second).values()) == ["replaced"]
    assert [one["id"] for one in standing(stripe, stripe.v1.webhook_endpoints)] == [second.steps[-1].stripe_id]
    assert secrets() == [second.webhook_secret]
    assert second.webhook_secret != first.webhook_secret


def test_another_address_is_another_endpoint_and_the_old_one_is_removed(
    stripe: Stripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_book()
    set_up(stripe, at=NOON, book_code="ours")
    monkeypatch.setenv("TALLYSTICK_PORT", "3456")
    report = set_up(stripe, at=NOON, book_code="ours")
    assert sorted(done(report).values()) == ["created", "removed"]
    (endpoint,) = standing(stripe, stripe.v1.webhook_endpoints)
    assert endpoint["url"] == "http://127.0.0.1:3456/v1/stripe/webhook"
    assert secrets() == [report.webhook_secret]


def test_the_endpoint_of_another_installation_is_left_alone(stripe: Stripe) -> None:
    own_book()
    theirs = wanted_endpoint("https://other.example.com")
    catalog.make_thing(stripe, key="theirs", name=theirs.key, fingerprint=theirs.fingerprint, ware=theirs.ware)
    set_up(stripe, at=NOON, book_code="ours")
    assert len(standing(stripe, stripe.v1.webhook_endpoints)) == 2


def test_stripe_itself_gets_no_endpoint_it_cannot_reach(stripe: Stripe) -> None:
    own_book()
    report = set_up(replace(stripe, account="test"), at=NOON, book_code="ours")
    assert not [step for step in report.steps if step.kind == CatalogKind.WEBHOOK_ENDPOINT]
    assert len(report.notes) == 1
    assert "http://localhost:3000" in report.notes[0]


def test_accounts_are_told_apart(stripe: Stripe) -> None:
    plan = own_book()
    set_up(replace(stripe, account="test"), at=NOON, book_code="ours")
    assert price_of(plan) is None
    assert price_of(plan, account="test") is not None


def test_a_secret_is_not_kept_in_the_clear_and_opens_under_its_own_master_key(
    stripe: Stripe, sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_book()
    secret = set_up(stripe, at=NOON, book_code="ours").webhook_secret
    assert secret is not None
    with sqlite_engine.connect() as connection:
        stored = connection.exec_driver_sql("SELECT secret FROM stripe_catalog_entry WHERE secret IS NOT NULL").scalar()
    assert secret not in stored
    monkeypatch.setenv("TALLYSTICK_MASTER_KEY", "E" * 43)
    settings.cache_clear()
    with pytest.raises(KeysUnavailable, match="another one"):
        secrets()


def test_payment_links_sell_each_price_with_the_plans_trial(stripe: Stripe) -> None:
    own_book(trial_days=14)
    set_up(stripe, at=NOON, book_code="ours")
    with reading() as session:
        links = payment_links(session, account="sandbox")
    assert sorted(links) == ["tallystick:ours:PLAN:month:link", "tallystick:ours:PLAN:year:link"]
    assert all(url.startswith("http") for url in links.values())
    for link in standing(stripe, stripe.v1.payment_links):
        assert link["subscription_data"]["trial_period_days"] == 14
        assert link["metadata"]["tallystick_plan"] == "ours/PLAN"


def test_a_sandbox_that_was_emptied_is_set_up_anew(stripe: Stripe, sandbox: Any) -> None:
    plan = own_book()
    first = set_up(stripe, at=NOON, book_code="ours")
    sandbox.control("reset")
    again = set_up(stripe, at=NOON, book_code="ours")
    assert actions(again) == {"created": len(first.steps)}
    assert [price["id"] for price in standing(stripe, stripe.v1.prices) if price["id"] == price_of(plan)]


def test_a_book_that_is_not_in_force_is_refused(stripe: Stripe, changes: list[str]) -> None:
    with pytest.raises(UnknownPriceBook):
        set_up(stripe, at=NOON, book_code="nowhere")
    assert changes == []


def noted() -> dict[str, Any]:
    with reading() as session:
        return dict(noted_things(session, account="sandbox"))


def forget_everything() -> None:
    from services.payments.stripe_catalog import forget_entry

    for name in noted():
        with transaction() as session:
            forget_entry(session, account="sandbox", lookup_key=name)
