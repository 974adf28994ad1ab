"""The queue of all customers' runs: every state counted and found, in pages, and what customers proposed to us."""

from datetime import date, datetime, timedelta

import pytest
from sqlmodel import Session

from services.gain_share import queue as gain_share_queue
from services.gain_share.baselines import propose_baseline
from services.gain_share.decisions import approve_run, dispute_run, reject_run
from services.gain_share.queue import OVERDUE, list_queue
from services.gain_share.runs import revise_run
from services.settings import settings
from services.tenant_clocks import set_clock, start_clock
from tests.gain_share_given import JULY, OURS, THEIRS, agree, measure, plant, submit, terms_of

DAY = timedelta(days=1)


def runs(session: Session, name: str, count: int) -> tuple[str, list[str]]:
    """A customer and runs of single days, the oldest first."""
    tenant_id = plant(session, name=name).tenant_id
    agree(session, tenant_id)
    made = []
    for number in range(count):
        days = (date(2026, 5, 1) + number * DAY, date(2026, 5, 2) + number * DAY)
        measure(session, tenant_id, {"mtbf_hours": "196", "mttr_hours": "4"}, days=days)
        run = submit(session, tenant_id, period_start=days[0], period_end=days[1], at=JULY + number * DAY)
        made.append(run.id)
    return tenant_id, made


def test_each_state_is_counted_and_found(session: Session) -> None:
    tenant_id, (waits, approved, rejected, disputed, replaced) = runs(session, "Harbour", 5)
    of = {"tenant_id": tenant_id, "signer": THEIRS, "at": JULY}
    approve_run(session, run_id=approved, **of)  # type: ignore[arg-type]
    reject_run(session, run_id=rejected, reason="No.", **of)  # type: ignore[arg-type]
    dispute_run(session, run_id=disputed, reason="Why?", parts=["shorter_repairs"], **of)  # type: ignore[arg-type]
    revised = revise_run(session, tenant_id=tenant_id, run_id=replaced, signer=OURS, at=JULY + 9 * DAY)
    found = {
        state: [row.run_id for row in list_queue(session, at=JULY, state=state).rows]
        for state in ("pending_approval", "approved", "rejected", "disputed", "replaced", OVERDUE)
    }
    assert found == {
        "pending_approval": [revised.id, waits], "approved": [approved], "rejected": [rejected],
        "disputed": [disputed], "replaced": [replaced], OVERDUE: [],
    }  # fmt: skip
    counts = {each.status: each.count for each in list_queue(session, at=JULY).counts}
    assert counts == {"": "6", OVERDUE: "0"} | {state: str(len(ids)) for state, ids in found.items() if ids}
    assert list_queue(session, at=JULY, state="no such state").shown == "1–6 of 6"


def overdue(session: Session, at: datetime) -> tuple[list[str], str]:
    """The runs that are found overdue, and how many are counted so."""
    view = list_queue(session, at=at, state=OVERDUE)
    (count,) = [each.count for each in view.counts if each.status == OVERDUE]
    return [row.run_id for row in view.rows], count


def test_a_run_is_overdue_once_its_deadline_is_over_where_the_customer_is(session: Session) -> None:
    _, (run,) = runs(session, "Harbour", 1)
    over = JULY.replace(hour=3) + 31 * DAY  # in Halifax: 30 days and the day of the deadline itself
    before = over - timedelta(seconds=1)
    assert overdue(session, before) == ([], "0")
    assert [row.status for row in list_queue(session, at=before).rows] == ["pending_approval"]
    assert overdue(session, over) == ([run], "1")
    later = over + timedelta(hours=12)
    assert [(row.run_id, row.status, row.when) for row in list_queue(session, at=later, state=OVERDUE).rows] == [
        (run, OVERDUE, "was due 9 Aug 2026")
    ]


def test_a_customer_with_a_clock_of_its_own_is_overdue_by_that_clock(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings(), "test_clocks", True)
    ahead, (early,) = runs(session, "Ahead", 1)
    _, (as_ours,) = runs(session, "As ours", 1)
    start_clock(session, tenant_id=ahead, at=JULY)
    set_clock(session, tenant_id=ahead, to=JULY + 40 * DAY, at=JULY)
    assert overdue(session, JULY) == ([early], "1")
    rows = {row.run_id: row.status for row in list_queue(session, at=JULY).rows}
    assert rows == {early: OVERDUE, as_ours: "pending_approval"}
    found, count = overdue(session, JULY + 40 * DAY)
    assert (set(found), count) == ({early, as_ours}, "2")
    monkeypatch.setattr(settings(), "test_clocks", False)
    assert overdue(session, JULY) == ([], "0")


def test_pages_follow_one_another_and_a_text_finds_the_customer(session: Session) -> None:
    _, first = runs(session, "Harbour Robotics", 4)
    _, second = runs(session, "100 % Steel", 3)
    gain_share_queue.RUNS_SHOWN, shown = 3, gain_share_queue.RUNS_SHOWN  # type: ignore[misc]
    try:
        seen, after = [], ""
        while True:
            page = list_queue(session, at=JULY, after=after, seen=len(seen))
            seen += [row.run_id for row in page.rows]
            after = page.last
            if not after:
                break
    finally:
        gain_share_queue.RUNS_SHOWN = shown  # type: ignore[misc]
    assert (len(seen), set(seen)) == (7, {*first, *second})
    assert page.shown == "7–7 of 7"
    assert {row.customer for row in list_queue(session, at=JULY, text="100 %").rows} == {"100 % Steel"}
    assert list_queue(session, at=JULY, text="_arbour").rows == ()


def test_customers_that_wait_for_our_answer_are_told_of_once(session: Session) -> None:
    ours, theirs = plant(session, name="Ours").tenant_id, plant(session, name="Theirs").tenant_id
    for value in ("90", "91"):
        terms = terms_of(session, theirs, "mtbf_hours", value, at=JULY)
        propose_baseline(session, tenant_id=theirs, terms=terms, signer=THEIRS, at=JULY)
    terms = terms_of(session, ours, "mtbf_hours", "90", at=JULY)
    propose_baseline(session, tenant_id=ours, terms=terms, signer=OURS, at=JULY)
    view = list_queue(session, at=JULY)
    assert [(row.customer, row.what, row.since) for row in view.proposals] == [("Theirs", "2 baselines", "10 Jul 2026")]
    assert view.more_proposals == ""
