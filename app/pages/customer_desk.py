"""The first line of every handler of our own side that is about one customer: the one the operator looks at."""

from typing import Any

from app.pages.frame import open_page
from services.errors import Forbidden
from services.sign_in import Member


async def open_desk(state: Any) -> Member:
    """The operator who is signed in, with a customer. Raises NotSignedIn, NoCustomerChosen and Forbidden.

    What the State holds for another customer is forgotten.
    """
    member = await open_page(state)
    if not member.is_operator:
        raise Forbidden("Only operators can see this page.")
    return member


def typed_of(form: Any, characters_max: int, fields_max: int = 60) -> dict[str, str]:
    """The fields of a form as text of bounded length; anybody may have sent them."""
    sent = form if isinstance(form, dict) else {}
    return {str(name)[:80]: str(value)[:characters_max] for name, value in list(sent.items())[:fields_max]}
