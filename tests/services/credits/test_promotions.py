"""Credits that are given: for a reason, spent in their order, taken away while unused, expired and told of before."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from models import CreditEntry, CreditGrant, Notice
from services.credits.expiry import expire_lots, lots_to_tell_of, tell_of_expiry, tenants_with_expired
from services.credits.pool_balances import Holder, read_balances
from services.credits.promotions import give_credits, list_gifts, take_away
from services.credits.reservations import reserve_credits
from services.errors import Conflict, NotFound, Unprocessable
from services.rules.quantities import MICRO
from services.subscriptions.finding import plan_of, read_subscription
from tests.given import NOON, Customer, assert_books_agree, customer, event, metered, refused

A_WEEK = timedelta(days=7)


def gift(session: Session, who: Customer, **more: Any) -> CreditGrant:
    asked = {"pool": "credits", "credits": "1000", "reason": "Sorry for Tuesday", "by": "usr_op", "at": NOON} | more
    return give_credits(session, tenant_id=who.tenant_id, **asked)


def remaining(session: Session, who: Customer, at: Any = NOON) -> int:
    subscription = read_subscription(session, tenant_id=who.tenant_id)
    holder = Holder(subscription, plan_of(session, subscription), "America/Toronto")
    (balance,) = read_balances(session, holders=[holder], at=at)[subscription.id]
    return balance.remaining_micro // MICRO


def test_a_gift_can_be_spent_at_once_and_is_told_of(session: Session) -> None:
    who = customer(session)
    lot = gift(session, who)
    assert (lot.kind, lot.priority, lot.reason, lot.granted_by) == ("promotion", 20, "Sorry for Tuesday", "usr_op")
    assert remaining(session, who) == 1_001_000
    told = session.exec(select(Notice).where(Notice.type == "credits.granted")).one()
    assert (told.data["credits"], told.data["reason"]) == ("1000", "Sorry for Tuesday")
    assert_books_agree(session, who.tenant_id)


def test_a_lower_priority_is_spent_before_the_allowance(session: Session) -> None:
    who = customer(session)
    first, last = gift(session, who, priority=5), gift(session, who, priority=15)
    metered(session, who.tenant_id, event("1500"))
    session.expire_all()
    assert (first.remaining_micro, last.remaining_micro) == (0, 1000 * MICRO)


def test_giving_again_with_the_same_id_gives_nothing_more(session: Session) -> None:
    who = customer(session)
    assert gift(session, who, gift_id="gift_1").id == gift(session, who, gift_id="gift_1").id
    with pytest.raises(Conflict):
        gift(session, who, gift_id="gift_1", credits="2")
    assert len(list_gifts(session, tenant_id=who.tenant_id)) == 1


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"credits": "0"}, "credits"),
        ({"credits": "-5"}, "credits"),
        ({"credits": "0.0000001"}, "credits"),
        ({"credits": "1000000000001"}, "credits"),
        ({"reason": "  "}, "reason"),
        ({"reason": "x" * 301}, "reason"),
        ({"reason": "a\0b"}, "reason"),
        ({"priority": 0}, "priority"),
        ({"priority": 100}, "priority"),
        ({"pool": "tea"}, "pool"),
        ({"expires_at": NOON}, "expires_at"),
        ({"expires_at": NOON + timedelta(days=3661)}, "expires_at"),
    ],
)
def test_a_gift_that_is_none_is_refused(session: Session, asked: dict[str, Any], field: str) -> None:
    who = customer(session)
    with pytest.raises(Unprocessable) as refusal:
        gift(session, who, **asked)
    assert refusal.value.field == field


def test_it_is_taken_away_while_nothing_of_it_is_used(session: Session) -> None:
    who = customer(session)
    lot = gift(session, who)
    for _ in range(2):
        take_away(session, tenant_id=who.tenant_id, lot_id=lot.id, reason="Given twice", at=NOON)
    assert (lot.remaining_micro, lot.revoked_micro) == (0, 1000 * MICRO)
    entry = session.exec(select(CreditEntry).where(CreditEntry.kind == "revoke")).one()
    assert entry.reason == "Given twice"
    assert remaining(session, who) == 1_000_000
    assert_books_agree(session, who.tenant_id)


def test_what_is_used_or_held_stays_given(session: Session) -> None:
    who = customer(session)
    used, held = gift(session, who, priority=1), gift(session, who, priority=2)
    metered(session, who.tenant_id, event("1"))
    reserve_credits(session, tenant_id=who.tenant_id, event_type="LLM_token_usage", units_micro=1500 * MICRO, at=NOON)
    for lot in (used, held):
        with pytest.raises(Conflict):
            take_away(session, tenant_id=who.tenant_id, lot_id=lot.id, reason="Given twice", at=NOON)
    with pytest.raises(NotFound):
        take_away(session, tenant_id=who.tenant_id, lot_id="grant_x", reason="Given twice", at=NOON)


def test_what_has_expired_does_not_count_even_before_it_is_written_down(session: Session) -> None:
    who = customer(session, plan="memory-cloud/free", currency="USD")
    ends_at = NOON + timedelta(hours=1)
    gift(session, who, pool="api_calls", expires_at=ends_at)
    metered(session, who.tenant_id, event("600", "api_call"))
    assert remaining(session, who, ends_at - timedelta(seconds=1)) == 500
    assert remaining(session, who, ends_at) == 0
    refused(session, who.tenant_id, event("1", "api_call"), ends_at)
    assert tenants_with_expired(session, at=ends_at) == [who.tenant_id]
    assert (expire_lots(session, tenant_id=who.tenant_id, at=ends_at), tenants_with_expired(session, at=ends_at)) == (
        1,
        [],
    )
    assert expire_lots(session, tenant_id=who.tenant_id, at=ends_at) == 0
    (late,) = metered(session, who.tenant_id, event("100", "api_call", occurred_at=NOON), at=ends_at)
    assert late.overage_micro == 0
    assert_books_agree(session, who.tenant_id)


def test_who_has_it_is_told_a_week_before_it_expires_and_once(session: Session) -> None:
    who = customer(session)
    lot = gift(session, who, expires_at=NOON + timedelta(days=30))
    assert lots_to_tell_of(session, at=NOON + timedelta(days=22)) == []
    at = NOON + timedelta(days=23)
    assert lots_to_tell_of(session, at=at) == [(who.tenant_id, lot.id)]
    tell_of_expiry(session, tenant_id=who.tenant_id, lot_id=lot.id, at=at)
    assert lots_to_tell_of(session, at=at) == []
    assert session.exec(select(Notice).where(Notice.type == "credits.expiring")).one().data["left"] == "1000"
