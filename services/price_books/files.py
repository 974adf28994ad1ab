"""Price books as files: read one, explain every mistake in it, and warn where a price looks like one.

A book is TOML; its numbers are read as exact decimals, never as floats.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from services.price_books.plans import TRIAL_DAYS_MAX
from services.rules.money import minor_digits, to_money
from services.rules.pricing import Charge, from_document, rate
from services.rules.quantities import CREDITS_MAX, to_micro
from services.rules.savings import MEASURED
from services.rules.violations import InvalidAmount, RuleViolation

BOOK_BYTES_MAX = 1_000_000
PLANS_MAX = 50
METERS_MAX = 200
TOP_UPS_MAX = 50
KPIS_MAX = 20
EXPIRY_DAYS_MAX = 3_660
OVERAGE_MAX = Decimal(32 * CREDITS_MAX)
"""Credits of one line at the most: a month of the daily limit."""

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


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark on a book: in which file, at which key, and why."""

    file: str
    key: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.reason}"


class PriceBookRefused(ValueError):
    """A book that cannot be loaded, with every mistake found in it."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("\n".join(str(finding) for finding in findings))
        self.findings = findings


def read_book(path: Path) -> BookEntry:
    """Read and check a book. Raises PriceBookRefused with every mistake, each with file, key and reason."""
    name = path.name
    try:
        if path.stat().st_size > BOOK_BYTES_MAX:
            raise PriceBookRefused([Finding(name, "(file)", f"is larger than {BOOK_BYTES_MAX:,} bytes")])
        written = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, UnicodeDecodeError) as error:
        raise PriceBookRefused([Finding(name, "(file)", f"cannot be read: {error}")]) from error
    except tomllib.TOMLDecodeError as error:
        raise PriceBookRefused([Finding(name, "(file)", f"is not valid TOML: {error}")]) from error
    try:
        book = BookEntry.model_validate(written)
    except ValidationError as error:
        raise PriceBookRefused([shape_finding(name, dict(e)) for e in error.errors()]) from error
    mistakes = [Finding(name, key, reason) for key, reason in mistakes_in(book)]
    if mistakes:
        raise PriceBookRefused(mistakes)
    return book


def shape_finding(file: str, error: dict[str, Any]) -> Finding:
    """What pydantic found, as a remark."""
    key = ".".join(str(part) for part in error["loc"] if part != "[key]") or "(file)"
    return Finding(file, key, str(error["msg"]).removeprefix("Value error, "))


def mistakes_in(book: BookEntry) -> Iterator[tuple[str, str]]:
    """What the shape alone cannot say: names that lead nowhere, prices that cannot be charged."""
    seen: set[str] = set()
    for code, meter in book.meters.items():
        if meter.pool not in book.pools:
            yield f"meters.{code}.pool", f"names the pool {meter.pool}, which the book does not have"
    for code, price in book.prices.items():
        yield from _charge_mistake(f"prices.{code}", price)
    yield from _pack_mistakes(book)
    for plan in book.plans:
        at = f"plans.{plan.code}"
        if plan.code in seen:
            yield at, "is there twice; every plan needs a code of its own"
        seen.add(plan.code)
        yield from _plan_mistakes(book, plan, at)


def _plan_mistakes(book: BookEntry, plan: PlanEntry, at: str) -> Iterator[tuple[str, str]]:
    for pool, amount in plan.allowances.items():
        if pool not in book.pools:
            yield f"{at}.allowances.{pool}", "is not a pool of this book"
        try:
            to_micro(amount)
        except RuleViolation as error:
            yield f"{at}.allowances.{pool}", error.message
    for pool, price in plan.overage.items():
        key = f"{at}.overage.{pool}"
        if pool not in book.pools:
            yield key, "is not a pool of this book"
        if not isinstance(price, str):
            yield from _charge_mistake(key, price)
        elif price not in book.prices:
            yield key, f"names the price {price}, which is not in [prices]"
        yield from _too_dear(book, plan, pool, key)
    if plan.assets is not None:
        yield from _charge_mistake(f"{at}.assets", plan.assets.model_extra or {})
    for code in plan.top_ups or ():
        if code not in {pack.code for pack in book.top_ups}:
            yield f"{at}.top_ups", f"names the pack {code}, which is not in [[top_ups]]"
    yield from _dunning_mistake(book, plan, f"{at}.after_dunning")
    if plan.base_price is not None and _is_too_fine(plan.base_price, book.currency):
        yield f"{at}.base_price", f"is finer than the smallest unit of {book.currency}"
    if plan.gain_share is not None and plan.gain_share.min_pct > plan.gain_share.max_pct:
        yield f"{at}.gain_share", "min_pct is above max_pct"


def _dunning_mistake(book: BookEntry, plan: PlanEntry, key: str) -> Iterator[tuple[str, str]]:
    """Why the plan that one is moved to when it is not paid cannot be that."""
    if plan.after_dunning is None:
        return
    named = next((other for other in book.plans if other.code == plan.after_dunning), None)
    if named is None:
        yield key, f"names the plan {plan.after_dunning}, which the book does not have"
    elif named.code == plan.code:
        yield key, "names the plan itself; name another one, without a fee"
    elif named.contact_sales or named.base_price is None:
        yield key, f"names {named.code}, which is agreed by contract; name a plan that anybody can have without a fee"
    elif named.base_price:
        yield key, f"names {named.code}, which has a fee; who does not pay can only be moved to a plan without one"


def _pack_mistakes(book: BookEntry) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for pack in book.top_ups:
        at = f"top_ups.{pack.code}"
        if pack.code in seen:
            yield at, "is there twice; every pack needs a code of its own"
        seen.add(pack.code)
        if pack.pool not in book.pools:
            yield f"{at}.pool", f"names the pool {pack.pool}, which the book does not have"
        if pack.credits > CREDITS_MAX:
            yield f"{at}.credits", f"is more than {CREDITS_MAX:,}"
        if _is_too_fine(pack.price, book.currency):
            yield f"{at}.price", f"is finer than the smallest unit of {book.currency}"


def _is_too_fine(price: Decimal, currency: str) -> bool:
    return -int(price.normalize().as_tuple().exponent) > minor_digits(currency)


def _too_dear(book: BookEntry, plan: PlanEntry, pool: str, key: str) -> Iterator[tuple[str, str]]:
    """A price that, on the most that can be metered in a period, comes to more than an invoice can hold."""
    try:
        charge = book.overage_charge(plan, pool)
    except (RuleViolation, KeyError):
        return  # said already
    try:
        to_money(rate(charge, OVERAGE_MAX).amount, book.currency)
    except InvalidAmount:
        yield key, f"comes to more than an invoice can hold on {OVERAGE_MAX:,f} units, the most that can be metered"


def _charge_mistake(key: str, price: Price) -> Iterator[tuple[str, str]]:
    try:
        from_document(price)
    except RuleViolation as error:
        yield key, error.message
