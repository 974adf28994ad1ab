"""Sales taxes: which are due on a sale, how much of each, and what is given back of them.

A tax is a percentage of what is sold before any tax, rounded once an invoice, half away from zero. Where it is due
follows from where the buyer is; whether it is charged, from what the seller is registered for.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from services.rules.money import round_half_away

STANDARD, EXEMPT, REVERSE_CHARGE, EXPORT, OUT_OF_SCOPE = "S", "E", "AE", "G", "O"
"""Categories of EN 16931."""

EU: frozenset[str] = frozenset({
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV",
    "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
})  # fmt: skip
"""The members of the European Union's VAT area, by ISO 3166; its own prefix for Greek VAT ids is EL."""

REVERSE_CHARGE_NOTE = "Reverse charge: VAT to be accounted for by the recipient (Article 196, Directive 2006/112/EC)"
EXPORT_NOTES = {
    "CA": "Zero-rated supply to a non-resident (Excise Tax Act, Schedule VI, Part V)",
}
OUT_OF_SCOPE_NOTE = "Place of supply outside the European Union: not subject to VAT (Article 44, Directive 2006/112/EC)"


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody is: an ISO 3166-1 country and, where that matters, the part of its ISO 3166-2 code after it."""

    country: str
    region: str = ""


@dataclass(frozen=True, slots=True)
class Rate:
    """A tax that a place has: `percentage` of the price before any tax."""

    code: str
    name: str
    place: Place
    percentage: Decimal


@dataclass(frozen=True, slots=True)
class Registration:
    """A tax the seller is registered for and so charges: its codes, in a country or in one region of it."""

    place: Place
    codes: frozenset[str]

    def covers(self, rate: Rate) -> bool:
        in_region = not self.place.region or self.place.region == rate.place.region
        return self.place.country == rate.place.country and in_region and rate.code in self.codes


@dataclass(frozen=True, slots=True)
class Buyer:
    """What decides a buyer's taxes. `exempt_because` is the reason and certificate of one who is exempt, else "".

    `vat_country` is the country of a VAT id that looks valid, "" for none.
    """

    place: Place | None
    exempt_because: str = ""
    vat_country: str = ""


@dataclass(frozen=True, slots=True)
class Tax:
    """One tax of a sale, or, with a rate of zero, the `reason` why none is due. `base_minor` is what it is of."""

    code: str
    name: str
    place: Place
    rate: Decimal
    base_minor: int
    amount_minor: int
    category: str = STANDARD
    reason: str = ""


def taxes_due(
    base_minor: int,
    *,
    buyer: Buyer,
    seller: Place,
    registrations: Sequence[Registration],
    rates: Iterable[Rate],
) -> list[Tax]:
    """The taxes on a sale of `base_minor` before tax; `rates` are those in force in the buyer's place that day.

    A seller who is registered nowhere, or a buyer whose place is not known, has none, and nothing is said of it. Where
    the seller is registered and still charges nothing, one row says why.
    """
    if buyer.place is None or not registrations:
        return []
    due = [rate for rate in rates if any(each.covers(rate) for each in registrations)]
    place = buyer.place
    if buyer.exempt_because:
        return [_none(base_minor, place, EXEMPT, buyer.exempt_because)] if due else []
    if _is_reverse_charged(buyer, seller, place):
        return [_none(base_minor, place, REVERSE_CHARGE, REVERSE_CHARGE_NOTE)]
    if due:
        return [tax_of(base_minor, rate) for rate in due]
    if place.country != seller.country and any(each.place.country == seller.country for each in registrations):
        return _export(base_minor, seller, place)
    return []


def tax_of(base_minor: int, rate: Rate) -> Tax:
    """One tax of an amount, rounded once."""
    amount_minor = percentage_of(base_minor, rate.percentage)
    return Tax(rate.code, rate.name, rate.place, rate.percentage, base_minor, amount_minor)


def percentage_of(base_minor: int, percentage: Decimal) -> int:
    """So many per cent of minor units, rounded half away from zero."""
    return round_half_away(Fraction(base_minor) * Fraction(percentage) / 100)


def shares_taken(amounts_minor: Sequence[int], *, total_minor: int, taken_minor: int) -> list[int]:
    """How much of each tax is in `taken_minor` of a bill that comes to `total_minor`, its taxes among it.

    Taxes are taken in the proportion of the whole bill, the first ones together rounded half away from zero: so taking
    all of it takes exactly its taxes, and one minor unit more never takes two of tax. A bill of nothing has none.
    """
    if not total_minor:
        return [0 for _ in amounts_minor]
    shares, before, sum_minor = [], 0, 0
    for amount_minor in amounts_minor:
        sum_minor += amount_minor
        together = round_half_away(Fraction(sum_minor * taken_minor, total_minor))
        shares.append(together - before)
        before = together
    return shares


def taken_with(amounts_minor: Sequence[int], *, total_minor: int, net_minor: int) -> int:
    """How much of a bill is taken, taxes among it, where `net_minor` of it before tax is: the least that has it."""
    subtotal_minor = total_minor - sum(amounts_minor)
    if not total_minor or not subtotal_minor:
        return net_minor
    taken_minor = round_half_away(Fraction(net_minor * total_minor, subtotal_minor))

    def net_of(taken: int) -> int:
        return taken - sum(shares_taken(amounts_minor, total_minor=total_minor, taken_minor=taken))

    while net_of(taken_minor) < net_minor:
        taken_minor += 1
    while net_of(taken_minor) > net_minor or net_of(taken_minor - 1) == net_minor:
        taken_minor -= 1
    return taken_minor


def _is_reverse_charged(buyer: Buyer, seller: Place, place: Place) -> bool:
    """A business of another member state, by its VAT id, accounts for the tax itself."""
    return place.country in EU and buyer.vat_country == place.country and seller.country != place.country


def _export(base_minor: int, seller: Place, place: Place) -> list[Tax]:
    if seller.country in EXPORT_NOTES:
        return [_none(base_minor, place, EXPORT, EXPORT_NOTES[seller.country])]
    if seller.country in EU and place.country not in EU:
        return [_none(base_minor, place, OUT_OF_SCOPE, OUT_OF_SCOPE_NOTE)]
    return []


def _none(base_minor: int, place: Place, category: str, reason: str) -> Tax:
    return Tax("none", "No tax", place, Decimal(0), base_minor, 0, category, reason)
