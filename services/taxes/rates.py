"""The sales taxes in force: a table that ships with the product, one file a country, and the rates added to it."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from sqlmodel import Session, select

from models import TaxRateRow
from services.rules.decimals import is_exact
from services.settings import PROJECT_ROOT

TAX_RATES: Final = PROJECT_ROOT / "models" / "tax_rates"
PERCENTAGE_MAX: Final = Decimal(100)


@dataclass(frozen=True, slots=True)
class TaxRate:
    """A tax in one place: `percentage` of the price before any tax, from `since` on. `code` is gst, hst, pst, vat, …

    `region` "" is a whole country. A federal tax is the same wherever it is due. `percentage` None ends the tax.
    """

    country: str
    region: str
    code: str
    name: str
    percentage: Decimal | None
    since: date
    is_federal: bool


@dataclass(frozen=True, slots=True)
class TaxInForce(TaxRate):
    """One that is charged."""

    percentage: Decimal


def tax_rates_on(day: date, *, added: Iterable[TaxRate] = ()) -> tuple[TaxInForce, ...]:
    """Every rate in force on that day, by region and code. Those `added` win over shipped ones of the same day."""
    latest: dict[tuple[str, str, str], TaxRate] = {}
    for rate in sorted([*shipped_tax_rates(), *added], key=lambda rate: rate.since):
        if rate.since <= day:
            latest[rate.country, rate.region, rate.code] = rate
    return tuple(in_force for place in sorted(latest) if (in_force := _in_force(latest[place])) is not None)


def tax_rates_in(country: str, region: str, *, day: date, added: Iterable[TaxRate] = ()) -> tuple[TaxInForce, ...]:
    """What is due on a sale there on that day, such as GST and QST in ("CA", "QC"); none where we know of none."""
    found = [rate for rate in tax_rates_on(day, added=added) if rate.country == country and rate.region in ("", region)]
    return tuple(sorted(found, key=lambda rate: (not rate.is_federal, rate.code)))


def added_tax_rates(session: Session) -> list[TaxRate]:
    """What was added to the table that ships, also what is over or has yet to begin; the oldest first."""
    rows = session.exec(select(TaxRateRow).order_by(TaxRateRow.since, TaxRateRow.id))  # type: ignore[arg-type]
    return [
        TaxRate(row.country, row.region, row.code, row.name, row.percentage, row.since, row.is_federal) for row in rows
    ]


@lru_cache
def shipped_tax_rates() -> tuple[TaxRate, ...]:
    """Every rate in the table, also those that are over. Raises ValueError where a file says something impossible."""
    return tuple(rate for path in sorted(TAX_RATES.glob("*.toml")) for rate in _read(path))


def is_percentage(percentage: Decimal) -> bool:
    """Whether a tax can be so many per cent: above 0, below 100, in up to 10 decimals."""
    return is_exact(percentage) and 0 < percentage < PERCENTAGE_MAX and -int(percentage.as_tuple().exponent) <= 10


def _in_force(rate: TaxRate) -> TaxInForce | None:
    if rate.percentage is None:
        return None
    return TaxInForce(rate.country, rate.region, rate.code, rate.name, rate.percentage, rate.since, rate.is_federal)


def _read(path: Path) -> list[TaxRate]:
    document = tomllib.loads(path.read_text("utf-8"), parse_float=Decimal)
    rates = [_rate(document["country"], region, entry) for entry in document["rates"] for region in entry["regions"]]
    places = [(rate.region, rate.code, rate.since) for rate in rates]
    if len(set(places)) != len(places):
        raise ValueError(f"{path.name} says the same rate twice")
    return rates


def _rate(country: str, region: str, entry: dict[str, Any]) -> TaxRate:
    percentage = Decimal(entry["percentage"])
    if not is_percentage(percentage) or type(entry["since"]) is not date:
        raise ValueError(f"the rate {entry['code']} in {region} is none")
    is_federal = entry.get("federal", False)
    return TaxRate(country, region, entry["code"], entry["name"], percentage, entry["since"], is_federal)
