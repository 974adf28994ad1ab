"""Cache rules for the built pages, and redirects that keep the scheme the visitor used."""

from typing import Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HASHED_PREFIX: Final = "/assets/"
FOREVER: Final = "public, max-age=31536000, immutable"
ONE_HOUR: Final = "public, max-age=3600"
REVALIDATE: Final = "no-cache"
VERIFIER_PAGE: Final = "/verify.html"
VERIFIER_FOLDER: Final = "/verify/"
VERIFIER_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'none'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""The verifier works alone: from the page on, nothing may be loaded from or sent to anywhere, this site included."""


def with_static_headers(app: ASGIApp) -> ASGIApp:
    """Wrap the app so that hashed files are cached for good, and pages and the verifier's scripts are asked for anew.

    A redirect to the same host is made relative: behind a TLS proxy the app itself only sees plain HTTP.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(scope, message)
            await send(message)

        await app(scope, receive, send_with_headers)

    return wrapped


def _add_headers(scope: Scope, message: dict[str, Any]) -> None:
    headers = MutableHeaders(raw=message["headers"])
    if scope["path"] == VERIFIER_PAGE:
        headers["content-security-policy"] = VERIFIER_POLICY
        message["headers"] = headers.raw
    location = urlsplit(headers.get("location", ""))
    if location.netloc and location.netloc.encode() == dict(scope["headers"]).get(b"host"):
        one_slash = "/" + location.path.lstrip("/")  # "//evil.example/" alone is another site's address
        headers["location"] = location._replace(scheme="", netloc="", path=one_slash).geturl()
    if "cache-control" in headers or "etag" not in headers:
        return  # an API answer states its own rule; only static files carry an etag here
    if message["status"] == 200 and scope["path"].startswith(HASHED_PREFIX):
        headers["cache-control"] = FOREVER
    elif headers.get("content-type", "").startswith("text/html") or scope["path"].startswith(VERIFIER_FOLDER):
        headers["cache-control"] = REVALIDATE
    else:
        headers["cache-control"] = ONE_HOUR
    message["headers"] = headers.raw
