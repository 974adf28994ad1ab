"""A bill with everything that is said on it, as plain facts in no language: what pages and XML are both made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from services.rules.money import Money


class DocumentKind(StrEnum):
    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    PREVIEW = "preview"
    """What a running period would be billed: no number, nothing owed."""


@dataclass(frozen=True, slots=True)
class Registration:
    """A number that an authority gave: `kind` is what it is, such as gst or eu_vat."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class PaymentDetail:
    """Something a payer needs, such as IBAN and its number."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Party:
    """A seller or a buyer as the document names them. `country` is ISO 3166-1 alpha-2, "" where it is not known."""

    name: str
    address_lines: Sequence[str] = ()
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""
    email: str = ""
    registrations: Sequence[Registration] = ()
    identifier: str = ""
    """Our own id of a buyer."""


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """What a line's plan version calls things: pools, those of them that reset each day, packs of credits."""

    name: str
    pools: Mapping[str, str] = field(default_factory=dict)
    daily_pools: frozenset[str] = frozenset()
    allowances: Mapping[str, Decimal] = field(default_factory=dict)
    packs: Mapping[str, str] = field(default_factory=dict)


AMOUNTS_ALONE: Final = frozenset({"discount", "adjustment", "proration", "carried", "gain_share"})
"""Kinds of line that say an amount and no quantity of anything."""


@dataclass(frozen=True, slots=True)
class Prorated:
    """What a line is the rest of: a fee for the `days` of a term, from `changed_at` on, which is on the customer's
    clock."""

    fee: Money
    days: tuple[date, date]
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """One charge. `description` is the English one that its receipt attests; pages word it anew from the facts.

    `amount_minor` in the document's currency; `steps` are the tiers applied, in exact decimal text; `records` how many
    receipts of use it sums. `is_taxed` is False where no tax is charged on it though it is on the document.
    """

    position: int
    kind: str
    description: str
    quantity: Decimal
    unit: str
    amount_minor: int
    starts_on: date
    ends_on: date
    pricing: Mapping[str, Any]
    steps: Sequence[Mapping[str, str]]
    sources: Mapping[str, Any]
    plan: PlanFacts
    records: int | None = None
    is_taxed: bool = True
    prorated: Prorated | None = None

    @property
    def has_quantity(self) -> bool:
        """Whether it is so many of something."""
        return self.kind not in AMOUNTS_ALONE


@dataclass(frozen=True, slots=True)
class DocumentTax:
    """One tax: `rate` per cent of `base_minor`. `category` is a code of EN 16931 (S, Z, E, AE, G, O)."""

    category: str
    code: str
    name: str
    region: str
    rate: Decimal
    base_minor: int
    amount_minor: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CoveredUse:
    """Use of a pool in the invoice's own period that no line charges; its receipt counts it."""

    pool: str
    unit: str
    used: Decimal
    records: int


@dataclass(frozen=True, slots=True)
class AppliedNote:
    """A credit note on the invoice. `total_minor` is below zero where it takes something back."""

    number: str
    issued_on: date
    total_minor: int
    reason: str


@dataclass(frozen=True, slots=True)
class Attestation:
    """The receipt that attests the document: its number in the customer's log, its hash, and the code made of both."""

    seq: int
    hash: str
    code: str


@dataclass(frozen=True, slots=True)
class BillingDocument:
    """An invoice, a credit note, or a preview. Days are the customer's business days, amounts whole minor units.

    A credit note's amounts are below zero where it takes something back, as they are in the books. `status` is that
    of the invoice; `paid_minor` what was paid, `paid_on` when. `ends_on` is the last day of the period.
    """

    kind: DocumentKind
    id: str
    number: str
    language: str
    currency: str
    status: str
    issued_at: datetime
    issued_on: date
    due_on: date | None
    starts_on: date
    ends_on: date
    seller: Party
    buyer: Party
    lines: Sequence[DocumentLine]
    taxes: Sequence[DocumentTax]
    subtotal_minor: int
    tax_minor: int
    total_minor: int
    purchase_order: str = ""
    reason: str = ""
    corrects_number: str = ""
    corrects_issued_on: date | None = None
    paid_minor: int = 0
    paid_on: date | None = None
    notes: Sequence[AppliedNote] = ()
    covered: Sequence[CoveredUse] = ()
    payment_details: Sequence[PaymentDetail] = ()
    payment_url: str = ""
    verification_url: str = ""
    receipt: Attestation | None = None

    @property
    def credited_minor(self) -> int:
        """What its credit notes take off an invoice, above zero where they do."""
        return -sum(note.total_minor for note in self.notes)

    @property
    def left_minor(self) -> int:
        """What is left to pay of an invoice once payments and credit notes are counted."""
        return self.total_minor - self.credited_minor - self.paid_minor
