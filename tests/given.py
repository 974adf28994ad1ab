"""What tests start from, made by the same services as in life."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlmodel import Session, select

from models import (
    CreditEntry,
    CreditGrant,
    Party,
    PoolUsage,
    Receipt,
    ReceiptLog,
    Subscription,
    TenantHead,
    UsageDaily,
    UsageEvent,
    metadata,
)
from models.finality import triggers
from services.api_keys import TENANT_SCOPES, Maker
from services.errors import Refusal
from services.identity import create_tenant
from services.key_makers import OPERATORS_SCOPES
from services.metering import Metered, UsageInput, record_usage
from services.price_books.books import load_book, load_shipped_books
from services.price_books.entries import BookEntry
from services.rules.merkle import Frontier
from services.rules.quantities import to_micro
from services.rules.receipts import check_link, read_receipt
from services.subscriptions.starting import create_subscription

OPERATOR = Maker(Party.SELLER, "cli:tests", OPERATORS_SCOPES)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
FIRST_OF_NOVEMBER = date(2026, 11, 1)


def owner_of(tenant_id: str) -> Maker:
    """Who makes keys for a customer: one of its owners."""
    return Maker(Party.CUSTOMER, "usr_owner", frozenset(TENANT_SCOPES), tenant_id)


@dataclass(frozen=True)
class Customer:
    tenant_id: str
    subscription_id: str


def customer(
    session: Session,
    *,
    plan: str = "PRO",
    name: str = "Acme",
    currency: str = "CAD",
    timezone: str = "America/Toronto",
    start: date = FIRST_OF_NOVEMBER,
    at: datetime = NOON,
) -> Customer:
    """A tenant on a plan since `start`, with the shipped price books loaded."""
    load_shipped_books(session, at=at)
    tenant = create_tenant(session, name=name, currency=currency, timezone=timezone, at=at)
    subscription: Subscription = create_subscription(
        session, tenant_id=tenant.id, plan_code=plan, start_date=start, at=at
    )
    return Customer(tenant.id, subscription.id)


def own_plan(
    session: Session, *, overage: dict[str, Any], gain_share: dict[str, Any] | None = None, **rates: str
) -> str:
    """The code of a plan of 10.00 CAD with 100 credits, sold beyond them at `overage`; one meter for each rate."""
    meters = {
        code: {"name": code, "unit": "unit", "pool": "credits", "credits_per_unit": Decimal(rate)}
        for code, rate in (rates or {"work": "1"}).items()
    }
    terms: dict[str, Any] = {"allowances": {"credits": Decimal(100)}, "overage": {"credits": overage}}
    if gain_share is not None:
        terms["gain_share"] = gain_share
    document = {
        "code": "own",
        "name": "Own",
        "currency": "CAD",
        "pools": {"credits": {"name": "Credits", "unit": "credit"}},
        "meters": meters,
        "plans": [{"code": "OWN", "name": "Own", "base_price": Decimal(10), **terms}],
    }
    load_book(session, book=BookEntry.model_validate(document), at=NOON)
    return "own/OWN"


def event(units: str, event_type: str = "LLM_token_usage", **more: object) -> UsageInput:
    """An event of `units` (decimal text) for the tenant's live subscription."""
    return UsageInput(None, event_type, to_micro(Decimal(units)), **more)  # type: ignore[arg-type]


def metered(session: Session, tenant_id: str, *events: UsageInput, at: datetime = NOON) -> list[Metered]:
    """Record events that must all be accepted."""
    answers = record_usage(session, tenant_id=tenant_id, events=events, at=at)
    assert not [answer for answer in answers if isinstance(answer, Refusal)], answers
    return [answer for answer in answers if isinstance(answer, Metered)]


def break_in(session: Session) -> None:
    """Change what is final as somebody would who owns the database: the triggers are out of the way from here on."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL session_replication_role = replica"))
        return
    for trigger in triggers(metadata):
        session.execute(text(f"DROP TRIGGER IF EXISTS {trigger.name}"))


def refused(session: Session, tenant_id: str, sent: UsageInput, at: datetime = NOON) -> Refusal:
    """Record one event that must be refused."""
    (answer,) = record_usage(session, tenant_id=tenant_id, events=[sent], at=at)
    assert isinstance(answer, Refusal), answer
    return answer


def assert_books_agree(session: Session, tenant_id: str) -> None:
    """Events, roll-ups, counters, lots and credit entries tell the same story, and no number is missing."""
    events = session.exec(select(UsageEvent).where(UsageEvent.tenant_id == tenant_id)).all()
    head = session.get_one(TenantHead, tenant_id, populate_existing=True)
    assert len(events) == head.event_count
    assert_log_agrees(session, tenant_id, {e.seq: e for e in events})
    credits, overage = sum(e.credits_micro for e in events), sum(e.overage_micro for e in events)

    daily = session.exec(_as_stored(select(UsageDaily).where(UsageDaily.tenant_id == tenant_id))).all()
    assert sum(d.events for d in daily) == len(events)
    assert sum(d.units_micro for d in daily) == sum(e.units_micro for e in events)
    assert (sum(d.credits_micro for d in daily), sum(d.overage_micro for d in daily)) == (credits, overage)

    pools = session.exec(_as_stored(select(PoolUsage).where(PoolUsage.tenant_id == tenant_id))).all()
    assert (sum(p.used_micro for p in pools), sum(p.overage_micro for p in pools)) == (credits, overage)

    entries = session.exec(select(CreditEntry).where(CreditEntry.tenant_id == tenant_id)).all()
    assert sorted(e.seq for e in entries) == list(range(1, head.last_entry_seq + 1))
    less = {e.seq for e in events if e.corrects_seq is not None and e.credits_micro < 0}
    given_back = sum(e.delta_micro for e in entries if e.kind == "return" and e.first_seq in less)
    assert -sum(e.delta_micro for e in entries if e.kind == "burn") - given_back == credits - overage
    lots = session.exec(_as_stored(select(CreditGrant).where(CreditGrant.tenant_id == tenant_id))).all()
    for lot in lots:
        assert sum(e.delta_micro for e in entries if e.grant_id == lot.id) == lot.remaining_micro
    assert sum(lot.spent_micro for lot in lots) == credits - overage


def _as_stored(statement: Any) -> Any:
    """The rows as they are in the database, whatever the session remembers of them."""
    return statement.execution_options(populate_existing=True)


def assert_log_agrees(session: Session, tenant_id: str, events: dict[int, UsageEvent]) -> None:
    """Receipts are numbered without gaps and linked, the head is over all of them, and each event is one of them."""
    stored = session.exec(select(Receipt).where(Receipt.tenant_id == tenant_id).order_by(Receipt.seq)).all()
    log = [read_receipt(row.data) for row in stored]
    previous = None
    for row, receipt in zip(stored, log, strict=True):
        check_link(previous, receipt)
        assert row.seq == receipt.seq
        previous = receipt
    frontier, nodes = Frontier().extend(receipt.hash for receipt in log)
    held: dict[int, bytes] = {}
    for level, index, hashed in nodes:
        held[(index + 1) << level] = held.get((index + 1) << level, b"") + hashed
    assert {row.seq: row.nodes for row in stored if row.nodes is not None} == held
    head = session.get(ReceiptLog, tenant_id, populate_existing=True)
    for used in (receipt for receipt in log if receipt.typ in ("usage", "correction")):
        event = events.pop(used.seq)
        assert (used.document["idem"], used.document["credits_micro"]) == (event.event_id, event.credits_micro)
        assert used.document.get("overage_micro", 0) == event.overage_micro
        assert (used.typ == "correction") == (event.corrects_seq is not None)
    assert not events, "an event has no receipt"
    if head is not None and head.size == len(log):  # it is signed when the transaction ends
        assert (head.last_hash, head.frontier) == (log[-1].hash, frontier.to_bytes())
