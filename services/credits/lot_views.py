"""The lots a customer has, in the order they are spent in, each with what became of it. Credits are in millionths."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, or_, select

from models import CreditGrant, CreditPurchase, Subscription
from services.credits.holds import held_of_lots, read_holds
from services.credits.ledger import is_usable, returned_micro
from services.credits.lots import grant_of
from services.credits.pool_balances import Holder, PoolBalance, read_balances
from services.price_books.plans import Plan
from services.rules.credits import burn_order
from services.subscriptions.finding import list_subscriptions, plan_of
from services.tenants import read_tenant

LOTS_MAX = 500
ENDED_SHOWN = timedelta(days=35)
"""Lots that can be spent no more are shown for as long as late use may still get back to them."""


@dataclass(frozen=True, slots=True)
class LotStanding:
    """A lot and what became of it. `place` is its place in the order of spending, 1 for the one spent next; None where
    it cannot be spent now or is empty. `invoice_id` is the bill of what was bought."""

    lot: CreditGrant
    returned_micro: int
    held_micro: int
    place: int | None
    is_usable: bool
    invoice_id: str | None


@dataclass(frozen=True, slots=True)
class PoolLots:
    """A pool of one subscription: `balance` where it runs and uses the pool, None for what was left behind."""

    subscription: Subscription
    plan: Plan
    pool: str
    balance: PoolBalance | None
    lots: tuple[LotStanding, ...]

    @property
    def remaining_micro(self) -> int:
        """What can be spent now."""
        return 0 if self.balance is None else self.balance.remaining_micro


def read_pool_lots(session: Session, *, tenant_id: str, at: datetime) -> list[PoolLots]:
    """Every pool of the customer that has lots, with those that are left or ended lately; running ones first."""
    timezone = read_tenant(session, tenant_id=tenant_id).timezone
    subscriptions = list_subscriptions(session, tenant_id=tenant_id)
    running = [Holder(each, plan_of(session, each), timezone) for each in subscriptions if each.canceled_at is None]
    balances = read_balances(session, holders=running, at=at)
    found = _lots(session, tenant_id, at)
    held = held_of_lots(read_holds(session, tenant_ids=[tenant_id], at=at)[tenant_id])
    returned = returned_micro(session, tenant_id=tenant_id, lot_ids=[lot.id for lot in found])
    invoices = _invoices(session, tenant_id)
    pools = []
    for subscription in subscriptions:
        plan = plan_of(session, subscription)
        mine = [lot for lot in found if lot.subscription_id == subscription.id]
        known = {balance.pool.code: balance for balance in balances.get(subscription.id, ())}
        for pool in dict.fromkeys([*plan.pools, *(lot.pool for lot in mine)]):
            lots = [lot for lot in mine if lot.pool == pool]
            balance = known.get(pool)
            if lots or balance is not None:
                runs = subscription.canceled_at is None
                standings = _standings(lots, at=at, runs=runs, held=held, returned=returned, invoices=invoices)
                pools.append(PoolLots(subscription, plan, pool, balance, standings))
    return pools


def _standings(
    lots: Sequence[CreditGrant],
    *,
    at: datetime,
    runs: bool,
    held: Mapping[str, int],
    returned: Mapping[str, int],
    invoices: Mapping[str, str],
) -> tuple[LotStanding, ...]:
    """Those that can be spent first, in the order they are; then what waits, then what is over, the newest first."""

    def rank(lot: CreditGrant) -> tuple[object, ...]:
        if runs and is_usable(lot, at) and lot.remaining_micro:
            return (0, burn_order(grant_of(lot)))
        return (1 if lot.remaining_micro else 2, -lot.effective_at.timestamp(), lot.id)

    standings, place = [], 0
    for lot in sorted(lots, key=rank):
        usable = runs and is_usable(lot, at)
        place += 1 if usable and lot.remaining_micro else 0
        standings.append(
            LotStanding(
                lot=lot,
                returned_micro=returned.get(lot.id, 0),
                held_micro=min(held.get(lot.id, 0), lot.remaining_micro),
                place=place if usable and lot.remaining_micro else None,
                is_usable=usable,
                invoice_id=invoices.get(lot.origin_id or lot.id),
            )
        )
    return tuple(standings)


def _lots(session: Session, tenant_id: str, at: datetime) -> Sequence[CreditGrant]:
    statement = select(CreditGrant).where(
        CreditGrant.tenant_id == tenant_id,
        or_(
            col(CreditGrant.remaining_micro) > 0,
            col(CreditGrant.expires_at).is_(None),
            col(CreditGrant.expires_at) > at - ENDED_SHOWN,
        ),
    )
    newest_first = statement.order_by(col(CreditGrant.granted_at).desc(), CreditGrant.id)
    return session.exec(newest_first.limit(LOTS_MAX).execution_options(populate_existing=True)).all()


def _invoices(session: Session, tenant_id: str) -> dict[str, str]:
    """The bill of each lot that was bought, by the lot's id."""
    statement = select(CreditPurchase.grant_id, CreditPurchase.invoice_id).where(
        CreditPurchase.tenant_id == tenant_id, col(CreditPurchase.grant_id).is_not(None)
    )
    return {str(lot_id): invoice_id for lot_id, invoice_id in session.exec(statement)}
