"""Which lots a use spends, and which thresholds it crosses."""

from datetime import UTC, datetime, timedelta

import pytest

from services.rules.credits import Burn, Grant, Wallet, burn_order, crossings, plan_burn
from services.rules.violations import InvalidGrant, InvalidQuantity

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def lot(id, *, priority=100, starts=-10, ends=10, granted=-10, remaining=100, kind="allowance"):
    expires_at = None if ends is None else NOW + ends * DAY
    return Grant(id, kind, priority, NOW + starts * DAY, expires_at, NOW + granted * DAY, remaining)


def burned(grants, credits_micro, at=NOW):
    return [(burn.grant_id, burn.credits_micro) for burn in plan_burn(grants, credits_micro, at).burns]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lot("z", priority=1, ends=None), lot("a", priority=2, ends=1)),
        (lot("z", ends=1), lot("a", ends=2)),
        (lot("z", ends=1000, granted=0), lot("a", ends=None, granted=-10)),
        (lot("z", granted=-11), lot("a", granted=-10)),
        (lot("a"), lot("b")),
    ],
    ids=["priority", "expiry", "never expires last", "oldest", "id"],
)
def test_lots_burn_by_priority_then_expiry_then_age_then_id(first, second):
    assert burned([second, first], 150) == [(first.id, 100), (second.id, 50)]
    assert sorted([second, first], key=burn_order) == [first, second]


def test_a_lot_is_usable_from_its_start_until_just_before_its_end():
    grant = lot("a", starts=0, ends=1)
    assert burned([grant], 1, at=NOW) == [("a", 1)]
    assert burned([grant], 1, at=NOW - timedelta(microseconds=1)) == []
    assert burned([grant], 1, at=NOW + DAY - timedelta(microseconds=1)) == [("a", 1)]
    assert burned([grant], 1, at=NOW + DAY) == []


def test_what_no_lot_covers_is_the_shortfall():
    plan = plan_burn([lot("a"), lot("empty", remaining=0)], 130, NOW)
    assert plan.burns == (Burn("a", 100),)
    assert plan.burned_micro == 100
    assert plan.shortfall_micro == 30


def test_nothing_to_burn_touches_no_lot():
    assert plan_burn([lot("a")], 0, NOW).burns == ()
    assert Wallet([lot("a")]).burn(0, NOW).burns == ()


def test_burning_less_than_nothing_is_refused():
    with pytest.raises(InvalidQuantity):
        plan_burn([], -1, NOW)
    with pytest.raises(InvalidQuantity):
        Wallet([]).burn(-1, NOW)


def test_two_lots_with_one_id_are_refused():
    with pytest.raises(InvalidGrant):
        plan_burn([lot("a"), lot("a", remaining=5)], 1, NOW)
    with pytest.raises(InvalidGrant):
        Wallet([lot("a"), lot("a")])


def test_a_lot_that_contradicts_itself_cannot_be_built():
    with pytest.raises(InvalidGrant, match="less than nothing"):
        lot("a", remaining=-1)
    with pytest.raises(InvalidGrant, match="time zone"):
        Grant("a", "promo", 1, datetime(2026, 1, 1), None, NOW, 1)  # noqa: DTZ001


def test_a_wallet_remembers_what_each_burn_left():
    wallet = Wallet([lot("b", ends=None, remaining=1000), lot("a", ends=5), lot("later", starts=3, ends=4)])
    assert wallet.remaining_at(NOW) == 1100
    assert wallet.burn(80, NOW).burns == (Burn("a", 80),)
    assert wallet.burn(80, NOW).burns == (Burn("a", 20), Burn("b", 60))
    assert wallet.remaining("a") == 0
    assert wallet.remaining("b") == 940
    assert wallet.remaining_at(NOW) == 940
    assert wallet.remaining_at(NOW + 3 * DAY) == 1040
    assert wallet.burned() == {"a": 100, "b": 60}


def test_a_wallet_takes_events_in_any_order_of_time():
    wallet = Wallet([lot("old", ends=0), lot("new", starts=0)])
    assert wallet.burn(10, NOW).burns == (Burn("new", 10),)
    assert wallet.burn(10, NOW - DAY).burns == (Burn("old", 10),)


def test_a_wallet_knows_only_its_own_lots():
    with pytest.raises(InvalidGrant):
        Wallet([]).remaining("a")


@pytest.mark.parametrize(
    ("before", "after", "capacity", "crossed"),
    [
        (0, 79, 100, ()),
        (0, 80, 100, (80,)),
        (79, 80, 100, (80,)),
        (80, 81, 100, ()),
        (79, 100, 100, (80, 100)),
        (99, 500, 100, (100, 120)),
        (100, 50, 100, ()),
        (0, 0, 100, ()),
        (0, 1, 3, ()),
        (2, 3, 3, (80, 100)),
        (0, 0, 0, ()),
        (0, 1, 0, (100, 120)),
        (1, 2, 0, ()),
    ],
)
def test_a_threshold_is_crossed_once_when_use_reaches_it(before, after, capacity, crossed):
    found = crossings(
        used_before_micro=before,
        used_after_micro=after,
        capacity_micro=capacity,
        thresholds_pct=(120, 80, 100, 80),
    )
    assert found == crossed


@pytest.mark.parametrize(("capacity", "thresholds"), [(-1, (80,)), (100, (0,)), (100, (80, -5))])
def test_thresholds_of_nothing_are_refused(capacity, thresholds):
    with pytest.raises(InvalidQuantity):
        crossings(used_before_micro=0, used_after_micro=1, capacity_micro=capacity, thresholds_pct=thresholds)
