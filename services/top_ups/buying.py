"""Buy credits beside the plan: packs at the price of the plan version, each purchase with an invoice of its own."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from sqlmodel import Session, col, func, select

from models import (
    BillingReason,
    Collection,
    CreditPurchase,
    Invoice,
    InvoiceStatus,
    LineKind,
    PurchaseStatus,
    Subscription,
    SubscriptionStatus,
)
from models.base import ID_MAX
from models.credit_purchase import PACKS_MAX
from services.errors import Conflict, SubscriptionConflict, Unprocessable
from services.identifiers import new_id
from services.invoices.finding import InvoiceDocument
from services.invoices.issuing import Order, draft_invoice, issue_invoice
from services.invoices.lines import Line
from services.price_books.plans import Plan, TopUp
from services.rules import money, pricing
from services.rules.periods import Period, business_date, day_bounds
from services.rules.quantities import CREDITS_MAX, plain, to_micro
from services.subscriptions.finding import plan_of, read_subscription
from services.tenants import lock_head, read_tenant
from services.top_ups.lots import grant_purchase

SELLING = (SubscriptionStatus.TRIALING, SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE)
WAITING_MAX = 10
"""Purchases of one subscription that wait to be paid."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What a purchase would be: its invoice, not stored, and whether the credits come at once or once it is paid."""

    pack: TopUp
    plan: Plan
    quantity: int
    credits_micro: int
    document: InvoiceDocument
    is_granted_at_once: bool


def packs_for(session: Session, *, tenant_id: str, subscription_id: str | None = None) -> tuple[TopUp, ...]:
    """The packs that are sold beside the customer's plan. Raises NotFound without a subscription."""
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    return tuple(plan_of(session, subscription).top_ups.values())


def quote_top_up(
    session: Session,
    *,
    tenant_id: str,
    pack: str,
    at: datetime,
    quantity: int = 1,
    subscription_id: str | None = None,
) -> Quote:
    """What buying so many packs costs now and when they can be spent. Nothing is stored.

    Raises NotFound without a subscription, SubscriptionConflict where it rests or has ended, and Unprocessable for a
    pack that is not sold with the plan or a number of packs that is none.
    """
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    return _quote(session, subscription=subscription, code=pack, quantity=quantity, purchase_id=new_id("buy"), at=at)


def buy_top_up(
    session: Session,
    *,
    tenant_id: str,
    pack: str,
    by: str,
    at: datetime,
    quantity: int = 1,
    subscription_id: str | None = None,
    purchase_id: str | None = None,
    is_automatic: bool = False,
) -> CreditPurchase:
    """Buy packs: the invoice is issued at once, and the lot is granted when it is paid.

    Where the customer pays by invoice and owes nothing that is late, the lot is granted at once. Asking again with the
    same `purchase_id` answers with the purchase already made. Raises what `quote_top_up` raises, and Conflict where
    too many purchases wait to be paid or the id names another one.
    """
    if purchase_id is not None and not (0 < len(purchase_id) <= ID_MAX and purchase_id.isprintable()):
        raise Unprocessable(f"A purchase's id has 1 to {ID_MAX} characters.", field="purchase_id")
    head = lock_head(session, tenant_id=tenant_id)
    known = None if purchase_id is None else session.get(CreditPurchase, (tenant_id, purchase_id))
    if known is not None:
        if (known.pack, known.quantity) != (pack, quantity):
            raise Conflict("There is another purchase with this id; choose a new one.", field="purchase_id")
        return known
    subscription = read_subscription(session, tenant_id=tenant_id, subscription_id=subscription_id)
    session.refresh(subscription)
    purchase_id = purchase_id or new_id("buy")
    quote = _quote(session, subscription=subscription, code=pack, quantity=quantity, purchase_id=purchase_id, at=at)
    _check_waiting(session, subscription)
    order = Order(
        head=head,
        subscription=subscription,
        reason=BillingReason.TOP_UP,
        period=_day_of(session, tenant_id, at),
        lines=[_line(quote.plan, quote.pack, quantity, purchase_id, _day_of(session, tenant_id, at))],
        currency=quote.plan.currency,
    )
    invoice = issue_invoice(session, order, at=at)
    purchase = CreditPurchase(
        tenant_id=tenant_id,
        id=purchase_id,
        subscription_id=subscription.id,
        pool=quote.pack.pool,
        pack=pack,
        plan_version_id=quote.plan.version_id,
        quantity=quantity,
        credits_micro=quote.credits_micro,
        invoice_id=invoice.id,
        status=PurchaseStatus.PENDING,
        is_automatic=is_automatic,
        bought_by=by,
        bought_at=at,
    )
    session.add(purchase)
    session.flush()
    if quote.is_granted_at_once:
        grant_purchase(session, purchase=purchase, invoice=invoice, at=at)
    return purchase


def _quote(
    session: Session, *, subscription: Subscription, code: str, quantity: int, purchase_id: str, at: datetime
) -> Quote:
    if subscription.status not in SELLING:
        raise SubscriptionConflict(f"The subscription is {subscription.status}; credits are sold while it runs.")
    plan = plan_of(session, subscription)
    pack = plan.top_ups.get(code)
    if pack is None:
        known = ", ".join(plan.top_ups) or "none"
        raise Unprocessable(f"{plan.name} sells no pack {code!r}; it sells {known}.", field="pack")
    if not 1 <= quantity <= PACKS_MAX:
        raise Unprocessable(f"Buy 1 to {PACKS_MAX:,} packs at once.", field="quantity")
    if pack.credits * quantity > CREDITS_MAX:
        raise Unprocessable(f"That would be more than {CREDITS_MAX:,} credits; buy fewer packs.", field="quantity")
    day = _day_of(session, subscription.tenant_id, at)
    document = draft_invoice(
        session,
        subscription=subscription,
        reason=BillingReason.TOP_UP,
        period=day,
        lines=[_line(plan, pack, quantity, purchase_id, day)],
        currency=plan.currency,
        at=at,
    )
    if document.invoice.subtotal_minor <= 0:
        raise Unprocessable("What this pack costs rounds to nothing; it cannot be sold alone.", field="quantity")
    return Quote(
        pack=pack,
        plan=plan,
        quantity=quantity,
        credits_micro=to_micro(pack.credits) * quantity,
        document=document,
        is_granted_at_once=_pays_by_invoice(session, subscription, plan, at),
    )


def _line(plan: Plan, pack: TopUp, quantity: int, purchase_id: str, day: Period) -> Line:
    packs = Decimal(quantity)
    pool = plan.pools[pack.pool]
    return Line(
        kind=LineKind.TOP_UP,
        description=f"{pool.name} bought: {pack.name}",
        quantity=packs,
        unit="pack",
        amount=money.to_money(pricing.rate(pack.charge, packs).amount, plan.currency),
        period=day,
        plan_version_id=plan.version_id,
        pricing=pricing.to_document(pack.charge),
        sources={
            "pack": pack.code,
            "pool": pack.pool,
            "credits": plain(pack.credits * quantity),
            "purchase": purchase_id,
        },
    )


def _day_of(session: Session, tenant_id: str, at: datetime) -> Period:
    """The rest of the business day of a purchase: what its invoice is about."""
    timezone = read_tenant(session, tenant_id=tenant_id).timezone
    _, ends_at = day_bounds(business_date(at, timezone), timezone)
    return Period(0, at, ends_at.astimezone(UTC))


def _pays_by_invoice(session: Session, subscription: Subscription, plan: Plan, at: datetime) -> bool:
    """Whether credits are given before they are paid: to who pays for a plan by invoice and has none that is late."""
    if subscription.collection != Collection.MANUAL or plan.is_free:
        return False
    late = select(func.count()).where(
        Invoice.tenant_id == subscription.tenant_id,
        Invoice.status == InvoiceStatus.OPEN,
        col(Invoice.due_at) <= at,
    )
    given_up = select(func.count()).where(
        Invoice.tenant_id == subscription.tenant_id, Invoice.status == InvoiceStatus.UNCOLLECTIBLE
    )
    return not session.exec(late).one() and not session.exec(given_up).one()


def _check_waiting(session: Session, subscription: Subscription) -> None:
    waiting = select(func.count()).where(
        CreditPurchase.tenant_id == subscription.tenant_id,
        CreditPurchase.subscription_id == subscription.id,
        CreditPurchase.status == PurchaseStatus.PENDING,
    )
    if session.exec(waiting).one() >= WAITING_MAX:
        raise Conflict(f"{WAITING_MAX} purchases wait to be paid; pay one of them first.")
