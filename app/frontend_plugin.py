"""What Tallystick adds to Reflex's frontend build: the design tokens as a stylesheet, and address-free pages."""

from pathlib import Path
from typing import Any, Final

from reflex_base.plugins.base import Plugin

from app.theme import css_tokens

BUILD_API_URL: Final = "http://same-origin.invalid"
"""The backend's address while pages are built. Reflex bakes an absolute address into the JavaScript; `post_build`
replaces this one by the address the page was loaded from, so one build serves any host, port and scheme."""

TOKENS_SHEET: Final = "tokens.css"


class TallystickFrontend(Plugin):
    """Writes `tokens.css` from app/theme.py, and makes the built pages talk to whichever server served them."""

    def get_static_assets(self, **context: Any) -> list[tuple[Path, str]]:
        return [(Path("styles") / TOKENS_SHEET, css_tokens())]

    def get_stylesheet_paths(self, **context: Any) -> list[str]:
        return [f"./{TOKENS_SHEET}"]

    def post_build(self, **context: Any) -> None:
        """Replace the baked backend address in the built scripts; a build made for another address is left alone."""
        for script in Path(context["static_dir"]).rglob("*.js"):
            text = script.read_text(encoding="utf-8")
            if "same-origin.invalid" in text:
                script.write_text(_relative_to_page(text), encoding="utf-8")


def _relative_to_page(script: str) -> str:
    """Turn each quoted `http://same-origin.invalid/x` or `ws://…` literal into an expression on `location.origin`."""
    for quote in ('"', "'", "`"):
        script = script.replace(f"{quote}{BUILD_API_URL}/", f"location.origin+{quote}/")
        socket_url = BUILD_API_URL.replace("http:", "ws:")
        script = script.replace(f"{quote}{socket_url}/", f'location.origin.replace("http","ws")+{quote}/')
    return script
