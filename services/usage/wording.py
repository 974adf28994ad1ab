"""Amounts of use in words: how much of a unit, and which share of the whole."""

import re
from decimal import Decimal
from fractions import Fraction

from services import wording
from services.rules.decimals import EXACT, round_half_away
from services.rules.quantities import from_micro

_SEVERAL = re.compile(r"([0-9][0-9,]*) (\S.*)")


def counted(quantity: Decimal | int, unit: str) -> str:
    """A quantity with its unit: 12 jobs, 1 job; and 418 tokens for 0.418 of a unit that is itself 1,000 tokens."""
    several = _SEVERAL.fullmatch(unit)
    if several is not None:
        quantity = EXACT.multiply(Decimal(several[1].replace(",", "")), Decimal(quantity))
        unit = several[2].removesuffix("s")
    return f"{wording.number(quantity)} {unit if quantity == 1 else wording.plural(unit)}"


def counted_micro(quantity_micro: int, unit: str) -> str:
    """`counted` for a quantity stored in millionths."""
    return counted(from_micro(quantity_micro), unit)


def share(part: int, whole: int) -> str:
    """A part of a whole in percent, to a tenth: 41.7 %."""
    tenths = _tenths(part, whole)
    return f"{tenths // 10}.{tenths % 10} %"


def share_width(part: int, whole: int) -> str:
    """The same for the width of a bar: 41.7%."""
    return share(part, whole).replace(" ", "")


def _tenths(part: int, whole: int) -> int:
    return round_half_away(Fraction(part * 1000, whole)) if whole else 0
