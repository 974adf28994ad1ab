"""A plan as the business reads it: typed, exact, rebuilt from the immutable document of a plan version."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from services.rules import money, pricing
from services.rules.money import Money
from services.rules.pricing import Charge, PerUnit, from_document
from services.rules.quantities import from_micro, to_micro

PLAN_FORMAT = "tallystick-plan/1"
MONTHS_IN_YEAR = 12
TRIAL_DAYS_MAX = 730


@dataclass(frozen=True, slots=True)
class Pool:
    """What an allowance is counted in. `resets` is "period" or "day": how long one allowance lasts."""

    code: str
    name: str
    unit: str
    resets: str

    @property
    def resets_daily(self) -> bool:
        return self.resets == "day"


@dataclass(frozen=True, slots=True)
class Meter:
    """An event type, the unit it is measured in, and the credits of which pool one unit burns."""

    code: str
    name: str
    unit: str
    pool: str
    credits_per_unit: Decimal


@dataclass(frozen=True, slots=True)
class AssetPrice:
    """How assets are counted (`basis`: latest, peak or average) and what those beyond the included ones cost."""

    basis: str
    charge: Charge


@dataclass(frozen=True, slots=True)
class GainShareKpi:
    """A KPI a plan adds to the built-in ones. `better` is "lower" or "higher"."""

    code: str
    name: str
    unit: str
    better: str


@dataclass(frozen=True, slots=True)
class GainShareTerms:
    """Between what percentages the share of savings is agreed, and the KPIs measured beside the usual ones."""

    min_pct: Decimal
    max_pct: Decimal
    kpis: tuple[GainShareKpi, ...] = ()


@dataclass(frozen=True, slots=True)
class TopUp:
    """A pack of a pool's credits that is sold beside the plan, for `price` major units.

    What is bought can be spent for `expires_after_days`, without end where it is None. `tax_category` says what is
    sold, for whoever works out the tax on it.
    """

    code: str
    name: str
    pool: str
    credits: Decimal
    price: Decimal
    tax_category: str
    expires_after_days: int | None = None

    @property
    def charge(self) -> Charge:
        """The price of any number of packs."""
        return Charge(PerUnit(self.price))


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan version. `base_price` is a month in major units, None where the price is agreed by contract.

    `only_for` is the tenant it was agreed with: nobody else can be on it. `after_dunning` is the code of the plan
    without a fee, of the same book, that who does not pay is moved to; None where service is suspended instead.
    """

    version_id: str
    book_code: str
    code: str
    name: str
    tagline: str
    popular: bool
    contact_sales: bool
    currency: str
    base_price: Decimal | None
    annual_discount_pct: Decimal
    features: tuple[str, ...]
    sites_max: int | None
    pools: Mapping[str, Pool]
    meters: Mapping[str, Meter]
    allowances: Mapping[str, Decimal]
    overage: Mapping[str, Charge]
    assets: AssetPrice | None
    limits: Mapping[str, int]
    entitlements: tuple[str, ...]
    gain_share: GainShareTerms | None
    trial_days: int = 0
    only_for: str | None = None
    top_ups: Mapping[str, TopUp] = field(default_factory=dict)
    after_dunning: str | None = None

    @property
    def qualified_code(self) -> str:
        """The plan's name across books, such as memory-cloud/pro."""
        return f"{self.book_code}/{self.code}"

    @property
    def is_free(self) -> bool:
        """Whether its base fee is nothing, rather than agreed by contract."""
        return self.base_price == 0

    def allowance_micro(self, pool: str) -> int:
        """Credits included in one window of a pool, in millionths."""
        return to_micro(self.allowances.get(pool, Decimal(0)))

    def overage_exact(self, pool: str, overage_micro: int) -> Fraction:
        """Exact major units for use beyond the lots of a pool that sells it; without any, not even a minimum is due."""
        return pricing.rate(self.overage[pool], from_micro(overage_micro)).amount if overage_micro else Fraction()

    def monthly_base(self) -> Money:
        """The base fee of one month; zero where none is set."""
        return money.to_money(self.base_exact(months=1), self.currency)

    def annual_base(self) -> Money:
        """Twelve months less the annual discount, rounded once."""
        return money.to_money(self.base_exact(months=MONTHS_IN_YEAR), self.currency)

    def base_exact(self, *, months: int) -> Fraction:
        """Exact major units for one month, or for a year at the annual price."""
        price = Fraction(self.base_price or 0) * months
        if months == MONTHS_IN_YEAR:
            price *= 1 - Fraction(self.annual_discount_pct) / 100
        return price


def plan_from_document(version_id: str, document: Mapping[str, Any]) -> Plan:
    """Rebuild a plan from its stored document. Raises InvalidRate or KeyError where it is not one of ours."""
    assets, terms = document["assets"], document["gain_share"]
    base = document["base_price"]
    return Plan(
        version_id=version_id,
        book_code=document["book"],
        code=document["code"],
        name=document["name"],
        tagline=document["tagline"],
        popular=document["popular"],
        contact_sales=document["contact_sales"],
        currency=document["currency"],
        base_price=None if base is None else Decimal(base),
        annual_discount_pct=Decimal(document["annual_discount_pct"]),
        features=tuple(document["features"]),
        sites_max=document["sites_max"],
        pools={pool["code"]: Pool(**pool) for pool in document["pools"]},
        meters={meter["code"]: _meter(meter) for meter in document["meters"]},
        allowances={pool: Decimal(amount) for pool, amount in document["allowances"].items()},
        overage={pool: from_document(charge) for pool, charge in document["overage"].items()},
        assets=None if assets is None else AssetPrice(assets["basis"], from_document(assets["charge"])),
        limits=dict(document["limits"]),
        entitlements=tuple(document["entitlements"]),
        gain_share=None if terms is None else _gain_share(terms),
        trial_days=document.get("trial_days", 0),
        only_for=document.get("only_for"),
        top_ups={pack["code"]: _top_up(pack) for pack in document.get("top_ups", ())},
        after_dunning=document.get("after_dunning"),
    )


def _gain_share(document: Mapping[str, Any]) -> GainShareTerms:
    kpis = tuple(GainShareKpi(**kpi) for kpi in document.get("kpis", ()))
    return GainShareTerms(Decimal(document["min_pct"]), Decimal(document["max_pct"]), kpis)


def _top_up(document: Mapping[str, Any]) -> TopUp:
    return TopUp(**{**document, "credits": Decimal(document["credits"]), "price": Decimal(document["price"])})


def _meter(document: Mapping[str, str]) -> Meter:
    return Meter(**{**document, "credits_per_unit": Decimal(document["credits_per_unit"])})  # type: ignore[arg-type]
