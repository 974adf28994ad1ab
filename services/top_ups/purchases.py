"""Purchases of credits, read: newest first, and those that nobody paid in time."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from models import CreditPurchase, Invoice, InvoiceStatus, PurchaseStatus
from services.errors import NotFound


def unpaid_purchases(session: Session, *, at: datetime) -> list[tuple[str, str]]:
    """(tenant, invoice) of purchases that wait though their invoice was to be paid by now."""
    statement = (
        select(CreditPurchase.tenant_id, CreditPurchase.invoice_id)
        .join(
            Invoice,
            (col(Invoice.tenant_id) == CreditPurchase.tenant_id) & (col(Invoice.id) == CreditPurchase.invoice_id),
        )
        .where(
            CreditPurchase.status == PurchaseStatus.PENDING,
            col(Invoice.status).in_((InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE)),
            col(Invoice.due_at) <= at,
        )
        .order_by(col(Invoice.due_at), CreditPurchase.tenant_id, CreditPurchase.id)
    )
    return [(tenant_id, invoice_id) for tenant_id, invoice_id in session.exec(statement)]


def list_purchases(
    session: Session, *, tenant_id: str, limit: int, before: CreditPurchase | None = None
) -> Sequence[CreditPurchase]:
    """The customer's purchases, newest first; `before` is the last one already seen."""
    statement = select(CreditPurchase).where(CreditPurchase.tenant_id == tenant_id)
    if before is not None:
        seen = (col(CreditPurchase.bought_at) == before.bought_at) & (col(CreditPurchase.id) < before.id)
        statement = statement.where((col(CreditPurchase.bought_at) < before.bought_at) | seen)
    newest_first = statement.order_by(col(CreditPurchase.bought_at).desc(), col(CreditPurchase.id).desc())
    return session.exec(newest_first.limit(limit)).all()


def read_purchase(session: Session, *, tenant_id: str, purchase_id: str) -> CreditPurchase:
    """One purchase. Raises NotFound."""
    found = session.get(CreditPurchase, (tenant_id, purchase_id))
    if found is None:
        raise NotFound("There is no such purchase.", field="purchase_id")
    return found
