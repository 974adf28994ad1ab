"""Choosing which of a customer's subscriptions the pages are about; the server keeps the choice with the session."""

from typing import Any

import reflex as rx

from app import unit_of_work
from app.session import answers_refusals, signed_in_member, token_in
from services import sign_in


class SubscriptionPicker(rx.State):
    """Holds nothing: what is chosen is read with who is signed in."""

    @rx.event
    @answers_refusals
    async def choose(self, subscription_id: str) -> Any:
        """Look at another subscription, on this page and all others, in this browser."""
        await signed_in_member(self)
        await unit_of_work.run(
            sign_in.choose_subscription,
            cookie_token=token_in(self.router.headers.cookie),
            subscription_id=str(subscription_id),
            at=unit_of_work.now(),
        )
        return rx.call_script("window.location.reload()")


def subscription_picker(shell: Any) -> rx.Component:
    """A list to choose from, where there are several; `shell` is a Var of ShellView."""
    choices = rx.el.div(
        rx.el.select(
            rx.foreach(shell.subscriptions, lambda each: rx.el.option(each.label, value=each.id)),
            value=shell.subscription_id,
            on_change=SubscriptionPicker.choose,
            id="subscription",
            class_name="input",
        ),
        rx.icon("chevron_down", size=16, aria_hidden="true"),
        class_name="select",
    )
    row = rx.el.div(
        rx.el.label("Subscription", html_for="subscription"),
        choices,
        class_name="subscription-picker",
    )
    return rx.cond(shell.subscriptions.length() > 0, row, rx.fragment())
