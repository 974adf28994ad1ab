"""What is paid with, and the way to the payment provider's own page for cards and billing details."""

from collections.abc import AsyncIterator
from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.address import leave_for
from app.components.cards import notice
from app.components.forms import button
from app.components.shell import ShellView
from app.pages.frame import open_page
from app.session import answers_refusals, require_role
from models import Role
from services.errors import Conflict, ProviderRefused, ProviderUnavailable
from services.payments import standing_views
from services.payments.standing_views import NO_METHOD, MethodView
from services.sign_in import Member

SMALL = {"fontSize": "var(--text-sm)"}


class BillingPortal(rx.State):
    """The card on file, and whether the one who looks may change it."""

    shell: ShellView = ShellView()
    method: MethodView = NO_METHOD
    may_manage: bool = False
    is_opening: bool = False
    problem: str = ""
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_page(self)
        self.problem, self.is_opening = "", False
        self.method = await unit_of_work.read(
            standing_views.read_method,
            tenant_id=str(member.tenant_id),
            account=standing_views.account_in_use(),
        )
        self.may_manage = self.method.is_known and _may_manage(member)

    @rx.event
    @answers_refusals
    async def manage_cards(self) -> AsyncIterator[Any]:
        """Leave for the provider's page; it leads back to the invoices."""
        member = await open_page(self)
        require_role(member, Role.BILLING_ADMIN)
        self.problem, self.is_opening = "", True
        yield
        try:
            yield leave_for(await _portal_page(member))
        except (Conflict, ProviderRefused, ProviderUnavailable) as refusal:
            self.problem = refusal.detail
        self.is_opening = False


def _may_manage(member: Member) -> bool:
    return member.is_operator or member.role in (Role.BILLING_ADMIN, Role.OWNER)


async def _portal_page(member: Member) -> str:
    from app import checkout  # noqa: PLC0415 — the provider's package takes a while to load; pages need not wait

    return await checkout.open_portal(tenant_id=str(member.tenant_id))


def manage_cards_button() -> rx.Component:
    """For those who may; nothing for others, and nothing where nothing was ever bought."""
    opener = button(
        rx.cond(BillingPortal.is_opening, "Opening …", "Manage cards and billing details"),
        icon="credit_card",
        disabled=BillingPortal.is_opening,
        on_click=BillingPortal.manage_cards,
    )
    return rx.cond(BillingPortal.may_manage, opener, rx.fragment())


def portal_problem() -> rx.Component:
    """Why the page could not be opened."""
    return rx.cond(BillingPortal.problem != "", notice("bad", BillingPortal.problem), rx.fragment())
