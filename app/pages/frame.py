"""What every signed-in page shares: who is in the frame, and the switch between loading, refused and shown.

A page's State has `shell: ShellView`, `loaded: bool`, `refusal: str` and a `view` of its own. Its `load` begins with
`member = await open_page(self)` and ends with `self.loaded = True`; its `page()` is `page_body("name", TheState, ...)`.
"""

from dataclasses import replace
from typing import Any, Final

import reflex as rx

from app import unit_of_work
from app.components.forms import button_link
from app.components.payment_notice import payment_notice
from app.components.shell import ShellView, shell
from app.components.states import page_states
from app.pages.sandbox import sandbox_banner
from app.pages.subscription_picker import subscription_picker as picked_by
from app.routes import BY_NAME
from app.session import signed_in_member, signed_in_operator, signed_in_person
from models import Role
from services.errors import Forbidden, NotSignedIn
from services.payments import standing_views
from services.payments.standing_views import NO_NOTICE
from services.sign_in import Member
from services.subscriptions import picker as subscription_picker

OF_ONE_SUBSCRIPTION: Final = frozenset({"overview", "usage", "plans", "invoices"})
"""Pages that are about one of the customer's subscriptions at a time."""

ROLES: Final = {Role.VIEWER: "Viewer", Role.BILLING_ADMIN: "Billing admin", Role.OWNER: "Owner"}


def shell_view(member: Member) -> ShellView:
    """What the frame says about a member, or about an operator with or without a customer."""
    return ShellView(
        tenant_name=member.tenant_name or ("All customers" if member.is_operator else ""),
        member_email=member.email,
        role="Operator" if member.is_operator else ROLES[member.role] if member.role else "",
        is_operator=member.is_operator,
        acting_as=member.tenant_name if member.is_operator else "",
        subscription_id=member.subscription_id or "",
    )


async def open_page(state: Any) -> Member:
    """Who is signed in and for which customer, put in the frame. Raises NotSignedIn and NoCustomerChosen.

    What the State still holds for somebody else, or for another customer or subscription, is forgotten.
    """
    member = await _open(state, signed_in_member)
    notice = await unit_of_work.read(
        standing_views.read_notice,
        tenant_id=str(member.tenant_id),
        timezone=member.timezone,
        at=unit_of_work.now(),
    )
    choices = await unit_of_work.read(subscription_picker.list_choices, tenant_id=str(member.tenant_id))
    state.shell = replace(state.shell, payment=notice, subscriptions=choices)
    return member


async def open_operator_page(state: Any) -> Member:
    """The same for pages of our own side. Raises NotSignedIn and Forbidden."""
    return await _open(state, signed_in_operator)


async def _open(state: Any, identify: Any) -> Member:
    try:
        member: Member = await identify(state)
    except NotSignedIn:
        state.reset()
        raise
    except Forbidden:
        state.reset()
        state.shell = shell_view(await signed_in_person(state))
        raise
    shown = shell_view(member)
    if replace(state.shell, payment=NO_NOTICE, subscriptions=()) != shown:
        state.reset()
        state.shell = shown
    state.refusal = ""
    return member


def page_body(route_name: str, state: Any, *children: Any, skeleton: rx.Component | None = None) -> rx.Component:
    """The page `route_name` in the frame: a skeleton until `state.loaded`, the refusal where there is one."""
    picker = picked_by(state.shell) if route_name in OF_ONE_SUBSCRIPTION else rx.fragment()
    content = page_states(
        rx.fragment(picker, *children),
        is_loading=~state.loaded & (state.refusal == ""),
        refused=state.refusal,
        skeleton=skeleton,
        action=None if route_name == "overview" else _way_back(state),
    )
    return shell(
        route_name, state.shell, content, banner=rx.fragment(sandbox_banner(), payment_notice(state.shell.payment))
    )


def _way_back(state: Any) -> rx.Component:
    return rx.cond(
        state.shell.tenant_name == "",
        rx.fragment(),
        button_link("Go to the overview", href=BY_NAME["overview"].href),
    )
