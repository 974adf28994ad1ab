"""The sales taxes we know by heart: a table that ships with the product, one file a country."""

import tomllib
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from services.rules.decimals import is_exact
from services.settings import PROJECT_ROOT

TAX_RATES: Final = PROJECT_ROOT / "models" / "tax_rates"
PERCENTAGE_MAX: Final = Decimal(100)


@dataclass(frozen=True, slots=True)
class TaxRate:
    """A tax in one province: `percentage` of the price before any tax, from `since` on. `code` is gst, hst, pst, …

    A federal one is the same wherever it is due.
    """

    country: str
    region: str
    code: str
    name: str
    percentage: Decimal
    since: date
    is_federal: bool


def tax_rates_on(day: date) -> tuple[TaxRate, ...]:
    """Every rate in force on that day, by region and code."""
    latest: dict[tuple[str, str, str], TaxRate] = {}
    for rate in sorted(shipped_tax_rates(), key=lambda rate: rate.since):
        if rate.since <= day:
            latest[rate.country, rate.region, rate.code] = rate
    return tuple(latest[place] for place in sorted(latest))


def tax_rates_in(country: str, region: str, *, day: date) -> tuple[TaxRate, ...]:
    """What is due on a sale there on that day, such as GST and QST in ("CA", "QC"); none where we know of none."""
    return tuple(rate for rate in tax_rates_on(day) if (rate.country, rate.region) == (country, region))


@lru_cache
def shipped_tax_rates() -> tuple[TaxRate, ...]:
    """Every rate in the table, also those that are over. Raises ValueError where a file says something impossible."""
    return tuple(rate for path in sorted(TAX_RATES.glob("*.toml")) for rate in _read(path))


def _read(path: Path) -> list[TaxRate]:
    document = tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
    rates = [_rate(document["country"], region, entry) for entry in document["rates"] for region in entry["regions"]]
    places = [(rate.region, rate.code, rate.since) for rate in rates]
    if len(set(places)) != len(places):
        raise ValueError(f"{path.name} says the same rate twice")
    return rates


def _rate(country: str, region: str, entry: dict[str, Any]) -> TaxRate:
    percentage = Decimal(entry["percentage"])
    if not is_exact(percentage) or not 0 < percentage < PERCENTAGE_MAX or type(entry["since"]) is not date:
        raise ValueError(f"the rate {entry['code']} in {region} is none")
    is_federal = entry.get("federal", False)
    return TaxRate(country, region, entry["code"], entry["name"], percentage, entry["since"], is_federal)
