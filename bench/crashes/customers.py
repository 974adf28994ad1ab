"""The customers that the crowd sends for. Runs in a process of its own and prints them as JSON.

Three plans, so that crashes also fall between refusals: one that takes everything, one that sells nothing beyond its
allowance, and one whose customer has set itself a cap.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.cli.preparing import migrate_and_stock
from app.unit_of_work import now
from services.api_keys import create_api_key
from services.database import Session, transaction
from services.identity import create_tenant
from services.key_makers import maker_at_command_line
from services.price_books.books import load_book
from services.price_books.entries import BookEntry
from services.spending.controls import set_spend_cap
from services.subscriptions.starting import create_subscription

RATES = {"work": 1, "heavy": 5}
"""Credits that a unit of each meter burns."""

ALLOWANCE = 2_000
CAP = "30.00"
PLANS = {"OPEN": 1_000, "CLOSED": ALLOWANCE, "CAPPED": 500}
OVERAGE = {"model": "per_unit", "unit_price": "0.01"}


@dataclass(frozen=True, slots=True)
class Customer:
    """Who sends, and the most it may be charged for, where that is limited: millionths of a credit."""

    plan: str
    tenant_id: str
    key: str
    credits_micro_max: int | None


def main() -> None:
    """Migrate the database in the settings, add the customers, and print them."""
    migrate_and_stock(at=now())
    with transaction() as session:
        print(json.dumps([asdict(customer) for customer in add_customers(session, at=now())]))


def add_customers(session: Session, *, at: datetime) -> list[Customer]:
    """One on each plan."""
    load_book(session, book=BookEntry.model_validate(_book()), at=at)
    return [_add(session, plan, at) for plan in PLANS]


def _add(session: Session, plan: str, at: datetime) -> Customer:
    tenant = create_tenant(session, name=plan.title(), currency="CAD", timezone="America/Toronto", at=at)
    create_subscription(session, tenant_id=tenant.id, plan_code=f"crowd/{plan}", at=at)
    key = create_api_key(
        session,
        tenant_id=tenant.id,
        scopes=["usage:write"],
        maker=maker_at_command_line(session, account="bench"),
        at=at,
    )
    most: int | None = None
    if plan == "CLOSED":
        most = ALLOWANCE * 10**6
    if plan == "CAPPED":
        set_spend_cap(session, tenant_id=tenant.id, cap=CAP, by="crowd", at=at)
        # Half a cent more is still rounded to the cap.
        most = int((PLANS[plan] + (Decimal(CAP) + Decimal("0.005")) / Decimal(OVERAGE["unit_price"])) * 10**6)
    return Customer(plan, tenant.id, key.key, most)


def _book() -> dict[str, Any]:
    def plan(code: str, credits: int) -> dict[str, Any]:
        sold = {} if code == "CLOSED" else {"overage": {"credits": OVERAGE}}
        return {"code": code, "name": code.title(), "base_price": 10, "allowances": {"credits": credits}} | sold

    return {
        "code": "crowd",
        "name": "Crowd",
        "currency": "CAD",
        "pools": {"credits": {"name": "Credits", "unit": "credit"}},
        "meters": {
            code: {"name": code, "unit": "unit", "pool": "credits", "credits_per_unit": rate}
            for code, rate in RATES.items()
        },
        "plans": [plan(code, credits) for code, credits in PLANS.items()],
    }


if __name__ == "__main__":
    main()
