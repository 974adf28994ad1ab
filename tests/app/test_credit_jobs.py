"""What falls due with credits is done once, whoever asks, and what fails stops no others."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select

from app import credit_jobs
from models import Collection, CreditGrant, CreditPurchase, Invoice, Notice, Subscription
from services.credits.promotions import give_credits
from services.database import transaction
from services.top_ups import automatic_buying as auto_top_up_buying
from services.top_ups.automatic import AutoTopUpTerms, set_auto_top_up
from services.top_ups.buying import buy_top_up
from tests.given import NOON, Customer, customer, event, metered

TERMS = AutoTopUpTerms(pack="credits-250k", threshold="50000", month_count_max=3, month_amount_max="1000.00")


def low(session: Session, name: str) -> Customer:
    who = customer(session, name=name)
    set_auto_top_up(session, tenant_id=who.tenant_id, pool="credits", terms=TERMS, by="usr_1", at=NOON)
    metered(session, who.tenant_id, event("960000"))
    return who


def test_what_is_due_is_bought_once_however_often_it_runs(engine: Engine) -> None:
    with transaction() as session:
        low(session, "One"), low(session, "Two")
    assert credit_jobs.top_up_due(at=NOON) == {"bought": 2}
    assert credit_jobs.top_up_due(at=NOON) == {}


def test_one_that_fails_stops_no_others_and_is_found_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with transaction() as session:
        bad = low(session, "One")
        low(session, "Two")
    buy = auto_top_up_buying.buy_if_due

    def sometimes(session: Session, *, tenant_id: str, **more: object) -> object:
        if tenant_id == bad.tenant_id:
            raise RuntimeError("not now")
        return buy(session, tenant_id=tenant_id, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(auto_top_up_buying, "buy_if_due", sometimes)
    assert credit_jobs.top_up_due(at=NOON) == {"bought": 1, "failed": 1}
    monkeypatch.undo()
    assert credit_jobs.top_up_due(at=NOON) == {"bought": 1}


def test_a_purchase_nobody_paid_is_made_void_when_it_was_to_be_paid(engine: Engine) -> None:
    with transaction() as session:
        who = customer(session)
        subscription = session.get_one(Subscription, (who.tenant_id, who.subscription_id))
        subscription.collection = Collection.AUTOMATIC
        session.add(subscription)
        session.flush()
        purchase = buy_top_up(session, tenant_id=who.tenant_id, pack="credits-250k", by="usr_1", at=NOON)
        due_at = session.get_one(Invoice, (who.tenant_id, purchase.invoice_id)).due_at
    assert credit_jobs.cancel_unpaid_due(at=due_at - timedelta(seconds=1)) == {}
    assert [credit_jobs.cancel_unpaid_due(at=due_at) for _ in range(2)] == [{"unpaid": 1}, {}]
    with transaction() as session:
        assert session.exec(select(CreditPurchase)).one().status == "canceled"
        assert session.get_one(Invoice, (who.tenant_id, purchase.invoice_id)).status == "void"


def test_gifts_are_told_of_and_expire_and_all_jobs_run_together(engine: Engine) -> None:
    ends_at = NOON + timedelta(days=3)
    with transaction() as session:
        who = customer(session)
        give_credits(
            session,
            tenant_id=who.tenant_id,
            pool="credits",
            credits="5",
            reason="W",
            by="op",
            expires_at=ends_at,
            at=NOON,
        )
    assert [credit_jobs.settle_due(at=at) for at in (NOON, NOON, ends_at, ends_at)] == [
        {"told": 1},
        {},
        {"expired": 1},
        {},
    ]
    with transaction() as session:
        lot = session.exec(select(CreditGrant).where(CreditGrant.kind == "promotion")).one()
        assert (lot.remaining_micro, lot.expired_micro) == (0, lot.granted_micro)
        assert len(session.exec(select(Notice).where(Notice.type == "credits.expiring")).all()) == 1
