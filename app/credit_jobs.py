"""What falls due with credits: packs bought by themselves, purchases nobody paid, expiry, what was left behind.

Each thing in a transaction of its own, under the lock on its tenant's head: several processes may run these at once.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import structlog

from services import auto_top_up_buying, credit_expiry, credit_transfers, top_up_purchases
from services.database import Session, reading, transaction
from services.invoice_transitions import void_invoice

_log = structlog.get_logger("tallystick.credits")


def top_up_due(*, at: datetime) -> Mapping[str, int]:
    """Buy what is due by itself; answers how many orders came to which outcome."""
    with reading() as session:
        due = auto_top_up_buying.due_orders(session, at=at)

    def buy(session: Session, order: tuple[str, str, str]) -> str:
        tenant_id, subscription_id, pool = order
        named = {"tenant_id": tenant_id, "subscription_id": subscription_id, "pool": pool}
        return auto_top_up_buying.buy_if_due(session, at=at, **named).value

    return Counter(_each(due, buy))


def cancel_unpaid_due(*, at: datetime) -> int:
    """Make the invoices of purchases void that were to be paid by now and were not; answers how many."""
    with reading() as session:
        unpaid = top_up_purchases.unpaid_purchases(session, at=at)

    def cancel(session: Session, named: tuple[str, str]) -> bool:
        void_invoice(session, tenant_id=named[0], invoice_id=named[1], at=at)
        return True

    return sum(_each(unpaid, cancel))


def expire_due_lots(*, at: datetime) -> int:
    """Write down which lots have expired; answers how many."""
    with reading() as session:
        tenants = credit_expiry.tenants_with_expired(session, at=at)
    return sum(_each(tenants, lambda session, tenant: credit_expiry.expire_lots(session, tenant_id=tenant, at=at)))


def tell_expiring_due(*, at: datetime) -> int:
    """Tell of the lots that expire within a week; answers how many."""
    with reading() as session:
        lots = credit_expiry.lots_to_tell_of(session, at=at)

    def tell(session: Session, named: tuple[str, str]) -> bool:
        credit_expiry.tell_of_expiry(session, tenant_id=named[0], lot_id=named[1], at=at)
        return True

    return sum(_each(lots, tell))


def carry_over_due(*, at: datetime) -> int:
    """Move what is left on subscriptions that have ended; answers how many lots."""
    with reading() as session:
        tenants = credit_transfers.tenants_left_behind(session, at=at)
    return sum(_each(tenants, lambda session, tenant: credit_transfers.carry_over(session, tenant_id=tenant, at=at)))


def run_credit_jobs(*, at: datetime) -> None:
    """All of them, one after the other."""
    for job in (top_up_due, cancel_unpaid_due, expire_due_lots, tell_expiring_due, carry_over_due):
        job(at=at)


def _each(things: Iterable[Any], act: Callable[[Session, Any], Any]) -> list[Any]:
    """Do it for each; what fails is logged, stops no others, and is found again by the next run."""
    done = []
    for thing in things:
        try:
            with transaction() as session:
                done.append(act(session, thing))
        except Exception:
            _log.exception("credit_job_failed", thing=thing)
    return done
