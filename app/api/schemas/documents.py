"""Documents: the languages they are in, and what the code at the foot of one leads to."""

from datetime import datetime
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field

from app.api.schemas.values import MoneyShown, Shown, major
from services.invoices.document_verification import AttestedDocument


class DocumentLanguage(StrEnum):
    ENGLISH = "en"
    FRENCH = "fr"


class AttestedShown(Shown):
    """What we issued under a code. Compare it with what the paper says; the receipt proves it."""

    code: str = Field(examples=["482-7Q2M-XK4D-9RTB"])
    kind: Literal["invoice", "credit_note", "gain_share_run"]
    id: str
    invoice_id: str | None = Field(description="The invoice itself, or the one a credit note answers; none of a run.")
    number: str
    amount: MoneyShown
    total: str = Field(description="The amount in major units; below zero on a credit note.", examples=["10600.00"])
    issued_at: datetime
    receipt_seq: int
    receipt_hash: str

    @classmethod
    def of(cls, found: AttestedDocument) -> Self:
        amount_minor, currency = found.total.amount_minor, found.total.currency
        return cls(
            code=found.code,
            kind=found.kind,  # type: ignore[arg-type]
            id=found.id,
            invoice_id=found.invoice_id,
            number=found.number,
            amount=MoneyShown.of(amount_minor, currency),
            total=major(amount_minor, currency),
            issued_at=found.issued_at,
            receipt_seq=found.receipt_seq,
            receipt_hash=found.receipt_hash,
        )
