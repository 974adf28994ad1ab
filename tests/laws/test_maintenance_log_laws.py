"""Laws of the log: the order of rows and any cut of the time make no difference, and nobody is down twice at once."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.rules.kpi_periods import Combining
from services.rules.maintenance_log import Failure, Repair, Stoppages, Tally, find_stoppages, tally_up
from services.rules.timestamps import LocalMoment
from services.rules.violations import InvalidPeriod

START = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = 400
END = START + timedelta(hours=HOURS)
MACHINES = {"a": "east", "b": "west", "c": ""}
PARTS = ("pump", "belt")


def hour(number: int) -> datetime:
    return START + timedelta(hours=number)


@st.composite
def logs(draw: Any) -> tuple[list[Failure], list[Repair]]:
    """Failures and repairs at whole hours, some before and some after the period, in any order."""
    moments = st.tuples(st.sampled_from(sorted(MACHINES)), st.integers(-50, HOURS + 50), st.sampled_from(PARTS))
    failed = draw(st.lists(moments, max_size=25))
    repaired = draw(st.lists(moments, max_size=25))
    failures = [Failure(line, machine, hour(at), part) for line, (machine, at, part) in enumerate(failed, 2)]
    repairs = [
        Repair(line, machine, LocalMoment(hour(at)), part) for line, (machine, at, part) in enumerate(repaired, 2)
    ]
    return failures, repairs


def found(failures: list[Failure], repairs: list[Repair], *, by_component: bool = True) -> Stoppages:
    return find_stoppages(failures, repairs, ends_at=END, by_component=by_component)


def together(stoppages: Stoppages, cuts: list[int]) -> dict[str, Tally]:
    edges = [START, *(hour(cut) for cut in sorted(set(cuts))), END]
    whole: dict[str, Tally] = {}
    for part in tally_up(stoppages.found, MACHINES, list(itertools.pairwise(edges))):
        whole = {site: whole[site].over(tally) if site in whole else tally for site, tally in part.items()}
    return whole


@given(logs(), st.lists(st.integers(1, HOURS - 1), max_size=6), st.booleans())
def test_cutting_the_time_anywhere_adds_up_to_the_same(
    log: tuple[list[Failure], list[Repair]], cuts: list[int], by_component: bool
) -> None:
    stoppages = found(*log, by_component=by_component)
    assert together(stoppages, cuts) == together(stoppages, [])


@given(logs(), st.data(), st.booleans())
def test_the_order_of_the_rows_makes_no_difference(
    log: tuple[list[Failure], list[Repair]], data: st.DataObject, by_component: bool
) -> None:
    failures, repairs = log
    again = found(data.draw(st.permutations(failures)), data.draw(st.permutations(repairs)), by_component=by_component)
    assert again == found(failures, repairs, by_component=by_component)


@given(logs(), st.booleans())
def test_every_failure_is_used_joined_or_given_back(
    log: tuple[list[Failure], list[Repair]], by_component: bool
) -> None:
    failures, repairs = log
    stoppages = found(failures, repairs, by_component=by_component)
    lines = [each.line for each in stoppages.found]
    lines += [each.failure.line for each in (*stoppages.joined, *stoppages.unrepaired)]
    assert sorted(lines) == [failure.line for failure in failures]


@given(logs(), st.booleans())
def test_no_machine_is_down_twice_at_once(log: tuple[list[Failure], list[Repair]], by_component: bool) -> None:
    for machine in MACHINES:
        theirs = [each for each in found(*log, by_component=by_component).found if each.machine == machine]
        for before, after in itertools.pairwise(theirs):
            assert before.starts_at < after.starts_at
            assert before.ends_at <= after.starts_at
    for tally in together(found(*log, by_component=by_component), []).values():
        assert 0 <= tally.down_micro <= tally.span_micro


@given(logs(), st.booleans())
def test_hours_down_are_those_an_hourly_watch_would_count(
    log: tuple[list[Failure], list[Repair]], by_component: bool
) -> None:
    stoppages = found(*log, by_component=by_component)
    down = sum(
        any(each.machine == machine and each.starts_at <= hour(at) < each.ends_at for each in stoppages.found)
        for machine in MACHINES
        for at in range(HOURS)
    )
    counted = sum(tally.down_micro for tally in together(stoppages, []).values())
    assert counted == down * 3_600_000_000


@given(logs())
def test_planned_maintenance_far_from_any_failure_changes_nothing(log: tuple[list[Failure], list[Repair]]) -> None:
    failures, repairs = log
    early = Repair(9_999, "a", LocalMoment(hour(-100)), "pump")
    assert found(failures, [*repairs, early]) == found(failures, repairs)


def test_a_repair_ends_failures_of_its_own_component_only() -> None:
    failures = [Failure(2, "a", hour(0), "pump")]
    repairs = [Repair(2, "a", LocalMoment(hour(1)), "belt"), Repair(3, "a", LocalMoment(hour(5)), "pump")]
    assert found(failures, repairs).found[0].ends_at == hour(5)
    assert found(failures, repairs, by_component=False).found[0].ends_at == hour(1)


def test_a_repair_at_the_moment_of_the_next_failure_leaves_two_failures() -> None:
    failures = [Failure(2, "a", hour(0), "pump"), Failure(3, "a", hour(5), "pump")]
    stoppages = found(failures, [Repair(2, "a", LocalMoment(hour(5)), "pump")])
    assert [(each.starts_at, each.ends_at) for each in stoppages.found] == [(hour(0), hour(5)), (hour(5), hour(5))]


def test_the_second_reading_of_a_repair_counts_where_the_first_is_before_the_failure() -> None:
    repairs = [Repair(2, "a", LocalMoment(hour(1), hour(2)), "pump")]
    assert found([Failure(2, "a", hour(0), "pump")], repairs).found[0].ends_at == hour(1)
    late = START + timedelta(minutes=90)
    assert found([Failure(2, "a", late, "pump")], repairs).found[0].ends_at == hour(2)


def test_the_repair_of_a_failure_belongs_to_the_time_it_began_in() -> None:
    stoppages = found([Failure(2, "a", hour(8), "pump")], [Repair(2, "a", LocalMoment(hour(12)), "pump")])
    first, second = tally_up(stoppages.found, MACHINES, [(START, hour(10)), (hour(10), END)])
    assert (first["east"].failures, first["east"].repair_micro // 3_600_000_000) == (1, 4)
    assert (second["east"].failures, second["east"].repair_micro) == (0, 0)
    assert (first["east"].down_micro, second["east"].down_micro) == (7_200_000_000, 7_200_000_000)
    assert first["east"].value(Combining.BETWEEN_FAILURES) == 8
    assert second["east"].value(Combining.OF_REPAIRS) is None


def test_windows_follow_each_other() -> None:
    with pytest.raises(InvalidPeriod):
        tally_up([], MACHINES, [(START, hour(1)), (hour(2), END)])
