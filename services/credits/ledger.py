"""Every change of a customer's credits, newest first, with the balance each of them left. Credits are in millionths."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, func, select

from models import CreditEntry, CreditGrant, EntryKind, GrantKind

PAGE_MAX = 200
LISTED_MAX = 100_000
"""Entries that are written to one file."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One change of one lot. `balance_micro` is what its pool held on the subscription from then on.

    That is what the books say: what has expired counts until its expiry is an entry too.
    """

    entry: CreditEntry
    lot: CreditGrant
    balance_micro: int


@dataclass(frozen=True, slots=True)
class LedgerFilter:
    """Which changes to show; None for any."""

    subscription_id: str | None = None
    pool: str | None = None
    kind: EntryKind | None = None
    lot_id: str | None = None


ALL = LedgerFilter()


def read_ledger(
    session: Session, *, tenant_id: str, wanted: LedgerFilter = ALL, limit: int, before_seq: int | None = None
) -> list[LedgerEntry]:
    """A page of the ledger, newest first; `before_seq` is the last entry already seen.

    Balances are those of whole pools, whatever else is filtered.
    """
    statement = (
        select(CreditEntry, CreditGrant)
        .join(CreditGrant, _of_its_lot())
        .where(CreditEntry.tenant_id == tenant_id, *_conditions(wanted))
    )
    if before_seq is not None:
        statement = statement.where(CreditEntry.seq < before_seq)
    rows = session.exec(statement.order_by(col(CreditEntry.seq).desc()).limit(min(limit, PAGE_MAX))).all()
    if not rows:
        return []
    balances = _balances(session, tenant_id, {lot.pool for _, lot in rows}, since_seq=rows[-1][0].seq)
    return [LedgerEntry(entry, lot, balances[entry.seq]) for entry, lot in rows]


def iterate_ledger(session: Session, *, tenant_id: str, wanted: LedgerFilter = ALL) -> Iterator[LedgerEntry]:
    """The newest LISTED_MAX entries, page by page."""
    before_seq, left = None, LISTED_MAX
    while page := read_ledger(
        session, tenant_id=tenant_id, wanted=wanted, before_seq=before_seq, limit=min(left, PAGE_MAX)
    ):
        yield from page
        before_seq, left = page[-1].entry.seq, left - len(page)
        if not left:
            return


def count_entries(session: Session, *, tenant_id: str, wanted: LedgerFilter = ALL) -> int:
    """How many changes there are in all."""
    statement = (
        select(func.count())
        .select_from(CreditEntry)
        .join(CreditGrant, _of_its_lot())
        .where(CreditEntry.tenant_id == tenant_id, *_conditions(wanted))
    )
    return session.exec(statement).one()


def returned_micro(session: Session, *, tenant_id: str, lot_ids: Sequence[str]) -> dict[str, int]:
    """What was given back to each lot, by its id; lots that got nothing back are left out."""
    statement = (
        select(CreditEntry.grant_id, func.sum(CreditEntry.delta_micro))
        .where(
            CreditEntry.tenant_id == tenant_id,
            CreditEntry.kind == EntryKind.RETURN,
            col(CreditEntry.grant_id).in_(lot_ids),
        )
        .group_by(CreditEntry.grant_id)
    )
    return {lot_id: int(micro) for lot_id, micro in session.exec(statement)}


def is_kept_by_customer(lot: CreditGrant) -> bool:
    """Whether a lot was bought or given, and so does not end with its period."""
    return lot.kind != GrantKind.ALLOWANCE


def is_usable(lot: CreditGrant, at: datetime) -> bool:
    """Whether use at a moment could spend of it."""
    return lot.effective_at <= at and (lot.expires_at is None or at < lot.expires_at)


def _balances(session: Session, tenant_id: str, pools: set[str], *, since_seq: int) -> dict[int, int]:
    """What each entry from a number on left in its pool: what is there now, less all that came after."""
    purse = (CreditGrant.subscription_id, CreditGrant.pool)
    held = select(*purse, func.sum(CreditGrant.remaining_micro)).where(
        CreditGrant.tenant_id == tenant_id, col(CreditGrant.pool).in_(pools)
    )
    now = {(subscription_id, pool): int(micro) for subscription_id, pool, micro in session.exec(held.group_by(*purse))}
    since = func.sum(CreditEntry.delta_micro).over(partition_by=purse, order_by=col(CreditEntry.seq).desc())
    later = (
        select_columns(col(CreditEntry.seq), col(CreditEntry.delta_micro), *map(col, purse), since)
        .join(CreditGrant, _of_its_lot())
        .where(
            col(CreditEntry.tenant_id) == tenant_id,
            col(CreditEntry.seq) >= since_seq,
            col(CreditGrant.pool).in_(pools),
        )
    )
    return {
        seq: now[subscription_id, pool] - (int(so_far) - delta)
        for seq, delta, subscription_id, pool, so_far in session.execute(later)
    }


def _of_its_lot() -> ColumnElement[bool]:
    return (col(CreditGrant.tenant_id) == CreditEntry.tenant_id) & (col(CreditGrant.id) == CreditEntry.grant_id)


def _conditions(wanted: LedgerFilter) -> list[ColumnElement[bool]]:
    pairs = (
        (col(CreditGrant.subscription_id), wanted.subscription_id),
        (col(CreditGrant.pool), wanted.pool),
        (col(CreditEntry.kind), wanted.kind),
        (col(CreditEntry.grant_id), wanted.lot_id),
    )
    return [column == value for column, value in pairs if value is not None]
