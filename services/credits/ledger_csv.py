"""The ledger of credits as one CSV file, written while it is read."""

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from typing import Final

from sqlmodel import Session

from services.credits.entry_words import word_entries
from services.credits.ledger import PAGE_MAX, LedgerEntry, LedgerFilter, iterate_ledger
from services.rules.quantities import plain_micro
from services.rules.receipts import written_time

HEADINGS: Final = (
    "seq", "at", "subscription_id", "pool", "kind", "credits", "balance", "why", "lot_id", "lot_kind", "expires_at",
    "first_receipt", "last_receipt", "invoice_id",
)  # fmt: skip
Reading = Callable[[], AbstractContextManager[Session]]


def ledger_csv(reading: Reading, *, tenant_id: str, wanted: LedgerFilter, timezone: str) -> Iterator[str]:
    """The file in pieces, newest entry first. Each piece is read from the database when it is asked for."""
    yield _lines([HEADINGS])
    with reading() as session:
        entries = iterate_ledger(session, tenant_id=tenant_id, wanted=wanted)
        while page := list(islice(entries, PAGE_MAX)):
            words = word_entries(session, tenant_id=tenant_id, entries=page, timezone=timezone)
            yield _lines(_row(each, why.words, why.invoice_id) for each, why in zip(page, words, strict=True))


def _row(each: LedgerEntry, why: str, invoice_id: str | None) -> tuple[object, ...]:
    entry, lot = each.entry, each.lot
    return (
        entry.seq,
        written_time(entry.at),
        lot.subscription_id,
        lot.pool,
        entry.kind.value,
        plain_micro(entry.delta_micro),
        plain_micro(each.balance_micro),
        why,
        lot.id,
        lot.kind.value,
        "" if lot.expires_at is None else written_time(lot.expires_at),
        entry.first_seq,
        entry.last_seq,
        invoice_id,
    )


def _lines(rows: "Iterator[tuple[object, ...]] | list[tuple[str, ...]]") -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\r\n").writerows(rows)
    return file.getvalue()
