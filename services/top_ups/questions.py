"""Buying credits in the portal: what it will cost is shown before, and only what was shown is bought."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from models import CreditPurchase, PurchaseStatus
from services import wording
from services.errors import Conflict, Unprocessable
from services.identifiers import new_id
from services.tenants import read_tenant
from services.top_ups.buying import buy_top_up, quote_top_up

TYPED_MAX = 6


@dataclass(frozen=True)
class TopUpQuestion:
    """A purchase that is asked about; `pool_key` is "" where none is. `purchase_id` makes it be bought once."""

    pool_key: str = ""
    purchase_id: str = ""
    subscription_id: str = ""
    pack: str = ""
    pack_name: str = ""
    quantity: int = 0
    sum: str = ""
    tax: str = ""
    total: str = ""
    total_minor: int = 0
    when: str = ""


@dataclass(frozen=True)
class TopUpOutcome:
    """What came of a purchase: its bill, and whether the credits are there."""

    pool_key: str = ""
    sentence: str = ""
    invoice_id: str = ""


NO_TOP_UP = TopUpQuestion()
NOTHING_BOUGHT = TopUpOutcome()


def ask_top_up(
    session: Session, *, tenant_id: str, subscription_id: str, pool_key: str, pack: str, packs: str, at: datetime
) -> TopUpQuestion:
    """What so many packs cost and when their credits are there. Raises what `quote_top_up` raises."""
    if not packs.isdecimal() or not packs.isascii() or len(packs) > TYPED_MAX:
        raise Unprocessable("Give a whole number of packs.", field="quantity")
    quote = quote_top_up(
        session, tenant_id=tenant_id, subscription_id=subscription_id, pack=pack, quantity=int(packs), at=at
    )
    invoice = quote.document.invoice
    due = wording.moment_day(invoice.due_at, read_tenant(session, tenant_id=tenant_id).timezone)
    at_once = f"The credits are there at once; the invoice is due on {due}."
    once_paid = "The credits are there as soon as the invoice is paid; it is collected like your others."
    number = "1 pack" if quote.quantity == 1 else f"{quote.quantity:,} packs"
    return TopUpQuestion(
        pool_key=pool_key,
        purchase_id=new_id("buy"),
        subscription_id=subscription_id,
        pack=pack,
        pack_name=quote.pack.name,
        quantity=quote.quantity,
        sum=f"{number} of {quote.pack.name}: {wording.amount(invoice.subtotal_minor, invoice.currency)}",
        tax=wording.amount(invoice.tax_minor, invoice.currency) if invoice.tax_minor else "",
        total=wording.amount(invoice.total_minor, invoice.currency),
        total_minor=invoice.total_minor,
        when=at_once if quote.is_granted_at_once else once_paid,
    )


def buy_asked(session: Session, *, tenant_id: str, asked: TopUpQuestion, by: str, at: datetime) -> TopUpOutcome:
    """Buy what was asked about, once however often. Raises Conflict where it would cost something else by now."""
    known = session.get(CreditPurchase, (tenant_id, asked.purchase_id))
    if known is None:
        quote = quote_top_up(
            session,
            tenant_id=tenant_id,
            subscription_id=asked.subscription_id,
            pack=asked.pack,
            quantity=asked.quantity,
            at=at,
        )
        if quote.document.invoice.total_minor != asked.total_minor:
            raise Conflict("The price has changed since you looked. Check it again, then buy.")
    purchase = buy_top_up(
        session,
        tenant_id=tenant_id,
        subscription_id=asked.subscription_id,
        pack=asked.pack,
        quantity=asked.quantity,
        purchase_id=asked.purchase_id,
        by=by,
        at=at,
    )
    is_there = purchase.status == PurchaseStatus.GRANTED
    return TopUpOutcome(
        pool_key=asked.pool_key,
        sentence="Bought. The credits are there." if is_there else "Bought. The credits are there once it is paid.",
        invoice_id=purchase.invoice_id,
    )
