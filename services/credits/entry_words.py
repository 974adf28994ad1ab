"""Why each change of the credits came about, in words, and where it leads: to receipts or to an invoice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session, col, select

from models import CreditEntry, CreditGrant, CreditNote, CreditPurchase, EntryKind, GrantKind, Subscription, UsageEvent
from services import wording
from services.credits.ledger import LedgerEntry
from services.invoices.credit_notes import note_number
from services.price_books.books import plan_version

KIND_WORDS: Final = {
    EntryKind.GRANT: "Granted",
    EntryKind.BURN: "Spent",
    EntryKind.EXPIRE: "Expired",
    EntryKind.RETURN: "Returned",
    EntryKind.TRANSFER: "Moved",
    EntryKind.REVOKE: "Taken back",
}
LOT_WORDS: Final = {
    GrantKind.ALLOWANCE: "Allowance",
    GrantKind.PURCHASE: "Bought",
    GrantKind.PROMOTION: "Given",
}


@dataclass(frozen=True, slots=True)
class EntryWords:
    """`words` say why; `receipt` is the number of the first receipt behind it, `invoice_id` the bill, where it has."""

    words: str
    receipt: int | None = None
    invoice_id: str | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """What the entries of one page refer to."""

    timezone: str
    purchases: dict[str, CreditPurchase]
    notes: dict[str, CreditNote]
    plans: dict[str, str]
    others: dict[str, CreditGrant]
    corrections: frozenset[int]


def word_entries(
    session: Session, *, tenant_id: str, entries: Sequence[LedgerEntry], timezone: str
) -> list[EntryWords]:
    """The words of each entry of one customer, in their order."""
    known = _read_known(session, tenant_id, entries, timezone)
    return [_WORDS[each.entry.kind](each.entry, each.lot, known) for each in entries]


def _grant(_entry: CreditEntry, lot: CreditGrant, known: _Known) -> EntryWords:
    if lot.kind == GrantKind.ALLOWANCE:
        assert lot.expires_at is not None, "an allowance lasts a window"
        return EntryWords(f"Included in the plan for {wording.span(lot.effective_at, lot.expires_at, known.timezone)}")
    if lot.kind == GrantKind.PROMOTION:
        return EntryWords(f"Given: {lot.reason}")
    purchase = known.purchases.get(lot.id)
    itself = " by themselves, below your threshold" if purchase is not None and purchase.is_automatic else ""
    return EntryWords(f"Bought{itself}", invoice_id=None if purchase is None else purchase.invoice_id)


def _burn(entry: CreditEntry, lot: CreditGrant, known: _Known) -> EntryWords:
    return EntryWords(f"Used, from what was {_lot_named(lot)}: {_receipts(entry)}", receipt=entry.first_seq)


def _expire(_entry: CreditEntry, lot: CreditGrant, known: _Known) -> EntryWords:
    ended = "" if lot.expires_at is None else f" on {wording.moment(lot.expires_at, known.timezone)}"
    return EntryWords(f"What was left of what was {_lot_named(lot)} expired{ended}")


def _return(entry: CreditEntry, lot: CreditGrant, known: _Known) -> EntryWords:
    if entry.first_seq in known.corrections:
        return EntryWords(f"Given back, for a correction says less was used: {_receipts(entry)}", entry.first_seq)
    if entry.first_seq is None:
        return EntryWords(f"{entry.reason}")
    return EntryWords(f"Back from what had expired, for late use of its time: {_receipts(entry)}", entry.first_seq)


def _transfer(entry: CreditEntry, _lot: CreditGrant, known: _Known) -> EntryWords:
    other = known.others.get(entry.source_id or "")
    plan = "another subscription" if other is None else f"the subscription to {known.plans[other.subscription_id]}"
    if entry.delta_micro < 0:
        return EntryWords(f"Moved to {plan}, for this one has ended")
    return EntryWords(f"Moved here from {plan}, which has ended")


def _revoke(entry: CreditEntry, _lot: CreditGrant, known: _Known) -> EntryWords:
    note = known.notes.get(entry.source_id or "")
    if note is None:
        return EntryWords(f"Taken away again: {entry.reason}")
    return EntryWords(f"Paid back by credit note {note_number(note)}: {note.reason}", invoice_id=note.invoice_id)


_WORDS: Final[dict[EntryKind, Callable[[CreditEntry, CreditGrant, _Known], EntryWords]]] = {
    EntryKind.GRANT: _grant,
    EntryKind.BURN: _burn,
    EntryKind.EXPIRE: _expire,
    EntryKind.RETURN: _return,
    EntryKind.TRANSFER: _transfer,
    EntryKind.REVOKE: _revoke,
}


def _receipts(entry: CreditEntry) -> str:
    """receipt 12; receipts 12 to 40."""
    if entry.first_seq is None or entry.last_seq is None:
        return "receipts unknown"
    if entry.first_seq == entry.last_seq:
        return f"receipt {wording.number(entry.first_seq)}"
    return f"receipts {wording.number(entry.first_seq)} to {wording.number(entry.last_seq)}"


def _lot_named(lot: CreditGrant) -> str:
    return {"allowance": "included", "purchase": "bought", "promotion": "given"}[lot.kind.value]


def _read_known(session: Session, tenant_id: str, entries: Sequence[LedgerEntry], timezone: str) -> _Known:
    lot_ids = {each.lot.origin_id or each.lot.id for each in entries}
    sources = {each.entry.source_id for each in entries if each.entry.source_id}
    returned = {each.entry.first_seq for each in entries if each.entry.kind == EntryKind.RETURN}
    bought = select(CreditPurchase).where(
        CreditPurchase.tenant_id == tenant_id, col(CreditPurchase.grant_id).in_(lot_ids)
    )
    notes = select(CreditNote).where(CreditNote.tenant_id == tenant_id, col(CreditNote.id).in_(sources))
    others = select(CreditGrant).where(CreditGrant.tenant_id == tenant_id, col(CreditGrant.id).in_(sources))
    corrections = select(UsageEvent.seq).where(
        UsageEvent.tenant_id == tenant_id,
        col(UsageEvent.seq).in_(returned),
        col(UsageEvent.corrects_seq).is_not(None),
        UsageEvent.credits_micro < 0,
    )
    other_lots = {lot.id: lot for lot in session.exec(others)}
    subscriptions = select(Subscription).where(
        Subscription.tenant_id == tenant_id,
        col(Subscription.id).in_({lot.subscription_id for lot in other_lots.values()}),
    )
    return _Known(
        timezone=timezone,
        purchases={str(each.grant_id): each for each in session.exec(bought)},
        notes={note.id: note for note in session.exec(notes)},
        plans={
            each.id: plan_version(session, version_id=each.plan_version_id).name for each in session.exec(subscriptions)
        },
        others=other_lots,
        corrections=frozenset(session.exec(corrections)),
    )
