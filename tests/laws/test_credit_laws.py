"""Laws of credits: the order is total, nothing appears or vanishes, a batch equals its events one by one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.rules.credits import Grant, Wallet, burn_order, crossings, plan_burn

START = datetime(2026, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 10).map(lambda hours: START + timedelta(hours=hours))
EVENTS = st.lists(st.tuples(st.integers(0, 300), MOMENTS), max_size=15)


@st.composite
def wallets(draw):
    ids = draw(st.lists(st.text("abc", min_size=1, max_size=3), max_size=8, unique=True))
    return [
        Grant(
            id=id,
            kind="allowance",
            priority=draw(st.integers(0, 2)),
            effective_at=draw(MOMENTS),
            expires_at=draw(st.none() | MOMENTS),
            granted_at=draw(MOMENTS),
            remaining_micro=draw(st.integers(0, 400)),
        )
        for id in ids
    ]


def after(grants, plan):
    spent = {burn.grant_id: burn.credits_micro for burn in plan.burns}
    return [replace(g, remaining_micro=g.remaining_micro - spent.get(g.id, 0)) for g in grants]


@given(wallets(), st.randoms(use_true_random=False), st.integers(0, 2000), MOMENTS)
def test_the_order_grants_arrive_in_does_not_matter(grants, random, credits_micro, at):
    shuffled = random.sample(grants, len(grants))
    assert plan_burn(shuffled, credits_micro, at) == plan_burn(grants, credits_micro, at)
    assert sorted(shuffled, key=burn_order) == sorted(grants, key=burn_order)


@given(wallets(), st.integers(0, 2000), MOMENTS)
def test_what_is_burned_and_what_falls_short_sum_to_what_was_asked(grants, credits_micro, at):
    plan = plan_burn(grants, credits_micro, at)
    held = {grant.id: grant for grant in grants}
    assert plan.burned_micro + plan.shortfall_micro == credits_micro
    for burn in plan.burns:
        grant = held[burn.grant_id]
        assert 0 < burn.credits_micro <= grant.remaining_micro
        assert grant.effective_at <= at
        assert grant.expires_at is None or at < grant.expires_at


@given(wallets(), st.integers(0, 2000), MOMENTS)
def test_no_lot_is_touched_before_the_ones_ahead_of_it_are_empty(grants, credits_micro, at):
    plan = plan_burn(grants, credits_micro, at)
    left = {grant.id: grant for grant in after(grants, plan)}
    usable = [g for g in sorted(grants, key=burn_order) if g.covers(at) and g.remaining_micro]
    touched = [burn.grant_id for burn in plan.burns]
    assert touched == [grant.id for grant in usable[: len(touched)]]
    assert all(left[id].remaining_micro == 0 for id in touched[:-1])
    assert plan.shortfall_micro == 0 or all(left[grant.id].remaining_micro == 0 for grant in usable)


@given(wallets(), st.integers(0, 1000), st.integers(0, 1000), MOMENTS)
def test_two_burns_equal_one_of_their_sum(grants, first, second, at):
    one = plan_burn(grants, first + second, at)
    wallet = Wallet(grants)
    plans = (wallet.burn(first, at), wallet.burn(second, at))
    assert sum(plan.burned_micro for plan in plans) == one.burned_micro
    assert wallet.burned() == {burn.grant_id: burn.credits_micro for burn in one.burns}


@given(wallets(), EVENTS)
def test_a_batch_through_a_wallet_equals_its_events_one_by_one(grants, events):
    wallet = Wallet(grants)
    current = grants
    for credits_micro, at in events:
        expected = plan_burn(current, credits_micro, at)
        assert wallet.burn(credits_micro, at) == expected
        current = after(current, expected)
        usable = sum(grant.remaining_micro for grant in current if grant.covers(at))
        assert wallet.remaining_at(at) == usable
    assert {g.id: wallet.remaining(g.id) for g in grants} == {g.id: g.remaining_micro for g in current}
    taken = {g.id: g.remaining_micro - wallet.remaining(g.id) for g in grants}
    assert wallet.burned() == {id: micro for id, micro in taken.items() if micro}


@given(
    st.lists(st.integers(0, 500), max_size=12),
    st.integers(0, 1000),
    st.lists(st.integers(1, 200), max_size=5).map(tuple),
)
def test_each_threshold_is_crossed_once_however_the_use_is_split(uses, capacity, thresholds):
    found, used = [], 0
    for use in uses:
        found += crossings(
            used_before_micro=used,
            used_after_micro=used + use,
            capacity_micro=capacity,
            thresholds_pct=thresholds,
        )
        used += use
    at_once = crossings(used_before_micro=0, used_after_micro=used, capacity_micro=capacity, thresholds_pct=thresholds)
    assert tuple(found) == at_once
    assert len(set(found)) == len(found)
