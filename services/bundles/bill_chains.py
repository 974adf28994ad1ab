"""What one bill takes over from the ones before it: fees that a plan change prorates, credit that was carried on."""

from collections.abc import Mapping
from typing import Any

from services.bundles.proration_checks import REST, Prorated
from services.errors import InvalidBundle
from services.rules.money import Money
from services.rules.receipts import Receipt

_Fee = tuple[object, ...]


class FeesInForce:
    """The base fees that were charged, by subscription, plan, the start of their term, and their unit."""

    def __init__(self, *, whole_log: bool) -> None:
        self._whole_log = whole_log
        self._fees: dict[_Fee, Money] = {}
        self._units: dict[_Fee, str] = {}

    def note(self, receipt: Receipt, line: Mapping[str, Any], left: Money | None) -> None:
        """Remember what is left of a base fee after each of its lines."""
        place = (receipt.document["subscription"], line["price"], line.get("period", {}).get("start"))
        if line["kind"] == "base":
            self._units[place] = line["unit"]
        if line["kind"] in ("base", "discount") and left is not None:
            self._fees[*place, self._units[place]] = left

    def prorate(self, receipt: Receipt, line: Mapping[str, Any], found: Prorated) -> None:
        """Hold a proration to the fee in force: it credits what was charged, once. Raises InvalidBundle."""
        key = (receipt.document["subscription"], line["price"], found.starts_at, found.unit)
        if found.part == REST:
            self._fees[key] = found.fee
            return
        charged = self._fees.pop(key, None)
        if charged is None:
            if self._whole_log:
                raise InvalidBundle("it credits a fee that was not charged before it, or was credited already.")
        elif charged != found.fee:
            raise InvalidBundle(f"it credits {found.fee.plain()}; the fee that was charged is {charged.plain()}.")


class CarriedCredit:
    """The credit that invoices carried on, by their numbers."""

    def __init__(self, *, whole_log: bool) -> None:
        self._whole_log = whole_log
        self._carried: dict[int, Money] = {}

    def check(self, receipt: Receipt, line: Mapping[str, Any], amount: Money, so_far: Money) -> None:
        """Check a carried line. `so_far` is what the bill comes to with it. Raises InvalidBundle."""
        document = receipt.document
        if amount.amount_minor > 0:
            if line is not document["lines"][-1] or so_far.amount_minor:
                raise InvalidBundle("it carries on something other than what its invoice leaves below zero.")
            self._carried[document["number"]] = amount
            return
        number = line.get("sources", {}).get("invoice")
        if type(number) is not int or not 0 < number < document["number"]:
            raise InvalidBundle("it does not say which invoice before it the credit comes from.")
        carried = self._carried.pop(number, None)
        if carried is None:
            if self._whole_log:
                raise InvalidBundle(f"invoice {number} carried on no credit, or it was taken already.")
        elif carried != -amount:
            raise InvalidBundle(f"it takes {(-amount).plain()}; invoice {number} carried on {carried.plain()}.")
