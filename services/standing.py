"""Where a customer stands at a moment: the facts behind the overview, its JSON and the list of customers.

Everything comes from counters, lots and invoices; no event is read, so it costs the same at a million events.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlmodel import Session, col, func, select

from models import Alert, Invoice, InvoiceStatus, ScheduledChange, Subscription, Tenant
from services.assets.counts import count_assets
from services.assets.snapshots import SiteRoom, read_site_room
from services.closing.close import preview_invoice
from services.credits.pool_balances import Holder, PoolBalance, read_balances
from services.errors import NotFound
from services.invoices.credit_notes import amounts_left
from services.invoices.finding import InvoiceDocument, list_invoices
from services.price_books.plans import Plan
from services.rules.periods import Period, business_date
from services.subscriptions.finding import plan_of, read_subscription
from services.subscriptions.scheduled_changes import waiting_change
from services.tenants import read_tenant

ALERTS_MAX = 20
INVOICES_MAX = 3
OPEN_INVOICES_MAX = 20


@dataclass(frozen=True, slots=True)
class AssetStanding:
    """Assets as the running period would be billed. `counted` is None where no count was taken in it."""

    counted: Decimal | None
    included: Decimal
    basis: str
    counted_at: datetime | None

    @property
    def over(self) -> Decimal:
        return max(Decimal(0), (self.counted or Decimal(0)) - self.included)


@dataclass(frozen=True, slots=True)
class Standing:
    """One subscription of a customer. `alerts` are the period's newest, of `alerts_count`; invoices newest first.

    `invoices` are its own, `open_invoices` all that the customer has to pay.
    `left_minor` is what is still to be paid of each open invoice, by id; `waiting` what is scheduled, if anything.
    """

    tenant: Tenant
    subscription: Subscription
    plan: Plan
    balances: tuple[PoolBalance, ...]
    assets: AssetStanding | None
    sites: SiteRoom
    running: InvoiceDocument
    alerts: tuple[Alert, ...]
    alerts_count: int
    invoices: tuple[Invoice, ...]
    open_invoices: tuple[Invoice, ...]
    left_minor: Mapping[str, int]
    days_to_renewal: int
    waiting: ScheduledChange | None


def read_standing(
    session: Session, *, tenant_id: str, at: datetime, subscription_id: str | None = None
) -> Standing | None:
    """The facts about one subscription, or None where the customer has none.

    Without an id it is the main or only one. Raises NotFound for an unknown customer or subscription, and
    SubscriptionUnclear.
    """
    tenant = read_tenant(session, tenant_id=tenant_id)
    try:
        subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    except NotFound:
        if subscription_id is not None:
            raise
        return None
    plan = plan_of(session, subscription)
    holder = Holder(subscription, plan, tenant.timezone)
    alerts, alerts_count = _alerts(session, subscription)
    still_open = _open_invoices(session, tenant_id)
    return Standing(
        tenant=tenant,
        subscription=subscription,
        plan=plan,
        balances=tuple(read_balances(session, holders=[holder], at=at)[subscription.id]),
        assets=_assets(session, subscription=subscription, plan=plan),
        sites=read_site_room(session, tenant_id=tenant_id) if subscription.site is None else SiteRoom(1, 1),
        running=preview_invoice(session, tenant_id=tenant_id, subscription_id=subscription.id, at=at),
        alerts=alerts,
        alerts_count=alerts_count,
        invoices=tuple(
            list_invoices(session, tenant_id=tenant_id, subscription_id=subscription.id, limit=INVOICES_MAX)
        ),
        open_invoices=still_open,
        left_minor=amounts_left(session, tenant_id=tenant_id, invoices=still_open),
        days_to_renewal=_days_between(at, subscription.current_period_end, tenant.timezone),
        waiting=waiting_change(session, subscription=subscription),
    )


def is_late(invoice: Invoice, at: datetime) -> bool:
    """Past due is open and late."""
    return invoice.status == InvoiceStatus.OPEN and invoice.due_at <= at


def _days_between(at: datetime, ends_at: datetime, timezone: str) -> int:
    return max(0, (business_date(ends_at, timezone) - business_date(at, timezone)).days)


def _assets(session: Session, *, subscription: Subscription, plan: Plan) -> AssetStanding | None:
    if plan.assets is None:
        return None
    period = Period(subscription.period_index, subscription.current_period_start, subscription.current_period_end)
    counted = count_assets(session, subscription=subscription, price=plan.assets, period=period)
    return AssetStanding(
        counted=counted.count if counted.snapshot_ids else None,
        included=plan.assets.charge.included,
        basis=plan.assets.basis,
        counted_at=counted.counted_at,
    )


def _alerts(session: Session, subscription: Subscription) -> tuple[tuple[Alert, ...], int]:
    of_this_period = (
        Alert.tenant_id == subscription.tenant_id,
        Alert.subscription_id == subscription.id,
        col(Alert.period_start) >= subscription.current_period_start,
        col(Alert.period_start) < subscription.current_period_end,
    )
    newest_first = (
        col(Alert.raised_at).desc(),
        col(Alert.window_start).desc(),
        col(Alert.threshold_pct).desc(),
        col(Alert.kind),
        col(Alert.id),
    )
    newest = session.exec(select(Alert).where(*of_this_period).order_by(*newest_first).limit(ALERTS_MAX)).all()
    if len(newest) < ALERTS_MAX:
        return tuple(newest), len(newest)
    return tuple(newest), session.exec(select(func.count()).select_from(Alert).where(*of_this_period)).one()


def _open_invoices(session: Session, tenant_id: str) -> tuple[Invoice, ...]:
    """Those to be paid, the one due first in front."""
    statement = select(Invoice).where(Invoice.tenant_id == tenant_id, Invoice.status == InvoiceStatus.OPEN)
    return tuple(session.exec(statement.order_by(col(Invoice.due_at), col(Invoice.id)).limit(OPEN_INVOICES_MAX)))
