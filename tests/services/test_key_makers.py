"""Who may make keys with which scopes, and that a key says who made it for ever."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from models import ApiKey, Party, Role
from services.api_keys import KEYS_MAX, TENANT_SCOPES, Maker, authenticate_key, create_api_key, list_api_keys
from services.errors import Conflict, Forbidden, NotFound
from services.identity import create_user
from services.key_makers import maker_at_command_line, maker_of_member, names_of_keys, names_of_makers
from services.sign_in import Member
from tests.given import NOON, OPERATOR, Customer, customer, owner_of

PASSWORD = "a long enough password"


@pytest.fixture
def acme(session: Session) -> Customer:
    return customer(session, name="Acme")


def member(tenant_id: str, **given: Any) -> Member:
    known: dict[str, Any] = {
        "user_id": "usr_1", "email": "a@b.example", "tenant_id": tenant_id, "tenant_name": "Acme", "role": None,
        "is_operator": False, "timezone": "UTC", "currency": "CAD",
    }  # fmt: skip
    return Member(**(known | given))


def test_owners_make_keys_for_their_account_and_operators_for_any(session: Session, acme: Customer) -> None:
    owner = maker_of_member(member(acme.tenant_id, role=Role.OWNER))
    ours = maker_of_member(member(acme.tenant_id, is_operator=True))
    for maker, party in ((owner, Party.CUSTOMER), (ours, Party.SELLER)):
        made = create_api_key(session, tenant_id=acme.tenant_id, scopes=["gainshare:write"], maker=maker, at=NOON)
        kept = session.get_one(ApiKey, made.id)
        assert (kept.created_by, kept.created_party) == ("usr_1", party)
        assert authenticate_key(session, key=made.key).made_for == party
    for role in (Role.BILLING_ADMIN, Role.VIEWER, None):
        with pytest.raises(Forbidden):
            maker_of_member(member(acme.tenant_id, role=role))


def test_nobody_gives_away_what_they_do_not_hold(session: Session, acme: Customer) -> None:
    reader = Maker(Party.CUSTOMER, "usr_1", frozenset({"billing:read"}), acme.tenant_id)
    with pytest.raises(Forbidden, match="gainshare:write"):
        create_api_key(
            session, tenant_id=acme.tenant_id, scopes=["billing:read", "gainshare:write"], maker=reader, at=NOON
        )
    with pytest.raises(Forbidden, match="your own account"):
        create_api_key(session, tenant_id="ten_other", scopes=["billing:read"], maker=reader, at=NOON)
    with pytest.raises(Forbidden, match="your own account"):
        create_api_key(session, scopes=["operator"], is_operator=True, maker=owner_of(acme.tenant_id), at=NOON)
    assert list_api_keys(session, tenant_id=acme.tenant_id) == list_api_keys(session, tenant_id=None) == []


def test_the_command_line_names_its_operator_or_the_account_of_the_machine(session: Session, acme: Customer) -> None:
    ours = create_user(session, email="ops@seller.example", password=PASSWORD, is_operator=True, at=NOON)
    create_user(
        session, email="ada@acme.example", password=PASSWORD, tenant_id=acme.tenant_id,
        role=Role.OWNER, at=NOON,
    )  # fmt: skip
    named = maker_at_command_line(session, account="deploy", email="Ops@Seller.example")
    assert (named.by, named.party) == (ours.id, Party.SELLER)
    assert maker_at_command_line(session, account="deploy").by == "cli:deploy"
    with pytest.raises(Forbidden, match="in the portal"):
        maker_at_command_line(session, account="deploy", email="ada@acme.example")
    with pytest.raises(NotFound):
        maker_at_command_line(session, account="deploy", email="nobody@seller.example")


def test_keys_and_their_makers_are_named(session: Session, acme: Customer) -> None:
    ours = create_user(session, email="ops@seller.example", password=PASSWORD, is_operator=True, at=NOON)
    makers = (
        maker_at_command_line(session, account="x", email="ops@seller.example"),
        maker_at_command_line(session, account="deploy"),
        owner_of(acme.tenant_id),
    )
    made = [
        create_api_key(
            session, tenant_id=acme.tenant_id, scopes=["usage:write"], name="Historian", maker=maker, at=NOON
        )
        for maker in makers
    ]
    names = names_of_keys(session, [key.id for key in made])
    assert [names[key.id] for key in made] == [
        "API key Historian, made by ops@seller.example",
        "API key Historian, made by deploy at the command line",
        "API key Historian, made by somebody who is gone",
    ]
    keys = list_api_keys(session, tenant_id=acme.tenant_id)
    assert names_of_makers(session, keys)[ours.id] == "ops@seller.example"


@pytest.mark.parametrize(
    "change",
    [
        "created_by = 'usr_else'",
        "created_party = 'customer'",
        "scopes = '[\"operator\"]'",
        "tenant_id = NULL, is_operator = true",
    ],
)
def test_what_a_key_is_never_changes_in_the_table(session: Session, acme: Customer, change: str) -> None:
    create_api_key(session, tenant_id=acme.tenant_id, scopes=["usage:write"], maker=OPERATOR, at=NOON)
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(text(f"UPDATE api_key SET {change}"))


def test_a_customer_has_so_many_keys_at_a_time(
    session: Session, acme: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert KEYS_MAX == 200
    monkeypatch.setattr("services.api_keys.KEYS_MAX", 1)
    create_api_key(session, tenant_id=acme.tenant_id, scopes=TENANT_SCOPES, maker=OPERATOR, at=NOON)
    with pytest.raises(Conflict, match="revoke one"):
        create_api_key(session, tenant_id=acme.tenant_id, scopes=TENANT_SCOPES, maker=OPERATOR, at=NOON)
