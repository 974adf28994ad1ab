"""Usage: one pool of one period at a time, six months of it, the newest events, and what more would cost."""

from typing import Any

import plotly.graph_objects as go
import reflex as rx

from app import unit_of_work
from app.components.cards import stat_card
from app.components.charts import EMPTY_FIGURE, Series, daily_bars, stacked_bars
from app.components.credit_calculator import credit_calculator
from app.components.event_log import event_log
from app.components.forms import button_link
from app.components.layout import grid, main_and_side, page_header, row, served_link, stack
from app.components.shell import ShellView
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.components.use_breakdown import days_section, sites_section, trend_section, types_section
from app.pages.frame import open_page, page_body
from app.routes import BY_NAME
from app.session import answers_refusals
from services.credits import estimate as credit_estimate
from services.credits.estimate import NO_ESTIMATE, EstimateView, MeterChoice
from services.errors import Unprocessable
from services.rules.quantities import MICRO
from services.sign_in import Member
from services.usage import event_views
from services.usage import views as usage_views
from services.usage.event_views import EMPTY_EVENTS, EventsView
from services.usage.views import EMPTY_USAGE, Bars, UsageView


class UsagePage(rx.State):
    """What is looked at, and what was answered, already worded by the services."""

    shell: ShellView = ShellView()
    view: UsageView = EMPTY_USAGE
    trend: go.Figure = EMPTY_FIGURE
    daily: go.Figure = EMPTY_FIGURE
    events: EventsView = EMPTY_EVENTS
    meters: tuple[MeterChoice, ...] = ()
    estimated: EstimateView = NO_ESTIMATE
    estimate_refusal: str = ""
    loaded: bool = False
    refusal: str = ""

    _before_seq: int = 0
    """The events shown are those before this one; 0 for the newest."""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_page(self)
        await self._show(member, self.view.period_start, self.view.pool, 0)

    @rx.event
    @answers_refusals
    async def choose_period(self, period_start: str) -> None:
        member = await open_page(self)
        await self._show(member, str(period_start), self.view.pool, self._before_seq)

    @rx.event
    @answers_refusals
    async def choose_pool(self, pool: str) -> None:
        member = await open_page(self)
        await self._show(member, self.view.period_start, str(pool), self._before_seq)

    @rx.event
    @answers_refusals
    async def show_newer(self) -> None:
        member = await open_page(self)
        await self._show(member, self.view.period_start, self.view.pool, self.events.newer)

    @rx.event
    @answers_refusals
    async def show_older(self) -> None:
        member = await open_page(self)
        await self._show(member, self.view.period_start, self.view.pool, self.events.older)

    @rx.event
    @answers_refusals
    async def estimate(self, form: dict[str, Any]) -> None:
        """Work out what the typed units would burn and cost."""
        member = await open_page(self)
        if not self.loaded:
            await self._show(member, "", "", 0)
        self.estimated, self.estimate_refusal = NO_ESTIMATE, ""
        try:
            self.estimated = await unit_of_work.read(
                credit_estimate.estimate,
                tenant_id=str(member.tenant_id),
                subscription_id=member.subscription_id,
                event_type=str(form.get("event_type", "")),
                units_text=str(form.get("units", "")),
                at=unit_of_work.now(),
            )
        except Unprocessable as refusal:
            self.estimate_refusal = refusal.detail

    async def _show(self, member: Member, period_start: str, pool: str, before_seq: int) -> None:
        """Read the whole page: what another customer's page held is gone by now, see `open_page`."""
        tenant_id, at = str(member.tenant_id), unit_of_work.now()
        view = await unit_of_work.read(
            usage_views.read_usage,
            tenant_id=tenant_id,
            subscription_id=member.subscription_id,
            period_start=period_start or None,
            pool=pool or None,
            at=at,
        )
        self.view = view
        self.trend = stacked_bars(
            view.months, [Series(bars.name, _heights(bars), bars.worded) for bars in view.month_bars]
        )
        self.daily = daily_bars(view.days, _heights(view.day_bars), view.day_bars.worded, name=view.day_bars.name)
        self.events = await unit_of_work.read(
            event_views.read_events,
            tenant_id=tenant_id,
            subscription_id=member.subscription_id if self.shell.subscriptions else None,
            before_seq=before_seq,
        )
        self._before_seq = before_seq
        self.meters = await unit_of_work.read(
            credit_estimate.list_meters, tenant_id=tenant_id, subscription_id=member.subscription_id
        )
        self.loaded = True


ON_LOAD = [UsagePage.load]


def page() -> rx.Component:
    """The period's use, or how use will get here."""
    view: Any = UsagePage.view
    shown = rx.match(
        rx.cond(view.has_subscription, rx.cond(view.has_usage, "used", "unused"), "no plan"),
        ("used", _usage(view)),
        ("unused", _unused(view)),
        _without_plan(),
    )
    return page_body("usage", UsagePage, shown, skeleton=_skeleton())


def _usage(view: Any) -> rx.Component:
    return rx.fragment(
        _header(view),
        grid(rx.foreach(view.figures, lambda figure: stat_card(figure.label, figure.value, figure.hint)), columns=4),
        main_and_side(
            stack(trend_section(view, UsagePage.trend), days_section(view, UsagePage.daily)),
            stack(_calculator_card(), rx.cond(view.sites, sites_section(view), rx.fragment())),
        ),
        types_section(view),
        event_log(UsagePage.events, has_sites=view.sites, on_newer=UsagePage.show_newer, on_older=UsagePage.show_older),
    )


def _header(view: Any) -> rx.Component:
    period = rx.el.div(
        rx.el.select(
            rx.foreach(view.periods, lambda choice: rx.el.option(choice.label, value=choice.value)),
            value=view.period_start,
            on_change=UsagePage.choose_period,
            aria_label="Billing period",
            class_name="input",
        ),
        rx.icon("chevron_down", size=16, aria_hidden="true"),
        class_name="select",
    )
    pools = rx.el.div(
        rx.foreach(
            view.pools,
            lambda pool: rx.el.button(
                pool.label,
                type="button",
                on_click=UsagePage.choose_pool(pool.value),
                aria_pressed=rx.cond(pool.value == view.pool, "true", "false"),
                class_name="choice",
            ),
        ),
        role="group",
        aria_label="What is counted",
        class_name="choices",
    )
    several = view.pools.length() > 1
    return page_header("Usage", rx.fragment(view.plan_name), rx.cond(several, pools, rx.fragment()), period)


def _calculator_card() -> rx.Component:
    return credit_calculator(
        UsagePage.meters, UsagePage.estimated, UsagePage.estimate_refusal, on_submit=UsagePage.estimate
    )


def _unused(view: Any) -> rx.Component:
    return rx.fragment(
        page_header("Usage", rx.fragment(view.period)),
        main_and_side(
            rx.el.div(
                empty_state(
                    "No usage yet",
                    "As your systems report usage, it appears here by event type, day and site, with what it burns.",
                    icon="chart_column",
                    action=row(
                        served_link("How to report usage", href="/docs", class_name="button button-primary"),
                        button_link("What a credit buys", href=BY_NAME["plans"].href),
                    ),
                ),
                class_name="card",
            ),
            _calculator_card(),
        ),
    )


def _without_plan() -> rx.Component:
    return rx.fragment(
        page_header("Usage"),
        rx.el.div(
            empty_state(
                "Your account is not on a plan yet",
                "Usage is metered from the day a plan starts.",
                icon="layers",
                action=button_link("Compare plans", href=BY_NAME["plans"].href, kind="primary"),
            ),
            class_name="card",
        ),
    )


def _heights(bars: Bars) -> list[float]:
    """Heights for the screen; what a bar says is worded exactly beside it."""
    return [micro / MICRO for micro in bars.heights_micro]


def _skeleton() -> rx.Component:
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("8rem", "1.75rem"), skeleton_line("14rem"), class_name="stack skeleton-head"),
        grid(*[skeleton_card(3) for _ in range(4)], columns=4),
        main_and_side(stack(skeleton_card(12), skeleton_card(8)), stack(skeleton_card(8), skeleton_card(5))),
        skeleton_card(8),
    )
