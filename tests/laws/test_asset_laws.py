"""Laws of the asset basis: the order snapshots arrive in does not matter, the mean lies between."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from services.rules.assets import BASES, Snapshot, billable_assets
from services.rules.periods import period_number

PERIOD = period_number(datetime(2026, 3, 1, tzinfo=UTC), "UTC", 0)


@st.composite
def snapshot_lists(draw):
    days = draw(st.lists(st.integers(-5, 40), max_size=12))
    return [
        Snapshot(f"s{number}", draw(st.integers(0, 5)), PERIOD.starts_at + timedelta(days=day))
        for number, day in enumerate(days)
    ]


@given(snapshot_lists(), st.sampled_from(BASES), st.randoms(use_true_random=False))
def test_the_order_snapshots_arrive_in_does_not_matter(snapshots, basis, random):
    shuffled = random.sample(snapshots, len(snapshots))
    assert billable_assets(shuffled, basis, PERIOD) == billable_assets(snapshots, basis, PERIOD)


@given(snapshot_lists())
def test_latest_and_average_never_exceed_the_peak(snapshots):
    latest, peak, average = (billable_assets(snapshots, basis, PERIOD).count for basis in BASES)
    assert latest <= peak
    assert average <= peak


@given(snapshot_lists())
def test_the_average_can_be_checked_from_the_snapshots_it_names(snapshots):
    counted = billable_assets(snapshots, "average", PERIOD)
    named = [snapshot.asset_count for snapshot in snapshots if snapshot.id in counted.snapshot_ids]
    mean = Fraction(sum(named), len(named)) if named else Fraction(0)
    assert abs(Fraction(counted.count) - mean) <= Fraction(1, 2_000_000)
    assert counted.count.normalize() == counted.count.quantize(Decimal("0.000001"))
