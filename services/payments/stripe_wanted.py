"""What should stand at Stripe for the price books in force: which wares, under which of our names."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from models import CatalogKind, Interval
from services.gateways.stripe.wares import (
    PaymentLink,
    PortalConfiguration,
    Price,
    PriceTier,
    Product,
    SalesTax,
    TieredPrice,
    Ware,
    WebhookEndpoint,
)
from services.payments.stripe_catalog import (
    PORTAL_KEY,
    PREFIX,
    base_of,
    fingerprint_of,
    price_fingerprint,
    price_key,
    product_key,
)
from services.price_books.books import Book
from services.price_books.plans import Plan
from services.rules import decimals
from services.rules.money import minor_digits
from services.rules.pricing import Charge, Graduated
from services.taxes.rates import TaxInForce, TaxRate, tax_rates_on

INTERVALS = (Interval.MONTH, Interval.YEAR)
WEBHOOK_PATH = "/v1/stripe/webhook"
URL_HASH_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Wanted:
    """One ware under our name for it. `fingerprint` is of all that makes it this one."""

    kind: CatalogKind
    key: str
    ware: Ware
    fingerprint: str


def wanted_product(book: Book, plan: Plan) -> Wanted:
    """The plan itself. Its prices come and go; it stays."""
    ware = Product(f"{book.name} {plan.name}", plan.tagline, plan.qualified_code)
    return Wanted(CatalogKind.PRODUCT, product_key(plan), ware, fingerprint_of(ware.params()))


def wanted_price(plan: Plan, interval: Interval, *, product_id: str) -> Wanted:
    """Its base fee."""
    base = base_of(plan, interval)
    ware = Price(product_id, base.amount_minor, base.currency, str(interval))
    return Wanted(CatalogKind.PRICE, price_key(plan, interval), ware, price_fingerprint(plan, interval))


def wanted_link(plan: Plan, interval: Interval, *, price_id: str) -> Wanted:
    """An address at which sales can sell it."""
    ware = PaymentLink(price_id, plan.qualified_code, str(interval), plan.trial_days)
    key = f"{price_key(plan, interval)}:link"
    return Wanted(CatalogKind.PAYMENT_LINK, key, ware, fingerprint_of(ware.params()))


def intervals_sold(plan: Plan) -> tuple[Interval, ...]:
    """How often the base fee can be charged; not at all where there is none."""
    return tuple(interval for interval in INTERVALS if base_of(plan, interval).amount_minor > 0)


def pools_in_tiers(plan: Plan) -> tuple[str, ...]:
    """The pools whose overage Stripe's graduated prices can express, which count whole units of a month."""
    return tuple(pool for pool in plan.overage if _tiers(plan, pool) is not None)


def overage_key(plan: Plan, pool: str) -> str:
    """Our name for what use of a pool costs beyond the allowance."""
    return f"{product_key(plan)}:overage:{pool}"


def wanted_overage(plan: Plan, pool: str, *, product_id: str) -> Wanted:
    """What use costs, the included units first and free. For quotes: use itself is rated here."""
    tiers = _tiers(plan, pool)
    assert tiers is not None, f"{plan.qualified_code} does not sell {pool} in tiers"
    ware = TieredPrice(product_id, plan.currency, plan.pools[pool].name, tiers)
    said = {name: value for name, value in ware.params().items() if name != "product"}
    return Wanted(CatalogKind.PRICE, overage_key(plan, pool), ware, fingerprint_of(said))


def wanted_taxes(at: datetime, added: Iterable[TaxRate] = ()) -> Iterator[Wanted]:
    """Every sales tax in force on that day, with those `added` to the shipped table; a federal one once a country."""
    wanted = {tax.key: tax for tax in map(wanted_tax, tax_rates_on(at.date(), added=added))}
    yield from wanted.values()


def wanted_tax(rate: TaxInForce) -> Wanted:
    """The rate at the provider that stands for one of ours."""
    region = None if rate.is_federal or not rate.region else rate.region
    ware = SalesTax(rate.name, rate.percentage, rate.country, region, rate.code)
    key = f"{PREFIX}:tax:{ware.jurisdiction}:{rate.code}"
    return Wanted(CatalogKind.TAX_RATE, key, ware, fingerprint_of(ware.params()))


def wanted_portal() -> Wanted:
    """The provider's own page for customers."""
    ware = PortalConfiguration()
    return Wanted(CatalogKind.PORTAL_CONFIGURATION, PORTAL_KEY, ware, fingerprint_of(ware.params()))


def wanted_endpoint(address: str) -> Wanted:
    """Where its events are delivered. The address is part of the name: another installation has another endpoint."""
    ware = WebhookEndpoint(f"{address.rstrip('/')}{WEBHOOK_PATH}")
    key = f"{PREFIX}:webhook:{fingerprint_of(ware.url)[:URL_HASH_DIGITS]}"
    return Wanted(CatalogKind.WEBHOOK_ENDPOINT, key, ware, fingerprint_of(ware.params()))


def _tiers(plan: Plan, pool: str) -> tuple[PriceTier, ...] | None:
    charge = plan.overage[pool]
    free = decimals.EXACT.add(plan.allowances.get(pool, Decimal(0)), charge.included)
    if not _is_plainly_graduated(charge) or plan.pools[pool].resets_daily:
        return None
    assert isinstance(charge.model, Graduated)
    ends = [None if tier.up_to is None else decimals.EXACT.add(tier.up_to, free) for tier in charge.model.tiers]
    if any(end is not None and end != int(end) for end in [free, *ends]):
        return None
    digits = minor_digits(plan.currency)
    sold = [
        PriceTier(None if end is None else int(end), _minor(tier.unit_price, digits), _minor(tier.flat_fee, digits))
        for tier, end in zip(charge.model.tiers, ends, strict=True)
    ]
    included = [PriceTier(int(free), Decimal(0), Decimal(0))] if free else []
    return (*included, *sold)


def _is_plainly_graduated(charge: Charge) -> bool:
    return isinstance(charge.model, Graduated) and charge.minimum is None and charge.maximum is None


def _minor(major: Decimal, digits: int) -> Decimal:
    """Major units in minor ones, exact: $0.005 is 0.5 cents."""
    return Decimal(decimals.text_of(decimals.EXACT.multiply(major, Decimal(10**digits))))
