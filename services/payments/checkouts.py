"""Visits to the hosted checkout: asked for here, opened there, and read again as our own record has them."""

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from models import Checkout, CheckoutStatus, Interval
from services.errors import NotFound, Unprocessable
from services.gateways.stripe.facts import CheckoutFacts
from services.identifiers import new_id
from services.payments.stripe_catalog import find_price
from services.price_books.books import plan_in_force
from services.subscriptions.arrears import check_no_arrears
from services.subscriptions.plan_starts import offered_trial_days
from services.subscriptions.starting import check_sellable
from services.tenants import lock_head, read_tenant

REUSED_FOR = timedelta(minutes=30)
"""Asking again for the same plan within this time leads to the same page, so that two tabs do not buy it twice."""


def ask_checkout(
    session: Session,
    *,
    tenant_id: str,
    plan_code: str,
    interval: Interval,
    account: str,
    at: datetime,
    name: str = "",
    site: str | None = None,
) -> Checkout:
    """Write down that a plan is to be bought on the hosted page; the page is opened afterwards.

    Raises UnknownPlan, SubscriptionConflict where a paid subscription of that name is live (its plan is changed) or one
    was suspended and is not paid, and Unprocessable for a plan that costs nothing, is agreed by contract, or is not for
    sale at Stripe yet.
    """
    lock_head(session, tenant_id=tenant_id)
    tenant = read_tenant(session, tenant_id=tenant_id)
    plan = plan_in_force(session, plan_code=plan_code)
    check_no_arrears(session, tenant_id=tenant_id)
    check_sellable(session, plan=plan, tenant=tenant, free_gives_way=not name, name=name, site=site)
    if not plan.base_price:
        raise Unprocessable(f"{plan.name} costs nothing; start it without a payment.", field="plan_code")
    if find_price(session, account=account, plan=plan, interval=interval) is None:
        raise Unprocessable(
            f"{plan.name} cannot be paid for by card yet; ask us to start it.",
            field="plan_code",
        )
    wanted = (account, plan.version_id, interval, name, site)
    known = _still_open(session, tenant_id, wanted, at=at)
    if known is not None:
        return known
    asked = Checkout(
        tenant_id=tenant_id,
        id=new_id("chk"),
        account=account,
        plan_version_id=plan.version_id,
        interval=interval,
        trial_days=offered_trial_days(session, tenant_id=tenant_id, plan=plan),
        name=name,
        site=site,
        status=CheckoutStatus.ASKED,
        created_at=at,
    )
    session.add(asked)
    session.flush()
    return asked


def keep_opened(session: Session, *, tenant_id: str, checkout_id: str, facts: CheckoutFacts) -> Checkout:
    """Keep where the hosted page is."""
    asked = session.get_one(Checkout, (tenant_id, checkout_id), populate_existing=True)
    if asked.status == CheckoutStatus.ASKED:
        asked.status = CheckoutStatus.OPEN
    asked.stripe_id, asked.url, asked.expires_at = facts.id, facts.url, facts.expires_at
    session.add(asked)
    session.flush()
    return asked


def read_checkout(session: Session, *, tenant_id: str, checkout_id: str) -> Checkout:
    """One visit. Raises NotFound, also where it is another tenant's."""
    asked = session.get(Checkout, (tenant_id, checkout_id))
    if asked is None:
        raise NotFound("There is no such checkout.", field="checkout_id")
    return asked


def _still_open(
    session: Session, tenant_id: str, wanted: tuple[str, str, Interval, str, str | None], *, at: datetime
) -> Checkout | None:
    account, version_id, interval, name, site = wanted
    statement = (
        select(Checkout)
        .where(
            Checkout.tenant_id == tenant_id,
            Checkout.account == account,
            Checkout.plan_version_id == version_id,
            Checkout.interval == interval,
            Checkout.name == name,
            Checkout.site == site,
            col(Checkout.status).in_((CheckoutStatus.ASKED, CheckoutStatus.OPEN)),
            col(Checkout.created_at) > at - REUSED_FOR,
        )
        .order_by(col(Checkout.created_at).desc())
        .limit(1)
    )
    return session.exec(statement).first()
