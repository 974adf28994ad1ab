"""The mark: a notched tally stick split in two, the long stock and the shorter foil, whose cuts match."""

import reflex as rx

STOCK = (
    "M8 2.5h5.5a1.5 1.5 0 0 1 1.5 1.5v3.4l-3.6 2.6 3.6 2.6v1.8l-3.6 2.6 3.6 2.6v8.4a1.5 1.5 0 0 1-1.5 1.5H8"
    "a1.5 1.5 0 0 1-1.5-1.5V4A1.5 1.5 0 0 1 8 2.5z"
)
FOIL = (
    "M18.5 2.5H24A1.5 1.5 0 0 1 25.5 4v17.5a1.5 1.5 0 0 1-1.5 1.5h-5.5a1.5 1.5 0 0 1-1.5-1.5v-1.9l3.6-2.6"
    "-3.6-2.6v-1.8l3.6-2.6L17 7.4V4a1.5 1.5 0 0 1 1.5-1.5z"
)


def mark(size: int = 24) -> rx.Component:
    """The two halves alone, drawn in the theme's colours; decorative, so hidden from screen readers."""
    return rx.el.svg(
        rx.el.path(d=STOCK, class_name="mark-stock"),
        rx.el.path(d=FOIL, class_name="mark-foil"),
        view_box="0 0 32 32",
        width=str(size),
        height=str(size),
        aria_hidden="true",
    )


def wordmark(size: int = 24) -> rx.Component:
    """The mark with the name beside it."""
    return rx.el.span(mark(size), rx.el.span("Tallystick"), class_name="wordmark")
