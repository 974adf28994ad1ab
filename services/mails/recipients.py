"""Who is written to about a customer: members by their role and by what they chose."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlmodel import Session, col

from models import MailKind, MailPreference, Membership, Role, User
from services.mails.kinds import TERMS
from services.mails.phrases import ENGLISH

ANSWERS_FOR_BILLS: Final = (Role.OWNER, Role.BILLING_ADMIN)


@dataclass(frozen=True, slots=True)
class Recipient:
    """An address. `user_id` is None for one that the customer only wants its bills sent to."""

    address: str
    language: str
    user_id: str | None = None


def recipients_of(session: Session, *, tenant_id: str, kind: MailKind) -> list[Recipient]:
    """Everybody who gets letters of a kind, each address once, in the order of their addresses."""
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
        Recipient(email, language or ENGLISH, user_id)
        for user_id, email, language, role, is_wanted in session.execute(statement)
        if wants(kind, Role(role), is_wanted)
    ]


def wants(kind: MailKind, role: Role, chosen: bool | None) -> bool:
    """Whether a member gets letters of a kind. `chosen` is what they said, None for nothing."""
    answers = role in ANSWERS_FOR_BILLS
    if answers and TERMS[kind].is_essential:
        return True
    return answers if chosen is None else chosen


def chosen_of(session: Session, *, tenant_id: str, user_id: str) -> Mapping[MailKind, bool]:
    """What a member said about each kind they said anything about."""
    statement = select(col(MailPreference.kind), col(MailPreference.is_wanted)).where(
        col(MailPreference.tenant_id) == tenant_id, col(MailPreference.user_id) == user_id
    )
    return {MailKind(kind): is_wanted for kind, is_wanted in session.execute(statement)}
