"""The customer proposes a baseline in the portal, and each baseline has a page of its own for both parties."""

import asyncio
from datetime import date
from typing import Any

import pytest
import reflex as rx
from sqlalchemy import Engine

from app.pages.baseline import BaselinePage
from app.pages.baseline_desk import BaselineDeskPage
from app.pages.gain_share import GainSharePage
from app.unit_of_work import now
from models import KpiBaseline, Role
from services.database import reading, transaction
from services.gain_share.baseline_lists import list_baselines
from services.gain_share.baselines import propose_baseline
from services.gain_share.evidence import store_evidence
from services.identity import create_user
from services.sign_in import choose_tenant, open_session
from tests.app.pages.test_state_handlers import answers_of, connected, handlers_of
from tests.gain_share_given import BEFORE, JULY, OURS, THEIRS, accepted_baseline, plant, submitted, terms_of

TYPED = {
    "kpi": "mtbf_hours", "value": "92.5", "effective_from": "2026-01-01", "measured_from": "2025-01-01",
    "measured_to": "2025-12-31", "operating_hours": "8,000", "downtime_rate": "5000", "carrying_rate_pct": "12",
}  # fmt: skip


@pytest.fixture
def tenant_id(sqlite_engine: Engine) -> str:
    with transaction() as session:
        return plant(session).tenant_id


class Tab:
    """A tab of somebody who is signed in; an operator where there is no role."""

    def __init__(self, tenant_id: str, role: Role | None) -> None:
        self.tenant_id = tenant_id
        with transaction() as session:
            of = {"is_operator": True} if role is None else {"tenant_id": tenant_id, "role": role}
            user = create_user(session, email=f"{role or 'operator'}@example.com", at=JULY, **of)  # type: ignore[arg-type]
            cookie = open_session(session, user_id=user.id, at=now()).cookie
            if role is None:
                choose_tenant(session, cookie_token=cookie, tenant_id=tenant_id, at=now())
        self.root: rx.State = connected(cookie)

    def call(self, page: type[rx.State], name: str, *arguments: Any) -> Any:
        substate = self.root.get_substate(page.get_full_name().split("."))
        asyncio.run(answers_of(handlers_of(page)[name](substate, *arguments)))
        return substate

    def at(self, page: type[rx.State], baseline_id: str) -> Any:
        before = self.root.router_data
        self.root.router_data = {**before, "query": {"baseline_id": baseline_id}}
        self.root._update_router_vars(self.root.router_data, before)
        return self.call(page, "load")

    def send_document(self) -> None:
        with transaction() as session:
            content = b"%PDF-1.7 our year"
            file_id = store_evidence(
                session, tenant_id=self.tenant_id, name="Our year.pdf", content=content, signer=THEIRS, at=JULY
            ).id
        self.call(GainSharePage, "source_came", {"which": "source", "id": file_id, "name": "Our year.pdf"})


def kept(tenant_id: str) -> list[KpiBaseline]:
    with reading() as session:
        found = list_baselines(session, tenant_id=tenant_id, limit=9)
        session.expunge_all()
    return found


def proposed(tenant_id: str, **given: Any) -> str:
    with transaction() as session:
        terms = terms_of(session, tenant_id, "mttr_hours", "7", at=JULY, **(BEFORE | given))
        return propose_baseline(session, tenant_id=tenant_id, terms=terms, signer=OURS, at=JULY).id


@pytest.mark.parametrize("role", [Role.OWNER, Role.BILLING_ADMIN])
def test_a_customers_people_propose_and_withdraw(tenant_id: str, role: Role) -> None:
    tab = Tab(tenant_id, role)
    page = tab.call(GainSharePage, "load")
    assert page.view.may_propose
    assert (page.kpi, page.unit) == ("availability_pct", "%")
    assert tab.call(GainSharePage, "choose_kpi", "mtbf_hours").unit == "hours"
    tab.send_document()
    page = tab.call(GainSharePage, "propose", TYPED)
    assert page.proposed == "Proposed: Mean time between failures."
    assert page.next_step.startswith("The seller is told")
    (made,) = kept(tenant_id)
    assert (made.proposed_party, made.period_end, made.unit) == ("customer", date(2026, 1, 1), "hours")
    assert made.rates == {"operating_hours": "8000", "downtime_rate": "5000"}, "only those that price its KPI"
    (shown,) = page.view.baselines
    assert (shown.may_decide, shown.may_withdraw, page.view.decides) == (False, True, "")
    tab.call(GainSharePage, "ask", "accept", made.id)
    assert "only the seller can decide" in tab.call(GainSharePage, "decide", {}).problem
    tab.call(GainSharePage, "ask", "withdraw", made.id)
    assert [each.status for each in tab.call(GainSharePage, "decide", {}).view.baselines] == ["withdrawn"]


def test_every_field_that_is_wrong_is_marked_at_once(tenant_id: str) -> None:
    tab = Tab(tenant_id, Role.OWNER)
    tab.call(GainSharePage, "load")
    wrong = TYPED | {
        "value": "many",
        "measured_from": "",
        "measured_to": "",
        "effective_from": "soon",
        "downtime_rate": "-1",
    }
    page = tab.call(GainSharePage, "propose", wrong)
    marked = {name for name, said in page.problems.items() if said}
    assert marked == {"value", "measured_from", "measured_to", "effective_from", "downtime_rate", "source"}
    assert (page.propose_problem, kept(tenant_id)) == ("Nothing was proposed yet. Look at what is marked above.", [])


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"kpi": "uptime"}, "kpi"),
        ({"kpi": "availability_pct", "value": "101"}, "value"),
        ({"value": "0"}, "value"),
        ({"measured_to": "2999-12-31"}, "measured_to"),
        ({"measured_from": "2026-01-05"}, "measured_to"),
        ({"operating_hours": "0.1234567890123"}, "operating_hours"),
    ],
)
def test_what_the_service_refuses_is_marked_where_it_was_typed(
    tenant_id: str, given: dict[str, str], field: str
) -> None:
    tab = Tab(tenant_id, Role.OWNER)
    tab.call(GainSharePage, "load")
    tab.send_document()
    page = tab.call(GainSharePage, "propose", TYPED | given)
    assert [name for name, said in page.problems.items() if said] == [field]
    assert page.source_name == "Our year.pdf", "what was chosen stays"
    assert kept(tenant_id) == []


def test_a_viewer_has_no_form_and_cannot_propose(tenant_id: str) -> None:
    tab = Tab(tenant_id, Role.VIEWER)
    assert not tab.call(GainSharePage, "load").view.may_propose
    tab.send_document()
    page = tab.call(GainSharePage, "propose", TYPED)
    assert "owner or a billing admin" in page.propose_problem
    assert kept(tenant_id) == []


def test_a_file_of_another_customer_is_marked_as_no_file(tenant_id: str) -> None:
    with transaction() as session:
        other = plant(session, name="Other").tenant_id
        file_id = terms_of(session, other, "mtbf_hours", "92", at=JULY).file_id
    tab = Tab(tenant_id, Role.OWNER)
    tab.call(GainSharePage, "load")
    tab.call(GainSharePage, "source_came", {"which": "source", "id": file_id, "name": "theirs.pdf"})
    page = tab.call(GainSharePage, "propose", TYPED)
    assert page.problems["source"].startswith("There is no such file")


def test_a_baselines_page_says_what_it_replaced_and_what_replaced_it(tenant_id: str) -> None:
    with transaction() as session:
        run_id = submitted(session, tenant_id).id
        later = accepted_baseline(session, tenant_id, "mtbf_hours", "100", at=JULY, effective_from=date(2026, 7, 1)).id
    first = next(each.id for each in kept(tenant_id) if each.kpi == "mtbf_hours" and each.id != later)
    tab = Tab(tenant_id, Role.VIEWER)
    view = tab.at(BaselinePage, first).view
    assert view.counts == "Counts for runs that begin from 1 Jul 2025 to 30 Jun 2026."
    assert (view.before.id, view.after.id, view.after.said) == ("", later, "100 hours, from 1 Jul 2026")
    assert [run.id for run in view.runs] == [run_id]
    (shown,) = view.baselines
    assert (shown.value, shown.may_decide, shown.may_withdraw, shown.receipt != "") == ("92 hours", False, False, True)
    after = tab.at(BaselinePage, later).view
    assert (after.before.id, after.after.id, after.runs) == (first, "", ())
    assert after.counts == "Counts for runs that begin on 1 Jul 2026 or later."


def test_of_two_for_one_day_the_one_accepted_later_counts(tenant_id: str) -> None:
    with transaction() as session:
        first, second = (accepted_baseline(session, tenant_id, "mtbf_hours", value, at=JULY).id for value in "12")
    tab = Tab(tenant_id, Role.OWNER)
    assert tab.at(BaselinePage, first).view.counts.startswith("From 1 Jan 2026, the very same day, one accepted later")
    assert tab.at(BaselinePage, second).view.before.id == first


@pytest.mark.parametrize(("what", "status"), [("accept", "accepted"), ("decline", "declined")])
def test_it_is_decided_on_from_its_own_page(tenant_id: str, what: str, status: str) -> None:
    baseline_id = proposed(tenant_id)
    tab = Tab(tenant_id, Role.OWNER)
    view = tab.at(BaselinePage, baseline_id).view
    assert view.counts.startswith("Would count for runs from 1 Jul 2025 on.")
    assert "owner@example.com" in view.decides
    tab.call(BaselinePage, "ask", what, baseline_id)
    page = tab.call(BaselinePage, "decide", {"reason": "It leaves out the night shift."})
    assert (page.problem, [each.status for each in page.view.baselines]) == ("", [status])


def test_an_operator_sees_it_on_a_page_of_theirs_and_withdraws_our_own(tenant_id: str) -> None:
    baseline_id = proposed(tenant_id)
    tab = Tab(tenant_id, None)
    (shown,) = tab.at(BaselineDeskPage, baseline_id).view.baselines
    assert (shown.may_decide, shown.may_withdraw) == (False, True)
    tab.call(BaselineDeskPage, "ask", "accept", baseline_id)
    assert "only the customer can decide" in tab.call(BaselineDeskPage, "decide", {}).problem
    tab.call(BaselineDeskPage, "ask", "withdraw", baseline_id)
    page = tab.call(BaselineDeskPage, "decide", {})
    assert (page.view.counts, page.view.decides) == ("It never counted.", "")


def test_another_customers_baseline_is_not_there_and_our_side_is_shown_it_as_that_customers(tenant_id: str) -> None:
    with transaction() as session:
        other = plant(session, name="Other").tenant_id
    baseline_id = proposed(other)
    tab = Tab(tenant_id, Role.OWNER)
    shown = tab.at(BaselinePage, baseline_id)
    assert (shown.missing, shown.view.baselines) == (True, ())
    tab.call(BaselinePage, "ask", "accept", baseline_id)
    assert "no such baseline" in tab.call(BaselinePage, "decide", {}).problem
    ours = Tab(tenant_id, None).at(BaselineDeskPage, baseline_id)
    assert (ours.missing, [each.id for each in ours.view.baselines]) == (False, [baseline_id])
    assert [each.status for each in kept(other)] == ["proposed"]
