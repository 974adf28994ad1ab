"""Assembles the application: the pages, the HTTP API, and the caching rules of what is served statically."""

import reflex as rx

from app.api import create_api
from app.components.failures import APP_WRAPS, tell_of_failure
from app.jobs.running import running_jobs
from app.mail_catching import running_catcher
from app.memory import sparing_the_collector
from app.pages import add_pages
from app.sandbox import mount_sandbox, mounted
from app.static_headers import with_static_headers

app = rx.App(
    api_transformer=[mount_sandbox(create_api()), with_static_headers],
    stylesheets=[f"/styles/{sheet}.css" for sheet in ("base", "shell", "pieces", "tables", "forms", "savings")],
    head_components=[rx.el.link(rel="icon", href="/tallystick.svg", type="image/svg+xml")],
    html_lang="en",
    app_wraps=APP_WRAPS,
    backend_exception_handler=tell_of_failure,
)
add_pages(app)
app.register_lifespan_task(sparing_the_collector)
app.register_lifespan_task(mounted.running)
app.register_lifespan_task(running_catcher)
app.register_lifespan_task(running_jobs)
