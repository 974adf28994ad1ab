"""When a fee that was charged in advance is earned: evenly by the second over the time it pays for.

What is earned up to a moment is rounded once, half away from zero, and a slice is the difference of two such sums; so
the slices of any cut add up to the fee exactly (IFRS 15, paragraph 39: progress by time elapsed).
"""

from datetime import datetime, timedelta
from fractions import Fraction

from services.rules.money import round_half_away
from services.rules.violations import InvalidPeriod

_MICROSECOND = timedelta(microseconds=1)


def earned_minor(amount_minor: int, *, starts_at: datetime, ends_at: datetime, at: datetime) -> int:
    """Minor units of `amount_minor` earned from `starts_at` until `at`: none before, all from `ends_at` on.

    Raises InvalidPeriod where the time it pays for is none.
    """
    if ends_at <= starts_at:
        raise InvalidPeriod("A fee that is earned over time pays for some time.")
    if at <= starts_at:
        return 0
    if at >= ends_at:
        return amount_minor
    elapsed = Fraction((at - starts_at) // _MICROSECOND, (ends_at - starts_at) // _MICROSECOND)
    return round_half_away(amount_minor * elapsed)


def slices(
    amount_minor: int, *, starts_at: datetime, ends_at: datetime, cuts: list[datetime]
) -> list[tuple[datetime, int]]:
    """(until, minor units earned since the cut before) for rising `cuts` within the time, and for its end."""
    earned, parts = 0, []
    for cut in [*(cut for cut in cuts if starts_at < cut < ends_at), ends_at]:
        until = earned_minor(amount_minor, starts_at=starts_at, ends_at=ends_at, at=cut)
        parts.append((cut, until - earned))
        earned = until
    return parts
