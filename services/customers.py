"""The customers, for our own side: found by name, a page at a time, in a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, tuple_
from sqlmodel import Session, col, func, or_, select

from models import Invoice, Subscription, SubscriptionStatus, Tenant
from models.base import NAME_MAX
from services import wording
from services.credits.pool_balances import Holder, PoolBalance, read_balances
from services.invoices.credit_notes import open_amounts
from services.price_books.books import plan_version

PAGE_MAX = 100


@dataclass(frozen=True)
class CustomerView:
    """One customer, by its main subscription; `more` says how many others are live.

    `credits` speaks of the pool that is used most; `used_bar` is its percentage, 100 at most."""

    id: str
    name: str
    plan: str
    status: str
    status_word: str
    credits: str
    credits_state: str
    used_bar: int
    last_bill: str
    last_bill_when: str
    open_amount: str
    has_open: bool
    more: str = ""


@dataclass(frozen=True)
class CustomersView:
    """A page of customers. `last` is what `after` is for the next page, "" where there is none."""

    rows: tuple[CustomerView, ...] = ()
    title: str = ""
    shown: str = ""
    total: int = 0
    has_next: bool = False
    last: str = ""


EMPTY_CUSTOMERS = CustomersView()


def list_customers(
    session: Session, *, at: datetime, search: str = "", limit: int = PAGE_MAX, after: str = ""
) -> CustomersView:
    """Customers whose name contains `search` or whose id it is, by name; `after` is the last name already shown."""
    matches = _matches(search)
    limit = min(max(limit, 1), PAGE_MAX)
    position = (func.lower(Tenant.name), col(Tenant.name))
    statement = select(Tenant).where(matches)
    seen = 0
    if after:
        last_seen = _printable(after)
        boundary = tuple_(func.lower(last_seen), last_seen)
        statement = statement.where(tuple_(*position) > boundary)
        seen = _count(session, matches, tuple_(*position) <= boundary)
    tenants = session.exec(statement.order_by(*position).limit(limit + 1)).all()
    total = _count(session, matches)
    page = tenants[:limit]
    has_next = len(tenants) > limit
    return CustomersView(
        rows=_rows(session, page, at),
        title=_title(total, search),
        shown=f"{seen + 1:,}–{seen + len(page):,} of {total:,}" if page else f"0 of {total:,}",
        total=total,
        has_next=has_next,
        last=page[-1].name if has_next else "",
    )


def _title(total: int, search: str) -> str:
    noun = "customer" if total == 1 else "customers"
    return f"{total:,} {noun} found" if search else f"{total:,} {noun}"


def _matches(search: str) -> ColumnElement[bool]:
    wanted = _printable(search)
    return or_(col(Tenant.name).icontains(wanted, autoescape=True), col(Tenant.id) == wanted)


def _printable(text: str) -> str:
    """What a name could hold of a text that anybody may have sent."""
    return " ".join("".join(c for c in text if c.isprintable() or c.isspace()).split())[:NAME_MAX]


def _count(session: Session, *conditions: ColumnElement[bool]) -> int:
    return session.exec(select(func.count()).select_from(Tenant).where(*conditions)).one()


def _rows(session: Session, tenants: Sequence[Tenant], at: datetime) -> tuple[CustomerView, ...]:
    ids = [tenant.id for tenant in tenants]
    holders, live = _holders(session, tenants), _live_counts(session, ids)
    balances = read_balances(session, holders=holders.values(), at=at)
    last_bills, still_open = _last_bills(session, ids), _open_amounts(session, ids, at)
    rows = []
    for tenant in tenants:
        holder = holders.get(tenant.id)
        pools = balances.get(holder.subscription.id, []) if holder else []
        row = _row(tenant, holder, pools, last_bills.get(tenant.id), still_open.get(tenant.id, 0))
        others = live.get(tenant.id, 0) - 1
        rows.append(replace(row, more=f"and {others:,} more") if others > 0 else row)
    return tuple(rows)


def _row(
    tenant: Tenant, holder: Holder | None, pools: list[PoolBalance], last_bill: Invoice | None, open_minor: int
) -> CustomerView:
    status = holder.subscription.status.value if holder else "none"
    fullest = max(pools, key=lambda pool: pool.used_pct, default=None)
    return CustomerView(
        id=tenant.id,
        name=tenant.name,
        plan=_plan_words(holder),
        status=status,
        status_word=status.replace("_", " ").capitalize(),
        credits="" if fullest is None else f"{fullest.used_pct:,} %" + _of(fullest, pools),
        credits_state="" if fullest is None else fullest.state,
        used_bar=0 if fullest is None else min(fullest.used_pct, 100),
        last_bill="–" if last_bill is None else wording.amount(last_bill.total_minor, last_bill.currency),
        last_bill_when="" if last_bill is None else wording.moment_day(last_bill.issued_at, tenant.timezone),
        open_amount=wording.amount(open_minor, tenant.currency),
        has_open=open_minor > 0,
    )


def _plan_words(holder: Holder | None) -> str:
    if holder is None:
        return "No plan"
    was_moved = holder.subscription.former_version_id is not None
    return f"{holder.plan.name}, unpaid" if was_moved else holder.plan.name


def _of(fullest: PoolBalance, pools: list[PoolBalance]) -> str:
    return f" of {fullest.pool.name.lower()}" if len(pools) > 1 else ""


def _holders(session: Session, tenants: Sequence[Tenant]) -> dict[str, Holder]:
    """The main live subscription of each tenant, else the first by name, else its newest."""
    timezones = {tenant.id: tenant.timezone for tenant in tenants}
    statement = (
        select(Subscription)
        .where(col(Subscription.tenant_id).in_(timezones))
        .order_by(
            col(Subscription.status) != SubscriptionStatus.CANCELED,
            col(Subscription.name).desc(),
            col(Subscription.created_at),
        )
    )
    newest = {row.tenant_id: row for row in session.exec(statement)}
    return {
        tenant_id: Holder(row, plan_version(session, version_id=row.plan_version_id), timezones[tenant_id])
        for tenant_id, row in newest.items()
    }


def _live_counts(session: Session, tenant_ids: Sequence[str]) -> dict[str, int]:
    statement = (
        select(Subscription.tenant_id, func.count())
        .where(col(Subscription.tenant_id).in_(tenant_ids), Subscription.status != SubscriptionStatus.CANCELED)
        .group_by(Subscription.tenant_id)
    )
    return dict(session.exec(statement).all())


def _last_bills(session: Session, tenant_ids: Sequence[str]) -> dict[str, Invoice]:
    """The newest invoice of each: numbers have no gaps, so it is the one with the highest."""
    highest = (
        select(Invoice.tenant_id, func.max(Invoice.number))
        .where(col(Invoice.tenant_id).in_(tenant_ids))
        .group_by(Invoice.tenant_id)
    )
    statement = select(Invoice).where(tuple_(col(Invoice.tenant_id), col(Invoice.number)).in_(highest))
    return {invoice.tenant_id: invoice for invoice in session.exec(statement)}


def _open_amounts(session: Session, tenant_ids: Sequence[str], at: datetime) -> dict[str, int]:
    """What is still to be paid, in minor units of the tenant's currency."""
    found = open_amounts(session, tenant_ids=tenant_ids, late_at=at)
    return {tenant_id: sum(minor for _, minor in each.values()) for tenant_id, each in found.items()}
