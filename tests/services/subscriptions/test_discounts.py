"""Promotions on a subscription: which base fees they come off, in what order, and how the bill tells it."""

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from models import Interval, Invoice
from services.bundles.exports import export_lines, prepare_range, zipped
from services.bundles.verification import verify_bundle
from services.closing.close import close_period, preview_invoice
from services.database import reading, transaction
from services.identity import create_tenant
from services.invoices.detail_views import read_invoice_detail
from services.invoices.finding import list_invoices, read_invoice
from services.invoices.views import read_invoice_list
from services.overview import read_overview
from services.price_books.books import load_shipped_books
from services.receipts.signature_checks import read_jwks
from services.receipts.signing_keys import jwks
from services.rules.violations import InvalidRate
from services.subscriptions.discounts import Promotion
from services.subscriptions.plan_changes import change_plan
from services.subscriptions.starting import create_subscription
from tests.given import NOON

START = NOON - timedelta(minutes=1)
DECEMBER = datetime(2026, 12, 20, 14, tzinfo=UTC)
JANUARY = datetime(2027, 1, 20, 14, tzinfo=UTC)
LAUNCH = Promotion("di_1", "LAUNCH20", START, percent_off=Decimal(20))
FRIEND = Promotion("di_2", "FRIEND", START, off_minor=50_00)


def subscribed(session: Session, *discounts: Promotion, name: str = "Acme", **more: Any) -> str:
    load_shipped_books(session, at=NOON)
    tenant = create_tenant(session, name=name, currency="USD", timezone="America/Toronto", at=NOON)
    create_subscription(
        session, tenant_id=tenant.id, plan_code="verified-exchange/Starter", started_at=START,
        discounts=discounts, at=NOON, **more,
    )  # fmt: skip
    return tenant.id


def lines_of(session: Session, invoice: Invoice) -> list[tuple[str, int]]:
    document = read_invoice(session, tenant_id=invoice.tenant_id, invoice_id=invoice.id)
    return [(line.description, line.amount_minor) for line in document.lines]


def first_invoice(session: Session, tenant_id: str) -> Invoice:
    (invoice,) = list_invoices(session, tenant_id=tenant_id)
    return invoice


def test_a_share_comes_off_the_first_base_fee(session: Session) -> None:
    tenant_id = subscribed(session, LAUNCH)
    invoice = first_invoice(session, tenant_id)
    base, off = read_invoice(session, tenant_id=tenant_id, invoice_id=invoice.id).lines
    assert (base.kind, base.amount_minor, off.kind, off.amount_minor) == ("base", 499_00, "discount", -99_80)
    assert off.description == "Promotion LAUNCH20: 20 % off the base fee"
    assert (off.quantity, off.unit) == (1, "discount")
    assert off.pricing == {"model": "percent_off", "percent": "20"}
    assert off.sources == {"of": "499.00", "code": "LAUNCH20"}
    assert (off.period_start, off.period_end) == (base.period_start, base.period_end)
    assert invoice.total_minor == 399_20


def test_several_come_off_one_after_another_in_one_order(session: Session) -> None:
    early = Promotion("di_9", "EARLY", START - timedelta(days=1), off_minor=99_00)
    for name, given in (("One", (LAUNCH, FRIEND, early)), ("Two", (FRIEND, early, LAUNCH))):
        tenant_id = subscribed(session, *given, name=name)
        assert lines_of(session, first_invoice(session, tenant_id))[1:] == [
            ("Promotion EARLY: 99.00 USD off the base fee", -99_00),
            ("Promotion LAUNCH20: 20 % off the base fee", -80_00),
            ("Promotion FRIEND: 50.00 USD off the base fee", -50_00),
        ]


def test_no_more_is_taken_off_than_there_is(session: Session) -> None:
    whole = Promotion("di_0", "FREE", START, percent_off=Decimal(100))
    tenant_id = subscribed(session, whole, FRIEND)
    invoice = first_invoice(session, tenant_id)
    assert lines_of(session, invoice)[1:] == [("Promotion FREE: 100 % off the base fee", -499_00)]
    assert (invoice.total_minor, invoice.status) == (0, "paid")


def test_it_covers_base_fees_that_fall_due_while_it_runs(session: Session) -> None:
    ends_at = datetime(2027, 1, 20, 11, 59, tzinfo=UTC)
    later = Promotion("di_3", "LATER", START + timedelta(microseconds=1), ends_at=ends_at, off_minor=1_00)
    tenant_id = subscribed(session, later)
    assert first_invoice(session, tenant_id).total_minor == 499_00
    preview = preview_invoice(session, tenant_id=tenant_id, at=NOON)
    second = close_period(session, tenant_id=tenant_id, at=DECEMBER)
    assert preview.invoice.total_minor == second.total_minor == 498_00
    assert close_period(session, tenant_id=tenant_id, at=JANUARY).total_minor == 499_00


def test_a_years_fee_has_it_once_and_a_trial_has_it_at_its_end(session: Session) -> None:
    yearly = subscribed(session, LAUNCH, interval=Interval.YEAR)
    assert first_invoice(session, yearly).total_minor == 383_232  # 12 × 499.00 less 20 %, less 20 %
    assert close_period(session, tenant_id=yearly, at=DECEMBER).total_minor == 0
    trial = subscribed(session, LAUNCH, name="Trial", trial_ends_at=START + timedelta(days=7))
    assert list_invoices(session, tenant_id=trial) == []
    assert close_period(session, tenant_id=trial, at=NOON + timedelta(days=8)).total_minor == 399_20


def test_one_that_takes_off_nothing_is_refused(session: Session) -> None:
    with pytest.raises(InvalidRate):
        subscribed(session, Promotion("di_4", "NONE", START, percent_off=Decimal(0)))


def test_pages_tell_what_it_takes_off(session: Session) -> None:
    tenant_id = subscribed(session, LAUNCH, FRIEND)
    invoice = first_invoice(session, tenant_id)
    _, share, amount = read_invoice_detail(session, tenant_id=tenant_id, invoice_id=invoice.id, at=NOON).lines
    assert (share.price, share.amount, share.quantity) == ("20 % off", "-US$99.80", "1 discount")
    assert next((fact.name, fact.value) for fact in amount.facts) == ("Off a base fee of", "US$399.20")
    assert amount.price == "US$50.00 off"
    running = read_overview(session, tenant_id=tenant_id, at=NOON).bill_lines
    assert running[1].detail == "20 % off US$499.00"
    assert len(read_invoice_list(session, tenant_id=tenant_id, at=NOON).preview.lines) == 3


def test_a_promotion_of_one_month_does_not_make_a_year_free(session: Session) -> None:
    once = Promotion("di_0", "MONTHFREE", START, START + timedelta(seconds=1), percent_off=Decimal(100))
    tenant_id = subscribed(session, once, LAUNCH)
    assert first_invoice(session, tenant_id).total_minor == 0
    done = change_plan(
        session, tenant_id=tenant_id, plan_code="verified-exchange/Starter", interval=Interval.YEAR, at=NOON
    )
    (charged,) = done.lines
    assert charged.sources["discounts"] == [{"model": "percent_off", "percent": "20"}]
    assert charged.sources["fee"] == "3832.32"
    dearer = change_plan(session, tenant_id=tenant_id, plan_code="verified-exchange/Professional", at=NOON)
    assert [line.sources["discounts"] for line in dearer.lines] == [[{"model": "percent_off", "percent": "20"}]] * 2


def test_the_bill_is_rated_again_with_its_promotions(engine: Engine) -> None:
    with transaction(engine) as session:
        tenant_id = subscribed(session, LAUNCH, FRIEND)
    with transaction(engine) as session:
        close_period(session, tenant_id=tenant_id, at=DECEMBER)
    with reading(engine) as session:
        export = prepare_range(session, tenant_id=tenant_id, first_seq=1, last_seq=None, at=JANUARY)
        keys = read_jwks(jwks(session))
    report = verify_bundle(io.BytesIO(b"".join(zipped(export_lines(export, reading)))), keys=keys)
    assert [[(line.kind, line.amount) for line in bill.lines] for bill in report.bills] == [
        [("base", "499.00"), ("discount", "-99.80"), ("discount", "-50.00")]
    ] * 2  # fmt: skip
