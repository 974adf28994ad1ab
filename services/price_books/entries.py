"""A price book as a person writes it: which entries it has, and what each may hold."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.price_books.plans import TRIAL_DAYS_MAX
from services.rules.pricing import Charge, from_document
from services.rules.savings import MEASURED

PLANS_MAX = 50
METERS_MAX = 200
TOP_UPS_MAX = 50
KPIS_MAX = 20
EXPIRY_DAYS_MAX = 3_660
Code = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]
Name = Annotated[str, Field(min_length=1, max_length=120)]
Unit = Annotated[str, Field(min_length=1, max_length=64)]
Amount = Annotated[Decimal, Field(ge=0, max_digits=24, decimal_places=12)]
Price = dict[str, Any]


class Entry(BaseModel):
    """Something a person wrote: nothing unknown in it, and nobody changes it afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PoolEntry(Entry):
    name: Name
    unit: Unit
    resets: Literal["period", "day"] = "period"


class MeterEntry(Entry):
    name: Name
    unit: Name
    pool: Code
    credits_per_unit: Annotated[Decimal, Field(gt=0, max_digits=18, decimal_places=6)]


class AssetEntry(Entry):
    """`included` and `basis`, beside the keys of a price."""

    model_config = ConfigDict(extra="allow", frozen=True)
    basis: Literal["latest", "peak", "average"] = "latest"

    def charge(self) -> Charge:
        return from_document(self.model_extra or {})


class GainShareKpiEntry(Entry):
    """A KPI of the plan's own, priced by the `value_rate` of its baseline."""

    code: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    name: Name
    unit: Annotated[str, Field(min_length=1, max_length=32)]
    better: Literal["lower", "higher"]


class GainShareEntry(Entry):
    min_pct: Annotated[Decimal, Field(gt=0, le=100)]
    max_pct: Annotated[Decimal, Field(gt=0, le=100)]
    kpis: Annotated[tuple[GainShareKpiEntry, ...], Field(max_length=KPIS_MAX)] = ()

    @model_validator(mode="after")
    def _of_its_own(self) -> "GainShareEntry":
        codes = [kpi.code for kpi in self.kpis]
        taken = sorted({code for code in codes if codes.count(code) > 1 or code in MEASURED})
        if taken:
            raise ValueError(f"every KPI needs a code of its own; {', '.join(taken)} is taken")
        return self


class TopUpEntry(Entry):
    """A pack of a pool's credits, sold beside every plan of the book that does not choose among them."""

    code: Code
    name: Name
    pool: Code
    credits: Annotated[Decimal, Field(gt=0, max_digits=18, decimal_places=6)]
    price: Annotated[Decimal, Field(gt=0, max_digits=24, decimal_places=12)]
    expires_after_days: Annotated[int, Field(ge=1, le=EXPIRY_DAYS_MAX, strict=True)] | None = None
    tax_category: Code = "prepaid_credits"


class PlanEntry(Entry):
    code: Code
    name: Name
    tagline: str = Field(default="", max_length=200)
    popular: bool = False
    contact_sales: bool = False
    base_price: Amount | None = None
    trial_days: Annotated[int, Field(ge=0, le=TRIAL_DAYS_MAX, strict=True)] = 0
    sites_max: Annotated[int, Field(ge=1, le=100_000)] | None = None
    features: tuple[Name, ...] = ()
    allowances: dict[Code, Amount] = {}
    overage: dict[Code, str | Price] = {}
    assets: AssetEntry | None = None
    limits: dict[Code, Annotated[int, Field(ge=0, le=2**53 - 1)]] = {}
    entitlements: tuple[Code, ...] = ()
    gain_share: GainShareEntry | None = None
    after_dunning: Code | None = None
    """The plan without a fee, of the same book, that who does not pay is moved to; suspended where nothing is said."""
    top_ups: tuple[Code, ...] | None = None
    """Which of the book's packs are sold beside it; all where nothing is said, none where the list is empty."""

    @model_validator(mode="after")
    def _priced(self) -> "PlanEntry":
        if self.base_price is None and not self.contact_sales:
            raise ValueError("give base_price, or set contact_sales = true where the price is agreed by contract")
        return self


class BookEntry(Entry):
    """A whole book as written, its shape checked. `overage` may name a price of `prices` or hold one itself."""

    code: Code
    name: Name
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    annual_discount_pct: Annotated[Decimal, Field(ge=0, le=100)] = Decimal(0)
    pools: Annotated[dict[Code, PoolEntry], Field(min_length=1)]
    meters: Annotated[dict[Code, MeterEntry], Field(min_length=1, max_length=METERS_MAX)]
    prices: dict[Code, Price] = {}
    top_ups: Annotated[tuple[TopUpEntry, ...], Field(max_length=TOP_UPS_MAX)] = ()
    plans: Annotated[tuple[PlanEntry, ...], Field(min_length=1, max_length=PLANS_MAX)]

    def overage_charge(self, plan: PlanEntry, pool: str) -> Charge:
        """What use beyond the lots of a pool costs on a plan. Raises InvalidRate, or KeyError for an unknown price."""
        price = plan.overage[pool]
        return from_document(self.prices[price] if isinstance(price, str) else price)

    def packs_of(self, plan: PlanEntry) -> list[TopUpEntry]:
        """The packs of credits sold beside a plan, in the book's order. One agreed by contract has those it names."""
        chosen = plan.top_ups
        return [pack for pack in self.top_ups if chosen is None or pack.code in chosen]
