"""Exact decimals: how they are read, written and bounded before anything is computed from them."""

import re
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from fractions import Fraction

TEXT_MAX = 64
"""Characters in the longest decimal worth reading; longer text is refused before it is parsed."""

DECIMALS_MAX = 12
MAGNITUDE_MAX = 40
"""Powers of ten, either way, beyond which a Decimal is refused: 1E+999999999 would fill the memory."""

EXACT = Context(prec=100, traps=[Inexact, InvalidOperation, Overflow])
"""Arithmetic that raises where it would have to round."""

_PLAIN = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def is_plain(text: str) -> bool:
    """Whether `text` is ASCII digits with at most one point inside: no sign, exponent, space or name."""
    return len(text) <= TEXT_MAX and _PLAIN.fullmatch(text) is not None


def is_exact(value: Decimal) -> bool:
    """Whether `value` is finite and small enough, and coarse enough, to be computed with safely."""
    if not value.is_finite():
        return False
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and abs(exponent) <= MAGNITUDE_MAX and value.adjusted() <= MAGNITUDE_MAX


def decimals_of(value: Decimal) -> int:
    """Decimal places written in a finite `value`, trailing zeros included."""
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def text_of(value: Decimal) -> str:
    """A finite decimal as plain text: no exponent, no trailing zeros, no negative zero."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def round_half_away(value: Fraction) -> int:
    """The nearest integer; a half goes away from zero, so -2.5 is -3 and 2.5 is 3."""
    magnitude = (2 * abs(value.numerator) + value.denominator) // (2 * value.denominator)
    return magnitude if value.numerator >= 0 else -magnitude
