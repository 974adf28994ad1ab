"""Signing in, staying signed in, and choosing which customer to look at.

The password is checked between two short transactions (`password_hash_of`, then the hash, then `open_session`), so the
tenth of a second argon2id takes never holds the database. `sign_in` does all three for callers that need not care.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, update
from sqlmodel import Session, col, select

from models import Membership, Role, Tenant, User, WebSession
from services.errors import NotFound, NotSignedIn, WrongTenant
from services.identifiers import digest, new_secret
from services.passwords import better_hash, is_password_of
from services.sign_in_limit import sign_in_limit
from services.subscriptions.picker import picked

SESSION_HOURS = 12
COOKIE_MAX = 200
SESSIONS_MAX = 20
"""Browsers one person is signed in with at once; the oldest is signed out to make room."""

NOT_SIGNED_IN = "Sign in to see this page."
WRONG_PASSWORD = "That e-mail and password don't match."  # noqa: S105 — a sentence, not a password


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session just opened. `cookie` is shown once, to the browser; only its digest is kept."""

    cookie: str
    expires_at: datetime
    user_id: str
    tenant_id: str | None


@dataclass(frozen=True, slots=True)
class KnownUser:
    """What checking a password needs. `id` is None where nobody has that e-mail."""

    id: str | None
    password_hash: str | None


@dataclass(frozen=True, slots=True)
class Member:
    """Who is signed in and for whom. An operator has no role; `tenant_id` is None until they choose a customer.

    `subscription_id` is which of the customer's subscriptions they look at, always one of its own; None for none.
    """

    user_id: str
    email: str
    tenant_id: str | None
    tenant_name: str
    role: Role | None
    is_operator: bool
    timezone: str
    currency: str
    subscription_id: str | None = None


def sign_in(
    session: Session, *, email: str, password: str, at: datetime, address: str = "", presented: str | None = None
) -> SignedIn:
    """Check the password and open a session. `presented` is the cookie the browser came with; it ends.

    Raises NotSignedIn, always after the same work and with the same words, and TooManyAttempts.
    """
    email = email.strip().lower()
    sign_in_limit.check(email, address, at)
    user = password_hash_of(session, email=email)
    return open_session(
        session,
        user_id=check_password(user, email=email, password=password, address=address, at=at),
        rehashed=None if user.password_hash is None else better_hash(user.password_hash, password),
        presented=presented,
        at=at,
    )


def password_hash_of(session: Session, *, email: str) -> KnownUser:
    """Step one: what to check against. An unknown e-mail is an answer, not a refusal."""
    normal = email.strip().lower()
    if not normal.isprintable():  # PostgreSQL cannot even be asked for some of these
        return KnownUser(None, None)
    row = session.execute(select(User.id, User.password_hash).where(User.email == normal)).first()
    return KnownUser(None, None) if row is None else KnownUser(row.id, row.password_hash)


def check_password(user: KnownUser, *, email: str, password: str, address: str, at: datetime) -> str:
    """Step two: no session, a tenth of a second. Answers the user's id; raises NotSignedIn and counts the failure."""
    matches = is_password_of(user.password_hash, password)
    if not matches or user.id is None:
        sign_in_limit.count_failure(email, address, at)
        raise NotSignedIn(WRONG_PASSWORD)
    sign_in_limit.forget(email, address)
    return user.id


def open_session(
    session: Session, *, user_id: str, at: datetime, rehashed: str | None = None, presented: str | None = None
) -> SignedIn:
    """Step three: a new random token, looking at the customer the person has belonged to longest.

    The session the browser came with ends (rotation), so a token planted before signing in is worth nothing.
    """
    if presented:
        end_session(session, cookie_token=presented)
    if rehashed is not None:
        session.execute(update(User).where(col(User.id) == user_id).values(password_hash=rehashed))
    _drop_old_sessions(session, user_id, at)
    cookie = new_secret()
    opened = WebSession(
        digest=digest(cookie),
        user_id=user_id,
        tenant_id=_first_tenant(session, user_id),
        created_at=at,
        expires_at=at + timedelta(hours=SESSION_HOURS),
    )
    session.add(opened)
    session.flush()
    return SignedIn(cookie, opened.expires_at, user_id, opened.tenant_id)


def end_session(session: Session, *, cookie_token: str) -> None:
    """Sign the browser out. Ending what has ended changes nothing."""
    session.execute(delete(WebSession).where(col(WebSession.digest) == digest(cookie_token[:COOKIE_MAX])))


def read_member(session: Session, *, cookie_token: str, at: datetime) -> Member:
    """Who the cookie belongs to, now. Raises NotSignedIn for one that is unknown, ended or expired.

    A membership taken away shows at once: the person is then signed in for no customer.
    """
    row = session.execute(_member_statement(cookie_token, at)).first()
    if row is None:
        raise NotSignedIn(NOT_SIGNED_IN)
    may_look = row.tenant_id is not None and (row.is_operator or row.role is not None)
    return Member(
        user_id=row.user_id,
        email=row.email,
        tenant_id=row.tenant_id if may_look else None,
        tenant_name=row.tenant_name if may_look else "",
        role=row.role if may_look else None,
        is_operator=row.is_operator,
        timezone=row.timezone if may_look else "UTC",
        currency=row.currency if may_look else "",
        subscription_id=(picked(session, tenant_id=row.tenant_id, wanted=row.subscription_id) if may_look else None),
    )


def choose_tenant(session: Session, *, cookie_token: str, tenant_id: str, at: datetime) -> Member:
    """Look at another customer: any for an operator, one of their own for a member.

    Raises NotSignedIn, and WrongTenant alike for a customer that does not exist and one that is not theirs.
    """
    member = read_member(session, cookie_token=cookie_token, at=at)
    is_known = tenant_id.isprintable() and session.get(Tenant, tenant_id) is not None
    is_theirs = is_known and session.get(Membership, (tenant_id, member.user_id)) is not None
    if not is_known or not (member.is_operator or is_theirs):
        raise WrongTenant("You cannot look at this customer.", field="tenant_id")
    token = digest(cookie_token[:COOKIE_MAX])
    chosen = {"tenant_id": tenant_id, "subscription_id": None}
    session.execute(update(WebSession).where(col(WebSession.digest) == token).values(chosen))
    return read_member(session, cookie_token=cookie_token, at=at)


def choose_subscription(session: Session, *, cookie_token: str, subscription_id: str, at: datetime) -> Member:
    """Look at another of the customer's subscriptions. Raises NotSignedIn, and NotFound for what is not its own."""
    member = read_member(session, cookie_token=cookie_token, at=at)
    tenant_id = member.tenant_id
    if tenant_id is None or picked(session, tenant_id=tenant_id, wanted=subscription_id) != subscription_id:
        raise NotFound("There is no such subscription.", field="subscription_id")
    token = digest(cookie_token[:COOKIE_MAX])
    session.execute(update(WebSession).where(col(WebSession.digest) == token).values(subscription_id=subscription_id))
    return read_member(session, cookie_token=cookie_token, at=at)


def list_memberships(session: Session, *, user_id: str) -> list[tuple[str, str, Role]]:
    """The customers a person belongs to as (tenant_id, name, role), by name."""
    statement = (
        select(Tenant.id, Tenant.name, Membership.role)
        .join(Membership, col(Membership.tenant_id) == Tenant.id)
        .where(Membership.user_id == user_id)
        .order_by(Tenant.name)
    )
    return [(tenant_id, name, Role(role)) for tenant_id, name, role in session.exec(statement)]


def _member_statement(cookie_token: str, at: datetime) -> Any:
    return (
        select(  # type: ignore[call-overload]
            WebSession.user_id,
            WebSession.tenant_id,
            WebSession.subscription_id,
            User.email,
            User.is_operator,
            Membership.role,
            col(Tenant.name).label("tenant_name"),
            Tenant.timezone,
            Tenant.currency,
        )
        .join(User, col(User.id) == WebSession.user_id)
        .outerjoin(Tenant, col(Tenant.id) == WebSession.tenant_id)
        .outerjoin(
            Membership,
            and_(col(Membership.tenant_id) == WebSession.tenant_id, col(Membership.user_id) == WebSession.user_id),
        )
        .where(WebSession.digest == digest(cookie_token[:COOKIE_MAX]), WebSession.expires_at > at)
    )


def _first_tenant(session: Session, user_id: str) -> str | None:
    statement = (
        select(Membership.tenant_id)
        .where(Membership.user_id == user_id)
        .order_by(col(Membership.created_at), Membership.tenant_id)
    )
    return session.exec(statement).first()


def _drop_old_sessions(session: Session, user_id: str, at: datetime) -> None:
    """Forget the person's expired sessions, and the oldest where there would be more than SESSIONS_MAX."""
    mine = col(WebSession.user_id) == user_id
    session.execute(delete(WebSession).where(mine, col(WebSession.expires_at) <= at))
    newest_first = select(WebSession.digest).where(mine).order_by(col(WebSession.created_at).desc(), WebSession.digest)
    surplus = session.exec(newest_first.offset(SESSIONS_MAX - 1)).all()
    if surplus:
        session.execute(delete(WebSession).where(col(WebSession.digest).in_(surplus)))
