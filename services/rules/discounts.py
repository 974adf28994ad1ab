"""Promotions on a base fee: so many per cent off, or an amount off, one after another and never below zero."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from services.rules import decimals
from services.rules.money import Money, round_half_away
from services.rules.violations import CurrencyMismatch, InvalidRate


@dataclass(frozen=True, slots=True)
class Discount:
    """Off a fee: `percent_off`, above 0 and up to 100, or `amount_off`, above zero. Raises InvalidRate."""

    percent_off: Decimal | None = None
    amount_off: Money | None = None

    def __post_init__(self) -> None:
        if (self.percent_off is None) == (self.amount_off is None):
            raise InvalidRate("A promotion is so many per cent off, or an amount off.")
        if self.percent_off is not None and not _is_share(self.percent_off):
            raise InvalidRate("A promotion takes more than 0 and at most 100 per cent off, in up to 12 decimals.")
        if self.amount_off is not None and self.amount_off.amount_minor <= 0:
            raise InvalidRate("A promotion takes an amount above zero off.")


def _is_share(percent: Decimal) -> bool:
    if not decimals.is_exact(percent) or decimals.decimals_of(percent) > decimals.DECIMALS_MAX:
        return False
    return 0 < percent <= 100


def taken_off(of: Money, discount: Discount) -> Money:
    """What a promotion takes off an amount: a share rounded once, half away from zero, or its amount; not more than
    there is. Raises CurrencyMismatch.
    """
    if discount.percent_off is not None:
        share = Fraction(of.amount_minor) * Fraction(discount.percent_off) / 100
        return Money(round_half_away(share), of.currency)
    assert discount.amount_off is not None
    if discount.amount_off.currency != of.currency:
        raise CurrencyMismatch(f"{discount.amount_off.currency} cannot be taken off {of.currency}.")
    return Money(min(of.amount_minor, discount.amount_off.amount_minor), of.currency)


def take_off(fee: Money, discounts: Iterable[Discount]) -> list[tuple[Money, Money]]:
    """(what it is taken off, what is taken off) of each promotion, each off what the ones before it have left."""
    steps, left = [], fee
    for discount in discounts:
        off = taken_off(left, discount)
        steps.append((left, off))
        left -= off
    return steps


def to_document(discount: Discount) -> dict[str, object]:
    """The one document of a promotion: {"model": "percent_off", "percent": "20"} or {"model": "amount_off", …}."""
    if discount.percent_off is not None:
        return {"model": "percent_off", "percent": decimals.text_of(discount.percent_off)}
    assert discount.amount_off is not None
    return {"model": "amount_off", "amount": discount.amount_off.plain()}


def is_known(document: Mapping[str, object]) -> bool:
    """Whether a document is of a kind of promotion that is known here."""
    return document.get("model") in ("percent_off", "amount_off")


def from_document(document: Mapping[str, object], currency: str) -> Discount:
    """Read a promotion of which `is_known` holds. Raises InvalidRate and InvalidAmount."""
    if document["model"] == "amount_off":
        amount = document.get("amount")
        return Discount(amount_off=Money.parse(amount if isinstance(amount, str) else "", currency))
    percent = document.get("percent")
    if not isinstance(percent, str) or not decimals.is_plain(percent):
        raise InvalidRate('percent must be a plain decimal string, such as "20".')
    return Discount(percent_off=Decimal(percent))
