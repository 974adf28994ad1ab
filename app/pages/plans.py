"""Plans: the tiers side by side, what a credit buys, and the steps onto a plan and from one to another."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.added_subscription import added_subscription
from app.components.cards import notice
from app.components.layout import page_header
from app.components.plan_question import plan_question
from app.components.plan_tiers import TIERS, credit_guide, own_offers, tiers
from app.components.shell import ShellView
from app.components.states import skeleton_card, skeleton_line
from app.pages import own_subscription, plan_change
from app.pages.frame import open_page, page_body
from app.pages.own_subscription import OwnSubscription
from app.pages.plan_change import PlanChange
from app.pages.plan_start import PlanStart, has_payment_page
from app.session import answers_refusals
from models import Role
from services.subscriptions import own_offers as offers_apart
from services.subscriptions import plan_offers
from services.subscriptions.own_offers import OwnOffer
from services.subscriptions.plan_offers import EMPTY_OFFERS, OffersView


class PlansPage(rx.State):
    """The book as this customer sees it, and what is offered to it alone."""

    shell: ShellView = ShellView()
    view: OffersView = EMPTY_OFFERS
    own_offers: tuple[OwnOffer, ...] = ()
    may_start: bool = False
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_page(self)
        self.may_start = member.is_operator or member.role in (Role.BILLING_ADMIN, Role.OWNER)
        asked = {
            "tenant_id": str(member.tenant_id),
            "subscription_id": member.subscription_id,
            "at": unit_of_work.now(),
        }
        self.view = await unit_of_work.read(
            plan_offers.read_offers, **asked, by_card=has_payment_page(member), may_choose=self.may_start
        )
        self.own_offers = await unit_of_work.read(offers_apart.read_own_offers, **asked)
        self.loaded = True


ON_LOAD = [PlansPage.load, OwnSubscription.load, PlanChange.load, PlanStart.load]


def page() -> rx.Component:
    """The plans, or what is asked: whether to start one, to change to one, or to end or rest the one there is."""
    started: Any = PlanStart.asked
    changed: Any = PlanChange.asked
    act: Any = OwnSubscription.asked
    shown = rx.cond(
        started.version_id != "",
        plan_question(PlanStart),
        rx.cond(
            changed.plan_code != "",
            plan_change.question(after=[PlansPage.load, OwnSubscription.load]),
            rx.cond(act.act != "", own_subscription.question(after=[PlansPage.load, PlanChange.load]), _plans()),
        ),
    )
    return page_body("plans", PlansPage, shown, skeleton=_skeleton())


def _plans() -> rx.Component:
    view: Any = PlansPage.view
    steps = {"may": PlansPage.may_start, "start": PlanStart.ask, "change": PlanChange.ask}
    return rx.fragment(
        page_header("Plans", view.how_to_change),
        *[
            rx.cond(said != "", notice(tone, said), rx.fragment())
            for tone, said in (
                ("good", PlanChange.done),
                ("good", OwnSubscription.done),
                ("bad", PlanChange.asked_refusal),
                ("bad", PlanStart.asked_refusal),
                ("note", rx.cond(view.refused == OwnSubscription.view.refused, "", view.refused)),
            )
        ],
        own_subscription.card(after=[PlansPage.load, PlanChange.load]),
        own_offers(PlansPage.own_offers, contracts=True, **steps),
        tiers(view, **steps),
        own_offers(PlansPage.own_offers, contracts=False, **steps),
        credit_guide(view),
        rx.cond(view.has_subscription & PlansPage.may_start, added_subscription(PlanStart), rx.fragment()),
    )


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("8rem", "1.75rem"), skeleton_line("24rem"), class_name="stack skeleton-head"),
        rx.el.div(*[skeleton_card(12) for _ in range(3)], style=TIERS),
        skeleton_card(6),
    )
