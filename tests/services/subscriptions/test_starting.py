"""Starting a subscription, and what is refused."""

from datetime import UTC, date, datetime

import pytest
from sqlmodel import Session, select

from models import CreditGrant, Invoice
from services import errors
from services.identity import create_tenant
from services.price_books.books import load_book, load_shipped_books
from services.price_books.files import read_book
from services.settings import CATALOGS
from services.subscriptions.starting import create_subscription
from tests.given import NOON, customer


@pytest.fixture
def tenant_id(session: Session) -> str:
    load_shipped_books(session, at=NOON)
    return create_tenant(session, name="Acme", currency="CAD", timezone="America/Toronto", at=NOON).id


def test_it_starts_at_local_midnight_with_its_allowance_and_first_invoice(session: Session, tenant_id: str) -> None:
    subscription = create_subscription(session, tenant_id=tenant_id, plan_code="PRO", at=NOON)
    assert subscription.current_period_start == datetime(2026, 11, 20, 5, tzinfo=UTC)
    assert subscription.current_period_end == datetime(2026, 12, 20, 5, tzinfo=UTC)
    grant = session.exec(select(CreditGrant)).one()
    assert (grant.granted_micro, grant.expires_at) == (1_000_000_000_000, subscription.current_period_end)
    assert session.exec(select(Invoice.total_minor)).one() == 900_000


def test_a_second_live_subscription_is_refused(session: Session) -> None:
    one = customer(session)
    with pytest.raises(errors.SubscriptionConflict):
        create_subscription(session, tenant_id=one.tenant_id, plan_code="STARTER", at=NOON)


@pytest.mark.parametrize(
    ("plan_code", "start", "refusal", "field"),
    [
        ("GOLD", None, errors.UnknownPlan, "plan_code"),
        ("memory-cloud/enterprise", None, errors.Unprocessable, "plan_code"),
        ("memory-cloud/pro", None, errors.Unprocessable, "plan_code"),
        ("PRO", date(2026, 11, 21), errors.Unprocessable, "start_date"),
        ("PRO", date(2019, 1, 1), errors.Unprocessable, "start_date"),
    ],
)
def test_what_cannot_be_sold_is_refused(
    session: Session, tenant_id: str, plan_code: str, start: date | None, refusal: type[errors.Refusal], field: str
) -> None:
    with pytest.raises(refusal) as refused:
        create_subscription(session, tenant_id=tenant_id, plan_code=plan_code, start_date=start, at=NOON)
    assert refused.value.field == field
    assert session.exec(select(CreditGrant)).all() == []


def test_a_plan_sold_by_contract_is_refused_though_it_has_a_price(session: Session, tenant_id: str) -> None:
    book = read_book(CATALOGS / "reliability.toml")
    by_contract = tuple(plan.model_copy(update={"contact_sales": True}) for plan in book.plans)
    load_book(session, book=book.model_copy(update={"plans": by_contract}), at=NOON)
    with pytest.raises(errors.Unprocessable, match="by contract"):
        create_subscription(session, tenant_id=tenant_id, plan_code="PRO", at=NOON)


def test_an_unknown_tenant_is_refused(session: Session) -> None:
    with pytest.raises(errors.NotFound):
        create_subscription(session, tenant_id="ten_none", plan_code="PRO", at=NOON)
