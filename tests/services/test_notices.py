"""What is told: once, in order without gaps, in the transaction of what it tells."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from models import Invoice, Notice, NoticeType, SubscriptionStatus, TenantHead
from services.closing.close import close_if_due
from services.database import transaction
from services.errors import NotFound
from services.identity import create_tenant
from services.invoices.credit_note_issuing import issue_credit_note
from services.invoices.finding import mark_invoice_paid
from services.invoices.transitions import mark_uncollectible, void_invoice
from services.notice_shapes import SHAPES, SpendCapData
from services.notice_values import NoticeAmount
from services.notices import announce, read_notice, read_notices
from services.price_books.books import load_shipped_books
from services.spending.controls import set_spend_cap
from services.subscriptions.ends import end_subscription
from services.subscriptions.notices import announce_trial_ending, trials_ending
from services.subscriptions.standing import set_status
from services.subscriptions.starting import create_subscription
from tests.given import NOON, Customer, customer, event, metered, refused

DAY = timedelta(days=1)
DECEMBER = datetime(2026, 12, 1, 5, tzinfo=UTC)


def told(session: Session, tenant_id: str) -> list[str]:
    return [notice.type for notice in read_notices(session, tenant_id=tenant_id)]


def newest(session: Session, tenant_id: str) -> Notice:
    return read_notices(session, tenant_id=tenant_id)[-1]


def tell(session: Session, tenant_id: str, occurrence: str, subject_id: str = "sub_1") -> Notice:
    data = SpendCapData(
        subscription_id=subject_id, cap=NoticeAmount.of(100, "CAD"), period_start=NOON, event_id=None, raised_at=NOON
    )
    return announce(
        session, tenant_id=tenant_id, type=NoticeType.SPEND_CAP_REACHED, subject_id=subject_id, data=data,
        occurrence=occurrence, at=NOON,
    )  # fmt: skip


def first_invoice(session: Session, one: Customer) -> Invoice:
    return session.exec(select(Invoice).where(Invoice.tenant_id == one.tenant_id)).one()


def test_every_type_has_a_shape() -> None:
    assert set(SHAPES) == set(NoticeType)


def test_telling_a_fact_again_answers_with_the_first_notice_and_takes_no_number(session: Session) -> None:
    one = customer(session)
    first = tell(session, one.tenant_id, "a")
    again = tell(session, one.tenant_id, "a")
    other = tell(session, one.tenant_id, "b")
    assert (again.seq, again.id) == (first.seq, first.id)
    assert other.seq == first.seq + 1
    assert session.get_one(TenantHead, one.tenant_id, populate_existing=True).last_notice_seq == other.seq


def test_each_customer_has_numbers_of_its_own(session: Session) -> None:
    one, other = customer(session), customer(session, name="Other")
    assert [n.seq for n in read_notices(session, tenant_id=one.tenant_id)] == [1, 2]
    assert [n.seq for n in read_notices(session, tenant_id=other.tenant_id)] == [1, 2]
    found = newest(session, one.tenant_id)
    with pytest.raises(NotFound):
        read_notice(session, tenant_id=other.tenant_id, notice_id=found.id)


def test_an_unknown_customer_is_told_nothing(session: Session) -> None:
    with pytest.raises(NotFound):
        tell(session, "nobody", "a")


def test_data_of_another_shape_is_a_mistake_of_ours(session: Session) -> None:
    one = customer(session)
    data = SpendCapData(
        subscription_id="s", cap=NoticeAmount.of(1, "CAD"), period_start=NOON, event_id=None, raised_at=NOON
    )
    with pytest.raises(AssertionError):
        announce(
            session, tenant_id=one.tenant_id, type=NoticeType.INVOICE_PAID, subject_id="s", data=data, at=NOON
        )  # fmt: skip


def test_what_is_rolled_back_was_never_told(engine: Engine) -> None:
    with transaction() as session:
        one = customer(session)
    with suppress(NotFound), transaction() as session:
        tell(session, one.tenant_id, "lost")
        tell(session, "nobody", "a")
    with transaction() as session:
        assert tell(session, one.tenant_id, "kept").seq == 3


def test_many_who_tell_at_once_leave_no_gap_and_tell_nothing_twice(engine: Engine) -> None:
    with transaction() as session:
        one = customer(session)

    def work(number: int) -> None:
        with transaction() as session:
            tell(session, one.tenant_id, str(number % 10))

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(work, range(40)))
    with transaction() as session:
        notices = read_notices(session, tenant_id=one.tenant_id)
    assert [notice.seq for notice in notices] == list(range(1, 13))
    assert {notice.occurrence for notice in notices[2:]} == {str(number) for number in range(10)}


def test_a_subscription_and_its_invoice_are_told_with_worded_amounts(session: Session) -> None:
    one = customer(session)
    started, finalized = read_notices(session, tenant_id=one.tenant_id)
    assert (started.type, started.subject_id, started.data["plan_code"], started.data["status"]) == (
        "subscription.started", one.subscription_id, "reliability/PRO", "active",
    )  # fmt: skip
    invoice = first_invoice(session, one)
    assert (finalized.type, finalized.subject_id, finalized.version) == ("invoice.finalized", invoice.id, 1)
    assert finalized.data["number"] == "INV-000001"
    assert finalized.data["total"] == {"amount_minor": 900000, "currency": "CAD", "worded": "$9,000.00"}
    assert finalized.data["amount_due"] == finalized.data["total"]
    assert (finalized.data["status"], finalized.data["paid_at"]) == ("open", None)
    assert finalized.data["issued_at"] == "2026-11-20T12:00:00Z"


def test_a_payment_is_told_once_however_often_it_is_marked(session: Session) -> None:
    one = customer(session)
    invoice = first_invoice(session, one)
    for _ in range(2):
        mark_invoice_paid(session, tenant_id=one.tenant_id, invoice_id=invoice.id, at=NOON, reference="wire 7")
    assert told(session, one.tenant_id)[2:] == ["invoice.paid"]
    data = newest(session, one.tenant_id).data
    assert (data["status"], data["paid_at"], data["amount_due"]["amount_minor"]) == ("paid", "2026-11-20T12:00:00Z", 0)


def test_a_credit_note_says_what_is_left_and_settles_what_it_leaves_nothing_of(session: Session) -> None:
    one = customer(session)
    invoice = first_invoice(session, one)
    for minor in (400_000, 500_000):
        issue_credit_note(
            session, tenant_id=one.tenant_id, invoice_id=invoice.id, amount_minor=minor, reason="Goodwill", at=NOON
        )
    partly, wholly, paid = read_notices(session, tenant_id=one.tenant_id)[2:]
    assert (partly.type, partly.data["total"]["amount_minor"], partly.data["amount_due"]["amount_minor"]) == (
        "credit_note.issued", -400_000, 500_000,
    )  # fmt: skip
    assert (wholly.data["number"], wholly.data["amount_due"]["amount_minor"]) == ("CN-000002", 0)
    assert paid.type == "invoice.paid"


def test_giving_up_and_voiding_are_told(session: Session) -> None:
    one = customer(session)
    invoice = first_invoice(session, one)
    mark_uncollectible(session, tenant_id=one.tenant_id, invoice_id=invoice.id, at=NOON)
    void_invoice(session, tenant_id=one.tenant_id, invoice_id=invoice.id, at=NOON)
    void_invoice(session, tenant_id=one.tenant_id, invoice_id=invoice.id, at=NOON)
    assert told(session, one.tenant_id)[2:] == ["invoice.uncollectible", "credit_note.issued", "invoice.voided"]


def test_each_change_of_status_is_told_also_when_it_comes_back(session: Session) -> None:
    one = customer(session)
    wanted = ("past_due", "suspended", "active", "past_due", "active", "paused", "paused", "active")
    for status in wanted:
        set_status(
            session, tenant_id=one.tenant_id, subscription_id=one.subscription_id, status=SubscriptionStatus(status),
            at=NOON,
        )  # fmt: skip
    end_subscription(session, tenant_id=one.tenant_id, subscription_id=one.subscription_id, ended_at=NOON, at=NOON)
    assert told(session, one.tenant_id)[2:] == [
        "subscription.past_due", "subscription.suspended", "subscription.resumed", "subscription.past_due",
        "subscription.activated", "subscription.paused", "subscription.resumed", "subscription.canceled",
    ]  # fmt: skip
    assert read_notices(session, tenant_id=one.tenant_id)[3].data["previous_status"] == "past_due"


def test_crossings_are_told_once_in_the_transaction_of_the_event(session: Session) -> None:
    one = customer(session)
    metered(session, one.tenant_id, event("790000"), event("20000"), event("10000"))
    metered(session, one.tenant_id, event("200000"))
    low, over = read_notices(session, tenant_id=one.tenant_id)[2:]
    assert (low.type, low.data["threshold_pct"], low.data["pool_name"]) == ("credits.low", 80, "Credits")
    assert (low.data["used"], low.data["available"]) == ("810000", "1000000")
    assert (over.type, over.data["threshold_pct"], over.data["used"]) == ("credits.overage", 100, "1020000")


def test_a_spending_limit_is_told_by_the_event_that_was_refused(session: Session) -> None:
    one = customer(session)
    set_spend_cap(session, tenant_id=one.tenant_id, cap="10.00", by="somebody", at=NOON)
    metered(session, one.tenant_id, event("1004000"))
    for _ in range(2):
        refused(session, one.tenant_id, event("2000", event_id="over"))
    reached = newest(session, one.tenant_id)
    assert told(session, one.tenant_id).count("spend_cap.reached") == 1
    assert (reached.type, reached.data["event_id"]) == ("spend_cap.reached", "over")
    assert reached.data["cap"] == {"amount_minor": 1000, "currency": "CAD", "worded": "$10.00"}


def test_metering_goes_on_as_before_after_something_was_told(engine: Engine) -> None:
    with transaction() as session:
        one = customer(session)
        metered(session, one.tenant_id, event("1"))
        before = session.get_one(TenantHead, one.tenant_id, populate_existing=True).version
    with transaction() as session:
        tell(session, one.tenant_id, "a")
    with transaction() as session:
        assert session.get_one(TenantHead, one.tenant_id).version == before, "books would be read again"


def test_a_trial_that_ends_soon_is_told_once_and_its_end_as_active(session: Session) -> None:
    load_shipped_books(session, at=NOON)
    tenant = create_tenant(session, name="Trial", currency="CAD", timezone="America/Toronto", at=NOON)
    made = create_subscription(
        session, tenant_id=tenant.id, plan_code="PRO", started_at=NOON, trial_ends_at=NOON + 14 * DAY, at=NOON
    )
    subject = (tenant.id, made.id)
    assert trials_ending(session, at=NOON + 10 * DAY) == []
    assert trials_ending(session, at=NOON + 11 * DAY) == [subject]
    for _ in range(2):
        assert announce_trial_ending(session, tenant_id=tenant.id, subscription_id=made.id, at=NOON + 11 * DAY)
    assert trials_ending(session, at=NOON + 12 * DAY) == []
    assert not announce_trial_ending(session, tenant_id=tenant.id, subscription_id=made.id, at=NOON + 14 * DAY)
    close_if_due(session, tenant_id=tenant.id, subscription_id=made.id, at=NOON + 15 * DAY)
    assert told(session, tenant.id) == [
        "subscription.started", "subscription.trial_ending", "invoice.finalized", "subscription.activated",
    ]  # fmt: skip


def test_a_trial_that_was_given_another_end_is_told_again(session: Session) -> None:
    load_shipped_books(session, at=NOON)
    tenant = create_tenant(session, name="Trial", currency="CAD", timezone="America/Toronto", at=NOON)
    made = create_subscription(
        session, tenant_id=tenant.id, plan_code="PRO", started_at=NOON, trial_ends_at=NOON + 2 * DAY, at=NOON
    )
    announce_trial_ending(session, tenant_id=tenant.id, subscription_id=made.id, at=NOON)
    made.trial_ends_at = made.current_period_end = made.anchor_at = NOON + 3 * DAY
    session.add(made)
    session.flush()
    assert trials_ending(session, at=NOON + DAY) == [(tenant.id, made.id)]
