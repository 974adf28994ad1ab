"""Assets are counted by the plan's basis, and the line can name its snapshots."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from services.rules.assets import Snapshot, billable_assets
from services.rules.periods import period_number
from services.rules.violations import InvalidBasis, InvalidPeriod, InvalidQuantity

MARCH = period_number(datetime(2026, 3, 1, tzinfo=UTC), "UTC", 0)


def taken(id, count, day, hour=0):
    return Snapshot(id, count, datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=day - 1, hours=hour))


SNAPSHOTS = [
    taken("d", 1100, 31, hour=23),
    taken("a", 1000, 1),
    taken("c", 1201, 20),
    taken("b", 1200, 10),
    taken("before", 9999, 0),
    taken("after", 9999, 32),
]


@pytest.mark.parametrize(
    ("basis", "count", "ids"),
    [
        ("latest", "1100", ("d",)),
        ("peak", "1201", ("c",)),
        ("average", "1125.25", ("a", "b", "c", "d")),
    ],
)
def test_the_basis_decides_the_count_and_names_the_snapshots(basis, count, ids):
    counted = billable_assets(SNAPSHOTS, basis, MARCH)
    assert (counted.count, counted.snapshot_ids, counted.basis) == (Decimal(count), ids, basis)


def test_the_average_is_rounded_half_away_to_six_decimals():
    thirds = [taken("a", 1, 1), taken("b", 1, 2), taken("c", 0, 3)]
    assert billable_assets(thirds, "average", MARCH).count == Decimal("0.666667")


@pytest.mark.parametrize("basis", ["latest", "peak"])
def test_of_two_alike_the_later_then_the_greater_id_counts(basis):
    same_moment = [taken("b", 7, 5), taken("a", 7, 5)]
    assert billable_assets(same_moment, basis, MARCH).snapshot_ids == ("b",)
    assert billable_assets([taken("a", 7, 6), *same_moment], basis, MARCH).snapshot_ids == ("a",)


@pytest.mark.parametrize("basis", ["latest", "peak", "average"])
def test_without_a_snapshot_in_the_period_nothing_is_billed(basis):
    counted = billable_assets([taken("before", 5, 0)], basis, MARCH)
    assert (counted.count, counted.snapshot_ids) == (0, ())


def test_the_period_is_half_open():
    assert billable_assets([taken("first", 5, 1)], "latest", MARCH).count == 5
    assert billable_assets([taken("next", 5, 32)], "latest", MARCH).count == 0


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(InvalidBasis):
        billable_assets([], "median", MARCH)
    with pytest.raises(InvalidQuantity):
        taken("a", -1, 1)
    with pytest.raises(InvalidPeriod):
        Snapshot("a", 1, datetime(2026, 3, 1))  # noqa: DTZ001
