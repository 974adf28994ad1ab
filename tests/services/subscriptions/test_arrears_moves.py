"""Who does not pay is moved to the plan without a fee that the price book names, and back once it is settled."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import Session, col, select

from models import (
    BillingPeriod,
    ChangeKind,
    ChangeStatus,
    CreditGrant,
    Interval,
    Invoice,
    InvoiceStatus,
    LineKind,
    Notice,
    PlanVersion,
    ScheduledChange,
    StripeSubscription,
    Subscription,
    SubscriptionStatus,
)
from services.closing.close import close_if_due, close_period, preview_invoice
from services.closing.fees_in_force import fee_in_force
from services.contracts.terms import negotiate, read_terms
from services.credits.expiry import expire_lots
from services.errors import OverageNotAllowed, SubscriptionConflict
from services.identity import create_tenant
from services.invoices.finding import mark_invoice_paid, read_invoice
from services.invoices.transitions import mark_uncollectible, void_invoice
from services.payments.dunning import SUSPENDED_AFTER, advance_dunning, begin_dunning, dunnings_due, end_dunning
from services.payments.standing import go_back, settle_standing
from services.payments.standing_views import read_notice
from services.price_books.books import load_book, plan_in_force
from services.price_books.entries import BookEntry
from services.price_books.files import mistakes_in
from services.rules.quantities import MICRO
from services.standing import read_standing
from services.subscriptions.arrears_moves import can_be_cut, plan_after_dunning, preview_restoring, restorings_due
from services.subscriptions.change_preview import When
from services.subscriptions.finding import plan_of, read_subscription
from services.subscriptions.lifecycle import (
    cancel_subscription,
    pause_subscription,
    reactivate_subscription,
    resume_subscription,
)
from services.subscriptions.plan_changes import change_plan
from services.subscriptions.plan_starts import offered_trial_days
from services.subscriptions.questions import ask_act, carry_out
from services.subscriptions.scheduled_changes import waiting_change
from services.subscriptions.starting import check_sellable, create_subscription
from services.subscriptions.views import read_card
from services.tenants import read_tenant
from tests.given import assert_books_agree, event, metered, refused

START = datetime(2026, 11, 1, tzinfo=UTC)
DECEMBER, JANUARY, FEBRUARY = (datetime(*day, tzinfo=UTC) for day in ((2026, 12, 1), (2027, 1, 1), (2027, 2, 1)))
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
OVER = START + SUSPENDED_AFTER


def book(**free: Any) -> dict[str, Any]:
    """Free with 30 credits, Pro with 3,000 for 30.00 and 0.10 beyond, which is moved to Free, and Max, which is not."""
    sold = {"credits": {"model": "per_unit", "unit_price": "0.10"}}
    return {
        "code": "held", "name": "Held", "currency": "CAD", "annual_discount_pct": Decimal(20),
        "pools": {"credits": {"name": "Credits", "unit": "credit"}},
        "meters": {"work": {"name": "Work", "unit": "unit", "pool": "credits", "credits_per_unit": Decimal(1)}},
        "plans": [
            {"code": "FREE", "name": "Free", "base_price": Decimal(0), "allowances": {"credits": Decimal(30)}, **free},
            {"code": "PRO", "name": "Pro", "base_price": Decimal(30), "allowances": {"credits": Decimal(3000)},
             "overage": sold, "after_dunning": "FREE"},
            {"code": "MAX", "name": "Max", "base_price": Decimal(90), "allowances": {"credits": Decimal(9000)}},
        ],
    }  # fmt: skip


@dataclass
class Owing:
    """A customer in UTC that is on Pro since November and has not paid its first invoice."""

    session: Session
    tenant_id: str
    subscription_id: str

    @property
    def mine(self) -> dict[str, str]:
        return {"tenant_id": self.tenant_id, "subscription_id": self.subscription_id}

    @property
    def subscription(self) -> Subscription:
        found = read_subscription(self.session, **self.mine)
        self.session.refresh(found)
        return found

    @property
    def plan(self) -> str:
        return plan_of(self.session, self.subscription).code

    @property
    def stands(self) -> tuple[str, SubscriptionStatus]:
        return self.plan, self.subscription.status

    def invoices(self) -> list[Invoice]:
        statement = select(Invoice).where(Invoice.tenant_id == self.tenant_id).order_by(col(Invoice.number))
        return list(self.session.exec(statement))

    def fail(self, invoice: Invoice, at: datetime = START) -> None:
        begin_dunning(self.session, invoice=invoice, failed_at=at)
        self.advance(invoice, at)

    def advance(self, invoice: Invoice, at: datetime) -> None:
        advance_dunning(self.session, tenant_id=self.tenant_id, invoice_id=invoice.id, at=at)

    def settle(self, invoice: Invoice, at: datetime, how: Any = mark_invoice_paid) -> None:
        how(self.session, tenant_id=self.tenant_id, invoice_id=invoice.id, at=at)
        end_dunning(self.session, invoice=invoice, at=at)
        settle_standing(self.session, **self.mine, at=at)

    def left(self, at: datetime) -> int:
        """Whole credits that an event at that moment could spend."""
        lots = self.session.exec(select(CreditGrant).where(CreditGrant.tenant_id == self.tenant_id)).all()
        usable = [lot for lot in lots if lot.effective_at <= at and (lot.expires_at is None or at < lot.expires_at)]
        return sum(lot.remaining_micro + lot.expired_micro for lot in usable) // MICRO

    def use(self, units: int, at: datetime, occurred: datetime | None = None) -> None:
        metered(self.session, self.tenant_id, event(str(units), "work", occurred_at=occurred or at), at=at)

    def close(self, at: datetime) -> list[tuple[LineKind, int]]:
        shown = preview_invoice(self.session, **self.mine, at=at)
        invoice = close_if_due(self.session, **self.mine, at=at + HOUR)
        assert invoice is not None
        lines = read_invoice(self.session, tenant_id=self.tenant_id, invoice_id=invoice.id).lines
        billed = [(line.kind, line.amount_minor) for line in lines]
        assert [(line.kind, line.amount_minor) for line in shown.lines] == billed
        return billed

    def told(self) -> list[str]:
        rows = self.session.exec(
            select(Notice).where(Notice.tenant_id == self.tenant_id).order_by(col(Notice.seq))
        ).all()
        return [row.type for row in rows if row.type.startswith("subscription.")]


def owing(session: Session, *, interval: Interval = Interval.MONTH, plan: str = "PRO", **free: Any) -> Owing:
    load_book(session, book=BookEntry.model_validate(book(**free)), at=START)
    tenant = create_tenant(session, name=f"Acme {plan}", currency="CAD", timezone="UTC", at=START)
    started = create_subscription(
        session, tenant_id=tenant.id, plan_code=f"held/{plan}", interval=interval, started_at=START, at=START
    )
    return Owing(session, tenant.id, started.id)


def moved(session: Session, **how: Any) -> Owing:
    acme = owing(session, **how)
    (first,) = acme.invoices()
    acme.fail(first)
    acme.advance(first, OVER)
    return acme


def test_it_is_moved_when_the_reminders_are_over_and_not_before(session: Session) -> None:
    acme = owing(session)
    (first,) = acme.invoices()
    acme.fail(first)
    acme.advance(first, OVER - HOUR)
    assert acme.stands == ("PRO", SubscriptionStatus.PAST_DUE)
    acme.advance(first, OVER)
    assert acme.stands == ("FREE", SubscriptionStatus.PAST_DUE)
    acme.advance(first, OVER + HOUR)
    assert acme.told() == ["subscription.started", "subscription.past_due", "subscription.moved_unpaid"]
    assert dunnings_due(session, at=OVER + HOUR) == []


def test_what_pro_gave_is_held_back_and_free_gives_its_share(session: Session) -> None:
    acme = owing(session)
    acme.use(1_000, START + DAY)
    (first,) = acme.invoices()
    acme.fail(first)
    acme.advance(first, OVER)
    assert acme.left(OVER) == 22  # of 30 for 30 days, 22 days are left
    acme.use(22, OVER + HOUR)
    assert isinstance(refused(session, acme.tenant_id, event("1", "work"), at=OVER + HOUR), OverageNotAllowed)
    acme.use(5, OVER + HOUR, occurred=START + 2 * DAY)  # told late, of the time before: what was left is there for it
    assert_books_agree(session, acme.tenant_id)


def test_paying_puts_it_back_at_once_with_what_was_left_and_charges_nothing_twice(session: Session) -> None:
    acme = owing(session)
    acme.use(1_000, START + DAY)
    (first,) = acme.invoices()
    acme.fail(first)
    acme.advance(first, OVER)
    acme.use(10, OVER + HOUR)
    paid_at = OVER + 5 * DAY
    acme.settle(first, paid_at)
    assert acme.stands == ("PRO", SubscriptionStatus.ACTIVE)
    assert acme.subscription.former_version_id is None
    assert acme.left(paid_at) == 2_000 + 12
    fee = fee_in_force(session, subscription=acme.subscription, plan=plan_of(session, acme.subscription), at=paid_at)
    assert fee is not None
    assert fee.net.amount_minor == 3_000
    acme.use(2_012, paid_at + HOUR)
    acme.use(7, paid_at + 2 * HOUR)
    assert acme.close(DECEMBER) == [(LineKind.BASE, 3_000), (LineKind.OVERAGE, 70)]
    assert acme.told()[-2:] == ["subscription.restored", "subscription.activated"]
    assert_books_agree(session, acme.tenant_id)


def test_what_had_expired_meanwhile_is_there_again(session: Session) -> None:
    acme = moved(session)
    expire_lots(session, tenant_id=acme.tenant_id, at=OVER + 2 * HOUR)
    assert acme.left(OVER + 2 * HOUR) == 22
    (first,) = acme.invoices()
    acme.settle(first, OVER + DAY)
    assert acme.left(OVER + DAY) == 3_022
    assert_books_agree(session, acme.tenant_id)


def test_use_of_before_is_billed_at_the_old_prices_and_no_fee_follows(session: Session) -> None:
    acme = owing(session)
    acme.use(3_010, START + DAY)
    (first,) = acme.invoices()
    acme.fail(first)
    acme.advance(first, OVER)
    assert acme.close(DECEMBER) == [(LineKind.OVERAGE, 100)]
    assert acme.left(DECEMBER) == 30
    assert acme.close(JANUARY) == []
    assert acme.invoices()[0].status == InvoiceStatus.OPEN


def test_paid_in_a_later_period_the_rest_of_that_is_charged(session: Session) -> None:
    acme = moved(session)
    acme.close(DECEMBER)
    acme.use(10, DECEMBER + DAY)
    paid_at = DECEMBER + timedelta(days=15, hours=12)
    shown = preview_restoring(session, subscription=acme.subscription, at=paid_at)
    assert shown is not None
    assert [line.amount.amount_minor for line in shown.lines] == [1_500]
    acme.settle(acme.invoices()[0], paid_at)
    assert acme.stands == ("PRO", SubscriptionStatus.ACTIVE)
    assert acme.left(paid_at) == 20 + 1_485
    assert acme.close(JANUARY) == [(LineKind.BASE, 3_000), (LineKind.PRORATION, 1_500)]
    assert acme.close(FEBRUARY) == [(LineKind.BASE, 3_000)]


def test_a_paid_year_goes_on_where_it_was(session: Session) -> None:
    acme = moved(session, interval=Interval.YEAR)
    assert acme.close(DECEMBER) == []
    paid_at = DECEMBER + 10 * DAY
    acme.settle(acme.invoices()[0], paid_at)
    assert (acme.plan, acme.subscription.interval) == ("PRO", Interval.YEAR)
    assert acme.subscription.base_paid_until == datetime(2027, 11, 1, tzinfo=UTC)
    assert acme.close(JANUARY) == []


def test_free_is_given_once_a_period_however_often_it_is_moved(session: Session) -> None:
    acme = moved(session)
    first = acme.invoices()[0]
    acme.use(20, OVER + HOUR)
    acme.settle(first, OVER + DAY)
    acme.use(3_002, OVER + DAY + HOUR)
    again = acme.invoices()[0]
    row = begin_dunning(session, invoice=again, failed_at=START)
    row.ended_at, row.outcome, row.suspended_at = None, None, None
    acme.advance(again, OVER + 3 * DAY)
    assert acme.stands == ("FREE", SubscriptionStatus.PAST_DUE)
    assert acme.left(OVER + 3 * DAY) == 0
    acme.settle(again, OVER + 4 * DAY)
    assert acme.left(OVER + 4 * DAY) == 0


def test_who_had_free_in_the_period_gets_no_more_of_it(session: Session) -> None:
    acme = owing(session)
    acme.use(3_010, START + DAY)
    (first,) = acme.invoices()
    acme.fail(first)
    acme.advance(first, OVER)
    acme.close(DECEMBER)
    second = acme.invoices()[1]
    acme.fail(second, DECEMBER + HOUR)
    acme.use(10, DECEMBER + DAY)
    acme.settle(first, DECEMBER + 2 * DAY)
    assert acme.stands == ("PRO", SubscriptionStatus.PAST_DUE)
    acme.advance(second, DECEMBER + HOUR + SUSPENDED_AFTER)
    assert acme.stands == ("FREE", SubscriptionStatus.PAST_DUE)
    assert acme.left(DECEMBER + 9 * DAY) == 20
    acme.settle(second, DECEMBER + 10 * DAY)
    assert acme.left(DECEMBER + 10 * DAY) == 20 + 2_970 * 29 // 31


def test_two_unpaid_invoices_both_have_to_be_settled(session: Session) -> None:
    acme = owing(session)
    acme.use(3_010, START + DAY)
    (first,) = acme.invoices()
    acme.fail(first)
    acme.advance(first, OVER)
    acme.close(DECEMBER)
    second = acme.invoices()[1]
    acme.fail(second, DECEMBER + HOUR)
    acme.advance(second, DECEMBER + HOUR + SUSPENDED_AFTER)
    acme.settle(first, DECEMBER + 10 * DAY)
    assert acme.stands == ("FREE", SubscriptionStatus.PAST_DUE)
    acme.settle(second, DECEMBER + 11 * DAY)
    assert acme.stands == ("PRO", SubscriptionStatus.ACTIVE)


@pytest.mark.parametrize("how", [void_invoice, mark_uncollectible])
def test_what_is_taken_back_or_given_up_puts_it_back_too(session: Session, how: Any) -> None:
    acme = moved(session)
    acme.settle(acme.invoices()[0], OVER + DAY, how)
    assert acme.stands == ("PRO", SubscriptionStatus.ACTIVE)


def test_while_the_period_closes_it_waits_and_is_found(session: Session) -> None:
    acme = moved(session)
    first = acme.invoices()[0]
    acme.settle(first, DECEMBER + HOUR / 2)
    assert acme.plan == "FREE"
    assert restorings_due(session) == [(acme.tenant_id, acme.subscription_id)]
    with pytest.raises(SubscriptionConflict, match="as soon as the next period runs"):
        pause_subscription(session, **acme.mine, when=When.PERIOD_END, by="key", at=OVER)
    acme.close(DECEMBER)
    go_back(session, **acme.mine, at=DECEMBER + 2 * HOUR)
    assert acme.plan == "PRO"
    assert restorings_due(session) == []


def test_the_move_waits_while_the_period_closes(session: Session) -> None:
    acme = owing(session)
    (first,) = acme.invoices()
    acme.fail(first, DECEMBER - SUSPENDED_AFTER + HOUR / 2)
    late = DECEMBER + HOUR / 2
    acme.advance(first, late)
    assert acme.stands == ("PRO", SubscriptionStatus.PAST_DUE)
    assert dunnings_due(session, at=late) == [(acme.tenant_id, first.id)]
    assert not can_be_cut(session, subscription=acme.subscription, at=late)
    acme.close(DECEMBER)
    acme.advance(first, DECEMBER + 2 * HOUR)
    assert acme.stands == ("FREE", SubscriptionStatus.PAST_DUE)


def test_nothing_else_is_changed_until_it_is_paid_but_it_can_be_cancelled(session: Session) -> None:
    acme = moved(session)
    named = "moved to Free because INV-000001 is not paid; pay that, and Pro is back at once"
    with pytest.raises(SubscriptionConflict, match=named):
        change_plan(session, **acme.mine, plan_code="held/MAX", at=OVER + HOUR)
    with pytest.raises(SubscriptionConflict, match=named):
        pause_subscription(session, **acme.mine, when=When.NOW, by="key", at=OVER + HOUR)
    cancel_subscription(session, **acme.mine, when=When.PERIOD_END, by="key", at=OVER + HOUR)
    acme.settle(acme.invoices()[0], OVER + DAY)
    assert acme.plan == "PRO"
    assert close_if_due(session, **acme.mine, at=DECEMBER + HOUR) is None
    assert acme.subscription.status == SubscriptionStatus.CANCELED


def test_what_ended_while_it_was_moved_starts_again_on_the_plan_of_before_once_it_is_paid(session: Session) -> None:
    acme = moved(session)
    cancel_subscription(session, **acme.mine, when=When.NOW, by="key", at=OVER + HOUR)
    with pytest.raises(SubscriptionConflict, match="moved to Free because INV-000001 is not paid"):
        reactivate_subscription(session, **acme.mine, at=OVER + 2 * HOUR)
    acme.settle(acme.invoices()[0], OVER + DAY)
    assert acme.stands == ("FREE", SubscriptionStatus.CANCELED)
    assert restorings_due(session) == []
    again = reactivate_subscription(session, **acme.mine, at=OVER + DAY)
    assert plan_of(session, again).code == "PRO"


@pytest.mark.parametrize("kind", list(ChangeKind))
def test_what_was_scheduled_is_put_aside_but_an_end_stays(session: Session, kind: ChangeKind) -> None:
    acme = owing(session)
    asked = {**acme.mine, "when": When.PERIOD_END, "by": "key", "at": START + HOUR}
    if kind == ChangeKind.PLAN:
        change_plan(session, **asked, plan_code="held/FREE")
    elif kind == ChangeKind.PAUSE:
        pause_subscription(session, **asked)
    else:
        cancel_subscription(session, **asked)
    (first,) = acme.invoices()
    acme.fail(first)
    acme.advance(first, OVER)
    assert acme.plan == "FREE"
    (change,) = session.exec(select(ScheduledChange)).all()
    assert change.status == (ChangeStatus.SCHEDULED if kind == ChangeKind.CANCEL else ChangeStatus.REPLACED)


def test_what_rests_is_not_moved_and_resumed_only_once_it_is_paid(session: Session) -> None:
    acme = owing(session)
    (first,) = acme.invoices()
    acme.fail(first)
    pause_subscription(session, **acme.mine, when=When.NOW, by="key", at=START + DAY)
    acme.advance(first, OVER)
    assert acme.stands == ("PRO", SubscriptionStatus.PAUSED)
    with pytest.raises(SubscriptionConflict, match="Service was suspended because INV-000001"):
        resume_subscription(session, **acme.mine, at=OVER + HOUR)
    acme.settle(first, OVER + DAY)
    assert resume_subscription(session, **acme.mine, at=OVER + DAY).status == SubscriptionStatus.ACTIVE


def test_who_has_free_already_is_suspended(session: Session) -> None:
    acme = owing(session)
    free = create_subscription(
        session, tenant_id=acme.tenant_id, plan_code="held/FREE", name="Team", started_at=START, at=START
    )
    (first,) = acme.invoices()
    acme.fail(first)
    assert plan_after_dunning(session, subscription=acme.subscription, at=OVER) is None
    acme.advance(first, OVER)
    assert acme.stands == ("PRO", SubscriptionStatus.SUSPENDED)
    acme.settle(first, OVER + DAY)
    assert acme.stands == ("PRO", SubscriptionStatus.ACTIVE)
    assert free.status == SubscriptionStatus.ACTIVE


def test_who_is_to_have_free_elsewhere_is_suspended(session: Session) -> None:
    acme = owing(session)
    other = create_subscription(
        session, tenant_id=acme.tenant_id, plan_code="held/PRO", name="Team", started_at=START, at=START
    )
    change_plan(session, tenant_id=acme.tenant_id, subscription_id=other.id, plan_code="held/FREE", at=START + DAY)
    first = acme.invoices()[0]
    acme.fail(first)
    acme.advance(first, OVER)
    assert acme.stands == ("PRO", SubscriptionStatus.SUSPENDED)


def test_a_plan_that_names_none_and_one_that_is_not_free_any_more_are_suspended(session: Session) -> None:
    other = owing(session, plan="MAX")
    (first,) = other.invoices()
    other.fail(first)
    other.advance(first, OVER)
    assert other.stands == ("MAX", SubscriptionStatus.SUSPENDED)
    acme = owing(session)
    dearer = book()
    dearer["plans"] = dearer["plans"][1:]
    del dearer["plans"][0]["after_dunning"]
    load_book(session, book=BookEntry.model_validate(dearer), at=START)
    (first,) = acme.invoices()
    acme.fail(first)
    acme.advance(first, OVER)
    assert acme.stands == ("PRO", SubscriptionStatus.SUSPENDED)


def test_after_a_forced_close_the_time_that_no_fee_covers_is_charged(session: Session) -> None:
    acme = moved(session)
    close_period(session, **acme.mine, force=True, at=OVER + DAY)
    cut = acme.subscription.current_period_start
    ends_at = acme.subscription.current_period_end
    acme.settle(acme.invoices()[0], OVER + 2 * DAY)
    assert acme.plan == "PRO"
    uncovered = (ends_at - DECEMBER) / (ends_at - cut)
    lines = preview_invoice(session, **acme.mine, at=OVER + 2 * DAY).lines
    assert [line.amount_minor for line in lines if line.kind == LineKind.PRORATION] == [round(3_000 * uncovered)]


def test_the_parts_say_which_is_in_arrears(session: Session) -> None:
    acme = moved(session)
    acme.settle(acme.invoices()[0], OVER + DAY)
    rows = session.exec(select(BillingPeriod).order_by(col(BillingPeriod.starts_at))).all()
    assert [row.in_arrears for row in rows] == [False, True, False]


@pytest.mark.parametrize(
    ("named", "free", "said"),
    [
        ("NONE", {}, "names the plan NONE, which the book does not have"),
        ("PRO", {}, "names the plan itself"),
        ("MAX", {}, "names MAX, which has a fee"),
        ("FREE", {"base_price": None, "contact_sales": True}, "names FREE, which is agreed by contract"),
        ("FREE", {"contact_sales": True}, "names FREE, which is agreed by contract"),
    ],
)
def test_a_book_names_a_plan_that_anybody_can_have_for_nothing(named: str, free: dict[str, Any], said: str) -> None:
    document = book(**free)
    document["plans"][1]["after_dunning"] = named
    (found,) = mistakes_in(BookEntry.model_validate(document))
    assert found[0] == "plans.PRO.after_dunning"
    assert said in found[1]


def test_pages_and_programs_say_what_it_is_on_and_what_brings_it_back(session: Session) -> None:
    acme = owing(session)
    (first,) = acme.invoices()
    acme.fail(first)
    asked = {"tenant_id": acme.tenant_id, "timezone": "UTC"}
    before = read_notice(session, **asked, at=START + DAY)
    assert "You have Pro until 9 Nov 2026; unless it is paid, you are moved to Free then." in before.detail
    acme.advance(first, OVER)
    now = read_notice(session, **asked, at=OVER)
    assert (now.state, now.invoice_id) == ("moved", first.id)
    assert (now.title, now.detail) == (
        "You are on Free because $30.00 for INV-000001 has not been paid", "Pay it to get Pro back at once.",
    )  # fmt: skip
    card = read_card(session, tenant_id=acme.tenant_id, at=OVER)
    assert ("Once it is paid", "Pro, $30.00 a month") in [(fact.name, fact.value) for fact in card.facts]
    assert (card.may_cancel, card.may_pause) == (True, False)
    acme.close(DECEMBER)
    later = read_notice(session, **asked, at=DECEMBER + timedelta(days=15, hours=12))
    assert "Its base fee until 1 Jan 2027, $15.00 as of now, is on the invoice after that." in later.detail
    cancel_subscription(session, **acme.mine, when=When.NOW, by="key", at=DECEMBER + 16 * DAY)
    ended = read_notice(session, **asked, at=DECEMBER + 17 * DAY)
    assert "ended since. Pay it before you start a plan again." in ended.detail


def test_the_balance_in_arrears_is_that_of_the_free_plan_alone(session: Session) -> None:
    acme = owing(session)
    acme.use(1_000, START + DAY)
    (first,) = acme.invoices()
    acme.fail(first)
    acme.advance(first, OVER)
    acme.use(2, OVER + HOUR)
    standing = read_standing(session, tenant_id=acme.tenant_id, at=OVER + 2 * HOUR)
    assert standing is not None
    (balance,) = standing.balances
    assert (balance.used_micro, balance.included_micro, balance.remaining_micro) == (2 * MICRO, 22 * MICRO, 20 * MICRO)
    acme.settle(first, OVER + DAY)
    standing = read_standing(session, tenant_id=acme.tenant_id, at=OVER + DAY)
    assert standing is not None
    (balance,) = standing.balances
    assert (balance.used_micro, balance.remaining_micro) == (1_002 * MICRO, 2_020 * MICRO)


def test_what_was_moved_is_not_free_to_be_bought_over_or_to_be_tried_again(session: Session) -> None:
    acme = moved(session)
    tenant = read_tenant(session, tenant_id=acme.tenant_id)
    with pytest.raises(SubscriptionConflict, match="is live already"):
        check_sellable(session, plan=plan_in_force(session, plan_code="held/PRO"), tenant=tenant, free_gives_way=True)
    plan = replace(plan_in_force(session, plan_code="held/PRO"), trial_days=14)
    assert offered_trial_days(session, tenant_id=acme.tenant_id, plan=plan) == 0


def test_a_contract_does_not_take_it_over(session: Session) -> None:
    load_book(session, book=BookEntry.model_validate(book()), at=START)
    base = plan_in_force(session, plan_code="held/PRO")
    document = session.get_one(PlanVersion, base.version_id).document
    assert document["after_dunning"] == "FREE"
    terms = read_terms({"base_price": "25.00"})
    agreed = negotiate(document, terms, tenant_id="ten_1")
    assert (agreed.plan.base_price, agreed.plan.after_dunning) == (Decimal(25), None)


def test_a_plan_that_names_none_has_the_name_it_had(session: Session) -> None:
    load_book(session, book=BookEntry.model_validate(book()), at=START)
    documents = [row.document for row in session.exec(select(PlanVersion)).all()]
    assert [document["code"] for document in documents if "after_dunning" in document] == ["PRO"]


def test_nobody_is_moved_again_though_the_free_plan_names_another(session: Session) -> None:
    document = book(after_dunning="BARE", overage={"credits": {"model": "per_unit", "unit_price": "0.20"}})
    document["plans"].append({"code": "BARE", "name": "Bare", "base_price": Decimal(0)})
    acme = owing(session)
    load_book(session, book=BookEntry.model_validate(document), at=START)
    (first,) = acme.invoices()
    acme.fail(first)
    acme.advance(first, OVER)
    acme.use(40, OVER + HOUR)
    acme.close(DECEMBER)
    second = acme.invoices()[1]
    assert second.total_minor == 360
    acme.fail(second, DECEMBER + HOUR)
    acme.advance(second, DECEMBER + HOUR + SUSPENDED_AFTER)
    assert acme.stands == ("FREE", SubscriptionStatus.PAST_DUE)
    for invoice in (first, second):
        acme.settle(invoice, DECEMBER + 10 * DAY)
    assert acme.stands == ("PRO", SubscriptionStatus.ACTIVE)


def test_the_rest_of_a_year_is_said_to_reach_to_the_end_of_the_year(session: Session) -> None:
    acme = moved(session, interval=Interval.YEAR)
    for month in range(12):
        acme.close(datetime(2026 + (month + 11) // 12, (month + 11) % 12 + 1, 1, tzinfo=UTC))
    paid_at = datetime(2027, 11, 16, tzinfo=UTC)
    shown = preview_restoring(session, subscription=acme.subscription, at=paid_at)
    assert shown is not None
    (line,) = shown.lines
    assert (line.amount.amount_minor, line.period.ends_at) == (27_620, datetime(2028, 11, 1, tzinfo=UTC))
    said = read_notice(session, tenant_id=acme.tenant_id, timezone="UTC", at=paid_at).detail
    assert "Its base fee until 1 Nov 2028, $276.20 as of now, is on the invoice after that." in said
    acme.settle(acme.invoices()[0], paid_at)
    assert acme.close(datetime(2027, 12, 1, tzinfo=UTC)) == [(LineKind.PRORATION, 27_620)]
    assert acme.close(datetime(2028, 1, 1, tzinfo=UTC)) == []


def test_what_stripe_paused_meanwhile_waits_for_its_plan_before_it_rests(session: Session) -> None:
    acme = moved(session)
    (first,) = acme.invoices()
    session.add(
        StripeSubscription(
            tenant_id=acme.tenant_id, subscription_id=acme.subscription_id, account="sandbox", stripe_id="sub_1",
            status="paused", began_at=START, current_period_start=START, current_period_end=DECEMBER, read_at=OVER,
        )
    )  # fmt: skip
    acme.settle(first, DECEMBER + HOUR / 2)
    assert acme.stands == ("FREE", SubscriptionStatus.ACTIVE)
    acme.close(DECEMBER)
    assert restorings_due(session) == [(acme.tenant_id, acme.subscription_id)]
    go_back(session, **acme.mine, at=DECEMBER + 2 * HOUR)
    assert acme.stands == ("PRO", SubscriptionStatus.PAUSED)


def test_cancelled_while_moved_it_ends_with_the_year_that_is_charged(session: Session) -> None:
    acme = moved(session, interval=Interval.YEAR)
    year_end = datetime(2027, 11, 1, tzinfo=UTC)
    at = OVER + DAY
    card = read_card(session, tenant_id=acme.tenant_id, at=at)
    assert ("Year charged until", "1 Nov 2027") in [(fact.name, fact.value) for fact in card.facts]
    shown = ask_act(session, **acme.mine, act="cancel", when=When.PERIOD_END.value, at=at)
    assert (shown.agreed, shown.later) == (year_end.isoformat(), "As the paid year ends")
    cancel_subscription(session, **acme.mine, when=When.PERIOD_END, by="key", at=at)
    waiting = waiting_change(session, subscription=acme.subscription)
    assert waiting is not None
    assert waiting.effective_at == year_end
    acme.settle(acme.invoices()[0], OVER + 2 * DAY)
    assert acme.stands == ("PRO", SubscriptionStatus.ACTIVE)
    assert acme.close(DECEMBER) == []


def test_starting_again_asks_for_the_plan_and_the_fee_that_it_starts_with(session: Session) -> None:
    acme = moved(session)
    cancel_subscription(session, **acme.mine, when=When.NOW, by="key", at=OVER + DAY)
    acme.settle(acme.invoices()[0], OVER + 2 * DAY)
    asked = ask_act(session, **acme.mine, act="start_again", when="now", at=OVER + 3 * DAY)
    assert (asked.title, asked.confirm) == ("Start Pro again?", "Start again and invoice it")
    assert "It starts today as a new subscription on the terms of today: $30.00 a month." in asked.words
    assert carry_out(session, tenant_id=acme.tenant_id, asked=asked, by="key", at=OVER + 3 * DAY) == (
        "Pro has started again."
    )
    assert acme.invoices()[-1].total_minor == 3_000
