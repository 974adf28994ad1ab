"""The taxes of a bill: a share of what is billed, rounded once; of a credit note, its share of its invoice's taxes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from services.errors import InvalidBundle, Unverifiable
from services.rules import money, taxes
from services.rules.money import Money
from services.rules.receipts import Receipt, read_hash

CATEGORIES = frozenset({"S", "E", "AE", "G", "O"})
ROUNDING_MINOR = 3
"""How far a credit note's tax may lie from its rate where the notes before it are not in the bundle."""


@dataclass(slots=True)
class _Bill:
    """An invoice's taxes, what it comes to, and how much of it credit notes took back so far."""

    rows: Sequence[Mapping[str, Any]]
    total: Money
    taken_minor: int


class TaxChecks:
    """Bills of a bundle in the order of the log. `has_all` says whether the receipts between them are all there."""

    def __init__(self, *, has_all: bool) -> None:
        self._has_all = has_all
        self._invoices: dict[bytes, _Bill] = {}

    def check(self, receipt: Receipt, subtotal: Money, total: Money) -> None:
        """Raises InvalidBundle for a tax that is not what it is of, and Unverifiable for one of an unknown kind."""
        rows = receipt.document["tax"]
        for row in rows:
            _check_row(row, subtotal)
        if receipt.typ == "invoice":
            for row in rows:
                _check_amount(row, subtotal, 0)
            self._invoices[receipt.hash] = _Bill(rows, total, 0)
            return
        answered = self._invoices.get(read_hash(receipt.document["req"]))
        if answered is None:
            for row in rows:
                _check_amount(row, subtotal, ROUNDING_MINOR)
            return
        _check_names(rows, answered)
        if self._has_all:
            _check_shares(rows, answered, -total.amount_minor)
            return
        for row in rows:
            _check_amount(row, subtotal, ROUNDING_MINOR)


def _check_row(row: Mapping[str, Any], subtotal: Money) -> None:
    name = row["name"]
    category = row.get("category", "S")
    if category not in CATEGORIES:
        raise Unverifiable(f"the tax {name} is of a category that is not known here, {category}.")
    if "base" in row and Money.parse(row["base"], subtotal.currency) != subtotal:
        raise InvalidBundle(f"the tax {name} is of {row['base']}; what is billed before tax is {subtotal.plain()}.")
    if category == "S":
        if Decimal(row["rate"]) < 0:
            raise InvalidBundle(f"the tax {name} has a rate below zero.")
        return
    if Decimal(row["rate"]) or Decimal(row["amount"]):
        raise InvalidBundle(f"the tax {name} is said not to be due, and yet is charged.")
    if "reason" not in row:
        raise InvalidBundle(f"the tax {name} does not say why it is not due.")


def _check_amount(row: Mapping[str, Any], subtotal: Money, apart_minor: int) -> None:
    stated = Money.parse(row["amount"], subtotal.currency)
    due = Money(money.round_half_away(Fraction(subtotal.amount_minor) * Fraction(row["rate"])), subtotal.currency)
    if abs(stated.amount_minor - due.amount_minor) > apart_minor:
        raise InvalidBundle(f"the tax {row['name']} states {row['amount']}; it comes to {due.plain()}.")


def _check_names(rows: Sequence[Mapping[str, Any]], answered: _Bill) -> None:
    if [_identity(row) for row in rows] != [_identity(row) for row in answered.rows]:
        raise InvalidBundle("its taxes are not those of its invoice.")


def _check_shares(rows: Sequence[Mapping[str, Any]], answered: _Bill, taken_minor: int) -> None:
    currency, total_minor = answered.total.currency, answered.total.amount_minor
    amounts = [Money.parse(row["amount"], currency).amount_minor for row in answered.rows]
    before, after = (
        taxes.shares_taken(amounts, total_minor=total_minor, taken_minor=minor)
        for minor in (answered.taken_minor, answered.taken_minor + taken_minor)
    )
    answered.taken_minor += taken_minor
    for row, earlier, now in zip(rows, before, after, strict=True):
        due = Money(earlier - now, currency)
        if Money.parse(row["amount"], currency) != due:
            raise InvalidBundle(f"the tax {row['name']} states {row['amount']}; its share comes to {due.plain()}.")


def _identity(row: Mapping[str, Any]) -> tuple[object, ...]:
    return tuple(row.get(name) for name in ("code", "name", "region", "category", "rate", "reason"))
