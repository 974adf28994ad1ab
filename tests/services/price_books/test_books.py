"""Price books: the four that ship, loading as immutable versions, and finding a plan."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlmodel import Session, select

from models import PlanVersion
from services.errors import UnknownPlan, UnknownPriceBook
from services.price_books.books import book_in_force, load_book, load_shipped_books, plan_in_force, plan_version
from services.price_books.files import read_book
from services.price_books.plans import Plan, plan_from_document
from services.rules.money import Money
from services.settings import CATALOGS
from services.subscriptions.finding import plan_of, read_subscription
from tests.given import NOON, customer


def plans(session: Session, book: str) -> dict[str, Plan]:
    load_shipped_books(session, at=NOON)
    return {plan.code: plan for plan in book_in_force(session, code=book).plans}


def test_reliability_is_the_default_and_says_what_seed_002_says(session: Session) -> None:
    load_shipped_books(session, at=NOON)
    book = book_in_force(session)
    rows = [
        (p.code, p.monthly_base().plain(), p.allowances["credits"], p.sites_max, p.assets and p.assets.charge.included)
        for p in book.plans
    ]
    assert (book.code, book.currency) == ("reliability", "CAD")
    assert rows == [
        ("STARTER", "4000.00", 250_000, 1, 200),
        ("PRO", "9000.00", 1_000_000, 3, 1_000),
        ("ENTERPRISE", "18000.00", 5_000_000, 8, 3_000),
    ]
    assert {m.code: m.credits_per_unit for m in book.meters.values()} == {
        "LLM_token_usage": 1,
        "vision_frame_batch": 5,
        "optimizer_job": 500,
        "simulator_run": 1_000,
    }


def test_verified_exchange_prices_overage_in_tiers(session: Session) -> None:
    starter = plans(session, "verified-exchange")["Starter"]
    tiers = starter.overage["vex"].model.tiers  # type: ignore[union-attr]
    assert [(t.up_to, t.unit_price) for t in tiers] == [(50_000, Decimal("0.005")), (None, Decimal("0.008"))]
    assert starter.allowances == {"vex": 10_000, "fu": 50_000}


def test_memory_cloud_has_daily_quotas_and_limits(session: Session) -> None:
    offered = plans(session, "memory-cloud")
    assert offered["free"].pools["api_calls"].resets_daily
    assert offered["free"].overage == {}
    assert offered["pro"].limits["calls_per_minute"] == 100
    assert offered["enterprise"].base_price is None


def test_meters_and_pools_keep_the_order_of_the_book(session: Session) -> None:
    load_shipped_books(session, at=NOON)
    row = session.exec(select(PlanVersion).where(PlanVersion.plan_code == "PRO")).one()
    session.refresh(row)
    stored = plan_from_document(row.id, row.document)
    assert list(stored.meters) == ["LLM_token_usage", "vision_frame_batch", "optimizer_job", "simulator_run"]


def test_annual_is_twelve_months_less_a_fifth(session: Session) -> None:
    assert plans(session, "assistant")["pro"].annual_base() == Money(6710, "USD")  # 12 × 6.99 = 83.88, less 20 %


def test_loading_the_same_book_again_changes_nothing(session: Session) -> None:
    first = load_shipped_books(session, at=NOON)
    again = load_shipped_books(session, at=NOON + timedelta(days=1))
    assert [b.version_id for b in again] == [b.version_id for b in first]
    assert all(b.new_plan_codes == () for b in again)


def test_a_changed_price_is_a_new_version_and_old_subscriptions_keep_theirs(session: Session) -> None:
    one = customer(session)
    book = read_book(CATALOGS / "reliability.toml")
    dearer = book.model_copy(
        update={"plans": tuple(p.model_copy(update={"base_price": Decimal(9500)}) for p in book.plans)}
    )
    loaded = load_book(session, book=dearer, at=NOON)
    assert loaded.new_plan_codes == ("STARTER", "PRO", "ENTERPRISE")
    assert plan_in_force(session, plan_code="PRO").monthly_base() == Money(950_000, "CAD")
    kept = plan_of(session, read_subscription(session, tenant_id=one.tenant_id))
    assert kept.monthly_base() == Money(900_000, "CAD")
    assert len(session.exec(select(PlanVersion).where(PlanVersion.plan_code == "PRO")).all()) == 2


def test_a_plan_version_is_named_by_its_content(session: Session) -> None:
    load_shipped_books(session, at=NOON)
    plan = plan_in_force(session, plan_code="PRO")
    assert plan.version_id.startswith("sha256:")
    assert plan_version(session, version_id=plan.version_id) is plan_version(session, version_id=plan.version_id)


@pytest.mark.parametrize("code", ["GOLD", "pro", "", "memory-cloud/PRO", "PRO "])
def test_an_unknown_plan_is_refused_with_those_there_are(session: Session, code: str) -> None:
    load_shipped_books(session, at=NOON)
    with pytest.raises(UnknownPlan) as refusal:
        plan_in_force(session, plan_code=code)
    assert refusal.value.field == "plan_code"


def test_an_unknown_book_is_refused(session: Session) -> None:
    load_shipped_books(session, at=NOON)
    with pytest.raises(UnknownPriceBook, match="reliability"):
        plan_in_force(session, plan_code="nowhere/PRO")


def test_every_shipped_book_can_be_read() -> None:
    assert sorted(path.name for path in Path(CATALOGS).glob("*.toml")) == [
        "assistant.toml",
        "memory-cloud.toml",
        "reliability.toml",
        "verified-exchange.toml",
    ]
    for path in Path(CATALOGS).glob("*.toml"):
        read_book(path)
