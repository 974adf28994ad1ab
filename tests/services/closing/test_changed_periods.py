"""What everything else makes of a period within which the plan changed: balances, caps, views, promotions."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlmodel import Session

from models import Interval, LineKind
from services.closing.close import close_period
from services.errors import SpendCapReached
from services.invoices.finding import read_invoice
from services.invoices.line_event_views import read_line_events
from services.invoices.receipt_views import covered_views
from services.price_books.books import plan_in_force
from services.spending.controls import read_spend_control, set_spend_cap
from services.standing import read_standing
from services.subscriptions.change_preview import When
from services.subscriptions.discounts import Promotion, add_promotions
from services.subscriptions.finding import read_subscription
from services.subscriptions.lifecycle import pause_subscription, resume_subscription
from services.subscriptions.plan_changes import change_plan
from services.usage.views import read_usage
from tests.given import NOON, Customer, assert_books_agree, customer, event, metered, refused

ENDS = datetime(2026, 12, 1, 5, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, 7, tzinfo=UTC)
BEFORE, AFTER = NOON - timedelta(hours=1), NOON + timedelta(hours=1)


def used(session: Session, acme: Customer, units: str, happened: datetime) -> None:
    metered(session, acme.tenant_id, event(units, event_type="simulator_run", occurred_at=happened), at=AFTER)


def to_pro(session: Session, acme: Customer) -> None:
    change_plan(session, tenant_id=acme.tenant_id, plan_code="PRO", at=NOON)


def test_a_balance_counts_both_parts_and_all_that_was_granted(session: Session) -> None:
    acme = customer(session, plan="STARTER")
    used(session, acme, "100", BEFORE)
    to_pro(session, acme)
    used(session, acme, "50", AFTER)
    (balance,) = read_standing(session, tenant_id=acme.tenant_id, at=AFTER).balances
    added = int(750_000 * 10**6 * ((ENDS - NOON) / (ENDS - datetime(2026, 11, 1, 4, tzinfo=UTC))))
    assert balance.used_micro == 150_000 * 10**6
    assert abs(balance.included_micro - 250_000 * 10**6 - added) <= 1
    assert balance.remaining_micro == balance.included_micro - balance.used_micro


def test_a_cap_counts_what_both_parts_cost(session: Session) -> None:
    acme = customer(session, plan="STARTER")
    used(session, acme, "260", BEFORE)
    to_pro(session, acme)
    set_spend_cap(session, tenant_id=acme.tenant_id, cap="25.00", by="key", at=AFTER)
    (balance,) = read_standing(session, tenant_id=acme.tenant_id, at=AFTER).balances
    left = Decimal(balance.remaining_micro) / 10**6
    metered(session, acme.tenant_id, event(f"{left:f}", occurred_at=AFTER), at=AFTER)
    over = event("3", event_type="simulator_run", occurred_at=AFTER)
    assert isinstance(refused(session, acme.tenant_id, over, at=AFTER), SpendCapReached)
    used(session, acme, "2", AFTER)
    late = event("1", event_type="simulator_run", occurred_at=BEFORE)
    assert isinstance(refused(session, acme.tenant_id, late, at=AFTER), SpendCapReached)
    assert read_spend_control(session, tenant_id=acme.tenant_id).spent.amount_minor == 2_400


def test_an_invoice_tells_what_each_part_used_within_the_allowance(session: Session) -> None:
    acme = customer(session, plan="STARTER")
    used(session, acme, "10", BEFORE)
    to_pro(session, acme)
    used(session, acme, "20", AFTER)
    assert len(read_usage(session, tenant_id=acme.tenant_id, at=AFTER).periods) == 2
    invoice = close_period(session, tenant_id=acme.tenant_id, at=DECEMBER)
    document = read_invoice(session, tenant_id=acme.tenant_id, invoice_id=invoice.id)
    first, second = covered_views(session, document)
    assert (first.name, second.name) == ("Credits", "Credits, on Pro")
    for view, count in ((first, 1), (second, 1)):
        shown = read_line_events(session, tenant_id=acme.tenant_id, invoice_id=invoice.id, key=view.key)
        assert len(shown.rows) == count


def test_a_fee_that_waits_after_a_pause_is_prorated_with_its_promotion(session: Session) -> None:
    acme = customer(session)
    mine = {"tenant_id": acme.tenant_id, "subscription_id": acme.subscription_id}
    half = Promotion(stripe_id="p", code="HALF", starts_at=NOON, percent_off=Decimal(50))
    add_promotions(session, subscription=read_subscription(session, **mine), promotions=[half], currency="CAD")
    pause_subscription(session, **mine, when=When.PERIOD_END, by="key", at=NOON)
    close_period(session, tenant_id=acme.tenant_id, at=DECEMBER)
    resume_subscription(session, **mine, at=DECEMBER)
    done = change_plan(session, **mine, plan_code="ENTERPRISE", at=DECEMBER + timedelta(days=1))
    assert [line.sources["fee"] for line in done.lines] == ["4500.00", "9000.00"]
    january = datetime(2027, 1, 1, 7, tzinfo=UTC)
    invoice = close_period(session, tenant_id=acme.tenant_id, at=january)
    kinds = [line.kind for line in read_invoice(session, tenant_id=acme.tenant_id, invoice_id=invoice.id).lines]
    assert kinds.count(LineKind.BASE) == 2
    assert_books_agree(session, acme.tenant_id)


def test_a_second_change_credits_what_the_first_charged_promotions_included(session: Session) -> None:
    acme = customer(session, plan="memory-cloud/free", currency="USD")
    mine = {"tenant_id": acme.tenant_id, "subscription_id": acme.subscription_id}
    start = datetime(2026, 11, 1, 4, tzinfo=UTC)
    third = Promotion(stripe_id="p", code="THIRD", starts_at=start, percent_off=Decimal("33.333"))
    add_promotions(session, subscription=read_subscription(session, **mine), promotions=[third], currency="USD")
    first = change_plan(session, **mine, plan_code="memory-cloud/pro", at=NOON)
    second = change_plan(
        session,
        **mine,
        plan_code="memory-cloud/pro",
        interval=Interval.YEAR,
        at=AFTER,
    )
    assert [line.sources["part"] for line in first.lines] == ["rest"]
    assert [line.sources["part"] for line in second.lines] == ["unused", "rest"]
    assert second.lines[0].sources["fee"] == first.lines[0].sources["fee"]
    assert plan_in_force(session, plan_code="memory-cloud/pro").base_price == 29
