"""Our own side of gain-share: proposing and deciding, measuring, importing, working out while typing, answering."""

import asyncio
import inspect
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import reflex as rx
from sqlalchemy import Engine

from app.pages.baseline_desk import BaselineDeskPage
from app.pages.gain_share_answer import GainShareAnswerPage
from app.pages.gain_share_desk import GainShareDeskPage
from app.pages.gain_share_log import GainShareLogPage
from app.pages.gain_share_months import GainShareMonthsPage
from app.pages.gain_share_new import GainShareNewPage
from app.pages.gain_share_queue import GainShareQueuePage
from models import BaselineStatus, GainShareStatus, Role, StepKind
from services.database import reading, transaction
from services.gain_share.baseline_lists import list_baselines
from services.gain_share.baselines import propose_baseline
from services.gain_share.decisions import dispute_run
from services.gain_share.evidence import store_evidence
from services.gain_share.kpi_measurement_lists import list_measurements
from services.gain_share.runs import list_runs
from services.gain_share.steps import read_thread
from services.identity import add_member, create_tenant, create_user
from services.price_books.books import load_shipped_books
from services.sign_in import choose_tenant, open_session, read_member
from services.subscriptions.starting import create_subscription
from tests.app.pages.test_state_handlers import answers_of, connected, handlers_of, look
from tests.gain_share_given import OURS, THEIRS, agree, measure, submit, terms_of

AT = datetime.now(UTC).replace(microsecond=0)
FIRST = (AT.date().replace(day=1) - timedelta(days=70)).replace(day=1)
"""A month that is over."""

NEXT = (FIRST + timedelta(days=31)).replace(day=1)
LAST = NEXT - timedelta(days=1)
EFFECTIVE: dict[str, Any] = {
    "period_start": FIRST - timedelta(days=365), "period_end": FIRST, "effective_from": FIRST,
}  # fmt: skip
PAGES = (
    GainShareQueuePage, GainShareDeskPage, GainShareMonthsPage, GainShareLogPage, GainShareNewPage, GainShareAnswerPage,
    BaselineDeskPage,
)  # fmt: skip
TYPED = {"period_from": f"{FIRST}", "period_to": f"{LAST}", "share_pct": "15", "method": "downtime-cost"}


@pytest.fixture
def tenant_id(sqlite_engine: Engine) -> str:
    with transaction() as session:
        load_shipped_books(session, at=AT)
        tenant = create_tenant(session, name="Acme", currency="CAD", timezone="UTC", at=AT)
        create_subscription(session, tenant_id=tenant.id, plan_code="ENTERPRISE", at=AT)
    return tenant.id


@pytest.fixture
def root(tenant_id: str) -> rx.State:
    """A tab of an operator's who looks at the customer."""
    return signed_in(tenant_id)


def signed_in(tenant_id: str, role: Role | None = None) -> rx.State:
    with transaction() as session:
        user = create_user(
            session, email=f"who{role}@acme.example", tenant_id=None if role is None else tenant_id, role=role,
            is_operator=role is None, at=AT,
        )  # fmt: skip
        cookie = open_session(session, user_id=user.id, at=AT).cookie
        choose_tenant(session, cookie_token=cookie, tenant_id=tenant_id, at=AT)
    return connected(cookie)


def cookie_of(root: rx.State) -> str:
    return str(root.router.headers.cookie).partition("=")[2]


def state_of(root: rx.State, page: type[rx.State]) -> Any:
    return root.get_substate(page.get_full_name().split("."))


def call(root: rx.State, page: type[rx.State], name: str, *arguments: Any) -> Any:
    return asyncio.run(answers_of(handlers_of(page)[name](state_of(root, page), *arguments)))


def opened(root: rx.State, page: type[rx.State]) -> Any:
    call(root, page, "load")
    return state_of(root, page)


def at_run(root: rx.State, run_id: str) -> Any:
    """The page of a run, as if it were in the address."""
    look(root, cookie_of(root))
    before = root.router_data
    root.router_data = before | {"query": {"run_id": run_id}, "asPath": f"/admin/gain-share/runs/{run_id}/"}
    root._update_router_vars(root.router_data, before)
    return opened(root, GainShareAnswerPage)


def agreed(tenant_id: str) -> None:
    with transaction() as session:
        agree(session, tenant_id, at=AT, **EFFECTIVE)


def measured(tenant_id: str) -> None:
    with transaction() as session:
        measure(session, tenant_id, {"mtbf_hours": "196", "mttr_hours": "4"}, days=(FIRST, NEXT), at=AT)


def submitted(tenant_id: str) -> str:
    agreed(tenant_id)
    measured(tenant_id)
    with transaction() as session:
        return submit(session, tenant_id, at=AT, period_start=FIRST, period_end=NEXT).id


def at_baseline(root: rx.State, baseline_id: str) -> Any:
    """The page of a baseline, as if it were in the address."""
    look(root, cookie_of(root))
    before = root.router_data
    address = f"/admin/gain-share/baselines/{baseline_id}/"
    root.router_data = before | {"query": {"baseline_id": baseline_id}, "asPath": address}
    root._update_router_vars(root.router_data, before)
    return opened(root, BaselineDeskPage)


def looked_at(root: rx.State) -> str | None:
    with reading() as session:
        return read_member(session, cookie_token=cookie_of(root), at=AT).tenant_id


def test_a_run_or_a_baseline_in_the_address_looks_at_its_customer(tenant_id: str) -> None:
    run_id = submitted(tenant_id)
    with reading() as session:
        baseline_id = list_baselines(session, tenant_id=tenant_id, limit=1)[0].id
    with transaction() as session:
        other = create_tenant(session, name="Borealis", currency="CAD", timezone="UTC", at=AT).id
        user = create_user(session, email="ops@seller.example", is_operator=True, at=AT)
        nobodys = open_session(session, user_id=user.id, at=AT).cookie
    root = connected(nobodys)
    state = at_run(root, run_id)
    assert (looked_at(root), state.view.id, state.shell.acting_as) == (tenant_id, run_id, "Acme")
    for open_it in (lambda: at_run(root, run_id), lambda: at_baseline(root, baseline_id)):
        with transaction() as session:
            choose_tenant(session, cookie_token=nobodys, tenant_id=other, at=AT)
        state = open_it()
        assert (looked_at(root), state.missing, state.shell.acting_as) == (tenant_id, False, "Acme")
    with transaction() as session:
        choose_tenant(session, cookie_token=nobodys, tenant_id=other, at=AT)
    for unknown in ("run_none", "\0", baseline_id):
        assert at_run(root, unknown).missing
        assert looked_at(root) == other


def test_an_address_of_our_own_side_changes_nothing_for_a_member_of_two_customers(tenant_id: str) -> None:
    run_id = submitted(tenant_id)
    with transaction() as session:
        other = create_tenant(session, name="Borealis", currency="CAD", timezone="UTC", at=AT).id
        user = create_user(session, email="two@acme.example", tenant_id=tenant_id, role=Role.OWNER, at=AT)
        add_member(session, tenant_id=other, user_id=user.id, role=Role.OWNER, at=AT)
        cookie = open_session(session, user_id=user.id, at=AT).cookie
        choose_tenant(session, cookie_token=cookie, tenant_id=other, at=AT)
    root = connected(cookie)
    assert "operators" in at_run(root, run_id).refusal
    assert looked_at(root) == other


def uploaded(tenant_id: str, name: str, content: bytes) -> str:
    with transaction() as session:
        return store_evidence(session, tenant_id=tenant_id, name=name, content=content, signer=OURS, at=AT).id


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("role", [Role.OWNER, Role.VIEWER])
def test_no_handler_is_for_the_customers_own_people(tenant_id: str, page: type[rx.State], role: Role) -> None:
    run_id = submitted(tenant_id)
    cookie = cookie_of(signed_in(tenant_id, role))
    for name, handler in handlers_of(page).items():
        root = connected(cookie)
        said = [run_id] * (len(inspect.signature(handler).parameters) - 1)
        call(root, page, name, *said)
        state = state_of(root, page)
        assert (state.refusal, state.loaded) == ("Only operators can see this page.", False), name
    with reading() as session:
        assert [run.status for run in list_runs(session, tenant_id=tenant_id, limit=9)] == ["pending_approval"]


def test_a_baseline_is_proposed_with_its_document_and_withdrawn_again(tenant_id: str, root: rx.State) -> None:
    state = opened(root, GainShareDeskPage)
    file_id = uploaded(tenant_id, "Review.pdf", b"%PDF-1.7 review")
    typed = {
        "kpi": "mtbf_hours", "value": "92", "effective_from": f"{FIRST}",
        "measured_from": f"{FIRST - timedelta(days=365)}",
        "measured_to": f"{FIRST - timedelta(days=1)}", "operating_hours": "8,000", "downtime_rate": "5000.50",
    }  # fmt: skip
    call(root, GainShareDeskPage, "propose", typed)
    assert "choose the source document" in state.problems["source"]
    assert state.propose_problem == "Nothing was proposed yet. Look at what is marked above."
    call(root, GainShareDeskPage, "source_came", {"which": "source", "id": file_id, "name": "Review.pdf"})
    call(root, GainShareDeskPage, "propose", typed | {"value": "a lot"})
    marked = {name: said for name, said in state.problems.items() if said}
    assert (marked, state.proposed) == ({"value": "“a lot” is no number; write one such as 1250.5."}, "")
    call(root, GainShareDeskPage, "propose", typed)
    assert (state.propose_problem, state.source_name, any(state.problems.values())) == ("", "", False)
    assert state.next_step.startswith("The customer is told")
    (shown,) = state.view.baselines
    assert (shown.value, shown.document, shown.may_decide, shown.may_withdraw) == (
        "92 hours",
        "Review.pdf",
        False,
        True,
    )
    with reading() as session:
        (kept,) = list_baselines(session, tenant_id=tenant_id, limit=9)
    assert kept.rates == {"operating_hours": "8000", "downtime_rate": "5000.5"}
    assert (kept.period_end, kept.proposed_party) == (FIRST, "seller")
    call(root, GainShareDeskPage, "ask", "accept", kept.id)
    call(root, GainShareDeskPage, "decide", {})
    assert "only the customer can decide" in state.problem
    assert state.view.decides.startswith("What we proposed is decided on by")
    call(root, GainShareDeskPage, "ask", "withdraw", kept.id)
    call(root, GainShareDeskPage, "decide", {})
    assert [each.status for each in state.view.baselines] == ["withdrawn"]


@pytest.mark.parametrize(("what", "status"), [("accept", "accepted"), ("decline", "declined")])
def test_what_the_customer_proposed_is_decided_on(tenant_id: str, root: rx.State, what: str, status: str) -> None:
    with transaction() as session:
        terms = terms_of(session, tenant_id, "mtbf_hours", "92", at=AT, **EFFECTIVE)
        proposed = propose_baseline(session, tenant_id=tenant_id, terms=terms, signer=THEIRS, at=AT).id
    queue = opened(root, GainShareQueuePage)
    assert [(each.customer, each.what) for each in queue.view.proposals] == [("Acme", "a baseline")]
    state = opened(root, GainShareDeskPage)
    call(root, GainShareDeskPage, "ask", what, proposed)
    if what == "decline":
        call(root, GainShareDeskPage, "decide", {"reason": " "})
        assert "reason" in state.problem
    call(root, GainShareDeskPage, "decide", {"reason": "Not what the report says."})
    assert [each.status for each in state.view.baselines] == [BaselineStatus(status)]
    assert opened(root, GainShareQueuePage).view.proposals == ()


def test_months_are_entered_by_hand_and_gaps_are_shown(tenant_id: str, root: rx.State) -> None:
    agreed(tenant_id)
    state = opened(root, GainShareMonthsPage)
    assert state.view.names == ("Mean time between failures", "Mean time to repair")
    month = f"{FIRST:%Y-%m}"
    call(root, GainShareMonthsPage, "fill_in", month)
    assert state.month == month
    call(root, GainShareMonthsPage, "enter", {"month": month, "value_mtbf_hours": "196", "value_mttr_hours": ""})
    (row,) = [each for each in state.view.rows if each.month == month]
    assert [(cell.value, cell.note, cell.state) for cell in row.cells] == [
        ("196 hours", "entered", "measured"), ("", "", "missing"),
    ]  # fmt: skip
    assert re.match(r"\d+ figures are missing", state.view.gaps)
    assert [cell.state for cell in state.view.rows[0].cells] == ["running", "running"]
    for wrong, said in (("", "Choose a month"), (f"{AT:%Y-%m}", "not ended"), ("2026-13", "Choose a month")):
        call(root, GainShareMonthsPage, "enter", {"month": wrong, "value_mtbf_hours": "196"})
        assert said in state.problem
    call(root, GainShareMonthsPage, "enter", {"month": month})
    assert state.problem == "Write at least one value."
    with reading() as session:
        assert len(list_measurements(session, tenant_id=tenant_id, limit=9, with_replaced=True)) == 1


def test_a_log_is_mapped_from_its_own_header_read_dry_and_then_kept(tenant_id: str, root: rx.State) -> None:
    failed, repaired = f"{FIRST} 06:00:00", f"{FIRST} 10:00:00"
    rows = [f"{failed};press 1;belt;{repaired}", "never;press 1;belt;", f"{failed};press 2;belt;{repaired}", ""]
    log = "\n".join(["when;which;part;back", *rows])
    file_id = uploaded(tenant_id, "log.csv", log.encode())
    state = opened(root, GainShareLogPage)
    call(root, GainShareLogPage, "file_came", {"which": "failures", "id": file_id, "name": "log.csv"})
    assert [column for column, _ in state.failures.columns] == ["when", "which", "part", "back"]
    assert (state.failures.delimiter, state.failures.columns[1][1]) == (";", "which (press 1, press 1)")
    typed = {"period_from": f"{FIRST}", "period_to": f"{LAST}", "timezone": "UTC", "failures_machine": "which"}
    call(root, GainShareLogPage, "try_it", typed)
    assert state.problem == "Choose the column that says when it failed."
    typed |= {"failures_failed_at": "when", "failures_repaired_at": "back", "failures_component": "part"}
    call(root, GainShareLogPage, "try_it", typed)
    assert (state.problem, state.reading.counts) == ("", "2 failures of 2 machines; 1 row refused")
    assert [(each.where, each.outcome) for each in state.reading.refused] == [("Failures, line 3", "Refused")]
    assert [each.mttr for each in state.reading.whole] == ["4"]
    with reading() as session:
        assert list_measurements(session, tenant_id=tenant_id, limit=9) == []
    call(root, GainShareLogPage, "keep")
    call(root, GainShareLogPage, "keep")
    assert state.is_keeping is False
    assert (state.done, state.failures.file_id) == ("Kept: 3 figures, by month and site.", "")
    assert [(each.name, each.counts) for each in state.kept] == [("log.csv", "2 failures of 2 machines; 1 row refused")]
    with reading() as session:
        assert len(list_measurements(session, tenant_id=tenant_id, limit=9, with_replaced=True)) == 3


def test_a_file_that_is_no_table_or_nobodys_is_said_so(tenant_id: str, root: rx.State) -> None:
    state = opened(root, GainShareLogPage)
    report = uploaded(tenant_id, "Review.pdf", b"%PDF-1.7 review")
    call(root, GainShareLogPage, "file_came", {"which": "failures", "id": report})
    assert "is no table" in state.failures.problem
    call(root, GainShareLogPage, "file_came", {"which": "repairs", "id": "fil_none"})
    assert "no such file" in state.repairs.problem
    call(root, GainShareLogPage, "file_came", {"which": "machines", "problem": "A file has at most 10 MB."})
    assert state.machines.problem == "A file has at most 10 MB."
    call(root, GainShareLogPage, "file_came", {"which": "loaded", "id": report})
    assert state.loaded is True


def test_a_run_is_worked_out_while_it_is_typed_and_refused_in_words(tenant_id: str, root: rx.State) -> None:
    state = opened(root, GainShareNewPage)
    assert state.form.terms == "Enterprise: 10 % to 20 %"
    call(root, GainShareNewPage, "try_it", TYPED | {"share_pct": ""})
    assert (state.tried.problem, state.tried.hint != "") == ("", True)
    call(root, GainShareNewPage, "try_it", TYPED)
    assert "No baseline that both sides accepted" in state.tried.problem
    agreed(tenant_id)
    call(root, GainShareNewPage, "try_it", TYPED)
    assert [(each.name, each.what) for each in state.tried.missing] == [
        ("Mean time between failures", f"{FIRST:%b %Y}"), ("Mean time to repair", f"{FIRST:%b %Y}"),
    ]  # fmt: skip
    measured(tenant_id)
    call(root, GainShareNewPage, "try_it", TYPED | {"share_pct": "21"})
    assert "20" in state.tried.problem
    call(root, GainShareNewPage, "try_it", TYPED)
    assert (state.tried.problem, state.tried.working.share, len(state.tried.effects) > 4) == ("", "15 %", True)
    with reading() as session:
        assert list_runs(session, tenant_id=tenant_id, limit=9) == []
    fee = state.tried.working.fee
    call(root, GainShareNewPage, "submit", TYPED | {"deadline_on": f"{AT.date()}", "text": "Please look."})
    call(root, GainShareNewPage, "confirm")
    assert ("deadline" in state.problem, state.is_asked) == (True, False)
    call(root, GainShareNewPage, "submit", TYPED | {"text": "Please look."})
    with reading() as session:
        assert list_runs(session, tenant_id=tenant_id, limit=9) == [], "it is only asked about"
    call(root, GainShareNewPage, "confirm")
    call(root, GainShareNewPage, "confirm")
    queue = opened(root, GainShareQueuePage)
    assert [(row.customer, row.fee, row.status) for row in queue.view.rows] == [("Acme", fee, "pending_approval")]
    call(root, GainShareNewPage, "try_it", TYPED)
    assert "a saving is charged once" in state.tried.problem


def test_what_is_submitted_is_what_was_looked_at(tenant_id: str, root: rx.State) -> None:
    agreed(tenant_id)
    measured(tenant_id)
    state = opened(root, GainShareNewPage)
    call(root, GainShareNewPage, "confirm")
    call(root, GainShareNewPage, "submit", TYPED | {"share_pct": "21"})
    assert (state.is_asked, "cannot be submitted yet" in state.problem) == (False, True)
    call(root, GainShareNewPage, "submit", TYPED)
    seen = state.tried.working.fee
    with transaction() as session:
        measure(session, tenant_id, {"mtbf_hours": "150", "mttr_hours": "4"}, days=(FIRST, NEXT), at=AT)
    call(root, GainShareNewPage, "confirm")
    assert "changed meanwhile" in state.problem
    assert state.tried.working.fee != seen
    with reading() as session:
        assert list_runs(session, tenant_id=tenant_id, limit=9) == []
    call(root, GainShareNewPage, "submit", TYPED)
    call(root, GainShareNewPage, "try_it", TYPED)
    assert state.is_asked, "a look that was on its way takes nothing back"
    call(root, GainShareNewPage, "try_it", TYPED | {"share_pct": "12"})
    call(root, GainShareNewPage, "confirm")
    with reading() as session:
        assert list_runs(session, tenant_id=tenant_id, limit=9) == [], "what is typed on takes the question back"


def test_a_dispute_is_answered_with_words_a_file_and_a_revised_run(tenant_id: str, root: rx.State) -> None:
    run_id = submitted(tenant_id)
    with transaction() as session:
        parts = ["shorter_repairs"]
        dispute_run(session, tenant_id=tenant_id, run_id=run_id, parts=parts, reason="Too long.", signer=THEIRS, at=AT)
    state = at_run(root, run_id)
    assert (state.view.status, state.view.share_pct, state.view.may_write) == ("disputed", "15", True)
    call(root, GainShareAnswerPage, "say", {"text": " "})
    assert state.said_problem != ""
    call(root, GainShareAnswerPage, "say", {"text": "We look at it."})
    file_id = uploaded(tenant_id, "Repairs.csv", b"a,b\n1,2\n")
    call(root, GainShareAnswerPage, "file_sent", {"which": "evidence", "id": file_id, "name": "Repairs.csv"})
    call(root, GainShareAnswerPage, "show_file", {"text": "The repairs."})
    call(root, GainShareAnswerPage, "show_file", {"text": "The repairs."})
    call(root, GainShareAnswerPage, "revise")
    assert state.tried.working.share == "15 %"
    call(root, GainShareAnswerPage, "try_it", {"share_pct": "12", "method": "downtime-cost"})
    assert (state.tried.working.share, state.tried.problem) == ("12 %", "")
    call(root, GainShareAnswerPage, "submit", {"share_pct": "12", "method": "downtime-cost", "text": "Mended."})
    call(root, GainShareAnswerPage, "confirm")
    with reading() as session:
        newest, oldest = list_runs(session, tenant_id=tenant_id, limit=9)
        thread = [(step.kind, step.text) for step in read_thread(session, tenant_id=tenant_id, run_id=run_id)]
    assert (newest.replaces_run_id, str(newest.share_pct), oldest.status) == (run_id, "12", GainShareStatus.REPLACED)
    assert thread[2:] == [
        (StepKind.COMMENT, "We look at it."), (StepKind.EVIDENCE, "The repairs."), (StepKind.REPLACED, "Mended."),
    ]  # fmt: skip
    assert at_run(root, run_id).view.replaced_by_id == newest.id


def test_another_customers_run_is_shown_under_its_own_name_alone(tenant_id: str, root: rx.State) -> None:
    run_id = submitted(tenant_id)
    with transaction() as session:
        other = create_tenant(session, name="Other", currency="CAD", timezone="UTC", at=AT).id
        choose_tenant(session, cookie_token=cookie_of(root), tenant_id=other, at=AT)
    state = at_run(root, run_id)
    assert (state.missing, state.view.id, state.shell.acting_as) == (False, run_id, "Acme")
    with transaction() as session:
        choose_tenant(session, cookie_token=cookie_of(root), tenant_id=other, at=AT)
    call(root, GainShareAnswerPage, "say", {"text": "Hello"})
    with reading() as session:
        assert len(read_thread(session, tenant_id=tenant_id, run_id=run_id)) == 1


def test_the_queue_is_paged_and_narrowed_by_state_and_customer(tenant_id: str, root: rx.State) -> None:
    agreed(tenant_id)
    day = timedelta(days=1)
    with transaction() as session:
        measure(session, tenant_id, {"mtbf_hours": "196", "mttr_hours": "4"}, days=(FIRST, FIRST + day), at=AT)
        for count in range(1, 27):
            days = (FIRST + count * day, FIRST + (count + 1) * day)
            measure(session, tenant_id, {"mtbf_hours": "196", "mttr_hours": "4"}, days=days, at=AT)
            submit(
                session, tenant_id, at=AT - 40 * day, period_start=days[0], period_end=days[1], deadline_on=_due(count)
            )
    state = opened(root, GainShareQueuePage)
    assert (len(state.view.rows), state.view.shown, state.has_previous) == (25, "1–25 of 26", False)
    call(root, GainShareQueuePage, "next_page")
    assert (len(state.view.rows), state.view.shown, state.has_previous) == (1, "26–26 of 26", True)
    call(root, GainShareQueuePage, "choose_status", "overdue")
    assert [row.status for row in state.view.rows] == ["overdue"] * 3
    counts = {count.status: count.count for count in state.view.counts if count.count != "0"}
    assert counts == {"": "26", "pending_approval": "26", "overdue": "3"}
    call(root, GainShareQueuePage, "choose_status", "")
    call(root, GainShareQueuePage, "find", "nobody")
    assert (state.view.rows, state.view.shown) == ((), "0 of 0")
    call(root, GainShareQueuePage, "find_customer", "acm")
    assert [each.name for each in state.found.rows] == ["Acme"]


def _due(count: int) -> date:
    return AT.date() + timedelta(days=-3 if count <= 3 else 9)
