"""Find a tenant, and take its place in line."""

from sqlmodel import Session, select

from models import Tenant, TenantHead
from services.errors import NotFound


def read_tenant(session: Session, *, tenant_id: str) -> Tenant:
    """The tenant of that id. Raises NotFound."""
    tenant = session.get(Tenant, tenant_id)
    if tenant is None:
        raise NotFound("There is no such customer.", field="tenant_id")
    return tenant


def lock_head(session: Session, *, tenant_id: str) -> TenantHead:
    """The tenant's counters, locked until the transaction ends: whoever writes usage, credits or invoices waits here.

    On SQLite the transaction already holds the only write lock. Raises NotFound for an unknown tenant.
    """
    statement = select(TenantHead).where(TenantHead.tenant_id == tenant_id).with_for_update()
    head = session.exec(statement.execution_options(populate_existing=True)).first()
    if head is None:
        raise NotFound("There is no such customer.", field="tenant_id")
    return head
