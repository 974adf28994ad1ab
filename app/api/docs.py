"""/docs: the API's own document, readable, with nothing fetched from elsewhere."""

from importlib.resources import files
from typing import Final

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

DOCS: Final = "/docs"
DOCS_FILES: Final = "/docs-files"


def add_docs(api: FastAPI) -> None:
    """Serve Swagger UI from the files of the package `fastapi-offline`: a page of ours runs no script of others."""
    static = files("fastapi_offline") / "static"
    api.mount(DOCS_FILES, StaticFiles(directory=str(static)), name="docs-files")
    page = get_swagger_ui_html(
        openapi_url=str(api.openapi_url),
        title=f"{api.title} API",
        swagger_js_url=f"{DOCS_FILES}/swagger-ui-bundle.js",
        swagger_css_url=f"{DOCS_FILES}/swagger-ui.css",
        swagger_favicon_url="/tallystick.svg",
    )

    async def docs(_: Request) -> HTMLResponse:
        return page

    api.add_route(DOCS, docs, include_in_schema=False)
