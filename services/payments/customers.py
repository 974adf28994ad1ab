"""Whose a customer at Stripe is, and what card is charged by itself."""

from datetime import datetime

from sqlmodel import Session, select

from models import StripeCustomer, Tenant
from services.gateways.stripe.facts import CustomerFacts
from services.payments import marks
from services.payments.subjects import NotOurs, Readings, SubjectKind
from services.tenants import lock_head


def find_stripe_customer(session: Session, *, tenant_id: str, account: str) -> StripeCustomer | None:
    """What stands for a tenant at Stripe; None where nothing does yet, or where it was deleted there."""
    found = session.get(StripeCustomer, (tenant_id, account))
    return None if found is None or found.is_deleted else found


def tenant_of_customer(session: Session, readings: Readings, *, account: str, customer_id: str) -> str:
    """Whose customer it is. One that is not linked yet is recognised by what we wrote on it when we made it.

    Raises Unread where it has to be read for that, and NotOurs.
    """
    linked = tenant_linked_to(session, account=account, customer_id=customer_id)
    return linked or _marked_tenant(session, readings.of(SubjectKind.CUSTOMER, customer_id))


def tenant_linked_to(session: Session, *, account: str, customer_id: str) -> str | None:
    """Whose customer it is known to be; None where it is not known yet."""
    statement = select(StripeCustomer.tenant_id).where(
        StripeCustomer.account == account, StripeCustomer.stripe_id == customer_id
    )
    return session.exec(statement).first()


def apply_customer(session: Session, facts: CustomerFacts, *, account: str, ticket: int, at: datetime) -> str:
    """Keep what was read of a customer; answers whose it is. Raises NotOurs."""
    statement = select(StripeCustomer).where(StripeCustomer.account == account, StripeCustomer.stripe_id == facts.id)
    row = session.exec(statement).first()
    tenant_id = _marked_tenant(session, facts) if row is None else row.tenant_id
    lock_head(session, tenant_id=tenant_id)
    row = session.get(StripeCustomer, (tenant_id, account), populate_existing=True)
    if row is None or row.is_deleted:
        row = row or StripeCustomer(tenant_id=tenant_id, account=account, stripe_id=facts.id)
        if row.stripe_id != facts.id:
            row.stripe_id, row.ticket, row.is_deleted = facts.id, 0, False
    if row.stripe_id == facts.id and row.ticket <= ticket:
        row.is_deleted, row.email, row.card = facts.is_deleted, facts.email, facts.card
        row.ticket, row.read_at = ticket, at
        session.add(row)
        session.flush()
    return tenant_id


def _marked_tenant(session: Session, facts: CustomerFacts) -> str:
    marked = (facts.metadata or {}).get(marks.TENANT, "")
    if not marked or session.get(Tenant, marked) is None:
        raise NotOurs("The customer was not made by us.")
    return marked
