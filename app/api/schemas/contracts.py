"""Contracts: what is negotiated with one customer, and what became of a file of reserved capacity."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import Field

from app.api.schemas.subscriptions import SubscriptionName, SubscriptionSite
from app.api.schemas.values import Body, Day, Id, Name, Quantity, Shown
from models import Collection, Contract, Interval
from models.contract import NOTES_MAX, REFERENCE_MAX
from services.contracts.terms import ContractTerms
from services.price_books.files import Finding
from services.price_books.plans import Plan
from services.rules.decimals import text_of
from services.rules.pricing import to_document
from services.rules.quantities import plain
from services.subscriptions.change_preview import When

PlanCode = Annotated[
    str,
    Field(
        min_length=1,
        max_length=129,
        pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)?$",
        examples=["reliability/ENTERPRISE"],
    ),
]


class ContractBody(Body):
    """Terms for one customer: a plan of a price book, and what differs from it."""

    tenant_id: Id
    plan_code: PlanCode
    title: Name
    reference: str = Field(default="", max_length=REFERENCE_MAX, description="The customer's own number for it.")
    notes: str = Field(default="", max_length=NOTES_MAX, description="For our own side.")
    valid_from: Day | None = Field(default=None, description="From when on it can be taken up; today, if left out.")
    valid_until: Day | None = Field(default=None, description="From when on it cannot be any more.")
    terms: ContractTerms = Field(description="What differs from the plan; prices are written as in a price book.")


class StartContractBody(Body):
    """Start a subscription on it."""

    tenant_id: Id
    start_date: Day | None = Field(default=None, description="Today, if left out.")
    interval: Interval = Interval.MONTH
    collection: Collection = Collection.MANUAL
    name: SubscriptionName = None
    site: SubscriptionSite = None


class MoveBody(Body):
    """Move a subscription to it."""

    tenant_id: Id
    subscription_id: Id
    interval: Interval | None = Field(default=None, description="As it is, if left out.")
    when: When | None = Field(default=None, description="Now where it costs more, else as what is paid ends.")
    preview: bool = Field(default=False, strict=True, description="Only say what it comes to.")


class WhoseContract(Body):
    """Whose contract it is."""

    tenant_id: Id


class ContractShown(Shown):
    """A contract and the prices of its plan version. `warnings` ask what looks like a mistake."""

    contract_id: str
    tenant_id: str
    origin: str
    title: str
    reference: str
    notes: str
    valid_from: date
    valid_until: date | None
    withdrawn_at: datetime | None
    created_by: str
    created_at: datetime
    plan_code: str
    plan_name: str
    plan_version: str
    based_on: str
    currency: str
    base_price: Quantity | None
    annual_discount_pct: Quantity
    trial_days: int
    allowances: dict[str, Quantity]
    overage: dict[str, dict[str, Any]]
    assets: dict[str, Any] | None
    warnings: list[str]

    @classmethod
    def of(cls, contract: Contract, plan: Plan, warnings: tuple[Finding, ...] = ()) -> Self:
        assets = plan.assets
        return cls(
            **contract.model_dump(exclude={"id", "plan_version_id", "origin"}),
            contract_id=contract.id,
            origin=contract.origin.value,
            plan_code=plan.qualified_code,
            plan_name=plan.name,
            plan_version=plan.version_id,
            currency=plan.currency,
            base_price=None if plan.base_price is None else text_of(plan.base_price),
            annual_discount_pct=text_of(plan.annual_discount_pct),
            trial_days=plan.trial_days,
            allowances={pool: plain(Decimal(amount)) for pool, amount in plan.allowances.items()},
            overage={pool: to_document(charge) for pool, charge in plan.overage.items()},
            assets=None if assets is None else {"basis": assets.basis} | to_document(assets.charge),
            warnings=[str(finding) for finding in warnings],
        )


class ContractsShown(Shown):
    """A customer's contracts, the newest first."""

    contracts: list[ContractShown]


class ReservedShown(Shown):
    """What became of one customer's reserve: new, changed, unchanged or withdrawn."""

    tenant_id: str
    tenant: str
    change: str
    contract_id: str
    plan_version: str
    warnings: list[str]
    still_on_older_terms: list[str] = Field(description="Subscriptions that keep the terms they are on.")


class ReservedReloaded(Shown):
    """Every customer the file names, and those it does not name any more."""

    contracts: list[ReservedShown]
