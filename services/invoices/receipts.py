"""What the log says of an invoice and of its payment."""

import os
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session

from models import Invoice, InvoiceTax
from services.closing.period_parts import RatedPart, period_document
from services.invoices.lines import Line
from services.invoices.taxes import tax_document
from services.receipts.log import Written, open_log
from services.rules.canonical import canonical_bytes
from services.rules.money import Money
from services.rules.quantities import plain
from services.rules.receipts import SALT_BYTES, commitment, written, written_time
from services.usage.ranges import UsageRange


def write_invoice_receipt(
    session: Session,
    *,
    invoice: Invoice,
    number: int,
    parties: str,
    lines: Sequence[Line],
    taxes: Sequence[InvoiceTax],
    usage: UsageRange | None,
    parts: Sequence[RatedPart] = (),
    at: datetime,
) -> Written:
    """Append the receipt of an invoice that gets this number. `usage` is all that its period used, line or no line, and
    `parts` its parts with their plan versions, where the plan changed within it.

    What the invoice says of both sides is committed to, not told: `parties` is `commit_to_parties`' answer.
    The caller holds the lock on the tenant's head.
    """
    currency = invoice.currency
    subtotal, tax, total = (
        Money(minor, currency).plain() for minor in (invoice.subtotal_minor, invoice.tax_minor, invoice.total_minor)
    )
    log = open_log(session, tenant_id=invoice.tenant_id, at=at)
    return log.append(
        typ="invoice",
        idem=invoice.id,
        subscription=invoice.subscription_id,
        number=number,
        period={"start": written_time(invoice.period_start), "end": written_time(invoice.period_end)},
        lines=[_line_document(line) for line in lines],
        totals={"subtotal": subtotal, "tax": tax, "total": total},
        tax=[tax_document(tax, currency) for tax in taxes],
        amount=total,
        currency=currency,
        usage=None if usage is None else usage.document(),
        parts=[_part_document(part) for part in parts] or None,
        cid=parties,
    )


def _part_document(part: RatedPart) -> dict[str, Any]:
    arrears = {"arrears": True} if part.in_arrears else {}
    return period_document(part.period) | {"price": part.plan_version_id} | arrears


def write_payment_receipt(session: Session, *, invoice: Invoice, paid: Money, at: datetime) -> Written:
    """Append the receipt of an invoice's payment: of what its credit notes left to pay.

    A reference is committed to, not told: anyone may have worded it.
    The caller holds the lock on the tenant's head.
    """
    assert invoice.receipt_hash is not None
    cid = None
    if invoice.payment_reference:
        invoice.payment_salt = os.urandom(SALT_BYTES)
        cid = commitment(invoice.payment_salt, canonical_bytes({"reference": invoice.payment_reference}))
    log = open_log(session, tenant_id=invoice.tenant_id, at=at)
    return log.append(
        typ="payment",
        idem=invoice.id,
        req=written(invoice.receipt_hash),
        number=invoice.number,
        amount=paid.plain(),
        currency=paid.currency,
        cid=cid,
    )


def write_pay_back_receipt(session: Session, *, invoice: Invoice, paid: Money, key: str, at: datetime) -> Written:
    """Append the receipt of a credit that was paid back: a payment below zero, for the invoice that carried it on.

    The caller holds the lock on the tenant's head.
    """
    assert invoice.receipt_hash is not None
    assert paid.amount_minor < 0
    log = open_log(session, tenant_id=invoice.tenant_id, at=at)
    return log.append(
        typ="payment",
        idem=key,
        req=written(invoice.receipt_hash),
        number=invoice.number,
        amount=paid.plain(),
        currency=paid.currency,
    )


def _line_document(line: Line) -> dict[str, Any]:
    document: dict[str, Any] = {
        "kind": str(line.kind),
        "description": line.description,
        "unit": line.unit,
        "quantity": plain(line.quantity),
        "amount": line.amount.plain(),
        "period": period_document(line.period),
        "price": line.plan_version_id,
        "pricing": line.pricing,
    }
    if line.steps:
        document["steps"] = line.steps
    if line.sources:
        document["sources"] = line.sources
    if line.usage is not None:
        document["usage"] = line.usage.document()
    return document
