"""The question before a plan is started, the first one or another beside it: its own state, beside the plans."""

from collections.abc import AsyncIterator
from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.address import leave_for
from app.components.shell import ShellView
from app.pages.frame import open_page
from app.routes import BY_NAME
from app.session import answers_refusals, require_role, token_in
from models import Role
from models.base import ID_MAX
from models.subscription import SUBSCRIPTION_NAME_MAX
from models.usage import SITE_MAX
from services import sign_in
from services.errors import (
    Conflict,
    NotFound,
    ProviderRefused,
    ProviderUnavailable,
    SubscriptionConflict,
    UnknownPlan,
    Unprocessable,
)
from services.payments import checkout_views, standing_views
from services.sign_in import Member
from services.subscriptions import adding as added_subscriptions
from services.subscriptions import plan_starts
from services.subscriptions.adding import NO_ADD_FORM, AddForm
from services.subscriptions.plan_starts import NOTHING_ASKED, StartView

REFUSALS = (Conflict, NotFound, SubscriptionConflict, UnknownPlan, Unprocessable)
CODE_MAX = 130


class PlanStart(rx.State):
    """The plan it is asked about whether to start it; `form` chooses that of another subscription."""

    shell: ShellView = ShellView()
    asked: StartView = NOTHING_ASKED
    asked_refusal: str = ""
    form: AddForm = NO_ADD_FORM
    form_refusal: str = ""
    is_paid_by_card: bool = False
    is_opening: bool = False
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        await open_page(self)
        self._close()
        self.loaded = True

    @rx.event
    @answers_refusals
    async def ask(self, plan_code: str, interval: str, terms: str = "", name: str = "", site: str = "") -> Any:
        """Show what starting a plan means before it is started."""
        member = await self._starting_member()
        if member is None:
            return PlanStart.load  # what was looked at were another customer's plans
        self.asked_refusal, self.is_opening = "", False
        try:
            self.asked = await self._preview(
                member,
                plan_code=str(plan_code)[:CODE_MAX],
                interval=str(interval),
                terms=str(terms)[:ID_MAX],
                name=str(name)[:SUBSCRIPTION_NAME_MAX],
                site=str(site)[:SITE_MAX],
            )
        except REFUSALS as refusal:
            self.asked_refusal = refusal.detail
            return None
        self.is_paid_by_card = self.asked.is_by_card
        return None

    @rx.event
    @answers_refusals
    async def add(self) -> Any:
        """Open the form for another subscription."""
        member = await self._starting_member()
        if member is None:
            return PlanStart.load
        self._close()
        self.form = await unit_of_work.read(
            added_subscriptions.read_add_form,
            tenant_id=str(member.tenant_id),
            subscription_id=member.subscription_id,
            at=unit_of_work.now(),
        )
        return None

    @rx.event
    @answers_refusals
    async def ask_added(self, form: dict[str, Any]) -> Any:
        """Show what the subscription of the form means before it is started."""
        member = await self._starting_member()
        if member is None or not self.form.plans:
            return None if self.loaded else PlanStart.load
        self.form_refusal = ""
        try:
            wanted = added_subscriptions.read_added(self.form, form)
            self.asked = await self._preview(
                member,
                plan_code=wanted.plan_code,
                interval=NOTHING_ASKED.interval,
                terms=wanted.terms,
                name=wanted.name,
                site=wanted.site,
            )
        except REFUSALS as refusal:
            self.form_refusal = refusal.detail
            return None
        self.is_paid_by_card = self.asked.is_by_card
        return None

    @rx.event
    @answers_refusals
    async def put_back(self) -> None:
        """Look at the plans again."""
        await open_page(self)
        self._close()

    @rx.event
    @answers_refusals
    async def start(self) -> Any:
        """Start what was shown, for whom it was shown, and nothing else; what is paid by card is paid first."""
        member = await self._starting_member()
        if member is None:
            return PlanStart.load
        if self.asked.version_id == "":
            return None
        if self.asked.is_by_card and has_payment_page(member):
            return PlanStart.pay
        try:
            started_id = await unit_of_work.run(
                plan_starts.start_asked,
                tenant_id=str(member.tenant_id),
                asked=self.asked,
                by_card=has_payment_page(member),
                at=unit_of_work.now(),
            )
        except REFUSALS as refusal:
            self.asked_refusal = refusal.detail
            return None
        self._close()
        await unit_of_work.run(
            sign_in.choose_subscription,
            cookie_token=token_in(self.router.headers.cookie),
            subscription_id=started_id,
            at=unit_of_work.now(),
        )
        return rx.redirect(BY_NAME["overview"].href)

    @rx.event
    @answers_refusals
    async def pay(self) -> AsyncIterator[Any]:
        """Leave for the payment page of what was shown; nothing is bought before it is paid there."""
        member = await self._starting_member()
        if member is None:
            yield PlanStart.load
            return
        if not self.asked.is_by_card or not has_payment_page(member):
            return
        self.asked_refusal, self.is_opening = "", True
        yield
        try:
            yield leave_for(await _payment_page(member, self.asked))
        except (*REFUSALS, ProviderRefused, ProviderUnavailable) as refusal:
            self.asked_refusal = refusal.detail
        self.is_opening = False

    async def _starting_member(self) -> Member | None:
        """Who may start a plan; None where what was looked at was another customer's. Raises Forbidden."""
        member = await open_page(self)
        require_role(member, Role.BILLING_ADMIN)
        return member if self.loaded else None

    async def _preview(self, member: Member, **wanted: str) -> StartView:
        return await unit_of_work.read(
            plan_starts.preview_start,
            tenant_id=str(member.tenant_id),
            at=unit_of_work.now(),
            by_card=has_payment_page(member),
            **wanted,
        )

    def _close(self) -> None:
        self.asked, self.asked_refusal, self.is_paid_by_card, self.is_opening = NOTHING_ASKED, "", False, False
        self.form, self.form_refusal = NO_ADD_FORM, ""


def has_payment_page(member: Member) -> bool:
    """Customers pay on the hosted page where there is one; people of ours start a plan that is invoiced."""
    return standing_views.account_in_use() != "" and not member.is_operator


async def _payment_page(member: Member, asked: StartView) -> str:
    """The address of the hosted page for what was asked. Raises Conflict, Unprocessable and the provider's refusals."""
    from app import checkout  # noqa: PLC0415 — the provider's package takes a while to load; pages need not wait

    tenant_id = str(member.tenant_id)
    checkout_id = await unit_of_work.run(
        checkout_views.begin_checkout,
        tenant_id=tenant_id,
        plan_code=asked.plan_code,
        interval=asked.interval,
        version_id=asked.version_id,
        name=asked.name,
        site=asked.site or None,
        account=standing_views.account_in_use(),
        at=unit_of_work.now(),
    )
    opened = await checkout.open_checkout(tenant_id=tenant_id, checkout_id=checkout_id, email=member.email)
    if opened.url is None:
        raise ProviderUnavailable("The payment provider opened no page. Nothing was bought; try again.")
    return opened.url
