"""The job that tells of trials."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from app import trial_notices
from services.database import reading, transaction
from services.identity import create_tenant
from services.notices import read_notices
from services.price_books.books import load_shipped_books
from services.subscriptions.starting import create_subscription
from tests.given import NOON

DAY = timedelta(days=1)


def trial(name: str) -> str:
    with transaction() as session:
        load_shipped_books(session, at=NOON)
        tenant = create_tenant(session, name=name, currency="CAD", timezone="America/Toronto", at=NOON)
        create_subscription(
            session, tenant_id=tenant.id, plan_code="PRO", started_at=NOON, trial_ends_at=NOON + 14 * DAY, at=NOON
        )
        return tenant.id


def test_trials_are_told_of_once_and_one_that_fails_stops_no_other(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, other = trial("First"), trial("Other")
    announced = trial_notices.announce_trial_ending

    def fail_for_first(session: object, *, tenant_id: str, **rest: object) -> bool:
        if tenant_id == first:
            raise RuntimeError("no")
        return announced(session, tenant_id=tenant_id, **rest)  # type: ignore[arg-type]

    assert trial_notices.announce_trials_ending_due(at=NOON) == {"told": 0, "failed": 0}
    with monkeypatch.context() as patched:
        patched.setattr(trial_notices, "announce_trial_ending", fail_for_first)
        assert trial_notices.announce_trials_ending_due(at=NOON + 12 * DAY) == {"told": 1, "failed": 1}
    assert trial_notices.announce_trials_ending_due(at=NOON + 12 * DAY) == {"told": 1, "failed": 0}
    assert trial_notices.announce_trials_ending_due(at=NOON + 13 * DAY) == {"told": 0, "failed": 0}
    with reading() as session:
        for tenant_id in (first, other):
            assert [n.type for n in read_notices(session, tenant_id=tenant_id)].count("subscription.trial_ending") == 1
