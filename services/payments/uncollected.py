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
from services.closing.period_ends import rests_by
from services.payments.mirror import CYCLE, DRAFT
from services.payments.renewals import RENEWAL_TOLERANCE, invoice_for_renewal


def uncollected_invoices(session: Session, *, at: datetime, limit: int = 200) -> list[tuple[str, str]]:
    """(tenant, invoice) of open invoices that are to be collected automatically and that nothing carries yet.

    Those whose renewal is to come, or to be heard of, are left out: however many wait, the others have their turn. Of
    those that come to nothing and are settled by it, the ones whose renewal is here: its draft is held until they meet.
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
            or_(
                and_(~_brings_renewed_fee(), ~_comes_to_nothing()),
                and_(_brings_renewed_fee(), _has_renewal()),
                and_(_brings_renewed_fee(), ~_comes_to_nothing(), ~_is_to_be_renewed(at)),
            ),
        )
        .order_by(col(Invoice.issued_at), Invoice.tenant_id, Invoice.id)
        .limit(limit)
    )
    return [(tenant_id, invoice_id) for tenant_id, invoice_id in session.exec(statement)]


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


def unmet_renewals(session: Session, *, account: str, limit: int = 200) -> list[tuple[str, str]]:
    """(tenant, id at Stripe) of held renewals that none of our invoices will meet any more.

    Our period there is or was spent at rest and has no base fee, or was charged for otherwise; or the subscription
    ended and was closed for good.
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
        if ours.status == SubscriptionStatus.CANCELED or _is_behind(session, row, ours)
    ]


def _is_behind(session: Session, row: StripeInvoice, ours: Subscription) -> bool:
    """Whether its period is over here, or began at rest or without a renewed fee, so that no invoice waits for it."""
    renews_at = row.renews_at
    if renews_at is None or renews_at >= ours.current_period_end - RENEWAL_TOLERANCE:
        return False
    is_charged = ours.base_paid_until is not None and ours.base_paid_until > ours.current_period_start
    began_at_rest = rests_by(ours, ours.current_period_start) and not is_charged
    is_over = renews_at < ours.current_period_start - RENEWAL_TOLERANCE
    has_begun = renews_at <= ours.current_period_start + RENEWAL_TOLERANCE
    return began_at_rest or is_over or (has_begun and invoice_for_renewal(session, row, ours.id) is None)


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


def _is_to_be_renewed(at: datetime) -> ColumnElement[bool]:
    """Whether Stripe renews for an invoice's base fee, as far as we have heard: `renewals.is_awaited` knows better."""
    return exists().where(
        col(StripeSubscription.tenant_id) == Invoice.tenant_id,
        col(StripeSubscription.subscription_id) == Invoice.subscription_id,
        col(StripeSubscription.replaced_at).is_(None),
        col(StripeSubscription.began_at) < Invoice.period_end,
        col(StripeSubscription.ends_for).is_(None),
        col(StripeSubscription.current_period_end) <= at + RENEWAL_TOLERANCE,
    )


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
