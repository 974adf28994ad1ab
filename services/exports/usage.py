"""Sheets of use: one row an event as it was metered, and one row a change of the credits."""

import json
from typing import Any

from sqlmodel import Session, and_, col, or_, select

from models import CreditEntry, CreditGrant, UsageEvent
from services.exports.sheets import PAGE_ROWS, Asked, Page, Row, Sheet, columns
from services.rules.quantities import from_micro


def _read_usage(session: Session, asked: Asked, after: Any) -> Page:
    at, seq = after or (asked.since, 0)
    statement = (
        select(UsageEvent)
        .where(
            UsageEvent.tenant_id == asked.tenant_id,
            or_(
                col(UsageEvent.occurred_at) > at,
                and_(col(UsageEvent.occurred_at) == at, col(UsageEvent.seq) > seq),
            ),
            col(UsageEvent.occurred_at) >= at,
            col(UsageEvent.occurred_at) < asked.until,
        )
        .order_by(col(UsageEvent.occurred_at), col(UsageEvent.seq))
        .limit(PAGE_ROWS)
    )
    found = session.exec(statement).all()
    rows = [_usage_row(event) for event in found]
    return Page(rows, (found[-1].occurred_at, found[-1].seq) if len(found) == PAGE_ROWS else None)


def _usage_row(event: UsageEvent) -> Row:
    return (
        event.seq,
        event.event_id,
        event.subscription_id,
        event.event_type,
        event.occurred_at,
        event.recorded_at,
        event.site or None,
        event.trace_id,
        from_micro(event.units_micro),
        event.pool,
        from_micro(event.credits_micro),
        from_micro(event.overage_micro),
        event.period_start,
        event.corrects_seq,
        None if event.meta is None else json.dumps(event.meta, sort_keys=True, default=str, ensure_ascii=False),
    )


USAGE = Sheet(
    "usage",
    "Usage",
    columns(
        "receipt_seq:whole event_id subscription_id event_type occurred_at:moment recorded_at:moment site trace_id "
        "units:credits pool credits:credits overage:credits period_start:moment corrects_receipt:whole meta"
    ),
    _read_usage,
)


def _read_credits(session: Session, asked: Asked, after: Any) -> Page:
    statement = (
        select(CreditEntry, CreditGrant)
        .join(
            CreditGrant,
            and_(col(CreditGrant.tenant_id) == CreditEntry.tenant_id, col(CreditGrant.id) == CreditEntry.grant_id),
        )
        .where(
            CreditEntry.tenant_id == asked.tenant_id,
            col(CreditEntry.seq) > (after or 0),
            col(CreditEntry.at) >= asked.since,
            col(CreditEntry.at) < asked.until,
        )
        .order_by(col(CreditEntry.seq))
        .limit(PAGE_ROWS)
    )
    found = session.exec(statement).all()
    rows = [_entry_row(entry, grant) for entry, grant in found]
    return Page(rows, found[-1][0].seq if len(found) == PAGE_ROWS else None)


def _entry_row(entry: CreditEntry, grant: CreditGrant) -> Row:
    return (
        entry.seq,
        entry.at,
        str(entry.kind),
        from_micro(entry.delta_micro),
        grant.pool,
        grant.id,
        str(grant.kind),
        grant.subscription_id,
        grant.effective_at,
        grant.expires_at,
        entry.first_seq,
        entry.last_seq,
    )


CREDITS = Sheet(
    "credits",
    "Credits",
    columns(
        "entry:whole at:moment kind credits:credits pool lot_id lot_kind subscription_id lot_effective_at:moment "
        "lot_expires_at:moment first_receipt:whole last_receipt:whole"
    ),
    _read_credits,
)
