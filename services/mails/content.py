"""What a letter says, worded in one language from a template: text in named parts, which `layouts` sets on a page.

A template (`templates/<language>/<type>.j2`) holds plain text in blocks. `body` is paragraphs with a blank line between
them, `facts` a line each: the name, a bar, the value. Values cannot break a line, so they cannot make another part.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Self

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from services.mails.phrases import LANGUAGES, one_line, phrases

TEMPLATES: Final = Path(__file__).parent / "templates"
SUBJECT_MAX: Final = 180
TONES: Final = ("plain", "good", "warn", "bad")


@dataclass(frozen=True, slots=True)
class Content:
    """One letter's words. `action` is what the button says, "" where there is none; `tone` colours the page."""

    subject: str
    preview: str
    heading: str
    paragraphs: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    action: str
    tone: str

    def as_json(self) -> dict[str, Any]:
        return {
            "subject": self.subject,
            "preview": self.preview,
            "heading": self.heading,
            "paragraphs": list(self.paragraphs),
            "facts": [list(fact) for fact in self.facts],
            "action": self.action,
            "tone": self.tone,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(
            subject=stored["subject"],
            preview=stored["preview"],
            heading=stored["heading"],
            paragraphs=tuple(stored["paragraphs"]),
            facts=tuple((name, value) for name, value in stored["facts"]),
            action=stored["action"],
            tone=stored["tone"],
        )


def word_content(template: str, facts: Mapping[str, Any], *, language: str, timezone: str) -> Content:
    """A letter's words, from the template of that name and the facts it tells of."""
    environment = _environment(language, timezone)
    found = environment.get_template(f"{language}/{template}.j2")
    told = found.new_context(dict(facts))
    part = {name: "".join(block(told)).strip() for name, block in found.blocks.items()}
    content = Content(
        subject=_flowed(part["subject"])[:SUBJECT_MAX],
        preview=_flowed(part["preview"]),
        heading=_flowed(part["heading"]),
        paragraphs=tuple(filter(None, (_flowed(each) for each in part["body"].split("\n\n")))),
        facts=tuple(_facts(part["facts"])),
        action=_flowed(part["action"]),
        tone=_flowed(part["tone"]),
    )
    assert content.tone in TONES, f"{template} has the tone {content.tone!r}"
    return content


def templates() -> list[str]:
    """The names of all templates; each is there in every language."""
    return sorted(path.stem for path in (TEMPLATES / LANGUAGES[0]).glob("*.j2"))


def _facts(text: str) -> list[tuple[str, str]]:
    pairs = [line.partition("|") for line in text.splitlines() if line.strip()]
    return [(name.strip(), value.strip()) for name, _, value in pairs if value.strip()]


def _flowed(text: str) -> str:
    return " ".join(filter(None, text.replace("\n", " ").split(" ")))


@lru_cache(maxsize=64)
def _environment(language: str, timezone: str) -> Environment:
    """Text, so nothing is escaped here: the page that shows it escapes it."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        finalize=one_line,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=select_autoescape(enabled_extensions=()),
    )
    environment.filters.update(phrases(language, timezone))
    return environment
