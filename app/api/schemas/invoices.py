"""Invoices: the bill, its lines, and what each line was computed from."""

from datetime import datetime
from typing import Any, Self

from pydantic import Field

from app.api.schemas.taxes import TaxShown
from app.api.schemas.values import Body, Id, MoneyShown, Quantity, Reference, Shown, major
from models import Invoice, InvoiceLine
from services.invoices.finding import InvoiceDocument
from services.invoices.numbers import invoice_number
from services.rules.quantities import plain
from services.rules.receipts import written
from services.usage.ranges import UsageRange, line_range


class GenerateBody(Body):
    """Close the period that has ended. An operator may close the running one now."""

    tenant_id: Id | None = None
    subscription_id: Id | None = Field(default=None, description="The main or only one, if left out.")
    force_period_end: bool = Field(default=False, strict=True, description="Operators only.")


class MarkPaidBody(Body):
    """A payment that reached us outside the payment provider."""

    reference: Reference | None = Field(default=None, description="The bank's or the customer's reference.")


class InvoiceReceiptShown(Shown):
    """The receipt that attests a bill."""

    seq: int
    hash: str


class UsageRangeShown(Shown):
    """Receipts numbered `first_seq` to `last_seq` in the customer's log; those of the line's pool and period count."""

    first_seq: int
    last_seq: int
    count: int
    root: str = Field(description="The RFC 9162 root over their hashes.")

    @classmethod
    def of(cls, found: UsageRange | None) -> Self | None:
        return None if found is None else cls(**found.document())


class InvoiceLineShown(Shown):
    """One charge: quantity × pricing = amount, with the tiers applied (`steps`) and what was counted (`sources`)."""

    position: int
    kind: str
    description: str
    quantity: Quantity
    unit: str
    amount: MoneyShown
    total: str = Field(examples=["600.00"])
    period_start: datetime
    period_end: datetime
    plan_version: str
    pricing: dict[str, Any]
    steps: list[Any]
    sources: dict[str, Any]
    usage: UsageRangeShown | None = Field(description="The receipts it sums, where it charges for use.")

    @classmethod
    def of(cls, line: InvoiceLine, currency: str) -> Self:
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
            steps=line.steps,
            sources=line.sources,
            usage=UsageRangeShown.of(line_range(line)),
        )


class InvoiceShown(Shown):
    """`total_cad` repeats the total where the currency is CAD. A preview has neither id nor number."""

    invoice_id: str | None
    number: str | None = Field(examples=["INV-000042"])
    subscription_id: str
    status: str
    billing_reason: str
    period_start: datetime
    period_end: datetime
    issued_at: datetime
    due_at: datetime
    paid_at: datetime | None
    payment_reference: str | None
    currency: str
    subtotal: MoneyShown
    tax: MoneyShown
    amount_due: MoneyShown = Field(description="What credit notes leave of the total.")
    total: str = Field(examples=["10600.00"])
    total_cad: str | None = None
    stripe_hosted_url: str | None
    receipt: InvoiceReceiptShown | None

    @staticmethod
    def fields(invoice: Invoice, *, left_minor: int | None = None, is_preview: bool = False) -> dict[str, Any]:
        currency, total = invoice.currency, major(invoice.total_minor, invoice.currency)
        return {
            "invoice_id": None if is_preview else invoice.id,
            "number": invoice_number(invoice),
            "subscription_id": invoice.subscription_id,
            "status": invoice.status,
            "billing_reason": invoice.billing_reason,
            "period_start": invoice.period_start,
            "period_end": invoice.period_end,
            "issued_at": invoice.issued_at,
            "due_at": invoice.due_at,
            "paid_at": invoice.paid_at,
            "payment_reference": invoice.payment_reference or None,
            "currency": currency,
            "subtotal": MoneyShown.of(invoice.subtotal_minor, currency),
            "tax": MoneyShown.of(invoice.tax_minor, currency),
            "amount_due": MoneyShown.of(invoice.total_minor if left_minor is None else left_minor, currency),
            "total": total,
            "total_cad": total if currency == "CAD" else None,
            "stripe_hosted_url": invoice.stripe_hosted_url,
            "receipt": _receipt(invoice),
        }

    @classmethod
    def of(cls, invoice: Invoice, *, left_minor: int) -> Self:
        return cls(**cls.fields(invoice, left_minor=left_minor))


class InvoiceDetailShown(InvoiceShown):
    """The bill with its lines and taxes in order, and what it says of both sides.

    `bill_to` and `remit_to` are as they were when it became final; a preview's are those of now.
    """

    lines: list[InvoiceLineShown]
    taxes: list[TaxShown]
    purchase_order: str | None
    bill_to: dict[str, Any]
    remit_to: dict[str, Any]

    @classmethod
    def of_document(cls, document: InvoiceDocument, *, left_minor: int | None = None, is_preview: bool = False) -> Self:
        invoice = document.invoice
        lines = [InvoiceLineShown.of(line, invoice.currency) for line in document.lines]
        said = invoice.parties
        return cls(
            **cls.fields(invoice, left_minor=left_minor, is_preview=is_preview),
            lines=lines,
            taxes=[TaxShown.of(tax, invoice.currency) for tax in document.taxes],
            purchase_order=said.get("purchase_order") or None,
            bill_to=said.get("bill_to", {}),
            remit_to=said.get("remit_to", {}),
        )


class InvoicePage(Shown):
    invoices: list[InvoiceShown]
    next_cursor: str | None


def _receipt(invoice: Invoice) -> InvoiceReceiptShown | None:
    if invoice.receipt_seq is None or invoice.receipt_hash is None:
        return None
    return InvoiceReceiptShown(seq=invoice.receipt_seq, hash=written(invoice.receipt_hash))
