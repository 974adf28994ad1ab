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
    """What a link is about: which letters, of whom, and whether they are still sent. `customer` is "" for all."""

    title: str
    customer: str
    address: str
    language: str
    is_wanted: bool


NO_PREFERENCES = PreferencesView()


def read_desk_preferences(session: Session, *, user_id: str) -> PreferencesView:
    """What an operator is told about all customers. Raises Forbidden for somebody who is none."""
    user = _operator(session, user_id)
    terms = TERMS[MailKind.GAIN_SHARE_DESK]
    kind = KindView(MailKind.GAIN_SHARE_DESK, terms.title, terms.explanation, user.wants_desk_mail, is_fixed=False)
    return PreferencesView(user.email, user.language or ENGLISH, user.language is not None, (kind,))


def set_desk_preference(session: Session, *, user_id: str, is_wanted: bool) -> PreferencesView:
    """Choose, as an operator, whether to be written to about what customers decide. Raises Forbidden."""
    user = _operator(session, user_id)
    user.wants_desk_mail = is_wanted
    session.add(user)
    session.flush()
    return read_desk_preferences(session, user_id=user_id)


def set_desk_language(session: Session, *, user_id: str, language: str) -> PreferencesView:
    """Choose the language of one's letters, as an operator. Raises Forbidden, Unprocessable."""
    _speak(session, _operator(session, user_id), language)
    return read_desk_preferences(session, user_id=user_id)


def read_preferences(session: Session, *, tenant_id: str, user_id: str) -> PreferencesView:
    """What a member is told about a customer. Raises Forbidden for somebody who is no member of it."""
    role = _role(session, tenant_id, user_id)
    user = session.get_one(User, user_id)
    chosen = chosen_of(session, tenant_id=tenant_id, user_id=user_id)
    return PreferencesView(
        address=user.email,
        language=user.language or language_of(session, tenant_id=tenant_id),
        is_language_chosen=user.language is not None,
        kinds=tuple(_kind(kind, role, chosen.get(kind)) for kind, terms in TERMS.items() if not terms.is_for_operators),
    )


def set_preference(
    session: Session, *, tenant_id: str, user_id: str, kind: str, is_wanted: bool, at: datetime
) -> PreferencesView:
    """Choose whether letters of a kind are wanted. Raises Forbidden, and Unprocessable where it cannot be."""
    role = _role(session, tenant_id, user_id)
    if kind not in set(MailKind) or TERMS[MailKind(kind)].is_for_operators:
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
    _speak(session, session.get_one(User, user_id), language)
    return read_preferences(session, tenant_id=tenant_id, user_id=user_id)


def read_unsubscribing(session: Session, *, token: str) -> Unsubscribing:
    """What a link to unsubscribe is about. Raises NotFound for one that is not ours, or of somebody who has left."""
    subscriber = read_subscriber(token, master_key=read_master_key(session.get_bind().engine.url))
    return _unsubscribing(session, subscriber)


def unsubscribe(session: Session, *, token: str, is_wanted: bool, at: datetime) -> Unsubscribing:
    """Stop letters of one kind, or begin them again, by the link in one of them. Raises NotFound."""
    subscriber = read_subscriber(token, master_key=read_master_key(session.get_bind().engine.url))
    _unsubscribing(session, subscriber)
    if TERMS[MailKind(subscriber.kind)].is_for_operators:
        set_desk_preference(session, user_id=subscriber.user_id, is_wanted=is_wanted)
    else:
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
    if subscriber.kind == MailKind.GAIN_SHARE_DESK:
        view = read_desk_preferences(session, user_id=subscriber.user_id)
        (shown,) = view.kinds
        return Unsubscribing(shown.title, "", view.address, view.language, shown.is_wanted)
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


def _speak(session: Session, user: User, language: str) -> None:
    if language not in LANGUAGES:
        raise Unprocessable("Letters are written in English (en) or French (fr).", field="language")
    user.language = language
    session.add(user)
    session.flush()


def _operator(session: Session, user_id: str) -> User:
    user = session.get(User, user_id)
    if user is None or not user.is_operator:
        raise Forbidden("Only operators are written to about all customers.")
    return user


def _role(session: Session, tenant_id: str, user_id: str) -> Role:
    membership = session.get(Membership, (tenant_id, user_id))
    if membership is None:
        raise Forbidden(NO_MEMBER)
    return membership.role
