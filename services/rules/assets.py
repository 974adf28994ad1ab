"""How many assets a period is billed for, and which snapshots say so."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from services.rules import decimals
from services.rules.periods import Period
from services.rules.quantities import MICRO, from_micro
from services.rules.violations import InvalidBasis, InvalidPeriod, InvalidQuantity

LATEST = "latest"
PEAK = "peak"
AVERAGE = "average"
BASES = (LATEST, PEAK, AVERAGE)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`asset_count` assets in service when it was captured."""

    id: str
    asset_count: int
    captured_at: datetime

    def __post_init__(self) -> None:
        if self.asset_count < 0:
            raise InvalidQuantity(f"Snapshot {self.id} counts fewer than no assets.")
        if self.captured_at.tzinfo is None:
            raise InvalidPeriod(f"Snapshot {self.id} has a time without a time zone.")


@dataclass(frozen=True, slots=True)
class AssetBasis:
    """The assets billed, how they were counted, and the snapshots a line can be opened down to."""

    count: Decimal
    snapshot_ids: tuple[str, ...]
    basis: str


def billable_assets(snapshots: Iterable[Snapshot], basis: str, period: Period) -> AssetBasis:
    """Count by the latest snapshot in the period, the highest, or the mean of all of them.

    The mean weighs every snapshot alike and is rounded half away from zero to 6 decimals. Snapshots outside
    the period do not count; with none inside, nothing is billed and none is named. Of two at the same
    moment, or two as high, the later one counts, then the one with the greater id. Raises InvalidBasis.
    """
    if basis not in BASES:
        raise InvalidBasis(f"Assets are counted by {', '.join(BASES)}.")
    inside = sorted((s for s in snapshots if s.captured_at in period), key=lambda s: (s.captured_at, s.id))
    if not inside:
        return AssetBasis(Decimal(0), (), basis)
    if basis == AVERAGE:
        mean = Fraction(sum(s.asset_count for s in inside), len(inside))
        count = from_micro(decimals.round_half_away(mean * MICRO))
        return AssetBasis(count, tuple(s.id for s in inside), basis)
    if basis == PEAK:
        inside.sort(key=lambda s: s.asset_count)
    chosen = inside[-1]
    return AssetBasis(Decimal(chosen.asset_count), (chosen.id,), basis)
