"""What a member wants to be told by mail, and in which language: shown, chosen, and stopped by a link."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from models import MailKind, MailPreference, Membership, Role, User, table_of
from services.database import insert_or_change
from services.errors import Forbidden, NotFound, Unprocessable
from services.gateways.mail_tokens import Subscriber, read_subscriber
from services.gateways.master_key import read_master_key
from services.mails.kinds import TERMS
from services.mails.phrases import ENGLISH, LANGUAGES
from services.mails.recipients import ANSWERS_FOR_BILLS, chosen_of, language_of, wants
from services.tenants import read_tenant

NO_MEMBER = "You look at this customer as an operator: letters go to its own people, who choose for themselves."
_preferences = table_of(MailPreference)


@dataclass(frozen=True)
class KindView:
    """One kind of letter. `is_fixed` where it cannot be turned off by this person."""

    kind: str
    title: str
    explanation: str
    is_wanted: bool
    is_fixed: bool


@dataclass(frozen=True)
class PreferencesView:
    """All kinds, and the language letters are in."""

    address: str = ""
    language: str = ENGLISH
    is_language_chosen: bool = False
    kinds: tuple[KindView, ...] = ()


@dataclass(frozen=True)
class Unsubscribing:
    """What a link is about: which letters, of whom, and whether they are still sent."""

    title: str
    customer: str
    address: str
    language: str
    is_wanted: bool


NO_PREFERENCES = PreferencesView()


def read_preferences(session: Session, *, tenant_id: str, user_id: str) -> PreferencesView:
    """What a member is told about a customer. Raises Forbidden for somebody who is no member of it."""
    role = _role(session, tenant_id, user_id)
    user = session.get_one(User, user_id)
    chosen = chosen_of(session, tenant_id=tenant_id, user_id=user_id)
    return PreferencesView(
        address=user.email,
        language=user.language or language_of(session, tenant_id=tenant_id),
        is_language_chosen=user.language is not None,
        kinds=tuple(_kind(kind, role, chosen.get(kind)) for kind in TERMS),
    )


def set_preference(
    session: Session, *, tenant_id: str, user_id: str, kind: str, is_wanted: bool, at: datetime
) -> PreferencesView:
    """Choose whether letters of a kind are wanted. Raises Forbidden, and Unprocessable where it cannot be."""
    role = _role(session, tenant_id, user_id)
    if kind not in set(MailKind):
        raise Unprocessable("There is no such kind of letter.", field="kind")
    chosen = MailKind(kind)
    if not is_wanted and _is_fixed(chosen, role):
        raise Unprocessable(
            f"{TERMS[chosen].title} cannot be turned off by those who answer for the bills.", field="kind"
        )
    row = {"tenant_id": tenant_id, "user_id": user_id, "kind": chosen, "is_wanted": is_wanted, "changed_at": at}
    insert_or_change(
        session, _preferences, [row], key=("tenant_id", "user_id", "kind"), changed=("is_wanted", "changed_at")
    )
    return read_preferences(session, tenant_id=tenant_id, user_id=user_id)


def set_language(session: Session, *, tenant_id: str, user_id: str, language: str) -> PreferencesView:
    """Choose the language of one's letters, whichever customer they are about. Raises Forbidden, Unprocessable."""
    _role(session, tenant_id, user_id)
    if language not in LANGUAGES:
        raise Unprocessable("Letters are written in English (en) or French (fr).", field="language")
    user = session.get_one(User, user_id)
    user.language = language
    session.add(user)
    session.flush()
    return read_preferences(session, tenant_id=tenant_id, user_id=user_id)


def read_unsubscribing(session: Session, *, token: str) -> Unsubscribing:
    """What a link to unsubscribe is about. Raises NotFound for one that is not ours, or of somebody who has left."""
    subscriber = read_subscriber(token, master_key=read_master_key(session.get_bind().engine.url))
    return _unsubscribing(session, subscriber)


def unsubscribe(session: Session, *, token: str, is_wanted: bool, at: datetime) -> Unsubscribing:
    """Stop letters of one kind, or begin them again, by the link in one of them. Raises NotFound."""
    subscriber = read_subscriber(token, master_key=read_master_key(session.get_bind().engine.url))
    _unsubscribing(session, subscriber)
    set_preference(
        session,
        tenant_id=subscriber.tenant_id,
        user_id=subscriber.user_id,
        kind=subscriber.kind,
        is_wanted=is_wanted,
        at=at,
    )
    return _unsubscribing(session, subscriber)


def _unsubscribing(session: Session, subscriber: Subscriber) -> Unsubscribing:
    membership = session.get(Membership, (subscriber.tenant_id, subscriber.user_id))
    if membership is None or subscriber.kind not in set(MailKind):
        raise NotFound("You do not belong to this customer any more, and get no letters about it.")
    kind = MailKind(subscriber.kind)
    user = session.get_one(User, subscriber.user_id)
    chosen = chosen_of(session, tenant_id=subscriber.tenant_id, user_id=user.id)
    return Unsubscribing(
        title=TERMS[kind].title,
        customer=read_tenant(session, tenant_id=subscriber.tenant_id).name,
        address=user.email,
        language=user.language or language_of(session, tenant_id=subscriber.tenant_id),
        is_wanted=wants(kind, membership.role, chosen.get(kind)),
    )


def _kind(kind: MailKind, role: Role, chosen: bool | None) -> KindView:
    terms = TERMS[kind]
    return KindView(kind.value, terms.title, terms.explanation, wants(kind, role, chosen), _is_fixed(kind, role))


def _is_fixed(kind: MailKind, role: Role) -> bool:
    return TERMS[kind].is_essential and role in ANSWERS_FOR_BILLS


def _role(session: Session, tenant_id: str, user_id: str) -> Role:
    membership = session.get(Membership, (tenant_id, user_id))
    if membership is None:
        raise Forbidden(NO_MEMBER)
    return membership.role
