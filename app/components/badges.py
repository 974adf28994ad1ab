"""Small labels with a tone. The word carries the meaning; the colour only repeats it."""

import reflex as rx

from app.components.layout import Text

TONES = {
    "good": ("paid", "active", "approved", "settled", "delivered"),
    "note": ("open", "trialing", "pending", "finalized", "issued", "processing", "scheduled"),
    "warn": ("past_due", "overdue", "paused", "low_credits", "overage", "disputed", "retrying", "taken_back"),
    "bad": ("failed", "uncollectible", "rejected", "unpaid", "suspended"),
}
"""Every status the portal shows, by tone; one that is not listed here is drawn neutral."""


def badge(text: Text, tone: str = "plain") -> rx.Component:
    """A label in one fixed tone: plain, good, note, warn, bad or accent."""
    return rx.el.span(text, class_name=f"badge badge-{tone}")


def status_badge(status: Text, worded: Text | None = None) -> rx.Component:
    """The status of an invoice, subscription or run; `worded` replaces the bare code ("past_due" → "Past due")."""
    text = _word(status) if worded is None else worded
    if isinstance(status, str):
        tone = next((tone for tone, names in TONES.items() if status in names), "plain")
        return badge(text, tone)
    cases = [(*names, f"badge badge-{tone}") for tone, names in TONES.items()]
    return rx.el.span(text, class_name=rx.match(status, *cases, "badge badge-plain"))


def _word(status: Text) -> Text:
    if isinstance(status, str):
        return status.replace("_", " ").capitalize()
    return status.to(str).replace("_", " ").capitalize()
