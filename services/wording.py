"""Numbers, money and times as a customer reads them. The only place that formats for people."""

from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

from babel.dates import format_date
from babel.numbers import format_currency, format_decimal

from services.price_books.plans import Meter, Plan, Pool
from services.rules.discounts import Discount
from services.rules.money import Money, minor_digits
from services.rules.periods import business_date, check_timezone
from services.rules.pricing import Charge, Flat, Package, PerUnit
from services.rules.quantities import from_micro, plain

LOCALE = "en_CA"
WORDED_KEPT = 4_096
"""Amounts whose words a process remembers: most are said several times, and wording one is slow."""


@lru_cache(maxsize=WORDED_KEPT)
def money(amount: Money) -> str:
    """An amount with its currency sign and grouping: $10,600.00 for Canadian dollars, US$29.00 for American."""
    value = Decimal(amount.amount_minor).scaleb(-minor_digits(amount.currency))
    return str(format_currency(value, amount.currency, locale=LOCALE))


def amount(amount_minor: int, currency: str) -> str:
    """`money` for a stored pair."""
    return money(Money(amount_minor, currency))


def rate(price: Decimal, currency: str) -> str:
    """A unit price with every decimal it has, at least the currency's own: $0.002, $3.00."""
    digits = max(minor_digits(currency), -int(price.normalize().as_tuple().exponent))
    pattern = f"¤#,##0.{'0' * digits}" if digits else "¤#,##0"
    return str(format_currency(price, currency, format=pattern, locale=LOCALE, currency_digits=False))


def number(value: Decimal | int) -> str:
    """A quantity with grouping and all its decimals: 1,234,567.418."""
    magnitude: Decimal | int = -value if value < 0 else value
    whole, point, decimals = plain(magnitude).partition(".")
    sign = "-" if value < 0 else ""
    return f"{sign}{format_decimal(int(whole), locale=LOCALE)}{point}{decimals}"


def micro(value_micro: int) -> str:
    """`number` for a quantity stored in millionths."""
    return number(from_micro(value_micro))


def day(value: date) -> str:
    """20 Nov 2026."""
    return str(format_date(value, "d MMM y", locale="en"))


def month(value: date) -> str:
    """Nov 2026."""
    return str(format_date(value, "MMM y", locale="en"))


def moment_day(at: datetime, timezone: str) -> str:
    """The business date of a moment, worded."""
    return day(business_date(at, timezone))


def moment(at: datetime, timezone: str) -> str:
    """20 Nov 2026, 14:05 on the customer's clock."""
    local = at.astimezone(check_timezone(timezone))
    return f"{day(local.date())}, {local:%H:%M}"


def span(starts_at: datetime, ends_at: datetime, timezone: str) -> str:
    """A half-open period as the days it covers: 1 Nov – 30 Nov 2026."""
    zone = check_timezone(timezone)
    first = starts_at.astimezone(zone).date()
    last = (ends_at - datetime.resolution).astimezone(zone).date()
    if first.year == last.year:
        return f"{format_date(first, 'd MMM', locale='en')} – {day(last)}"
    return f"{day(first)} – {day(last)}"


def price_of(charge: Charge, currency: str, unit: str) -> str:
    """A price in a few words: $0.002 per credit; $0.10 per 1,000 calls; from $0.005 per VEx."""
    model = charge.model
    if isinstance(model, Flat):
        return f"{rate(model.amount, currency)} flat"
    if isinstance(model, PerUnit):
        return f"{rate(model.unit_price, currency)} per {unit}"
    if isinstance(model, Package):
        return f"{rate(model.package_price, currency)} per {number(model.package_size)} {plural(unit)}"
    lowest = min(tier.unit_price for tier in model.tiers)
    return f"from {rate(lowest, currency)} per {unit}"


def promotion(discount: Discount) -> str:
    """20 % off; $50.00 off."""
    if discount.amount_off is not None:
        return f"{money(discount.amount_off)} off"
    return f"{number(discount.percent_off or 0)} % off"


def allowance(plan: Plan, pool: Pool) -> str:
    """What a plan includes of a pool: 1,000,000 credits a month."""
    included = plan.allowances.get(pool.code, Decimal(0))
    per = "day" if pool.resets_daily else "month"
    return f"{number(included)} {plural(pool.unit)} a {per}"


def meter_rate(meter: Meter, pool: Pool) -> str:
    """What a meter burns: 5 credits per 100 frames."""
    counted = pool.unit if meter.credits_per_unit == 1 else plural(pool.unit)
    return f"{number(meter.credits_per_unit)} {counted} per {meter.unit}"


def plural(unit: str) -> str:
    """The plural of a unit's name; abbreviations in capitals stay as they are."""
    return unit if unit.isupper() or unit.endswith(("s", "x")) else f"{unit}s"
