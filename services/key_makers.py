"""Who may make keys, with which scopes, and what makers and keys are called wherever a key did something.

Keys are for owners to manage: an owner holds every scope of their account and no other. Operators make keys for any
customer, in the portal or at the command line; what such a key may do is bounded where a customer signs, in
`services/gain_share/parties.py`.
"""

from collections.abc import Iterable
from typing import Final

from sqlmodel import Session, col, select

from models import ApiKey, Party, Role, User
from models.api_key import MAKER_MAX
from services.api_keys import OPERATOR_SCOPE, TENANT_SCOPES, Maker
from services.errors import Forbidden
from services.identity import find_user
from services.sign_in import Member

AT_THE_COMMAND_LINE: Final = "cli:"
SOMEBODY_GONE: Final = "somebody who is gone"
OPERATORS_SCOPES: Final = frozenset({OPERATOR_SCOPE, *TENANT_SCOPES})


def maker_of_member(member: Member) -> Maker:
    """Who is signed in, if they may make keys for whom they look at. Raises Forbidden."""
    if member.is_operator:
        return Maker(Party.SELLER, member.user_id, OPERATORS_SCOPES)
    if member.role != Role.OWNER or member.tenant_id is None:
        raise Forbidden("Keys are made and revoked by an owner of your account; ask one of them.")
    return Maker(Party.CUSTOMER, member.user_id, frozenset(TENANT_SCOPES), member.tenant_id)


def maker_at_command_line(session: Session, *, account: str, email: str | None = None) -> Maker:
    """Who is at the command line: the operator with that e-mail, else the account of the machine they use.

    Raises NotFound for an e-mail nobody has, and Forbidden for one of a customer's people: they make their keys
    themselves, in the portal.
    """
    if email is None:
        return Maker(Party.SELLER, (AT_THE_COMMAND_LINE + account)[:MAKER_MAX], OPERATORS_SCOPES)
    user = find_user(session, email=email)
    if not user.is_operator:
        raise Forbidden(
            f"{user.email} is not an operator; a customer's owner makes keys in the portal, under API keys.", field="by"
        )
    return Maker(Party.SELLER, user.id, OPERATORS_SCOPES)


def names_of_makers(session: Session, keys: Iterable[ApiKey]) -> dict[str, str]:
    """What those who made the keys are called, by `created_by`."""
    makers = {key.created_by for key in keys}
    people = dict(session.exec(select(User.id, User.email).where(col(User.id).in_(makers))).all())
    return {by: people.get(by) or _unknown(by) for by in makers}


def names_of_keys(session: Session, ids: Iterable[str]) -> dict[str, str]:
    """What keys are called where they did something: API key Historian, made by ada@acme.example."""
    keys = list(session.exec(select(ApiKey).where(col(ApiKey.id).in_(set(ids)))))
    makers = names_of_makers(session, keys)
    return {key.id: f"API key {key.name or key.prefix}, made by {makers[key.created_by]}" for key in keys}


def makers_of_keys(session: Session, ids: Iterable[str]) -> dict[str, str]:
    """Who made each of them that is a key, by its id and as kept on it."""
    return dict(session.exec(select(ApiKey.id, ApiKey.created_by).where(col(ApiKey.id).in_(set(ids)))).all())


def _unknown(by: str) -> str:
    if by.startswith(AT_THE_COMMAND_LINE):
        return f"{by.removeprefix(AT_THE_COMMAND_LINE)} at the command line"
    return SOMEBODY_GONE
