"""Column types mean the same on both databases, and the tables refuse what cannot be true."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Engine, Integer, MetaData, Table, insert, select
from sqlalchemy.exc import IntegrityError, StatementError
from sqlmodel import Session

from models import table_of
from models.alert import Alert
from models.base import Json, Rate, UtcDateTime
from models.credit import CreditEntry, CreditGrant
from models.invoice import Invoice
from models.member import User
from models.price_book import PlanVersion
from models.receipt import Receipt
from models.spend_control import SpendControl
from models.subscription import BillingPeriod, PoolUsage, Subscription
from models.tenant import Tenant
from models.usage import UsageEvent
from services.database import transaction

AT = datetime(2026, 3, 1, 12, 30, 15, 123456, UTC)

values = Table(
    "test_values",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime),
    Column("rate", Rate),
    Column("document", Json),
)


@pytest.fixture
def stored(engine: Engine) -> Any:
    """Write one value of a column and read it back."""
    values.create(engine)

    def write_and_read(column: str, value: Any) -> Any:
        with transaction(engine) as session:
            session.execute(values.delete())
            session.execute(insert(values).values({column: value}))
            return session.scalar(select(values.c[column]))

    yield write_and_read
    values.drop(engine)


def test_a_time_without_a_zone_is_refused(stored: Any) -> None:
    with pytest.raises(StatementError, match="without a zone"):
        stored("at", datetime(2026, 3, 1))  # noqa: DTZ001 — that is what is refused


def test_times_of_any_zone_come_back_as_the_same_moment_in_utc(stored: Any) -> None:
    read = stored("at", AT.astimezone(timezone(timedelta(hours=-5))))
    assert read == AT
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    "rate", ["0.0015", "0.000000000001", "12345678901234567890123456.123456789012", "0", "-3.5", "1000"]
)
def test_rates_come_back_exactly_and_without_trailing_zeros(stored: Any, rate: str) -> None:
    assert format(stored("rate", Decimal(rate)), "f") == rate
    padded = rate if "." in rate else f"{rate}.000"
    assert format(stored("rate", Decimal(padded)), "f") == rate


@pytest.mark.parametrize("rate", [Decimal("0.0000000000001"), Decimal("NaN"), Decimal("Infinity")])
def test_a_rate_that_would_have_to_be_rounded_is_refused(stored: Any, rate: Decimal) -> None:
    with pytest.raises(StatementError, match="exact decimal"):
        stored("rate", rate)


@settings(max_examples=30)
@given(rate=st.decimals(min_value=-(10**25), max_value=10**25, places=12))
def test_any_rate_of_twelve_decimals_survives(stored: Any, rate: Decimal) -> None:
    assert stored("rate", rate) == rate


def test_documents_come_back_as_they_were(stored: Any) -> None:
    document = {"price": "0.0020", "tiers": [{"up_to": None}], "name": "Été"}
    assert stored("document", document) == document


def put(session: Session, model: Any, **columns: Any) -> None:
    session.execute(insert(table_of(model)).values(**columns))


def some_tenant(session: Session) -> None:
    put(session, Tenant, id="ten_1", name="Acme", currency="CAD", timezone="UTC", created_at=AT)
    plan = {"id": "sha256:1", "book_code": "b", "plan_code": "p", "name": "P", "currency": "CAD", "document": {}}
    put(session, PlanVersion, **plan, loaded_at=AT)
    put(session, Subscription, **SUBSCRIPTION)
    put(session, Receipt, tenant_id="ten_1", seq=1, data=b"{}")


SUBSCRIPTION = {
    "tenant_id": "ten_1", "id": "sub_1", "plan_version_id": "sha256:1", "status": "active", "interval": "month",
    "collection": "manual", "started_at": AT, "anchor_at": AT, "period_index": 0, "current_period_start": AT,
    "current_period_end": AT + timedelta(days=31), "created_at": AT,
}  # fmt: skip
EVENT = {
    "tenant_id": "ten_1", "seq": 1, "event_id": "e1", "fingerprint": b"1", "subscription_id": "sub_1",
    "event_type": "t", "pool": "credits", "site": "", "occurred_at": AT, "recorded_at": AT, "period_start": AT,
    "units_micro": 1, "credits_micro": 1, "overage_micro": 0, "remaining_micro": 0,
}  # fmt: skip
GRANT = {
    "tenant_id": "ten_1", "id": "g1", "subscription_id": "sub_1", "pool": "credits", "kind": "allowance",
    "source_id": "s", "priority": 1, "granted_micro": 10, "remaining_micro": 10, "expired_micro": 0,
    "effective_at": AT, "expires_at": None, "granted_at": AT,
}  # fmt: skip
INVOICE = {
    "tenant_id": "ten_1", "id": "inv_1", "number": 1, "subscription_id": "sub_1", "billing_reason": "period_close",
    "status": "open", "period_start": AT, "period_end": AT + timedelta(days=31), "currency": "CAD",
    "subtotal_minor": 100, "tax_minor": 13, "total_minor": 113, "issued_at": AT, "due_at": AT,
    "receipt_seq": 1, "receipt_hash": bytes(32),
}  # fmt: skip
USER = {"id": "u1", "email": "a@b.example", "password_hash": "x", "is_operator": False, "created_at": AT}
ALERT = {
    "tenant_id": "ten_1", "id": "a1", "subscription_id": "sub_1", "pool": "credits", "period_start": AT,
    "window_start": AT, "kind": "LOW_CREDITS", "threshold_pct": 80, "event_id": "e1", "raised_at": AT,
}  # fmt: skip
SPEND = {
    "tenant_id": "ten_1", "subscription_id": "sub_1", "version": 1, "cap_minor": 0, "thresholds_pct": [50, 95],
    "updated_at": AT, "updated_by": "u1",
}  # fmt: skip

IMPOSSIBLE = [
    (UsageEvent, EVENT, {"units_micro": 0}),
    (UsageEvent, EVENT, {"overage_micro": 2}),
    (UsageEvent, EVENT, {"overage_micro": -1}),
    (CreditGrant, GRANT, {"granted_micro": 0, "remaining_micro": 0}),
    (CreditGrant, GRANT, {"remaining_micro": -1}),
    (CreditGrant, GRANT, {"remaining_micro": 11}),
    (CreditGrant, GRANT, {"expired_micro": 1}),
    (CreditGrant, GRANT, {"expires_at": AT}),
    (CreditGrant, GRANT, {"kind": "gift"}),
    (CreditGrant, GRANT, {"subscription_id": "sub_of_nobody"}),
    (Invoice, INVOICE, {"total_minor": 112}),
    (Invoice, INVOICE, {"number": None}),
    (Invoice, INVOICE, {"status": "draft"}),
    (Invoice, INVOICE, {"status": "paid"}),
    (Invoice, INVOICE, {"paid_at": AT}),
    (Invoice, INVOICE, {"period_end": AT}),
    (Invoice, INVOICE, {"receipt_seq": None}),
    (Invoice, INVOICE, {"receipt_hash": None}),
    (Invoice, INVOICE, {"receipt_seq": 2}),
    (Subscription, SUBSCRIPTION, {"id": "sub_2", "current_period_end": AT}),
    (Subscription, SUBSCRIPTION, {"id": "sub_2", "status": "asleep"}),
    (Subscription, SUBSCRIPTION, {"id": "sub_2", "current_period_start": AT - timedelta(days=1)}),
    (User, USER, {"email": "A@b.example"}),
    (Alert, ALERT, {"threshold_pct": 0}),
    (Alert, ALERT, {"kind": "PANIC"}),
    (SpendControl, SPEND, {"cap_minor": -1}),
    (SpendControl, SPEND, {"cap_minor": 10**15 + 1}),
    (SpendControl, SPEND, {"thresholds_pct": []}),
    (SpendControl, SPEND, {"thresholds_pct": list(range(10, 21))}),
    (SpendControl, SPEND, {"version": 0}),
    (SpendControl, SPEND, {"subscription_id": "sub_of_nobody"}),
]


@pytest.mark.parametrize(("model", "row", "change"), IMPOSSIBLE)
def test_a_row_that_cannot_be_true_is_refused(
    session: Session, model: Any, row: dict[str, Any], change: dict[str, Any]
) -> None:
    some_tenant(session)
    if model is not Subscription:
        with session.begin_nested() as possible:
            put(session, model, **row)
            possible.rollback()
    with pytest.raises(IntegrityError), session.begin_nested():
        put(session, model, **row | change)


@pytest.mark.parametrize(
    ("model", "row", "other"),
    [
        (UsageEvent, EVENT, {"seq": 2}),
        (CreditGrant, GRANT, {"id": "g2"}),
        (Invoice, INVOICE, {"id": "inv_2", "number": 2}),
        (Invoice, INVOICE, {"id": "inv_2", "billing_reason": "subscription_start"}),
        (Alert, ALERT, {"id": "a2"}),
        (User, USER, {"id": "u2"}),
    ],
)
def test_what_may_happen_once_is_there_once(
    session: Session, model: Any, row: dict[str, Any], other: dict[str, Any]
) -> None:
    some_tenant(session)
    put(session, model, **row)
    with pytest.raises(IntegrityError), session.begin_nested():
        put(session, model, **row | other)


@pytest.mark.parametrize(("kind", "delta"), [("grant", -1), ("return", -1), ("burn", 1), ("expire", 1), ("burn", 0)])
def test_an_entry_moves_the_balance_the_way_its_kind_says(session: Session, kind: str, delta: int) -> None:
    some_tenant(session)
    put(session, CreditGrant, **GRANT)
    with pytest.raises(IntegrityError), session.begin_nested():
        put(session, CreditEntry, tenant_id="ten_1", seq=1, grant_id="g1", kind=kind, delta_micro=delta, at=AT)


def test_overage_cannot_be_billed_twice(session: Session) -> None:
    some_tenant(session)
    period = {"tenant_id": "ten_1", "subscription_id": "sub_1", "starts_at": AT, "ends_at": AT + timedelta(days=31)}
    put(session, BillingPeriod, **period, plan_version_id="sha256:1", status="open")
    columns = {"tenant_id": "ten_1", "subscription_id": "sub_1", "period_start": AT, "pool": "c", "window_start": AT}
    with pytest.raises(IntegrityError), session.begin_nested():
        put(session, PoolUsage, **columns, used_micro=5, overage_micro=3, billed_overage_micro=4)
