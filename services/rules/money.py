"""Money in whole minor units of one currency, rounded once and only once."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Self

from services.rules import decimals
from services.rules.violations import CurrencyMismatch, InvalidAmount

AMOUNT_MINOR_MAX = 10**18
"""Either side of zero; what a 64-bit column holds, with room for a sum of a few."""

_NO_DECIMALS = (
    *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"),
    *("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
)
_THREE_DECIMALS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
_FOUR_DECIMALS = ("CLF", "UYW")
_MINOR_DIGITS = {
    **dict.fromkeys(_NO_DECIMALS, 0),
    **dict.fromkeys(_THREE_DECIMALS, 3),
    **dict.fromkeys(_FOUR_DECIMALS, 4),
}
"""ISO 4217 minor units that differ from 2."""

_CURRENCY = re.compile(r"[A-Z]{3}")


def minor_digits(currency: str) -> int:
    """Decimal places of a currency by ISO 4217; 2 for any other three capital letters.

    Raises InvalidAmount for anything that is not three capital letters.
    """
    if not isinstance(currency, str) or _CURRENCY.fullmatch(currency) is None:
        raise InvalidAmount("A currency is three capital letters, such as CAD.")
    return _MINOR_DIGITS.get(currency, 2)


@dataclass(frozen=True, slots=True)
class Money:
    """`amount_minor` whole minor units (cents, yen, fils) of `currency`.

    Raises InvalidAmount where the amount is not an integer within AMOUNT_MINOR_MAX.
    """

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        minor_digits(self.currency)
        if type(self.amount_minor) is not int:
            raise InvalidAmount("An amount of money is a whole number of minor units.")
        if abs(self.amount_minor) > AMOUNT_MINOR_MAX:
            raise InvalidAmount(f"This amount of {self.currency} is larger than can be billed.")

    @classmethod
    def zero(cls, currency: str) -> Self:
        return cls(0, currency)

    @classmethod
    def parse(cls, text: str, currency: str) -> Self:
        """Read major units such as "9000.00" or "-12.5" exactly.

        Raises InvalidAmount for more decimals than the currency has, or anything but plain digits.
        """
        digits = minor_digits(currency)
        unsigned = text.removeprefix("-") if isinstance(text, str) else ""
        if not decimals.is_plain(unsigned):
            raise InvalidAmount("Write the amount as plain digits, such as 9000.00.")
        whole, _, part = unsigned.partition(".")
        if len(part) > digits:
            raise InvalidAmount(f"{currency} has {digits} decimal places; this amount has {len(part)}.")
        amount_minor = int(whole + part.ljust(digits, "0"))
        return cls(-amount_minor if text.startswith("-") else amount_minor, currency)

    def plain(self) -> str:
        """Major units with all the currency's decimals and nothing else: "10600.00", "-0.05", "500"."""
        digits = minor_digits(self.currency)
        sign = "-" if self.amount_minor < 0 else ""
        text = str(abs(self.amount_minor)).rjust(digits + 1, "0")
        return f"{sign}{text[:-digits]}.{text[-digits:]}" if digits else f"{sign}{text}"

    def __add__(self, other: "Money") -> "Money":
        self._same_currency(other)
        return Money(self.amount_minor + other.amount_minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._same_currency(other)
        return Money(self.amount_minor - other.amount_minor, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount_minor, self.currency)

    def _same_currency(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} cannot be added; bill them apart.")


def round_half_away(value: Fraction | Decimal) -> int:
    """The nearest integer, a half going away from zero.

    Raises InvalidAmount for NaN, infinity or a decimal of absurd magnitude.
    """
    if isinstance(value, Decimal):
        if not decimals.is_exact(value):
            raise InvalidAmount("Only a finite number of ordinary size can be rounded.")
        value = Fraction(value)
    return decimals.round_half_away(value)


def to_money(amount: Fraction, currency: str) -> Money:
    """Round exact major units to minor units, once, half away from zero. A line calls this once."""
    return Money(round_half_away(amount * 10 ** minor_digits(currency)), currency)


def total(lines: Iterable[Money], currency: str) -> Money:
    """The sum of rounded lines, so adding them up by hand agrees. Raises CurrencyMismatch."""
    running = Money.zero(currency)
    for line in lines:
        running += line
    return running
