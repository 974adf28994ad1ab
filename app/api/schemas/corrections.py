"""Corrections of events, and the credit notes they bring about."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import Field, WithJsonSchema

from app.api.schemas.taxes import TaxShown
from app.api.schemas.usage import PRINTABLE, ReceiptShown
from app.api.schemas.values import Body, Id, MoneyShown, Quantity, Shown, major
from models import CreditNote, CreditNoteLine
from models.credit_note import REASON_MAX
from services.invoices.credit_notes import CreditNoteDocument, note_number
from services.rules.quantities import plain, plain_micro
from services.usage.corrections import Corrected

UnitsOrNone = Annotated[
    Decimal | str,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 1_000_000_000_000},
                {"type": "string", "pattern": r"^[0-9]{1,13}(\.[0-9]{1,6})?$"},
            ],
            "description": "What the event should have been: 0 or more, at most 6 decimals and 10^12.",
            "examples": ["0.418"],
        }
    ),
]


class CorrectionBody(Body):
    """An event counted wrongly, and how much it should have been."""

    tenant_id: Id | None = Field(default=None, description="The key says it already; if sent, it must match.")
    corrects: str = Field(min_length=1, max_length=128, pattern=PRINTABLE, description="The id of the event.")
    units: UnitsOrNone
    reason: str = Field(min_length=1, max_length=REASON_MAX, pattern=PRINTABLE, examples=["A probe ran twice."])
    event_id: str | None = Field(default=None, min_length=1, max_length=128, pattern=PRINTABLE)


class CreditNoteShown(Shown):
    """What is taken back of an invoice: its total is below zero. `total_cad` repeats it where the currency is CAD."""

    credit_note_id: str
    number: str = Field(examples=["CN-000042"])
    invoice_id: str
    reason: str
    issued_at: datetime
    currency: str
    subtotal: MoneyShown
    tax: MoneyShown
    amount: MoneyShown
    total: str = Field(examples=["-1.20"])
    total_cad: str | None = None
    receipt_seq: int = Field(description="The number of its receipt in the customer's log.")

    @staticmethod
    def fields(note: CreditNote) -> dict[str, Any]:
        currency, total = note.currency, major(note.total_minor, note.currency)
        return {
            "credit_note_id": note.id,
            "number": note_number(note),
            "invoice_id": note.invoice_id,
            "reason": note.reason,
            "issued_at": note.issued_at,
            "currency": currency,
            "subtotal": MoneyShown.of(note.subtotal_minor, currency),
            "tax": MoneyShown.of(note.tax_minor, currency),
            "amount": MoneyShown.of(note.total_minor, currency),
            "total": total,
            "total_cad": total if currency == "CAD" else None,
            "receipt_seq": note.receipt_seq,
        }

    @classmethod
    def of(cls, note: CreditNote) -> Self:
        return cls(**cls.fields(note))


class CreditNoteLineShown(Shown):
    """One difference to what was billed, at the prices of its period. `usage` names the receipts that it sums."""

    position: int
    kind: str
    description: str
    quantity: str = Field(examples=["-120"])
    unit: str
    amount: MoneyShown
    total: str = Field(examples=["-1.20"])
    period_start: datetime
    period_end: datetime
    plan_version: str
    pricing: dict[str, Any]
    sources: dict[str, Any]
    usage: dict[str, Any]

    @classmethod
    def of(cls, line: CreditNoteLine, currency: str) -> Self:
        return cls(
            position=line.position,
            kind=line.kind,
            description=line.description,
            quantity=plain(line.quantity),
            unit=line.unit,
            amount=MoneyShown.of(line.amount_minor, currency),
            total=major(line.amount_minor, currency),
            period_start=line.period_start,
            period_end=line.period_end,
            plan_version=line.plan_version_id,
            pricing=line.pricing,
            sources=line.sources,
            usage=line.usage,
        )


class CreditNoteDetailShown(CreditNoteShown):
    """The credit note with its lines in order, and its share of each of its invoice's taxes."""

    lines: list[CreditNoteLineShown]
    taxes: list[TaxShown]

    @classmethod
    def of_document(cls, document: CreditNoteDocument) -> Self:
        lines = [CreditNoteLineShown.of(line, document.note.currency) for line in document.lines]
        taxes = [TaxShown.of(tax, document.note.currency) for tax in document.taxes]
        return cls(**cls.fields(document.note), lines=lines, taxes=taxes)


class CreditNotePage(Shown):
    credit_notes: list[CreditNoteShown]
    next_cursor: str | None


class CorrectionShown(Shown):
    """What the correction changed: units and credits are differences of either sign, overage too."""

    ok: bool
    event_id: str
    corrects: str
    units: str = Field(examples=["-2.5"])
    credits: str = Field(examples=["-2.5"])
    overage_credits: str = Field(examples=["-1"])
    remaining_credits: Quantity
    alert: str | None
    duplicate: bool = Field(description="This correction was made before; this is the first answer.")
    receipt: ReceiptShown
    credit_note: CreditNoteShown | None = Field(description="Where what was invoiced has shrunk.")

    @classmethod
    def of(cls, corrected: Corrected, corrects: str) -> Self:
        made, note = corrected.metered, corrected.credit_note
        return cls(
            ok=True,
            event_id=made.event_id,
            corrects=corrects,
            units=plain_micro(corrected.units_micro),
            credits=plain_micro(made.credits_micro),
            overage_credits=plain_micro(made.overage_micro),
            remaining_credits=plain_micro(made.remaining_micro),
            alert=made.alert,
            duplicate=made.duplicate,
            receipt=ReceiptShown(seq=made.seq, hash=f"sha256:{made.receipt_hash.hex()}"),
            credit_note=None if note is None else CreditNoteShown.of(note),
        )
