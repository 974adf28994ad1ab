"""What falls due with credits: packs bought by themselves, purchases nobody paid, expiry, what was left behind.

Each thing in a transaction of its own, under the lock on its tenant's head: several processes may run these at once.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import structlog

from services.credits import expiry as credit_expiry
from services.credits import transfers as credit_transfers
from services.database import Session, reading, transaction
from services.invoices.transitions import void_invoice
from services.top_ups import automatic_buying as auto_top_up_buying
from services.top_ups import purchases as top_up_purchases
from services.top_ups.automatic_buying import Outcome

_log = structlog.get_logger("tallystick.credits")


def top_up_due(*, at: datetime) -> dict[str, int]:
    """Buy what is due by itself; answers how many orders came to which outcome."""
    with reading() as session:
        due = auto_top_up_buying.due_orders(session, at=at)

    def buy(session: Session, order: tuple[str, str, str]) -> Counter[str]:
        tenant_id, subscription_id, pool = order
        named = {"tenant_id": tenant_id, "subscription_id": subscription_id, "pool": pool}
        outcome = auto_top_up_buying.buy_if_due(session, at=at, **named)
        return Counter() if outcome == Outcome.WAITING else Counter([outcome.value])

    return dict(_each(due, buy))


def settle_due(*, at: datetime) -> dict[str, int]:
    """All that falls due with credits beside buying them; answers how many of each."""
    return dict(cancel_unpaid_due(at=at) + expire_due_lots(at=at) + tell_expiring_due(at=at) + carry_over_due(at=at))


def cancel_unpaid_due(*, at: datetime) -> Counter[str]:
    """Make the invoices of purchases void that were to be paid by now and were not."""
    with reading() as session:
        unpaid = top_up_purchases.unpaid_purchases(session, at=at)

    def cancel(session: Session, named: tuple[str, str]) -> Counter[str]:
        void_invoice(session, tenant_id=named[0], invoice_id=named[1], at=at)
        return Counter(["unpaid"])

    return _each(unpaid, cancel)


def expire_due_lots(*, at: datetime) -> Counter[str]:
    """Write down which lots have expired."""
    with reading() as session:
        tenants = credit_expiry.tenants_with_expired(session, at=at)

    def expire(session: Session, tenant_id: str) -> Counter[str]:
        return Counter(expired=credit_expiry.expire_lots(session, tenant_id=tenant_id, at=at))

    return _each(tenants, expire)


def tell_expiring_due(*, at: datetime) -> Counter[str]:
    """Tell of the lots that expire within a week."""
    with reading() as session:
        lots = credit_expiry.lots_to_tell_of(session, at=at)

    def tell(session: Session, named: tuple[str, str]) -> Counter[str]:
        credit_expiry.tell_of_expiry(session, tenant_id=named[0], lot_id=named[1], at=at)
        return Counter(["told"])

    return _each(lots, tell)


def carry_over_due(*, at: datetime) -> Counter[str]:
    """Move what is left on subscriptions that have ended."""
    with reading() as session:
        tenants = credit_transfers.tenants_to_carry_over(session, at=at)

    def carry(session: Session, tenant_id: str) -> Counter[str]:
        return Counter(moved=credit_transfers.carry_over(session, tenant_id=tenant_id, at=at))

    return _each(tenants, carry)


def _each(things: Iterable[Any], act: Callable[[Session, Any], Counter[str]]) -> Counter[str]:
    """Do it for each; what fails is counted and logged, stops no others, and is found again by the next run."""
    done: Counter[str] = Counter()
    for thing in things:
        try:
            with transaction() as session:
                counts = act(session, thing)
        except Exception:
            _log.exception("credit_job_failed", thing=thing)
            counts = Counter(["failed"])
        done += counts
    return done
