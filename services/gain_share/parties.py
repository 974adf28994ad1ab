"""Who signs for which side of a gain-share: our operators for us, the customer's people and programs for it."""

from dataclasses import dataclass

from models import Party, Role
from services.api_keys import Principal
from services.errors import Forbidden
from services.sign_in import Member

SIGNING_ROLES = (Role.OWNER, Role.BILLING_ADMIN)
WRITING_SCOPE = "gainshare:write"
PARTY_WORDS = {Party.SELLER: "the seller", Party.CUSTOMER: "the customer"}


@dataclass(frozen=True, slots=True)
class Signer:
    """A person (usr_) or an API key (key_), and the side it acts for."""

    party: Party
    by: str


def signer_of_member(member: Member) -> Signer:
    """Who is signed in, if they may sign. Raises Forbidden for one who may only look."""
    if member.is_operator:
        return Signer(Party.SELLER, member.user_id)
    if member.role not in SIGNING_ROLES:
        raise Forbidden("This needs an owner or a billing admin of your account; ask one of them.")
    return Signer(Party.CUSTOMER, member.user_id)


def sender_of_key(caller: Principal) -> Signer:
    """Whom a key sends figures and files for: an operator's for us, a customer's for the customer, whoever made it."""
    if caller.is_operator:
        return Signer(Party.SELLER, caller.key_id)
    if not caller.may(WRITING_SCOPE):
        raise Forbidden(f"This key lacks the scope {WRITING_SCOPE}; use a key that has it.")
    return Signer(Party.CUSTOMER, caller.key_id)


def signer_of_key(caller: Principal) -> Signer:
    """Whom a key signs for: an operator's for us, a customer's for the customer if one of its owners made it.

    Raises Forbidden for a customer's key of our making: through it our own side would sign for both.
    """
    signer = sender_of_key(caller)
    if signer.party != caller.made_for:
        raise Forbidden(
            "This key was made by the seller, so it signs nothing for the customer: it sends figures and files, and "
            "reads. Have an owner of the account make a key in the portal, under API keys."
        )
    return signer


def check_other_side(signer: Signer, *, party: Party, by: str, what: str) -> None:
    """That who decides is of the other party than who proposed, and not the same person. Raises Forbidden."""
    if signer.party == party or signer.by == by:
        other = Party.CUSTOMER if party == Party.SELLER else Party.SELLER
        raise Forbidden(f"{what} came from {PARTY_WORDS[party]}; only {PARTY_WORDS[other]} can decide on it.")
