"""Tax rates in words, and a rate that was typed read back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from sqlmodel import Session

from services import wording
from services.errors import Unprocessable
from services.parties.addresses import COUNTRIES, PROVINCES
from services.rules.decimals import is_plain, text_of
from services.taxes.rate_changes import list_tax_rates
from services.taxes.rates import TaxRate

TYPED_MAX: Final = 200


@dataclass(frozen=True)
class TaxRateView:
    """One rate: where, what and from when; `origin` is shipped or added."""

    place: str
    tax: str
    rate: str
    since: str
    origin: str


def read_tax_rates(session: Session, *, day: date) -> tuple[TaxRateView, ...]:
    """The rates in force on a day and those to come, by place."""
    return tuple(_view(rate, day, is_added=is_added) for rate, is_added in list_tax_rates(session, day=day))


def typed_rate(form: Mapping[str, Any]) -> dict[str, Any]:
    """What `add_tax_rate` takes, from what was typed. Raises Unprocessable naming the field."""
    typed = {
        name: str(form.get(name, "") or "").strip()[:TYPED_MAX]
        for name in ("country", "region", "code", "name", "percentage", "since")
    }
    percentage = typed["percentage"].removesuffix("%").strip()
    if percentage and not is_plain(percentage):
        raise Unprocessable("Give the rate in per cent as plain digits, such as 9.975.", field="percentage")
    try:
        since = date.fromisoformat(typed["since"])
    except ValueError as error:
        raise Unprocessable("Give the day from which it applies.", field="since") from error
    return typed | {"percentage": Decimal(percentage) if percentage else None, "since": since}


def _view(rate: TaxRate, day: date, *, is_added: bool) -> TaxRateView:
    country = COUNTRIES.get(rate.country, rate.country)
    region = PROVINCES.get(rate.region, rate.region) if rate.country == "CA" else rate.region
    begins = "from " if rate.since > day else "since "
    return TaxRateView(
        place=f"{region}, {country}" if region else country,
        tax=rate.name,
        rate="ends" if rate.percentage is None else f"{text_of(rate.percentage)} %",
        since=begins + wording.day(rate.since),
        origin="Added" if is_added else "Shipped",
    )
