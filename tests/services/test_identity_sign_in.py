"""Signing in, staying signed in, and choosing a customer."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from sqlmodel import Session, select

from models import Membership, Role, User, WebSession
from services import passwords
from services.errors import NotSignedIn, WrongTenant
from services.identifiers import digest
from services.identity import add_member, create_tenant, create_user
from services.sign_in import (
    SESSION_HOURS,
    SESSIONS_MAX,
    SignedIn,
    choose_tenant,
    end_session,
    list_memberships,
    read_member,
    sign_in,
)
from services.sign_in_limit import FAILURES_MAX, WINDOW, SignInLimit, TooManyAttempts, sign_in_limit

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
PASSWORD = "correct horse battery"
ANN, OPS = "ann@acme.example", "ops@us.example"


@pytest.fixture(autouse=True)
def _fresh_limit() -> Iterator[None]:
    sign_in_limit.clear()
    yield
    sign_in_limit.clear()


@pytest.fixture
def tenants(session: Session) -> dict[str, str]:
    made = {
        name: create_tenant(session, name=name, currency="CAD", timezone="America/Toronto", at=AT).id
        for name in ("Acme", "Borealis", "Cirrus")
    }
    ann = create_user(session, email=ANN, password=PASSWORD, tenant_id=made["Acme"], role=Role.OWNER, at=AT).id
    add_member(session, tenant_id=made["Borealis"], user_id=ann, role=Role.VIEWER, at=AT + timedelta(days=1))
    create_user(session, email=OPS, password=PASSWORD, is_operator=True, at=AT)
    return made


def enter(session: Session, email: str = ANN, presented: str | None = None, at: datetime = AT) -> SignedIn:
    return sign_in(session, email=email, password=PASSWORD, presented=presented, at=at)


def test_signing_in_opens_a_session_of_which_only_the_digest_is_kept(session: Session, tenants: dict[str, str]) -> None:
    opened = enter(session, email="  ANN@Acme.example ")
    (kept,) = session.exec(select(WebSession)).all()
    assert (kept.digest, opened.expires_at) == (digest(opened.cookie), AT + timedelta(hours=SESSION_HOURS))
    assert opened.cookie not in repr(kept)
    member = read_member(session, cookie_token=opened.cookie, at=AT)
    assert (member.email, member.tenant_id, member.tenant_name) == (ANN, tenants["Acme"], "Acme")
    assert (member.role, member.is_operator, member.timezone, member.currency) == (
        Role.OWNER, False, "America/Toronto", "CAD",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("email", "password"),
    [(ANN, "wrong horse battery"), ("nobody@acme.example", PASSWORD), ("", ""), (ANN, "x" * 5_000), ("\x00", "\ud800")],
)
def test_a_wrong_password_and_an_unknown_email_are_refused_alike(
    session: Session, tenants: dict[str, str], email: str, password: str
) -> None:
    with pytest.raises(NotSignedIn) as refused:
        sign_in(session, email=email, password=password, at=AT)
    assert refused.value.detail == "That e-mail and password don't match."
    assert session.exec(select(WebSession)).all() == []


def test_an_unknown_email_costs_a_hash_too(
    session: Session, tenants: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = []

    class Counting:
        def verify(self, hash_: str, password: bytes) -> bool:
            verified.append(hash_)
            return PasswordHasher().verify(hash_, password)

        hash = staticmethod(PasswordHasher().hash)

    monkeypatch.setattr(passwords, "_hasher", Counting())
    for email in (ANN, "nobody@acme.example"):
        with pytest.raises(NotSignedIn):
            sign_in(session, email=email, password="wrong horse battery", at=AT)
    assert len(verified) == 2
    assert all(hash_.startswith("$argon2id$") for hash_ in verified)


def test_each_sign_in_has_a_new_token_and_ends_the_old_one(session: Session, tenants: dict[str, str]) -> None:
    first = enter(session)
    second = enter(session, presented=first.cookie)
    assert first.cookie != second.cookie
    with pytest.raises(NotSignedIn):
        read_member(session, cookie_token=first.cookie, at=AT)
    assert read_member(session, cookie_token=second.cookie, at=AT).email == ANN


def test_a_session_ends_by_the_clock_and_by_signing_out(session: Session, tenants: dict[str, str]) -> None:
    cookie = enter(session).cookie
    last = AT + timedelta(hours=SESSION_HOURS)
    assert read_member(session, cookie_token=cookie, at=last - timedelta(seconds=1))
    with pytest.raises(NotSignedIn):
        read_member(session, cookie_token=cookie, at=last)
    end_session(session, cookie_token=cookie)
    end_session(session, cookie_token=cookie)
    with pytest.raises(NotSignedIn):
        read_member(session, cookie_token=cookie, at=AT)


@pytest.mark.parametrize("token", ["", "unknown", "x" * 10_000, "\x00", "\ud800"])
def test_a_token_of_another_make_is_not_signed_in(session: Session, token: str) -> None:
    with pytest.raises(NotSignedIn):
        read_member(session, cookie_token=token, at=AT)


def test_a_membership_taken_away_shows_at_once(session: Session, tenants: dict[str, str]) -> None:
    opened = enter(session)
    session.delete(session.get_one(Membership, (tenants["Acme"], opened.user_id)))
    session.flush()
    member = read_member(session, cookie_token=opened.cookie, at=AT)
    assert (member.tenant_id, member.role, member.tenant_name) == (None, None, "")


def test_a_member_chooses_among_their_own_customers_only(session: Session, tenants: dict[str, str]) -> None:
    opened = enter(session)
    chosen = choose_tenant(session, cookie_token=opened.cookie, tenant_id=tenants["Borealis"], at=AT)
    assert (chosen.tenant_name, chosen.role) == ("Borealis", Role.VIEWER)
    for other in (tenants["Cirrus"], "ten_none"):
        with pytest.raises(WrongTenant) as refused:
            choose_tenant(session, cookie_token=opened.cookie, tenant_id=other, at=AT)
        assert refused.value.detail == "You cannot look at this customer."
    assert read_member(session, cookie_token=opened.cookie, at=AT).tenant_name == "Borealis"
    assert [name for _, name, _ in list_memberships(session, user_id=opened.user_id)] == ["Acme", "Borealis"]


def test_an_operator_begins_without_a_customer_and_chooses_any(session: Session, tenants: dict[str, str]) -> None:
    opened = enter(session, email=OPS)
    member = read_member(session, cookie_token=opened.cookie, at=AT)
    assert (member.is_operator, member.tenant_id, member.role) == (True, None, None)
    chosen = choose_tenant(session, cookie_token=opened.cookie, tenant_id=tenants["Cirrus"], at=AT)
    assert (chosen.tenant_name, chosen.role) == ("Cirrus", None)


def test_an_old_hash_is_renewed_when_its_owner_signs_in(session: Session, tenants: dict[str, str]) -> None:
    user = session.exec(select(User).where(User.email == ANN)).one()
    user.password_hash = weak = PasswordHasher(time_cost=1, memory_cost=1_024).hash(PASSWORD)
    session.add(user)
    session.flush()
    enter(session)
    session.refresh(user)
    assert user.password_hash != weak
    assert enter(session).user_id == user.id


def test_one_person_has_a_bounded_number_of_sessions(session: Session, tenants: dict[str, str]) -> None:
    user_id = enter(session).user_id
    for number in range(SESSIONS_MAX + 5):
        session.add(
            WebSession(
                digest=digest(str(number)), user_id=user_id, created_at=AT - timedelta(minutes=number + 1),
                expires_at=AT + timedelta(hours=1),
            )
        )  # fmt: skip
    session.flush()
    opened = enter(session)
    assert len(session.exec(select(WebSession)).all()) == SESSIONS_MAX
    assert read_member(session, cookie_token=opened.cookie, at=AT)


def test_too_many_failures_close_the_door_for_that_email_and_address(session: Session, tenants: dict[str, str]) -> None:
    for _ in range(FAILURES_MAX):
        with pytest.raises(NotSignedIn):
            sign_in(session, email=ANN, password="wrong horse battery", address="10.0.0.1", at=AT)
    with pytest.raises(TooManyAttempts) as refused:
        sign_in(session, email=f" {ANN.upper()}", password=PASSWORD, address="10.0.0.1", at=AT)
    assert refused.value.status == 429
    assert refused.value.members["retry_after"] == WINDOW.total_seconds() + 1
    assert sign_in(session, email=ANN, password=PASSWORD, address="10.0.0.2", at=AT)
    assert sign_in(session, email=ANN, password=PASSWORD, address="10.0.0.1", at=AT + WINDOW)


def test_the_right_password_forgets_the_wrong_ones() -> None:
    limit = SignInLimit()
    for _ in range(3):
        for _ in range(FAILURES_MAX - 1):
            limit.count_failure(ANN, "10.0.0.1", AT)
        limit.check(ANN, "10.0.0.1", AT)
        limit.forget(ANN, "10.0.0.1")


def test_the_limit_itself_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.sign_in_limit.PAIRS_MAX", 100)
    limit = SignInLimit()
    for number in range(500):
        limit.count_failure(f"{number}@acme.example", "10.0.0.1", AT)
    assert len(limit._failures) == 100
