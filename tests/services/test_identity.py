"""Customers and people."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session

from models import Membership, Role, TenantHead, User
from services.errors import Conflict, NotFound, Unprocessable
from services.identity import add_member, create_tenant, create_user, find_tenant, find_user

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
PASSWORD = "correct horse battery"


def tenant_id(session: Session, name: str = "Acme") -> str:
    return create_tenant(session, name=name, currency="CAD", timezone="America/Toronto", at=AT).id


def test_a_customer_gets_its_counters(session: Session) -> None:
    made = create_tenant(session, name="  Acme   Works ", currency="CAD", timezone="America/Toronto", at=AT)
    assert (made.name, made.currency, made.created_at) == ("Acme Works", "CAD", AT)
    head = session.get_one(TenantHead, made.id)
    assert (head.event_count, head.last_entry_seq, head.last_invoice_number) == (0, 0, 0)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"currency": "cad"}, "currency"),
        ({"currency": "DOLLARS"}, "currency"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"timezone": "../etc/passwd"}, "timezone"),
    ],
)
def test_a_customer_that_cannot_be_is_refused_by_field(session: Session, change: dict[str, str], field: str) -> None:
    wanted = {"name": "Acme", "currency": "CAD", "timezone": "UTC"} | change
    with pytest.raises(Unprocessable) as refused:
        create_tenant(session, at=AT, **wanted)
    assert refused.value.field == field


def test_two_customers_cannot_share_a_name(session: Session) -> None:
    tenant_id(session)
    with pytest.raises(Conflict):
        tenant_id(session)


def test_a_customer_is_found_by_id_before_name(session: Session) -> None:
    first = tenant_id(session)
    named_after_it = tenant_id(session, name=first)
    assert find_tenant(session, id_or_name=first).id == first
    assert find_tenant(session, id_or_name="Acme").id == first
    assert named_after_it != first
    for unknown in ("nobody", "", "\x00", "x" * 500):
        with pytest.raises(NotFound):
            find_tenant(session, id_or_name=unknown)


def test_a_password_is_kept_as_argon2id_only(session: Session) -> None:
    tenant = tenant_id(session)
    made = create_user(session, email=" Ann@Acme.Example ", password=PASSWORD, tenant_id=tenant, role=Role.OWNER, at=AT)
    user = session.get_one(User, made.id)
    assert (made.email, made.password, user.email) == ("ann@acme.example", None, "ann@acme.example")
    assert user.password_hash.startswith("$argon2id$")
    assert PASSWORD not in user.password_hash
    assert session.get_one(Membership, (tenant, made.id)).role is Role.OWNER
    assert find_user(session, email="ANN@acme.example").id == made.id


def test_a_generated_password_is_told_once(session: Session) -> None:
    made = create_user(session, email="ops@us.example", is_operator=True, at=AT)
    assert made.password is not None
    assert len(made.password) == 20


@pytest.mark.parametrize(
    ("change", "field"),
    [
        *[({"email": email}, "email") for email in ("", "ann", "ann@", "@b.ca", "a b@c.ca", "a@b..ca", "a\x00@b.ca")],
        ({"email": f"{'a' * 250}@b.ca"}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "x" * 1_025}, "password"),
        ({"role": None}, "role"),
        ({"tenant_id": None}, "role"),
        ({"tenant_id": None, "role": None}, "tenant_id"),
    ],
)
def test_a_person_that_cannot_be_is_refused_by_field(session: Session, change: dict[str, object], field: str) -> None:
    wanted = {"email": "ann@acme.example", "password": PASSWORD, "tenant_id": tenant_id(session), "role": Role.VIEWER}
    with pytest.raises(Unprocessable) as refused:
        create_user(session, at=AT, **(wanted | change))  # type: ignore[arg-type]
    assert refused.value.field == field


def test_an_email_belongs_to_one_person(session: Session) -> None:
    create_user(session, email="ann@acme.example", password=PASSWORD, is_operator=True, at=AT)
    with pytest.raises(Conflict):
        create_user(session, email="ANN@acme.example", password=PASSWORD, is_operator=True, at=AT)


def test_a_person_can_work_for_several_customers(session: Session) -> None:
    first, second = tenant_id(session), tenant_id(session, name="Borealis")
    ann = create_user(session, email="ann@acme.example", password=PASSWORD, tenant_id=first, role=Role.OWNER, at=AT).id
    add_member(session, tenant_id=second, user_id=ann, role=Role.VIEWER, at=AT + timedelta(days=1))
    with pytest.raises(Conflict):
        add_member(session, tenant_id=second, user_id=ann, role=Role.OWNER, at=AT)
    with pytest.raises(NotFound):
        add_member(session, tenant_id="ten_none", user_id=ann, role=Role.OWNER, at=AT)
    with pytest.raises(NotFound):
        add_member(session, tenant_id=second, user_id="usr_none", role=Role.OWNER, at=AT)
