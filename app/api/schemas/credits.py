"""Credits: pools with their lots, and the ledger that explains them."""

from datetime import datetime
from typing import Self

from pydantic import Field

from app.api.schemas.values import Quantity, Shown
from models import CreditGrant
from services.credits.entry_words import EntryWords
from services.credits.ledger import LedgerEntry
from services.credits.lot_views import LotStanding, PoolLots
from services.rules.quantities import plain_micro


class LotShown(Shown):
    """A lot: granted = left + spent + expired + transferred + revoked."""

    lot_id: str
    kind: str = Field(description="`allowance`, `purchase` or `promotion`.")
    granted: Quantity
    left: Quantity
    held: Quantity = Field(description="Of what is left: kept for reservations.")
    spent: Quantity = Field(description="What was returned is taken off.")
    returned: Quantity
    expired: Quantity
    transferred: Quantity
    revoked: Quantity
    priority: int = Field(description="Lots with a lower number are spent first.")
    effective_at: datetime
    expires_at: datetime | None
    is_usable: bool
    spent_next: int | None = Field(description="Its place in the order of spending: 1 is spent next.")
    reason: str | None
    invoice_id: str | None

    @classmethod
    def of(cls, standing: LotStanding) -> Self:
        lot = standing.lot
        return cls(
            **_facts_of(lot),
            held=plain_micro(standing.held_micro),
            returned=plain_micro(standing.returned_micro),
            is_usable=standing.is_usable,
            spent_next=standing.place,
            invoice_id=standing.invoice_id,
        )


class PoolShown(Shown):
    subscription_id: str
    plan_code: str
    pool: str
    name: str
    unit: str
    remaining: Quantity = Field(description="What can be spent now.")
    lots: list[LotShown]

    @classmethod
    def of(cls, found: PoolLots) -> Self:
        pool = found.plan.pools.get(found.pool)
        return cls(
            subscription_id=found.subscription.id,
            plan_code=found.plan.qualified_code,
            pool=found.pool,
            name=found.pool if pool is None else pool.name,
            unit="credit" if pool is None else pool.unit,
            remaining=plain_micro(found.remaining_micro),
            lots=[LotShown.of(each) for each in found.lots],
        )


class CreditsShown(Shown):
    pools: list[PoolShown]


class EntryShown(Shown):
    """One change of one lot. `balance` is what its pool held on the subscription from then on."""

    seq: int
    at: datetime
    subscription_id: str
    pool: str
    kind: str = Field(description="`grant`, `burn`, `expire`, `return`, `transfer` or `revoke`.")
    credits: str = Field(description="Below zero where they leave.", examples=["-12.5"])
    balance: str = Field(examples=["999987.5"])
    why: str
    lot_id: str
    first_receipt: int | None
    last_receipt: int | None
    invoice_id: str | None

    @classmethod
    def of(cls, each: LedgerEntry, words: EntryWords) -> Self:
        return cls(
            seq=each.entry.seq,
            at=each.entry.at,
            subscription_id=each.lot.subscription_id,
            pool=each.lot.pool,
            kind=each.entry.kind.value,
            credits=plain_micro(each.entry.delta_micro),
            balance=plain_micro(each.balance_micro),
            why=words.words,
            lot_id=each.lot.id,
            first_receipt=each.entry.first_seq,
            last_receipt=each.entry.last_seq,
            invoice_id=words.invoice_id,
        )


class LedgerShown(Shown):
    entries: list[EntryShown]
    next_cursor: str | None


def _facts_of(lot: CreditGrant) -> dict[str, object]:
    return {
        "lot_id": lot.id,
        "kind": lot.kind.value,
        "granted": plain_micro(lot.granted_micro),
        "left": plain_micro(lot.remaining_micro),
        "spent": plain_micro(lot.spent_micro),
        "expired": plain_micro(lot.expired_micro),
        "transferred": plain_micro(lot.transferred_micro),
        "revoked": plain_micro(lot.revoked_micro),
        "priority": lot.priority,
        "effective_at": lot.effective_at,
        "expires_at": lot.expires_at,
        "reason": lot.reason,
    }
