"""Who is written to about a customer: members by role and by choice, and the addresses it wants its bills sent to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlmodel import Session, col

from models import MailKind, MailPreference, Membership, Role, User
from services.mails.kinds import TERMS
from services.mails.phrases import ENGLISH
from services.parties.billing_profiles import read_billing_profile

ANSWERS_FOR_BILLS: Final = (Role.OWNER, Role.BILLING_ADMIN)


@dataclass(frozen=True, slots=True)
class Recipient:
    """An address. `user_id` is None for one that the customer only wants its bills sent to."""

    address: str
    language: str
    user_id: str | None = None


def recipients_of(session: Session, *, tenant_id: str, kind: MailKind) -> list[Recipient]:
    """Everybody who gets letters of a kind, each address once: members, then those for bills; or our own people.

    A customer's who chose no language are written to in that of its billing details, ours in English.
    """
    if TERMS[kind].is_for_operators:
        return _operators(session)
    profile = read_billing_profile(session, tenant_id=tenant_id)
    language = language_of(session, tenant_id=tenant_id)
    members = _members(session, tenant_id, kind, language)
    contacts = profile.emails if profile is not None and TERMS[kind].goes_to_contacts else []
    known = {each.address for each in members}
    return members + [
        Recipient(address, language) for address in dict.fromkeys(map(str.lower, contacts)) if address not in known
    ]


def _operators(session: Session) -> list[Recipient]:
    statement = select(col(User.id), col(User.email), col(User.language)).where(
        col(User.is_operator).is_(True), col(User.wants_desk_mail).is_(True)
    )
    return [
        Recipient(email, language or ENGLISH, user_id)
        for user_id, email, language in session.execute(statement.order_by(col(User.email)))
    ]


def _members(session: Session, tenant_id: str, kind: MailKind, customers_language: str) -> list[Recipient]:
    statement = (
        select(col(User.id), col(User.email), col(User.language), col(Membership.role), col(MailPreference.is_wanted))
        .join(Membership, col(Membership.user_id) == User.id)
        .outerjoin(
            MailPreference,
            (col(MailPreference.tenant_id) == Membership.tenant_id)
            & (col(MailPreference.user_id) == Membership.user_id)
            & (col(MailPreference.kind) == kind),
        )
        .where(col(Membership.tenant_id) == tenant_id)
        .order_by(col(User.email))
    )
    return [
        Recipient(email, language or customers_language, user_id)
        for user_id, email, language, role, is_wanted in session.execute(statement)
        if wants(kind, Role(role), is_wanted)
    ]


def wants(kind: MailKind, role: Role, chosen: bool | None) -> bool:
    """Whether a member gets letters of a kind. `chosen` is what they said, None for nothing."""
    answers = role in ANSWERS_FOR_BILLS
    if answers and TERMS[kind].is_essential:
        return True
    return answers if chosen is None else chosen


def language_of(session: Session, *, tenant_id: str) -> str:
    """The language of a customer's billing details, in which who chose none is written to."""
    profile = read_billing_profile(session, tenant_id=tenant_id)
    return ENGLISH if profile is None else profile.language.value


def chosen_of(session: Session, *, tenant_id: str, user_id: str) -> Mapping[MailKind, bool]:
    """What a member said about each kind they said anything about."""
    statement = select(col(MailPreference.kind), col(MailPreference.is_wanted)).where(
        col(MailPreference.tenant_id) == tenant_id, col(MailPreference.user_id) == user_id
    )
    return {MailKind(kind): is_wanted for kind, is_wanted in session.execute(statement)}
