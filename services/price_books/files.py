"""Price books as files: read one, explain every mistake in it, and warn where a price looks like one.

A book is TOML; its numbers are read as exact decimals, never as floats.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from services.price_books.entries import BookEntry, PlanEntry, Price
from services.rules.money import minor_digits, to_money
from services.rules.pricing import from_document, rate
from services.rules.quantities import CREDITS_MAX, to_micro
from services.rules.violations import InvalidAmount, RuleViolation

BOOK_BYTES_MAX = 1_000_000
OVERAGE_MAX = Decimal(32 * CREDITS_MAX)
"""Credits of one line at the most: a month of the daily limit."""


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
