"""Units and credits as whole millionths, so nothing is ever rounded up per event."""

from decimal import Decimal

from services.rules import decimals
from services.rules.violations import InexactResult, InvalidQuantity, InvalidRate

MICRO = 1_000_000
MICRO_DECIMALS = 6
UNITS_MAX = 10**12
CREDITS_MAX = 10**12

EVENT_CREDITS_MICRO_MAX = 2**53 - 1
"""Of one event: the largest whole number a receipt can hold, nine billion credits."""

_UNITS_MICRO_MAX = UNITS_MAX * MICRO
_TOO_MANY_UNITS = "Units are at most 1,000,000,000,000 in one call; split the use into several events."
_TOO_FINE = "Units have at most 6 decimals; round the measurement to a millionth before sending it."
_NOT_ABOVE_ZERO = "Units must be above zero; leave out events that measured nothing."


def parse_units(value: object) -> int:
    """Read metered units from an int, a Decimal or a plain decimal string; answers micro-units.

    Raises InvalidQuantity for anything else: floats, booleans, exponents, signs, spaces, NaN, zero,
    more than 6 decimals, more than UNITS_MAX.
    """
    if type(value) is int:
        if value > UNITS_MAX:
            raise InvalidQuantity(_TOO_MANY_UNITS)
        micro = value * MICRO
    elif isinstance(value, str):
        micro = _micro_of_text(value)
    elif isinstance(value, Decimal):
        micro = _micro_of_decimal(value)
    else:
        raise InvalidQuantity('Units must be a JSON number or a decimal string, such as 12 or "12.5".')
    if micro <= 0:
        raise InvalidQuantity(_NOT_ABOVE_ZERO)
    if micro > _UNITS_MICRO_MAX:
        raise InvalidQuantity(_TOO_MANY_UNITS)
    return micro


def _micro_of_text(text: str) -> int:
    if len(text) > decimals.TEXT_MAX:
        raise InvalidQuantity(f"Units are written in at most {decimals.TEXT_MAX} characters.")
    if not decimals.is_plain(text):
        raise InvalidQuantity('Write units as plain digits with an optional decimal point, such as "12.5".')
    whole, _, part = text.partition(".")
    if len(part) > MICRO_DECIMALS:
        raise InvalidQuantity(_TOO_FINE)
    return int(whole + part.ljust(MICRO_DECIMALS, "0"))


def _micro_of_decimal(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise InvalidQuantity("Units must be a finite number.")
    if value.is_signed():
        raise InvalidQuantity(_NOT_ABOVE_ZERO)
    if exponent > 0:
        raise InvalidQuantity("Write units without an exponent: 1000, not 1E+3.")
    if -exponent > MICRO_DECIMALS:
        raise InvalidQuantity(_TOO_FINE)
    if value > UNITS_MAX:
        raise InvalidQuantity(_TOO_MANY_UNITS)
    return to_micro(value)


def to_micro(value: Decimal) -> int:
    """Whole millionths of a number of either sign.

    Raises InexactResult where it is finer than a millionth, InvalidQuantity where it is not finite.
    """
    if not decimals.is_exact(value):
        raise InvalidQuantity("A quantity must be a finite number of ordinary size.")
    numerator, denominator = value.as_integer_ratio()
    micro, rest = divmod(numerator * MICRO, denominator)
    if rest:
        raise InexactResult(f"{decimals.text_of(value)} is finer than a millionth and would have to be rounded.")
    return micro


def from_micro(micro: int) -> Decimal:
    """The exact number, without trailing zeros: 418000 is Decimal("0.418")."""
    return Decimal(plain_micro(micro))


def plain(value: Decimal | int) -> str:
    """Plain decimal text: no exponent, no trailing zeros. Raises InvalidQuantity for NaN and infinity."""
    if isinstance(value, int):
        return str(int(value))
    if not decimals.is_exact(value):
        raise InvalidQuantity("A quantity must be a finite number of ordinary size.")
    return decimals.text_of(value)


def plain_micro(micro: int) -> str:
    """Micro-units as plain text: 418000 is "0.418", 2000000 is "2"."""
    whole, part = divmod(abs(micro), MICRO)
    sign = "-" if micro < 0 else ""
    return f"{sign}{whole}.{part:06d}".rstrip("0") if part else f"{sign}{whole}"


def credits_for(units_micro: int, credits_per_unit: Decimal) -> int:
    """Credits a number of units burns, in micro-credits, exactly: 418 tokens at 1 per 1,000 is 418000.

    Raises InexactResult where the answer is not a whole millionth of a credit, InvalidQuantity below zero
    or above EVENT_CREDITS_MICRO_MAX, and InvalidRate for a rate that is negative, not finite or finer than 12 decimals.
    """
    if units_micro < 0:
        raise InvalidQuantity("Units cannot be below zero.")
    if not decimals.is_exact(credits_per_unit) or credits_per_unit < 0:
        raise InvalidRate("Credits per unit must be zero or more.")
    if decimals.decimals_of(credits_per_unit) > decimals.DECIMALS_MAX:
        raise InvalidRate(f"Credits per unit have at most {decimals.DECIMALS_MAX} decimals.")
    numerator, denominator = credits_per_unit.as_integer_ratio()
    credits_micro, rest = divmod(units_micro * numerator, denominator)
    if rest:
        raise InexactResult("These units burn a fraction of a millionth of a credit; send fewer decimals.")
    if credits_micro > EVENT_CREDITS_MICRO_MAX:
        raise InvalidQuantity("This would burn more than 9,007,199,254 credits; split the use into several events.")
    return credits_micro


def fast_rate(credits_per_unit: Decimal) -> tuple[int, int, int]:
    """A rate as (numerator, denominator, units_micro_max): up to there `credits_for` is the one divided by the other.

    Where it does not divide, or beyond that many units, `credits_for` says what is wrong. Raises InvalidRate as it.
    """
    credits_for(0, credits_per_unit)
    numerator, denominator = credits_per_unit.as_integer_ratio()
    return numerator, denominator, EVENT_CREDITS_MICRO_MAX * denominator // numerator if numerator else _UNITS_MICRO_MAX
