"""One visit to a page: what was asked, and the ways to answer it."""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from services.stripe_sandbox.documents import Document
from services.stripe_sandbox.resources.account import ACCOUNT_NAME
from services.stripe_sandbox.world import World

FOLDER: Final = Path(__file__).parent
STATIC: Final = FOLDER / "static"
TOKEN_SECRET: Final = secrets.token_bytes(32)
"""Of this process: a form that was open across a restart is shown anew."""

TEMPLATES: Final = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
NOT_KEPT: Final = {
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
}


@dataclass(frozen=True)
class Answer:
    """What a page answers: a body, or where to go on (303)."""

    body: bytes
    status: int = 200
    media_type: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Message:
    """A page that says one thing, and where to go from it."""

    title: str
    text: str
    sign: str = "!"
    tone: str = "note"
    link: str = ""
    link_label: str = ""
    is_main: bool = False


@dataclass(frozen=True)
class Notice:
    """A line at the top of a page about what was just done."""

    text: str
    tone: str = "good"


class Stop(Exception):
    """Answer with this message instead; whatever was begun is taken back."""

    def __init__(self, message: Message, status: int = 404) -> None:
        super().__init__(message.title)
        self.message = message
        self.status = status


@dataclass
class Visit:
    """`root` is the path the sandbox is mounted below, `path` the page's own below it."""

    world: World
    root: str
    path: str
    ids: Mapping[str, str]
    query: Mapping[str, str]
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def here(self) -> str:
        """This page's address on its host."""
        return self.root + self.path

    def token(self, path: str | None = None) -> str:
        """What a form of this page must carry; a page of another origin cannot know it."""
        return hmac.new(TOKEN_SECRET, (path or self.path).encode(), hashlib.sha256).hexdigest()

    def carries_token(self) -> bool:
        """Whether the form that was posted is one of ours."""
        return hmac.compare_digest(self.given.get("token", "").encode(), self.token().encode())

    def page(self, template: str, *, status: int = 200, goes_to: Iterable[str | None] = (), **shown: Any) -> Answer:
        """A page from its template. `goes_to` are addresses elsewhere that its forms may lead to."""
        body = TEMPLATES.get_template(template).render(
            root=self.root, here=self.here, token=self.token(), style_version=style_version(),
            **{"seller": ACCOUNT_NAME, **shown},
        )  # fmt: skip
        return Answer(body.encode(), status, headers={"Content-Security-Policy": policy(goes_to)})

    def message(self, message: Message, status: int = 200, **shown: Any) -> Answer:
        """A page that says one thing."""
        return self.page("message.html", status=status, message=message, **shown)

    def go(self, address: str) -> Answer:
        """Go on to another page, here (a path below the sandbox) or elsewhere (with its scheme)."""
        target = address if urlsplit(address).scheme else self.root + address
        return Answer(b"", 303, headers={"Location": target})


Handler = Callable[[Visit], Answer]
Page = tuple[str, Handler, Handler | None]
"""A path, what shows it, and what acts on a form posted to it, where it has one."""


def policy(goes_to: Iterable[str | None] = ()) -> str:
    """No script, no frame, nothing from elsewhere; forms lead here and to the shop's own addresses."""
    origins = {f"{parts.scheme}://{parts.netloc}" for address in goes_to if address and (parts := urlsplit(address))}
    shops = "".join(f" {origin}" for origin in sorted(origins) if _is_origin(origin))
    return (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action 'self'{shops}"
    )


def _is_origin(text: str) -> bool:
    return text.startswith(("http://", "https://")) and not set(text) & set(" ;,'\"\r\n\t")


@cache
def style_version() -> str:
    """Changes when the style sheet does, so that it may be kept by browsers."""
    return hashlib.sha256((STATIC / "sandbox.css").read_bytes()).hexdigest()[:12]


def newest(world: World, kind: str, limit: int, **where: Any) -> list[Document]:
    """The last documents of a kind, the newest first; `where` is an equality on an indexed field."""
    table = world.store.tables[kind]
    ids = table.ids({name.replace("__", "."): value for name, value in where.items()})
    return [table.documents[identifier] for identifier in reversed(ids[-limit:])]
