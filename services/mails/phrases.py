"""Amounts, dates and quantities in a letter's language. A letter is in English or in French."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from babel.dates import format_date, format_time
from babel.numbers import format_currency, format_decimal, format_percent

from services.gain_share.report.french import KPIS
from services.gain_share.words import KPI_WORDS
from services.rules.money import Money, minor_digits
from services.rules.periods import check_timezone

ENGLISH, FRENCH = "en", "fr"
LANGUAGES: Final = (ENGLISH, FRENCH)
LOCALES: Final = {ENGLISH: "en_CA", FRENCH: "fr_CA"}
_DAY: Final = {ENGLISH: "d MMMM y", FRENCH: "d MMMM y"}
_FRENCH_NOUNS: Final = {
    "Credits": "de crédits",
    "Questions": "de questions",
    "API calls": "d’appels d’API",
    "Verified exchanges": "d’échanges vérifiés",
    "Fallback units": "d’unités de repli",
}
"""Price books name what they count in English; these are the names in those that ship."""

_FRENCH_KPIS: Final = {KPI_WORDS[code]: name for code, name in KPIS.items()}
_FRENCH_UNITS: Final = {"hours": "heures"}

_BIDI: Final = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
_BLANKS: Final = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029], " ")
_CLEANED: Final = str.maketrans({**_BLANKS, **dict.fromkeys(map(ord, _BIDI), "")})


def one_line(value: object) -> str:
    """A value as part of a line: whatever would break the line, or turn its direction, is gone."""
    text = str(value).translate(_CLEANED).encode("utf-8", "replace").decode()
    return text.strip(" ")


def phrases(language: str, timezone: str) -> dict[str, Callable[[Any], str]]:
    """How values are worded in a language, on the customer's clock: filters for the templates, by name."""
    locale, zone = LOCALES[language], check_timezone(timezone)

    def money(amount: Money) -> str:
        value = Decimal(amount.amount_minor).scaleb(-minor_digits(amount.currency))
        return str(format_currency(value, amount.currency, locale=locale))

    def day(at: datetime | date) -> str:
        local = at.astimezone(zone).date() if isinstance(at, datetime) else at
        worded = str(format_date(local, _DAY[language], locale=locale))
        return worded.replace("1 ", "1er ", 1) if language == FRENCH and local.day == 1 else worded

    def moment(at: datetime) -> str:
        local = at.astimezone(zone)
        between = "à" if language == FRENCH else "at"
        return f"{day(at)} {between} {format_time(local.timetz(), 'short', locale=locale, tzinfo=zone)}"

    def last_day(at: datetime | date) -> str:
        """The last day of a period that ends at a moment, or before a day."""
        return day(at - (datetime.resolution if isinstance(at, datetime) else timedelta(days=1)))

    def number(value: str | int | Decimal) -> str:
        return str(format_decimal(Decimal(value), locale=locale, decimal_quantization=False))

    def percent(value: int) -> str:
        return str(format_percent(Decimal(value) / 100, locale=locale))

    def noun(name: str) -> str:
        """What a pool counts, within a sentence: "credits" in English, "de crédits" in French."""
        if language == FRENCH:
            return _FRENCH_NOUNS.get(name, f"«\u00a0{name}\u00a0»")
        return name if name[1:2].isupper() else name[:1].lower() + name[1:]

    def kpi(name: str) -> str:
        """A KPI by its name; those that a plan adds keep theirs."""
        return _FRENCH_KPIS.get(name, name) if language == FRENCH else name

    def unit(name: str) -> str:
        return _FRENCH_UNITS.get(name, name) if language == FRENCH else name

    return {
        "money": money,
        "day": day,
        "last_day": last_day,
        "moment": moment,
        "number": number,
        "percent": percent,
        "noun": noun,
        "kpi": kpi,
        "unit": unit,
    }
