"""Who is signed in: the first line of every event handler.

Every method of a State that can be called from a browser starts with `member = await signed_in_member(self)` and is
wrapped by `@answers_refusals`, which turns what is refused into a redirect or a sentence on the page.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

import reflex as rx

from app import unit_of_work
from app.routes import BY_NAME
from models import Role
from services import sign_in
from services.errors import Forbidden, NotSignedIn, Refusal
from services.settings import settings
from services.sign_in import Member

COOKIE: Final = "tallystick_session"
SECURE_COOKIE: Final = "__Host-tallystick_session"
"""Over TLS: browsers accept the name only from us, over TLS, for the whole site."""

NEXT_MAX: Final = 512
_RANK: Final = {Role.VIEWER: 0, Role.BILLING_ADMIN: 1, Role.OWNER: 2}


class NoCustomerChosen(Forbidden):
    """An operator who has not chosen a customer yet, or a person who belongs to none."""

    code = "no_customer_chosen"


def cookie_name() -> str:
    """What the session cookie is called here."""
    return SECURE_COOKIE if settings().cookies_are_secure else COOKIE


def token_in(cookie_header: str | None) -> str:
    """The session token in a Cookie header; "" where there is none."""
    wanted = cookie_name()
    for part in (cookie_header or "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == wanted:
            return value.strip('"')[: sign_in.COOKIE_MAX]
    return ""


async def signed_in_person(state: Any) -> Member:
    """Who is signed in, with or without a customer to look at. Raises NotSignedIn."""
    token = token_in(state.router.headers.cookie)
    if not token:
        raise NotSignedIn(sign_in.NOT_SIGNED_IN)
    return await unit_of_work.read(sign_in.read_member, cookie_token=token, at=unit_of_work.now())


async def signed_in_member(state: Any) -> Member:
    """Who is signed in and for which customer; `tenant_id` is never None.

    Raises NotSignedIn, and NoCustomerChosen where there is no customer to show.
    """
    member = await signed_in_person(state)
    if member.tenant_id is None:
        raise NoCustomerChosen(
            "Choose a customer first." if member.is_operator else "You do not belong to a customer any more.",
            is_operator=member.is_operator,
        )
    return member


async def signed_in_operator(state: Any) -> Member:
    """Somebody of our own side. Raises NotSignedIn and Forbidden."""
    member = await signed_in_person(state)
    if not member.is_operator:
        raise Forbidden("Only operators can see this page.")
    return member


def require_role(member: Member, role: Role) -> None:
    """Refuse a member below `role` (viewer, billing admin, owner). Operators may do all. Raises Forbidden."""
    if member.is_operator:
        return
    if member.role is None or _RANK[member.role] < _RANK[role]:
        raise Forbidden(f"This needs the role of {role.value.replace('_', ' ')}; ask the owner of your account.")


def answers_refusals(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap an event handler: nobody signed in goes to sign in, no customer goes to the list of them.

    Any other refusal is worded on the page, in the State's `refusal` where it has one, else as a toast. Works for
    `async def` handlers that return and for those that yield.
    """
    if inspect.isasyncgenfunction(handler):

        @functools.wraps(handler)
        async def yielding(self: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                async for update in handler(self, *args, **kwargs):
                    yield update
            except Refusal as refusal:
                yield _answer(self, refusal)

        return yielding

    @functools.wraps(handler)
    async def returning(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return await handler(self, *args, **kwargs)
        except Refusal as refusal:
            return _answer(self, refusal)

    return returning


def _answer(state: Any, refusal: Refusal) -> Any:
    if isinstance(refusal, NotSignedIn):
        return rx.redirect(sign_in_address(state.router.url.path, ended=bool(token_in(state.router.headers.cookie))))
    if isinstance(refusal, NoCustomerChosen):
        return rx.redirect(BY_NAME["admin" if refusal.members["is_operator"] else "sign_in"].href)
    if hasattr(state, "refusal"):
        state.refusal = refusal.detail
        return None
    return rx.toast.error(refusal.detail)


def sign_in_address(next_path: str = "", *, ended: bool = False) -> str:
    """The sign-in page, which leads back to `next_path`."""
    parts = ["ended=expired"] if ended else []
    if is_local(next_path) and next_path != "/":
        parts.append(f"next={quote(next_path, safe='/')}")
    return BY_NAME["sign_in"].href + (f"?{'&'.join(parts)}" if parts else "")


def is_local(address: str) -> bool:
    """Whether an address stays on this site whatever a browser makes of it."""
    return (
        0 < len(address) <= NEXT_MAX
        and address.startswith("/")
        and not address.startswith("//")
        and "\\" not in address
        and address.isascii()
        and address.isprintable()
    )
