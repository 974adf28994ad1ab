"""Plans sold by a payment link: who bought is said by the link, or by a person afterwards."""

from datetime import datetime
from typing import Final

from sqlmodel import Session

from models import Checkout, CheckoutStatus, Interval, StripeCustomer, Tenant
from services.gateways.stripe.facts import CheckoutFacts, CustomerFacts
from services.identifiers import digest
from services.payments import marks
from services.payments.subjects import NeedsPerson, NotOurs, Readings, SubjectKind
from services.price_books.books import plan_in_force
from services.tenants import lock_head

PLAN: Final = "tallystick_plan"
INTERVAL: Final = "tallystick_interval"
"""What set-up writes on the payment links it makes."""


def checkout_of_link(
    session: Session, readings: Readings, facts: CheckoutFacts, *, account: str, ticket: int, at: datetime
) -> Checkout:
    """The visit that a payment link began, written down now, for the customer whose id the link carried.

    Raises NotOurs for a visit of another kind, Unread, UnknownPlan, and NeedsPerson where it is not known who bought.
    """
    if PLAN not in facts.metadata:
        raise NotOurs("The checkout was not asked for by us.")
    if facts.status != "complete" or facts.customer_id is None:
        raise NotOurs("Nothing was bought with the payment link yet.")
    buyer: CustomerFacts = readings.of(SubjectKind.CUSTOMER, facts.customer_id)
    tenant = _tenant(session, facts.reference) or _tenant(session, (buyer.metadata or {}).get(marks.TENANT))
    if tenant is None:
        raise NeedsPerson(
            f"{facts.email or 'Somebody'} bought {facts.metadata[PLAN]} through a payment link that does not say for "
            f"whom. At Stripe, give customer {buyer.id} the metadata {marks.TENANT} with the id of ours; then replay."
        )
    lock_head(session, tenant_id=tenant.id)
    _link(session, tenant.id, buyer, account=account, ticket=ticket, at=at)
    key = (tenant.id, f"chk_{digest(facts.id)[:26]}")
    return session.get(Checkout, key) or _written(session, key, facts, account=account, at=at)


def _tenant(session: Session, tenant_id: str | None) -> Tenant | None:
    return session.get(Tenant, tenant_id) if tenant_id else None


def _link(session: Session, tenant_id: str, buyer: CustomerFacts, *, account: str, ticket: int, at: datetime) -> None:
    known = session.get(StripeCustomer, (tenant_id, account))
    if known is not None and known.stripe_id != buyer.id:
        raise NeedsPerson(
            f"{buyer.id} bought for a customer who pays as {known.stripe_id}. Give the money back at Stripe, or "
            "end the other subscription there first."
        )
    if known is None:
        session.add(
            StripeCustomer(
                tenant_id=tenant_id,
                account=account,
                stripe_id=buyer.id,
                email=buyer.email,
                card=buyer.card,
                ticket=ticket,
                read_at=at,
            )
        )
        session.flush()


def _written(session: Session, key: tuple[str, str], facts: CheckoutFacts, *, account: str, at: datetime) -> Checkout:
    plan = plan_in_force(session, plan_code=facts.metadata[PLAN])
    made = Checkout(
        tenant_id=key[0],
        id=key[1],
        account=account,
        plan_version_id=plan.version_id,
        interval=Interval(facts.metadata.get(INTERVAL, Interval.MONTH)),
        status=CheckoutStatus.OPEN,
        stripe_id=facts.id,
        expires_at=facts.expires_at,
        created_at=at,
    )
    session.add(made)
    session.flush()
    return made
