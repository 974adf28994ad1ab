"""Questions answered beforehand: the same answers, as the rows were then, for those that were asked about."""

from datetime import UTC, datetime

from sqlmodel import Session, col, select

from models import BillingPeriod, BillingProfile, Subscription
from services.closing.period_parts import PARTS
from services.closing.questions import Question, answered_beforehand
from tests.given import NOON, customer

NEWEST_NAME = Question(
    lambda tenant: (
        select(BillingProfile.legal_name)
        .where(BillingProfile.tenant_id == tenant)
        .order_by(col(BillingProfile.version).desc())
    ),
    Subscription.tenant_id,
    rows_max=1,
)


def _subscription(session: Session, name: str) -> Subscription:
    one = customer(session, name=name)
    return session.get_one(Subscription, (one.tenant_id, one.subscription_id))


def _named(session: Session, tenant_id: str, version: int, name: str) -> None:
    session.add(
        BillingProfile(
            tenant_id=tenant_id, version=version, legal_name=name, address_lines=[], city="", country="CA", emails=[],
            tax_ids=[], changed_at=NOON, changed_by="us",
        )
    )  # fmt: skip
    session.flush()


def test_an_answer_given_beforehand_is_the_one_that_asking_gives(session: Session) -> None:
    subscriptions = [_subscription(session, name) for name in ("Acme", "Other", "Third")]
    asked = [(each.tenant_id, each.id, each.current_period_start) for each in subscriptions]
    alone = [PARTS.ask(session, *about) for about in asked]
    with answered_beforehand(session, [PARTS], subscriptions):
        assert [PARTS.ask(session, *about) for about in asked] == alone
    assert all(len(parts) == 1 for parts in alone)


def test_what_was_not_asked_about_is_asked_of_the_database(session: Session) -> None:
    acme, other = _subscription(session, "Acme"), _subscription(session, "Other")
    with answered_beforehand(session, [PARTS], [acme]):
        assert PARTS.foreseen(session, other.tenant_id, other.id, other.current_period_start) is None
        assert len(PARTS.ask(session, other.tenant_id, other.id, other.current_period_start)) == 1
        assert PARTS.ask(session, acme.tenant_id, acme.id, datetime(2020, 1, 1, tzinfo=UTC)) == []


def test_answers_stay_as_they_were_until_the_work_is_done(session: Session) -> None:
    acme = _subscription(session, "Acme")
    about = (acme.tenant_id, acme.id, acme.current_period_start)
    with answered_beforehand(session, [PARTS], [acme]):
        assert PARTS.foreseen(session, *about) is not None
        for row in session.exec(select(BillingPeriod).where(BillingPeriod.tenant_id == acme.tenant_id)):
            session.delete(row)
        session.flush()
        assert len(PARTS.ask(session, *about)) == 1
    assert PARTS.foreseen(session, *about) is None
    assert PARTS.ask(session, *about) == []


def test_each_is_answered_with_no_more_rows_than_asking_gives(session: Session) -> None:
    acme, other = _subscription(session, "Acme"), _subscription(session, "Other")
    for version, name in enumerate(("Old Ltd", "New Ltd"), start=1):
        _named(session, acme.tenant_id, version, name)
    with answered_beforehand(session, [NEWEST_NAME], [acme, other]):
        assert NEWEST_NAME.ask(session, acme.tenant_id) == ["New Ltd"]
        assert NEWEST_NAME.ask(session, other.tenant_id) == []
    assert NEWEST_NAME.ask(session, acme.tenant_id) == ["New Ltd"]
