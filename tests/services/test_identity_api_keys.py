"""Keys for programs."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session

from models import ApiKey, Party
from services.api_keys import (
    TENANT_SCOPES,
    USE_NOTED_EVERY,
    KeyUses,
    Principal,
    authenticate_key,
    create_api_key,
    list_api_keys,
    note_key_use,
    revoke_api_key,
)
from services.errors import NotFound, NotSignedIn, Unprocessable
from services.identifiers import digest
from services.identity import create_tenant
from tests.given import OPERATOR, owner_of

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def tenant_id(session: Session) -> str:
    return create_tenant(session, name="Acme", currency="CAD", timezone="UTC", at=AT).id


def test_a_key_is_kept_as_its_digest_with_a_prefix_to_know_it_by(session: Session, tenant_id: str) -> None:
    made = create_api_key(
        session, tenant_id=tenant_id, scopes=["usage:write", "usage:write"], name="CI", maker=owner_of(tenant_id), at=AT
    )
    assert re.fullmatch(r"tally_[a-z0-9]{8}_[A-Za-z0-9_-]{43}", made.key)
    kept = session.get_one(ApiKey, made.id)
    assert (kept.digest, kept.prefix, kept.scopes) == (digest(made.key), made.key[:14], ["usage:write"])
    assert made.key not in repr(kept)


def test_a_key_speaks_for_its_tenant_in_its_scopes(session: Session, tenant_id: str) -> None:
    made = create_api_key(
        session, tenant_id=tenant_id, scopes=["usage:write", "billing:read"], maker=owner_of(tenant_id), at=AT
    )
    principal = authenticate_key(session, key=made.key)
    assert principal == Principal(
        made.id, tenant_id, False, frozenset({"usage:write", "billing:read"}), made_for=Party.CUSTOMER
    )
    assert principal.may("billing:write", "usage:write")
    assert not principal.may("billing:write")


def test_an_operators_key_may_do_all_and_has_no_tenant(session: Session) -> None:
    made = create_api_key(session, scopes=["operator"], is_operator=True, maker=OPERATOR, at=AT)
    principal = authenticate_key(session, key=made.key)
    assert (principal.is_operator, principal.tenant_id) == (True, None)
    assert all(principal.may(scope) for scope in TENANT_SCOPES)


@pytest.mark.parametrize("scopes", [["usage:read"], ["operator"], [], ["usage:write", "root"]])
def test_a_scope_there_is_not_is_refused_with_those_there_are(
    session: Session, tenant_id: str, scopes: list[str]
) -> None:
    with pytest.raises(Unprocessable) as refused:
        create_api_key(session, tenant_id=tenant_id, scopes=scopes, maker=owner_of(tenant_id), at=AT)
    assert refused.value.field == "scopes"
    assert all(scope in refused.value.detail for scope in TENANT_SCOPES)


def test_a_key_belongs_to_a_customer_or_to_an_operator(session: Session, tenant_id: str) -> None:
    with pytest.raises(Unprocessable):
        create_api_key(session, scopes=["usage:write"], maker=OPERATOR, at=AT)
    with pytest.raises(Unprocessable):
        create_api_key(session, tenant_id=tenant_id, is_operator=True, scopes=["operator"], maker=OPERATOR, at=AT)
    with pytest.raises(NotFound):
        create_api_key(session, tenant_id="ten_none", scopes=["usage:write"], maker=owner_of("ten_none"), at=AT)


def test_what_is_not_a_key_is_refused_alike(session: Session, tenant_id: str) -> None:
    key = create_api_key(session, tenant_id=tenant_id, scopes=["usage:write"], maker=owner_of(tenant_id), at=AT).key
    said = set()
    for wrong in ("", "tally_", key[:-1], key + "x", key.upper(), key[:-4] + "AAAA", " " + key, "\x00", "\ud800"):
        with pytest.raises(NotSignedIn) as refused:
            authenticate_key(session, key=wrong)
        said.add(refused.value.detail)
    assert len(said) == 1


def test_a_revoked_key_is_over_and_stays_so(session: Session, tenant_id: str) -> None:
    made = create_api_key(session, tenant_id=tenant_id, scopes=["usage:write"], maker=owner_of(tenant_id), at=AT)
    with pytest.raises(NotFound):
        revoke_api_key(session, key_id=made.id, tenant_id="ten_other", at=AT)
    revoke_api_key(session, key_id=made.id, tenant_id=tenant_id, at=AT)
    again = revoke_api_key(session, key_id=made.id, at=AT + timedelta(days=1))
    assert again.revoked_at == AT
    with pytest.raises(NotSignedIn):
        authenticate_key(session, key=made.key)
    assert [key.id for key in list_api_keys(session, tenant_id=tenant_id)] == [made.id]


def test_last_use_is_written_at_most_once_a_minute(session: Session, tenant_id: str) -> None:
    made = create_api_key(session, tenant_id=tenant_id, scopes=["usage:write"], maker=owner_of(tenant_id), at=AT)
    for seconds, expected in ((0, 0), (30, 0), (59, 0), (60, 60), (90, 60)):
        note_key_use(session, key_id=made.id, at=AT + timedelta(seconds=seconds))
        session.expire_all()
        assert session.get_one(ApiKey, made.id).last_used_at == AT + timedelta(seconds=expected)


def test_a_process_asks_for_a_note_at_most_once_a_minute_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    uses = KeyUses()
    never = Principal("key_1", "ten_1", False, frozenset())
    assert [uses.is_due(never, AT + timedelta(seconds=s)) for s in (0, 1, 59, 60, 61)] == [
        True,
        False,
        False,
        True,
        False,
    ]
    fresh = Principal("key_2", "ten_1", False, frozenset(), last_used_at=AT)
    assert not uses.is_due(fresh, AT + USE_NOTED_EVERY / 2)
    assert uses.is_due(fresh, AT + USE_NOTED_EVERY)
    monkeypatch.setattr(KeyUses, "REMEMBERED_MAX", 10)
    for number in range(100):
        uses.is_due(Principal(f"key_{number}", None, True, frozenset()), AT)
    assert len(uses._asked) <= 10
