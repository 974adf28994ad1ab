"""Assembles the application: the pages, the HTTP API, and the caching rules of what is served statically."""

import reflex as rx

from app.api import create_api
from app.pages import add_pages
from app.static_headers import with_static_headers

STYLESHEETS = [f"/styles/{sheet}.css" for sheet in ("base", "shell", "pieces", "tables", "forms")]

app = rx.App(
    api_transformer=[create_api(), with_static_headers],
    stylesheets=STYLESHEETS,
    head_components=[rx.el.link(rel="icon", href="/tallystick.svg", type="image/svg+xml")],
    html_lang="en",
)
add_pages(app)
