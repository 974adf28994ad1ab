"""What the payment page leads back to: what came of the purchase, as our own record says, whatever the address says."""

import asyncio
from typing import Any, Final

import reflex as rx

from app import payment_jobs, unit_of_work
from app.components.checkout_outcome import checkout_outcome
from app.components.forms import button_link
from app.components.layout import page_header
from app.components.shell import ShellView
from app.components.states import empty_state, skeleton_card, skeleton_line
from app.pages.frame import open_page, page_body
from app.routes import BY_NAME
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
    content = rx.el.div(rx.cond(CheckoutPage.missing, _missing(), checkout_outcome(CheckoutPage)), style=CENTRED)
    return page_body("checkout", CheckoutPage, content, skeleton=_skeleton())


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
