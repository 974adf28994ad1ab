"""The only design constants: colour, type, spacing, radii, and how they become CSS custom properties.

Every component styles itself with classes from `assets/styles/`, and those sheets know no literal colour:
they read the properties written by `css_tokens()`, so a change here changes every page in both modes.
Each foreground is at least 4.5:1 on the backgrounds it is used on, and each border of a control 3:1.
"""

from typing import Final

FONT_SANS: Final = (
    '-apple-system, BlinkMacSystemFont, "Segoe UI Variable Text", "Segoe UI", Inter, Roboto, '
    '"Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, sans-serif'
)
FONT_MONO: Final = (
    'ui-monospace, "SF Mono", SFMono-Regular, "Cascadia Mono", Menlo, Consolas, "Liberation Mono", monospace'
)

TYPE_SCALE: Final = {
    "xs": "0.75rem",
    "sm": "0.8125rem",
    "base": "0.875rem",
    "md": "1rem",
    "lg": "1.125rem",
    "xl": "1.5rem",
    "2xl": "1.875rem",
}
SPACING: Final = {
    "1": "0.25rem",
    "2": "0.5rem",
    "3": "0.75rem",
    "4": "1rem",
    "5": "1.25rem",
    "6": "1.5rem",
    "8": "2rem",
    "10": "2.5rem",
    "12": "3rem",
    "16": "4rem",
}
RADII: Final = {"sm": "6px", "md": "8px", "lg": "12px", "full": "999px"}
LAYOUT: Final = {"sidebar": "15.5rem", "content": "70rem", "topbar": "3.5rem", "tabbar": "3.75rem"}

LIGHT: Final = {
    "canvas": "#f8f8f6",
    "surface": "#ffffff",
    "sunken": "#f2f2ef",
    "hover": "#f0f1ee",
    "line": "#e6e6e1",
    "line-strong": "#878d88",
    "text": "#15181b",
    "muted": "#545b62",
    "faint": "#666d74",
    "accent": "#0a6a56",
    "accent-hover": "#085546",
    "accent-text": "#0a6a56",
    "accent-soft": "#e2f1ec",
    "accent-line": "#b5d8cd",
    "on-accent": "#ffffff",
    "good": "#14693f",
    "good-soft": "#e3f3e9",
    "warn": "#84520a",
    "warn-soft": "#fbf0da",
    "warn-fill": "#c27f17",
    "bad": "#b0273a",
    "bad-soft": "#fce9ea",
    "note": "#1f55a8",
    "note-soft": "#e7effb",
    "foil": "#35b890",
    "shade": "rgb(20 24 27 / 0.4)",
}
DARK: Final = {
    "canvas": "#0d0f11",
    "surface": "#14171a",
    "sunken": "#1b1f23",
    "hover": "#1d2125",
    "line": "#262b30",
    "line-strong": "#6b747c",
    "text": "#eceef0",
    "muted": "#a3abb3",
    "faint": "#8b949c",
    "accent": "#35b890",
    "accent-hover": "#4cc9a2",
    "accent-text": "#57cfaa",
    "accent-soft": "#12302a",
    "accent-line": "#1f5546",
    "on-accent": "#06120e",
    "good": "#5fd091",
    "good-soft": "#12261b",
    "warn": "#e6b35a",
    "warn-soft": "#2a2111",
    "warn-fill": "#d9992f",
    "bad": "#f38a96",
    "bad-soft": "#301a1e",
    "note": "#8db8f7",
    "note-soft": "#152236",
    "foil": "#2a9575",
    "shade": "rgb(0 0 0 / 0.6)",
}

CHART_PALETTE: Final = ("#1a9a78", "#4d7fe8", "#c78318", "#9a6be0", "#d55b7d", "#2f97b5", "#7d8894")
"""Categorical colours in the order series are given: each is at least 3:1 on both surfaces."""


def _properties(tokens: dict[str, str], prefix: str) -> str:
    return "".join(f"--{prefix}-{name}:{value};" for name, value in tokens.items())


def css_tokens() -> str:
    """All constants as CSS custom properties: light by default, dark under `.dark`, which Reflex sets on <html>."""
    shared = (
        f"--font-sans:{FONT_SANS};--font-mono:{FONT_MONO};"
        + _properties(TYPE_SCALE, "text")
        + _properties(SPACING, "space")
        + _properties(RADII, "radius")
        + _properties(LAYOUT, "layout")
        + "".join(f"--chart-{place}:{colour};" for place, colour in enumerate(CHART_PALETTE, start=1))
    )
    return (
        f":root{{{shared}{_properties(LIGHT, 'c')}color-scheme:light}}\n"
        f":root.dark{{{_properties(DARK, 'c')}color-scheme:dark}}\n"
    )
