"""/v1/subscriptions/{id}/…: change the plan, cancel, pause, resume. And adjustments by our own side."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from app import unit_of_work
from app.api.commands import Command, command
from app.api.credentials import needs, tenant_of
from app.api.documentation import READ, WRITE, problems
from app.api.exact_route import api_router
from app.api.listing import TenantQuery
from app.api.schemas.subscription_changes import (
    AdjustmentBody,
    AdjustmentShown,
    ChangeBody,
    ChangeShown,
    CreditShown,
    PlainBody,
    ScheduledChangesShown,
    Terms,
    WhenBody,
)
from app.api.schemas.subscriptions import ScheduledChangeShown, SubscriptionShown
from app.api.schemas.values import ID_PATTERN
from models import ScheduledChange, Subscription
from services.api_keys import OPERATOR_SCOPE, Principal
from services.database import Session
from services.errors import Unprocessable
from services.invoices import adjustments, carried_credit
from services.price_books.books import plan_version
from services.rules.money import Money
from services.rules.violations import RuleViolation
from services.subscriptions import change_preview, plan_changes, scheduled_changes
from services.subscriptions import lifecycle as subscription_lifecycle
from services.subscriptions.arrears import former_plan
from services.subscriptions.finding import plan_of, read_subscription
from services.subscriptions.offered_terms import OWN, TODAY, terms_to_change_to

router = api_router("/v1", "Subscriptions")
SubscriptionId = Annotated[str, Path(pattern=ID_PATTERN)]


@router.post("/subscriptions/{subscription_id}/change", response_model=ChangeShown, responses=problems(WRITE))
async def change_plan(
    subscription_id: SubscriptionId, body: ChangeBody, asked: Command = command("billing:write")
) -> Response:
    """Change the plan or the interval. A dearer plan takes effect now, charged by the second for the rest of the term;
    a cheaper one as what is paid ends. Whoever names the plan it is on keeps its terms, unless it asks for today's.
    With `preview` nothing is changed."""
    tenant_id = await asked.tenant(named=body.tenant_id, subscription_id=subscription_id)

    def act(session: Session) -> ChangeShown:
        found = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
        terms = TODAY if body.terms == Terms.TODAY else OWN
        version_id = terms_to_change_to(session, subscription=found, plan_code=body.plan_code, terms=terms)
        wanted = {"tenant_id": tenant_id, "subscription_id": subscription_id, "version_id": version_id}
        more = {"interval": body.interval, "when": body.when, "at": asked.at}
        if body.preview:
            change = change_preview.preview_change(session, **wanted, **more)  # type: ignore[arg-type]
        else:
            by = asked.caller.key_id
            change = plan_changes.change_plan(session, **wanted, **more, since=body.since, by=by)  # type: ignore[arg-type]
        return ChangeShown.of(change, shown(session, change.subscription), is_preview=body.preview)

    return await asked.carry_out(tenant_id, act)


@router.post("/subscriptions/{subscription_id}/cancel", response_model=SubscriptionShown, responses=problems(WRITE))
async def cancel_subscription(
    subscription_id: SubscriptionId, body: WhenBody | None = None, asked: Command = command("billing:write")
) -> Response:
    """End it as the period (of a paid year: the year) ends, or now. What is used until then is billed."""
    wanted = body or WhenBody()

    def act(session: Session, tenant_id: str) -> Subscription:
        return subscription_lifecycle.cancel_subscription(
            session, tenant_id=tenant_id, subscription_id=subscription_id, when=wanted.when, by=asked.caller.key_id,
            at=asked.at,
        )  # fmt: skip

    return await _carry_out(asked, wanted.tenant_id, subscription_id, act)


@router.post("/subscriptions/{subscription_id}/pause", response_model=SubscriptionShown, responses=problems(WRITE))
async def pause_subscription(
    subscription_id: SubscriptionId, body: WhenBody | None = None, asked: Command = command("billing:write")
) -> Response:
    """Let it rest as the period ends, or now. Nothing is metered or charged until it is resumed."""
    wanted = body or WhenBody()

    def act(session: Session, tenant_id: str) -> Subscription:
        return subscription_lifecycle.pause_subscription(
            session, tenant_id=tenant_id, subscription_id=subscription_id, when=wanted.when, by=asked.caller.key_id,
            at=asked.at,
        )  # fmt: skip

    return await _carry_out(asked, wanted.tenant_id, subscription_id, act)


@router.post("/subscriptions/{subscription_id}/resume", response_model=SubscriptionShown, responses=problems(WRITE))
async def resume_subscription(
    subscription_id: SubscriptionId, body: PlainBody | None = None, asked: Command = command("billing:write")
) -> Response:
    """Let a paused one run again, or take a pause back that has not begun."""

    def act(session: Session, tenant_id: str) -> Subscription:
        return subscription_lifecycle.resume_subscription(
            session, tenant_id=tenant_id, subscription_id=subscription_id, at=asked.at
        )

    return await _carry_out(asked, body and body.tenant_id, subscription_id, act)


@router.post("/subscriptions/{subscription_id}/reactivate", response_model=SubscriptionShown, responses=problems(WRITE))
async def reactivate_subscription(
    subscription_id: SubscriptionId, body: PlainBody | None = None, asked: Command = command("billing:write")
) -> Response:
    """Take a cancellation back before it takes effect; start one that has ended again, as a new one."""

    def act(session: Session, tenant_id: str) -> Subscription:
        return subscription_lifecycle.reactivate_subscription(
            session, tenant_id=tenant_id, subscription_id=subscription_id, at=asked.at
        )

    return await _carry_out(asked, body and body.tenant_id, subscription_id, act)


@router.post(
    "/subscriptions/{subscription_id}/scheduled-change/withdraw",
    response_model=SubscriptionShown,
    responses=problems(WRITE),
)
async def withdraw_change(
    subscription_id: SubscriptionId, body: PlainBody | None = None, asked: Command = command("billing:write")
) -> Response:
    """Let it go on as it is: what was scheduled does not happen."""

    def act(session: Session, tenant_id: str) -> Subscription:
        scheduled_changes.withdraw_change(session, tenant_id=tenant_id, subscription_id=subscription_id, at=asked.at)
        return read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)

    return await _carry_out(asked, body and body.tenant_id, subscription_id, act)


@router.get("/subscriptions/{subscription_id}/scheduled-changes", responses=problems(READ))
async def list_changes(
    subscription_id: SubscriptionId, tenant_id: TenantQuery = None, caller: Principal = needs("billing:read")
) -> ScheduledChangesShown:
    """Everything that was ever scheduled for it, and what became of it."""
    tenant = await tenant_of(caller, named=tenant_id, subscription_id=subscription_id)

    def show(session: Session) -> ScheduledChangesShown:
        found = read_subscription(session, tenant_id=tenant, subscription_id=subscription_id)
        rows = scheduled_changes.list_changes(session, tenant_id=tenant, subscription_id=found.id)
        return ScheduledChangesShown(changes=[change_shown(session, row) for row in rows])

    return await unit_of_work.read(show)


@router.post(
    "/admin/subscriptions/{subscription_id}/adjustments",
    status_code=201,
    response_model=AdjustmentShown,
    responses=problems(WRITE),
)
async def adjust_subscription(
    subscription_id: SubscriptionId, body: AdjustmentBody, asked: Command = command(OPERATOR_SCOPE)
) -> Response:
    """Let an amount with a reason wait for the next closing invoice."""
    tenant_id = await asked.tenant(named=None, subscription_id=subscription_id)

    def act(session: Session) -> AdjustmentShown:
        found = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
        try:
            amount = Money.parse(body.amount, plan_of(session, found).currency)
        except RuleViolation as violation:
            raise Unprocessable(violation.message, field="amount") from violation
        row = adjustments.adjust_subscription(
            session,
            tenant_id=tenant_id,
            subscription_id=subscription_id,
            amount_minor=amount.amount_minor,
            reason=body.reason,
            by=asked.caller.key_id,
            at=asked.at,
        )
        return AdjustmentShown.of(row)

    return await asked.carry_out(tenant_id, act, status=201)


@router.get("/account-credit", responses=problems(READ))
async def read_account_credit(tenant_id: TenantQuery = None, caller: Principal = needs("billing:read")) -> CreditShown:
    """What earlier invoices could not use up, which the next one takes: an amount before tax."""
    tenant = await tenant_of(caller, named=tenant_id)

    def show(session: Session) -> CreditShown:
        return CreditShown.of(carried_credit.account_credit(session, tenant_id=tenant))

    return await unit_of_work.read(show)


@router.post("/admin/account-credit/pay-back", response_model=CreditShown, responses=problems(WRITE))
async def pay_back_credit(body: PlainBody, asked: Command = command(OPERATOR_SCOPE)) -> Response:
    """Note that the account's credit was paid back to the customer, by transfer for instance.

    It is an amount before tax: taken off an invoice it lowers the tax there, paid back it brings back none. To give tax
    back, issue a credit note on the invoice that charged it (`POST /v1/credit-notes`), and take the credit off by an
    adjustment of as much instead.
    """
    tenant_id = await asked.tenant(named=body.tenant_id)

    def act(session: Session) -> CreditShown:
        paid = carried_credit.pay_back_credit(session, tenant_id=tenant_id, by=asked.caller.key_id, at=asked.at)
        return CreditShown.of(paid)

    return await asked.carry_out(tenant_id, act)


def shown(session: Session, subscription: Subscription) -> SubscriptionShown:
    """A subscription with what is scheduled for it."""
    waiting = scheduled_changes.waiting_change(session, subscription=subscription)
    plan, former = plan_of(session, subscription), former_plan(session, subscription=subscription)
    scheduled = None if waiting is None else change_shown(session, waiting)
    return SubscriptionShown.of(subscription, plan, scheduled, former)


def change_shown(session: Session, change: ScheduledChange) -> ScheduledChangeShown:
    version_id = change.plan_version_id
    return ScheduledChangeShown.of(change, None if version_id is None else plan_version(session, version_id=version_id))


async def _carry_out(
    asked: Command, named: str | None, subscription_id: str, act: Callable[[Session, str], Subscription]
) -> Response:
    tenant_id = await asked.tenant(named=named, subscription_id=subscription_id)
    return await asked.carry_out(tenant_id, lambda session: shown(session, act(session, tenant_id)))
