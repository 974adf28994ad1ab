"""The question before a plan is changed: its own state, beside the plans that ask it."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.plan_change import change_question
from app.components.shell import ShellView
from app.pages.frame import open_page
from app.session import answers_refusals, require_role
from models import Role
from models.base import ID_MAX
from services.errors import Conflict, NotFound, SubscriptionConflict, UnknownPlan, Unprocessable
from services.sign_in import Member
from services.subscriptions import change_views
from services.subscriptions.change_views import NOTHING_TO_CHANGE, ChangeQuestion

REFUSALS = (Conflict, NotFound, SubscriptionConflict, UnknownPlan, Unprocessable)
CODE_MAX = 130


class PlanChange(rx.State):
    """The change that was asked for, and for which subscription; `done` says what became of the last one."""

    shell: ShellView = ShellView()
    asked: ChangeQuestion = NOTHING_TO_CHANGE
    asked_refusal: str = ""
    done: str = ""
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        await open_page(self)
        self.asked, self.asked_refusal, self.done, self.loaded = NOTHING_TO_CHANGE, "", "", True

    @rx.event
    @answers_refusals
    async def ask(self, plan_code: str, interval: str, when: str, terms: str = "") -> Any:
        """Show what a change means before it is made."""
        member = await self._changing_member()
        if member is None:
            return PlanChange.load
        self.asked_refusal = self.done = ""
        try:
            self.asked = await unit_of_work.read(
                change_views.ask_change,
                tenant_id=str(member.tenant_id),
                subscription_id=member.subscription_id,
                plan_code=str(plan_code)[:CODE_MAX],
                interval=str(interval),
                when=str(when),
                terms=str(terms)[:ID_MAX],
                at=unit_of_work.now(),
            )
        except REFUSALS as refusal:
            self.asked_refusal = refusal.detail
        return None

    @rx.event
    @answers_refusals
    async def put_back(self) -> None:
        """Look at the plans again."""
        await open_page(self)
        self.asked, self.asked_refusal = NOTHING_TO_CHANGE, ""

    @rx.event
    @answers_refusals
    async def confirm(self) -> Any:
        """Make the change that was shown, for whom it was shown, and nothing else."""
        member = await self._changing_member()
        if member is None:
            return PlanChange.load
        if self.asked.plan_code == "":
            return None
        self.asked_refusal = ""
        try:
            self.done = await unit_of_work.run(
                change_views.make_change,
                tenant_id=str(member.tenant_id),
                subscription_id=member.subscription_id,
                asked=self.asked,
                by=member.user_id,
                at=unit_of_work.now(),
            )
        except REFUSALS as refusal:
            self.asked_refusal = refusal.detail
            return None
        self.asked = NOTHING_TO_CHANGE
        return None

    async def _changing_member(self) -> Member | None:
        """Who may change the plan; None where what was looked at was another customer's. Raises Forbidden."""
        member = await open_page(self)
        require_role(member, Role.BILLING_ADMIN)
        return member if self.loaded else None


def question(*, after: list[Any]) -> rx.Component:
    """The question in the place of the plans; `after` reads anew what a change alters."""
    return change_question(PlanChange, after=after)
