"""A customer's subscriptions are found by who may see them."""

import pytest
from sqlmodel import Session

from services import errors
from services.identity import create_tenant
from services.price_books.books import load_shipped_books
from services.subscriptions.finding import find_subscription_tenant, plan_of, read_subscription
from services.subscriptions.starting import create_subscription
from tests.given import NOON


@pytest.fixture
def tenant_id(session: Session) -> str:
    load_shipped_books(session, at=NOON)
    return create_tenant(session, name="Acme", currency="CAD", timezone="America/Toronto", at=NOON).id


def test_it_can_be_found_by_its_tenant_and_by_operators(session: Session, tenant_id: str) -> None:
    subscription = create_subscription(session, tenant_id=tenant_id, plan_code="PRO", at=NOON)
    assert read_subscription(session, tenant_id=tenant_id).id == subscription.id
    assert find_subscription_tenant(session, subscription_id=subscription.id) == tenant_id
    assert plan_of(session, subscription).code == "PRO"
    for ask in (
        lambda: read_subscription(session, tenant_id="ten_other", subscription_id=subscription.id),
        lambda: find_subscription_tenant(session, subscription_id="sub_none"),
    ):
        with pytest.raises(errors.NotFound):
            ask()
