"""Set a laid-out document as PDF/A-3b with Typst. The same document gives the same bytes, on every machine.

Typst brings its fonts along: Libertinus Serif (Latin, Greek, Cyrillic, Hebrew), and DejaVu Sans Mono for what that
lacks (Arabic, Armenian, Georgian). The system's fonts are asked only for letters that neither has, such as Chinese
ones, and what they lack too is shown as “?” with a note: the data inside the document has it as it is.
"""

import json
from collections.abc import Callable
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

import typst

TEMPLATE: Final = Path(__file__).with_name("document.typ").read_bytes()
STANDARD: Final = "a-3b"
LETTERS_REMEMBERED: Final = 65_536
MISSING: Final = "?"
SETTABLE_BELOW: Final = "\u0250"
"""Basic Latin to Latin Extended-B: all in the fonts that Typst brings."""

_PROBE: Final = b"""#set document(title: "letter")
#set text(font: ("Libertinus Serif", "DejaVu Sans Mono"))
#sys.inputs.letter"""


def set_pages(sheet: dict[str, Any], *, xml: str, at: datetime) -> bytes:
    """The PDF of a sheet of `layout.lay_out`, with `xml` attached unless it is "". `at` is the time written into it."""
    return set_sheet(TEMPLATE, sheet, at=at, xml=xml)


def set_sheet(template: bytes, sheet: dict[str, Any], *, at: datetime, **unseen: str) -> bytes:
    """The PDF of a sheet by a template that reads it as `sys.inputs.document`; `unseen` is data that is not set.

    Letters that no font has are shown as MISSING, and `is_unsettable` in the data says so.
    """
    settable, lacks, fonts = _settable(sheet)
    data = settable | unseen | {"is_unsettable": lacks}
    made = typst.compile(
        template,
        format="pdf",
        font_paths=fonts,
        sys_inputs={"document": json.dumps(data, ensure_ascii=False)},
        pdf_standards=[STANDARD],
        timestamp=int(at.timestamp()),
    )
    assert isinstance(made, bytes)
    return made


def _settable(sheet: dict[str, Any]) -> tuple[dict[str, Any], bool, typst.Fonts]:
    """The sheet without letters that cannot be set, whether there were any, and the fonts to set it with."""
    letters = _unusual(json.dumps(sheet, ensure_ascii=False))
    foreign = {letter for letter in letters if not _has(letter, system=False)}
    if not foreign:
        return sheet, False, _fonts(system=False)
    lacking = {letter for letter in foreign if not _has(letter, system=True)}
    table = str.maketrans(dict.fromkeys(lacking, MISSING))
    return _mapped(sheet, lambda text: text.translate(table)), bool(lacking), _fonts(system=True)


def _unusual(text: str) -> set[str]:
    return {letter for letter in set(text) if letter >= SETTABLE_BELOW}


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _mapped(each, change) for key, each in value.items()}
    return [_mapped(each, change) for each in value] if isinstance(value, list) else value


@lru_cache(LETTERS_REMEMBERED)
def _has(letter: str, *, system: bool) -> bool:
    """Whether a font has the letter. Typst refuses to write PDF/A where none has; so it is asked."""
    try:
        typst.compile(
            _PROBE,
            format="pdf",
            font_paths=_fonts(system=system),
            sys_inputs={"letter": letter},
            pdf_standards=[STANDARD],
            timestamp=0,
        )
    except typst.TypstError:
        return False
    return True


@cache
def _fonts(*, system: bool) -> typst.Fonts:
    return typst.Fonts(include_system_fonts=system)
