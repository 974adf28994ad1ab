"""What came of runs: told for a whole list in the same three questions as for one."""

from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlmodel import Session, select

from models import InvoiceLine, LineKind
from services.closing.close import close_if_due
from services.gain_share.decisions import approve_run
from services.gain_share.follow_ups import FollowUp, follow_up_of, follow_ups_of
from services.gain_share.runs import revise_run
from services.invoices.transitions import void_invoice
from tests.gain_share_given import JULY, OURS, THEIRS, plant, submitted
from tests.given import Customer
from tests.services.gain_share.test_taken_back import AUGUST


@pytest.fixture
def harbour(session: Session) -> Customer:
    return plant(session)


def test_each_run_is_told_what_came_of_it_and_of_no_other(session: Session, harbour: Customer) -> None:
    first = submitted(session, harbour.tenant_id)
    second = revise_run(session, tenant_id=harbour.tenant_id, run_id=first.id, signer=OURS, text="As said", at=JULY)
    assert follow_up_of(session, run=second) == FollowUp(None, None, is_taken_back=False)
    approve_run(session, tenant_id=harbour.tenant_id, run_id=second.id, signer=THEIRS, at=JULY)
    close_if_due(session, tenant_id=harbour.tenant_id, subscription_id=harbour.subscription_id, at=AUGUST)
    line = session.exec(select(InvoiceLine).where(InvoiceLine.kind == LineKind.GAIN_SHARE)).one()
    both = [first.id, second.id]
    assert follow_ups_of(session, tenant_id=harbour.tenant_id, run_ids=both) == {
        first.id: FollowUp(second.id, None, is_taken_back=False),
        second.id: FollowUp(None, line.invoice_id, is_taken_back=False),
    }
    void_invoice(session, tenant_id=harbour.tenant_id, invoice_id=line.invoice_id, at=AUGUST)
    assert follow_up_of(session, run=second) == FollowUp(None, line.invoice_id, is_taken_back=True)


def test_another_customers_runs_have_no_follow_up_here(session: Session, harbour: Customer) -> None:
    run = submitted(session, harbour.tenant_id)
    revise_run(session, tenant_id=harbour.tenant_id, run_id=run.id, signer=OURS, text="As said", at=JULY)
    other = plant(session, name="Other")
    told = follow_ups_of(session, tenant_id=other.tenant_id, run_ids=[run.id])
    assert told == {run.id: FollowUp(None, None, is_taken_back=False)}


def test_a_list_asks_no_more_than_one_run_does(engine: Engine, session: Session, harbour: Customer) -> None:
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    follow_ups_of(session, tenant_id=harbour.tenant_id, run_ids=[f"gsr_{number}" for number in range(200)])
    assert len(asked) == 3
