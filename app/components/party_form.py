"""The fields of an address with its tax ids, for a customer's billing details and for our own."""

from collections.abc import Iterable
from typing import Any

import reflex as rx

from app.components.forms import field, select_field, text_field
from app.components.layout import Text, grid
from services.parties.addresses import COUNTRIES
from services.parties.views import id_label
from services.taxes.ids import KINDS

CHOICES = (("", "Choose a country"), *sorted(COUNTRIES.items(), key=lambda pair: pair[1]))


def text_area(label: Text, *, name: str, hint: Text = "", error: Text = "", **props: Any) -> rx.Component:
    """Several lines of text. `id` where another field of the page has the same name."""
    id_ = props.pop("id", f"field-{name}")
    control = rx.el.textarea(id=id_, name=name, class_name="input", rows=3, **props)
    return field(label, control, for_id=id_, hint=hint, error=error)


def error_of(state: Any, name: str) -> Any:
    """The reason a field was refused; "" for the others."""
    return rx.cond(state.problem_field == name, state.problem, "")


def address_fields(form: Any, state: Any) -> rx.Component:
    """Name and address, each with the reason it was refused beside it."""

    def line(label: str, name: str, hint: str = "", **props: Any) -> rx.Component:
        return text_field(
            label, name=name, hint=hint, error=error_of(state, name), default_value=getattr(form, name), **props
        )

    country = rx.el.div(
        select_field("Country", name="country", options=CHOICES, default_value=form.country),
        rx.cond(
            state.problem_field == "country",
            rx.el.p(state.problem, class_name="field-error", role="alert"),
            rx.fragment(),
        ),
    )
    return rx.fragment(
        line("Legal name", "legal_name", auto_complete="organization", max_length=200),
        text_area(
            "Street address",
            name="address",
            hint="One to four lines.",
            error=error_of(state, "address_lines"),
            default_value=form.address,
            auto_complete="street-address",
        ),
        grid(
            line("City", "city", auto_complete="address-level2", max_length=120),
            line("Postal code", "postal_code", auto_complete="postal-code", max_length=20),
            columns=2,
        ),
        grid(
            line("Province or state", "region", "Two letters, such as ON: taxes depend on it.", max_length=32),
            country,
            columns=2,
        ),
    )


def tax_id_fields(form: Any, kinds: Iterable[str]) -> rx.Component:
    """A field a kind of id; several of one kind are set apart by commas."""
    return grid(
        *[
            text_field(
                id_label(kind),
                name=f"tax_{kind}",
                default_value=form.tax_ids[kind],
                placeholder=KINDS[kind].example if kind != "other" else "",
                max_length=200,
            )
            for kind in kinds
        ],
        columns=2,
    )


def problem_line(state: Any, *names: str) -> rx.Component:
    """The reason one of these fields was refused, where none of them stands alone."""
    is_here = rx.match(state.problem_field, *[(name, True) for name in names], False)
    return rx.cond(is_here, rx.el.p(state.problem, class_name="field-error", role="alert"), rx.fragment())
