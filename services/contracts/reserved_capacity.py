"""The file of reserved capacity: which customer has reserved how much, and what use beyond it costs.

JSON, by the id or name of a customer. For a pool such as `vex`: `vex_reserved` units are included each month, and
`vex_overage_tiers` price what goes beyond, their thresholds counted in units beyond the reserve; the last is open.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, ValidationError

from services.contracts.terms import ContractTerms, TermsRefused, read_terms
from services.errors import Unprocessable
from services.price_books.books import Book
from services.price_books.entries import Amount, Entry, Name
from services.price_books.files import Finding, shape_finding
from services.price_books.plans import Plan

FILE_BYTES_MAX: Final = 5_000_000
CUSTOMERS_MAX: Final = 10_000
TIERS_MAX: Final = 50
BOOK: Final = "verified-exchange"
RESERVED, TIERS = "_reserved", "_overage_tiers"
TITLE: Final = "Reserved capacity"


class ReservedTier(Entry):
    """Up to `threshold` units beyond the reserve, at `price_per_unit` each.

    `stripe_item` is read for the sake of older files and means nothing: use is rated here.
    """

    threshold: Annotated[Decimal, Field(gt=0, max_digits=24, decimal_places=6)] | None = None
    price_per_unit: Amount
    stripe_item: str = Field(default="", max_length=255)


class ReservedEntry(Entry):
    """One customer's. Without `plan` (of a book of ours, such as verified-exchange/Enterprise) the plan is the one that
    `subscription_plan` speaks of, else the dearest of the book; what is not said is as it is there.
    """

    model_config = ConfigDict(extra="allow", frozen=True)
    plan: Annotated[str, Field(max_length=129)] | None = None
    subscription_plan: Annotated[str, Field(max_length=255)] | None = None
    base_price: Amount | None = None
    title: Name = TITLE
    reference: str = Field(default="", max_length=64)
    valid_from: date | None = None
    valid_until: date | None = None


@dataclass(frozen=True, slots=True)
class Reserved:
    """What the file says of one customer, with the remarks of a second pair of eyes."""

    customer: str
    entry: ReservedEntry
    plan: Plan
    terms: ContractTerms
    warnings: tuple[Finding, ...]


class ReservedFileRefused(Unprocessable):
    """A file that cannot be loaded; `findings` has every mistake in it."""

    code = "reserved_file_refused"

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("; ".join(str(finding) for finding in findings), findings=[str(each) for each in findings])
        self.findings = findings


def read_reserved_file(path: Path) -> dict[str, Any]:
    """The file as JSON, its numbers exact. Raises ReservedFileRefused."""
    name = path.name
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise ReservedFileRefused([Finding(name, "(file)", f"is larger than {FILE_BYTES_MAX:,} bytes")])
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReservedFileRefused([Finding(name, "(file)", f"cannot be read: {error}")]) from error
    try:
        document = json.loads(
            text, parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse, object_pairs_hook=_each_key_once
        )
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise ReservedFileRefused([Finding(name, "(file)", f"is not valid JSON: {error}")]) from error
    if not isinstance(document, dict):
        raise ReservedFileRefused([Finding(name, "(file)", "is not an object of customers")])
    if len(document) > CUSTOMERS_MAX:
        raise ReservedFileRefused([Finding(name, "(file)", f"names more than {CUSTOMERS_MAX:,} customers")])
    return document


def read_reserved(file: str, customer: str, written: Any, *, book: Book) -> Reserved:
    """What one customer has reserved, as terms of a contract. Raises ReservedFileRefused."""
    try:
        entry = ReservedEntry.model_validate(written)
    except ValidationError as error:
        raise ReservedFileRefused([_finding(file, customer, dict(each)) for each in error.errors()]) from error
    plan = _plan(file, customer, entry, book)
    allowances, overage, found = _by_pool(file, customer, entry, plan)
    if found:
        raise ReservedFileRefused(found)
    terms: dict[str, Any] = {"allowances": allowances, "overage": {p: _price(t) for p, t in overage.items()}}
    if entry.base_price is not None:
        terms["base_price"] = entry.base_price
    said = [Finding(file, f"{customer}.{key}", reason) for key, reason in _warnings(plan, allowances, overage)]
    try:
        return Reserved(customer, entry, plan, read_terms(terms), tuple(said))
    except TermsRefused as refused:
        raise of_terms(file, customer, refused) from refused


def of_terms(file: str, customer: str, refused: TermsRefused) -> ReservedFileRefused:
    """Terms that make no plan, as mistakes of the file."""
    return ReservedFileRefused([Finding(file, f"{customer}.{each.key}", each.reason) for each in refused.findings])


def _plan(file: str, customer: str, entry: ReservedEntry, book: Book) -> Plan:
    """The plan that the reserve is a contract on."""
    by_code = {plan.code.lower(): plan for plan in book.plans}
    if entry.plan is not None:
        wanted = entry.plan.rpartition("/")[2].lower()
        if wanted not in by_code or entry.plan.rpartition("/")[0] not in ("", book.code):
            known = ", ".join(f"{book.code}/{plan.code}" for plan in book.plans)
            raise ReservedFileRefused([Finding(file, f"{customer}.plan", f"is none of {known}")])
        return by_code[wanted]
    words = (entry.subscription_plan or "").lower().replace("-", "_").replace("/", "_").split("_")
    spoken_of = next((by_code[word] for word in words if word in by_code), None)
    return spoken_of or max(book.plans, key=lambda plan: plan.base_price or 0)


def _by_pool(
    file: str, customer: str, entry: ReservedEntry, plan: Plan
) -> tuple[dict[str, Decimal], dict[str, list[ReservedTier]], list[Finding]]:
    allowances: dict[str, Decimal] = {}
    overage: dict[str, list[ReservedTier]] = {}
    found: list[Finding] = []
    for key, value in (entry.model_extra or {}).items():
        pool, at = key.removesuffix(RESERVED).removesuffix(TIERS), f"{customer}.{key}"
        if pool == key or pool not in plan.pools:
            known = ", ".join(f"{each}{suffix}" for each in plan.pools for suffix in (RESERVED, TIERS))
            found.append(Finding(file, at, f"is not known here; known: {known}"))
        elif key.endswith(RESERVED):
            if isinstance(value, Decimal) and value >= 0:
                allowances[pool] = value
            else:
                found.append(Finding(file, at, "is a number of units from 0 on"))
        elif not isinstance(value, list) or len(value) > TIERS_MAX:
            found.append(Finding(file, at, f"is a list of at most {TIERS_MAX} tiers"))
        else:
            overage[pool] = []
            for place, tier in enumerate(value):
                try:
                    overage[pool].append(ReservedTier.model_validate(tier))
                except ValidationError as error:
                    found += [_finding(file, f"{at}.{place}", dict(each)) for each in error.errors()]
            found += [Finding(file, f"{at}{where}", reason) for where, reason in _tier_mistakes(overage[pool])]
    return allowances, overage, found


def _tier_mistakes(tiers: list[ReservedTier]) -> Iterator[tuple[str, str]]:
    for place, (tier, following) in enumerate(pairwise(tiers)):
        if tier.threshold is None:
            yield f".{place}", "needs a threshold; only the last tier is open"
        elif following.threshold is not None and following.threshold <= tier.threshold:
            yield f".{place + 1}", f"ends at {following.threshold:,f}, not above the {tier.threshold:,f} before it"


def _price(tiers: list[ReservedTier]) -> dict[str, Any] | None:
    """Graduated, the last tier open; None, so that nothing beyond is sold, where there are no tiers."""
    if not tiers:
        return None
    bounded = [{"up_to": tier.threshold, "unit_price": tier.price_per_unit} for tier in tiers[:-1]]
    return {"model": "graduated", "tiers": [*bounded, {"unit_price": tiers[-1].price_per_unit}]}


def _warnings(
    plan: Plan, allowances: Mapping[str, Decimal], overage: Mapping[str, list[ReservedTier]]
) -> Iterator[tuple[str, str]]:
    """What the plan itself is not asked: thresholds of the file that say something else than they seem to."""
    for pool, tiers in overage.items():
        key = f"{pool}{TIERS}"
        if not tiers:
            yield key, "has no tier: use beyond the reserve will be refused"
            continue
        last, reserve = tiers[-1].threshold, allowances.get(pool, plan.allowances.get(pool, Decimal(0)))
        if last is None:
            continue
        at = f"{key}.{len(tiers) - 1}.threshold"
        yield (
            at,
            f"{last:,f} ends nothing: the last tier is open, and its price holds beyond it too"
            + (
                f"; it is below the {reserve:,f} reserved, so check that it was not meant to count all use"
                if last < reserve
                else ""
            ),
        )


def _finding(file: str, at: str, error: dict[str, Any]) -> Finding:
    found = shape_finding(file, error)
    return Finding(file, at if found.key == "(file)" else f"{at}.{found.key}", found.reason)


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"{twice!r} is there twice")
    return document


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is not a number")
