"""Who does not pay is moved to a plan without a fee, where the price book names one, and back once it is settled.

The running period is cut into parts at both moments, as by any change of plan (`period_parts`). Moving credits and
charges nothing: the fee of the term stays due with its invoice. What the plan gave is held back meanwhile, and the plan
without a fee gives its share of the period once a period. Going back gives what was held back again. Where the fee
covers no more of the running term, the rest of it is charged, as by a change to that plan.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, exists, select

from models import (
    BillingPeriod,
    ChangeKind,
    ChangeStatus,
    CreditGrant,
    EntryKind,
    Invoice,
    Subscription,
    SubscriptionStatus,
)
from services.closing.fees_in_force import REST, Fee, fee_from, proration_line
from services.closing.period_ends import PERIOD_MIN, after_last_event, running_period
from services.closing.period_parts import begin_part, cut_period, parts_of, running_part_start
from services.credits import lots as credit_lots
from services.errors import SubscriptionConflict, UnknownPlan, UnknownPriceBook, Unprocessable
from services.invoices.lines import Line
from services.invoices.pending_lines import add_pending_lines
from services.price_books.books import plan_in_force, plan_version
from services.price_books.plans import Plan
from services.rules.proration import added_allowance
from services.subscriptions.arrears import former_plan, has_run_out
from services.subscriptions.arrears_notices import announce_move, announce_restoring
from services.subscriptions.finding import plan_of
from services.subscriptions.free_plans import check_free_once
from services.subscriptions.scheduled_changes import put_aside, waiting_change
from services.subscriptions.standing import in_trial
from services.subscriptions.starting import check_terms
from services.tenants import read_tenant

_RUN = (SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE)


@dataclass(frozen=True, slots=True)
class Restoring:
    """Going back to a plan at a moment: what is charged for the rest of the term, nothing where that is charged."""

    plan: Plan
    lines: tuple[Line, ...]
    fee: Fee | None


def plan_after_dunning(session: Session, *, subscription: Subscription, at: datetime) -> Plan | None:
    """The plan without a fee that it would be moved to now; None where service is to be suspended instead.

    That is the one sold under the code that its price book names, or the version of it that the running period was on
    before. Nobody is moved again, though the free plan names another, nor from a trial or a rest, nor to what the
    customer cannot have: a free plan that another subscription of theirs is on, one that is not free or not sold any
    more.
    """
    plan, tenant = plan_of(session, subscription), read_tenant(session, tenant_id=subscription.tenant_id)
    was_moved = subscription.former_version_id is not None
    if plan.after_dunning is None or was_moved or subscription.status not in _RUN or in_trial(subscription):
        return None
    try:
        then = plan_in_force(session, plan_code=f"{plan.book_code}/{plan.after_dunning}")
        check_terms(then, tenant=tenant)
        check_free_once(session, plan=then, tenant=tenant, starts_at=at, changed=subscription)
    except (UnknownPlan, UnknownPriceBook, Unprocessable, SubscriptionConflict):
        return None
    parts = parts_of(session, subscription=subscription, starts_at=subscription.current_period_start)
    had = [plan_version(session, version_id=part.plan_version_id) for part in parts]
    then = next((each for each in had if each.qualified_code == then.qualified_code), then)
    return then if then.is_free and then.version_id != plan.version_id else None


def plan_that_follows(session: Session, *, subscription: Subscription, at: datetime) -> Plan | None:
    """The plan without a fee that it is on once reminders are over; None where it is suspended then."""
    if subscription.former_version_id is not None:
        return plan_of(session, subscription)
    return plan_after_dunning(session, subscription=subscription, at=at)


def can_be_cut(session: Session, *, subscription: Subscription, at: datetime) -> bool:
    """Whether the running period can be cut now; not while it is being closed, or use has opened the next already."""
    starts_at, ends_at = subscription.current_period_start, subscription.current_period_end
    next_is_open = session.get(BillingPeriod, (subscription.tenant_id, subscription.id, ends_at)) is not None
    if next_is_open or not starts_at <= at < ends_at:
        return False
    return _cut_at(session, subscription, at) < ends_at


def move_to_free_plan(
    session: Session, *, subscription: Subscription, then: Plan, invoice: Invoice, at: datetime
) -> None:
    """Put a subscription on `plan_after_dunning`, because an invoice of it is unpaid. A change of plan or a pause that
    waited is put aside; an end that is scheduled stays.

    The caller holds the lock on the tenant's head and has asked `can_be_cut`.
    """
    before, cut_at = plan_of(session, subscription), _cut_at(session, subscription, at)
    starts_at, ends_at = subscription.current_period_start, subscription.current_period_end
    given = _given_by(session, subscription)
    begin_part(session, subscription=subscription, before=before, then=then, cut_at=cut_at, in_arrears=True)
    for lot in _allowances(session, subscription, before):
        lot.expires_at = ends_at if given.get(lot.effective_at) == then.version_id else cut_at
        session.add(lot)
    if then.version_id not in given.values():
        _give_share(session, subscription, then, cut_at, at)
    waiting = waiting_change(session, subscription=subscription)
    if waiting is not None and waiting.kind != ChangeKind.CANCEL:
        put_aside(session, subscription=subscription, status=ChangeStatus.REPLACED, at=at)
    subscription.former_version_id, subscription.plan_version_id = before.version_id, then.version_id
    session.add(subscription)
    session.flush()
    assert starts_at < cut_at < ends_at
    announce_move(session, subscription=subscription, before=before, then=then, invoice=invoice, at=at)


def preview_restoring(session: Session, *, subscription: Subscription, at: datetime) -> Restoring | None:
    """What going back at that moment comes to; None where the subscription was not moved. Nothing is stored."""
    plan = former_plan(session, subscription=subscription)
    if plan is None:
        return None
    period, paid_until = running_period(subscription), subscription.base_paid_until
    if paid_until is not None and paid_until >= period.ends_at:
        return Restoring(plan, (), None)
    timezone = read_tenant(session, tenant_id=subscription.tenant_id).timezone
    interval = subscription.interval
    fee = fee_from(
        session, subscription=subscription, timezone=timezone, plan=plan, interval=interval, before=None, at=at
    )
    since = at if paid_until is None else max(at, paid_until)
    lines = (proration_line(fee, REST, since),) if fee.net.amount_minor else ()
    return Restoring(plan, lines, fee)


def restore_plan(session: Session, *, subscription: Subscription, at: datetime) -> None:
    """Put a subscription back on the plan that it was moved from. An end that is scheduled stays.

    The caller holds the lock on the tenant's head and has asked `can_be_cut`.
    """
    restoring = preview_restoring(session, subscription=subscription, at=at)
    assert restoring is not None, "only what was moved goes back"
    before, then = plan_of(session, subscription), restoring.plan
    cut_at, starts_at = _cut_at(session, subscription, at), subscription.current_period_start
    parts = parts_of(session, subscription=subscription, starts_at=starts_at)
    if any(part.in_arrears for part in parts):
        begin_part(session, subscription=subscription, before=before, then=then, cut_at=cut_at)
        _give_back(session, subscription, then, at)
    else:
        cut_period(
            session, subscription=subscription, before=before, then=then, cut_at=cut_at, since=cut_at, at=at
        )  # fmt: skip
    key = f"restored:{subscription.id}:{cut_at.isoformat()}"
    add_pending_lines(session, subscription=subscription, lines=restoring.lines, at=at, key=key)
    if restoring.fee is not None and then.base_price:
        term = restoring.fee.term
        subscription.base_paid_from, subscription.base_paid_until = term.starts_at, term.ends_at
    subscription.plan_version_id, subscription.former_version_id = then.version_id, None
    session.add(subscription)
    session.flush()
    announce_restoring(session, subscription=subscription, before=before, then=then, at=at)


def restorings_due(session: Session) -> list[tuple[str, str]]:
    """(tenant, subscription) of what was moved and is settled, and could not go back at once."""
    statement = (
        select(Subscription.tenant_id, Subscription.id)
        .where(
            col(Subscription.former_version_id).is_not(None),
            Subscription.status != SubscriptionStatus.CANCELED,
            ~exists().where(*has_run_out(col(Subscription.tenant_id), col(Subscription.id))),
        )
        .order_by(Subscription.tenant_id, Subscription.id)
    )
    return [(tenant_id, subscription_id) for tenant_id, subscription_id in session.exec(statement)]


def _cut_at(session: Session, subscription: Subscription, at: datetime) -> datetime:
    earliest = running_part_start(session, subscription) + PERIOD_MIN
    return max(earliest, after_last_event(session, subscription, since=at))


def _given_by(session: Session, subscription: Subscription) -> dict[datetime, str]:
    """The plan version of each part of the running period, by where it starts: what gave the lots that begin then."""
    parts = parts_of(session, subscription=subscription, starts_at=subscription.current_period_start)
    return {part.starts_at: part.plan_version_id for part in parts}


def _allowances(session: Session, subscription: Subscription, plan: Plan) -> list[CreditGrant]:
    """The lots that the running period was given, but those of a day."""
    daily = {pool.code for pool in plan.pools.values() if pool.resets_daily}
    starts_at, ends_at = subscription.current_period_start, subscription.current_period_end
    lots = credit_lots.ALLOWANCES.ask(session, subscription.tenant_id, subscription.id, starts_at, ends_at)
    return [lot for lot in lots if lot.pool not in daily]


def _give_share(session: Session, subscription: Subscription, plan: Plan, cut_at: datetime, at: datetime) -> None:
    """What a plan includes, for the share of the period that is left."""
    starts_at, ends_at = subscription.current_period_start, subscription.current_period_end
    for pool in plan.pools.values():
        if not pool.resets_daily:
            micro = added_allowance(0, plan.allowance_micro(pool.code), starts_at, ends_at, cut_at)
            credit_lots.grant_lot(
                session, subscription=subscription, pool=pool.code, window=(cut_at, ends_at), granted_micro=micro, at=at
            )


def _give_back(session: Session, subscription: Subscription, plan: Plan, at: datetime) -> None:
    """Let what was held back be there again, to the period's end; what the plan without a fee gave stays usable too."""
    for lot in _allowances(session, subscription, plan):
        lot.expires_at = subscription.current_period_end
        if lot.expired_micro:
            back_micro, lot.expired_micro = lot.expired_micro, 0
            lot.remaining_micro += back_micro
            reason = f"Held back while unpaid, and there again with {plan.name}"
            credit_lots.add_entry(
                session, grant=lot, kind=EntryKind.RETURN, delta_micro=back_micro, reason=reason, at=at
            )  # fmt: skip
        session.add(lot)
    session.flush()
