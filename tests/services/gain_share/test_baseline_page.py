"""The page of a baseline finds its runs and its neighbours in either database."""

from datetime import date

from sqlmodel import Session

from models import Role
from services.gain_share.baseline_lists import baselines_in_force
from services.gain_share.baseline_page import RUNS_SHOWN, read_baseline_page
from services.gain_share.runs import revise_run
from services.sign_in import Member
from tests.gain_share_given import JULY, OURS, accepted_baseline, plant, submitted


def test_it_lists_the_newest_runs_that_used_it_and_counts_the_others(session: Session) -> None:
    tenant_id = plant(session).tenant_id
    run = submitted(session, tenant_id)
    for _ in range(RUNS_SHOWN + 1):
        run = revise_run(session, tenant_id=tenant_id, run_id=run.id, signer=OURS, at=JULY)
    (mtbf, mttr) = baselines_in_force(session, tenant_id=tenant_id, on=date(2025, 7, 1))
    unused = accepted_baseline(session, tenant_id, "inventory_value", "5000", at=JULY, effective_from=date(2025, 7, 1))
    member = Member("usr_1", "a@b.example", tenant_id, "Plant", Role.VIEWER, False, "UTC", "CAD")

    def page(baseline_id: str) -> tuple[int, str]:
        view = read_baseline_page(session, tenant_id=tenant_id, baseline_id=baseline_id, member=member, at=JULY)
        return len(view.runs), view.older_runs

    assert page(mtbf.id) == page(mttr.id) == (RUNS_SHOWN, "and 2 earlier")
    assert page(unused.id) == (0, "")
