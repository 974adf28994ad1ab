"""Overview: the plan, what of it is used, the running bill, and what happened and happens next."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.components.badges import status_badge
from app.components.bill_parties import tax_row
from app.components.cards import notice, section_card, stat_card
from app.components.forms import button_link
from app.components.layout import link, main_and_side, muted, page_header, row, stack
from app.components.pool_meter import pool_meter
from app.components.shell import ShellView
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.pages import asset_source, spending_limit
from app.pages.frame import open_page, page_body
from app.routes import BY_NAME, invoice_href
from app.session import answers_refusals
from services import overview
from services.overview import EMPTY_OVERVIEW, OverviewView

STATS = {"display": "grid", "gap": "var(--space-4)", "gridTemplateColumns": "repeat(auto-fit, minmax(10.5rem, 1fr))"}
SMALL = {"fontSize": "var(--text-sm)"}
DIVIDED = {"borderTop": "1px solid var(--c-line)", "paddingTop": "var(--space-3)", "marginTop": "var(--space-3)"}
LIST = {"listStyle": "none", "display": "flex", "flexDirection": "column", "gap": "var(--space-3)"}
LONG_AMOUNT = 13
ALERTS_HEIGHT = "22rem"


class OverviewPage(rx.State):
    """One screenful, already worded by the service."""

    shell: ShellView = ShellView()
    view: OverviewView = EMPTY_OVERVIEW
    loaded: bool = False
    refusal: str = ""

    @rx.event
    @answers_refusals
    async def load(self) -> None:
        member = await open_page(self)
        self.view = await unit_of_work.read(
            overview.read_overview,
            tenant_id=str(member.tenant_id),
            subscription_id=member.subscription_id,
            at=unit_of_work.now(),
        )
        self.loaded = True


ON_LOAD = [OverviewPage.load, spending_limit.SpendingLimit.load, asset_source.AssetSourceCard.load]


def page() -> rx.Component:
    """The overview, or the way to a first plan."""
    view: Any = OverviewPage.view
    shown = rx.cond(view.has_subscription, _overview(view), _without_plan())
    return page_body("overview", OverviewPage, shown, skeleton=_skeleton())


def _overview(view: Any) -> rx.Component:
    return rx.fragment(
        page_header(
            "Overview",
            rx.fragment(view.period),
            button_link("See usage", href=BY_NAME["usage"].href, icon="chart_column"),
            rx.cond(
                view.latest_invoice_id != "",
                button_link("Latest invoice", href=invoice_href(view.latest_invoice_id), icon="receipt_text"),
                rx.fragment(),
            ),
            button_link("Compare plans", href=BY_NAME["plans"].href, icon="layers"),
        ),
        rx.cond(view.late != "", _late(view), rx.fragment()),
        _stats(view),
        main_and_side(
            stack(
                _use(view),
                _bill(view),
                rx.cond(view.assets.is_shown, asset_source.card(after_asking=OverviewPage.load), rx.fragment()),
            ),
            stack(_alerts(view), spending_limit.card(), _invoices(view)),
        ),
    )


def _without_plan() -> rx.Component:
    return rx.fragment(
        page_header("Overview"),
        rx.el.div(
            empty_state(
                "Your account is not on a plan yet",
                "Once it is, this page shows what is used, what it costs so far, and when the next invoice comes.",
                icon="layers",
                action=button_link("Compare plans", href=BY_NAME["plans"].href, kind="primary"),
            ),
            class_name="card",
        ),
    )


def _late(view: Any) -> rx.Component:
    return notice("warn", view.late, action=link("See invoices", href=BY_NAME["invoices"].href))


def _stats(view: Any) -> rx.Component:
    plan_hint = row(rx.el.span(view.price), status_badge(view.status, view.status_word))
    assets_hint = rx.fragment(
        rx.el.p(view.assets.hint),
        rx.el.p(view.assets.how),
        rx.cond(
            view.sites.is_shown,
            rx.el.p(view.sites.counted, " ", view.sites.hint),
            rx.fragment(),
        ),
    )
    return rx.el.div(
        stat_card("Plan", view.plan_name, plan_hint, icon="layers"),
        stat_card("Running bill", _amount(view.bill_total), "So far this period", icon="receipt_text"),
        stat_card(view.renews_label, view.renews, view.renews_on, icon="calendar_days"),
        rx.cond(
            view.assets.is_shown,
            stat_card("Assets", view.assets.counted, assets_hint, icon="boxes"),
            rx.fragment(),
        ),
        style=STATS,
    )


def _amount(worded: Any) -> rx.Component:
    """An amount that is set smaller rather than broken where it is very long."""
    size = rx.cond(worded.length() > LONG_AMOUNT, "var(--text-base)", "inherit")
    return rx.el.span(worded, class_name="money", style={"fontSize": size})


def _use(view: Any) -> rx.Component:
    none_yet = rx.el.p(
        "Nothing has been metered this period. Usage appears here as your systems report it.",
        class_name="muted",
        style=DIVIDED,
    )
    return section_card(
        "Included use",
        rx.el.div(rx.foreach(view.pools, pool_meter), class_name="stack", style={"gap": "var(--space-6)"}),
        rx.cond(view.has_usage, rx.fragment(), none_yet),
    )


def _bill(view: Any) -> rx.Component:
    total = rx.el.div(
        rx.el.span("Total so far"),
        rx.el.span(view.bill_total, class_name="money"),
        class_name="row row-spread",
        style={**DIVIDED, "borderTopColor": "var(--c-line-strong)", "fontWeight": 600},
    )
    nothing = rx.el.p("Nothing is due for this period so far.", class_name="muted")
    lines = rx.el.ul(rx.foreach(view.bill_lines, _bill_line), style=LIST)
    return section_card(
        "Running bill",
        rx.cond(view.bill_lines.length() > 0, lines, nothing),
        rx.cond(
            view.bill_taxes.length() > 0,
            rx.el.dl(rx.foreach(view.bill_taxes, tax_row), class_name="key-values", style=DIVIDED),
            rx.fragment(),
        ),
        total,
        description=view.next_step,
    )


def _bill_line(line: Any) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.p(line.description, style={"overflowWrap": "anywhere"}),
            rx.el.p(line.detail, class_name="muted", style=SMALL),
            style={"minWidth": 0, "flex": 1},
        ),
        rx.el.span(line.amount, class_name="money"),
        style={"display": "flex", "gap": "var(--space-4)", "alignItems": "baseline"},
    )


def _alerts(view: Any) -> rx.Component:
    entries = rx.el.ul(rx.foreach(view.alerts, _alert), style=LIST)
    more = rx.cond(
        view.alerts_more != "", rx.el.p(view.alerts_more, class_name="muted", style=SMALL | DIVIDED), rx.fragment()
    )
    scrolled = rx.el.div(
        entries,
        more,
        tab_index=0,
        role="region",
        aria_label="Alerts of this period",
        style={"maxHeight": ALERTS_HEIGHT, "overflowY": "auto"},
    )
    none = rx.el.p("None this period.")
    return section_card(
        "Alerts", rx.cond(view.alerts.length() > 0, scrolled, rx.el.div(none, class_name="muted", style=SMALL))
    )


def _alert(alert: Any) -> rx.Component:
    colour = rx.cond(alert.tone == "bad", "var(--c-bad)", "var(--c-warn)")
    return rx.el.li(
        rx.icon("triangle_alert", size=16, aria_hidden="true", style={"color": colour, "marginTop": "3px"}),
        rx.el.div(
            rx.el.p(alert.title, style={"fontWeight": 500, "overflowWrap": "anywhere"}),
            rx.el.p(alert.detail, class_name="muted", style=SMALL),
            rx.el.p(alert.when, class_name="faint tabular", style=SMALL),
            style={"minWidth": 0},
        ),
        style={"display": "flex", "gap": "var(--space-3)", "alignItems": "flex-start"},
    )


def _invoices(view: Any) -> rx.Component:
    none = rx.el.p("None yet. The first comes when this period closes.", class_name="muted", style=SMALL)
    return section_card(
        "Last invoices",
        rx.cond(view.invoices.length() > 0, rx.el.ul(rx.foreach(view.invoices, _invoice), style=LIST), none),
        action=link("All", href=BY_NAME["invoices"].href, aria_label="All invoices"),
    )


def _invoice(invoice: Any) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            link(invoice.number, href=invoice_href(invoice.id)),
            rx.el.span(invoice.total, class_name="money"),
            class_name="row row-spread",
        ),
        rx.el.div(
            muted(invoice.period),
            status_badge(invoice.status, invoice.status_word),
            class_name="row row-spread",
            style=SMALL,
        ),
    )


def _skeleton() -> rx.Component:
    """The same boxes the page will have, so nothing jumps when they are filled."""
    return rx.fragment(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("12rem", "1.75rem"), skeleton_line("16rem"), class_name="stack skeleton-head"),
        rx.el.div(*[skeleton_card() for _ in range(4)], style=STATS),
        main_and_side(stack(skeleton_card(5), skeleton_card(6)), stack(skeleton_card(4), skeleton_card(5))),
    )
