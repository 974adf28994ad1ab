"""Credits that were bought are earned as they are spent or expire: each change of their lots books its share.

What is earned of a purchase by so many of its credits is rounded once, half away from zero, and a change books the
difference it makes; so a purchase that is used up is earned to the cent. What was taken back with a credit note goes
back to allowances, where the note had booked it.
"""

from collections.abc import Iterator
from datetime import date, datetime
from fractions import Fraction
from typing import Final

from sqlmodel import Session, col, or_, select

from models import CreditEntry, CreditGrant, CreditPurchase, EntryKind, Invoice, InvoiceLine, LineKind
from services.exports.accounts import Account, Accounts
from services.exports.postings import Entry, entry_of
from services.exports.sheets import Asked
from services.invoices.numbers import invoice_number
from services.rules.money import round_half_away
from services.rules.periods import business_date

_USED: Final = (EntryKind.BURN, EntryKind.EXPIRE, EntryKind.RETURN)
_CHANGES: Final = (*_USED, EntryKind.REVOKE)


def earned_of_purchases(session: Session, asked: Asked, accounts: Accounts) -> Iterator[Entry]:
    """One entry a purchase, day and account, for every day on which some of its credits went, until the span's end."""
    statement = (
        select(CreditPurchase, Invoice)
        .join(
            Invoice,
            (col(Invoice.tenant_id) == CreditPurchase.tenant_id) & (col(Invoice.id) == CreditPurchase.invoice_id),
        )
        .where(
            CreditPurchase.tenant_id == asked.tenant_id,
            col(CreditPurchase.grant_id).is_not(None),
            col(CreditPurchase.bought_at) < asked.until,
        )
        .order_by(col(CreditPurchase.bought_at), col(CreditPurchase.id))
    )
    for purchase, invoice in session.exec(statement).all():
        yield from _earned_of(session, asked, accounts, purchase, invoice)


def _earned_of(
    session: Session, asked: Asked, accounts: Accounts, purchase: CreditPurchase, invoice: Invoice
) -> Iterator[Entry]:
    price_minor = _price_of(session, purchase)
    sums: dict[tuple[date, Account], tuple[int, datetime]] = {}
    gone_micro = 0
    for entry in _changes(session, asked, purchase):
        before, gone_micro = gone_micro, gone_micro - entry.delta_micro
        minor = _earned(price_minor, gone_micro, purchase) - _earned(price_minor, before, purchase)
        account = accounts.usage_revenue if entry.kind in _USED else accounts.allowances
        key = business_date(entry.at, asked.timezone), account
        sums[key] = sums.get(key, (0, entry.at))[0] + minor, entry.at
    number = str(invoice_number(invoice))
    for (day, account), (minor, at) in sums.items():
        name, memo = f"{purchase.id}:{account.code}:{day}", f"Credits of {number} used"
        yield entry_of(name, "earned", at, number, memo, (accounts.prepaid_credits, minor), (account, -minor))


def _changes(session: Session, asked: Asked, purchase: CreditPurchase) -> Iterator[CreditEntry]:
    """What was spent, expired, given back and taken back of a purchase, whichever lot it had gone to, in order."""
    lots = select(CreditGrant.id).where(
        CreditGrant.tenant_id == purchase.tenant_id,
        or_(CreditGrant.id == purchase.grant_id, CreditGrant.origin_id == purchase.grant_id),
    )
    statement = select(CreditEntry).where(
        CreditEntry.tenant_id == purchase.tenant_id,
        col(CreditEntry.grant_id).in_(lots),
        col(CreditEntry.kind).in_(_CHANGES),
        col(CreditEntry.at) < asked.until,
    )
    yield from session.exec(statement.order_by(col(CreditEntry.seq)))


def _price_of(session: Session, purchase: CreditPurchase) -> int:
    statement = select(InvoiceLine.amount_minor).where(
        InvoiceLine.tenant_id == purchase.tenant_id,
        InvoiceLine.invoice_id == purchase.invoice_id,
        InvoiceLine.kind == LineKind.TOP_UP,
    )
    return sum(session.exec(statement))


def _earned(price_minor: int, gone_micro: int, purchase: CreditPurchase) -> int:
    return round_half_away(Fraction(price_minor * gone_micro, purchase.credits_micro))
