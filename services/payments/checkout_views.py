"""A visit to the hosted checkout in words: what came of it, told by our own record and by nothing else."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session, col, select

from models import BillingPeriod, BillingReason, Checkout, CheckoutStatus, Interval, Invoice, Subscription
from models.base import ID_MAX
from services import wording
from services.errors import Conflict, NotFound
from services.invoices.numbers import invoice_number
from services.payments.checkouts import ask_checkout
from services.payments.payment_lines import web_address
from services.price_books.books import plan_in_force, plan_version
from services.tenants import read_tenant

STATES = {
    CheckoutStatus.ASKED: "waiting",
    CheckoutStatus.OPEN: "waiting",
    CheckoutStatus.PAYING: "paying",
    CheckoutStatus.COMPLETED: "done",
    CheckoutStatus.EXPIRED: "expired",
    CheckoutStatus.FAILED: "failed",
}


@dataclass(frozen=True)
class CheckoutView:
    """`state` is waiting, paying, done, expired or failed. `pay_url` is the hosted page, while it can be paid there."""

    id: str = ""
    state: str = ""
    plan: str = ""
    billed: str = ""
    period: str = ""
    period_name: str = ""
    paid: str = ""
    invoice_id: str = ""
    invoice_number: str = ""
    error: str = ""
    pay_url: str = ""


NO_CHECKOUT = CheckoutView()


def read_checkout_view(session: Session, *, tenant_id: str, checkout_id: str, at: datetime) -> CheckoutView:
    """What came of a visit. Raises NotFound, also where it is another customer's."""
    tenant = read_tenant(session, tenant_id=tenant_id)
    if not 0 < len(checkout_id) <= ID_MAX or not checkout_id.isprintable():
        raise NotFound("There is no such checkout.", field="checkout_id")
    row = session.get(Checkout, (tenant_id, checkout_id))
    if row is None:
        raise NotFound("There is no such checkout.", field="checkout_id")
    view = CheckoutView(
        id=row.id,
        state=_state(row, at),
        plan=plan_version(session, version_id=row.plan_version_id).name,
        billed="Every year" if row.interval == Interval.YEAR else "Every month",
        error=row.error or "",
        pay_url=web_address(row.url) if _state(row, at) == "waiting" else "",
    )
    return view if row.subscription_id is None else _with_start(session, view, row, tenant.timezone)


def without_payment_page(view: CheckoutView) -> CheckoutView:
    """The same for somebody who may look and not pay."""
    return replace(view, pay_url="")


def _state(row: Checkout, at: datetime) -> str:
    """A page nobody came back to expires by itself, whether or not that was told us yet."""
    is_over = row.expires_at is not None and row.expires_at <= at
    return "expired" if is_over and STATES[row.status] == "waiting" else STATES[row.status]


def _with_start(session: Session, view: CheckoutView, row: Checkout, timezone: str) -> CheckoutView:
    subscription = session.get_one(Subscription, (row.tenant_id, row.subscription_id))
    first = session.exec(
        select(BillingPeriod)
        .where(BillingPeriod.tenant_id == row.tenant_id, BillingPeriod.subscription_id == subscription.id)
        .order_by(col(BillingPeriod.starts_at))
        .limit(1)
    ).first()
    bill = session.exec(
        select(Invoice).where(
            Invoice.tenant_id == row.tenant_id,
            Invoice.subscription_id == subscription.id,
            Invoice.billing_reason == BillingReason.SUBSCRIPTION_START,
        )
    ).first()
    starts_at = first.starts_at if first else subscription.started_at
    ends_at = first.ends_at if first else subscription.current_period_end
    in_trial = subscription.trial_ends_at is not None and subscription.trial_ends_at == ends_at
    return replace(
        view,
        period=wording.span(starts_at, ends_at, timezone),
        period_name="Trial" if in_trial else "First period",
        paid="Nothing yet: the trial is free" if bill is None else wording.amount(bill.total_minor, bill.currency),
        invoice_id="" if bill is None else bill.id,
        invoice_number="" if bill is None else invoice_number(bill) or "",
    )


def begin_checkout(
    session: Session, *, tenant_id: str, plan_code: str, interval: str, version_id: str, account: str, at: datetime,
    name: str = "", site: str | None = None,
) -> str:  # fmt: skip
    """Write down that the plan that was shown is to be bought on the hosted page; the visit's id.

    `name` and `site` are those of a subscription beside the main one.

    Raises Conflict where the plan's terms have changed since, and what `ask_checkout` raises.
    """
    if plan_in_force(session, plan_code=plan_code).version_id != version_id:
        raise Conflict("The terms of this plan have changed since you looked. Check them again, then start it.")
    return ask_checkout(
        session, tenant_id=tenant_id, plan_code=plan_code, interval=Interval(interval), account=account, name=name,
        site=site, at=at,
    ).id  # fmt: skip
