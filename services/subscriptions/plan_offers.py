"""The plans side by side as one customer may see them: prices, what is included, and what comes beyond."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session, col, select

from models import Interval, Membership, Role, Subscription, Tenant, User
from services.credits.guide import MeterView, meter_views
from services.errors import NotFound
from services.price_books.books import Book, book_in_force, plan_version
from services.price_books.plan_facts import FactView, plan_facts, plan_prices
from services.price_books.plans import Plan
from services.subscriptions.cards import is_charged_to_card
from services.subscriptions.finding import LIVE, is_had_for_free, read_subscription
from services.subscriptions.offer_changes import NO_STEP, ChangeStep, change_step, why_plan_not_changed
from services.tenants import read_tenant

CONTACTS_MAX = 3
CONTACT_ROLES = (Role.OWNER, Role.BILLING_ADMIN)


@dataclass(frozen=True)
class OfferView:
    """One plan. `can_start` is for customers who have none yet, and where plans are paid by card for those on a free
    one too. `change` is the step to it for those who have one. Who may press either is the page's affair."""

    code: str
    qualified_code: str
    name: str
    tagline: str
    price: str
    per: str
    annual: str
    is_popular: bool
    is_current: bool
    is_contract: bool
    can_start: bool
    note: str
    facts: tuple[FactView, ...]
    features: tuple[str, ...]
    change: ChangeStep = NO_STEP


@dataclass(frozen=True)
class OffersView:
    """A price book as one customer sees it. `guide_plan` is the plan whose prices the guide speaks of.

    `refused` is why the subscription cannot be changed here as it stands, "" where it can.
    """

    book_name: str = ""
    offers: tuple[OfferView, ...] = ()
    has_subscription: bool = False
    how_to_change: str = ""
    refused: str = ""
    guide_title: str = ""
    guide_plan: str = ""
    guide: tuple[MeterView, ...] = ()


EMPTY_OFFERS = OffersView()


def read_offers(
    session: Session,
    *,
    tenant_id: str,
    at: datetime,
    by_card: bool = False,
    subscription_id: str | None = None,
    may_choose: bool = False,
) -> OffersView:
    """The plans of the book the customer buys from: its subscription's, else the one in force for everybody.

    `by_card` where a plan is paid on the payment page, which then takes the place of a free one, unless that has a card
    to charge already; `may_choose` where who
    looks may choose, and need not be told whom to ask. A customer on an older version of a plan sees its own terms.
    Raises NotFound for an unknown customer.
    """
    tenant = read_tenant(session, tenant_id=tenant_id)
    subscription = _subscription(session, tenant_id, subscription_id)
    current = None if subscription is None else plan_version(session, version_id=subscription.plan_version_id)
    book = book_in_force(session, code=current.book_code if current else None)
    plans = _with_own_terms(book, current)
    is_live = subscription is not None and subscription.status in LIVE
    spoken_of = current or next((plan for plan in plans if plan.popular), plans[0])
    offers = tuple(_offer(plan, plans) for plan in plans)
    if current is not None and subscription is not None:
        offers = tuple(
            replace(offer, is_current=is_live, note=_own_note(book, current, subscription))
            if offer.code == current.code
            else offer
            for offer in offers
        )
    gives_way = by_card and subscription is not None and is_live and _gives_way(session, subscription, current)
    if not is_live or gives_way:
        offers = tuple(
            replace(offer, can_start=_can_start(plan, tenant) and not (gives_way and plan.is_free))
            for offer, plan in zip(offers, plans, strict=True)
        )
    refused = ""
    if subscription is not None and current is not None and is_live and not gives_way:
        refused = why_plan_not_changed(session, subscription, at)
        steps = [change_step(session, subscription=subscription, current=current, plan=each, at=at) for each in plans]
        offers = tuple(replace(offer, change=step) for offer, step in zip(offers, steps, strict=True))
    return OffersView(
        book_name=book.name,
        offers=offers,
        has_subscription=is_live,
        how_to_change=_how_to_change(
            session, tenant, book, is_live=is_live and not gives_way, refused=refused, may_choose=may_choose
        ),
        refused=refused,
        guide_title="What a credit buys" if _sells_credits(spoken_of) else "What is counted, and its price",
        guide_plan=spoken_of.name,
        guide=meter_views(spoken_of),
    )


def _gives_way(session: Session, subscription: Subscription, current: Plan | None) -> bool:
    """Whether a plan that is bought takes the place of the one there is, for there is no card to change that with."""
    if current is None or not is_had_for_free(session, subscription):
        return False
    return not is_charged_to_card(session, subscription)


def _sells_credits(plan: Plan) -> bool:
    return any(pool.unit == "credit" for pool in plan.pools.values())


def _subscription(session: Session, tenant_id: str, subscription_id: str | None) -> Subscription | None:
    try:
        return read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    except NotFound:
        return None


def _with_own_terms(book: Book, current: Plan | None) -> tuple[Plan, ...]:
    """The book's plans, with the version the customer is on in place of today's."""
    if current is None:
        return book.plans
    if all(plan.code != current.code for plan in book.plans):
        return (current, *book.plans)
    return tuple(current if plan.code == current.code else plan for plan in book.plans)


def _offer(plan: Plan, plans: tuple[Plan, ...]) -> OfferView:
    price, per, annual = plan_prices(plan)
    return OfferView(
        code=plan.code,
        qualified_code=plan.qualified_code,
        name=plan.name,
        tagline=plan.tagline,
        price=price,
        per=per,
        annual=annual,
        is_popular=plan.popular,
        is_current=False,
        is_contract=plan.contact_sales or plan.base_price is None,
        can_start=False,
        note="",
        facts=plan_facts(plan, plans),
        features=plan.features,
    )


def _own_note(book: Book, current: Plan, subscription: Subscription) -> str:
    if current.only_for is not None:
        return "These terms were agreed with you by contract."
    if current.version_id not in {plan.version_id for plan in book.plans}:
        return "Your terms are those you started with; they stay as they are."
    return "Billed once a year" if subscription.interval == Interval.YEAR else "Billed every month"


def _can_start(plan: Plan, tenant: Tenant) -> bool:
    return plan.base_price is not None and not plan.contact_sales and plan.currency == tenant.currency


def _how_to_change(
    session: Session, tenant: Tenant, book: Book, *, is_live: bool, refused: str, may_choose: bool
) -> str:
    if book.currency != tenant.currency:
        return (
            f"These prices are in {book.currency} and your account is billed in {tenant.currency}; "
            "ask us for an offer in your currency."
        )
    if refused:
        return "What each plan includes, and what it costs."
    people = "" if may_choose else _contacts(session, tenant.id) or "the owner of your account"
    who = f"{people} can choose" if people else "choose"
    if is_live:
        return (
            f"To move to another plan, {who} one here. A dearer one takes effect at once, charged by the "
            "second; a cheaper one as what is paid ends."
        )
    return f"To start a plan, {who} one here."


def _contacts(session: Session, tenant_id: str) -> str:
    """Who answers for the bills, owners first."""
    statement = (
        select(User.email)
        .join(Membership, col(Membership.user_id) == User.id)
        .where(Membership.tenant_id == tenant_id, col(Membership.role).in_(CONTACT_ROLES))
        .order_by(col(Membership.role).desc(), User.email)
        .limit(CONTACTS_MAX)
    )
    return " or ".join(session.exec(statement))
