"""How Reflex builds and serves the portal. Settings a person changes are TALLYSTICK_ variables; see .env.example."""

import os
from urllib.parse import urlsplit

import reflex as rx

from app.frontend_plugin import TallystickFrontend
from services.settings import settings

port = int(os.environ.get("TALLYSTICK_PORT", "3000"))
public_url = settings().public_url.rstrip("/")
is_local = urlsplit(public_url).hostname in ("localhost", "127.0.0.1")
own_origins = [f"http://localhost:{port}", f"http://127.0.0.1:{port}"] if is_local else []

config = rx.Config(
    app_name="app",
    frontend_port=port,
    backend_port=port,
    deploy_url=public_url,
    # These origins may open the websocket too, so the list is never "*".
    cors_allowed_origins=sorted({public_url, *own_origins}),
    # On disk a state would keep the request's cookie, readable, beside the digest we take care to store.
    state_manager_mode=rx.constants.StateManagerMode.MEMORY,
    telemetry_enabled=False,
    show_built_with_reflex=False,
    frontend_compression_formats=["brotli", "gzip"],
    frontend_lazy_bundled_libraries=True,
    plugins=[TallystickFrontend()],
    # Every page needs a signed-in member: there is nothing for a search engine to list.
    disable_plugins=[rx.plugins.SitemapPlugin],
)
