"""Plans: the tiers side by side, what a credit buys, and the steps onto a plan and from one to another."""

from collections.abc import AsyncIterator
from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.address import leave_for
from app.components.badges import badge
from app.components.cards import notice, section_card
from app.components.forms import button
from app.components.layout import muted, page_header, stack
from app.components.plan_question import plan_question
from app.components.shell import ShellView
from app.components.states import skeleton_card, skeleton_line
from app.components.tables import Column, data_table
from app.pages import own_subscription, plan_change
from app.pages.frame import open_page, page_body
from app.pages.own_subscription import OwnSubscription
from app.pages.plan_change import PlanChange
from app.routes import BY_NAME
from app.session import answers_refusals, require_role, signed_in_member
from models import Interval, Role
from services import plan_offers, plan_starts
from services.errors import Conflict, ProviderRefused, ProviderUnavailable, Unprocessable
from services.payments import checkout_views, standing_views
from services.plan_offers import EMPTY_OFFERS, OffersView
from services.plan_starts import NOTHING_ASKED, StartView
from services.sign_in import Member

TIERS = {"display": "grid", "gap": "var(--space-4)", "gridTemplateColumns": "repeat(auto-fit, minmax(15.5rem, 1fr))"}
TIER = {
    "display": "grid",
    "gridTemplateRows": "subgrid",
    "gridRow": "span 5",
    "rowGap": "var(--space-4)",
    "padding": "var(--space-5)",
}
MARKED_TIER = {"borderColor": "var(--c-accent)", "boxShadow": "inset 0 0 0 1px var(--c-accent)"}
SMALL = {"fontSize": "var(--text-sm)"}
FEATURES = {**SMALL, "listStyle": "none", "display": "flex", "flexDirection": "column", "gap": "var(--space-2)"}


class PlansPage(rx.State):
    """The book as this customer sees it, and the plan it is being asked whether to start."""

    shell: ShellView = ShellView()
    view: OffersView = EMPTY_OFFERS
    asked: StartView = NOTHING_ASKED
    asked_refusal: str = ""
    may_start: bool = False
    is_paid_by_card: bool = False
    is_opening: bool = False
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_page(self)
        self.asked, self.asked_refusal, self.is_opening = NOTHING_ASKED, "", False
        self.may_start = member.is_operator or member.role in (Role.BILLING_ADMIN, Role.OWNER)
        self.view = await unit_of_work.read(
            plan_offers.read_offers,
            tenant_id=str(member.tenant_id),
            subscription_id=member.subscription_id,
            at=unit_of_work.now(),
            by_card=_pays_by_card(member),
            may_choose=self.may_start,
        )
        self.loaded = True

    @rx.event
    @answers_refusals
    async def ask(self, plan_code: str, interval: str) -> Any:
        """Show what starting a plan means before it is started."""
        member = await open_page(self)
        require_role(member, Role.BILLING_ADMIN)
        if not self.loaded:
            return PlansPage.load  # what was looked at were another customer's plans
        self.asked_refusal, self.is_opening = "", False
        self.asked = await unit_of_work.read(
            plan_starts.preview_start,
            tenant_id=str(member.tenant_id),
            plan_code=plan_code,
            interval=interval,
            at=unit_of_work.now(),
            by_card=_pays_by_card(member),
        )
        self.is_paid_by_card = self.asked.has_fee and _pays_by_card(member)
        return None

    @rx.event
    @answers_refusals
    async def put_back(self) -> None:
        """Look at the plans again."""
        await signed_in_member(self)
        self.asked, self.asked_refusal, self.is_opening = NOTHING_ASKED, "", False

    @rx.event
    @answers_refusals
    async def start(self) -> Any:
        """Start what was shown, for whom it was shown, and nothing else; what is paid by card is paid first."""
        member = await open_page(self)
        require_role(member, Role.BILLING_ADMIN)
        if self.asked.plan_code == "":
            return None if self.loaded else PlansPage.load
        if self.asked.has_fee and _pays_by_card(member):
            return PlansPage.pay
        try:
            await unit_of_work.run(
                plan_starts.start_plan,
                tenant_id=str(member.tenant_id),
                plan_code=self.asked.plan_code,
                interval=self.asked.interval,
                version_id=self.asked.version_id,
                at=unit_of_work.now(),
            )
        except (Conflict, Unprocessable) as refusal:
            self.asked_refusal = refusal.detail
            return None
        self.asked = NOTHING_ASKED
        return rx.redirect(BY_NAME["overview"].href)

    @rx.event
    @answers_refusals
    async def pay(self) -> AsyncIterator[Any]:
        """Leave for the payment page of what was shown; nothing is bought before it is paid there."""
        member = await open_page(self)
        require_role(member, Role.BILLING_ADMIN)
        if self.asked.plan_code == "" or not _pays_by_card(member):
            yield None if self.loaded else PlansPage.load
            return
        self.asked_refusal, self.is_opening = "", True
        yield
        try:
            yield leave_for(await _payment_page(member, self.asked))
        except (Conflict, Unprocessable, ProviderRefused, ProviderUnavailable) as refusal:
            self.asked_refusal = refusal.detail
        self.is_opening = False


def _pays_by_card(member: Member) -> bool:
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
        account=standing_views.account_in_use(),
        at=unit_of_work.now(),
    )
    opened = await checkout.open_checkout(tenant_id=tenant_id, checkout_id=checkout_id, email=member.email)
    if opened.url is None:
        raise ProviderUnavailable("The payment provider opened no page. Nothing was bought; try again.")
    return opened.url


ON_LOAD = [PlansPage.load, OwnSubscription.load, PlanChange.load]


def page() -> rx.Component:
    """The plans, or what is asked: whether to start one, to change to one, or to end or rest the one there is."""
    view: Any = PlansPage.view
    asked: Any = PlansPage.asked
    changed: Any = PlanChange.asked
    act: Any = OwnSubscription.asked
    shown = rx.cond(
        asked.plan_code != "",
        plan_question(PlansPage),
        rx.cond(
            changed.plan_code != "",
            plan_change.question(after=[PlansPage.load, OwnSubscription.load]),
            rx.cond(act.act != "", own_subscription.question(after=[PlansPage.load, PlanChange.load]), _plans(view)),
        ),
    )
    return page_body("plans", PlansPage, shown, skeleton=_skeleton())


def _plans(view: Any) -> rx.Component:
    return rx.fragment(
        page_header("Plans", view.how_to_change),
        *[
            rx.cond(said != "", notice(tone, said), rx.fragment())
            for tone, said in (
                ("good", PlanChange.done),
                ("good", OwnSubscription.done),
                ("bad", PlanChange.asked_refusal),
                ("note", rx.cond(view.refused == OwnSubscription.view.refused, "", view.refused)),
            )
        ],
        own_subscription.card(after=[PlansPage.load, PlanChange.load]),
        rx.el.div(rx.foreach(view.offers, _tier), style=TIERS),
        _guide(view),
    )


def _tier(offer: Any) -> rx.Component:
    marked = offer.is_current | (offer.is_popular & ~PlansPage.view.has_subscription)
    return rx.el.section(
        rx.el.div(
            rx.el.div(
                rx.el.h2(offer.name, style={"overflowWrap": "anywhere", "minWidth": 0}),
                _tier_badges(offer),
                class_name="row row-spread",
            ),
            rx.el.p(offer.tagline, class_name="muted", style=SMALL),
        ),
        rx.el.div(
            rx.el.p(
                rx.el.span(offer.price, class_name="money money-large"),
                rx.cond(offer.per != "", rx.el.span(" ", offer.per, class_name="muted"), rx.fragment()),
            ),
            rx.el.p(offer.annual, class_name="muted", style=SMALL),
        ),
        _next_step(offer),
        key_values_of(offer.facts),
        rx.el.ul(rx.foreach(offer.features, _feature), style=FEATURES),
        class_name="card",
        style=rx.cond(marked, {**TIER, **MARKED_TIER}, TIER),
    )


def _tier_badges(offer: Any) -> rx.Component:
    return rx.el.div(
        rx.cond(offer.is_popular, badge("Most chosen", "plain"), rx.fragment()),
        rx.cond(offer.is_current, badge("Your plan", "accent"), rx.fragment()),
        class_name="row",
        style={"gap": "var(--space-1)"},
    )


def _next_step(offer: Any) -> rx.Component:
    """What can be done about a plan here, and where nothing can, the sentence that is true."""
    on_click = PlansPage.ask(offer.qualified_code, Interval.MONTH.value)
    start = rx.cond(
        offer.is_popular,
        button("Start ", offer.name, kind="primary", on_click=on_click),
        button("Start ", offer.name, on_click=on_click),
    )
    contract = rx.cond(offer.is_contract, muted("Ask us for an offer."), rx.fragment())
    step = button(offer.change.words, on_click=PlanChange.ask(offer.change.plan_code, offer.change.interval, ""))
    coming = rx.cond(offer.change.coming != "", muted(offer.change.coming), rx.fragment())
    change = rx.cond((offer.change.words != "") & PlansPage.may_start, step, coming)
    return rx.el.div(
        rx.cond(
            offer.is_current,
            stack(
                rx.el.span(
                    rx.icon("circle_check", size=16, aria_hidden="true", style={"color": "var(--c-accent-text)"}),
                    offer.note,
                    class_name="key-entry muted",
                ),
                rx.el.div(change),
                gap=2,
            ),
            rx.cond(offer.can_start & PlansPage.may_start, start, rx.fragment(change, contract)),
        ),
        style=SMALL,
    )


def key_values_of(facts: Any) -> rx.Component:
    """A list of names and values from a Var of them, drawn as `key_values` draws fixed ones."""
    return rx.el.dl(
        rx.foreach(
            facts,
            lambda fact: rx.el.div(rx.el.dt(fact.name), rx.el.dd(fact.value), class_name="key-value"),
        ),
        class_name="key-values",
        style=SMALL,
    )


def _feature(feature: Any) -> rx.Component:
    tick = rx.icon("check", size=15, aria_hidden="true", style={"color": "var(--c-accent-text)", "marginTop": "2px"})
    return rx.el.li(tick, rx.el.span(feature), style={"display": "flex", "gap": "var(--space-2)"})


def _guide(view: Any) -> rx.Component:
    columns = (
        Column("What you use", lambda meter: meter.name, leads=True),
        Column("Burns", lambda meter: meter.burns),
        Column("Beyond the allowance", lambda meter: meter.beyond),
        Column("The whole allowance buys", lambda meter: meter.buys, numeric=True),
    )
    return section_card(
        view.guide_title,
        data_table("What each kind of use burns and costs", columns, view.guide),
        description=rx.fragment(
            "Prices and allowance of ", view.guide_plan, "; each row as if nothing else were used."
        ),
        flush=True,
    )


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("8rem", "1.75rem"), skeleton_line("24rem"), class_name="stack skeleton-head"),
        rx.el.div(*[skeleton_card(12) for _ in range(3)], style=TIERS),
        skeleton_card(6),
    )
