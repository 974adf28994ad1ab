"""The mark: a tally stick split along its notches into two halves that fit only each other."""

from typing import Final

import reflex as rx

STOCK: Final = "M7.8 2H13V5.9L18.2 9.5L13 13.1V14.9L18.2 18.5L13 22.1V30H7.8Q6 30 6 28.2V3.8Q6 2 7.8 2Z"
FOIL: Final = "M24.2 2H15V5.9L20.2 9.5L15 13.1V14.9L20.2 18.5L15 22.1V30H24.2Q26 30 26 28.2V3.8Q26 2 24.2 2Z"
TILT: Final = "rotate(20 16 16)"

STICK_LENGTH: Final = 416
STICK_NOTCHES: Final = ((52, 15), (92, 15), (138, 11), (168, 11), (198, 11), (234, 7), (254, 7), (274, 7), (294, 7))
"""Where each notch is and how deep: the widest stood for thousands, the narrowest for single pounds."""


def mark(size: int = 24) -> rx.Component:
    """The two halves alone, drawn in the theme's colours; decorative, so hidden from screen readers."""
    halves = rx.el.svg.g(
        rx.el.svg.path(d=STOCK, class_name="mark-stock"),
        rx.el.svg.path(d=FOIL, class_name="mark-foil"),
        transform=TILT,
    )
    return rx.el.svg(halves, view_box="0 0 32 32", width=str(size), height=str(size), aria_hidden="true")


def wordmark(size: int = 24) -> rx.Component:
    """The mark with the name beside it."""
    return rx.el.span(mark(size), rx.el.span("Tallystick"), class_name="wordmark")


def stick() -> rx.Component:
    """A whole stick, split lengthwise, for the sign-in page; decorative."""
    return rx.el.svg(
        rx.el.svg.path(d=_half(at=28, edge=2), class_name="mark-stock"),
        rx.el.svg.path(d=_half(at=33, edge=59), class_name="mark-foil"),
        view_box=f"0 0 {STICK_LENGTH} 61",
        aria_hidden="true",
        class_name="stick",
    )


def _half(*, at: int, edge: int) -> str:
    """One half: its outer edge lies at height `edge`, its split edge at `at`, dipping at every notch."""
    dips = "".join(f"H{x - depth}L{x} {at + depth}L{x + depth} {at}" for x, depth in STICK_NOTCHES)
    corner = 6 if edge < at else -6
    return (
        f"M0 {at}{dips}H{STICK_LENGTH}V{edge + corner}Q{STICK_LENGTH} {edge} {STICK_LENGTH - 6} {edge}"
        f"H6Q0 {edge} 0 {edge + corner}Z"
    )
