"""The customer's subscription on the plans page: how it stands, and cancelling, pausing, resuming, starting again."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.shell import ShellView
from app.components.subscription_card import act_question, subscription_card
from app.pages.frame import open_page
from app.session import answers_refusals, require_role
from models import Role
from services.errors import Conflict, NotFound, SubscriptionConflict, UnknownPlan, Unprocessable
from services.sign_in import Member
from services.subscriptions import questions as subscription_questions
from services.subscriptions import scheduled_changes
from services.subscriptions import views as subscription_views
from services.subscriptions.change_preview import When
from services.subscriptions.questions import NO_ACT, ActQuestion
from services.subscriptions.views import NO_CARD, SubscriptionCard

REFUSALS = (Conflict, NotFound, SubscriptionConflict, UnknownPlan, Unprocessable)


class OwnSubscription(rx.State):
    """The subscription that is looked at, and what is asked about it; `done` says what became of the last question."""

    shell: ShellView = ShellView()
    view: SubscriptionCard = NO_CARD
    asked: ActQuestion = NO_ACT
    asked_refusal: str = ""
    done: str = ""
    may_change: bool = False
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_page(self)
        self.done = ""
        await self._show(member)

    @rx.event
    @answers_refusals
    async def ask(self, act: str, when: str) -> Any:
        """Show what an act means before it is done."""
        member = await self._changing_member()
        if member is None:
            return OwnSubscription.load
        self.asked_refusal = self.done = ""
        try:
            self.asked = await unit_of_work.read(
                subscription_questions.ask_act,
                tenant_id=str(member.tenant_id),
                subscription_id=self.view.id,
                act=str(act),
                when=str(when),
                at=unit_of_work.now(),
            )
        except REFUSALS as refusal:
            self.asked_refusal = refusal.detail
        return None

    @rx.event
    @answers_refusals
    async def put_back(self) -> None:
        """Leave it as it is."""
        await open_page(self)
        self.asked, self.asked_refusal = NO_ACT, ""

    @rx.event
    @answers_refusals
    async def confirm(self) -> Any:
        """Do what was shown, for whom it was shown, and nothing else."""
        member = await self._changing_member()
        if member is None:
            return OwnSubscription.load
        if self.asked.act == "":
            return None
        self.asked_refusal = ""
        try:
            done = await unit_of_work.run(
                subscription_questions.carry_out,
                tenant_id=str(member.tenant_id),
                asked=self.asked,
                by=member.user_id,
                at=unit_of_work.now(),
            )
        except REFUSALS as refusal:
            self.asked_refusal = refusal.detail
            return None
        self.done = done
        await self._show(member)
        return None

    @rx.event
    @answers_refusals
    async def withdraw(self) -> Any:
        """Let it go on as it is: what is scheduled does not happen."""
        member = await self._changing_member()
        if member is None:
            return OwnSubscription.load
        self.asked_refusal = self.done = ""
        try:
            await unit_of_work.run(
                scheduled_changes.withdraw_change,
                tenant_id=str(member.tenant_id),
                subscription_id=self.view.id,
                at=unit_of_work.now(),
            )
        except REFUSALS as refusal:
            self.asked_refusal = refusal.detail
            return None
        self.done = "Withdrawn: your subscription goes on as it is."
        await self._show(member)
        return None

    async def _changing_member(self) -> Member | None:
        """Who may change it; None where what was looked at was another customer's. Raises Forbidden."""
        member = await open_page(self)
        require_role(member, Role.BILLING_ADMIN)
        return member if self.loaded and self.view.id else None

    async def _show(self, member: Member) -> None:
        self.asked, self.asked_refusal = NO_ACT, ""
        self.may_change = member.is_operator or member.role in (Role.BILLING_ADMIN, Role.OWNER)
        self.view = await unit_of_work.read(
            subscription_views.read_card,
            tenant_id=str(member.tenant_id),
            subscription_id=member.subscription_id,
            at=unit_of_work.now(),
        )
        self.loaded = True


def card(*, after: list[Any]) -> rx.Component:
    """The card in its place; `after` reads anew what a withdrawal alters."""
    return subscription_card(OwnSubscription, when=When.PERIOD_END.value, after=after)


def question(*, after: list[Any]) -> rx.Component:
    """The question in the place of the plans; `after` reads anew what an act alters."""
    return act_question(OwnSubscription, after=after)
