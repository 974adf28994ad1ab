"""What the frame of every page and the list of customers say about payments."""

from datetime import timedelta

import pytest
from sqlmodel import Session

from services.payments import standing_views
from services.payments.standing_views import NO_METHOD, NO_NOTICE, read_customer_payments, read_method, read_notice
from services.settings import settings
from tests import stripe_rows
from tests.given import NOON, customer

TORONTO = "America/Toronto"


def test_nothing_is_said_while_all_is_well(session: Session) -> None:
    acme = customer(session)
    assert read_notice(session, tenant_id=acme.tenant_id, timezone=TORONTO, at=NOON) == NO_NOTICE


def test_a_failed_payment_is_told_with_the_day_on_which_service_stops(session: Session) -> None:
    acme = customer(session)
    invoice = stripe_rows.first_invoice(session, acme.tenant_id)
    stripe_rows.at_stripe(session, invoice, remaining_minor=57_900)
    stripe_rows.dunned(session, invoice, failed_at=NOON)
    notice = read_notice(session, tenant_id=acme.tenant_id, timezone=TORONTO, at=NOON)
    assert (notice.state, notice.pay_url) == ("past_due", stripe_rows.HOSTED)
    assert notice.title == "The payment of $579.00 for INV-000001 failed"
    assert "failed on 20 Nov 2026. Service goes on until 28 Nov 2026" in notice.detail


def test_once_suspended_it_says_what_stays_possible(session: Session) -> None:
    acme, other = customer(session), customer(session, name="Other")
    invoice = stripe_rows.first_invoice(session, acme.tenant_id)
    stripe_rows.dunned(session, invoice, failed_at=NOON - timedelta(days=9), suspended_at=NOON - timedelta(days=1))
    notice = read_notice(session, tenant_id=acme.tenant_id, timezone=TORONTO, at=NOON)
    assert (notice.state, notice.invoice_id) == ("suspended", invoice.id)
    assert "Reading and paying stay possible" in notice.detail
    assert read_notice(session, tenant_id=other.tenant_id, timezone=TORONTO, at=NOON) == NO_NOTICE


def test_the_list_says_how_each_pays_and_what_is_wrong(session: Session) -> None:
    by_transfer, by_card, without_card = (customer(session, name=name) for name in ("Ann", "Bob", "Cy"))
    for each, card in ((by_card, "Visa ending 4242, expires 12/2030"), (without_card, None)):
        stripe_rows.collected_automatically(session, each.tenant_id)
        stripe_rows.customer_at_stripe(session, each.tenant_id, card=card)
    failed = stripe_rows.first_invoice(session, by_card.tenant_id)
    stripe_rows.dunned(session, failed, failed_at=NOON - timedelta(days=3))
    ids = [each.tenant_id for each in (by_transfer, by_card, without_card)]
    found = read_customer_payments(session, tenant_ids=ids, account="sandbox", at=NOON)
    assert [(found[each].way, found[each].trouble, found[each].tone) for each in ids] == [
        ("By transfer", "", "plain"),
        ("Visa ending 4242", "Failed 3 days ago", "warn"),
        ("No card on file", "Cannot be charged", "warn"),
    ]


def test_the_card_of_another_account_is_not_shown(session: Session) -> None:
    acme = customer(session)
    stripe_rows.customer_at_stripe(session, acme.tenant_id)
    assert read_method(session, tenant_id=acme.tenant_id, account="live") == NO_METHOD
    assert read_method(session, tenant_id=acme.tenant_id, account="sandbox").is_known


@pytest.mark.parametrize(
    ("given", "account", "home"),
    [
        ({}, "sandbox", "/sandbox/"),
        ({"STRIPE_SECRET_KEY": "sk_test_abcdefgh"}, "test", ""),
        ({"STRIPE_ADDRESS": "http://127.0.0.1:4242"}, "sandbox", "http://127.0.0.1:4242/"),
        ({"PUBLIC_URL": "https://billing.example.com"}, "", ""),
    ],
)
def test_the_sandbox_is_named_only_where_payments_go_to_it(
    sqlite_engine: object, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], account: str, home: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"TALLYSTICK_{name}", value)
    settings.cache_clear()
    assert (standing_views.account_in_use(), standing_views.sandbox_home()) == (account, home)
