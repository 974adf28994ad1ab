"""Which keys a process remembers, and for how long."""

from sqlalchemy import Engine
from sqlmodel import Session

from services.api_keys import RecentKeys, authenticate_key, create_api_key, recent_keys, revoke_api_key
from services.database import reading, transaction
from tests.given import NOON, OPERATOR


def test_a_key_is_remembered_for_a_second_and_forgotten_when_one_is_revoked(session: Session) -> None:
    one = create_api_key(session, scopes=["operator"], is_operator=True, maker=OPERATOR, at=NOON)
    principal = authenticate_key(session, key=one.key)
    recent = RecentKeys()
    recent.keep(one.key, principal, now=100.0)
    assert recent.find(one.key, now=100.9) == principal
    assert recent.find(one.key, now=101.0) is None
    assert recent.find(one.key[:-1] + "_", now=100.5) is None
    recent.forget()
    assert recent.find(one.key, now=100.5) is None


def test_revoking_is_felt_at_once_by_this_process(session: Session) -> None:
    one = create_api_key(session, scopes=["operator"], is_operator=True, maker=OPERATOR, at=NOON)
    recent_keys.keep(one.key, authenticate_key(session, key=one.key), now=100.0)
    revoke_api_key(session, key_id=one.id, at=NOON)
    assert recent_keys.find(one.key, now=100.0) is None


def test_one_caller_looks_a_key_up_again_while_the_others_go_on(session: Session) -> None:
    one = create_api_key(session, scopes=["operator"], is_operator=True, maker=OPERATOR, at=NOON)
    principal = authenticate_key(session, key=one.key)
    recent = RecentKeys()
    recent.keep(one.key, principal, now=100.0)
    assert [recent.find(one.key, now=now) for now in (101.0, 101.1, 101.9)] == [None, principal, principal]
    assert recent.find(one.key, now=102.0) is None
    recent.drop(one.key)
    assert recent.find(one.key, now=102.1) is None


def test_who_only_peeks_leaves_a_lookup_that_is_due_to_the_next(session: Session) -> None:
    one = create_api_key(session, scopes=["operator"], is_operator=True, maker=OPERATOR, at=NOON)
    principal = authenticate_key(session, key=one.key)
    recent = RecentKeys()
    assert recent.peek(one.key, now=100.0) is None
    recent.keep(one.key, principal, now=100.0)
    assert [recent.peek(one.key, now=now) for now in (100.9, 101.0, 101.1)] == [principal, None, None]
    assert recent.find(one.key, now=101.1) is None


def test_a_key_looked_up_while_it_was_being_revoked_is_forgotten(sqlite_engine: Engine) -> None:
    with transaction(sqlite_engine) as session:
        one = create_api_key(session, scopes=["operator"], is_operator=True, maker=OPERATOR, at=NOON)
    with transaction(sqlite_engine) as session:
        revoke_api_key(session, key_id=one.id, at=NOON)
        with reading(sqlite_engine) as elsewhere:
            recent_keys.keep(one.key, authenticate_key(elsewhere, key=one.key), now=100.0)
    assert recent_keys.find(one.key, now=100.0) is None
