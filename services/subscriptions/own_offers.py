"""What is offered to one customer apart from the plans of the book: its contracts, and today's terms of its plan."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlmodel import Session

from models import Contract, Subscription, Tenant
from services import wording
from services.contracts.agreements import offered_contracts
from services.errors import NotFound, UnknownPlan, UnknownPriceBook
from services.price_books.books import plan_in_force, plan_version
from services.price_books.plan_facts import FactView, plan_facts, plan_prices
from services.price_books.plans import Plan
from services.rules.periods import business_date
from services.subscriptions.finding import LIVE, plan_of, read_subscription
from services.subscriptions.offer_changes import NO_STEP, ChangeStep, change_step
from services.subscriptions.offered_terms import TODAY
from services.tenants import read_tenant

CONTRACTS_SHOWN = 6
"""The newest of a customer's contracts; a page of more would hide the plans. An operator can take up any."""


@dataclass(frozen=True)
class OwnOffer:
    """Terms apart from the book's. `terms` and `plan_code` name them, as in `offered_terms`.

    `can_start` where the customer has no subscription that runs; else `change` is the step to it, where there is one.
    """

    terms: str
    plan_code: str
    title: str
    detail: str
    price: str
    per: str
    annual: str
    facts: tuple[FactView, ...]
    is_contract: bool
    can_start: bool = False
    change: ChangeStep = NO_STEP


def read_own_offers(
    session: Session, *, tenant_id: str, at: datetime, subscription_id: str | None = None
) -> tuple[OwnOffer, ...]:
    """The customer's contracts that can be taken up today and that the subscription is not on, the newest first; then
    today's terms of its plan, where it has older ones. Raises NotFound for an unknown customer."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    subscription = _live(session, tenant_id, subscription_id)
    current = None if subscription is None else plan_of(session, subscription)
    offers = [
        (_contract_offer(contract, plan, tenant), plan)
        for contract in offered_contracts(session, tenant=tenant, on=business_date(at, tenant.timezone))
        if (plan := plan_version(session, version_id=contract.plan_version_id)) != current
    ]
    offers = offers[:CONTRACTS_SHOWN]
    todays = None if current is None else _todays(session, current)
    if todays is not None:
        offers.append((_todays_offer(todays), todays))
    return tuple(_with_step(session, offer, plan, subscription, at) for offer, plan in offers)


def _live(session: Session, tenant_id: str, subscription_id: str | None) -> Subscription | None:
    try:
        found = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    except NotFound:
        return None
    return found if found.status in LIVE else None


def _todays(session: Session, current: Plan) -> Plan | None:
    """What is sold under the plan's code today, where that is other terms; nothing beside a contract."""
    if current.only_for is not None:
        return None
    try:
        todays = plan_in_force(session, plan_code=current.qualified_code)
    except (UnknownPlan, UnknownPriceBook):
        return None
    return None if todays.version_id == current.version_id else todays


def _contract_offer(contract: Contract, plan: Plan, tenant: Tenant) -> OwnOffer:
    said = (contract.reference, f"{plan.name}, agreed with you", _until(contract.valid_until))
    return _offer(plan, terms=contract.id, title=contract.title, detail=" · ".join(filter(None, said)))


def _todays_offer(plan: Plan) -> OwnOffer:
    detail = "You are on the terms you started with, and keep them for as long as you like."
    return _offer(plan, terms=TODAY, title=f"{plan.name} on today's terms", detail=detail)


def _offer(plan: Plan, *, terms: str, title: str, detail: str) -> OwnOffer:
    price, per, annual = plan_prices(plan)
    return OwnOffer(
        terms=terms,
        plan_code=plan.qualified_code,
        title=title,
        detail=detail,
        price=price,
        per=per,
        annual=annual,
        facts=plan_facts(plan, (plan,)),
        is_contract=terms != TODAY,
    )


def _with_step(
    session: Session, offer: OwnOffer, plan: Plan, subscription: Subscription | None, at: datetime
) -> OwnOffer:
    if subscription is None:
        return replace(offer, can_start=True)
    current = plan_of(session, subscription)
    step = change_step(session, subscription=subscription, current=current, plan=plan, at=at, terms=offer.terms)
    return replace(offer, change=step)


def _until(until: date | None) -> str:
    return "" if until is None else f"can be taken up until {wording.day(until - timedelta(days=1))}"
