"""Where the dots, lines and bars of a report stand: whole parts of ROOM, from the left and from the bottom."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from services.gain_share.series import KpiSeries
from services.gain_share.working import Bar
from services.rules.sensitivity import Effect

ROOM: Final = 10_000
MARGIN: Final = Decimal("0.14")
"""Of the span of the values, above the highest and below the lowest."""


def kpi_dots(series: KpiSeries) -> dict[str, Any]:
    """Each measurement, None where nothing failed, and the baseline of its days; and the two ends of the scale."""
    values = [value for point in series.points for value in (point.value, point.baseline) if value is not None]
    lowest, highest = min(values), max(values)
    pad = (highest - lowest) * MARGIN or max(abs(highest) * MARGIN, Decimal(1))
    bottom, top = lowest - pad, highest + pad

    def height(value: Decimal) -> int:
        return int((value - bottom) * ROOM / (top - bottom))

    last = max(1, len(series.points) - 1)
    dots = [
        {
            "x": place * ROOM // last if len(series.points) > 1 else ROOM // 2,
            "y": None if point.value is None else height(point.value),
            "base": height(point.baseline),
            "filled": point.is_in_run,
        }
        for place, point in enumerate(series.points)
    ]
    return {"dots": dots, "marks": [(height(lowest), lowest), (height(highest), highest)]}


def placed_bars(bars: Sequence[Bar]) -> list[tuple[int, int]]:
    """(left, width) of each bar of the waterfall."""
    return _placed([(bar.from_minor, bar.to_minor) for bar in bars], [0])


def placed_effects(effects: Iterable[Effect], fee_minor: int) -> tuple[list[tuple[int, int]], int]:
    """(left, width) from the lowest to the highest fee of each effect, and where the fee as it is stands."""
    reach = []
    for effect in effects:
        fees = [side.fee.amount_minor for side in (effect.lower, effect.higher) if side is not None] + [fee_minor]
        reach.append((min(fees), max(fees)))
    placed = _placed([*reach, (fee_minor, fee_minor)], [])
    return placed[:-1], placed[-1][0]


def _placed(spans: Sequence[tuple[int, int]], more: Sequence[int]) -> list[tuple[int, int]]:
    ends = [*more, *(end for span in spans for end in span)]
    lowest, whole = min(ends), max(1, max(ends) - min(ends))
    return [((min(span) - lowest) * ROOM // whole, abs(span[1] - span[0]) * ROOM // whole) for span in spans]
