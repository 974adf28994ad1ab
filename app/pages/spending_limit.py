"""The spending limit's own state: a card of the overview that is read and changed apart from the rest of the page."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.shell import ShellView
from app.components.spending_limit import spending_limit_card
from app.pages.frame import open_page
from app.session import answers_refusals, require_role
from models import Role
from services.errors import Unprocessable
from services.sign_in import Member
from services.spending import controls as spend_controls
from services.spending import views as spending_views
from services.spending.views import NO_SPENDING, NOTHING_ASKED, CapQuestion, SpendingView

EDITED = ("cap", "thresholds")


class SpendingLimit(rx.State):
    """The limits as they are, which of them is being changed, and what was asked about it."""

    shell: ShellView = ShellView()
    view: SpendingView = NO_SPENDING
    asked: CapQuestion = NOTHING_ASKED
    editing: str = ""
    problem: str = ""
    may_change: bool = False
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        await self._show(await open_page(self))

    @rx.event
    @answers_refusals
    async def edit(self, what: str) -> Any:
        """Open one of the two forms."""
        if await self._changing_member() is None:
            return SpendingLimit.load
        self._put_back()
        self.editing = what if what in EDITED else ""
        return None

    @rx.event
    @answers_refusals
    async def put_back(self) -> None:
        """Leave everything as it is."""
        await open_page(self)
        self._put_back()

    @rx.event
    @answers_refusals
    async def save_cap(self, form: dict[str, Any]) -> Any:
        """Set the limit that was typed; one below what is spent is asked about first."""
        member = await self._changing_member()
        if member is None:
            return SpendingLimit.load
        self.editing, self.problem, self.asked = "cap", "", NOTHING_ASKED
        try:
            asked = await unit_of_work.read(
                spending_views.ask_cap,
                tenant_id=str(member.tenant_id),
                subscription_id=member.subscription_id,
                typed=str(form.get("cap", "")),
            )
        except Unprocessable as refusal:
            self.problem = refusal.detail
            return None
        if asked.warning:
            self.asked = asked
            return None
        return await self._set_cap(member, asked.cap)

    @rx.event
    @answers_refusals
    async def confirm_cap(self) -> Any:
        """Set the limit that was asked about, for whom it was asked, and nothing else."""
        member = await self._changing_member()
        if member is None:
            return SpendingLimit.load
        return await self._set_cap(member, self.asked.cap) if self.asked.cap else None

    @rx.event
    @answers_refusals
    async def remove_cap(self) -> Any:
        member = await self._changing_member()
        if member is None:
            return SpendingLimit.load
        return await self._set_cap(member, None)

    @rx.event
    @answers_refusals
    async def save_thresholds(self, form: dict[str, Any]) -> Any:
        """Be told at the percentages that were typed."""
        member = await self._changing_member()
        if member is None:
            return SpendingLimit.load
        self.editing, self.problem = "thresholds", ""
        try:
            await unit_of_work.run(
                spend_controls.set_alert_thresholds,
                tenant_id=str(member.tenant_id),
                subscription_id=member.subscription_id,
                thresholds_pct=spending_views.read_thresholds(str(form.get("thresholds", ""))),
                by=member.user_id,
                at=unit_of_work.now(),
            )
        except Unprocessable as refusal:
            self.problem = refusal.detail
            return None
        await self._show(member)
        return rx.toast.success("Alerts changed")

    async def _changing_member(self) -> Member | None:
        """Who may change the limits; None where what was looked at were another customer's. Raises Forbidden."""
        member = await open_page(self)
        require_role(member, Role.BILLING_ADMIN)
        return member if self.loaded else None

    async def _set_cap(self, member: Member, cap: str | None) -> Any:
        await unit_of_work.run(
            spend_controls.set_spend_cap,
            tenant_id=str(member.tenant_id),
            subscription_id=member.subscription_id,
            cap=cap,
            by=member.user_id,
            at=unit_of_work.now(),
        )
        await self._show(member)
        return rx.toast.success("Limit removed" if cap is None else "Limit set")

    async def _show(self, member: Member) -> None:
        self._put_back()
        self.may_change = member.is_operator or member.role in (Role.BILLING_ADMIN, Role.OWNER)
        self.view = await unit_of_work.read(
            spending_views.read_spending, tenant_id=str(member.tenant_id), subscription_id=member.subscription_id
        )
        self.loaded = True

    def _put_back(self) -> None:
        self.editing, self.problem, self.asked = "", "", NOTHING_ASKED


def card() -> rx.Component:
    """The card in its place on the page."""
    names = ("edit", "put_back", "save_cap", "confirm_cap", "remove_cap", "save_thresholds")
    return spending_limit_card(SpendingLimit, {name: getattr(SpendingLimit, name) for name in names})
