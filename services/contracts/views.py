"""A customer's contracts in words, for our own side: what is agreed, what can be drafted, what it would cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlmodel import Session, select

from models import Contract, Interval, PriceBook, Tenant, User
from services import wording
from services.contracts.agreements import (
    Paper,
    check_paper,
    draft_contract,
    list_contracts,
    subscriptions_on,
    work_out_contract,
)
from services.contracts.form import NO_FORM, FormView, form_of, read_form, read_paper, read_use
from services.contracts.moves import move_to_contract
from services.contracts.preview import NO_MONTH, MonthView, preview_month
from services.contracts.terms import ContractTerms, read_terms
from services.errors import Unprocessable
from services.overview import base_price
from services.price_books.books import book_in_force, plan_in_force, plan_version
from services.price_books.plans import Plan
from services.rules.periods import business_date
from services.subscriptions.change_preview import When
from services.subscriptions.choice import live_subscriptions
from services.subscriptions.picker import name_of
from services.tenants import read_tenant


@dataclass(frozen=True)
class ContractRow:
    """One contract. `state` is offered, coming, over or withdrawn; `can_start` where it can be taken up today."""

    id: str
    title: str
    reference: str
    origin: str
    plan: str
    price: str
    valid: str
    state: str
    state_word: str
    used_by: str
    made: str
    notes: str
    can_start: bool
    is_open: bool


@dataclass(frozen=True)
class ContractsView:
    """A customer's contracts, the plans another can be based on and the subscriptions that run, as (code, name)."""

    tenant_id: str = ""
    tenant_name: str = ""
    currency: str = ""
    rows: tuple[ContractRow, ...] = ()
    plans: tuple[tuple[str, str], ...] = ()
    live: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class MoveView:
    """What moving a subscription comes to. `when` is what was asked: now, period_end, or "" for whichever fits."""

    subscription_id: str = ""
    when: str = ""
    title: str = ""
    detail: str = ""


NO_MOVE = MoveView()


@dataclass(frozen=True)
class DraftView:
    """A contract that was worked out and is not kept yet."""

    title: str = ""
    plan: str = ""
    valid: str = ""
    changed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    month: MonthView = NO_MONTH


EMPTY_CONTRACTS, NO_DRAFT = ContractsView(), DraftView()
STATE_WORDS = {"offered": "Can be taken up", "coming": "Not yet valid", "over": "Over", "withdrawn": "Withdrawn"}


def read_contracts(session: Session, *, tenant_id: str, at: datetime) -> ContractsView:
    """What is agreed with a customer. Raises NotFound."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    found = list_contracts(session, tenant_id=tenant_id, with_withdrawn=True)
    return ContractsView(
        tenant_id=tenant.id,
        tenant_name=tenant.name,
        currency=tenant.currency,
        rows=tuple(_row(session, tenant, contract, at) for contract in found),
        plans=_plans(session, tenant),
        live=tuple((each.id, name_of(each)) for each in live_subscriptions(session, tenant_id=tenant_id)),
    )


def open_form(session: Session, *, tenant_id: str, plan_code: str) -> FormView:
    """The form for a plan; an empty one for none. Raises UnknownPlan."""
    read_tenant(session, tenant_id=tenant_id)
    return form_of(plan_in_force(session, plan_code=plan_code)) if plan_code else NO_FORM


def work_out_draft(
    session: Session, *, tenant_id: str, plan_code: str, typed: Mapping[str, Any], at: datetime
) -> DraftView:
    """What the form says, and what a month would cost. Nothing is stored. Raises Unprocessable and TermsRefused."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    listed, terms, paper = _read(session, tenant, plan_code, typed, at)
    made = work_out_contract(session, tenant_id=tenant_id, plan_code=plan_code, terms=terms)
    use, assets = read_use(listed, typed)
    return DraftView(
        title=paper.title,
        plan=made.plan.name,
        valid=_valid(paper.valid_from, paper.valid_until),
        changed=tuple(sorted(_said(terms))),
        warnings=tuple(f"{finding.key}: {finding.reason}" for finding in made.warnings),
        month=preview_month(made.plan, listed, use=use, assets=assets),
    )


def keep_draft(
    session: Session, *, tenant_id: str, plan_code: str, typed: Mapping[str, Any], by: str, at: datetime
) -> Contract:
    """Keep the contract that the form says. Raises what `work_out_draft` raises, and Conflict."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    _, terms, paper = _read(session, tenant, plan_code, typed, at)
    return draft_contract(session, tenant_id=tenant_id, plan_code=plan_code, terms=terms, paper=paper, by=by, at=at)


def ask_move(
    session: Session, *, tenant_id: str, contract_id: str, subscription_id: str, when: str, at: datetime
) -> MoveView:
    """What moving a subscription to a contract comes to. Raises what `move_to_contract` raises."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    change = move_to_contract(
        session,
        tenant_id=tenant_id,
        contract_id=contract_id,
        subscription_id=subscription_id,
        when=when_of(when),
        at=at,
        preview=True,
    )
    name, day = name_of(change.subscription), wording.moment_day(change.effective_at, tenant.timezone)
    added = f"Its next invoice grows by {wording.money(change.total)}, for the rest of what is paid."
    is_now = change.when == When.NOW
    was, then = (
        f"{plan.name}, {base_price(plan, interval)}"
        for plan, interval in ((change.before, change.subscription.interval), (change.then, change.interval))
    )
    return MoveView(
        subscription_id=subscription_id,
        when=change.when.value,
        title=f"{name} moves from {was} to {then} {'now' if is_now else f'on {day}'}",
        detail=added if is_now else "Until then it stays as it is; nothing is charged today.",
    )


def when_of(text: str) -> When | None:
    """When a move is to take effect; None for whichever fits. Raises Unprocessable."""
    try:
        return When(text) if text else None
    except ValueError as error:
        raise Unprocessable("Choose now, or as what is paid ends.", field="when") from error


def _read(
    session: Session, tenant: Tenant, plan_code: str, typed: Mapping[str, Any], at: datetime
) -> tuple[Plan, ContractTerms, Paper]:
    listed = plan_in_force(session, plan_code=plan_code)
    paper = read_paper(typed, today=business_date(at, tenant.timezone))
    check_paper(paper)
    return listed, read_terms(read_form(listed, typed)), paper


def _said(terms: ContractTerms) -> list[str]:
    """The names of what differs from the plan, in words."""
    return [field.replace("_pct", "").replace("_max", "").replace("_", " ") for field in terms.model_fields_set]


def _plans(session: Session, tenant: Tenant) -> tuple[tuple[str, str], ...]:
    """The plans of every book in the customer's currency."""
    books = [
        book_in_force(session, code=code) for code in session.exec(select(PriceBook.code).order_by(PriceBook.code))
    ]
    return tuple(
        (plan.qualified_code, f"{book.name}: {plan.name}")
        for book in books
        if book.currency == tenant.currency
        for plan in book.plans
    )


def _row(session: Session, tenant: Tenant, contract: Contract, at: datetime) -> ContractRow:
    plan = plan_version(session, version_id=contract.plan_version_id)
    state = _state(contract, tenant, at)
    user = session.get(User, contract.created_by)
    who = contract.created_by if user is None else user.email
    return ContractRow(
        id=contract.id,
        title=contract.title,
        reference=contract.reference,
        origin="Reserved capacity" if contract.origin == "reserved" else "",
        plan=plan.name,
        price=base_price(plan, Interval.MONTH),
        valid=_valid(contract.valid_from, contract.valid_until),
        state=state,
        state_word=STATE_WORDS[state],
        used_by=", ".join(name_of(each) for each in subscriptions_on(session, contract=contract)),
        made=f"{wording.moment_day(contract.created_at, tenant.timezone)}, {who}",
        notes=contract.notes,
        can_start=state == "offered",
        is_open=contract.withdrawn_at is None,
    )


def _state(contract: Contract, tenant: Tenant, at: datetime) -> str:
    today = business_date(at, tenant.timezone)
    if contract.withdrawn_at is not None:
        return "withdrawn"
    if today < contract.valid_from:
        return "coming"
    return "over" if contract.valid_until is not None and today >= contract.valid_until else "offered"


def _valid(starts: date, until: date | None) -> str:
    """The days on which it can be taken up, the last one included, as people read them."""
    if until is None:
        return f"From {wording.day(starts)}"
    return f"{wording.day(starts)} – {wording.day(until - timedelta(days=1))}"
