"""The sums of bills: what is left of each base fee and each invoice, what a bill counts, and what it comes to."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.bundles.usage import PoolSum
from services.errors import InvalidBundle
from services.rules import money
from services.rules.log_ranges import RangeRoot
from services.rules.money import Money
from services.rules.receipts import Receipt, read_hash, written


class BaseFees:
    """What the lines of a bill so far leave of each base fee on it, by its plan and the start of its period."""

    def __init__(self) -> None:
        self._left: dict[tuple[object, object], Money] = {}

    def left(self, line: Mapping[str, Any]) -> Money | None:
        return self._left.get(self._key(line))

    def note(self, line: Mapping[str, Any], amount: Money) -> None:
        if line["kind"] in ("base", "discount"):
            before = self.left(line)
            self._left[self._key(line)] = amount if before is None else before + amount

    def _key(self, line: Mapping[str, Any]) -> tuple[object, object]:
        return line.get("price"), line.get("period", {}).get("start")


class InvoiceTotals:
    """What the credit notes so far leave of each invoice of a bundle that has all the receipts between them."""

    def __init__(self) -> None:
        self._left: dict[bytes, Money] = {}
        self._taken_back: set[bytes] = set()

    def stands(self, invoice: bytes) -> bool:
        """Whether credit notes so far have not taken back all of an invoice."""
        return invoice not in self._taken_back

    def note(self, receipt: Receipt, total: Money) -> None:
        """Take in a bill that was checked. Raises InvalidBundle for an adjustment of more than its invoice leaves."""
        if receipt.typ == "invoice":
            self._left[receipt.hash] = total
            return
        answered = read_hash(receipt.document["req"])
        if answered not in self._left:
            return
        before = self._left[answered]
        self._left[answered] = before + total
        if before.amount_minor > 0 >= self._left[answered].amount_minor:
            self._taken_back.add(answered)
        is_adjustment = any(line["kind"] == "adjustment" for line in receipt.document["lines"])
        if is_adjustment and self._left[answered].amount_minor < 0:
            raise InvalidBundle(f"it takes back more than its invoice leaves, which is {before.plain()}.")


def check_stated(usage: Mapping[str, Any], sums: Mapping[str, PoolSum] | Mapping[tuple[str, str], PoolSum]) -> None:
    """Hold a stated `usage` to the receipts: of one pool, or of all, in order of codes and the period's parts."""
    count = sum(pool.count for pool in sums.values())
    if count != usage["count"]:
        raise InvalidBundle(f"its usage counts {usage['count']} receipts; there are {count}.")
    first, last = min(pool.first_seq for pool in sums.values()), max(pool.last_seq for pool in sums.values())
    if (first, last) != (usage["first_seq"], usage["last_seq"]):
        raise InvalidBundle(f"the first and last receipt of its usage are {first} and {last}, not those it states.")
    roots = RangeRoot(0, ())
    roots.extend(pool.root() for _, pool in sorted(sums.items()))
    if written(roots.root()) != usage["root"]:
        raise InvalidBundle("the root over the receipts of its usage is another one.")


def check_totals(document: Mapping[str, Any], amounts: Sequence[Money]) -> Money:
    """The total of a bill, which is what it says."""
    currency, totals = document["currency"], document["totals"]
    subtotal = money.total(amounts, currency)
    tax = money.total((Money.parse(row["amount"], currency) for row in document["tax"]), currency)
    total = subtotal + tax
    stated = {
        "the subtotal": (totals["subtotal"], subtotal),
        "the tax": (totals["tax"], tax),
        "the total": (totals["total"], total),
        "the amount": (document["amount"], total),
    }
    for what, (text, expected) in stated.items():
        if Money.parse(text, currency) != expected:
            raise InvalidBundle(f"{what} states {text} {currency}; it comes to {expected.plain()}.")
    return total


def check_adjustment(document: Mapping[str, Any], total: Money) -> None:
    """Raise InvalidBundle for a credit note that somebody decided on and that takes nothing back."""
    is_adjustment = any(line["kind"] == "adjustment" for line in document["lines"])
    if document["typ"] == "credit_note" and is_adjustment and total.amount_minor >= 0:
        raise InvalidBundle("it states an adjustment that takes nothing back.")
