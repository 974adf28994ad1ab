"""Customers and people: who there is, and who belongs where."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, SQLModel, or_, select

from models import Membership, Role, Tenant, TenantHead, User, table_of
from models.base import NAME_MAX
from models.member import EMAIL_MAX
from services.database import insert_into
from services.errors import Conflict, NotFound, Unprocessable
from services.identifiers import new_id
from services.passwords import hash_password, new_password
from services.rules.money import minor_digits
from services.rules.periods import check_timezone
from services.rules.violations import InvalidAmount, InvalidPeriod

_EMAIL = re.compile(r"[^\s@<>(),;:\\\"\[\]]{1,64}@[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class NewUser:
    """A person just added. `password` is set only where it was generated, and cannot be shown again."""

    id: str
    email: str
    password: str | None


def create_tenant(session: Session, *, name: str, currency: str, timezone: str, at: datetime) -> Tenant:
    """Add a customer with its counters. `currency` is ISO 4217, `timezone` an IANA name.

    Raises Conflict where the name is taken, Unprocessable for a name, currency or zone that cannot be used.
    """
    name = " ".join(name.split())
    if not 0 < len(name) <= NAME_MAX or not name.isprintable():
        raise Unprocessable(f"A customer's name has 1 to {NAME_MAX} printable characters.", field="name")
    try:
        minor_digits(currency)
    except InvalidAmount as error:
        raise Unprocessable(error.message, field="currency") from error
    try:
        check_timezone(timezone)
    except InvalidPeriod as error:
        raise Unprocessable(error.message, field="timezone") from error
    row = {"id": new_id("ten"), "name": name, "currency": currency, "timezone": timezone, "created_at": at}
    if not _insert_new(session, Tenant, row):
        raise Conflict(f"There is a customer named {name} already; choose another name.", field="name")
    session.add(TenantHead(tenant_id=str(row["id"])))
    session.flush()
    return session.get_one(Tenant, row["id"])


def find_tenant(session: Session, *, id_or_name: str) -> Tenant:
    """The customer with that id or, failing that, that name. Raises NotFound."""
    statement = select(Tenant).where(or_(Tenant.id == id_or_name, Tenant.name == id_or_name))
    found = session.exec(statement).all() if _storable(id_or_name) else []
    for tenant in found:
        if tenant.id == id_or_name:
            return tenant
    if not found:
        raise NotFound("There is no customer with that id or name.", field="tenant_id")
    return found[0]


def create_user(
    session: Session,
    *,
    email: str,
    at: datetime,
    password: str | None = None,
    tenant_id: str | None = None,
    role: Role | None = None,
    is_operator: bool = False,
) -> NewUser:
    """Add a person, and make them a member of `tenant_id` in `role` where given. No password: one is generated.

    Raises Conflict where the e-mail is known, NotFound for an unknown customer, Unprocessable for an e-mail or
    password that cannot be used, or for somebody who would belong nowhere.
    """
    email = normal_email(email)
    if (tenant_id is None) != (role is None):
        raise Unprocessable("Name both the customer and the role, or neither.", field="role")
    if tenant_id is None and not is_operator:
        raise Unprocessable("Name the customer this person belongs to, or make them an operator.", field="tenant_id")
    chosen = new_password() if password is None else password
    user_id = new_id("usr")
    row = {
        "id": user_id,
        "email": email,
        "password_hash": hash_password(chosen),
        "is_operator": is_operator,
        "wants_desk_mail": True,
        "created_at": at,
    }
    if not _insert_new(session, User, row):
        raise Conflict(f"{email} has an account already.", field="email")
    if tenant_id is not None and role is not None:
        add_member(session, tenant_id=tenant_id, user_id=user_id, role=role, at=at)
    return NewUser(user_id, email, chosen if password is None else None)


def add_member(session: Session, *, tenant_id: str, user_id: str, role: Role, at: datetime) -> Membership:
    """Let a person work for one more customer. Raises NotFound, and Conflict where they are a member already."""
    if session.get(Tenant, tenant_id) is None:
        raise NotFound("There is no such customer.", field="tenant_id")
    if session.get(User, user_id) is None:
        raise NotFound("There is no such person.", field="user_id")
    if session.get(Membership, (tenant_id, user_id)) is not None:
        raise Conflict("This person is a member already.", field="user_id")
    membership = Membership(tenant_id=tenant_id, user_id=user_id, role=role, created_at=at)
    session.add(membership)
    session.flush()
    return membership


def find_user(session: Session, *, email: str) -> User:
    """The person with that e-mail. Raises NotFound, and Unprocessable for what cannot be an e-mail."""
    user = session.exec(select(User).where(User.email == normal_email(email))).first()
    if user is None:
        raise NotFound("Nobody has an account with that e-mail.", field="email")
    return user


def normal_email(email: str) -> str:
    """The e-mail in lower case without spaces around it. Raises Unprocessable where it cannot be one."""
    normal = email.strip().lower()
    if len(normal) > EMAIL_MAX or not normal.isprintable() or _EMAIL.fullmatch(normal) is None or ".." in normal:
        raise Unprocessable("Write the e-mail as name@example.com.", field="email")
    return normal


def _insert_new(session: Session, model: type[SQLModel], row: dict[str, Any]) -> bool:
    """Insert a row, or answer False where one with the same unique value is there, however close the race."""
    table = table_of(model)
    statement = insert_into(session, table).values(row).on_conflict_do_nothing().returning(table.c.id)
    return session.execute(statement).first() is not None


def _storable(text: str) -> bool:
    return len(text) <= NAME_MAX and text.isprintable()
