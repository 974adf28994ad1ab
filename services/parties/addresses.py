"""A postal address as it is given and kept: tidied, bounded, and in a country and region there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from babel import Locale

from models.billing_profile import CITY_MAX, PARTY_NAME_MAX, POSTAL_CODE_MAX, REGION_MAX
from services.errors import Unprocessable

ADDRESS_LINES_MAX: Final = 4
ADDRESS_LINE_MAX: Final = 120
PROVINCES: Final = {
    "AB": "Alberta", "BC": "British Columbia", "MB": "Manitoba", "NB": "New Brunswick",
    "NL": "Newfoundland and Labrador", "NS": "Nova Scotia", "NT": "Northwest Territories", "NU": "Nunavut",
    "ON": "Ontario", "PE": "Prince Edward Island", "QC": "Quebec", "SK": "Saskatchewan", "YT": "Yukon",
}  # fmt: skip
_NO_COUNTRIES: Final = frozenset({"EU", "EZ", "UN", "XA", "XB", "ZZ", "QO"})
COUNTRIES: Final = {
    code: str(name)
    for code, name in Locale("en").territories.items()
    if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES
}
"""ISO 3166-1 alpha-2 code → name."""


@dataclass(frozen=True, slots=True)
class Address:
    """Whose it is and where: `region` is the part of an ISO 3166-2 code after the hyphen, such as ON."""

    legal_name: str
    address_lines: tuple[str, ...]
    city: str
    region: str
    postal_code: str
    country: str


def read_address(
    *, legal_name: str, address_lines: Sequence[str], city: str, region: str, postal_code: str, country: str
) -> Address:
    """The address, tidied. Raises Unprocessable naming the first thing that is wrong with it."""
    lines = tuple(tidied for line in address_lines if (tidied := text(line, "address_lines", ADDRESS_LINE_MAX)))
    if not 0 < len(lines) <= ADDRESS_LINES_MAX:
        raise Unprocessable(f"Give the street address in 1 to {ADDRESS_LINES_MAX} lines.", field="address_lines")
    place = text(country, "country", 2).upper()
    if place not in COUNTRIES:
        raise Unprocessable("Give the country by its two letters, such as CA.", field="country")
    return Address(
        legal_name=required(legal_name, "legal_name", PARTY_NAME_MAX, "the legal name"),
        address_lines=lines,
        city=required(city, "city", CITY_MAX, "the city"),
        region=_region(region, place),
        postal_code=text(postal_code, "postal_code", POSTAL_CODE_MAX).upper(),
        country=place,
    )


def text(value: str, field: str, longest: int) -> str:
    """One line of text with its spaces tidied. Raises Unprocessable where it is too long or cannot be printed."""
    tidied = " ".join(value.split())
    if len(tidied) > longest:
        raise Unprocessable(f"At most {longest} characters fit here.", field=field)
    if not tidied.isprintable():
        raise Unprocessable("Leave out what cannot be printed.", field=field)
    return tidied


def required(value: str, field: str, longest: int, what: str) -> str:
    """The same, of what must be given."""
    tidied = text(value, field, longest)
    if not tidied:
        raise Unprocessable(f"Give {what}.", field=field)
    return tidied


def _region(region: str, country: str) -> str:
    code = text(region, "region", REGION_MAX).upper().removeprefix(f"{country}-")
    if country != "CA":
        return code
    by_name = {name.upper(): each for each, name in PROVINCES.items()}
    code = by_name.get(code, code)
    if code not in PROVINCES:
        raise Unprocessable("Give the province by its two letters, such as ON: taxes depend on it.", field="region")
    return code
