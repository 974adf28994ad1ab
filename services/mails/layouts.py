"""A letter's two pages, plain text and HTML, from the same content; and the words around it in each language."""

import textwrap
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.mails.content import TEMPLATES, Content
from services.mails.phrases import one_line

LINE_MAX: Final = 72


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around a letter: who sends it, where its button leads, and why this person gets it.

    `unsubscribe_url` is "" for letters that cannot be stopped by a link, `settings_url` for people without an account.
    """

    brand: str
    language: str
    customer: str
    action_url: str
    settings_url: str = ""
    unsubscribe_url: str = ""


def as_html(content: Content, frame: Frame) -> str:
    """The page for programs that show HTML: styles inlined, nothing fetched, light and dark."""
    page = _environment().get_template("layout.html.j2")
    return page.render(content=content, frame=frame, around=_around(frame.language))


def as_text(content: Content, frame: Frame) -> str:
    """The same in plain text, in lines of LINE_MAX characters; addresses are never broken."""
    words = _around(frame.language)
    parts = [content.heading, "-" * min(len(content.heading), LINE_MAX), ""]
    for paragraph in content.paragraphs:
        parts += [*_wrapped(paragraph), ""]
    if content.facts:
        width = max(len(name) for name, _ in content.facts) + len(words["colon"]) + 1
        for name, value in content.facts:
            parts += _wrapped(f"{name + words['colon']:<{width}}{value}", indent=" " * width)
        parts.append("")
    if content.action:
        parts += [f"{content.action}{words['colon']}", frame.action_url, ""]
    parts += ["-- ", *_wrapped(words["why"].format(brand=one_line(frame.brand), customer=one_line(frame.customer)))]
    if frame.settings_url:
        parts += [f"{words['settings']}{words['colon']} {frame.settings_url}"]
    if frame.unsubscribe_url:
        parts += [f"{words['unsubscribe']}{words['colon']} {frame.unsubscribe_url}"]
    return "\n".join(parts) + "\n"


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, LINE_MAX, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False,
        replace_whitespace=False,
    )  # fmt: skip


def _around(language: str) -> dict[str, str]:
    return _WORDS[language]


_WORDS: Final = {
    "en": {
        "colon": ":",
        "why": "{brand} sends this about the account of {customer}.",
        "settings": "Choose what you are told",
        "unsubscribe": "Unsubscribe from letters like this",
        "fallback": "Or open this address:",
    },
    "fr": {
        "colon": "\u00a0:",
        "why": "{brand} vous envoie ce message au sujet du compte de {customer}.",
        "settings": "Choisir vos avis",
        "unsubscribe": "Ne plus recevoir ce genre d’avis",
        "fallback": "Ou ouvrez cette adresse\u00a0:",
    },
}


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        finalize=one_line,
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
