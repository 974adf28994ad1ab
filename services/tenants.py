"""Find a tenant, and take its place in line."""

from sqlalchemy import bindparam, update
from sqlmodel import Session, select

from models import Tenant, TenantHead, table_of
from services.errors import NotFound


def read_tenant(session: Session, *, tenant_id: str) -> Tenant:
    """The tenant of that id. Raises NotFound."""
    tenant = session.get(Tenant, tenant_id)
    if tenant is None:
        raise NotFound("There is no such customer.", field="tenant_id")
    return tenant


def lock_head(session: Session, *, tenant_id: str) -> TenantHead:
    """The tenant's counters, locked until the transaction ends: whoever writes usage, credits or invoices waits here.

    On SQLite the transaction already holds the only write lock. What other transactions remember of the tenant's books
    is void from here on. Raises NotFound for an unknown tenant.
    """
    session.execute(_next_version, {"tenant": tenant_id})
    head: TenantHead | None = session.execute(_head, {"tenant": tenant_id}).scalar()
    if head is None:
        raise NotFound("There is no such customer.", field="tenant_id")
    return head


_heads = table_of(TenantHead)
_head = select(TenantHead).where(TenantHead.tenant_id == bindparam("tenant")).execution_options(populate_existing=True)
_next_version = update(_heads).where(_heads.c.tenant_id == bindparam("tenant")).values(version=_heads.c.version + 1)
"""An update locks the row as SELECT … FOR UPDATE does. Both are built once: building them costs as much as running."""
