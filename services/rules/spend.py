"""What use beyond the allowances of one period costs as it grows, against a cap. Nothing is rounded but each line."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from services.rules.money import Money, minor_digits
from services.rules.price_curve import AMOUNT_SCALE, PriceCurve, to_minor
from services.rules.price_models import Charge


class Spent(NamedTuple):
    """A pool with some overage, and some held for later: its exact price, and what its line on the invoice says."""

    pool: str
    overage_micro: int
    held_micro: int
    amount: int
    billed_minor: int


class PeriodSpend:
    """The priced overage of all pools of one period.

    `spent` is what the invoice will say: the sum of each pool's rounded line. Where some overage is held for later, it
    is the most the invoice could say, whatever part of that comes to be used.
    """

    def __init__(
        self,
        charges: Mapping[str, Charge],
        overage_micro: Mapping[str, int],
        currency: str,
        held_micro: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._digits = minor_digits(currency)
        self._minor_scale = AMOUNT_SCALE // int(10**self._digits)
        self._currency = currency
        self._curves = {pool: PriceCurve(charge) for pool, charge in charges.items()}
        self._pools = {pool: self._price(pool, overage_micro.get(pool, 0), held_micro.get(pool, 0)) for pool in charges}
        self._amount = sum(each.amount for each in self._pools.values())
        self._billed_minor = sum(each.billed_minor for each in self._pools.values())

    @property
    def spent(self) -> Money:
        return Money(self._billed_minor, self._currency)

    @property
    def is_held(self) -> bool:
        """Whether any of it is held, not used."""
        return any(each.held_micro for each in self._pools.values())

    def after(self, pool: str, more_micro: int, *, held_micro: int = 0) -> Spent:
        """How a pool would stand with more overage, used and held; `keep` makes it so. The pool must have a price.

        With some held, that is the dearest of all that could come of it.
        """
        before = self._pools[pool]
        return self._price(pool, before.overage_micro + more_micro, before.held_micro + held_micro)

    def exceeds(self, cap_minor: int, then: Spent) -> bool:
        """Whether the period would cost more than a cap, by its lines or before their rounding."""
        before = self._pools[then.pool]
        if self._billed_minor - before.billed_minor + then.billed_minor > cap_minor:
            return True
        return self._amount - before.amount + then.amount > cap_minor * self._minor_scale

    def keep(self, then: Spent) -> None:
        """Let a pool stand as `after` answered."""
        before = self._pools[then.pool]
        self._amount += then.amount - before.amount
        self._billed_minor += then.billed_minor - before.billed_minor
        self._pools[then.pool] = then

    def _price(self, pool: str, overage_micro: int, held_micro: int) -> Spent:
        curve = self._curves[pool]
        amount = curve.most(overage_micro, overage_micro + held_micro) if held_micro else curve.amount(overage_micro)
        return Spent(pool, overage_micro, held_micro, amount, to_minor(amount, self._digits))
