"""/v1/usage, looked at: sums of a range, and the events themselves."""

from typing import Annotated

from fastapi import Query

from app import unit_of_work
from app.api.credentials import needs, tenant_of
from app.api.documentation import READ, problems
from app.api.exact_route import api_router
from app.api.listing import (
    LIMIT_DEFAULT,
    Cursor,
    Limit,
    SubscriptionQuery,
    TenantQuery,
    read_seq,
    write_cursor,
)
from app.api.schemas.usage import UsageEventPage, UsageEventShown, UsageSummaryShown
from app.api.schemas.values import read_date_or_moment
from services.api_keys import Principal
from services.database import Session
from services.errors import Unprocessable
from services.usage import reports as usage_reports
from services.usage.reports import GroupBy, Moment

router = api_router("/v1/usage", "Usage")
EventTypeQuery = Annotated[str | None, Query(min_length=1, max_length=64, pattern=r"^[ -~]+$")]
RANGE_HELP = "A date (midnight of the business day) or a time with its zone. The running period, if left out."


@router.get("/summary", responses=problems(READ))
async def read_summary(
    *,
    tenant_id: TenantQuery = None,
    subscription_id: SubscriptionQuery = None,
    starts: Annotated[str | None, Query(alias="from", max_length=40, description=RANGE_HELP)] = None,
    ends: Annotated[str | None, Query(alias="to", max_length=40, description="Excluded. " + RANGE_HELP)] = None,
    group_by: GroupBy = GroupBy.DAY,
    caller: Principal = needs("billing:read"),
) -> UsageSummaryShown:
    """What was used in a range, in all and by day, month, event type or site; and what is left to spend now."""
    tenant = await tenant_of(caller, named=tenant_id, subscription_id=subscription_id)
    summary = await unit_of_work.read(
        usage_reports.read_summary,
        tenant_id=tenant,
        subscription_id=subscription_id,
        starts=_moment(starts, "from"),
        ends=_moment(ends, "to"),
        group_by=group_by,
        at=unit_of_work.now(),
    )
    return UsageSummaryShown.of(summary)


@router.get("/events", responses=problems(READ))
async def list_events(
    *,
    tenant_id: TenantQuery = None,
    subscription_id: SubscriptionQuery = None,
    event_type: EventTypeQuery = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    caller: Principal = needs("billing:read"),
) -> UsageEventPage:
    """The events behind the sums, newest first."""
    tenant = await tenant_of(caller, named=tenant_id, subscription_id=subscription_id)

    def show(session: Session) -> UsageEventPage:
        found = usage_reports.list_events(
            session,
            tenant_id=tenant,
            subscription_id=subscription_id,
            event_type=event_type,
            limit=limit,
            before_seq=read_seq(cursor),
        )
        following = write_cursor(found[-1].seq) if len(found) == limit else None
        return UsageEventPage(events=[UsageEventShown.of(event) for event in found], next_cursor=following)

    return await unit_of_work.read(show)


def _moment(text: str | None, field: str) -> Moment | None:
    if text is None:
        return None
    try:
        return read_date_or_moment(text)
    except ValueError as error:
        raise Unprocessable(f"{field}: {error}.", field=field) from error
