"""Money, numbers and days as a document's reader writes them, by Babel's locale data."""

from datetime import date, datetime
from decimal import Decimal
from typing import Final

from babel.dates import format_date, format_interval, format_time
from babel.numbers import format_currency, format_decimal, format_percent

from services.rules.decimals import EXACT
from services.rules.money import minor_digits

MINUS: Final = "\N{MINUS SIGN}"
LOCALES: Final = {
    "en": {"CA": "en_CA", "US": "en_US", "AU": "en_AU", "NZ": "en_NZ", "IE": "en_IE", "IN": "en_IN", "": "en_CA"},
    "fr": {"CA": "fr_CA", "BE": "fr_BE", "CH": "fr_CH", "LU": "fr_LU", "": "fr_CA"},
}
ELSEWHERE: Final = {"en": "en_GB", "fr": "fr_FR"}
RATE_DECIMALS_MAX: Final = 12


def locale_of(language: str, country: str) -> str:
    """The locale of a language as it is written in a country; where none is known, as in Canada."""
    return LOCALES[language].get(country, ELSEWHERE[language])


class Formats:
    """How one document writes its figures, all in one currency."""

    def __init__(self, *, language: str, country: str, currency: str) -> None:
        self.locale = locale_of(language, country)
        self.language, self.currency = language, currency
        self._digits = minor_digits(currency)
        self._plain = f"#,##0.{'0' * self._digits}" if self._digits else "#,##0"

    def money(self, amount_minor: int) -> str:
        """With the currency's sign: $10,600.00, or 10 600,00 $."""
        return _signed(format_currency(self._major(amount_minor), self.currency, locale=self.locale))

    def amount(self, amount_minor: int) -> str:
        """Without the currency's sign, for a column that names it: 10,600.00."""
        return _signed(format_decimal(self._major(amount_minor), format=self._plain, locale=self.locale))

    def rate(self, price: Decimal) -> str:
        """A price with all its decimals, and no fewer than the currency has: 0.002, 3.00."""
        return self._decimal(price, self._digits)

    def number(self, value: Decimal | int) -> str:
        """A quantity with all its decimals: 1,234,567.418."""
        return self._decimal(Decimal(value), 0)

    def percent(self, value: Decimal) -> str:
        """A rate in per cent with all its decimals: 9.975 %, written the locale's way."""
        return _signed(
            format_percent(EXACT.divide(value, Decimal(100)), f"#,##0.####{self._percent_sign()}", self.locale)
        )

    def day(self, value: date) -> str:
        """November 3, 2026; 3 novembre 2026."""
        return self._first(str(format_date(value, "long", locale=self.locale)))

    def short_day(self, value: date) -> str:
        """Nov 3, 2026; 3 nov. 2026."""
        return self._first(str(format_date(value, "medium", locale=self.locale)))

    def span(self, first: date, last: date) -> str:
        """The days from first to last, both included: Nov 1 – 30, 2026."""
        if first == last:
            return self.short_day(first)
        return str(format_interval(first, last, "yMMMd", locale=self.locale))

    def moment(self, at: datetime) -> str:
        """A local time with its day: Nov 3, 2026, 2:05 p.m.; 3 nov. 2026, 14 h 05."""
        return f"{self.short_day(at.date())}, {format_time(at.time(), 'short', locale=self.locale)}"

    def _major(self, amount_minor: int) -> Decimal:
        return Decimal(amount_minor).scaleb(-self._digits)

    def _decimal(self, value: Decimal, digits_min: int) -> str:
        pattern = f"#,##0.{'0' * digits_min}{'#' * (RATE_DECIMALS_MAX - digits_min)}"
        return _signed(format_decimal(value, format=pattern, locale=self.locale, decimal_quantization=False))

    def _percent_sign(self) -> str:
        return "\N{NO-BREAK SPACE}%" if self.language == "fr" else "%"

    def _first(self, words: str) -> str:
        """French writes the first of a month as 1er."""
        return f"1er{words[1:]}" if self.language == "fr" and words.startswith("1 ") else words


def _signed(text: str) -> str:
    return str(text).replace("-", MINUS)
