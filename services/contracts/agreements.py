"""Contracts: terms agreed with one customer, from draft to the subscription that starts on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlmodel import Session, col, exists, or_, select

from models import (
    Collection,
    Contract,
    ContractOrigin,
    Interval,
    PlanVersion,
    Subscription,
    SubscriptionStatus,
    Tenant,
)
from models.base import NAME_MAX
from models.contract import NOTES_MAX, REFERENCE_MAX
from services.contracts.terms import ContractTerms, Negotiated, negotiate
from services.errors import Conflict, NotFound, Unprocessable
from services.identifiers import new_id
from services.price_books.books import keep_plans, plan_in_force, plan_version
from services.price_books.plans import Plan
from services.rules.periods import business_date, day_bounds
from services.subscriptions.finding import list_subscriptions
from services.subscriptions.starting import check_terms, create_subscription
from services.tenants import lock_head, read_tenant

CONTRACTS_MAX = 200
"""Contracts of one customer that are not withdrawn."""


@dataclass(frozen=True, slots=True)
class Paper:
    """What a contract says beside its prices: [valid_from, valid_until) are the days on which it can be taken up."""

    title: str
    valid_from: date
    valid_until: date | None = None
    reference: str = ""
    notes: str = ""


def work_out_contract(session: Session, *, tenant_id: str, plan_code: str, terms: ContractTerms) -> Negotiated:
    """The plan that terms would make of a plan of a book. Nothing is stored.

    Raises UnknownPlan, TermsRefused, and Unprocessable for a plan in another currency.
    """
    return _work_out(session, read_tenant(session, tenant_id=tenant_id), plan_code, terms)[1]


def draft_contract(
    session: Session,
    *,
    tenant_id: str,
    plan_code: str,
    terms: ContractTerms,
    paper: Paper,
    by: str,
    at: datetime,
    origin: ContractOrigin = ContractOrigin.OPERATOR,
) -> Contract:
    """Keep a contract with the plan version its terms make. Nothing starts yet.

    Raises what `work_out_contract` raises, Unprocessable for words or days that cannot be, and Conflict where
    CONTRACTS_MAX are open.
    """
    lock_head(session, tenant_id=tenant_id)
    tenant = read_tenant(session, tenant_id=tenant_id)
    check_paper(paper)
    if len(list_contracts(session, tenant_id=tenant_id)) >= CONTRACTS_MAX:
        raise Conflict(f"{CONTRACTS_MAX} contracts are open for this customer; withdraw some first.")
    base, made = _work_out(session, tenant, plan_code, terms)
    keep_plans(session, documents=[made.document], at=at)
    contract = Contract(
        tenant_id=tenant_id,
        id=new_id("ctr"),
        plan_version_id=made.plan.version_id,
        based_on=base.version_id,
        origin=origin,
        title=paper.title,
        reference=paper.reference,
        notes=paper.notes,
        valid_from=paper.valid_from,
        valid_until=paper.valid_until,
        created_by=by,
        created_at=at,
    )
    session.add(contract)
    session.flush()
    return contract


def list_contracts(session: Session, *, tenant_id: str, with_withdrawn: bool = False) -> list[Contract]:
    """A customer's contracts, the newest first."""
    statement = select(Contract).where(Contract.tenant_id == tenant_id)
    if not with_withdrawn:
        statement = statement.where(col(Contract.withdrawn_at).is_(None))
    return list(session.exec(statement.order_by(col(Contract.created_at).desc(), col(Contract.id).desc())))


def read_contract(session: Session, *, tenant_id: str, contract_id: str) -> Contract:
    """One contract. Raises NotFound, also where it is another customer's."""
    contract = session.get(Contract, (tenant_id, contract_id), populate_existing=True)
    if contract is None:
        raise NotFound("There is no such contract.", field="contract_id")
    return contract


def withdraw_contract(session: Session, *, tenant_id: str, contract_id: str, at: datetime) -> Contract:
    """Offer a contract no longer. A subscription that is on it keeps it; withdrawing it again changes nothing."""
    lock_head(session, tenant_id=tenant_id)
    contract = read_contract(session, tenant_id=tenant_id, contract_id=contract_id)
    if contract.withdrawn_at is None:
        contract.withdrawn_at = at
        session.add(contract)
        session.flush()
    return contract


def start_contract(
    session: Session,
    *,
    tenant_id: str,
    contract_id: str,
    at: datetime,
    start_date: date | None = None,
    interval: Interval = Interval.MONTH,
    collection: Collection = Collection.MANUAL,
    name: str = "",
    site: str | None = None,
) -> Subscription:
    """Start a subscription on the terms of a contract, with the trial they have.

    Raises NotFound, Conflict where it cannot be taken up on that day, and what `create_subscription` raises.
    """
    tenant = read_tenant(session, tenant_id=tenant_id)
    contract = read_contract(session, tenant_id=tenant_id, contract_id=contract_id)
    first_day = start_date or business_date(at, tenant.timezone)
    plan = check_offered(session, contract, on=first_day)
    return create_subscription(
        session,
        tenant_id=tenant_id,
        version_id=plan.version_id,
        start_date=first_day,
        trial_ends_at=_trial_end(tenant, plan, first_day),
        interval=interval,
        collection=collection,
        name=name,
        site=site,
        at=at,
    )


def check_offered(session: Session, contract: Contract, *, on: date) -> Plan:
    """The contract's plan, where a subscription may start on it or move to it on that day. Raises Conflict."""
    if contract.withdrawn_at is not None:
        raise Conflict(f"“{contract.title}” was withdrawn; draft another contract.", contract_id=contract.id)
    if on < contract.valid_from:
        raise Conflict(f"“{contract.title}” is valid from {contract.valid_from}.", contract_id=contract.id)
    if contract.valid_until is not None and on >= contract.valid_until:
        raise Conflict(
            f"“{contract.title}” could be taken up until {contract.valid_until}; draft another contract.",
            contract_id=contract.id,
        )
    return plan_version(session, version_id=contract.plan_version_id)


def offered_contracts(session: Session, *, tenant: Tenant, on: date) -> list[Contract]:
    """The contracts a subscription may start on or move to on that day, the newest first."""
    return [
        contract
        for contract in list_contracts(session, tenant_id=tenant.id)
        if contract.valid_from <= on and (contract.valid_until is None or on < contract.valid_until)
    ]


def plans_under_contract(session: Session, *, book_code: str) -> list[Plan]:
    """The plans of a book that were agreed with single customers and may be collected for: offered, or in use."""
    in_use = exists().where(
        col(Subscription.tenant_id) == Contract.tenant_id,
        col(Subscription.plan_version_id) == Contract.plan_version_id,
        col(Subscription.status) != SubscriptionStatus.CANCELED,
    )
    statement = (
        select(Contract.plan_version_id)
        .join(PlanVersion, col(PlanVersion.id) == Contract.plan_version_id)
        .where(PlanVersion.book_code == book_code, or_(col(Contract.withdrawn_at).is_(None), in_use))
        .distinct()
        .order_by(Contract.plan_version_id)
    )
    return [plan_version(session, version_id=version_id) for version_id in session.exec(statement)]


def subscriptions_on(session: Session, *, contract: Contract) -> list[Subscription]:
    """The customer's subscriptions that are on the contract's terms."""
    every: Sequence[Subscription] = list_subscriptions(session, tenant_id=contract.tenant_id)
    return [each for each in every if each.plan_version_id == contract.plan_version_id]


def _work_out(session: Session, tenant: Tenant, plan_code: str, terms: ContractTerms) -> tuple[Plan, Negotiated]:
    base = plan_in_force(session, plan_code=plan_code)
    document = session.get_one(PlanVersion, base.version_id).document
    made = negotiate(document, terms, tenant_id=tenant.id)
    check_terms(made.plan, tenant=tenant)
    return base, made


def _trial_end(tenant: Tenant, plan: Plan, first_day: date) -> datetime | None:
    if not plan.trial_days:
        return None
    return day_bounds(first_day + timedelta(days=plan.trial_days), tenant.timezone)[0]


def check_paper(paper: Paper) -> None:
    """Raises Unprocessable for words that cannot be kept, or days that are not in order."""
    for field, text, most, needed in (
        ("title", paper.title, NAME_MAX, True),
        ("reference", paper.reference, REFERENCE_MAX, False),
    ):
        is_text = len(text) <= most and (text.isprintable() or not text) and text == text.strip()
        if not is_text or (needed and not text):
            raise Unprocessable(
                f"The {field} has {'1' if needed else '0'} to {most} printable characters.", field=field
            )
    printable = paper.notes.replace("\n", "").replace("\r", "").replace("\t", "")
    if len(paper.notes) > NOTES_MAX or not (printable.isprintable() or not printable):
        raise Unprocessable(f"Notes have at most {NOTES_MAX:,} printable characters.", field="notes")
    if paper.valid_until is not None and paper.valid_until <= paper.valid_from:
        raise Unprocessable("valid_until is after valid_from; it is not part of the time.", field="valid_until")
