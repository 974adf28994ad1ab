"""Of several who act on the same run or the same days at once, one does; and the table holds what the services do."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from models import GainShareRun, GainShareStatus, Party, PendingLine, table_of
from services.database import reading, transaction
from services.errors import Refusal
from services.gain_share.decisions import approve_run, reject_run
from services.gain_share.parties import Signer
from services.gain_share.runs import list_runs, revise_run
from tests.gain_share_given import BETTER, JULY, OURS, THEIRS, YEAR, agree, measure, plant, submit, submitted

LAST_DAY = YEAR[1] - timedelta(days=1)


def test_not_even_the_database_lets_two_runs_that_stand_share_a_day(session: Session) -> None:
    tenant_id = plant(session).tenant_id
    first = submitted(session, tenant_id)
    again = table_of(GainShareRun).insert().values(first.model_dump() | {"id": "run_again", "period_start": LAST_DAY})
    with pytest.raises(IntegrityError, match="covers some of these days"), session.begin_nested():
        session.execute(again)
    reject_run(session, tenant_id=tenant_id, run_id=first.id, reason="No", signer=THEIRS, at=JULY)
    assert submit(session, tenant_id).id != first.id


def test_of_several_who_submit_the_same_days_at_once_one_does(engine: Engine) -> None:
    with transaction(engine) as session:
        tenant_id = plant(session).tenant_id
        agree(session, tenant_id)
        measure(session, tenant_id, BETTER)

    def try_it(number: int) -> str:
        try:
            with transaction(engine) as session:
                submit(session, tenant_id, signer=Signer(Party.SELLER, f"usr_{number}"))
        except Refusal as refused:
            return refused.code
        return "done"

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(try_it, range(3))) == ["conflict", "conflict", "done"]


def test_of_an_approval_and_a_revision_at_once_the_first_counts(engine: Engine) -> None:
    with transaction(engine) as session:
        run = submitted(session, plant(session).tenant_id)
        named = {"tenant_id": run.tenant_id, "run_id": run.id}

    def try_it(approves: bool) -> str:
        try:
            with transaction(engine) as session:
                if approves:
                    approve_run(session, **named, signer=THEIRS, at=JULY)
                else:
                    revise_run(session, **named, signer=OURS, at=JULY)
        except Refusal as refused:
            return refused.code
        return "done"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(try_it, (True, False))) == ["conflict", "done"]
    with reading(engine) as session:
        runs = list_runs(session, tenant_id=named["tenant_id"], limit=9)
        statuses = [each.status for each in runs]
        billed = session.exec(select(PendingLine)).all()
    assert (statuses, len(billed)) in (
        ([GainShareStatus.APPROVED], 1),
        ([GainShareStatus.PENDING_APPROVAL, GainShareStatus.REPLACED], 0),
    )
