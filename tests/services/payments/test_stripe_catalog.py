"""What is remembered of what stands at the payment provider, on both databases."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session

from models import CatalogKind, Interval
from services.payments.stripe_catalog import (
    PORTAL_KEY,
    find_price,
    forget_entry,
    keep_entry,
    noted_things,
    payment_links,
    portal_configuration,
    price_fingerprint,
    price_key,
    webhook_secrets,
)
from services.price_books.books import load_shipped_books, plan_in_force
from services.price_books.plans import Plan
from services.settings import settings
from tests.given import NOON


@pytest.fixture
def plan(session: Session) -> Plan:
    load_shipped_books(session, at=NOON)
    return plan_in_force(session, plan_code="PRO")


def keep(session: Session, lookup_key: str, kind: CatalogKind, stripe_id: str, **more: Any) -> None:
    noted = {"account": "test", "fingerprint": "f", "at": NOON, **more}
    keep_entry(session, lookup_key=lookup_key, kind=kind, stripe_id=stripe_id, **noted)


def test_a_price_is_found_for_the_very_amount_currency_and_interval_it_was_made_of(
    session: Session, plan: Plan
) -> None:
    made_of = price_fingerprint(plan, Interval.MONTH)
    keep(session, price_key(plan, Interval.MONTH), CatalogKind.PRICE, "price_1", fingerprint=made_of)
    assert find_price(session, account="test", plan=plan, interval=Interval.MONTH) == "price_1"
    assert find_price(session, account="test", plan=plan, interval=Interval.YEAR) is None
    assert find_price(session, account="live", plan=plan, interval=Interval.MONTH) is None
    for other in (replace(plan, base_price=Decimal("9000.01")), replace(plan, currency="USD")):
        assert find_price(session, account="test", plan=other, interval=Interval.MONTH) is None


def test_what_differs_in_words_alone_has_the_same_price(plan: Plan) -> None:
    renamed = replace(plan, name="Professional", features=())
    assert price_fingerprint(renamed, Interval.MONTH) == price_fingerprint(plan, Interval.MONTH)
    assert price_fingerprint(plan, Interval.YEAR) != price_fingerprint(plan, Interval.MONTH)


def test_what_is_noted_again_replaces_what_was_noted(session: Session) -> None:
    keep(session, PORTAL_KEY, CatalogKind.PORTAL_CONFIGURATION, "bpc_1")
    keep(session, PORTAL_KEY, CatalogKind.PORTAL_CONFIGURATION, "bpc_2")
    assert portal_configuration(session, account="test") == "bpc_2"
    assert portal_configuration(session, account="sandbox") is None
    forget_entry(session, account="test", lookup_key=PORTAL_KEY)
    assert noted_things(session, account="test") == {}


def test_an_id_that_was_given_anew_is_noted_under_its_last_name_alone(session: Session) -> None:
    keep(session, "old", CatalogKind.PAYMENT_LINK, "plink_1", url="https://buy.example/1")
    keep(session, "new", CatalogKind.PAYMENT_LINK, "plink_1", url="https://buy.example/2")
    assert payment_links(session, account="test") == {"new": "https://buy.example/2"}


def test_secrets_are_those_of_the_settings_first_and_then_the_kept_ones(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(session, "webhook", CatalogKind.WEBHOOK_ENDPOINT, "we_1", secret="whsec_kept")
    keep(session, "webhook", CatalogKind.WEBHOOK_ENDPOINT, "we_1", url="https://portal.example.com")
    assert webhook_secrets(session, account="test") == ["whsec_kept"]
    monkeypatch.setenv("TALLYSTICK_STRIPE_WEBHOOK_SECRET", "whsec_given")
    settings.cache_clear()
    assert webhook_secrets(session, account="test") == ["whsec_given", "whsec_kept"]
    assert webhook_secrets(session, account="live") == ["whsec_given"]


def test_a_new_endpoint_has_not_the_secret_of_the_old_one(session: Session) -> None:
    keep(session, "webhook", CatalogKind.WEBHOOK_ENDPOINT, "we_1", secret="whsec_kept")
    keep(session, "webhook", CatalogKind.WEBHOOK_ENDPOINT, "we_2")
    assert webhook_secrets(session, account="test") == []
