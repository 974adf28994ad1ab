"""The price book as programs read it. Prices and quantities are decimal strings; fees are money."""

from typing import Any, Self

from pydantic import Field

from app.api.schemas.values import MoneyShown, Quantity, Shown
from services.price_books.books import Book
from services.price_books.plans import GainShareTerms, Meter, Plan, Pool
from services.rules.money import Money
from services.rules.pricing import to_document
from services.rules.quantities import plain


class PoolShown(Shown):
    """What an allowance is counted in, and how long one lasts: a period or a day."""

    code: str
    name: str
    unit: str
    resets: str

    @classmethod
    def of(cls, pool: Pool) -> Self:
        return cls(code=pool.code, name=pool.name, unit=pool.unit, resets=pool.resets)


class MeterShown(Shown):
    """An event type, and the credits of a pool that one unit of it burns."""

    event_type: str
    name: str
    unit: str
    pool: str
    credits_per_unit: Quantity

    @classmethod
    def of(cls, meter: Meter) -> Self:
        return cls(
            event_type=meter.code,
            name=meter.name,
            unit=meter.unit,
            pool=meter.pool,
            credits_per_unit=plain(meter.credits_per_unit),
        )


class AssetPriceShown(Shown):
    basis: str
    charge: dict[str, Any]


class GainShareKpiShown(Shown):
    """A KPI the plan adds to the built-in ones."""

    code: str
    name: str
    unit: str
    better: str


class GainShareTermsShown(Shown):
    min_pct: Quantity
    max_pct: Quantity
    kpis: list[GainShareKpiShown]

    @classmethod
    def of(cls, terms: GainShareTerms) -> Self:
        kpis = [GainShareKpiShown(code=k.code, name=k.name, unit=k.unit, better=k.better) for k in terms.kpis]
        return cls(min_pct=plain(terms.min_pct), max_pct=plain(terms.max_pct), kpis=kpis)


class PlanShown(Shown):
    """One plan. `monthly` and `annual` are None where the price is agreed by contract."""

    code: str
    name: str
    tagline: str
    popular: bool
    contact_sales: bool
    plan_version: str
    monthly: MoneyShown | None
    monthly_price: str | None = Field(examples=["9000.00"])
    annual: MoneyShown | None
    annual_price: str | None = Field(examples=["86400.00"])
    features: list[str]
    entitlements: list[str]
    limits: dict[str, int]
    sites_max: int | None
    allowances: dict[str, Quantity]
    overage: dict[str, dict[str, Any]]
    assets: AssetPriceShown | None
    gain_share: GainShareTermsShown | None
    after_dunning: str | None = Field(
        description="The plan without a fee that a subscription is moved to once its reminders are over and it is not "
        "paid. Null where service is suspended instead."
    )

    @classmethod
    def of(cls, plan: Plan) -> Self:
        monthly = None if plan.base_price is None else plan.monthly_base()
        annual = None if plan.base_price is None else plan.annual_base()
        assets, terms = plan.assets, plan.gain_share
        return cls(
            code=plan.code,
            name=plan.name,
            tagline=plan.tagline,
            popular=plan.popular,
            contact_sales=plan.contact_sales,
            plan_version=plan.version_id,
            monthly=_money(monthly),
            monthly_price=None if monthly is None else monthly.plain(),
            annual=_money(annual),
            annual_price=None if annual is None else annual.plain(),
            features=list(plan.features),
            entitlements=list(plan.entitlements),
            limits=dict(plan.limits),
            sites_max=plan.sites_max,
            allowances={pool: plain(amount) for pool, amount in plan.allowances.items()},
            overage={pool: to_document(charge) for pool, charge in plan.overage.items()},
            assets=None if assets is None else AssetPriceShown(basis=assets.basis, charge=to_document(assets.charge)),
            gain_share=None if terms is None else GainShareTermsShown.of(terms),
            after_dunning=plan.after_dunning,
        )


class PriceBookShown(Shown):
    """The book new subscriptions are sold from, its plans in the order they are shown."""

    code: str
    name: str
    currency: str
    version: str
    pools: list[PoolShown]
    meters: list[MeterShown]
    plans: list[PlanShown]

    @classmethod
    def of(cls, book: Book) -> Self:
        return cls(
            code=book.code,
            name=book.name,
            currency=book.currency,
            version=book.version_id,
            pools=[PoolShown.of(pool) for pool in book.pools.values()],
            meters=[MeterShown.of(meter) for meter in book.meters.values()],
            plans=[PlanShown.of(plan) for plan in book.plans],
        )


def _money(amount: Money | None) -> MoneyShown | None:
    return None if amount is None else MoneyShown.of(amount.amount_minor, amount.currency)
