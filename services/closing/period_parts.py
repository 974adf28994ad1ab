"""The parts of a billing period: one, or one for each plan it was rated with where the plan changed within it.

Each part is rated with its own plan version and has its own counters. The period's allowance stays usable to its end,
whichever part uses it; a larger plan adds its share of the difference from the change on. An allowance a day ends with
its part, for the new plan's begins then.

A part in arrears is apart from the others: while it runs, what the parts before it were given is held back.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlmodel import Session, col, or_, select

from models import BillingPeriod, CreditGrant, GrantKind, PeriodStatus, Subscription
from services.closing.questions import Question
from services.credits import lots as credit_lots
from services.price_books.plans import Plan
from services.rules.periods import Period
from services.rules.proration import added_allowance
from services.rules.receipts import written_time


class RatedPart(NamedTuple):
    """A part as it is billed: by which plan version, and whether that is one it was moved to because it is unpaid."""

    period: Period
    plan_version_id: str
    in_arrears: bool


def parts_of(session: Session, *, subscription: Subscription, starts_at: datetime) -> list[BillingPeriod]:
    """The parts of the period that starts then, in order."""
    return PARTS.ask(session, subscription.tenant_id, subscription.id, starts_at)


def whole_of(session: Session, *, subscription: Subscription, part: BillingPeriod) -> Period | None:
    """The whole period that a part is of; None where the plan did not change within it."""
    parts = parts_of(session, subscription=subscription, starts_at=part.part_of or part.starts_at)
    return None if len(parts) == 1 else Period(0, parts[0].starts_at, parts[-1].ends_at)


def period_document(period: Period) -> dict[str, str]:
    """A period as receipts write it."""
    return {"start": written_time(period.starts_at), "end": written_time(period.ends_at)}


def running_part_start(session: Session, subscription: Subscription) -> datetime:
    """Where the part that runs now began."""
    parts = parts_of(session, subscription=subscription, starts_at=subscription.current_period_start)
    return parts[-1].starts_at if parts else subscription.current_period_start


def part_period(part: BillingPeriod, whole: Period) -> Period:
    """A part within its period, whose end may have been moved forward."""
    return Period(whole.index, part.starts_at, min(part.ends_at, whole.ends_at))


def longest_plan(parts: Sequence[BillingPeriod], whole: Period, *, then: tuple[datetime, str] | None = None) -> str:
    """The plan version that a period was on for the longest time, of equals the last; `then` is a change looked at.

    What is counted once a period is priced by it, so that a change in its last hour does not price the whole of it.
    """
    begins = [(part.starts_at, part.plan_version_id) for part in parts] + ([] if then is None else [then])
    ends = [starts_at for starts_at, _ in begins[1:]] + [whole.ends_at]
    lasted: dict[str, timedelta] = {}
    for (starts_at, version_id), ends_at in zip(begins, ends, strict=True):
        before = lasted.pop(version_id, timedelta())
        lasted[version_id] = before + max(timedelta(), ends_at - starts_at)
    return max(reversed(lasted), key=lambda version_id: lasted[version_id])


def cut_period(
    session: Session, *, subscription: Subscription, before: Plan, then: Plan, cut_at: datetime, since: datetime,
    at: datetime,
) -> None:  # fmt: skip
    """Let the running period go on as another part at `cut_at`, with what the new plan adds from `since` on.

    The caller holds the lock on the tenant's head.
    """
    starts_at, ends_at = subscription.current_period_start, subscription.current_period_end
    begin_part(session, subscription=subscription, before=before, then=then, cut_at=cut_at)
    for pool in then.pools.values():
        if not pool.resets_daily:
            old_micro = before.allowance_micro(pool.code)
            micro = added_allowance(old_micro, then.allowance_micro(pool.code), starts_at, ends_at, since)
            credit_lots.grant_lot(
                session,
                subscription=subscription,
                pool=pool.code,
                window=(cut_at, ends_at),
                granted_micro=micro,
                at=at,
            )


def begin_part(
    session: Session, *, subscription: Subscription, before: Plan, then: Plan, cut_at: datetime,
    in_arrears: bool = False,
) -> None:  # fmt: skip
    """Let the running period go on as another part, by another plan. What is there to be spent in it, the caller says.

    The caller holds the lock on the tenant's head.
    """
    starts_at, ends_at = subscription.current_period_start, subscription.current_period_end
    running = parts_of(session, subscription=subscription, starts_at=starts_at)[-1]
    running.ends_at = cut_at
    session.add(running)
    session.add(
        BillingPeriod(
            tenant_id=subscription.tenant_id,
            subscription_id=subscription.id,
            starts_at=cut_at,
            ends_at=ends_at,
            plan_version_id=then.version_id,
            status=PeriodStatus.OPEN,
            part_of=starts_at,
            in_arrears=in_arrears,
        )
    )
    session.flush()
    _end_daily_lots(session, subscription, before, cut_at)


def _end_daily_lots(session: Session, subscription: Subscription, before: Plan, cut_at: datetime) -> None:
    daily = [pool.code for pool in before.pools.values() if pool.resets_daily]
    statement = select(CreditGrant).where(
        CreditGrant.tenant_id == subscription.tenant_id,
        CreditGrant.subscription_id == subscription.id,
        CreditGrant.kind == GrantKind.ALLOWANCE,
        col(CreditGrant.pool).in_(daily),
        col(CreditGrant.effective_at) < cut_at,
        col(CreditGrant.expires_at) > cut_at,
    )
    for grant in session.exec(statement.execution_options(populate_existing=True)):
        grant.expires_at = cut_at
        session.add(grant)
    session.flush()


PARTS = Question(
    lambda tenant, subscription, period: (
        select(BillingPeriod)
        .where(
            BillingPeriod.tenant_id == tenant,
            BillingPeriod.subscription_id == subscription,
            or_(BillingPeriod.starts_at == period, BillingPeriod.part_of == period),
        )
        .order_by(col(BillingPeriod.starts_at))
        .execution_options(populate_existing=True)
    ),
    Subscription.tenant_id,
    Subscription.id,
    Subscription.current_period_start,
)
