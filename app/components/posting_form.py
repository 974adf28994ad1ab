"""A form the browser itself sends. `rx.el.form` always stops that, to hand the fields to an event handler."""

from typing import Any

import reflex as rx
from reflex_components_core.el.elements.forms import Form


class _PostingForm(Form):
    @classmethod
    def create(cls, *children: Any, **props: Any) -> rx.Component:
        return super(Form, cls).create(*children, **props)


def posting_form(*children: Any, action: str, method: str = "post", **props: Any) -> rx.Component:
    """Fields that go to `action` with a full navigation, such as those that change the session cookie."""
    return _PostingForm.create(*children, action=action, method=method, **props)
