"""How each document is booked: double entry, every entry summing to zero. Amounts are minor units, debits positive."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from models import CreditNote, CreditNoteLine, Invoice, InvoiceLine, LineKind, Refund
from services.exports.accounts import Account, Accounts
from services.invoices.credit_notes import note_number
from services.invoices.numbers import invoice_number
from services.rules.recognition import slices

DEFERRED_FROM: Final = timedelta(days=35)
"""A fee for more time than this is earned month by month; that of a month is earned as it is invoiced."""

_MICROSECOND: Final = timedelta(microseconds=1)
"""A period ends just before the next begins: what it earned belongs to its last day."""

_REVENUE: Final[Mapping[str, str]] = {
    "base": "subscription_revenue",
    "discount": "subscription_revenue",
    "proration": "subscription_revenue",
    "asset_uplift": "asset_revenue",
    "overage": "usage_revenue",
    "late_usage": "usage_revenue",
    "correction": "usage_revenue",
    "adjustment": "allowances",
    "carried": "customer_credit",
    "top_up": "prepaid_credits",
    "gain_share": "gain_share_revenue",
}
_EARNED_OVER_TIME: Final = frozenset({"base", "discount", "proration"})


@dataclass(frozen=True, slots=True)
class Posting:
    account: Account
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One booking. `id` is the same whenever the journal is written; `kind` says what it books."""

    id: str
    kind: str
    at: datetime
    document: str
    memo: str
    postings: tuple[Posting, ...]

    def __post_init__(self) -> None:
        assert sum(posting.amount_minor for posting in self.postings) == 0, f"{self.id} does not balance"


def account_of(accounts: Accounts, kind: LineKind) -> Account:
    """The account that a line of this kind is credited to, once it is earned."""
    found: Account = getattr(accounts, _REVENUE[kind.value])
    return found


def is_deferred(line: InvoiceLine) -> bool:
    """Whether a line is earned over the time it pays for."""
    return line.kind.value in _EARNED_OVER_TIME and line.period_end - line.period_start > DEFERRED_FROM


def book_invoice(accounts: Accounts, invoice: Invoice, lines: Sequence[InvoiceLine]) -> Entry:
    """Receivable against what was sold and the tax on it."""
    credits = [
        (accounts.deferred_revenue if is_deferred(line) else account_of(accounts, line.kind), line.amount_minor)
        for line in lines
    ]
    postings = _postings(
        (accounts.receivable, invoice.total_minor),
        *((account, -minor) for account, minor in credits),
        (accounts.tax_payable, -invoice.tax_minor),
    )
    number = str(invoice_number(invoice))
    return Entry(f"{invoice.id}:issued", "invoice", invoice.issued_at, number, f"Invoice {number}", postings)


def book_payment(accounts: Accounts, invoice: Invoice, paid_minor: int) -> list[Entry]:
    """Cash against the receivable; of one that had been given up, the loss is taken back first."""
    assert invoice.paid_at is not None
    number, at = str(invoice_number(invoice)), invoice.paid_at
    entries = []
    if invoice.given_up_at is not None:
        back = _postings((accounts.receivable, paid_minor), (accounts.bad_debt, -paid_minor))
        entries.append(Entry(f"{invoice.id}:recovered", "recovery", at, number, f"{number} is paid after all", back))
    cash = _postings((accounts.cash, paid_minor), (accounts.receivable, -paid_minor))
    return [*entries, Entry(f"{invoice.id}:paid", "payment", at, number, f"Payment of {number}", cash)]


def book_loss(accounts: Accounts, invoice: Invoice, left_minor: int) -> Entry:
    """What was left to pay when an invoice was given up."""
    assert invoice.given_up_at is not None
    number = str(invoice_number(invoice))
    postings = _postings((accounts.bad_debt, left_minor), (accounts.receivable, -left_minor))
    return Entry(f"{invoice.id}:given_up", "loss", invoice.given_up_at, number, f"{number} was given up", postings)


def book_note(accounts: Accounts, note: CreditNote, lines: Iterable[CreditNoteLine], invoice: Invoice) -> Entry:
    """What is taken back of an invoice, and the tax on it, against the receivable."""
    postings = _postings(
        (accounts.receivable, note.total_minor),
        *((account_of(accounts, line.kind), -line.amount_minor) for line in lines),
        (accounts.tax_payable, -note.tax_minor),
    )
    number = note_number(note)
    memo = f"Credit note {number} on {invoice_number(invoice)}"
    return Entry(f"{note.id}:issued", "credit_note", note.issued_at, number, memo, postings)


def book_refund(accounts: Accounts, refund: Refund, invoice: Invoice) -> Entry:
    """Money that went back to the customer."""
    assert refund.settled_at is not None
    number = str(invoice_number(invoice))
    postings = _postings((accounts.receivable, refund.amount_minor), (accounts.cash, -refund.amount_minor))
    return Entry(f"{refund.id}:refunded", "refund", refund.settled_at, number, f"Refund on {number}", postings)


def book_earned(
    accounts: Accounts, invoice: Invoice, line: InvoiceLine, *, cuts: list[datetime], ended_at: datetime | None
) -> list[Entry]:
    """What of a deferred fee is earned by each cut and at its end; all of it by `ended_at`, if nothing follows that."""
    ends_at = line.period_end
    earned_by_end: dict[datetime, int] = {}
    for until, minor in slices(line.amount_minor, starts_at=line.period_start, ends_at=ends_at, cuts=cuts):
        when = until if ended_at is None else min(until, max(ended_at, line.period_start))
        earned_by_end[when] = earned_by_end.get(when, 0) + minor
    number, account = str(invoice_number(invoice)), account_of(accounts, line.kind)
    return [
        Entry(
            f"{invoice.id}:{line.position}:{when:%Y-%m-%d}",
            "earned",
            max(when - _MICROSECOND, invoice.issued_at),
            number,
            f"Earned of {number}, line {line.position}",
            _postings((accounts.deferred_revenue, minor), (account, -minor)),
        )
        for when, minor in earned_by_end.items()
        if minor
    ]


def entry_of(id: str, kind: str, at: datetime, document: str, memo: str, *amounts: tuple[Account, int]) -> Entry:
    """An entry over these amounts, one posting an account."""
    return Entry(id, kind, at, document, memo, _postings(*amounts))


def _postings(*amounts: tuple[Account, int]) -> tuple[Posting, ...]:
    """One posting an account, in the order the accounts come up; none where nothing is left of it."""
    sums: dict[Account, int] = {}
    for account, minor in amounts:
        sums[account] = sums.get(account, 0) + minor
    return tuple(Posting(account, minor) for account, minor in sums.items() if minor)
