"""The customer's side of gain-share in the portal: who may decide, what is asked before, and what comes of it."""

import asyncio
from typing import Any

import pytest
import reflex as rx
from sqlalchemy import Engine

from app.pages.gain_share import GainSharePage
from app.pages.gain_share_run import GainShareRunPage
from app.unit_of_work import now
from models import BaselineStatus, GainShareRun, GainShareStatus, KpiBaseline, Role
from services.database import reading, transaction
from services.gain_share.baselines import propose_baseline
from services.gain_share.decisions import comment_on_run
from services.gain_share.evidence import store_evidence
from services.gain_share.runs import revise_run
from services.identity import create_tenant, create_user
from services.sign_in import choose_tenant, open_session
from tests.app.pages.test_state_handlers import answers_of, connected, handlers_of
from tests.gain_share_given import BEFORE, JULY, OURS, THEIRS, plant, submitted, terms_of

LONG = "We do not agree with the repairs of August. " * 80


@pytest.fixture
def run(sqlite_engine: Engine) -> GainShareRun:
    """A run of 372,600.00 that waits."""
    with transaction() as session:
        made = submitted(session, plant(session).tenant_id)
        session.flush()
        session.expunge(made)
    return made


class Browser:
    """A tab of somebody who is signed in and looks at one run."""

    def __init__(self, tenant_id: str, run_id: str, *, role: Role | None, name: str = "") -> None:
        with transaction() as session:
            email = f"{name or role or 'operator'}@example.com"
            if role is None:
                user = create_user(session, email=email, is_operator=True, at=JULY)
            else:
                user = create_user(session, email=email, tenant_id=tenant_id, role=role, at=JULY)
            self.user_id = user.id
            cookie = open_session(session, user_id=user.id, at=now()).cookie
            if role is None:
                choose_tenant(session, cookie_token=cookie, tenant_id=tenant_id, at=now())
        self.root: rx.State = connected(cookie)
        before = self.root.router_data
        self.root.router_data = {**before, "query": {"run_id": run_id}}
        self.root._update_router_vars(self.root.router_data, before)

    def call(self, page: type[rx.State], name: str, *arguments: Any) -> Any:
        substate = self.root.get_substate(page.get_full_name().split("."))
        asyncio.run(answers_of(handlers_of(page)[name](substate, *arguments)))
        return substate

    def on_run(self, name: str, *arguments: Any) -> Any:
        return self.call(GainShareRunPage, name, *arguments)

    def on_list(self, name: str, *arguments: Any) -> Any:
        return self.call(GainSharePage, name, *arguments)


def stored(run: GainShareRun) -> GainShareRun:
    with reading() as session:
        found = session.get_one(GainShareRun, (run.tenant_id, run.id))
        session.expunge(found)
    return found


@pytest.mark.parametrize("role", [Role.OWNER, Role.BILLING_ADMIN])
def test_who_answers_for_the_bills_approves_after_a_question(run: GainShareRun, role: Role) -> None:
    browser = Browser(run.tenant_id, run.id, role=role)
    page = browser.on_run("load")
    assert page.view.decision.may_decide
    assert page.view.decision.approve_label == "Approve $372,600.00"
    assert "one line of $372,600.00 on the next invoice" in page.view.decision.approve_meaning
    assert len(page.figures) == len(page.view.series) == 2
    browser.on_run("decide", {"text": ""})
    assert stored(run).status == GainShareStatus.PENDING_APPROVAL, "nothing was asked yet"
    assert browser.on_run("ask", "approve").asked == "approve"
    page = browser.on_run("decide", {"text": "Agreed."})
    assert (page.asked, page.problem, page.view.status_word) == ("", "", "Approved")
    assert (page.view.billing, page.view.decision.may_decide) == ("On the next invoice", False)
    assert stored(run).decided_by == browser.user_id
    assert [step.kind for step in page.view.thread] == ["submitted", "approved"]


def test_a_viewer_sees_who_decides_and_can_do_nothing(run: GainShareRun) -> None:
    Browser(run.tenant_id, run.id, role=Role.OWNER, name="owner")
    browser = Browser(run.tenant_id, run.id, role=Role.VIEWER)
    page = browser.on_run("load")
    assert (page.view.decision.may_decide, page.view.may_write) == (False, False)
    assert "owner@example.com" in page.view.decision.sentence
    for what in ("approve", "reject", "dispute"):
        assert browser.on_run("ask", what).asked == ""
        page.asked = what
        browser.on_run("decide", {"text": "Because.", "part fewer_failures": "on"})
        assert stored(run).status == GainShareStatus.PENDING_APPROVAL
        page.asked = ""
    page = browser.on_run("say", {"text": "Hello?"})
    assert len(page.view.thread) == 1
    browser.on_run("choose_file")
    browser.on_run("show_file", {"text": "Look."})


def test_an_operator_talks_but_does_not_decide_for_the_customer(run: GainShareRun) -> None:
    browser = Browser(run.tenant_id, run.id, role=None)
    page = browser.on_run("load")
    assert (page.view.decision.may_decide, page.view.may_write) == (False, True)
    browser.on_run("ask", "approve")
    page = browser.on_run("decide", {"text": ""})
    assert page.problem.startswith("Only the customer decides")
    assert stored(run).status == GainShareStatus.PENDING_APPROVAL
    page = browser.on_run("say", {"text": "Any question?"})
    assert [(step.party, step.text) for step in page.view.thread][-1] == ("Seller", "Any question?")


def test_rejecting_needs_a_reason_and_a_long_one_is_kept(run: GainShareRun) -> None:
    browser = Browser(run.tenant_id, run.id, role=Role.OWNER)
    browser.on_run("load")
    browser.on_run("ask", "reject")
    page = browser.on_run("decide", {"text": "   "})
    assert (page.asked, page.problem) == ("reject", "Say why, in 1 to 4,000 characters.")
    page = browser.on_run("decide", {"text": LONG})
    assert page.view.status_word == "Rejected"
    assert page.view.thread[-1].text == LONG.strip()
    assert page.view.billing == "Not billed"
    browser.on_run("ask", "approve")
    assert browser.on_run("decide", {"text": ""}).problem.startswith("Nothing is left to decide")
    assert browser.on_run("load").view.decision.waits is False


def test_a_dispute_names_parts_and_leads_to_the_revised_run(run: GainShareRun) -> None:
    browser = Browser(run.tenant_id, run.id, role=Role.OWNER)
    browser.on_run("load")
    browser.on_run("ask", "dispute")
    assert browser.on_run("decide", {"text": "Too short."}).problem.startswith("Name what you dispute")
    page = browser.on_run("decide", {"text": "Too short.", "part shorter_repairs": "on"})
    assert page.view.thread[-1].what == "disputed: Shorter repairs"
    with transaction() as session:
        revised = revise_run(session, tenant_id=run.tenant_id, run_id=run.id, signer=OURS, at=JULY).id
    page = browser.on_run("load")
    assert (page.view.status_word, page.view.replaced_by_id) == ("Replaced", revised)


def test_a_file_is_shown_on_the_thread(run: GainShareRun) -> None:
    browser = Browser(run.tenant_id, run.id, role=Role.OWNER)
    browser.on_run("load")
    assert browser.on_run("show_file", {}).file_problem == "Choose a file first."
    browser.on_run("file_sent", {"which": "evidence", "id": "fil_unknown", "name": "a.txt"})
    assert browser.on_run("show_file", {}).file_problem.startswith("There is no such file")
    with transaction() as session:
        kept = store_evidence(
            session, tenant_id=run.tenant_id, name="orders.txt", content=b"4711", signer=THEIRS, at=JULY
        )
        file_id = kept.id
    browser.on_run("file_sent", {"which": "evidence", "id": file_id, "name": "orders.txt"})
    page = browser.on_run("show_file", {"text": "The work orders."})
    assert (page._file_id, page.file_problem, page.view.thread[-1].text) == ("", "", "The work orders.")
    assert (page.view.thread[-1].file_name, page.view.thread[-1].file_size) == ("orders.txt", "4 bytes")


def test_fifty_comments_are_all_shown_in_their_order(run: GainShareRun) -> None:
    with transaction() as session:
        for number in range(50):
            comment_on_run(
                session, tenant_id=run.tenant_id, run_id=run.id, text=f"Comment {number}", signer=THEIRS, at=JULY
            )
    page = Browser(run.tenant_id, run.id, role=Role.VIEWER).on_run("load")
    assert [step.text for step in page.view.thread[1:]] == [f"Comment {number}" for number in range(50)]


def test_another_customer_finds_no_run_at_the_address(run: GainShareRun) -> None:
    with transaction() as session:
        other = create_tenant(session, name="Other", currency="CAD", timezone="UTC", at=JULY).id
    browser = Browser(other, run.id, role=Role.OWNER)
    page = browser.on_run("load")
    assert (page.missing, page.view.id) == (True, "")
    browser.on_run("ask", "approve")
    browser.on_run("decide", {"text": ""})
    assert stored(run).status == GainShareStatus.PENDING_APPROVAL


def test_a_proposed_baseline_is_accepted_or_declined_after_a_question(run: GainShareRun) -> None:
    with transaction() as session:
        first, second = (
            propose_baseline(
                session,
                tenant_id=run.tenant_id,
                terms=terms_of(session, run.tenant_id, "mttr_hours", value, at=JULY, **BEFORE),
                signer=OURS,
                at=JULY,
            ).id
            for value in ("7", "9")
        )
    viewer = Browser(run.tenant_id, run.id, role=Role.VIEWER)
    assert not any(each.may_decide for each in viewer.on_list("load").view.baselines)
    viewer.on_list("ask", "accept", first)
    viewer.on_list("decide", {})
    browser = Browser(run.tenant_id, run.id, role=Role.BILLING_ADMIN)
    page = browser.on_list("load")
    assert {each.id for each in page.view.baselines if each.may_decide} == {first, second}
    assert status_of(run, first) == BaselineStatus.PROPOSED
    browser.on_list("ask", "accept", first)
    browser.on_list("decide", {})
    assert status_of(run, first) == BaselineStatus.ACCEPTED
    browser.on_list("ask", "decline", second)
    assert browser.on_list("decide", {"reason": ""}).problem.startswith("Give a reason")
    page = browser.on_list("decide", {"reason": "That was the year of the flood."})
    assert (status_of(run, second), page.asked) == (BaselineStatus.DECLINED, "")
    (declined,) = [each for each in page.view.baselines if each.id == second]
    assert declined.reason == "That was the year of the flood."


def test_a_customer_takes_back_what_it_proposed_itself_and_lists_older_runs(run: GainShareRun) -> None:
    with transaction() as session:
        terms = terms_of(session, run.tenant_id, "mttr_hours", "7", at=JULY, **BEFORE)
        proposed = propose_baseline(session, tenant_id=run.tenant_id, terms=terms, signer=THEIRS, at=JULY).id
    browser = Browser(run.tenant_id, run.id, role=Role.OWNER)
    page = browser.on_list("load")
    assert [each.may_withdraw for each in page.view.baselines if each.id == proposed] == [True]
    browser.on_list("ask", "withdraw", proposed)
    assert browser.on_list("decide", {}).problem == ""
    assert status_of(run, proposed) == BaselineStatus.WITHDRAWN
    for _ in range(20):
        page = browser.on_list("show_older")
    assert page.runs_max == 240


def test_who_comes_second_to_a_baseline_is_told_so(run: GainShareRun) -> None:
    with transaction() as session:
        terms = terms_of(session, run.tenant_id, "mttr_hours", "7", at=JULY, **BEFORE)
        proposed = propose_baseline(session, tenant_id=run.tenant_id, terms=terms, signer=OURS, at=JULY).id
    first, second = (Browser(run.tenant_id, run.id, role=Role.OWNER, name=name) for name in ("first", "second"))
    for browser in (first, second):
        browser.on_list("load")
        browser.on_list("ask", "accept" if browser is first else "decline", proposed)
    assert first.on_list("decide", {}).problem == ""
    page = second.on_list("decide", {"reason": "No."})
    assert (page.asked, page.asked_id) == ("", ""), "nothing is left to ask"
    assert page.problem != ""
    page = second.on_list("decide", {"reason": "No."})
    assert [each.status for each in page.view.baselines if each.id == proposed] == ["accepted"]


def status_of(run: GainShareRun, baseline_id: str) -> BaselineStatus:
    with reading() as session:
        return session.get_one(KpiBaseline, (run.tenant_id, baseline_id)).status
