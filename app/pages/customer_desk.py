"""The first line of every handler of our own side that is about one customer: the one the operator looks at."""

from collections.abc import Callable
from typing import Any

from app import unit_of_work
from app.pages.frame import open_page
from app.session import signed_in_operator, token_in
from services import sign_in
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


async def look_at_its_customer(state: Any, whose: Callable[..., str | None], subject_id: str) -> None:
    """Have the operator look at the customer whose thing the address names, as a letter or a bookmark may lead there.

    `whose` is a use case that finds the customer's id. What nobody has changes nothing. Raises NotSignedIn, Forbidden.
    """
    operator = await signed_in_operator(state)
    tenant_id = await unit_of_work.read(whose, subject_id=subject_id)
    if tenant_id is None or tenant_id == operator.tenant_id:
        return
    token = token_in(state.router.headers.cookie)
    chosen = unit_of_work.by_our_time(
        sign_in.choose_tenant, cookie_token=token, tenant_id=tenant_id, at=unit_of_work.now()
    )
    await unit_of_work.run(chosen)


def typed_of(form: Any, characters_max: int, fields_max: int = 60) -> dict[str, str]:
    """The fields of a form as text of bounded length; anybody may have sent them."""
    sent = form if isinstance(form, dict) else {}
    return {str(name)[:80]: str(value)[:characters_max] for name, value in list(sent.items())[:fields_max]}
