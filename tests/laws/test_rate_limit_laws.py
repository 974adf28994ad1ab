"""Laws of call limits: never one too many in any minute, day or moment; what remains is never below nothing."""

from hypothesis import given
from hypothesis import strategies as st

from services.rules.rate_limits import MINUTE_MS, SECOND_MS, CallLimits, Calls, Day, Limit

START_MS = 1_795_132_800_000
DAY_MS = 1_440 * MINUTE_MS
DAYS = [Day(START_MS + n * DAY_MS, START_MS + (n + 1) * DAY_MS) for n in range(3)]
GAPS = st.lists(
    st.one_of(st.integers(0, 3), st.integers(0, 2 * SECOND_MS), st.integers(0, MINUTE_MS + 2 * SECOND_MS)), max_size=80
)
LONG_GAPS = st.lists(st.one_of(st.integers(0, 5), st.integers(0, DAY_MS // 2)), max_size=40)
LIMITS = st.integers(0, 8)
MAYBE = st.none() | LIMITS


def moments(gaps):
    at_ms = START_MS
    for gap in gaps:
        at_ms = min(at_ms + gap, DAYS[-1].ends_ms - 1)
        yield at_ms


def day_of(at_ms):
    return DAYS[(at_ms - START_MS) // DAY_MS]


@given(GAPS, LIMITS)
def test_no_minute_wherever_it_starts_holds_more_than_the_limit(gaps, most):
    calls, limits = Calls(), CallLimits(per_minute=most)
    admitted = [at for at in moments(gaps) if calls.admit(limits, at_ms=at, day=day_of(at)).reached is None]
    for first in admitted:
        assert sum(first <= at < first + MINUTE_MS for at in admitted) <= most


@given(GAPS, LIMITS, st.lists(st.integers(-MINUTE_MS, 0), min_size=80, max_size=80))
def test_clocks_that_disagree_by_up_to_a_minute_admit_no_more(gaps, most, skews):
    calls, limits, latest, admitted = Calls(), CallLimits(per_minute=most), 0, []
    for at, skew in zip(moments(gaps), skews, strict=False):
        seen = max(latest - MINUTE_MS, at + skew)
        latest = max(latest, seen)
        if calls.admit(limits, at_ms=seen, day=DAYS[0]).reached is None:
            admitted.append(latest)
    for first in admitted:
        assert sum(first <= at < first + MINUTE_MS for at in admitted) <= most


@given(LONG_GAPS, LIMITS)
def test_no_day_holds_more_than_the_limit(gaps, most):
    calls, limits, admitted = Calls(), CallLimits(per_day=most), dict.fromkeys(DAYS, 0)
    for at in moments(gaps):
        if calls.admit(limits, at_ms=at, day=day_of(at)).reached is None:
            admitted[day_of(at)] += 1
    assert max(admitted.values()) <= most


@given(LONG_GAPS, LIMITS)
def test_a_day_that_sells_more_refuses_nobody(gaps, most):
    calls, limits = Calls(), CallLimits(per_day=most, day_refuses=False)
    assert all(calls.admit(limits, at_ms=at, day=day_of(at)).reached is None for at in moments(gaps))


@given(st.lists(st.tuples(st.integers(0, 3_000), st.booleans()), max_size=60), st.integers(1, 4))
def test_no_more_run_at_once_than_may(steps, most):
    calls, limits, at, running = Calls(), CallLimits(concurrent=most), START_MS, {}
    for number, (gap, ends) in enumerate(steps):
        at += gap
        running = {lease: expires for lease, expires in running.items() if expires > at}
        if ends and running:
            lease = next(iter(running))
            calls.release(lease)
            del running[lease]
        elif calls.admit(limits, at_ms=at, day=DAYS[0], lease=str(number), lease_ms=5_000).reached is None:
            running[str(number)] = at + 5_000
        assert len(running) <= most


@given(GAPS, MAYBE, MAYBE, MAYBE, st.booleans())
def test_what_remains_is_never_negative_and_resets_lie_ahead(gaps, per_minute, per_day, concurrent, refuses):
    calls, limits = Calls(), CallLimits(per_minute, per_day, concurrent, refuses)
    for number, at in enumerate(moments(gaps)):
        made = calls.admit(limits, at_ms=at, day=day_of(at), lease=str(number), lease_ms=2_000)
        for remaining, limit in ((made.remaining_minute, per_minute), (made.remaining_day, per_day)):
            assert remaining is None if limit is None else 0 <= remaining <= limit
        assert (made.retry_after_ms > 0) == (made.reached is not None)
        if made.reached is not None or per_minute is not None or per_day is not None:
            assert made.resets_at_ms > at


@given(GAPS, st.integers(1, 8), st.integers(1, 20))
def test_a_refused_call_is_taken_at_the_moment_it_was_told_and_not_before(gaps, per_minute, per_day):
    calls, limits = Calls(), CallLimits(per_minute=per_minute, per_day=per_day)
    for at in moments(gaps):
        refused = calls.admit(limits, at_ms=at, day=day_of(at))
        if refused.reached is Limit.MINUTE:
            told = refused.resets_at_ms
            early, then = copy(calls), copy(calls)
            assert early.admit(limits, at_ms=told - 1, day=DAYS[0]).reached is Limit.MINUTE
            assert then.admit(limits, at_ms=told, day=DAYS[0]).reached is None


@given(GAPS, LIMITS, st.integers(1, 4))
def test_a_refused_call_is_not_counted(gaps, per_minute, concurrent):
    calls, limits = Calls(), CallLimits(per_minute=per_minute, concurrent=concurrent)
    for number, at in enumerate(moments(gaps)):
        before = copy(calls)
        if calls.admit(limits, at_ms=at, day=DAYS[0], lease=str(number), lease_ms=500).reached is not None:
            assert (calls.minute_calls, len(calls.leases)) <= (before.minute_calls, len(before.leases))


@given(GAPS, MAYBE, MAYBE, MAYBE)
def test_a_record_written_and_read_again_decides_the_same(gaps, per_minute, per_day, concurrent):
    calls, limits = Calls(), CallLimits(per_minute, per_day, concurrent)
    for number, at in enumerate(moments(gaps)):
        again = copy(calls)
        told = {"at_ms": at, "day": day_of(at), "lease": str(number), "lease_ms": 3_000}
        assert calls.admit(limits, **told) == again.admit(limits, **told)
        assert calls.to_document() == again.to_document()


@given(GAPS, LIMITS, LIMITS, LIMITS)
def test_what_may_be_forgotten_refuses_nobody(gaps, per_minute, per_day, concurrent):
    calls, limits = Calls(), CallLimits(per_minute, per_day, concurrent)
    for number, at in enumerate(moments(gaps)):
        calls.admit(limits, at_ms=at, day=day_of(at), lease=str(number), lease_ms=3_000)
    later = max(calls.forget_after_ms(), calls.at_ms)
    told = {"at_ms": later, "day": Day(later, later + DAY_MS), "lease": "last", "lease_ms": 3_000}
    assert calls.admit(limits, **told) == Calls().admit(limits, **told)


def copy(calls):
    return Calls.from_document(Calls.to_document(calls))
