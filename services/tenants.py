"""Find a tenant, and take its place in line."""

from collections.abc import Collection

from sqlalchemy import bindparam, update
from sqlmodel import Session, select

from models import Subscription, Tenant, TenantHead, table_of
from services.closing.questions import Question
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
    if HEAD.foreseen(session, tenant_id) is None:
        session.execute(_next_version, {"tenants": [tenant_id]})
    head: TenantHead | None = next(iter(HEAD.ask(session, tenant_id)), None)
    if head is None:
        raise NotFound("There is no such customer.", field="tenant_id")
    return head


def lock_heads(session: Session, *, tenant_ids: Collection[str]) -> None:
    """The same for several: their counters are asked for afterwards, one by one or together."""
    session.execute(_next_version, {"tenants": sorted(tenant_ids)})


TENANT = Question(lambda tenant: select(Tenant).where(Tenant.id == tenant), Subscription.tenant_id)
HEAD = Question(
    lambda tenant: select(TenantHead).where(TenantHead.tenant_id == tenant).execution_options(populate_existing=True),
    Subscription.tenant_id,
)
_heads = table_of(TenantHead)
_next_version = (
    update(_heads)
    .where(_heads.c.tenant_id.in_(bindparam("tenants", expanding=True)))
    .values(version=_heads.c.version + 1)
)
"""An update locks the row as SELECT … FOR UPDATE does. Built once: building it costs as much as running it."""
