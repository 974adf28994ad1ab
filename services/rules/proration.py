"""Proration: what the rest of a term costs, and what it includes, by the second and its parts.

A change at a moment within a term credits the rest of the old fee and charges the rest of the new one. Both are exact
shares of a fee that was rounded once, and each is rounded once more, half away from zero, to the minor unit.
"""

from datetime import datetime
from fractions import Fraction

from services.rules.money import Money, round_half_away
from services.rules.violations import InvalidPeriod

_MICROSECOND = datetime.resolution


def share_left(starts_at: datetime, ends_at: datetime, at: datetime) -> Fraction:
    """What is left of a term at a moment: 1 at its start, 0 at its end.

    Raises InvalidPeriod for an empty term, or a moment outside it.
    """
    if starts_at >= ends_at:
        raise InvalidPeriod("A term ends after it starts.")
    if not starts_at <= at <= ends_at:
        raise InvalidPeriod("This moment is not within the term.")
    return Fraction((ends_at - at) // _MICROSECOND, (ends_at - starts_at) // _MICROSECOND)


def fee_left(fee: Money, starts_at: datetime, ends_at: datetime, at: datetime) -> Money:
    """The part of a term's fee that is for the time from `at` on. Raises InvalidPeriod."""
    share = share_left(starts_at, ends_at, at)
    return Money(round_half_away(fee.amount_minor * share), fee.currency)


def added_allowance(old_micro: int, new_micro: int, starts_at: datetime, ends_at: datetime, at: datetime) -> int:
    """The millionths of a credit that a larger allowance adds from `at` on to the smaller one, which stays usable.

    It is rounded down: a lot never holds a part of a millionth that its share does not. Nothing where the new
    allowance is no larger. Raises InvalidPeriod.
    """
    share = share_left(starts_at, ends_at, at)
    return int(max(0, new_micro - old_micro) * share)
