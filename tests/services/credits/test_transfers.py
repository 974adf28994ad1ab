"""What was bought or given goes on with the customer: to a subscription that runs, where its pool is."""

from datetime import timedelta

from sqlmodel import Session, select

from models import CreditEntry, CreditGrant
from services.closing.close import close_if_due
from services.credits.promotions import give_credits
from services.credits.reservations import reserve_credits
from services.credits.transfers import carry_over, tenants_left_behind, tenants_to_carry_over
from services.identity import create_tenant
from services.invoices.credit_note_issuing import issue_credit_note
from services.rules.quantities import MICRO
from services.subscriptions.ends import end_subscription
from services.subscriptions.starting import create_subscription
from services.top_ups.buying import buy_top_up
from tests.given import NOON, Customer, assert_books_agree, customer, event, metered

LATER = NOON + timedelta(days=1)
HOUR = timedelta(hours=1)


def lots(session: Session, who: Customer, subscription_id: str) -> list[CreditGrant]:
    statement = select(CreditGrant).where(
        CreditGrant.tenant_id == who.tenant_id,
        CreditGrant.subscription_id == subscription_id,
        CreditGrant.kind != "allowance",
    )
    return list(session.exec(statement.order_by(CreditGrant.priority).execution_options(populate_existing=True)))


def ended(session: Session, who: Customer, at=LATER) -> None:
    """The subscription ended a grace before `at`, and is closed."""
    ended_at = at - HOUR
    end_subscription(
        session, tenant_id=who.tenant_id, subscription_id=who.subscription_id, ended_at=ended_at, at=ended_at
    )
    close_if_due(session, tenant_id=who.tenant_id, subscription_id=who.subscription_id, at=at)


def rich(session: Session) -> Customer:
    who = customer(session)
    give_credits(
        session, tenant_id=who.tenant_id, pool="credits", credits="1000", reason="Welcome", by="usr_op", at=NOON
    )
    buy_top_up(session, tenant_id=who.tenant_id, pack="credits-250k", by="usr_1", at=NOON)
    return who


def test_what_is_left_follows_to_the_subscription_that_starts(session: Session) -> None:
    who = rich(session)
    metered(session, who.tenant_id, event("1001400"))
    ended(session, who)
    new = create_subscription(session, tenant_id=who.tenant_id, plan_code="ENTERPRISE", at=LATER)
    (bought,) = lots(session, who, new.id)
    given, old = lots(session, who, who.subscription_id)
    left_micro = 249_600 * MICRO
    assert (bought.kind, bought.granted_micro, bought.remaining_micro) == ("purchase", left_micro, left_micro)
    assert (bought.expires_at, bought.origin_id) == (old.expires_at, old.id)
    assert (old.remaining_micro, old.transferred_micro, old.spent_micro) == (0, left_micro, 400 * MICRO)
    assert given.spent_micro == given.granted_micro
    moves = session.exec(select(CreditEntry).where(CreditEntry.kind == "transfer")).all()
    assert sum(entry.delta_micro for entry in moves) == 0
    assert {(entry.grant_id, entry.source_id) for entry in moves} == {(old.id, bought.id), (bought.id, old.id)}
    assert_books_agree(session, who.tenant_id)


def test_it_stays_where_nothing_takes_it_and_goes_on_later(session: Session) -> None:
    who = rich(session)
    ended(session, who)
    assert carry_over(session, tenant_id=who.tenant_id, at=LATER) == 0
    assert tenants_left_behind(session, at=LATER) == []
    first = create_subscription(session, tenant_id=who.tenant_id, plan_code="PRO", at=LATER)
    assert len(lots(session, who, first.id)) == 2
    assert (carry_over(session, tenant_id=who.tenant_id, at=LATER), tenants_left_behind(session, at=LATER)) == (0, [])


def test_it_goes_only_where_the_same_pool_is(session: Session) -> None:
    who = customer(session, plan="verified-exchange/Starter", currency="USD")
    give_credits(session, tenant_id=who.tenant_id, pool="vex", credits="5", reason="Welcome", by="usr_op", at=NOON)
    ended(session, who)
    other = create_subscription(session, tenant_id=who.tenant_id, plan_code="assistant/pro", at=LATER)
    assert lots(session, who, other.id) == []
    assert lots(session, who, who.subscription_id)[0].remaining_micro == 5 * MICRO
    assert tenants_left_behind(session, at=LATER) == [who.tenant_id]
    assert tenants_to_carry_over(session, at=LATER) == []


def test_an_end_moves_it_to_another_that_runs_already(session: Session) -> None:
    who = rich(session)
    team = create_subscription(session, tenant_id=who.tenant_id, plan_code="STARTER", name="lab", at=NOON)
    ended(session, who)
    assert len(lots(session, who, team.id)) == 2


def test_what_is_on_hold_follows_once_the_hold_has_ended(session: Session) -> None:
    who = customer(session)
    give_credits(
        session, tenant_id=who.tenant_id, pool="credits", credits="1000", reason="W", by="op", priority=1, at=NOON
    )
    held = {"event_type": "LLM_token_usage", "units_micro": 400 * MICRO, "expires_in": 3 * HOUR}
    reserve_credits(session, tenant_id=who.tenant_id, at=NOON, **held)
    soon = NOON + HOUR + timedelta(minutes=1)
    ended(session, who, soon)
    new = create_subscription(session, tenant_id=who.tenant_id, plan_code="PRO", at=soon)
    assert [lot.granted_micro // MICRO for lot in lots(session, who, new.id)] == [600]
    assert tenants_to_carry_over(session, at=soon) == []
    assert tenants_to_carry_over(session, at=LATER) == [who.tenant_id]
    carry_over(session, tenant_id=who.tenant_id, at=LATER)
    assert sorted(lot.granted_micro // MICRO for lot in lots(session, who, new.id)) == [400, 600]
    assert_books_agree(session, who.tenant_id)


def test_credit_notes_take_back_what_was_bought_wherever_it_is(session: Session) -> None:
    who = customer(session)
    purchase = buy_top_up(session, tenant_id=who.tenant_id, pack="credits-250k", by="usr_1", at=NOON)
    ended(session, who)
    new = create_subscription(session, tenant_id=who.tenant_id, plan_code="PRO", at=LATER)
    issue_credit_note(
        session, tenant_id=who.tenant_id, invoice_id=purchase.invoice_id, amount_minor=45_000, reason="No", at=LATER
    )
    (lot,) = lots(session, who, new.id)
    assert (lot.remaining_micro, lot.revoked_micro) == (0, 250_000 * MICRO)
    assert_books_agree(session, who.tenant_id)


def test_customers_do_not_mix(session: Session) -> None:
    who = rich(session)
    other = create_tenant(session, name="Other", currency="CAD", timezone="UTC", at=NOON)
    ended(session, who)
    theirs = create_subscription(session, tenant_id=other.id, plan_code="PRO", at=LATER)
    assert lots(session, Customer(other.id, theirs.id), theirs.id) == []


def test_use_of_before_the_end_that_is_told_late_still_spends_what_was_bought(session: Session) -> None:
    who = rich(session)
    metered(session, who.tenant_id, event("1000000"))
    who_ends = {"tenant_id": who.tenant_id, "subscription_id": who.subscription_id}
    end_subscription(session, **who_ends, ended_at=LATER, at=LATER)
    new = create_subscription(session, tenant_id=who.tenant_id, plan_code="PRO", at=LATER)
    late = event("1400", occurred_at=LATER - HOUR)._replace(subscription_id=who.subscription_id)
    (answer,) = metered(session, who.tenant_id, late, at=LATER + HOUR / 2)
    assert answer.overage_micro == 0
    assert lots(session, who, new.id) == []
    assert tenants_left_behind(session, at=LATER + HOUR / 2) == []
    assert close_if_due(session, **who_ends, at=LATER + HOUR) is None  # nothing is left to bill
    assert [lot.granted_micro // MICRO for lot in lots(session, who, new.id)] == [249_600]
    assert tenants_left_behind(session, at=LATER + HOUR) == []
    assert_books_agree(session, who.tenant_id)
