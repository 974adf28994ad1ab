"""What is left, bill after bill: of each base fee on one bill, and of each invoice after its credit notes."""

from collections.abc import Mapping
from typing import Any

from services.errors import InvalidBundle
from services.rules.money import Money
from services.rules.receipts import Receipt, read_hash


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
        is_adjustment = any(line["kind"] == "adjustment" for line in receipt.document["lines"])
        if is_adjustment and self._left[answered].amount_minor < 0:
            raise InvalidBundle(f"it takes back more than its invoice leaves, which is {before.plain()}.")
