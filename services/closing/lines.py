"""The lines of a closing invoice: the fee that falls due, what was used in each part of the period, what waited."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session

from models import BillingPeriod, Subscription, Tenant
from services.closing.base_fees import base_fee_lines, term_due
from services.closing.period_ends import rests_by
from services.closing.period_parts import RatedPart, longest_plan, part_period, parts_of
from services.invoices import lines as invoice_lines
from services.invoices.carried_credit import with_waiting
from services.invoices.lines import Line
from services.price_books.books import plan_version
from services.rules.periods import Period
from services.subscriptions.finding import plan_of
from services.subscriptions.scheduled_changes import Terms, terms_from
from services.tenants import read_tenant
from services.usage import lines as usage_lines
from services.usage.lines import Use, use_of
from services.usage.ranges import whole_range


@dataclass(frozen=True, slots=True)
class UsedPart:
    """A part of the period that closes, as it is stored and within the period, and what it used."""

    row: BillingPeriod
    period: Period
    use: Use


def used_parts(session: Session, *, subscription: Subscription, period: Period) -> list[UsedPart]:
    """The parts of the period in order, read once for its lines, its receipt and the marks that it is billed."""
    return [
        UsedPart(
            part, part_period(part, period), use_of(session, subscription=subscription, period_start=part.starts_at)
        )
        for part in parts_of(session, subscription=subscription, starts_at=period.starts_at)
    ]


def closing_lines(
    session: Session,
    *,
    subscription: Subscription,
    period: Period,
    following: Period | None,
    parts: Sequence[UsedPart],
    terms: Terms | None = None,
    added: Sequence[Line] = (),
    changed_at: datetime | None = None,
) -> list[Line]:
    """All lines of the invoice that closes a period. `following` is the one after it, None where there is none.

    `terms` of the following period and lines that are `added` to those that wait are those of a change that is only
    looked at, which the running period has from `changed_at` on; else what is scheduled says them.
    """
    tenant = read_tenant(session, tenant_id=subscription.tenant_id)
    plan = plan_of(session, subscription)
    fees = _fees(session, subscription, tenant, following, terms)
    then = None if changed_at is None else (changed_at, plan.version_id)
    rated = plan_version(session, version_id=longest_plan([part.row for part in parts], period, then=then))
    assets = invoice_lines.asset_line(session, subscription=subscription, plan=rated, period=period)
    lines = [
        *fees,
        *([] if assets is None else [assets]),
        *_overage_lines(session, subscription, period, parts),
        *usage_lines.late_lines(session, subscription=subscription, before=period.starts_at, timezone=tenant.timezone),
        *added,
    ]
    return with_waiting(session, subscription=subscription, plan=plan, period=period, lines=lines)


def _fees(
    session: Session, subscription: Subscription, tenant: Tenant, following: Period | None, terms: Terms | None
) -> list[Line]:
    """The base fee that falls due with the next period, by the plan and interval it will have; none for a rest."""
    if following is None or rests_by(subscription, following.starts_at):
        return []
    if terms is None:
        terms = terms_from(session, subscription=subscription, starts_at=following.starts_at)
    term = term_due(subscription, timezone=tenant.timezone, following=following, interval=terms.interval)
    if term is None or terms.pauses:
        return []
    return base_fee_lines(session, subscription=subscription, plan=terms.plan, term=term, interval=terms.interval)


def use_of_period(parts: Sequence[UsedPart]) -> dict[str, Any]:
    """What an invoice says of its period's use, in whole and by part."""
    named = [RatedPart(part.period, part.row.plan_version_id, part.row.in_arrears) for part in parts]
    return {"usage": whole_range([part.use.receipts for part in parts]), "parts": named if len(parts) > 1 else ()}


def _overage_lines(
    session: Session, subscription: Subscription, period: Period, parts: Sequence[UsedPart]
) -> list[Line]:
    return [
        line
        for part in parts
        for line in usage_lines.overage_lines(
            session,
            subscription=subscription,
            plan=plan_version(session, version_id=part.row.plan_version_id),
            period=part.period,
            use=part.use,
            part_of=period if len(parts) > 1 else None,
        )
    ]
