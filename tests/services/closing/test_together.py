"""Closing many periods in one transaction: each is billed as if closed by itself, and asks little of its own."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine
from sqlalchemy import event as database_event
from sqlmodel import Session, col, select

from app.closings import close_some
from models import BillingPeriod, CreditGrant, Invoice, Notice, PendingLine, Subscription
from services.assets.snapshots import record_snapshot
from services.closing.close import close_if_due
from services.closing.due_periods import due_subscriptions
from services.database import reading, transaction
from services.invoices.adjustments import adjust_subscription
from services.invoices.finding import read_invoice
from services.subscriptions.change_preview import When
from services.subscriptions.discounts import Promotion, add_promotions
from services.subscriptions.lifecycle import cancel_subscription
from services.subscriptions.plan_changes import change_plan
from services.subscriptions.starting import create_subscription
from tests.given import NOON, assert_books_agree, customer, event, metered

DECEMBER = datetime(2026, 12, 2, tzinfo=UTC)
PLANS = {
    "used": ("PRO", "CAD"),
    "counted": ("PRO", "CAD"),
    "promoted": ("PRO", "CAD"),
    "adjusted": ("PRO", "CAD"),
    "credited": ("STARTER", "CAD"),
    "free": ("assistant/free", "USD"),
    "daily": ("memory-cloud/pro", "USD"),
    "smaller": ("PRO", "CAD"),
    "larger": ("STARTER", "CAD"),
    "leaving": ("PRO", "CAD"),
    "late": ("PRO", "CAD"),
}
STATEMENTS_EACH = 20
"""Of a close beyond those of its group."""


def _due_of_every_kind(session: Session, whose: str) -> dict[str, str]:
    """The customer of each kind: they have use, assets, promotions, adjustments, changes that wait, a sibling."""
    return {kind: _due(session, kind, f"{whose} {kind}") for kind in PLANS}


def _due(session: Session, kind: str, name: str) -> str:
    plan, currency = PLANS[kind]
    start = NOON.date().replace(month=10 if kind == "late" else 11, day=1)
    one = customer(session, plan=plan, name=name, currency=currency, start=start)
    mine: dict[str, Any] = {"tenant_id": one.tenant_id, "subscription_id": one.subscription_id, "by": "us", "at": NOON}
    match kind:
        case "used":
            metered(session, one.tenant_id, event("1234567.891"), event("3", "optimizer_job"))
        case "counted":
            metered(session, one.tenant_id, event("1000001"))
            for assets, days in ((900, 2), (1_200, 0)):
                taken_at = NOON - timedelta(days=days)
                record_snapshot(session, tenant_id=one.tenant_id, asset_count=assets, at=taken_at)
        case "promoted":
            half = Promotion("di_1", "HALF", NOON - timedelta(days=30), percent_off=Decimal(50))
            subscription = session.get_one(Subscription, (one.tenant_id, one.subscription_id))
            add_promotions(session, subscription=subscription, promotions=[half], currency=currency)
        case "adjusted":
            adjust_subscription(session, **mine, amount_minor=12_345, reason="Agreed")
        case "credited":
            adjust_subscription(session, **mine, amount_minor=-500_000, reason="Agreed")
            create_subscription(session, tenant_id=one.tenant_id, plan_code=plan, name="b", start_date=start, at=NOON)
        case "daily":
            metered(session, one.tenant_id, event("10400", "api_call", occurred_at=NOON - timedelta(days=1)))
        case "smaller":
            change_plan(session, **mine, plan_code="STARTER")
        case "larger":
            metered(session, one.tenant_id, event("260000"))
            change_plan(session, **mine, plan_code="PRO")
            metered(session, one.tenant_id, event("1000000"), at=NOON + timedelta(hours=1))
        case "leaving":
            metered(session, one.tenant_id, event("1000500"))
            cancel_subscription(session, **mine, when=When.PERIOD_END)
        case "late":
            close_if_due(session, tenant_id=one.tenant_id, subscription_id=one.subscription_id, at=NOON)
            late = event("1500000", occurred_at=datetime(2026, 10, 30, tzinfo=UTC))
            metered(session, one.tenant_id, late)
    return one.tenant_id


def _state(session: Session, tenant_id: str) -> dict[str, list[Any]]:
    """All that a close leaves behind of a customer, without names and moments that are never the same."""

    def rows(model: Any, *order: Any) -> list[Any]:
        return list(session.exec(select(model).where(model.tenant_id == tenant_id).order_by(*map(col, order))))

    invoices = rows(Invoice, Invoice.number)
    named = {each.id: place for place, each in enumerate(rows(Subscription, Subscription.name))}
    return {
        "invoices": [
            (i.number, named[i.subscription_id], i.status, i.subtotal_minor, i.tax_minor, i.period_end, i.receipt_seq)
            for i in invoices
        ],
        "lines": [
            (line.kind, line.description, line.quantity, line.amount_minor, line.period_start, line.period_end,
             line.steps, line.usage_count, line.sources.get("event_types"))
            for i in invoices
            for line in read_invoice(session, tenant_id=tenant_id, invoice_id=i.id).lines
        ],
        "periods": sorted(
            (named[p.subscription_id], p.starts_at, p.ends_at, p.status, p.plan_version_id, p.invoice_id is None)
            for p in rows(BillingPeriod, BillingPeriod.starts_at)
        ),
        "lots": sorted(
            (named[g.subscription_id], g.pool, g.effective_at, g.expires_at, g.remaining_micro, g.expired_micro)
            for g in rows(CreditGrant, CreditGrant.effective_at)
        ),
        "subscriptions": [
            (s.status, s.plan_version_id, s.period_index, s.current_period_start, s.base_paid_until)
            for s in rows(Subscription, Subscription.name)
        ],
        "waiting": sorted((p.amount_minor, p.invoice_id is None) for p in rows(PendingLine, PendingLine.added_at)),
        "notices": [(n.seq, n.type) for n in rows(Notice, Notice.seq)],
    }  # fmt: skip


def test_each_is_billed_as_if_it_were_closed_by_itself(engine: Engine) -> None:
    with transaction(engine) as session:
        alone, together = _due_of_every_kind(session, "Alone"), _due_of_every_kind(session, "Together")
    with transaction(engine) as session:
        for tenant_id, subscription_id in due_subscriptions(session, at=DECEMBER):
            if tenant_id in alone.values():
                close_if_due(session, tenant_id=tenant_id, subscription_id=subscription_id, at=DECEMBER)
    done = close_some(at=DECEMBER)
    assert (len(done.invoices), done.failures) == (len(PLANS) + 1, ())
    with reading(engine) as session:
        for kind in PLANS:
            assert _state(session, together[kind]) == _state(session, alone[kind]), kind
            assert_books_agree(session, together[kind])


def test_what_they_need_is_read_once_for_all_of_them(engine: Engine) -> None:
    counted = []
    for size in (1, 11):
        with transaction(engine) as session:
            for number in range(size):
                _due(session, "used", f"{number} of {size}")
        counted.append(_statements(engine))
    assert (counted[1] - counted[0]) / 10 <= STATEMENTS_EACH


def _statements(engine: Engine) -> int:
    """How many statements closing what is due takes."""
    count = 0

    def note(*_: object) -> None:
        nonlocal count
        count += 1

    database_event.listen(engine, "before_cursor_execute", note)
    try:
        assert close_some(at=DECEMBER).failures == ()
    finally:
        database_event.remove(engine, "before_cursor_execute", note)
    return count
