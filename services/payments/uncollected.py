"""What is not collected yet: found by looking, so that nothing has to be remembered when an invoice is issued."""

from datetime import datetime

from sqlalchemy import ColumnElement
from sqlmodel import Session, and_, col, exists, or_, select

from models import (
    BillingPeriod,
    BillingReason,
    Collection,
    CreditNote,
    Invoice,
    InvoiceLine,
    InvoiceStatus,
    LineKind,
    PeriodStatus,
    StripeCall,
    StripeCallKind,
    StripeCreditNote,
    StripeInvoice,
    StripeSubscription,
    Subscription,
    SubscriptionStatus,
)
from services.closing_periods import rests_by
from services.payments.collecting import RENEWAL_TOLERANCE
from services.payments.mirror import CYCLE, DRAFT
from services.payments.standing import ENDED
from services.subscriptions import LIVE


def uncollected_invoices(session: Session, *, limit: int = 200) -> list[tuple[str, str]]:
    """(tenant, invoice) of open invoices that are to be collected automatically and that nothing carries yet.

    Those whose renewal is not here yet are left out: however many wait, the others have their turn. Of those that come
    to nothing and are settled by it, the ones whose renewal is here: its draft is held until they meet.
    """
    carried = exists().where(
        col(StripeInvoice.tenant_id) == Invoice.tenant_id, col(StripeInvoice.invoice_id) == Invoice.id
    )
    called = exists().where(col(StripeCall.tenant_id) == Invoice.tenant_id, col(StripeCall.subject) == Invoice.id)
    statement = (
        select(Invoice.tenant_id, Invoice.id)
        .join(
            Subscription,
            (col(Subscription.tenant_id) == Invoice.tenant_id) & (col(Subscription.id) == Invoice.subscription_id),
        )
        .where(
            or_(Invoice.status == InvoiceStatus.OPEN, _comes_to_nothing()),
            Subscription.collection == Collection.AUTOMATIC,
            ~carried,
            ~called,
            or_(and_(~_brings_renewed_fee(), ~_comes_to_nothing()), and_(_brings_renewed_fee(), _has_renewal())),
        )
        .order_by(col(Invoice.issued_at), Invoice.tenant_id, Invoice.id)
        .limit(limit)
    )
    return [(tenant_id, invoice_id) for tenant_id, invoice_id in session.exec(statement)]


def unlinked_subscriptions(session: Session, *, limit: int = 200) -> list[tuple[str, str]]:
    """(tenant, subscription) of those to be collected automatically that nothing at Stripe stands for yet."""
    linked = exists().where(
        col(StripeSubscription.tenant_id) == Subscription.tenant_id,
        col(StripeSubscription.subscription_id) == Subscription.id,
    )
    called = exists().where(
        col(StripeCall.tenant_id) == Subscription.tenant_id, col(StripeCall.subject) == Subscription.id
    )
    statement = (
        select(Subscription.tenant_id, Subscription.id)
        .where(
            Subscription.collection == Collection.AUTOMATIC,
            col(Subscription.status).in_(LIVE),
            ~linked,
            ~called,
        )
        .order_by(Subscription.tenant_id, Subscription.id)
        .limit(limit)
    )
    return [(tenant_id, subscription_id) for tenant_id, subscription_id in session.exec(statement)]


def uncredited_notes(session: Session, *, limit: int = 200) -> list[tuple[str, str]]:
    """(tenant, credit note) of notes on collected invoices that no call was owed for yet.

    The note that makes an invoice void is none of them: Stripe is told to void its own.
    """
    carried = exists().where(
        col(StripeInvoice.tenant_id) == CreditNote.tenant_id,
        col(StripeInvoice.invoice_id) == CreditNote.invoice_id,
        col(StripeInvoice.status).in_(("open", "paid")),
    )
    known = exists().where(
        col(StripeCreditNote.tenant_id) == CreditNote.tenant_id, col(StripeCreditNote.credit_note_id) == CreditNote.id
    )
    called = exists().where(col(StripeCall.tenant_id) == CreditNote.tenant_id, col(StripeCall.subject) == CreditNote.id)
    statement = (
        select(CreditNote.tenant_id, CreditNote.id)
        .join(
            Invoice,
            (col(Invoice.tenant_id) == CreditNote.tenant_id) & (col(Invoice.id) == CreditNote.invoice_id),
        )
        .where(col(CreditNote.total_minor) < 0, Invoice.status != InvoiceStatus.VOID, carried, ~known, ~called)
        .order_by(col(CreditNote.issued_at), CreditNote.tenant_id, CreditNote.id)
        .limit(limit)
    )
    return [(tenant_id, note_id) for tenant_id, note_id in session.exec(statement)]


def settled_here_only(session: Session, *, limit: int = 200) -> list[tuple[str, str]]:
    """(tenant, invoice) of invoices that are settled here while what carries them at Stripe is still to be paid."""
    statement = (
        select(Invoice.tenant_id, Invoice.id)
        .join(
            StripeInvoice,
            (col(StripeInvoice.tenant_id) == Invoice.tenant_id) & (col(StripeInvoice.invoice_id) == Invoice.id),
        )
        .where(
            col(Invoice.status).in_((InvoiceStatus.PAID, InvoiceStatus.VOID, InvoiceStatus.UNCOLLECTIBLE)),
            StripeInvoice.status == "open",
        )
        .distinct()
        .limit(limit)
    )
    return [(tenant_id, invoice_id) for tenant_id, invoice_id in session.exec(statement)]


def ended_there_only(session: Session, *, limit: int = 200) -> list[tuple[str, str]]:
    """(tenant, subscription) of subscriptions that ended at Stripe and go on here, until their periods are closed."""
    statement = (
        select(StripeSubscription.tenant_id, StripeSubscription.subscription_id)
        .join(
            Subscription,
            (col(Subscription.tenant_id) == StripeSubscription.tenant_id)
            & (col(Subscription.id) == StripeSubscription.subscription_id),
        )
        .where(col(StripeSubscription.status).in_(ENDED), Subscription.status != SubscriptionStatus.CANCELED)
        .limit(limit)
    )
    return [(tenant_id, subscription_id) for tenant_id, subscription_id in session.exec(statement)]


def ended_here_only(session: Session, *, limit: int = 200) -> list[tuple[str, str]]:
    """(tenant, subscription) of subscriptions that ended here and go on at Stripe, unless a call was owed for that."""
    called = exists().where(
        col(StripeCall.tenant_id) == StripeSubscription.tenant_id,
        col(StripeCall.subject) == StripeSubscription.subscription_id,
        col(StripeCall.kind) == StripeCallKind.CANCEL_SUBSCRIPTION,
    )
    statement = (
        select(StripeSubscription.tenant_id, StripeSubscription.subscription_id)
        .join(
            Subscription,
            (col(Subscription.tenant_id) == StripeSubscription.tenant_id)
            & (col(Subscription.id) == StripeSubscription.subscription_id),
        )
        .where(
            Subscription.status == SubscriptionStatus.CANCELED,
            col(StripeSubscription.status).not_in(("canceled", "incomplete_expired")),
            ~called,
        )
        .limit(limit)
    )
    return [(tenant_id, subscription_id) for tenant_id, subscription_id in session.exec(statement)]


def unmet_renewals(session: Session, *, account: str, limit: int = 200) -> list[tuple[str, str]]:
    """(tenant, id at Stripe) of held renewals that none of our invoices will meet any more.

    Our period there is or was spent at rest and has no base fee, or the subscription ended and was closed for good.
    """
    has_open_period = exists().where(
        col(BillingPeriod.tenant_id) == Subscription.tenant_id,
        col(BillingPeriod.subscription_id) == Subscription.id,
        col(BillingPeriod.status) == PeriodStatus.OPEN,
    )
    called = exists().where(
        col(StripeCall.tenant_id) == StripeInvoice.tenant_id,
        col(StripeCall.subject) == StripeInvoice.stripe_id,
        col(StripeCall.kind) == StripeCallKind.FINALIZE_UNCOLLECTED,
    )
    statement = (
        select(StripeInvoice, Subscription)
        .join(
            StripeSubscription,
            (col(StripeSubscription.tenant_id) == StripeInvoice.tenant_id)
            & (col(StripeSubscription.stripe_id) == StripeInvoice.stripe_subscription_id),
        )
        .join(
            Subscription,
            (col(Subscription.tenant_id) == StripeSubscription.tenant_id)
            & (col(Subscription.id) == StripeSubscription.subscription_id),
        )
        .where(
            StripeInvoice.account == account,
            StripeInvoice.status == DRAFT,
            StripeInvoice.billing_reason == CYCLE,
            col(StripeInvoice.invoice_id).is_(None),
            col(StripeInvoice.renews_at).is_not(None),
            ~called,
            (col(Subscription.status) != SubscriptionStatus.CANCELED) | ~has_open_period,
        )
        .order_by(col(StripeInvoice.created_at), StripeInvoice.stripe_id)
        .limit(limit)
    )
    return [
        (row.tenant_id, row.stripe_id)
        for row, ours in session.exec(statement)
        if ours.status == SubscriptionStatus.CANCELED or _is_behind(row.renews_at, ours)
    ]


def _is_behind(renews_at: datetime | None, ours: Subscription) -> bool:
    """Whether its period is over here, or began at rest, so that the invoice before it brought no fee for it."""
    if renews_at is None or renews_at >= ours.current_period_end - RENEWAL_TOLERANCE:
        return False
    is_charged = ours.base_paid_until is not None and ours.base_paid_until > ours.current_period_start
    began_at_rest = rests_by(ours, ours.current_period_start) and not is_charged
    return began_at_rest or renews_at < ours.current_period_start - RENEWAL_TOLERANCE


def _comes_to_nothing() -> ColumnElement[bool]:
    """Whether an invoice was settled as it was made, for its promotions leave nothing to pay."""
    return and_(col(Invoice.status) == InvoiceStatus.PAID, col(Invoice.total_minor) == 0)


def _brings_renewed_fee() -> ColumnElement[bool]:
    """Whether an invoice's base fee comes with a renewal at Stripe, as `collecting` has it."""
    has_fee = exists().where(
        col(InvoiceLine.tenant_id) == Invoice.tenant_id,
        col(InvoiceLine.invoice_id) == Invoice.id,
        col(InvoiceLine.kind) == LineKind.BASE,
        col(InvoiceLine.period_start) > Invoice.period_start,
    )
    return and_(col(Invoice.billing_reason) == BillingReason.PERIOD_CLOSE, has_fee)


def _has_renewal() -> ColumnElement[bool]:
    """Whether a renewal of an invoice's subscription is here that carries none of ours."""
    return exists().where(
        col(StripeSubscription.tenant_id) == Invoice.tenant_id,
        col(StripeSubscription.subscription_id) == Invoice.subscription_id,
        col(StripeInvoice.tenant_id) == Invoice.tenant_id,
        col(StripeInvoice.stripe_subscription_id) == StripeSubscription.stripe_id,
        col(StripeInvoice.billing_reason) == CYCLE,
        col(StripeInvoice.invoice_id).is_(None),
    )
