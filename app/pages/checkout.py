"""What the payment page leads back to: what came of the purchase, as our own record says, whatever the address says."""

import asyncio
from typing import Any, Final

import reflex as rx

from app import payment_jobs, unit_of_work
from app.components.cards import section_card
from app.components.forms import button, button_link
from app.components.layout import link, page_header, served_link
from app.components.shell import ShellView
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.pages.frame import open_page, page_body
from app.routes import BY_NAME, invoice_href
from app.session import answers_refusals
from models import Role
from services.errors import NotFound
from services.payments import checkout_views
from services.payments.checkout_views import NO_CHECKOUT, CheckoutView

SECONDS_BETWEEN_LOOKS: Final = 1.5
QUICK_LOOKS: Final = 20
SECONDS_BETWEEN_SLOW_LOOKS: Final = 5.0
SLOW_LOOKS: Final = 24
"""Half a minute of quick looks, two minutes of slow ones; then the visitor looks again."""

CENTRED: Final = {
    "width": "100%",
    "maxWidth": "36rem",
    "margin": "0 auto",
    "display": "flex",
    "flexDirection": "column",
    "gap": "var(--space-4)",
}
SPIN: Final = {"animation": "spin 1.2s linear infinite", "@keyframes spin": {"to": {"transform": "rotate(360deg)"}}}


class CheckoutPage(rx.State):
    """The visit named in the address."""

    shell: ShellView = ShellView()
    view: CheckoutView = NO_CHECKOUT
    is_slow: bool = False
    loaded: bool = False
    missing: bool = False
    refusal: str = ""
    _watch: int = 0

    @rx.event
    @answers_refusals
    async def load(self) -> Any:
        self.is_slow = False
        return await self._look()

    @rx.event
    @answers_refusals
    async def look_again(self) -> Any:
        answer = await self._look()
        payment_jobs.work_is_there()
        return answer

    @rx.event(background=True)
    async def watch(self) -> Any:
        """Look until something came of it, the page is left, or it takes too long."""
        async with self:
            self._watch += 1
            mine = self._watch
        for number in range(QUICK_LOOKS + SLOW_LOOKS):
            async with self:
                if self._watch != mine or self.view.id != self._wanted():
                    return None
                answer = await self._look_on()
                self.is_slow = number >= QUICK_LOOKS - 1
                if answer is not None or self.view.state != "waiting":
                    return answer
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS if number < QUICK_LOOKS else SECONDS_BETWEEN_SLOW_LOOKS)
        return None

    async def _look(self) -> Any:
        """Read the visit; where the provider has not spoken yet, go on watching."""
        await self._read()
        return CheckoutPage.watch if self.view.state == "waiting" else None

    @answers_refusals
    async def _look_on(self) -> Any:
        return await self._read()

    async def _read(self) -> None:
        member = await open_page(self)
        try:
            view = await unit_of_work.read(
                checkout_views.read_checkout_view,
                tenant_id=str(member.tenant_id),
                checkout_id=self._wanted(),
                at=unit_of_work.now(),
            )
        except NotFound:
            self.view, self.missing, self.loaded = NO_CHECKOUT, True, True
            return
        may_pay = member.role in (Role.BILLING_ADMIN, Role.OWNER)
        self.view = view if may_pay else checkout_views.without_payment_page(view)
        self.missing, self.loaded = False, True

    def _wanted(self) -> str:
        return str(self.rx_router_page.params.get("checkout_id", ""))


ON_LOAD = [CheckoutPage.load]


def page() -> rx.Component:
    """What came of it, one of five; or that there is no such purchase."""
    view: Any = CheckoutPage.view
    shown = rx.match(
        view.state,
        ("done", _done(view)),
        ("paying", _paying(view)),
        ("expired", _expired(view)),
        ("failed", _failed(view)),
        _waiting(view),
    )
    content = rx.el.div(rx.cond(CheckoutPage.missing, _missing(), shown), style=CENTRED)
    return page_body("checkout", CheckoutPage, content, skeleton=_skeleton())


def _waiting(view: Any) -> rx.Component:
    looking = rx.fragment(
        rx.el.p(
            rx.icon("loader_circle", size=18, aria_hidden="true", style=SPIN),
            rx.el.span("We are waiting for our payment provider to confirm. This page changes by itself."),
            class_name="key-entry",
            role="status",
        ),
    )
    slow = rx.el.div(
        rx.el.p("This takes longer than usual", style={"fontWeight": "600"}),
        rx.el.p(
            "If you have paid, nothing is lost: the plan starts as soon as the payment is confirmed, and you may close "
            "this page. If you have not, go back to the payment page. You are never charged twice for it.",
            class_name="muted",
            style={"marginTop": "var(--space-1)"},
        ),
        rx.el.div(
            button("Look again", icon="refresh_cw", kind="primary", on_click=CheckoutPage.look_again),
            rx.cond(
                view.pay_url != "",
                served_link("Back to the payment page", href=view.pay_url, class_name="button button-secondary"),
                rx.fragment(),
            ),
            button_link("Go to overview", href=BY_NAME["overview"].href, kind="quiet"),
            class_name="row",
            style={"marginTop": "var(--space-4)"},
        ),
        role="status",
    )
    return rx.fragment(
        page_header(rx.fragment("Starting ", view.plan)),
        section_card("Confirming your payment", rx.cond(CheckoutPage.is_slow, slow, looking)),
    )


def _done(view: Any) -> rx.Component:
    bill = rx.cond(
        view.invoice_id != "",
        rx.el.div(
            rx.el.dt("Invoice"),
            rx.el.dd(link(view.invoice_number, href=invoice_href(view.invoice_id))),
            class_name="key-value",
        ),
        rx.fragment(),
    )
    facts = rx.el.dl(
        _fact("Plan", view.plan),
        _fact("Billed", view.billed),
        _fact(view.period_name, view.period),
        _fact("Paid", rx.el.span(view.paid, class_name="money", style={"whiteSpace": "normal"})),
        bill,
        class_name="key-values",
    )
    return rx.fragment(
        page_header(rx.fragment(view.plan, " has started")),
        section_card(
            rx.el.span(
                rx.icon("circle_check", size=20, aria_hidden="true", style={"color": "var(--c-good)"}),
                "All done",
                class_name="key-entry",
            ),
            facts,
            rx.el.div(
                button_link("Go to overview", href=BY_NAME["overview"].href, kind="primary"),
                style={"marginTop": "var(--space-5)"},
            ),
            description="Everything is ready to be used.",
        ),
    )


def _fact(name: Any, value: Any) -> rx.Component:
    return rx.el.div(rx.el.dt(name), rx.el.dd(value), class_name="key-value")


def _paying(view: Any) -> rx.Component:
    return _outcome(
        rx.fragment("Starting ", view.plan),
        "Your bank takes its time",
        "The payment is on its way, which takes some banks a few days. The plan starts once it has arrived; you need "
        "not do anything, and you may close this page.",
        "landmark",
        button("Look again", icon="refresh_cw", on_click=CheckoutPage.look_again),
        button_link("Go to overview", href=BY_NAME["overview"].href, kind="primary"),
    )


def _expired(view: Any) -> rx.Component:
    return _outcome(
        rx.fragment(view.plan, " was not started"),
        "The payment page has expired",
        "Nothing was charged. Choose the plan again, and a new page is opened.",
        "timer_off",
        button_link("Back to plans", href=BY_NAME["plans"].href, kind="primary"),
    )


def _failed(view: Any) -> rx.Component:
    return _outcome(
        rx.fragment(view.plan, " was not started"),
        "The payment did not go through",
        rx.cond(view.error != "", view.error, "The payment provider gave no reason."),
        "circle_x",
        button_link("Back to plans", href=BY_NAME["plans"].href, kind="primary"),
    )


def _outcome(heading: Any, title: str, reason: Any, icon: str, *actions: rx.Component) -> rx.Component:
    return rx.fragment(
        page_header(heading),
        rx.el.div(
            empty_state(
                title,
                reason,
                icon=icon,
                action=rx.el.div(*actions, class_name="row", style={"justifyContent": "center"}),
            ),
            class_name="card",
        ),
    )


def _missing() -> rx.Component:
    return rx.fragment(
        page_header("Checkout"),
        rx.el.div(
            empty_state(
                "There is no such purchase",
                "The address may be mistyped, or the purchase belongs to another account. Nothing was charged here.",
                icon="map_pin_off",
                action=button_link("Compare plans", href=BY_NAME["plans"].href, kind="primary"),
            ),
            class_name="card",
        ),
    )


def _skeleton() -> rx.Component:
    return rx.el.div(
        rx.el.span("Loading", class_name="visually-hidden", role="status"),
        rx.el.div(skeleton_line("14rem", "1.75rem"), class_name="stack skeleton-head"),
        skeleton_card(6),
        style=CENTRED,
    )
