"""The plans as one customer sees them, what a credit buys, and the first step onto a plan."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlmodel import Session, select

from models import Interval, Invoice, Role, SubscriptionStatus
from services.closing.close import close_period
from services.errors import Conflict, NotFound, SubscriptionConflict, UnknownPlan, Unprocessable
from services.identity import create_tenant, create_user
from services.invoices.adjustments import adjust_subscription
from services.invoices.carried_credit import account_credit
from services.invoices.finding import list_invoices
from services.price_books.books import load_book, load_shipped_books
from services.price_books.files import read_book
from services.settings import CATALOGS
from services.subscriptions.change_preview import When
from services.subscriptions.finding import read_subscription
from services.subscriptions.lifecycle import cancel_subscription
from services.subscriptions.plan_offers import OffersView, OfferView, read_offers
from services.subscriptions.plan_starts import preview_start, start_plan
from services.wording import amount
from tests.given import NOON, customer


def offers(session: Session, tenant_id: str) -> OffersView:
    return read_offers(session, tenant_id=tenant_id, at=NOON)


def named(view: OffersView, code: str) -> OfferView:
    return next(offer for offer in view.offers if offer.code == code)


def facts(offer: OfferView) -> dict[str, str]:
    return {fact.name: fact.value for fact in offer.facts}


def newcomer(session: Session, currency: str = "CAD") -> str:
    load_shipped_books(session, at=NOON)
    tenant = create_tenant(session, name="New", currency=currency, timezone="America/Toronto", at=NOON)
    create_user(session, email="boss@new.example", password="long enough to be one", tenant_id=tenant.id,
                role=Role.OWNER, at=NOON)  # fmt: skip
    return tenant.id


def test_the_tiers_of_the_default_book_side_by_side(session: Session) -> None:
    view = offers(session, newcomer(session))
    assert [(o.name, o.price, o.annual) for o in view.offers] == [
        ("Starter", "$4,000.00", "or $38,400.00 a year, 20 % less"),
        ("Pro", "$9,000.00", "or $86,400.00 a year, 20 % less"),
        ("Enterprise", "$18,000.00", "or $172,800.00 a year, 20 % less"),
    ]
    assert [o.is_popular for o in view.offers] == [False, True, False]
    assert facts(view.offers[1]) == {
        "Credits": "1,000,000 a month",
        "Beyond them": "$0.002 per credit",
        "Assets": "1,000, then $3.00 per asset",
        "Sites": "3",
        "Gain-share": "Not included",
    }
    assert facts(view.offers[2])["Gain-share"] == "10–20 % of savings"
    assert len({tuple(fact.name for fact in o.facts) for o in view.offers}) == 1


def test_what_a_credit_buys_and_costs(session: Session) -> None:
    view = offers(session, newcomer(session))
    assert (view.guide_title, view.guide_plan) == ("What a credit buys", "Pro")
    assert [(m.burns, m.beyond, m.buys) for m in view.guide] == [
        ("1 credit per 1,000 tokens", "$0.002 per 1,000 tokens", "1,000,000,000 tokens a month"),
        ("5 credits per 100 frames", "$0.01 per 100 frames", "20,000,000 frames a month"),
        ("500 credits per job", "$1.00 per job", "2,000 jobs a month"),
        ("1,000 credits per run", "$2.00 per run", "1,000 runs a month"),
    ]


def test_the_guide_speaks_of_the_customers_own_plan(session: Session) -> None:
    view = offers(session, customer(session, plan="ENTERPRISE").tenant_id)
    assert view.guide_plan == "Enterprise"
    assert view.guide[2].beyond == "$0.75 per job"


def test_a_customer_on_a_plan_sees_it_marked_and_is_told_how_to_change(session: Session) -> None:
    acme = customer(session)
    create_user(session, email="owner@acme.example", password="long enough to be one", tenant_id=acme.tenant_id,
                role=Role.OWNER, at=NOON)  # fmt: skip
    view = offers(session, acme.tenant_id)
    assert [o.is_current for o in view.offers] == [False, True, False]
    assert not any(o.can_start for o in view.offers)
    assert named(view, "PRO").note == "Billed every month"
    assert view.how_to_change.startswith("To move to another plan, owner@acme.example can choose one here.")
    owners = read_offers(session, tenant_id=acme.tenant_id, at=NOON, may_choose=True)
    assert owners.how_to_change.startswith("To move to another plan, choose one here.")


def test_a_customer_of_another_book_sees_that_book(session: Session) -> None:
    view = offers(session, customer(session, plan="memory-cloud/pro", currency="USD").tenant_id)
    assert [(o.name, o.price) for o in view.offers] == [
        ("Free", "Free"), ("Pro", "US$29.00"), ("Enterprise", "By contract"),
    ]  # fmt: skip
    assert [facts(o)["Beyond them"] for o in view.offers] == ["Not sold", "US$0.10 per 1,000 calls", "By agreement"]
    assert [facts(o)["API calls"] for o in view.offers] == ["100 a day", "10,000 a day", "1,000,000 a day"]
    assert named(view, "enterprise").is_contract
    assert view.guide[0].burns == "Counted one by one"
    assert view.guide[0].buys == "10,000 calls a day"


def test_every_pool_of_a_book_is_priced(session: Session) -> None:
    view = offers(session, customer(session, plan="verified-exchange/Starter", currency="USD").tenant_id)
    assert [fact.value for fact in view.offers[0].facts] == [
        "10,000 a month", "from US$0.005 per VEx", "50,000 a month", "from US$0.0008 per FU",
    ]  # fmt: skip


def test_a_customer_keeps_the_terms_it_started_with(session: Session) -> None:
    acme = customer(session)
    book = read_book(CATALOGS / "reliability.toml")
    dearer = [replace_price(plan, "9500") if plan.code == "PRO" else plan for plan in book.plans]
    load_book(session, book=book.model_copy(update={"plans": dearer}), at=NOON)
    own = named(offers(session, acme.tenant_id), "PRO")
    assert (own.price, own.note) == ("$9,000.00", "Your terms are those you started with; they stay as they are.")
    tenant = create_tenant(session, name="Later", currency="CAD", timezone="UTC", at=NOON)
    assert named(offers(session, tenant.id), "PRO").price == "$9,500.00"


def replace_price(plan: object, price: str) -> object:
    return plan.model_copy(update={"base_price": Decimal(price)})  # type: ignore[attr-defined]


def test_a_customer_without_a_plan_may_start_one_in_its_currency(session: Session) -> None:
    view = offers(session, newcomer(session))
    assert all(o.can_start for o in view.offers)
    assert view.how_to_change == "To start a plan, boss@new.example can choose one here."


def test_prices_in_another_currency_cannot_be_started(session: Session) -> None:
    view = offers(session, newcomer(session, currency="USD"))
    assert not any(o.can_start for o in view.offers)
    assert "prices are in CAD and your account is billed in USD" in view.how_to_change


@pytest.mark.parametrize("interval", list(Interval))
@pytest.mark.parametrize("plan_code", ["STARTER", "PRO", "ENTERPRISE"])
def test_what_is_shown_before_starting_is_what_is_invoiced(
    session: Session, plan_code: str, interval: Interval
) -> None:
    tenant_id = newcomer(session)
    asked = preview_start(session, tenant_id=tenant_id, plan_code=plan_code, interval=interval.value, at=NOON)
    assert session.exec(select(Invoice)).all() == []
    start_plan(
        session,
        tenant_id=tenant_id,
        plan_code=asked.plan_code,
        interval=asked.interval,
        version_id=asked.version_id,
        at=NOON,
    )
    (invoice,) = session.exec(select(Invoice)).all()
    assert amount(invoice.total_minor, invoice.currency) == asked.today
    subscription = read_subscription(session, tenant_id=tenant_id)
    assert (subscription.status, subscription.interval) == (SubscriptionStatus.ACTIVE, interval)
    assert asked.period == "20 Nov – 19 Dec 2026"


@pytest.mark.parametrize(
    ("credit_minor", "today", "left_minor"), [(150_000, "$7,500.00", 0), (1_000_000, "$0.00", 100_000)]
)
def test_the_credit_of_the_account_is_shown_before_starting_and_taken(
    session: Session, credit_minor: int, today: str, left_minor: int
) -> None:
    acme = customer(session, plan="STARTER")
    mine = {"tenant_id": acme.tenant_id, "subscription_id": acme.subscription_id}
    adjust_subscription(
        session, **mine, amount_minor=-400_000 - credit_minor, reason="Agreed on the phone", by="op_1", at=NOON
    )
    close_period(session, **mine, at=datetime(2026, 12, 1, 7, tzinfo=UTC))
    later = datetime(2026, 12, 2, 17, tzinfo=UTC)
    cancel_subscription(session, **mine, when=When.NOW, by="", at=later)
    wanted = {"tenant_id": acme.tenant_id, "plan_code": "PRO", "interval": "month"}
    asked = preview_start(session, **wanted, at=later)
    used = amount(900_000 if left_minor else credit_minor, "CAD")
    assert (asked.today, asked.today_detail) == (
        today, f"Pro, monthly base fee, due in advance, $9,000.00 less {used} of your credit",
    )  # fmt: skip
    assert preview_start(session, **wanted, at=later, by_card=True).today == "$9,000.00"
    start_plan(session, **wanted, version_id=asked.version_id, at=later)
    invoice = list_invoices(session, tenant_id=acme.tenant_id)[0]
    assert amount(invoice.total_minor, invoice.currency) == asked.today
    assert account_credit(session, tenant_id=acme.tenant_id).amount_minor == left_minor


def test_starting_is_refused_once_the_terms_have_changed(session: Session) -> None:
    tenant_id = newcomer(session)
    asked = preview_start(session, tenant_id=tenant_id, plan_code="PRO", interval="month", at=NOON)
    stale = replace(asked, version_id="sha256:other")
    with pytest.raises(Conflict, match="changed since you looked"):
        start_plan(
            session, tenant_id=tenant_id, plan_code="PRO", interval="month", version_id=stale.version_id, at=NOON
        )
    with pytest.raises(NotFound):
        read_subscription(session, tenant_id=tenant_id)


@pytest.mark.parametrize(
    ("plan_code", "interval", "refusal"),
    [
        ("PLATINUM", "month", UnknownPlan),
        ("", "month", UnknownPlan),
        ("PRO", "fortnight", Unprocessable),
        ("memory-cloud/enterprise", "month", Unprocessable),
        ("memory-cloud/pro", "month", Unprocessable),
    ],
)
def test_what_cannot_be_started_is_refused_with_a_reason(
    session: Session, plan_code: str, interval: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        preview_start(session, tenant_id=newcomer(session), plan_code=plan_code, interval=interval, at=NOON)


def test_a_second_plan_is_refused(session: Session) -> None:
    acme = customer(session)
    with pytest.raises(SubscriptionConflict):
        preview_start(session, tenant_id=acme.tenant_id, plan_code="PRO", interval="month", at=NOON)
