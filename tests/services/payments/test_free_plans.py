"""The first purchase of who is on a free plan: there was no card to change it with, so a checkout ends it."""

from datetime import UTC, datetime

import pytest
from sqlmodel import select

from models import Collection, Invoice, Subscription, SubscriptionStatus
from services.database import reading
from services.errors import SubscriptionConflict
from services.identity import create_tenant
from services.subscriptions.starting import create_subscription
from tests.given import assert_books_agree
from tests.payments_world import PaymentsWorld


@pytest.fixture
def dreamer(payments_world: PaymentsWorld) -> str:
    """A customer on the free plan of a book in dollars."""
    from services.payments.stripe_setup import set_up

    set_up(payments_world.stripe, at=datetime.now(UTC), book_code="memory-cloud")
    at = payments_world.now()
    made = payments_world.transact(create_tenant, name="Dreamer", currency="USD", timezone="UTC", at=at)
    payments_world.transact(create_subscription, tenant_id=made.id, plan_code="memory-cloud/free", at=at)
    return str(made.id)


def subscriptions(tenant_id: str) -> list[tuple[str, str]]:
    with reading() as session:
        rows = session.exec(select(Subscription).where(Subscription.tenant_id == tenant_id))
        return sorted((row.status, row.collection) for row in rows)


def test_the_paid_plan_takes_the_place_of_the_free_one(payments_world: PaymentsWorld, dreamer: str) -> None:
    opened = payments_world.open_checkout("memory-cloud/pro", tenant_id=dreamer)
    assert subscriptions(dreamer) == [(SubscriptionStatus.ACTIVE, Collection.MANUAL)]
    payments_world.pay(opened)
    payments_world.work()
    assert subscriptions(dreamer) == [
        (SubscriptionStatus.ACTIVE, Collection.AUTOMATIC),
        (SubscriptionStatus.CANCELED, Collection.MANUAL),
    ]
    with reading() as session:
        (bill,) = session.exec(select(Invoice).where(Invoice.tenant_id == dreamer)).all()
        assert (bill.status, bill.total_minor, bill.currency) == ("paid", 2_900, "USD")
        assert_books_agree(session, dreamer)


def test_leaving_the_hosted_page_leaves_the_free_plan(payments_world: PaymentsWorld, dreamer: str) -> None:
    payments_world.open_checkout("memory-cloud/pro", tenant_id=dreamer)
    payments_world.pass_time(hours=25)
    payments_world.work()
    assert subscriptions(dreamer) == [(SubscriptionStatus.ACTIVE, Collection.MANUAL)]


def test_who_pays_already_changes_the_plan_instead(payments_world: PaymentsWorld, dreamer: str) -> None:
    payments_world.buy("memory-cloud/pro", tenant_id=dreamer)
    with pytest.raises(SubscriptionConflict, match="change its plan"):
        payments_world.open_checkout("memory-cloud/pro", tenant_id=dreamer)
